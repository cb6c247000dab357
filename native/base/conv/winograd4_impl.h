// Bodies of the table of winograd.h for tiles of 4x4 outputs.
#pragma once
#include "winograd_impl.h"

namespace mg {
namespace {

// B', A', A and their like on vectors of N lanes; a and b are the points of F(4x4, 3x3).
template <class T, int N>
struct Tile4 {
  using S = Simd<T, N>;
  using V = typename S::V;
  static constexpr double a = 1.5, b = 0.625, aa = a * a, bb = b * b;
  static constexpr double n0 = aa * bb, na = 2 * aa * (aa - bb), nb = 2 * bb * (bb - aa);  // product of a point's distances

  static MG_HD V number(double x) { return S::splat(T(x)); }
  static MG_HD V fma(double x, V y, V z) { return S::fma(number(x), y, z); }

  static MG_HD void cells(const V* d, V* y) {
    const V even_b = fma(-aa, d[2], d[4]), odd_b = fma(-aa, d[1], d[3]);
    const V even_a = fma(-bb, d[2], d[4]), odd_a = fma(-bb, d[1], d[3]);
    y[0] = fma(aa * bb, d[0], fma(-(aa + bb), d[2], d[4]));
    y[1] = fma(b, odd_b, even_b), y[2] = fma(-b, odd_b, even_b);
    y[3] = fma(a, odd_a, even_a), y[4] = fma(-a, odd_a, even_a);
    y[5] = fma(aa * bb, d[1], fma(-(aa + bb), d[3], d[5]));
  }
  // Of cells c0 c1 c1 c2 c2 c3.
  static MG_HD void doubled_cells(const V* c, V* y) {
    const V for_b = fma(-aa, c[1], c[2]), for_a = fma(-bb, c[1], c[2]);
    y[0] = fma(aa * bb, c[0], fma(-(aa + bb), c[1], c[2]));
    y[1] = number(1 + b) * for_b, y[2] = number(1 - b) * for_b;
    y[3] = number(1 + a) * for_a, y[4] = number(1 - a) * for_a;
    y[5] = fma(aa * bb, c[1], fma(-(aa + bb), c[2], c[3]));
  }
  static MG_HD void weights(const V* g, V* y) {
    const V even_b = fma(bb, g[2], g[0]), odd_b = number(b) * g[1], even_a = fma(aa, g[2], g[0]), odd_a = number(a) * g[1];
    y[0] = number(1 / n0) * g[0];
    y[1] = number(1 / nb) * (even_b + odd_b), y[2] = number(1 / nb) * (even_b - odd_b);
    y[3] = number(1 / na) * (even_a + odd_a), y[4] = number(1 / na) * (even_a - odd_a);
    y[5] = g[2];
  }
  static MG_HD void outputs(const V* x, V* y) {
    const V even_b = x[1] + x[2], odd_b = x[1] - x[2], even_a = x[3] + x[4], odd_a = x[3] - x[4];
    y[0] = x[0] + even_b + even_a;
    y[1] = fma(b, odd_b, number(a) * odd_a);
    y[2] = fma(bb, even_b, number(aa) * even_a);
    y[3] = fma(b * bb, odd_b, fma(a * aa, odd_a, x[5]));
  }
  // Of neighbouring outputs.
  static MG_HD void pair_sums(const V* x, V* y) {
    const V for_b = fma(b, x[1] - x[2], x[1] + x[2]), for_a = fma(a, x[3] - x[4], x[3] + x[4]);
    y[0] = x[0] + for_b + for_a;
    y[1] = fma(bb, for_b, fma(aa, for_a, x[5]));
  }
  static MG_HD void gradients(const V* x, V* y) {
    const V even_b = fma(bb, x[2], x[0]), odd_b = fma(bb, x[3], x[1]), even_a = fma(aa, x[2], x[0]), odd_a = fma(aa, x[3], x[1]);
    y[0] = x[0];
    y[1] = fma(b, odd_b, even_b), y[2] = fma(-b, odd_b, even_b);
    y[3] = fma(a, odd_a, even_a), y[4] = fma(-a, odd_a, even_a);
    y[5] = x[3];
  }
  static MG_HD void weight_gradient(const V* x, V* y) {
    const V even_b = number(1 / nb) * (x[1] + x[2]), odd_b = number(b / nb) * (x[1] - x[2]);
    const V even_a = number(1 / na) * (x[3] + x[4]), odd_a = number(a / na) * (x[3] - x[4]);
    y[0] = fma(1 / n0, x[0], even_b + even_a);
    y[1] = odd_b + odd_a;
    y[2] = fma(bb, even_b, fma(aa, even_a, x[5]));
  }
};

template <class T>
void tile4_weights(const T* kernel, i64 values, bool turned, T* u) {
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    two_sided<typename S::V, 3, 6>(
        A::weights, [&](int i, int j) { return S::load(kernel + (turned ? 8 - (i * 3 + j) : i * 3 + j) * values + k); },
        [&](int i, int j, auto y) { S::store(u + (i * 6 + j) * values + k, y); });
  });
}

