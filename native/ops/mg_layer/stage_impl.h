// Bodies of the tables of stage.h; everything sits in an unnamed namespace, because each file compiles its own copy.
#pragma once
#include <cstring>
#include <type_traits>

#include "../../base/lanes.h"
#include "../../base/lstm_cell.h"
#include "stage.h"

namespace mg {
namespace {

// Calls f(lanes, channels): channels is a multiple of the constant `lanes`, and a constant itself where it is a usual count.
template <class T, class F>
MG_HD void with_channels(i64 channels, F&& f) {
  constexpr int full = wide<T> < 4 ? 4 : wide<T>, half = full < 8 ? full : 8;
  using Four = std::integral_constant<int, 4>;
  using Half = std::integral_constant<int, half>;
  using Full = std::integral_constant<int, full>;
  switch (channels) {
    case 4: return f(Four{}, std::integral_constant<i64, 4>{});
    case 8: return f(Half{}, std::integral_constant<i64, 8>{});
    case 16: return f(Full{}, std::integral_constant<i64, 16>{});
    case 32: return f(Full{}, std::integral_constant<i64, 32>{});
    default: break;
  }
  if (channels % full == 0) f(Full{}, channels);
  else if (channels % 4 == 0) f(Four{}, channels);
  else f(std::integral_constant<int, 1>{}, channels);
}

template <class T, class C>
MG_HD void copy_run(T* to, const T* from, C channels) {
  std::memcpy(to, from, size_t(channels) * sizeof(T));
}

// One row of a patch from one source. to: first real pixel; row: of the target grid, in [0, H).
template <class T>
void gather_row(const ChunkPlan& p, int dimensions, const SourceView<T>& s, i64 image, i64 row, T* to) {
  const i64 step = p.channels, W = p.width;
  with_channels<T>(s.channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    if (!s.value) {
      for (i64 x = 0; x < W; x++) std::memset(to + x * step, 0, size_t(C) * sizeof(T));
    } else if (s.map == Map::same) {
      const T* from = s.value + (image * p.height + row) * W * s.stride;
      for (i64 x = 0; x < W; x++) copy_run(to + x * step, from + x * s.stride, C);
    } else if (s.map == Map::up) {
      const i64 height = dimensions == 1 ? 1 : p.height / 2, y = dimensions == 1 ? 0 : up_source(row), width = W / 2;
      const T* from = s.value + (image * height + y) * width * C;
      for (i64 x = 0; x < width; x++) {
        copy_run(to + up_first(x) * step, from + x * C, C);
        copy_run(to + (up_first(x) + 1) * step, from + x * C, C);
      }
    } else {
      const i64 height = dimensions == 1 ? 1 : p.height * 2, y = dimensions == 1 ? 0 : pool_first(row), width = W * 2;
      const T* a = s.value + (image * height + y) * width * C;
      const T* b = dimensions == 1 ? a : a + width * C;
      for (i64 x = 0; x < W; x++, a += 2 * C, b += 2 * C) {
        for (i64 c = 0; c < C; c += lanes) {
          const auto a0 = S::load(a + c), a1 = S::load(a + C + c), b0 = S::load(b + c), b1 = S::load(b + C + c);
          S::store(to + x * step + c, larger(larger(a0, a1), larger(b0, b1)));
        }
      }
    }
  });
}

template <class T>
void gather(const ChunkPlan& p, const Chunk& chunk, int dimensions, const SourceView<T>* sources, int count, T* patch) {
  const i64 rows = chunk.rows + 2 * p.pad_h, side = p.pad_w * p.channels;
  for (i64 s = 0; s < chunk.samples; s++) {
    T* line = patch + s * (p.rows_per + 2 * p.pad_h) * p.row_stride();
    for (i64 r = 0; r < rows; r++, line += p.row_stride()) {
      const i64 y = chunk.row + r - p.pad_h;
      if (!inside(y, p.height)) {
        std::memset(line, 0, size_t(p.row_stride()) * sizeof(T));
        continue;
      }
      for (i64 k = 0; k < side; k++) line[k] = line[p.row_stride() - side + k] = T(0);
      T* to = line + side;
      for (int j = 0; j < count; j++) {
        gather_row(p, dimensions, sources[j], chunk.sample + s, y, to);
        to += sources[j].channels;
      }
    }
  }
}

// The transpose of gather_row: a doubled cell collects from its fine cells, a pooled one sends to the first maximum.
template <class T>
void scatter_row(const ChunkPlan& p, int dimensions, const SourceView<T>& s, i64 image, i64 row, const T* dx, i64 stride) {
  const i64 W = p.width;
  with_channels<T>(s.channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto more = [](T* to, V d) { S::store(to, S::load(to) + d); };
    if (s.map == Map::same) {
      T* to = s.grad + (image * p.height + row) * W * C;
      for (i64 x = 0; x < W; x++, to += C, dx += stride) {
        if (s.assign) copy_run(to, dx, C);
        else for (i64 c = 0; c < C; c += lanes) more(to + c, S::load(dx + c));
      }
    } else if (s.map == Map::up) {
      const i64 height = dimensions == 1 ? 1 : p.height / 2, y = dimensions == 1 ? 0 : up_source(row), width = W / 2;
      T* to = s.grad + (image * height + y) * width * C;
      for (i64 x = 0; x < width; x++, to += C, dx += 2 * stride) {
        for (i64 c = 0; c < C; c += lanes) more(to + c, S::load(dx + c) + S::load(dx + stride + c));
      }
    } else {
      const bool two = dimensions == 2;
      const i64 height = two ? p.height * 2 : 1, y = two ? pool_first(row) : 0, width = W * 2;
      const i64 at = (image * height + y) * width * C, below = two ? width * C : 0;
      const T* a = s.value + at;
      T* to = s.grad + at;
      const V zero{};
      for (i64 x = 0; x < W; x++, a += 2 * C, to += 2 * C, dx += stride) {
        for (i64 c = 0; c < C; c += lanes) {
          const V a0 = S::load(a + c), a1 = S::load(a + C + c), d = S::load(dx + c);
          const V top = a1 > a0 ? a1 : a0, d_left = a1 > a0 ? zero : d, d_right = a1 > a0 ? d : zero;
          if (!two) {
            more(to + c, d_left), more(to + C + c, d_right);
            continue;
          }
          const V b0 = S::load(a + below + c), b1 = S::load(a + below + C + c);
          const V bottom = b1 > b0 ? b1 : b0, e_left = b1 > b0 ? zero : d, e_right = b1 > b0 ? d : zero;
          more(to + c, bottom > top ? zero : d_left), more(to + C + c, bottom > top ? zero : d_right);
          more(to + below + c, bottom > top ? e_left : zero), more(to + below + C + c, bottom > top ? e_right : zero);
        }
      }
    }
  });
}

