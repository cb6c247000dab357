// Bodies of the table of winograd.h for tiles of 2x2 outputs, compiled once per instruction set like those of tile.h.
#pragma once
#include <type_traits>

#include "../host/lanes.h"
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
#pragma GCC unroll 8
  for (int j = 0; j < From; j++) {
    V x[From], y[To];
#pragma GCC unroll 8
    for (int i = 0; i < From; i++) x[i] = load(i, j);
    left(x, y);
#pragma GCC unroll 8
    for (int i = 0; i < To; i++) half[i][j] = y[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < To; i++) {
    V y[To];
    left(half[i], y);
#pragma GCC unroll 8
    for (int j = 0; j < To; j++) store(i, j, y[j]);
  }
}

template <class T>
void winograd_weights(const T* kernel, i64 values, bool turned, T* u) {
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    const V half = S::splat(T(0.5));
    auto G = [&](const V* g, V* y) {
      const V outer = g[0] + g[2];
      y[0] = g[0], y[1] = (outer + g[1]) * half, y[2] = (outer - g[1]) * half, y[3] = g[2];
    };
    two_sided<V, 3, 4>(
        G, [&](int i, int j) { return S::load(kernel + (turned ? 8 - (i * 3 + j) : i * 3 + j) * values + k); },
        [&](int i, int j, V y) { S::store(u + (i * 4 + j) * values + k, y); });
  });
}

// Tiles overlap by two columns, which are kept from one to the next.
template <class T>
void winograd_cells(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane) {
  each_vector<T>(channels, [&](auto lanes, i64 c) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto column = [&](i64 x, V(&y)[4]) {
      V d[4];
      for (int i = 0; i < 4; i++) d[i] = S::load(rows.at[i] + x * rows.stride[i] + c);
      y[0] = d[0] - d[2], y[1] = d[1] + d[2], y[2] = d[2] - d[1], y[3] = d[1] - d[3];
    };
    V left[4] = {}, here[4];
    column(0, here);
    T* to = v + c;
    for (i64 t = 0; t < across; t++, to += stride) {
      V right[4], next[4] = {};
      column(2 * t + 1, right);
      if (t + 1 < across) column(2 * t + 2, next);
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        T* const row = to + 4 * i * plane;
        S::store(row, left[i] - right[i]), S::store(row + plane, here[i] + right[i]);
        S::store(row + 2 * plane, right[i] - here[i]), S::store(row + 3 * plane, here[i] - next[i]);
        left[i] = right[i], here[i] = next[i];
      }
    }
  });
}

template <class T>
void winograd_doubled_cells(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane) {
  each_vector<T>(channels, [&](auto lanes, i64 c) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto column = [&](i64 x, V(&y)[3]) {
      V d[3];
      for (int i = 0; i < 3; i++) d[i] = S::load(rows.at[i] + x * rows.stride[i] + c);
      y[0] = d[0] - d[1], y[1] = d[1] + d[1], y[2] = d[1] - d[2];
    };
    V left[3] = {}, here[3];
    column(0, here);
    T* to = v + c;
    for (i64 t = 0; t < across; t++, to += stride) {
      V right[3] = {};
      if (t + 1 < across) column(t + 1, right);
#pragma GCC unroll 3
      for (int i = 0; i < 3; i++) {
        T* const row = to + 4 * (i == 2 ? 3 : i) * plane;
        S::store(row, left[i] - here[i]), S::store(row + plane, here[i] + here[i]), S::store(row + 3 * plane, here[i] - right[i]);
        left[i] = here[i], here[i] = right[i];
      }
    }
  });
}

template <class T>
void winograd_outputs(const T* m, i64 plane, i64 lines, i64 across, i64 columns, const T* bias, T* out) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto A = [](const V* x, V* y) { y[0] = x[0] + x[1] + x[2], y[1] = x[1] - x[2] - x[3]; };
    const V b = bias ? S::load(bias + n) : V{};
    const T* from = m + n;
    T* to = out + n;
    const i64 below = 2 * across * columns;
    for (i64 line = 0; line < lines; line++, to += below) {
      for (i64 t = 0; t < across; t++, from += columns, to += 2 * columns) {
        two_sided<V, 4, 2>(
            A, [&](int i, int j) { return S::load(from + (i * 4 + j) * plane); },
            [&](int i, int j, V y) { S::store(to + i * below + j * columns, y + b); });
      }
    }
  });
}

template <class T>
void winograd_tile_sums(const T* m, i64 plane, i64 lines, i64 across, i64 columns, T* out) {
  const i64 values = lines * across * columns;  // a tile is one coarse cell
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto sum = [](const V* x, V* y) { y[0] = x[0] + x[1] + x[1] - x[3]; };  // of both outputs; x[2] is not used
    two_sided<V, 4, 1>(
        sum, [&](int i, int j) { return i == 2 || j == 2 ? V{} : S::load(m + (i * 4 + j) * plane + k); },
        [&](int, int, V y) { S::store(out + k, y); });
  });
}

template <class T>
void winograd_gradients(const T* dy, i64 lines, i64 across, i64 columns, T* d, i64 plane) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto A = [](const V* x, V* y) { y[0] = x[0], y[1] = x[0] + x[1], y[2] = x[0] - x[1], y[3] = V{} - x[1]; };
    const T* from = dy + n;
    T* to = d + n;
    const i64 below = 2 * across * columns;
    for (i64 line = 0; line < lines; line++, from += below) {
      for (i64 t = 0; t < across; t++, from += 2 * columns, to += columns) {
        two_sided<V, 2, 4>(
            A, [&](int i, int j) { return S::load(from + i * below + j * columns); },
            [&](int i, int j, V y) { S::store(to + (i * 4 + j) * plane, y); });
      }
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
    two_sided<V, 4, 3>(
        G, [&](int i, int j) { return S::load(du + (i * 4 + j) * values + k); },
        [&](int i, int j, V y) {
          T* const to = dkernel + (i * 3 + j) * values + k;
          S::store(to, S::load(to) + y);
        });
  });
}

template <class T>
constexpr WinogradTable<T> make_winograd_table() {
  return {winograd_weights<T>,   winograd_cells<T>,     winograd_doubled_cells<T>,  winograd_outputs<T>,
          winograd_tile_sums<T>, winograd_gradients<T>, winograd_weight_gradient<T>};
}

}  // namespace
}  // namespace mg
