// Bodies of the tables of conv_tile.h; everything sits in an unnamed namespace, because each file compiles its own copy.
#pragma once
#include "../../base/lanes.h"
#include "conv_tile.h"

namespace mg {
namespace {

// P pixels x NV vectors of sums stay in registers while the whole kernel passes by.
template <class T, int N, int NV, int P>
inline void tile(const TileJob<T>& job, i64 first, i64 column, i64 ld, int tail) {
  using S = Simd<T, N>;
  using V = typename S::V;
  V sum[P][NV];
  for (int v = 0; v < NV; v++) {
    const V b = job.bias ? S::load(job.bias + column + v * N) : V{};
    for (int i = 0; i < P; i++) sum[i][v] = b;
  }
  const T* w = job.weight + column;
  for (i64 r = 0; r < job.kernel_rows; r++) {
    const T* x[P];
    for (int i = 0; i < P; i++) x[i] = job.patch + job.offset[first + i] + r * job.row_stride;
    for (i64 k = 0; k < job.run; k++, w += ld) {
      V b[NV];
      for (int v = 0; v < NV; v++) b[v] = S::load(w + v * N);
#pragma GCC unroll 16
      for (int i = 0; i < P; i++) {
        const V a = S::splat(x[i][k]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++) sum[i][v] = S::fma(a, b[v], sum[i][v]);
      }
    }
  }
  for (int i = 0; i < P; i++) {
    T* y = job.out + (first + i) * job.out_stride + column;
    for (int v = 0; v < NV; v++) {
      if (v == NV - 1 && tail) S::store_part(y + v * N, sum[i][v], tail);
      else S::store(y + v * N, sum[i][v]);
    }
  }
}

template <class T, int N, int NV, int P>
void tile_columns(const TileJob<T>& job, i64 column, i64 ld, int tail) {
  i64 m = 0;
  for (; m + P <= job.pixels; m += P) tile<T, N, NV, P>(job, m, column, ld, tail);
  if constexpr (P > 6) {
    if (m + 6 <= job.pixels) tile<T, N, NV, 6>(job, m, column, ld, tail), m += 6;
  }
  if (m + 3 <= job.pixels) tile<T, N, NV, 3>(job, m, column, ld, tail), m += 3;
  for (; m < job.pixels; m++) tile<T, N, NV, 1>(job, m, column, ld, tail);
}

template <class T>
void tiles(const TileJob<T>& job) {
  constexpr int N = wide<T>;
  const i64 ld = padded_columns(job.columns, N);
  i64 n = 0;
  if constexpr (vector_registers == 32) {
    for (; n + 4 * N <= job.columns; n += 4 * N) tile_columns<T, N, 4, 6>(job, n, ld, 0);
    if (n + 3 * N <= job.columns) tile_columns<T, N, 3, 6>(job, n, ld, 0), n += 3 * N;
    if (n + 2 * N <= job.columns) tile_columns<T, N, 2, 12>(job, n, ld, 0), n += 2 * N;
  } else {
    for (; n + 2 * N <= job.columns; n += 2 * N) tile_columns<T, N, 2, 6>(job, n, ld, 0);
  }
  for (; n + N <= job.columns; n += N) {
    if constexpr (vector_registers == 32 && N >= 8) tile_columns<T, N / 2, 2, 12>(job, n, ld, 0);
    else tile_columns<T, N, 1, 12>(job, n, ld, 0);
  }
  const i64 stored = ld - n;
  if (stored == 0) return;
  const int rest = int(job.columns - n), tail = rest == stored ? 0 : rest;
  if (stored == N) return tile_columns<T, N, 1, 12>(job, n, ld, tail);
  if constexpr (N >= 8) {
    if (stored == N / 2) return tile_columns<T, N / 2, 1, 12>(job, n, ld, tail);
  }
  if constexpr (N >= 16) tile_columns<T, N / 4, 1, 12>(job, n, ld, tail);
}

// R rows x NV vectors of the gradient stay in registers while all pixels pass by.
template <class T, int N, int NV, int R>
inline void outer_block(const OuterJob<T>& job, i64 row, i64 column, i64 ld, int tail) {
  using S = Simd<T, N>;
  using V = typename S::V;
  V sum[R][NV];
  for (int i = 0; i < R; i++) {
    T* g = job.grad + (row + i) * job.columns + column;
    for (int v = 0; v < NV; v++) {
      if (!job.accumulate) sum[i][v] = V{};
      else if (v == NV - 1 && tail) sum[i][v] = S::load_part(g + v * N, tail);
      else sum[i][v] = S::load(g + v * N);
    }
  }
  const T* base = job.patch + row / job.run * job.row_stride + row % job.run;
  const T* dy = job.dy + column;
  for (i64 m = 0; m < job.pixels; m++, dy += ld) {
    const T* x = base + job.offset[m];
    V b[NV];
    for (int v = 0; v < NV; v++) b[v] = S::load(dy + v * N);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      const V a = S::splat(x[i]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) sum[i][v] = S::fma(a, b[v], sum[i][v]);
    }
  }
  for (int i = 0; i < R; i++) {
    T* g = job.grad + (row + i) * job.columns + column;
    for (int v = 0; v < NV; v++) {
      if (v == NV - 1 && tail) S::store_part(g + v * N, sum[i][v], tail);
      else S::store(g + v * N, sum[i][v]);
    }
  }
}

template <class T, int N, int NV, int R>
void outer_columns(const OuterJob<T>& job, i64 column, i64 ld, int tail) {
  for (i64 row = job.begin; row < job.end;) {
    const i64 line = (row / job.run + 1) * job.run;  // a block stays within one kernel row
    const i64 left = (line < job.end ? line : job.end) - row;
    if (left >= R) outer_block<T, N, NV, R>(job, row, column, ld, tail), row += R;
    else if (R > 6 && left >= 6) outer_block<T, N, NV, 6>(job, row, column, ld, tail), row += 6;
    else if (left >= 3) outer_block<T, N, NV, 3>(job, row, column, ld, tail), row += 3;
    else outer_block<T, N, NV, 1>(job, row, column, ld, tail), row++;
  }
}

template <class T>
void outer(const OuterJob<T>& job) {
  constexpr int N = wide<T>;
  const i64 ld = padded_columns(job.columns, N);
  i64 n = 0;
  if constexpr (vector_registers == 32) {
    for (; n + 4 * N <= job.columns; n += 4 * N) outer_columns<T, N, 4, 6>(job, n, ld, 0);
    if (n + 3 * N <= job.columns) outer_columns<T, N, 3, 6>(job, n, ld, 0), n += 3 * N;
    if (n + 2 * N <= job.columns) outer_columns<T, N, 2, 12>(job, n, ld, 0), n += 2 * N;
  } else {
    for (; n + 2 * N <= job.columns; n += 2 * N) outer_columns<T, N, 2, 6>(job, n, ld, 0);
  }
  for (; n + N <= job.columns; n += N) outer_columns<T, N, 1, 12>(job, n, ld, 0);
  const i64 stored = ld - n;
  if (stored == 0) return;
  const int rest = int(job.columns - n), tail = rest == stored ? 0 : rest;
  if (stored == N) return outer_columns<T, N, 1, 12>(job, n, ld, tail);
  if constexpr (N >= 8) {
    if (stored == N / 2) return outer_columns<T, N / 2, 1, 12>(job, n, ld, tail);
  }
  if constexpr (N >= 16) outer_columns<T, N / 4, 1, 12>(job, n, ld, tail);
}

template <class T>
void column_sums(const T* dy, i64 pixels, i64 stride, i64 columns, T* sum, bool accumulate) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  i64 n = 0;
  for (; n + N <= columns; n += N) {
    auto a = accumulate ? S::load(sum + n) : typename S::V{};
    for (i64 m = 0; m < pixels; m++) a = a + S::load(dy + m * stride + n);
    S::store(sum + n, a);
  }
  for (; n < columns; n++) {
    T a = accumulate ? sum[n] : T(0);
    for (i64 m = 0; m < pixels; m++) a += dy[m * stride + n];
    sum[n] = a;
  }
}

template <class T>
i64 spin(i64 rounds) {
  constexpr int N = wide<T>, chains = vector_registers == 32 ? 24 : 12;
  using S = Simd<T, N>;
  typename S::V sum[chains], a = S::splat(T(0.5)), b = S::splat(T(1e-3));
  for (auto& s : sum) s = b;
  for (i64 r = 0; r < rounds; r++) {
#if defined(__x86_64__)
    asm volatile("" : "+v"(a));
#else
    asm volatile("" : "+w"(a));
#endif
#pragma GCC unroll 24
    for (int i = 0; i < chains; i++) sum[i] = S::fma(sum[i], a, b);
  }
  for (int i = 1; i < chains; i++) sum[0] = sum[0] + sum[i];
  asm volatile("" : "+m"(sum[0]));
  return rounds * chains * N * 2;
}

template <class T>
const ConvTable<T>& make_conv_table() {
  static constexpr ConvTable<T> table{wide<T>, tiles<T>, outer<T>, column_sums<T>, spin<T>};
  return table;
}

}  // namespace
}  // namespace mg