template <class T>
void scatter(const ChunkPlan& p, const Chunk& chunk, int dimensions, const SourceView<T>* sources, int count, const T* dx,
             i64 stride) {
  for (i64 s = 0; s < chunk.samples; s++) {
    for (i64 r = 0; r < chunk.rows; r++) {
      const T* from = dx + (s * chunk.rows + r) * p.width * stride;
      for (int j = 0; j < count; j++) {
        if (!sources[j].grad) continue;
        scatter_row(p, dimensions, sources[j], chunk.sample + s, chunk.row + r, from, stride);
        from += sources[j].channels;
      }
    }
  }
}

constexpr i64 block_values = 1024;  // of each plane, so that the planes of a block stay in the first-level cache

template <class T, class F>
MG_HD void each_lane(i64 n, F&& f) {
  constexpr int N = wide<T>;
  i64 k = 0;
  for (; k + N <= n; k += N) f(k, N);
  if (k < n) f(k, int(n - k));
}

template <class T>
struct Part {  // whole vectors, or the first n lanes
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  static MG_HD V load(const T* p, int n) { return n == wide<T> ? S::load(p) : S::load_part(p, n); }
  static MG_HD void store(T* p, V v, int n) {
    if (n == wide<T>) S::store(p, v);
    else S::store_part(p, v, n);
  }
};

