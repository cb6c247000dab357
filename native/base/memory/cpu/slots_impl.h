// Vectors over the slots: padded with zeros to pitch(). Memory lies
// transposed, [W][pitch], so that every loop runs along the slots.
#pragma once
#include <cstring>
#include <utility>

#include "../../host/lanes.h"
#include "../addressing.h"

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

// Fetches what a walk needs next into the second cache, two lines at a time.
struct Ahead {
  const char* at;
  MG_HD void fetch() {
    __builtin_prefetch(at, 0, 2);
    __builtin_prefetch(at + 64, 0, 2);
    at += 128;
  }
};

// The parts of Size lanes of a and then b, each cut in two: the first halves, or with From = Size / 2 the second.
template <int N, int Size, int From, int... I>
constexpr auto half_parts(std::integer_sequence<int, I...>) {
  return std::integer_sequence<int, (I / (N / 2) * N + I % (N / 2) / (Size / 2) * Size + I % (Size / 2) + From)...>{};
}
template <class T, int N, int Size>
MG_HD Vec<T, N> lane_sums_of(const Vec<T, N>* v) {
  using Lanes = std::make_integer_sequence<int, N>;
  if constexpr (Size == 1) {
    return v[0];
  } else {
    const auto a = lane_sums_of<T, N, Size / 2>(v), b = lane_sums_of<T, N, Size / 2>(v + Size / 2);
    constexpr int part = 2 * N / Size;
    return pick<Vec<T, N>>(a, b, decltype(half_parts<N, part, 0>(Lanes{})){}) +
           pick<Vec<T, N>>(a, b, decltype(half_parts<N, part, part / 2>(Lanes{})){});
  }
}
// The sums of `Count` vectors, each as lane_sum gives it; N at a time where there are as many.
template <class T, int N, int Count>
MG_HD void lane_sums(const Vec<T, N>* v, T* sums) {
  int k = 0;
  for (; k + N <= Count; k += N) Simd<T, N>::store(sums + k, lane_sums_of<T, N, N>(v + k));
  for (; k < Count; k++) sums[k] = lane_sum<T, N>(v[k]);
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
MG_HD void copy(T* to, const T* from, i64 count) {  // without a controller both may be null
  if (count > 0) std::memcpy(to, from, std::size_t(count) * sizeof(T));
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
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  for (i64 w = 0; w < columns; w += N) {
    const int width = columns - w < N ? int(columns - w) : N;
    for (i64 n = 0; n < pitch; n += N) {
      typename S::V v[N];
      for (int k = 0; k < N; k++) {
        const T* row = from + (n + k) * columns + w;
        v[k] = n + k >= rows ? S::splat(T(0)) : width == N ? S::load(row) : S::load_part(row, width);
      }
      Turn<T, N>::all(v);
      for (int k = 0; k < width; k++) S::store(to + (w + k) * pitch + n, v[k]);
    }
  }
}
template <class T>
MG_HD void transpose_out(T* to, const T* from, i64 pitch, i64 rows, i64 columns) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  for (i64 w = 0; w < columns; w += N) {
    const int width = columns - w < N ? int(columns - w) : N;
    for (i64 n = 0; n < rows; n += N) {
      typename S::V v[N];
      for (int k = 0; k < N; k++) v[k] = k < width ? S::load(from + (w + k) * pitch + n) : S::splat(T(0));
      Turn<T, N>::all(v);
      for (int k = 0; k < N && n + k < rows; k++) {
        T* row = to + (n + k) * columns + w;
        if (width == N) S::store(row, v[k]);
        else S::store_part(row, v[k], width);
      }
    }
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
