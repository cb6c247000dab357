// What a head reads: with links the mix of three reads.
#pragma once
#include <algorithm>

#include "../access.h"
#include "../../../base/memory/cpu/access_interface_impl.h"
#include "rows_impl.h"

namespace mg {
namespace {

constexpr auto std_sort = [](auto* first, i64 count, auto&& before) { std::sort(first, first + count, before); };

// add(slot, weight) for the mix; its K largest entries become what the head has read.
template <class T, class Record, class Add>
void mix_head(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, const Record& record, i64 h, Add&& add) {
  const i64 count = gather_mix(d, s, temps, h, std_sort), E = d.mixed();
  const T* modes = temps.act + AccessInterface(d).modes + 3 * h;
  LargestFirst<T> largest{temps.best + h * d.kept, temps.content + h * d.kept, 0, d.kept};
  for (i64 k = 0; k < count; k++) {
    const SamMixed<T>& m = temps.mixed[k];
    const T w = mixed_weight(modes, m);
    add(m.slot, w);
    largest.offer(m.slot, w);
  }
  for (i64 k = 0; record.rows && k < E; k++) {
    record.mixed_slots[h * E + k] = k < count ? temps.mixed[k].slot : -1;
    const SamMixed<T> m = k < count ? temps.mixed[k] : SamMixed<T>{-1, T(0), T(0), T(0)};
    T* to = record.mixed + h * 3 * E + k;
    to[0] = m.backward, to[E] = m.content, to[2 * E] = m.forward;
  }
}

}  // namespace
}  // namespace mg
