// Allocation of one sample: equations in dnc_math.h.
#pragma once
#include "../../../base/memory/cpu/slots_impl.h"
#include "../dnc_math.h"
#include "kernels.h"

namespace mg {
namespace {

// Slots in order of allocation: radix sort by bytes, digits that all keys share left out.
template <class T>
const std::int32_t* allocation_order(const DncDims& d, const T* usage, const DncTemps<T>& temps) {
  constexpr int digits = 7;
  std::uint64_t *keys = temps.keys[0], *other = temps.keys[1];
  std::int32_t *order = temps.order[0], *next = temps.order[1];
  std::int32_t counts[digits][256] = {};
  for (i64 n = 0; n < d.slots; n++) {
    const std::uint64_t key = dnc_falling_key(double(usage[n]), d.epsilon);
    keys[n] = key;
    order[n] = std::int32_t(n);
    for (int p = 0; p < digits; p++) counts[p][key >> (8 * p) & 255]++;
  }
  for (int p = 0; p < digits; p++) {
    if (counts[p][keys[0] >> (8 * p) & 255] == d.slots) continue;
    std::int32_t begin = 0;
    for (std::int32_t& count : counts[p]) {
      const std::int32_t size = count;
      count = begin;
      begin += size;
    }
    for (i64 n = 0; n < d.slots; n++) {
      const std::int32_t to = counts[p][keys[n] >> (8 * p) & 255]++;
      other[to] = keys[n];
      next[to] = order[n];
    }
    std::uint64_t* const k = keys;
    keys = other, other = k;
    std::int32_t* const o = order;
    order = next, next = o;
  }
  return order;
}

template <class T>
void allocate_slots(const DncDims& d, const T* usage, const DncTemps<T>& temps, T* allocation) {
  const std::int32_t* order = allocation_order(d, usage, temps);
  clear(allocation, d.pitch());
  T free = 1;
  for (i64 n = 0; n < d.slots; n++) {
    const T s = dnc_in_use(d.epsilon, usage[order[n]]);
    allocation[order[n]] = dnc_allocation(s, free);
    free *= s;
  }
}

// dusage += the gradient through `allocate_slots`; the order itself passes none. No division: s may be 0.
template <class T>
void allocate_backward(const DncDims& d, const T* usage, const T* dallocation, const DncTemps<T>& temps, T* before, T* dusage) {
  const std::int32_t* order = allocation_order(d, usage, temps);
  T free = 1;
  for (i64 n = 0; n < d.slots; n++) {
    before[n] = free;
    free *= dnc_in_use(d.epsilon, usage[order[n]]);
  }
  T dfree = 0;
  for (i64 n = d.slots - 1; n >= 0; n--) {
    const T s = dnc_in_use(d.epsilon, usage[order[n]]), da = dallocation[order[n]];
    dusage[order[n]] += dnc_allocation_gradient(d.epsilon, dfree, da, before[n]);
    dfree = da * (T(1) - s) + dfree * s;
  }
}

}  // namespace
}  // namespace mg
