// The ConvLSTM cell over the pixels of a chunk, block by block. Equations: lstm_cell.h.
#pragma once
#include "../../../base/lstm_cell.h"
#include "stage_lanes_impl.h"

namespace mg {
namespace {

constexpr i64 block_values = 1024;  // of each plane, so that the planes of a block stay in the first-level cache

// The pixels of a chunk in blocks: fn(first pixel, pixels).
template <class F>
MG_HD void each_block_of(i64 pixels, i64 channels, F&& fn) {
  const i64 per = block_values / channels;
  for (i64 first = 0; first < pixels; first += per) fn(first, pixels - first < per ? pixels - first : per);
}

// The four sums of each pixel, side by side, and a plane of each: `to_planes` or back.
template <bool ToPlanes, class T>
void turn_sums(T (&planes)[4][block_values], std::conditional_t<ToPlanes, const T, T>* sums, i64 stride, i64 pixels,
               i64 channels) {
  with_channels<T>(channels, [&](auto, auto c) {
    for (i64 m = 0; m < pixels; m++) {
      for (int k = 0; k < 4; k++) {
        if constexpr (ToPlanes) copy_run(planes[k] + m * c, sums + m * stride + k * c, c);
        else copy_run(sums + m * stride + k * c, planes[k] + m * c, c);
      }
    }
  });
}

// The peepholes, if there are any, beside each of `pixels` pixels.
template <class T>
void spread_peepholes(const CellJob<T>& job, i64 pixels, T (&to)[3][block_values]) {
  for (int k = 0; job.peephole && k < 3; k++) {
    for (i64 m = 0; m < pixels; m++) copy_run(to[k] + m * job.channels, job.peephole + k * job.channels, job.channels);
  }
}

// One block, `at` values after the job's first. Two walks: in one, the chain from c to h would leave too few independent
// operations in sight.
template <bool Peepholes, bool Streams, class T>
void cell_block(const CellJob<T>& job, i64 at, i64 values, const T (&sums)[4][block_values],
                const T (&peepholes)[3][block_values]) {
  const T* const before = job.c_prev ? job.c_prev + at : nullptr;
  T *const cells = job.c + at, *const hidden = job.h + at, *const gates = job.gates ? job.gates + at : nullptr;
  const i64 plane = job.plane;
  auto keep = [](auto some, T* p, auto v) {
    if constexpr (Streams) some.stream(p, v);
    else some.store(p, v);
  };
  each_lane<T>(values, [&](i64 k, auto some) {
    using V = typename decltype(some)::V;
    const V c_prev = before ? some.load(before + k) : V{};
    Gates<V> a{some.load(sums[0] + k), some.load(sums[1] + k), some.load(sums[2] + k), V{}};
    const V forget = some.splat(job.forget_bias);
    V c;
    if constexpr (Peepholes) {
      c = new_cell(a, c_prev, forget, Peephole<V>{some.load(peepholes[0] + k), some.load(peepholes[1] + k), V{}});
    } else {
      c = new_cell(a, c_prev, forget);
    }
    some.store(cells + k, c);
    if (!gates) return;
    keep(some, gates + k, a.i), keep(some, gates + plane + k, a.u), keep(some, gates + 2 * plane + k, a.f);
  });
  each_lane<T>(values, [&](i64 k, auto some) {
    using V = typename decltype(some)::V;
    const V c = some.load(cells + k);
    V o = some.load(sums[3] + k);
    if constexpr (Peepholes) o = o + some.load(peepholes[2] + k) * c;
    some.store(hidden + k, new_hidden(o, c));
    if (gates) keep(some, gates + 3 * plane + k, o);
  });
}

template <bool Streams, class T>
void cells_forward(const CellJob<T>& job) {
  const i64 C = job.channels;
  alignas(64) T planes[4][block_values];
  alignas(64) T peepholes[3][block_values];
  spread_peepholes(job, block_values / C, peepholes);
  each_block_of(job.pixels, C, [&](i64 first, i64 pixels) {
    turn_sums<true>(planes, job.sums + first * 4 * C, 4 * C, pixels, C);
    if (job.peephole) cell_block<true, Streams>(job, first * C, pixels * C, planes, peepholes);
    else cell_block<false, Streams>(job, first * C, pixels * C, planes, peepholes);
  });
}

template <class T>
void cell_forward(const CellJob<T>& job) {
  if (!job.gates || !job.streams) return cells_forward<false>(job);
  cells_forward<true>(job);
  streams_end();
}

// One block: the gradients of its sums, plane by plane, and of the cells before.
template <bool Peepholes, class T>
void cell_backward_block(const CellJob<T>& job, i64 at, i64 values, T (&dsums)[4][block_values],
                         const T (&peepholes)[3][block_values]) {
  const T *const gates = job.gates + at, *const cells = job.c + at, *const before = job.c_prev ? job.c_prev + at : nullptr;
  const T *const dhidden = job.dh + at, *const dnext = job.dh_next ? job.dh_next + at : nullptr;
  T* const dcells = job.dc + at;
  const i64 plane = job.plane;
  each_lane<T>(values, [&](i64 k, auto some) {
    using V = typename decltype(some)::V;
    const Gates<V> a = load_gates(gates + k, plane, [some](const T* p) { return some.load(p); });
    const V c = some.load(cells + k), c_prev = before ? some.load(before + k) : V{};
    V dh = some.load(dhidden + k), dc_prev;
    if (dnext) dh = dh + some.load(dnext + k);
    const V dc = some.load(dcells + k);
    Gates<V> d;
    if constexpr (Peepholes) {
      const Peephole<V> p{some.load(peepholes[0] + k), some.load(peepholes[1] + k), some.load(peepholes[2] + k)};
      d = cell_backward(a, c, c_prev, dh, dc, p, dc_prev);
    } else {
      d = cell_backward(a, c, c_prev, dh, dc, dc_prev);
    }
    some.store(dcells + k, dc_prev);
    store_gates(dsums[0] + k, block_values, d, [some](T* p, V v) { some.store(p, v); });
  });
}

// In float64 within a block: thousands of terms that nearly cancel.
template <class T>
void add_peepholes(const CellJob<T>& job, i64 at, i64 values, const T (&dsums)[4][block_values]) {
  const i64 C = job.channels;
  for (i64 c = 0; c < C; c++) {
    double i = 0, f = 0, o = 0;
    for (i64 k = c; k < values; k += C) {
      const double c_prev = job.c_prev ? job.c_prev[at + k] : T(0);
      i += dsums[0][k] * c_prev, f += dsums[2][k] * c_prev, o += dsums[3][k] * double(job.c[at + k]);
    }
    job.dpeephole[c] += T(i), job.dpeephole[C + c] += T(f), job.dpeephole[2 * C + c] += T(o);
  }
}

template <class T>
void cell_backward(const CellJob<T>& job) {
  const i64 C = job.channels;
  alignas(64) T planes[4][block_values];
  alignas(64) T peepholes[3][block_values];
  spread_peepholes(job, block_values / C, peepholes);
  each_block_of(job.pixels, C, [&](i64 first, i64 pixels) {
    const i64 at = first * C, values = pixels * C;
    if (job.peephole) cell_backward_block<true>(job, at, values, planes, peepholes);
    else cell_backward_block<false>(job, at, values, planes, peepholes);
    turn_sums<false>(planes, job.dsums + first * job.dsums_stride, job.dsums_stride, pixels, C);
    if (job.dpeephole) add_peepholes(job, at, values, planes);
  });
}

}  // namespace
}  // namespace mg