// Four planes, `plane` values apart.
template <class T, class V = typename Part<T>::V>
MG_HD Gates<V> load_gates(const T* p, i64 plane, int n) {
  using P = Part<T>;
  return {P::load(p, n), P::load(p + plane, n), P::load(p + 2 * plane, n), P::load(p + 3 * plane, n)};
}
template <class T, class V>
MG_HD void store_gates(T* p, i64 plane, const Gates<V>& a, int n) {
  using P = Part<T>;
  P::store(p, a.i, n), P::store(p + plane, a.u, n), P::store(p + 2 * plane, a.f, n), P::store(p + 3 * plane, a.o, n);
}

template <class T>
void cell_forward(const CellJob<T>& job) {
  using P = Part<T>;
  using V = typename P::V;
  const i64 C = job.channels, per = block_values / C;
  T planes[4][block_values], peepholes[3][block_values];
  const bool direct = C % wide<T> == 0;
  if (job.peephole) {
    for (int k = 0; k < 3; k++) {
      for (i64 m = 0; m < per; m++) copy_run(peepholes[k] + m * C, job.peephole + k * C, C);
    }
  }
  const V forget = Simd<T, wide<T>>::splat(job.forget_bias);
  for (i64 first = 0; first < job.pixels; first += per) {
    const i64 pixels = job.pixels - first < per ? job.pixels - first : per, at = first * C;
    const T* sums = job.sums + first * 4 * C;
    if (!direct) {
      with_channels<T>(C, [&](auto, auto c) {
        for (i64 m = 0; m < pixels; m++) {
          for (int k = 0; k < 4; k++) copy_run(planes[k] + m * c, sums + (m * 4 + k) * c, c);
        }
      });
    }
    // f(value, lanes, its sum i, values from there to u): one plane of sums after another, or the four of a pixel side by side.
    auto each = [&](auto f) {
      if (direct) {
        for (i64 m = 0; m < pixels; m++) {
          for (i64 c = 0; c < C; c += wide<T>) f(m * C + c, wide<T>, sums + m * 4 * C + c, C);
        }
      } else {
        each_lane<T>(pixels * C, [&](i64 k, int n) { f(k, n, planes[0] + k, block_values); });
      }
    };
    // Two walks: in one, the chain from c to h would leave too few independent operations in sight.
    each([&](i64 k, int n, const T* from, i64 plane) {
      const V c_prev = job.c_prev ? P::load(job.c_prev + at + k, n) : V{};
      Gates<V> a{P::load(from, n), P::load(from + plane, n), P::load(from + 2 * plane, n), V{}};
      V c;
      if (job.peephole) {
        const Peephole<V> p{P::load(peepholes[0] + k, n), P::load(peepholes[1] + k, n), V{}};
        c = new_cell(a, c_prev, forget, p);
      } else {
        c = new_cell(a, c_prev, forget);
      }
      P::store(job.c + at + k, c, n);
      if (!job.gates) return;
      T* const gates = job.gates + at + k;
      P::store(gates, a.i, n), P::store(gates + job.plane, a.u, n), P::store(gates + 2 * job.plane, a.f, n);
    });
    each([&](i64 k, int n, const T* from, i64 plane) {
      const V c = P::load(job.c + at + k, n);
      V o = P::load(from + 3 * plane, n);
      if (job.peephole) o = o + P::load(peepholes[2] + k, n) * c;
      P::store(job.h + at + k, new_hidden(o, c), n);
      if (job.gates) P::store(job.gates + at + k + 3 * job.plane, o, n);
    });
  }
}

