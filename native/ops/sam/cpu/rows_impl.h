// Rows of the memory: sums along a row, cosines of several rows with several queries, and the best rows of a walk.
#pragma once
#include "../../../base/memory/cpu/slots_impl.h"
#include "kernels.h"

namespace mg {
namespace {

// body(w, part) for the vectors of a row; part: lanes of the last one where it is cut off, else 0.
template <class T, class Body>
MG_HD void along_row(i64 word, Body&& body) {
  constexpr int N = wide<T>;
  i64 w = 0;
  for (; w + N <= word; w += N) body(w, 0);
  if (w < word) body(w, int(word - w));
}
template <class T>
MG_HD Vec<T, wide<T>> load_lanes(const T* x, int part) {
  using S = Simd<T, wide<T>>;
  return part ? S::load_part(x, part) : S::load(x);
}

template <class T>
T row_dot(const T* a, const T* b, i64 word) {
  using S = Simd<T, wide<T>>;
  typename S::V sum{};
  along_row<T>(word, [&](i64 w, int part) { sum = S::fma(load_lanes(a + w, part), load_lanes(b + w, part), sum); });
  return lane_sum<T, wide<T>>(sum);
}
// y += a x
template <class T>
void row_add(T* y, T a, const T* x, i64 word) {
  using S = Simd<T, wide<T>>;
  const auto s = S::splat(a);
  along_row<T>(word, [&](i64 w, int part) {
    const auto sum = S::fma(s, load_lanes(x + w, part), load_lanes(y + w, part));
    if (part) S::store_part(y + w, sum, part);
    else S::store(y + w, sum);
  });
}

template <class T>
T row_norm(const SamDims& d, const T* x) {
  return std::sqrt(row_dot(x, x, d.word) + T(d.epsilon));
}

// cos of each of `count` rows, the r-th at row_at(r), with Q queries, a vector of rows at a time. The sums of a row do not depend
// on its place.
template <class T, int Q, class Rows>
MG_HD void alike_rows(const SamDims& d, Rows&& row_at, int count, const T* const* queries, const T* norms,
                      Vec<T, wide<T>>* cosines) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  V sums[Q + 1][N];
  for (int r = 0; r < N; r++) {
    V sum[Q + 1] = {};
    if (r < count) {
      const T* row = row_at(r);
      along_row<T>(d.word, [&](i64 w, int part) {
        const V m = load_lanes(row + w, part);
        sum[Q] = S::fma(m, m, sum[Q]);
        for (int q = 0; q < Q; q++) sum[q] = S::fma(m, load_lanes(queries[q] + w, part), sum[q]);
      });
    }
    for (int q = 0; q <= Q; q++) sums[q][r] = sum[q];
  }
  const V eps = S::splat(T(d.epsilon));
  V size = lane_sums_of<T, N, N>(sums[Q]) + eps;
  for (int k = 0; k < N; k++) size[k] = std::sqrt(size[k]);
  for (int q = 0; q < Q; q++) cosines[q] = lane_sums_of<T, N, N>(sums[q]) / S::fma(S::splat(norms[q]), size, eps);
}

template <class Mask>
MG_HD bool any_lane(Mask mask) {
  std::uint64_t words[sizeof(Mask) / 8], all = 0;
  std::memcpy(words, &mask, sizeof mask);
  for (const std::uint64_t word : words) all |= word;
  return all != 0;
}

// What a search is among: the slots slot_at(0) … slot_at(count - 1), which rise, and those from `live` on, never touched.
template <class T, class Slots>
struct SearchedRows {
  const T *memory, *untouched;
  i64 count, live;
  Slots slot_at;
};

template <class T, int Q, class Slots>
void best_rows_of(const SamDims& d, const SearchedRows<T, Slots>& rows, const T* const* queries, const T* norms,
                  const BestRows<T>* best) {
  constexpr int N = wide<T>;
  using V = Vec<T, N>;
  V cosines[Q];
  for (i64 i = 0; i < rows.count; i += N) {
    const int count = rows.count - i < N ? int(rows.count - i) : N;
    const auto row_at = [&](int r) { return rows.memory + rows.slot_at(i + r) * d.word; };
    alike_rows<T, Q>(d, row_at, count, queries, norms, cosines);
    for (int q = 0; q < Q; q++) {
      if (!any_lane(cosines[q] > Simd<T, N>::splat(best[q].least()))) continue;
      for (int k = 0; k < count; k++) best[q].offer(cosines[q][k], i32(rows.slot_at(i + k)));
    }
  }
  alike_rows<T, Q>(d, [&](int) { return rows.untouched; }, 1, queries, norms, cosines);
  for (int q = 0; q < Q; q++) {
    for (i64 i = rows.live; i < d.slots && i < rows.live + d.kept; i++) best[q].offer(cosines[q][0], i32(i));
  }
}

// The K rows that are most alike to each of `heads` queries. A query that is alike to none, not being a number, gets the first.
template <class T, class Slots>
void best_rows(const SamDims& d, const SearchedRows<T, Slots>& rows, i64 heads, const T* queries, T* alike, i32* slots) {
  for (i64 k = 0; k < heads * d.kept; k++) alike[k] = -std::numeric_limits<T>::infinity(), slots[k] = -1;
  for (i64 h = 0; h < heads;) {
    const i64 left = heads - h, Q = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const T* query[4];
    T norms[4];
    BestRows<T> best[4];
    for (i64 q = 0; q < Q; q++) {
      query[q] = queries + (h + q) * d.word;
      norms[q] = row_norm(d, query[q]);
      best[q] = {alike + (h + q) * d.kept, slots + (h + q) * d.kept, d.kept};
    }
    if (Q == 4) best_rows_of<T, 4>(d, rows, query, norms, best);
    else if (Q == 2) best_rows_of<T, 2>(d, rows, query, norms, best);
    else best_rows_of<T, 1>(d, rows, query, norms, best);
    h += Q;
  }
  for (i64 k = 0; k < heads * d.kept; k++) {
    if (slots[k] < 0) slots[k] = i32(k % d.kept), alike[k] = std::numeric_limits<T>::quiet_NaN();
  }
}

}  // namespace
}  // namespace mg
