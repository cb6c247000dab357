// The exact search on the GPU: a group of blocks for each sample walks over its live rows, each warp keeps the best it met, and
// one warp for each head chooses among those. Of equal rows the lower slot comes first, so no value depends on the groups.
#pragma once
#include "space.h"

namespace mg {
namespace cuda {

// The rows of one warp against Q heads; its first lane keeps the best.
template <class T, int Q>
MG_DEVICE void sam_scan_heads(const SamDims& d, const T* memory, i64 live, const T* queries, i64 first, i64 step, T* alike,
                              i32* found, int lane) {
  T norms[Q];
  MG_UNROLL for (int q = 0; q < Q; q++) norms[q] = row_norm(d, queries + q * d.word, lane);
  const T eps = T(d.epsilon);
  for (i64 i = first; i < live; i += step) {
    const T* const row = memory + i * d.word;
    const RowSums<T, Q> sums(d.word, queries, lane, [&](i64 w) { return row[w]; });
    if (lane != 0) continue;
    const T size = std::sqrt(sums.square + eps);
    MG_UNROLL for (int q = 0; q < Q; q++) {
      const BestRows<T> best{alike + q * d.kept, found + q * d.kept, d.kept};
      best.offer(sums.product[q] / port::fma(norms[q], size, eps), i32(i));
    }
  }
}

template <class T>
MG_KERNEL(sam_threads) sam_scan_kernel(SamForward<T> job, SamForwardSpace<T> s, i64 t, i64 groups) {
  const SamDims& d = job.dims;
  const i64 b = port::block() / groups, group = port::block() % groups;
  if (past_end(s.lengths, b, t) || s.sound[b] == 0) return;
  const int lane = port::thread() % 32;
  const i64 warp = group * sam_warps + port::thread() / 32, step = groups * sam_warps, live = job.after.counts[2 * b];
  const i64 place = (b * step + warp) * d.read();
  for (i64 k = 0; lane == 0 && k < d.read(); k++) s.alike[place + k] = -T(INFINITY), s.found[place + k] = -1;
  const T *const memory = job.after.memory + b * d.capacity * d.word, *const queries = s.temps.act + b * interface_size(d);
  for (i64 h = 0; h < d.heads;) {
    T* const alike = s.alike + place + h * d.kept;
    i32* const found = s.found + place + h * d.kept;
    if (d.heads - h >= 4) sam_scan_heads<T, 4>(d, memory, live, queries + h * d.word, warp, step, alike, found, lane), h += 4;
    else sam_scan_heads<T, 1>(d, memory, live, queries + h * d.word, warp, step, alike, found, lane), h++;
  }
}

// A row that was found; a slot of -1: none.
template <class T>
struct SamFound {
  T alike;
  i32 slot;

  MG_DEVICE bool before(const SamFound& other) const {
    if (slot < 0 || other.slot < 0) return slot >= 0;
    return alike > other.alike || (alike == other.alike && slot < other.slot);
  }
};

// The K best rows of head h of sample b, by one warp, from what was found and the rows that were never touched.
template <class T>
MG_DEVICE void sam_choose(const SamDims& d, const SamForwardSpace<T>& s, i64 b, i64 h, i64 groups, i64 live, int lane) {
  const i64 warps = groups * sam_warps, untouched = d.slots - live < d.kept ? d.slots - live : d.kept;
  const SamTemps<T> temps = s.temps_of(d, b, 0);
  const T* const query = temps.act + h * d.word;
  const RowSums<T, 1> sums(d.word, query, lane, [](i64) { return T(sam_start); });
  const T eps = T(d.epsilon), norm = row_norm(d, query, lane), size = std::sqrt(sums.square + eps);
  const T fresh = sums.product[0] / port::fma(norm, size, eps);
  SamFound<T> last{T(INFINITY), -1};
  for (i64 k = 0; k < d.kept; k++) {
    SamFound<T> best{T(0), -1};
    const auto offer = [&](SamFound<T> one) {
      if (one.slot >= 0 && one.alike > -T(INFINITY) && (last.slot < 0 || last.before(one)) && one.before(best)) best = one;
    };
    for (i64 e = lane; e < warps * d.kept; e += 32) {
      const i64 at = ((b * warps + e / d.kept) * d.heads + h) * d.kept + e % d.kept;
      offer({s.alike[at], s.found[at]});
    }
    for (i64 e = lane; e < untouched; e += 32) offer({fresh, i32(live + e)});
    for (int mask = 16; mask > 0; mask /= 2) {
      const SamFound<T> other{port::shuffle_xor(best.alike, mask), port::shuffle_xor(best.slot, mask)};
      if (other.before(best)) best = other;
    }
    if (lane == 0) {
      const bool is_found = best.slot >= 0;
      temps.alike[h * d.kept + k] = is_found ? best.alike : T(NAN);
      temps.best[h * d.kept + k] = is_found ? best.slot : i32(k);
    }
    if (best.slot >= 0) last = best;
    else last = {-T(INFINITY), i32(d.slots)};  // nothing comes behind it
  }
}

}  // namespace cuda
}  // namespace mg
