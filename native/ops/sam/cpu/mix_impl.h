// What a head reads: the weights of its content, and with links the mix of three reads.
#pragma once
#include <algorithm>

#include "interface_impl.h"
#include "links_impl.h"
#include "rows_impl.h"

namespace mg {
namespace {

// Distinct slots in the order of their first mention; `mark` holds the place of each in the list, -1 elsewhere.
struct SlotList {
  i32 *mark, *slots;
  i64 count;

  i64 place(i32 slot) {
    i32& at = mark[slot];
    if (at < 0) at = i32(count), slots[count++] = slot;
    return at;
  }
};

// Softmax of beta cos over the K chosen rows, which begin with the most alike one.
template <class T>
void content_weights(const SamDims& d, const T* alike, T beta, T* weights) {
  T sum = 0;
  for (i64 k = 0; k < d.kept; k++) sum += weights[k] = mg::exp(T(beta * (alike[k] - alike[0])));
  for (i64 k = 0; k < d.kept; k++) weights[k] /= sum;
}

// The entries of a head's mix: its content, then what links lead to.
template <class T>
i64 gather_mix(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 h) {
  const SamLinks<T> links{d, s, temps};
  i64 count = 0;
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    temps.mixed_mark[temps.best[k]] = i32(count);
    temps.mixed[count++] = {temps.best[k], T(0), temps.content[k], T(0)};
  }
  const auto reads = [&](bool forward, i32 slot, T w) {
    i32& at = temps.mixed_mark[slot];
    if (at < 0) at = i32(count), temps.mixed[count++] = {slot, T(0), T(0), T(0)};
    (forward ? temps.mixed[at].forward : temps.mixed[at].backward) += w;
  };
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    if (s.slots[k] < 0 || !(s.weights[k] > 0)) continue;
    links.follow(s.slots[k], s.weights[k], h, false, [&](i32 slot, T w) { reads(false, slot, w); });
    links.follow(s.slots[k], s.weights[k], h, true, [&](i32 slot, T w) { reads(true, slot, w); });
  }
  for (i64 k = 0; k < count; k++) temps.mixed_mark[temps.mixed[k].slot] = -1;
  // In an order that does not depend on how the lists of links came about, so that sums do not either.
  std::sort(temps.mixed + d.kept, temps.mixed + count,
            [](const SamMixed<T>& a, const SamMixed<T>& b) { return a.slot < b.slot; });
  T forward = 0, backward = 0;
  for (i64 k = 0; k < count; k++) forward += temps.mixed[k].forward, backward += temps.mixed[k].backward;
  for (i64 k = 0; k < count; k++) {
    if (forward > 1) temps.mixed[k].forward /= forward;
    if (backward > 1) temps.mixed[k].backward /= backward;
  }
  return count;
}

// add(slot, weight) for the mix; its K largest entries become what the head has read.
template <class T, class Record, class Add>
void mix_head(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, const Record& record, i64 h, Add&& add) {
  const i64 count = gather_mix(d, s, temps, h), E = d.mixed();
  const T* modes = temps.act + SamInterface(d).modes + 3 * h;
  LargestFirst<T> largest{temps.best + h * d.kept, temps.content + h * d.kept, 0, d.kept};
  for (i64 k = 0; k < count; k++) {
    const SamMixed<T>& m = temps.mixed[k];
    const T w = modes[0] * m.backward + modes[1] * m.content + modes[2] * m.forward;
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
