// Vectors over the slots: padded with zeros to pitch(). Memory lies transposed, [W][pitch], so that every loop runs along the slots.
#pragma once
#include <cstring>
#include <utility>

#include "../../base/lanes.h"
#include "dnc_kernels.h"

namespace mg {
namespace {

template <int N, class Low = std::make_integer_sequence<int, N / 2>>
struct Upper;
template <int N, int... I>
struct Upper<N, std::integer_sequence<int, I...>> {
  using type = std::integer_sequence<int, N / 2 + I...>;
};
template <int N>
using upper_half = typename Upper<N>::type;

// Halves upon halves.
template <class T, int N>
MG_HD T lane_sum(Vec<T, N> v) {
  if constexpr (N == 2) {
    return v[0] + v[1];
  } else {
    using Half = Vec<T, N / 2>;
    return lane_sum<T, N / 2>(pick<Half>(v, v, std::make_integer_sequence<int, N / 2>{}) + pick<Half>(v, v, upper_half<N>{}));
  }
}

// Calls body(n) for the vectors of a padded array.
template <class T, class Body>
MG_HD void along_slots(i64 pitch, Body&& body) {
  for (i64 n = 0; n < pitch; n += wide<T>) body(n);
}

template <class T>
MG_HD void clear(T* x, i64 count) {
  for (i64 k = 0; k < count; k++) x[k] = T(0);
}
template <class T>
MG_HD void copy(T* to, const T* from, i64 count) {
  std::memcpy(to, from, size_t(count) * sizeof(T));
}
// Vectors of `count` elements to padded ones and back.
template <class T>
MG_HD void pad_vectors(T* to, i64 pitch, const T* from, i64 count, i64 vectors) {
  for (i64 v = 0; v < vectors; v++) {
    copy(to + v * pitch, from + v * count, count);
    clear(to + v * pitch + count, pitch - count);
  }
}
template <class T>
MG_HD void unpad_vectors(T* to, i64 count, const T* from, i64 pitch, i64 vectors) {
  for (i64 v = 0; v < vectors; v++) copy(to + v * count, from + v * pitch, count);
}
// [rows][columns] to [columns][pitch], the padding zero; and back.
template <class T>
MG_HD void transpose_in(T* to, i64 pitch, const T* from, i64 rows, i64 columns) {
  for (i64 w = 0; w < columns; w++) {
    for (i64 n = 0; n < rows; n++) to[w * pitch + n] = from[n * columns + w];
    clear(to + w * pitch + rows, pitch - rows);
  }
}
template <class T>
MG_HD void transpose_out(T* to, const T* from, i64 pitch, i64 rows, i64 columns) {
  for (i64 n = 0; n < rows; n++) {
    for (i64 w = 0; w < columns; w++) to[n * columns + w] = from[w * pitch + n];
  }
}

template <class T>
T dot(const T* a, const T* b, i64 pitch) {
  using S = Simd<T, wide<T>>;
  typename S::V sum{};
  along_slots<T>(pitch, [&](i64 n) { sum = S::fma(S::load(a + n), S::load(b + n), sum); });
  return lane_sum<T, wide<T>>(sum);
}
template <class T>
T total(const T* a, i64 pitch) {
  using S = Simd<T, wide<T>>;
  typename S::V sum{};
  along_slots<T>(pitch, [&](i64 n) { sum = sum + S::load(a + n); });
  return lane_sum<T, wide<T>>(sum);
}
// y += a x
template <class T>
void add_scaled(T* y, T a, const T* x, i64 pitch) {
  using S = Simd<T, wide<T>>;
  const auto s = S::splat(a);
  along_slots<T>(pitch, [&](i64 n) { S::store(y + n, S::fma(s, S::load(x + n), S::load(y + n))); });
}

}  // namespace
}  // namespace mg
