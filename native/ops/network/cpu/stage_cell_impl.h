// The ConvLSTM cell over the pixels of a chunk, block by block. Equations: lstm_cell.h.
#pragma once
#include "../../../base/lstm_cell.h"
#include "stage_lanes_impl.h"

namespace mg {
namespace {

constexpr i64 block_values = 1024;  // of each plane, so that the planes of a block stay in the first-level cache

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

// The peepholes, if there are any, beside each of `pixels` pixels.
template <class T>
void spread_peepholes(const CellJob<T>& job, i64 pixels, T (&to)[3][block_values]) {
  for (int k = 0; job.peephole && k < 3; k++) {
    for (i64 m = 0; m < pixels; m++) copy_run(to[k] + m * job.channels, job.peephole + k * job.channels, job.channels);
  }
}

template <class T>
void cell_forward(const CellJob<T>& job) {
  using P = Part<T>;
  using V = typename P::V;
  const i64 C = job.channels, per = block_values / C;
  T planes[4][block_values], peepholes[3][block_values];
  const bool direct = C % wide<T> == 0;
  spread_peepholes(job, per, peepholes);
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
  spread_peepholes(job, per, peepholes);
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

}  // namespace
}  // namespace mg