template <class T>
void cell_backward(const CellJob<T>& job) {
  using P = Part<T>;
  using V = typename P::V;
  const i64 C = job.channels, per = block_values / C;
  T planes[4][block_values], peepholes[3][block_values];
  if (job.peephole) {
    for (int k = 0; k < 3; k++) {
      for (i64 m = 0; m < per; m++) copy_run(peepholes[k] + m * C, job.peephole + k * C, C);
    }
  }
  for (i64 first = 0; first < job.pixels; first += per) {
    const i64 pixels = job.pixels - first < per ? job.pixels - first : per, at = first * C;
    each_lane<T>(pixels * C, [&](i64 k, int n) {
      const Gates<V> a = load_gates(job.gates + at + k, job.plane, n);
      const V c = P::load(job.c + at + k, n), c_prev = job.c_prev ? P::load(job.c_prev + at + k, n) : V{};
      V dh = P::load(job.dh + at + k, n), dc_prev;
      if (job.dh_next) dh = dh + P::load(job.dh_next + at + k, n);
      const V dc = P::load(job.dc + at + k, n);
      Gates<V> d;
      if (job.peephole) {
        const Peephole<V> p{P::load(peepholes[0] + k, n), P::load(peepholes[1] + k, n), P::load(peepholes[2] + k, n)};
        d = cell_backward(a, c, c_prev, dh, dc, p, dc_prev);
      } else {
        d = cell_backward(a, c, c_prev, dh, dc, dc_prev);
      }
      P::store(job.dc + at + k, dc_prev, n);
      store_gates(planes[0] + k, block_values, d, n);
    });
    T* out = job.dsums + first * job.dsums_stride;
    with_channels<T>(C, [&](auto, auto c) {
      for (i64 m = 0; m < pixels; m++) {
        for (int k = 0; k < 4; k++) copy_run(out + m * job.dsums_stride + k * c, planes[k] + m * c, c);
      }
    });
    for (i64 c = 0; job.dpeephole && c < C; c++) {  // in float64 within a block: thousands of terms that nearly cancel
      double i = 0, f = 0, o = 0;
      for (i64 k = c; k < pixels * C; k += C) {
        const double c_prev = job.c_prev ? job.c_prev[at + k] : T(0);
        i += planes[0][k] * c_prev, f += planes[2][k] * c_prev, o += planes[3][k] * double(job.c[at + k]);
      }
      job.dpeephole[c] += T(i), job.dpeephole[C + c] += T(f), job.dpeephole[2 * C + c] += T(o);
    }
  }
}

template <class T>
void relu(T* x, i64 n) {
  using P = Part<T>;
  const typename P::V zero{};
  each_lane<T>(n, [&](i64 k, int lanes) {
    const auto v = P::load(x + k, lanes);
    P::store(x + k, v < zero ? zero : v, lanes);  // keeps NaN
  });
}

template <class T>
void relu_backward(const T* y, const T* dy, i64 pixels, i64 channels, T* d, i64 stride) {
  with_channels<T>(channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    const typename S::V zero{};
    for (i64 m = 0; m < pixels; m++, d += stride, dy += C) {
      if (!y) {
        copy_run(d, dy, C);
        continue;
      }
      for (i64 c = 0; c < C; c += lanes) S::store(d + c, S::load(y + c) > zero ? S::load(dy + c) : zero);
      y += C;
    }
  });
}

template <class T>
void add(T* to, i64 to_stride, const T* from, i64 from_stride, i64 channels, i64 pixels) {
  with_channels<T>(channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    for (i64 m = 0; m < pixels; m++, to += to_stride, from += from_stride) {
      for (i64 c = 0; c < C; c += lanes) S::store(to + c, S::load(to + c) + S::load(from + c));
    }
  });
}

template <class T>
const StageTable<T>& make_stage_table() {
  static constexpr StageTable<T> table{gather<T>, scatter<T>,        cell_forward<T>, cell_backward<T>,
                                       relu<T>,   relu_backward<T>, add<T>};
  return table;
}

}  // namespace
}  // namespace mg
