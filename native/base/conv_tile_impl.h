// Bodies of the tables of conv_tile.h; everything sits in an unnamed namespace, because each file compiles its own copy.
#pragma once
#include <utility>

#include "conv_tile.h"
#include "lanes.h"

namespace mg {
namespace {

// Of the vectors that hold several k: half of the widest, since broadcasts to 64 bytes come only half as fast.
template <class T>
constexpr int narrow_lanes = lane_bytes == 64 ? wide<T> / 2 : wide<T>;

template <class T>
const ConvTable<T>& make_conv_table();

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
  for (int part = 0; part < job.parts; part++) {
    const Taps<T>& taps = job.taps[part];
    const T* w = taps.weight + column;
    for (i64 r = 0; r < taps.kernel_rows; r++) {
      const T* x[P];
      for (int i = 0; i < P; i++) x[i] = taps.patch + taps.offset[first + i] + r * taps.row_stride;
      for (i64 k = 0; k < taps.run; k++, w += ld) {
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
  }
  for (int i = 0; i < P; i++) {
    T* y = job.out + (job.place ? job.place[first + i] : first + i) * job.out_stride + column;
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

// A vector of C columns for S = N / C neighbouring k each: lane = column * S + k.
template <class T, int N, int C>
struct Narrow {
  static constexpr int S = N / C;
  using V = Vec<T, N>;
  template <int... L>
  using Lanes = std::integer_sequence<int, L...>;
  using All = std::make_integer_sequence<int, N>;

  // x[k] in every lane of k
  static MG_HD V spread(const T* x) {
    if constexpr (S == N) return Simd<T, N>::load(x);
#if defined(__AVX2__)
    else if constexpr (sizeof(T) == 4 && N == 8 && S == 2) {
      double two;
      std::memcpy(&two, x, 8);
      return (V)_mm256_set1_pd(two);
    }
#endif
    else {
      T t[N];
      for (int l = 0; l < N; l++) t[l] = x[l % S];
      return Simd<T, N>::load(t);
    }
  }
  // d[column] in every lane of the column
  static MG_HD V repeat(const T* d) {
    if constexpr (C == 1) return Simd<T, N>::splat(*d);
    else return repeat(Simd<T, C>::load(d), All{});
  }
  // Sums of neighbouring lanes, those of a first.
  static MG_HD V halve(V a, V b) { return halve(a, b, All{}); }
  // Lanes column * S + k to k * C + column, and back.
  static MG_HD V by_row(V a) { return by_row(a, All{}); }
  static MG_HD V by_column(V a) { return by_column(a, All{}); }

 private:
  template <class D, int... L>
  static MG_HD V repeat(D d, std::integer_sequence<int, L...>) { return pick<V>(d, d, Lanes<(L / S)...>{}); }
  template <int... L>
  static MG_HD V halve(V a, V b, std::integer_sequence<int, L...>) {
    return pick<V>(a, b, Lanes<(2 * L)...>{}) + pick<V>(a, b, Lanes<(2 * L + 1)...>{});
  }
  template <int... L>
  static MG_HD V by_row(V a, std::integer_sequence<int, L...>) { return pick<V>(a, a, Lanes<(L % C * S + L / C)...>{}); }
  template <int... L>
  static MG_HD V by_column(V a, std::integer_sequence<int, L...>) { return pick<V>(a, a, Lanes<(L % S * C + L / S)...>{}); }
};

template <class T, int N, int C, int P>
inline void narrow_tile(const TileJob<T>& job, i64 first, Vec<T, N> bias) {
  using W = Narrow<T, N, C>;
  using V = typename W::V;
  V sum[P + 1] = {};
  for (int part = 0; part < job.parts; part++) {
    const Taps<T>& taps = job.taps[part];
    const T* w = taps.weight;
    for (i64 r = 0; r < taps.kernel_rows; r++) {
      const T* x[P];
      for (int i = 0; i < P; i++) x[i] = taps.patch + taps.offset[first + i] + r * taps.row_stride;
      for (i64 k = 0; k < taps.run; k += W::S, w += N) {
        const V b = Simd<T, N>::load(w);
#pragma GCC unroll 16
        for (int i = 0; i < P; i++) sum[i] = Simd<T, N>::fma(W::spread(x[i] + k), b, sum[i]);
      }
    }
  }
  int vectors = P;  // each round joins pairs, until a pixel's sums lie side by side
#pragma GCC unroll 4
  for (int s = W::S; s > 1; s /= 2) {
    for (int i = 0; 2 * i < vectors; i++) sum[i] = W::halve(sum[2 * i], 2 * i + 1 < vectors ? sum[2 * i + 1] : V{});
    vectors = (vectors + 1) / 2;
  }
  constexpr int joined = (P + W::S - 1) / W::S;
  T out[joined * N];
  for (int i = 0; i < joined; i++) Simd<T, N>::store(out + i * N, sum[i] + bias);
  if (job.columns == C && !job.place && job.out_stride == C) {
    std::memcpy(job.out + first * C, out, P * C * sizeof(T));
    return;
  }
  for (int i = 0; i < P; i++) {
    T* y = job.out + (job.place ? job.place[first + i] : first + i) * job.out_stride;
    if (job.columns == C) std::memcpy(y, out + i * C, C * sizeof(T));
    else for (int n = 0; n < job.columns; n++) y[n] = out[i * C + n];
  }
}

template <class T, int N, int C>
void narrow_tiles(const TileJob<T>& job) {
  T t[N];
  for (int l = 0; l < N; l++) t[l] = job.bias && l % C < job.columns ? job.bias[l % C] : T(0);
  const Vec<T, N> bias = Simd<T, N>::load(t);
  i64 m = 0;
  for (; m + 12 <= job.pixels; m += 12) narrow_tile<T, N, C, 12>(job, m, bias);
  if (m + 6 <= job.pixels) narrow_tile<T, N, C, 6>(job, m, bias), m += 6;
  if (m + 3 <= job.pixels) narrow_tile<T, N, C, 3>(job, m, bias), m += 3;
  for (; m < job.pixels; m++) narrow_tile<T, N, C, 1>(job, m, bias);
}

template <class T>
void tiles(const TileJob<T>& job) {
  constexpr int N = wide<T>;
  constexpr int M = narrow_lanes<T>;
  if (job.narrow == 1) return narrow_tiles<T, M, 1>(job);
  if constexpr (M > 4) {
    if (job.narrow == 4) return narrow_tiles<T, M, 4>(job);
  }
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
  for (i64 m = 0; m < job.pixels; m++) {
    const T* x = base + job.offset[m];
    const T* d = dy + (job.place ? job.place[m] : m) * ld;
    V b[NV];
    for (int v = 0; v < NV; v++) b[v] = S::load(d + v * N);
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

// R groups of S rows of the gradient, C columns.
template <class T, int N, int C, int R>
inline void narrow_outer_block(const OuterJob<T>& job, i64 row, i64 ld) {
  using W = Narrow<T, N, C>;
  using V = typename W::V;
  V sum[R];
  T* const grad = job.grad + row * job.columns;
  const bool whole = job.columns == C;
  for (int i = 0; i < R; i++) {
    T t[N] = {};
    if (!job.accumulate) sum[i] = V{};
    else if (whole) sum[i] = W::by_column(Simd<T, N>::load(grad + i * N));
    else {
      for (int l = 0; l < N; l++) t[l] = l / W::S < job.columns ? grad[(i * W::S + l % W::S) * job.columns + l / W::S] : T(0);
      sum[i] = Simd<T, N>::load(t);
    }
  }
  const T* base = job.patch + row / job.run * job.row_stride + row % job.run;
  for (i64 m = 0; m < job.pixels; m++) {
    const T* x = base + job.offset[m];
    const V d = W::repeat(job.dy + (job.place ? job.place[m] : m) * ld);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) sum[i] = Simd<T, N>::fma(W::spread(x + i * W::S), d, sum[i]);
  }
  for (int i = 0; i < R; i++) {
    if (whole) {
      Simd<T, N>::store(grad + i * N, W::by_row(sum[i]));
      continue;
    }
    T t[N];
    Simd<T, N>::store(t, sum[i]);
    for (int l = 0; l < N; l++) {
      if (l / W::S < job.columns) grad[(i * W::S + l % W::S) * job.columns + l / W::S] = t[l];
    }
  }
}

template <class T, int N, int C>
void narrow_outer(const OuterJob<T>& job, i64 ld) {
  constexpr int S = N / C;
  for (i64 row = job.begin; row < job.end;) {
    const i64 line = (row / job.run + 1) * job.run, left = ((line < job.end ? line : job.end) - row) / S;
    if (left >= 12) narrow_outer_block<T, N, C, 12>(job, row, ld), row += 12 * S;
    else if (left >= 6) narrow_outer_block<T, N, C, 6>(job, row, ld), row += 6 * S;
    else if (left >= 3) narrow_outer_block<T, N, C, 3>(job, row, ld), row += 3 * S;
    else narrow_outer_block<T, N, C, 1>(job, row, ld), row += S;
  }
}

template <class T>
void outer(const OuterJob<T>& job) {
  constexpr int N = wide<T>;
  constexpr int M = narrow_lanes<T>;
  const int narrow = narrow_columns(make_conv_table<T>(), job.columns, job.run);
  const i64 stride = padded_columns(job.columns, N);
  if (narrow == 1) return narrow_outer<T, M, 1>(job, stride);
  if constexpr (M > 4) {
    if (narrow == 4) return narrow_outer<T, M, 4>(job, stride);
  }
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
void column_sums(const T* dy, i64 pixels, i64 stride, i64 columns, T* sum, T* low, bool accumulate) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  auto add = [&](i64 n, auto load, auto store) {
    V a = accumulate ? load(sum + n) : V{};
    if (low) {
      V lost = accumulate ? load(low + n) : V{};
      for (i64 m = 0; m < pixels; m++) {  // two-sum: a + x = s + what rounding took
        const V x = load(dy + m * stride + n), s = a + x, z = s - a;
        lost = lost + ((a - (s - z)) + (x - z));
        a = s;
      }
      store(low + n, lost);
    } else {
      for (i64 m = 0; m < pixels; m++) a = a + load(dy + m * stride + n);
    }
    store(sum + n, a);
  };
  i64 n = 0;
  for (; n + N <= columns; n += N) add(n, [](const T* p) { return S::load(p); }, [](T* p, V v) { S::store(p, v); });
  const int rest = int(columns - n);
  if (rest > 0) add(n, [rest](const T* p) { return S::load_part(p, rest); }, [rest](T* p, V v) { S::store_part(p, v, rest); });
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
  static constexpr ConvTable<T> table{wide<T>, narrow_lanes<T>, tiles<T>, outer<T>, column_sums<T>, spin<T>};
  return table;
}

}  // namespace
}  // namespace mg
