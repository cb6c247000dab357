// The weight gradient of tile.h, compiled once per instruction set: sums over pixels of patch values times columns of dy.
#pragma once
#include <cstring>
#include <utility>

#include "../host/lanes.h"
#include "tile.h"

namespace mg {
namespace {

// Of the vectors that hold several k: half of the widest, since broadcasts to 64 bytes come only half as fast.
template <class T>
constexpr int narrow_lanes = lane_bytes == 64 ? wide<T> / 2 : wide<T>;

// What stays in registers: `rows` rows of `vectors` vectors of `lanes` columns.
template <int N, int NV, int R>
struct Block {
  static constexpr int lanes = N, vectors = NV, rows = R;
};

// f(block, first column, columns of its last vector, or 0 for all of them) until `columns` and their padding to `ld` are covered.
template <class T, class F>
inline void each_block(i64 columns, i64 ld, F&& f) {
  constexpr int N = wide<T>;
  i64 n = 0;
  if constexpr (vector_registers == 32) {
    for (; n + 4 * N <= columns; n += 4 * N) f(Block<N, 4, 6>{}, n, 0);
    if (n + 3 * N <= columns) f(Block<N, 3, 6>{}, n, 0), n += 3 * N;
    if (n + 2 * N <= columns) f(Block<N, 2, 12>{}, n, 0), n += 2 * N;
  } else {
    for (; n + 2 * N <= columns; n += 2 * N) f(Block<N, 2, 6>{}, n, 0);
  }
  for (; n + N <= columns; n += N) f(Block<N, 1, 12>{}, n, 0);
  const i64 stored = ld - n;
  if (stored == 0) return;
  const int rest = int(columns - n), tail = rest == stored ? 0 : rest;
  if (stored == N) return f(Block<N, 1, 12>{}, n, tail);
  if constexpr (N >= 8) {
    if (stored == N / 2) return f(Block<N / 2, 1, 12>{}, n, tail);
  }
  if constexpr (N >= 16) f(Block<N / 4, 1, 12>{}, n, tail);
}

// R rows x NV vectors of the gradient stay in registers while all pixels pass by. They begin at zero and are added to what was
// there at the end: added pixel by pixel, the terms of a long window would be rounded to the last bits of its whole sum.
template <class T, int N, int NV, int R>
MG_HD void outer_block(const OuterJob<T>& job, i64 row, i64 column, i64 ld, int tail) {
  using S = Simd<T, N>;
  using V = typename S::V;
  V sum[R][NV];
  repeat<R>([&](auto i) { repeat<NV>([&](auto v) { sum[i][v] = V{}; }); });
  const T* base = job.patch + row / job.run * job.row_stride + row % job.run;
  const T* d = job.dy + column;
  for (i64 m = 0; m < job.pixels; m++, d += ld) {
    const T* x = base + (job.offset ? job.offset[m] : m * job.row_stride);
    V b[NV];
    repeat<NV>([&](auto v) { b[v] = S::load(d + v * N); });
    repeat<R>([&](auto i) {
      const V a = S::splat(x[i]);
      repeat<NV>([&](auto v) { sum[i][v] = S::fma(a, b[v], sum[i][v]); });
    });
  }
  T* const g = job.grad + row * job.columns + column;
  repeat<R>([&](auto i) {
    repeat<NV>([&](auto v) {
      T* to = g + i * job.columns + v * N;
      const bool part = v == NV - 1 && tail;
      const V total = job.accumulate ? (part ? S::load_part(to, tail) : S::load(to)) + sum[i][v] : sum[i][v];
      if (part) S::store_part(to, total, tail);
      else S::store(to, total);
    });
  });
}

template <class T, int N, int NV, int R>
void outer_columns(const OuterJob<T>& job, i64 column, i64 ld, int tail) {
  for (i64 row = job.begin; row < job.end;) {
    const i64 line = (row / job.run + 1) * job.run;  // a block stays within one kernel row
    const i64 left = (line < job.end ? line : job.end) - row;
    if (left >= R) outer_block<T, N, NV, R>(job, row, column, ld, tail), row += R;
    else if (R > 8 && left >= 8) outer_block<T, N, NV, 8>(job, row, column, ld, tail), row += 8;
    else if (left >= 4) outer_block<T, N, NV, 4>(job, row, column, ld, tail), row += 4;
    else if (left >= 2) outer_block<T, N, NV, 2>(job, row, column, ld, tail), row += 2;
    else outer_block<T, N, NV, 1>(job, row, column, ld, tail), row++;
  }
}

// KV vectors of N neighbouring rows of the gradient, for all C <= N columns: few columns take fewer loads as splats than rows do.
template <class T, int N, int C, int KV>
inline void turned_outer_block(const OuterJob<T>& job, i64 row, i64 ld) {
  using S = Simd<T, N>;
  using V = typename S::V;
  V sum[KV][N] = {};
  const T* base = job.patch + row / job.run * job.row_stride + row % job.run;
  for (i64 m = 0; m < job.pixels; m++) {
    const T* x = base + (job.offset ? job.offset[m] : m * job.row_stride);
    const T* d = job.dy + m * ld;
    V a[KV];
    for (int k = 0; k < KV; k++) a[k] = S::load(x + k * N);
#pragma GCC unroll 16
    for (int n = 0; n < C; n++) {
      const V b = S::splat(d[n]);
#pragma GCC unroll 16
      for (int k = 0; k < KV; k++) sum[k][n] = S::fma(a[k], b, sum[k][n]);
    }
  }
#pragma GCC unroll 16
  for (int k = 0; k < KV; k++) {
    T* g = job.grad + (row + k * N) * C;
    if constexpr (C == 1) {
      S::store(g, job.accumulate ? S::load(g) + sum[k][0] : sum[k][0]);
      continue;
    }
    Turn<T, N>::all(sum[k]);
#pragma GCC unroll 16
    for (int i = 0; i < N; i++, g += C) {
      using P = Simd<T, C>;
      typename P::V v;
      std::memcpy(&v, &sum[k][i], sizeof v);
      P::store(g, job.accumulate ? P::load(g) + v : v);
    }
  }
}

// What is left of a kernel row and fills no vector goes to outer_columns.
template <class T, int N, int C>
void turned_outer(const OuterJob<T>& job, i64 ld) {
  constexpr int KV = vector_registers == 32 ? C == 1 ? 12 : 24 / C : C == 1 ? 6 : 12 / C;
  for (i64 row = job.begin, left; row < job.end; row += left) {
    const i64 line = (row / job.run + 1) * job.run, end = line < job.end ? line : job.end;
    left = end - row;
    if (left >= KV * N) turned_outer_block<T, N, C, KV>(job, row, ld), left = KV * N;
    else if (KV > 3 && left >= 3 * N) turned_outer_block<T, N, C, 3>(job, row, ld), left = 3 * N;
    else if (left >= N) turned_outer_block<T, N, C, 1>(job, row, ld), left = N;
    else {
      OuterJob<T> rest = job;
      rest.begin = row, rest.end = end;
      outer_columns<T, C == 1 && N >= 4 ? 4 : C == 1 ? N : C, 1, 12>(rest, 0, ld, C == 1 ? 1 : 0);
    }
  }
}

template <class T>
void outer(const OuterJob<T>& job) {
  constexpr int M = narrow_lanes<T>;
  const i64 ld = padded_columns(job.columns, wide<T>);
  if (job.columns == 1) return turned_outer<T, M, 1>(job, ld);
  if constexpr (M >= 4) {
    if (job.columns == 4) return turned_outer<T, M, 4>(job, ld);
  }
  if constexpr (M >= 8) {
    if (job.columns == 8) return turned_outer<T, M, 8>(job, ld);
  }
  each_block<T>(job.columns, ld, [&](auto block, i64 column, int tail) {
    using B = decltype(block);
    outer_columns<T, B::lanes, B::vectors, B::rows>(job, column, ld, tail);
  });
}

}  // namespace
}  // namespace mg
