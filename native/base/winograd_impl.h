// Bodies of the table of winograd.h, compiled once per instruction set like those of conv_tile.h.
#pragma once
#include <type_traits>

#include "lanes.h"
#include "winograd.h"

namespace mg {
namespace {

// f(lanes, first) for vectors that cover n values: the widest ones, then one of half as many lanes, and so on.
template <class T, int N = wide<T>, class F>
MG_HD void each_vector(i64 n, F&& f, i64 first = 0) {
  for (; first + N <= n; first += N) f(std::integral_constant<int, N>{}, first);
  if constexpr (N > 1) {
    if (first < n) each_vector<T, N / 2>(n, f, first);
  }
}

// load(i, j) -> store(i, j, entry) for all entries of L x L', where `left` applies L to the column that x0, x1, … make.
template <class V, int From, int To, class Left, class Load, class Store>
MG_HD void two_sided(Left&& left, Load&& load, Store&& store) {
  V half[To][From];
#pragma GCC unroll 4
  for (int j = 0; j < From; j++) {
    V x[From], y[To];
#pragma GCC unroll 4
    for (int i = 0; i < From; i++) x[i] = load(i, j);
    left(x, y);
#pragma GCC unroll 4
    for (int i = 0; i < To; i++) half[i][j] = y[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < To; i++) {
    V y[To];
    left(half[i], y);
#pragma GCC unroll 4
    for (int j = 0; j < To; j++) store(i, j, y[j]);
  }
}

template <class T>
void winograd_weights(const T* kernel, i64 values, T* u) {
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    const V half = S::splat(T(0.5));
    auto G = [&](const V* g, V* y) {
      const V outer = g[0] + g[2];
      y[0] = g[0], y[1] = (outer + g[1]) * half, y[2] = (outer - g[1]) * half, y[3] = g[2];
    };
    two_sided<V, 3, 4>(G, [&](int i, int j) { return S::load(kernel + (i * 3 + j) * values + k); },
                       [&](int i, int j, V y) { S::store(u + (i * 4 + j) * values + k, y); });
  });
}

template <class T>
void winograd_cells(const T* patch, i64 row_stride, const std::int32_t* offset, i64 tiles, i64 channels, T* v, i64 plane) {
  each_vector<T>(channels, [&](auto lanes, i64 c) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto B = [](const V* d, V* y) { y[0] = d[0] - d[2], y[1] = d[1] + d[2], y[2] = d[2] - d[1], y[3] = d[1] - d[3]; };
    for (i64 t = 0; t < tiles; t++) {
      const T* from = patch + offset[t] + c;
      T* to = v + t * channels + c;
      two_sided<V, 4, 4>(B, [&](int i, int j) { return S::load(from + i * row_stride + j * channels); },
                         [&](int i, int j, V y) { S::store(to + (i * 4 + j) * plane, y); });
    }
  });
}

template <class T>
void winograd_outputs(const T* m, i64 plane, i64 tiles, i64 columns, const T* bias, const std::int32_t* place, i64 width, T* out) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto A = [](const V* x, V* y) { y[0] = x[0] + x[1] + x[2], y[1] = x[1] - x[2] - x[3]; };
    const V b = bias ? S::load(bias + n) : V{};
    for (i64 t = 0; t < tiles; t++) {
      const T* from = m + t * columns + n;
      T* to = out + place[t] * columns + n;
      two_sided<V, 4, 2>(A, [&](int i, int j) { return S::load(from + (i * 4 + j) * plane); },
                         [&](int i, int j, V y) { S::store(to + (i * width + j) * columns, y + b); });
    }
  });
}

template <class T>
void winograd_tile_sums(const T* m, i64 plane, i64 tiles, i64 columns, T* out) {
  each_vector<T>(tiles * columns, [&](auto lanes, i64 k) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto sum = [](const V* x, V* y) { y[0] = x[0] + x[1] + x[1] - x[3]; };  // of both outputs; x[2] is not used
    two_sided<V, 4, 1>(sum, [&](int i, int j) { return i == 2 || j == 2 ? V{} : S::load(m + (i * 4 + j) * plane + k); },
                       [&](int, int, V y) { S::store(out + k, y); });
  });
}

template <class T>
void winograd_gradients(const T* dy, const std::int32_t* place, i64 width, i64 tiles, i64 columns, T* d, i64 plane) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto A = [](const V* x, V* y) { y[0] = x[0], y[1] = x[0] + x[1], y[2] = x[0] - x[1], y[3] = V{} - x[1]; };
    for (i64 t = 0; t < tiles; t++) {
      const T* from = dy + place[t] * columns + n;
      T* to = d + t * columns + n;
      two_sided<V, 2, 4>(A, [&](int i, int j) { return S::load(from + (i * width + j) * columns); },
                         [&](int i, int j, V y) { S::store(to + (i * 4 + j) * plane, y); });
    }
  });
}

template <class T>
void winograd_weight_gradient(const T* du, i64 values, T* dkernel) {
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    const V half = S::splat(T(0.5));
    auto G = [&](const V* x, V* y) {
      const V sum = (x[1] + x[2]) * half;
      y[0] = x[0] + sum, y[1] = (x[1] - x[2]) * half, y[2] = sum + x[3];
    };
    two_sided<V, 4, 3>(G, [&](int i, int j) { return S::load(du + (i * 4 + j) * values + k); },
                       [&](int i, int j, V y) { S::store(dkernel + (i * 3 + j) * values + k, y); });
  });
}

template <class T>
constexpr WinogradTable<T> make_winograd_table() {
  return {winograd_weights<T>, winograd_cells<T>, winograd_outputs<T>, winograd_tile_sums<T>, winograd_gradients<T>,
          winograd_weight_gradient<T>};
}

}  // namespace
}  // namespace mg
