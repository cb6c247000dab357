// Bodies of the tables of tile.h; everything sits in an unnamed namespace, because each file compiles its own copy.
#pragma once
#include <utility>

#include "../host/lanes.h"
#include "outer_impl.h"
#include "tile.h"
#include "winograd4_impl.h"

namespace mg {
namespace {

// P pixels x NV vectors of sums stay in registers while the whole kernel passes by. Even: the job has no offsets, and one
// address in three finds the pixels.
template <class T, int N, int NV, int P, bool Even>
MG_HD void tile(const TileJob<T>& job, i64 first, i64 column, i64 ld, int tail) {
  using S = Simd<T, N>;
  using V = typename S::V;
  constexpr int per = Even ? 3 : 1, count = (P + per - 1) / per;
  V sum[P][NV];
  repeat<NV>([&](auto v) {
    const V b = job.bias ? S::load(job.bias + column + v * N) : V{};
    repeat<P>([&](auto i) { sum[i][v] = b; });
  });
  const T* w = job.weight + column;
  const i64 rows = Even ? 1 : job.kernel_rows, step = Even ? job.row_stride : 0;
  for (i64 r = 0; r < rows; r++) {
    const T* x[count];
    repeat<count>(
        [&](auto i) { x[i] = job.patch + (Even ? (first + i * per) * step : job.offset[first + i] + r * job.row_stride); });
    for (i64 k = 0; k < job.run; k++, w += ld) {
      V b[NV];
      repeat<NV>([&](auto v) { b[v] = S::load(w + v * N); });
      repeat<P>([&](auto i) {
        const V a = S::splat(Even ? x[i / per][i % per * step] : x[i / per][k]);
        repeat<NV>([&](auto v) { sum[i][v] = S::fma(a, b[v], sum[i][v]); });
      });
      if (Even) repeat<count>([&](auto i) { x[i]++; });
    }
  }
  T* y = job.out + first * job.out_stride + column;
  repeat<P>([&](auto i) {
    repeat<NV>([&](auto v) {
      if (v == NV - 1 && tail) S::store_part(y + v * N, sum[i][v], tail);
      else S::store(y + v * N, sum[i][v]);
    });
    y += job.out_stride;
  });
}

template <class T, int N, int NV, int P, bool Even>
void tile_columns(const TileJob<T>& job, i64 column, i64 ld, int tail) {
  i64 m = 0;
  for (; m + P <= job.pixels; m += P) tile<T, N, NV, P, Even>(job, m, column, ld, tail);
  if constexpr (P > 6) {
    if (m + 6 <= job.pixels) tile<T, N, NV, 6, Even>(job, m, column, ld, tail), m += 6;
  }
  if (m + 3 <= job.pixels) tile<T, N, NV, 3, Even>(job, m, column, ld, tail), m += 3;
  for (; m < job.pixels; m++) tile<T, N, NV, 1, Even>(job, m, column, ld, tail);
}

// R rows of W pixels under 3x3 taps, one vector of sums each: a value of the patch is loaded once for all taps of its row that
// see it; one load for each product would hold the multiplications up.
template <class T, int N, int W, int R>
inline void row_tile(const TileJob<T>& job, i64 first, i64 column, i64 ld) {
  using S = Simd<T, N>;
  constexpr int KX = 3;
  typename S::V sum[W * R];
  for (auto& s : sum) s = job.bias ? S::load(job.bias + column) : typename S::V{};
  const i64 C = job.run / KX;
  const T* w = job.weight + column;
  for (i64 r = 0; r < job.kernel_rows; r++, w += (KX - 1) * C * ld) {
    const T* x[R];
    for (int i = 0; i < R; i++) x[i] = job.patch + job.offset[first + i * W] + r * job.row_stride;
    for (i64 c = 0; c < C; c++, w += ld) {
      typename S::V b[KX];
      for (int k = 0; k < KX; k++) b[k] = S::load(w + k * C * ld);
#pragma GCC unroll 4
      for (int i = 0; i < R; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < W - 1 + KX; j++) {
          const auto a = S::splat(x[i][j * C + c]);
#pragma GCC unroll 4
          for (int k = 0; k < KX; k++) {
            if (j >= k && j - k < W) sum[i * W + j - k] = S::fma(a, b[k], sum[i * W + j - k]);
          }
        }
      }
    }
  }
  for (int i = 0; i < W * R; i++) S::store(job.out + (first + i) * job.out_stride + column, sum[i]);
}

template <class T, int N>
void row_tiles(const TileJob<T>& job, i64 column, i64 ld) {
  i64 m = 0;
  if (job.row % 12 == 0) {
    for (; m < job.pixels; m += 12) row_tile<T, N, 12, 1>(job, m, column, ld);
  } else if (job.row % 6 == 0) {
    for (; m + 12 <= job.pixels; m += 12) row_tile<T, N, 6, 2>(job, m, column, ld);
    for (; m < job.pixels; m += 6) row_tile<T, N, 6, 1>(job, m, column, ld);
  } else {
    for (; m + 12 <= job.pixels; m += 12) row_tile<T, N, 3, 4>(job, m, column, ld);
    for (; m < job.pixels; m += 3) row_tile<T, N, 3, 1>(job, m, column, ld);
  }
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
  // Sums of neighbouring lanes, those of a first.
  static MG_HD V halve(V a, V b) { return halve(a, b, All{}); }

 private:
  template <int... L>
  static MG_HD V halve(V a, V b, std::integer_sequence<int, L...>) {
    return pick<V>(a, b, Lanes<(2 * L)...>{}) + pick<V>(a, b, Lanes<(2 * L + 1)...>{});
  }
};

template <class T, int N, int C, int P, bool Even>
inline void narrow_tile(const TileJob<T>& job, i64 first, Vec<T, N> bias) {
  using W = Narrow<T, N, C>;
  using V = typename W::V;
  constexpr int per = Even ? 3 : 1, count = (P + per - 1) / per;
  V sum[P] = {};
  const T* w = job.weight;
  const i64 rows = Even ? 1 : job.kernel_rows, step = Even ? job.row_stride : 0;
  for (i64 r = 0; r < rows; r++) {
    const T* x[count];
    repeat<count>(
        [&](auto i) { x[i] = job.patch + (Even ? (first + i * per) * step : job.offset[first + i] + r * job.row_stride); });
    for (i64 k = 0; k < job.run; k += W::S, w += N) {
      const V b = Simd<T, N>::load(w);
      repeat<P>(
          [&](auto i) { sum[i] = Simd<T, N>::fma(W::spread(Even ? x[i / per] + i % per * step : x[i / per] + k), b, sum[i]); });
      if (Even) repeat<count>([&](auto i) { x[i] += W::S; });
    }
  }
  V part[P + 1];  // apart from the sums, which would be written to memory at each step as well
  repeat<P>([&](auto i) { part[i] = sum[i]; });
  int vectors = P;  // each round joins pairs, until a pixel's sums lie side by side
#pragma GCC unroll 4
  for (int s = W::S; s > 1; s /= 2) {
    for (int i = 0; 2 * i < vectors; i++) part[i] = W::halve(part[2 * i], 2 * i + 1 < vectors ? part[2 * i + 1] : V{});
    vectors = (vectors + 1) / 2;
  }
  constexpr int joined = (P + W::S - 1) / W::S;
  T out[joined * N];
  for (int i = 0; i < joined; i++) Simd<T, N>::store(out + i * N, part[i] + bias);
  if (job.columns == C && job.out_stride == C) {
    std::memcpy(job.out + first * C, out, P * C * sizeof(T));
    return;
  }
  for (int i = 0; i < P; i++) {
    T* y = job.out + (first + i) * job.out_stride;
    if (job.columns == C) std::memcpy(y, out + i * C, C * sizeof(T));
    else
      for (int n = 0; n < job.columns; n++) y[n] = out[i * C + n];
  }
}

template <class T, int N, int C, bool Even>
void narrow_tiles(const TileJob<T>& job) {
  T t[N];
  for (int l = 0; l < N; l++) t[l] = job.bias && l % C < job.columns ? job.bias[l % C] : T(0);
  const Vec<T, N> bias = Simd<T, N>::load(t);
  i64 m = 0;
  for (; m + 12 <= job.pixels; m += 12) narrow_tile<T, N, C, 12, Even>(job, m, bias);
  if (m + 6 <= job.pixels) narrow_tile<T, N, C, 6, Even>(job, m, bias), m += 6;
  if (m + 3 <= job.pixels) narrow_tile<T, N, C, 3, Even>(job, m, bias), m += 3;
  for (; m < job.pixels; m++) narrow_tile<T, N, C, 1, Even>(job, m, bias);
}

template <class T, bool Even>
void tiles_of(const TileJob<T>& job) {
  constexpr int N = wide<T>;
  constexpr int M = narrow_lanes<T>;
  if (job.narrow == 1) return narrow_tiles<T, M, 1, Even>(job);
  if constexpr (M > 4) {
    if (job.narrow == 4) return narrow_tiles<T, M, 4, Even>(job);
  }
  const i64 ld = padded_columns(job.columns, N);
  each_block<T>(job.columns, ld, [&](auto block, i64 column, int tail) {
    using B = decltype(block);
    if constexpr (!Even && vector_registers == 32 && N >= 8 && B::lanes == N / 2 && B::vectors == 1) {
      if (tail == 0 && job.kernel_columns == 3 && job.row > 0 && job.row % 3 == 0) return row_tiles<T, N / 2>(job, column, ld);
    }
    tile_columns<T, B::lanes, B::vectors, B::rows, Even>(job, column, ld, tail);
  });
}

template <class T>
void tiles(const TileJob<T>& job) {
  if (job.offset) tiles_of<T, false>(job);
  else tiles_of<T, true>(job);
}

template <class T>
void column_sums(const T* dy, i64 pixels, i64 stride, i64 columns, T* sum, T* low, bool accumulate) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  auto add = [&](i64 n, auto load, auto store) {
    V a{};
    if (low) {
      if (accumulate) a = load(sum + n);
      V lost = accumulate ? load(low + n) : V{};
      for (i64 m = 0; m < pixels; m++) {  // two-sum: a + x = s + what rounding took
        const V x = load(dy + m * stride + n), s = a + x, z = s - a;
        lost = lost + ((a - (s - z)) + (x - z));
        a = s;
      }
      store(low + n, lost);
    } else {
      for (i64 m = 0; m < pixels; m++) a = a + load(dy + m * stride + n);
      if (accumulate) a = load(sum + n) + a;
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
  static constexpr ConvTable<T> table{
      wide<T>, narrow_lanes<T>, tiles<T>, outer<T>, column_sums<T>, spin<T>, make_winograd_table<T>(), make_tile4_table<T>()};
  return table;
}

}  // namespace
}  // namespace mg