// v of one line. column(x, y): B' of the cells of column x; y holds the columns beside the grid as zeros. Tiles overlap by two
// columns, which are kept from one to the next.
template <class A, class T, class Column>
MG_HD void tile4_line(i64 across, T* to, i64 stride, i64 plane, Column&& column) {
  using V = typename A::V;
  V y[6][6] = {};
  column(0, y[1]);
  for (i64 t = 0; t < across; t++, to += stride) {
#pragma GCC unroll 4
    for (int x = 1; x < 4; x++) column(4 * t + x, y[x + 1]);
    if (t + 1 < across) {
      column(4 * t + 4, y[5]);
    } else {
      for (V& e : y[5]) e = V{};
    }
#pragma GCC unroll 8
    for (int i = 0; i < 6; i++) {
      V d[6], out[6];
#pragma GCC unroll 8
      for (int j = 0; j < 6; j++) d[j] = y[j][i];
      A::cells(d, out);
#pragma GCC unroll 8
      for (int j = 0; j < 6; j++) A::S::store(to + (i * 6 + j) * plane, out[j]);
      y[0][i] = y[4][i], y[1][i] = y[5][i];
    }
  }
}

template <class T>
void tile4_cells(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane) {
  each_vector<T>(channels, [&](auto lanes, i64 c) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    tile4_line<A>(across, v + c, stride, plane, [&](i64 x, typename S::V* y) {
      typename S::V d[6];
#pragma GCC unroll 8
      for (int i = 0; i < 6; i++) d[i] = S::load(rows.at[i] + x * rows.stride[i] + c);
      A::cells(d, y);
    });
  });
}

template <class T>
void tile4_doubled_cells(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane) {
  each_vector<T>(channels, [&](auto lanes, i64 c) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    using V = typename S::V;
    auto column = [&](i64 x, V* y) {
      V d[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) d[i] = S::load(rows.at[i] + x * rows.stride[i] + c);
      A::doubled_cells(d, y);
    };
    V y[4][6] = {};
    column(0, y[1]);
    T* to = v + c;
    for (i64 t = 0; t < across; t++, to += stride) {
      column(2 * t + 1, y[2]);
      if (t + 1 < across) {
        column(2 * t + 2, y[3]);
      } else {
        for (V& e : y[3]) e = V{};
      }
#pragma GCC unroll 8
      for (int i = 0; i < 6; i++) {
        const V d[4] = {y[0][i], y[1][i], y[2][i], y[3][i]};
        V out[6];
        A::doubled_cells(d, out);
#pragma GCC unroll 8
        for (int j = 0; j < 6; j++) S::store(to + (i * 6 + j) * plane, out[j]);
        y[0][i] = y[2][i], y[1][i] = y[3][i];
      }
    }
  });
}

template <class T>
void tile4_outputs(const T* m, i64 plane, i64 lines, i64 across, i64 columns, const T* bias, T* out) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    using V = typename S::V;
    const V first = bias ? S::load(bias + n) : V{};
    const T* from = m + n;
    T* to = out + n;
    const i64 below = 4 * across * columns;
    for (i64 line = 0; line < lines; line++, to += 3 * below) {
      for (i64 t = 0; t < across; t++, from += columns, to += 4 * columns) {
        two_sided<V, 6, 4>(
            A::outputs, [&](int i, int j) { return S::load(from + (i * 6 + j) * plane); },
            [&](int i, int j, V y) { S::store(to + i * below + j * columns, y + first); });
      }
    }
  });
}

template <class T>
void tile4_coarse_sums(const T* m, i64 plane, i64 lines, i64 across, i64 columns, T* out) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    using V = typename S::V;
    const T* from = m + n;
    T* to = out + n;
    const i64 below = 2 * across * columns;
    for (i64 line = 0; line < lines; line++, to += below) {
      for (i64 t = 0; t < across; t++, from += columns, to += 2 * columns) {
        two_sided<V, 6, 2>(
            A::pair_sums, [&](int i, int j) { return S::load(from + (i * 6 + j) * plane); },
            [&](int i, int j, V y) { S::store(to + i * below + j * columns, y); });
      }
    }
  });
}

template <class T>
void tile4_gradients(const T* dy, i64 lines, i64 across, i64 columns, T* d, i64 plane) {
  each_vector<T>(columns, [&](auto lanes, i64 n) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    using V = typename S::V;
    const T* from = dy + n;
    T* to = d + n;
    const i64 below = 4 * across * columns;
    for (i64 line = 0; line < lines; line++, from += 3 * below) {
      for (i64 t = 0; t < across; t++, from += 4 * columns, to += columns) {
        two_sided<V, 4, 6>(
            A::gradients, [&](int i, int j) { return S::load(from + i * below + j * columns); },
            [&](int i, int j, V y) { S::store(to + (i * 6 + j) * plane, y); });
      }
    }
  });
}

template <class T>
void tile4_weight_gradient(const T* du, i64 values, T* dkernel) {
  each_vector<T>(values, [&](auto lanes, i64 k) {
    using A = Tile4<T, decltype(lanes)::value>;
    using S = typename A::S;
    two_sided<typename S::V, 6, 3>(
        A::weight_gradient, [&](int i, int j) { return S::load(du + (i * 6 + j) * values + k); },
        [&](int i, int j, auto y) {
          T* const to = dkernel + (i * 3 + j) * values + k;
          S::store(to, S::load(to) + y);
        });
  });
}

template <class T>
constexpr WinogradTable<T> make_tile4_table() {
  return {tile4_weights<T>,     tile4_cells<T>,     tile4_doubled_cells<T>,  tile4_outputs<T>,
          tile4_coarse_sums<T>, tile4_gradients<T>, tile4_weight_gradient<T>};
}

}  // namespace
}  // namespace mg
