// Before the gradient of a window of sparse access memories on the GPU, the rows that it touched; behind it, all gradients.
#pragma once
#include "backward.h"

namespace mg {
namespace cuda {

// Places of a list of slots; all must be slots with rows, or -1 from the `needed`-th on.
template <class T>
MG_DEVICE void sam_place(const SamDims& d, const SamBackwardSpace<T>& s, i64 b, const i32* slots, i64 count, i64 needed,
                         i32* places) {
  SlotList list{s.place + b * d.capacity, s.slot + b * d.most_places(), s.places[b]};
  for (i64 k = 0; k < count; k++) {
    const bool there = slots[k] >= 0 && slots[k] < d.capacity;
    if (!there && (slots[k] != -1 || k < needed)) s.sound[b] = 0;
    places[k] = there ? i32(list.place(slots[k])) : -1;
  }
  s.places[b] = i32(list.count);
}

template <class T>
MG_KERNEL(sam_threads) sam_places_kernel(SamBackward<T> job, SamBackwardSpace<T> s) {
  const SamDims& d = job.dims;
  const i64 b = port::block(), live = job.before.counts[2 * b], E = d.mixed(), P = d.most_places();
  by_thread(d.capacity, [&](i64 i) { s.place[b * d.capacity + i] = -1; });
  MG_BARRIER();
  if (port::thread() == 0) {
    s.places[b] = 0, s.sound[b] = live >= 0 && live <= d.live_bound ? 1 : 0;
    i64 t = 0;
    for (; t < d.steps && !past_end(s.lengths, b, t); t++) {
      const i64 at = t * d.batch + b, step = b * d.steps + t;
      sam_place(d, s, b, job.trace.changed + at * d.written(), d.written(), d.heads, s.changed + step * d.written());
      sam_place(d, s, b, job.trace.slots + at * d.read(), d.read(), d.read(), s.slots + step * d.read());
      for (i64 h = 0; d.links > 0 && h < d.heads; h++)
        sam_place(d, s, b, job.trace.mixed_slots + (at * d.heads + h) * E, E, d.kept, s.mixed + (step * d.heads + h) * E);
    }
    for (i64 k = 0; k < d.read(); k++) {
      const i32 slot = job.before.slots[b * d.read() + k];
      i32* const to = s.slots_before + b * d.read() + k;
      *to = -1;
      if (s.sound[b] != 0 && t > 0 && slot >= 0 && slot < live) sam_place(d, s, b, &slot, 1, 1, to);
    }
  }
  MG_BARRIER();
  by_thread(s.places[b] * d.word, [&](i64 i) {
    const i64 p = i / d.word, row = (b * d.capacity + s.slot[b * P + p]) * d.word + i - p * d.word;
    s.memory[b * P * d.word + i] = job.memory_after[row];
    s.dmemory[b * P * d.word + i] = job.dafter.memory == nullptr ? T(0) : job.dafter.memory[row];
  });
}

template <class T>
void sam_start_backward(Stream stream, const SamBackward<T>& job, SamBackwardSpace<T>& s) {
  const SamDims& d = job.dims;
  const i64 B = d.batch, H = d.hidden, D = interface_size(d);
  controller_backward_start<T>(stream, job, s);
  port::launch(sam_places_kernel<T>, B, sam_threads, 0, stream, job, s);
  fill_or_copy(stream, B * d.read(), job.dafter.weights, job.dbefore.weights);
  fill_or_copy(stream, B * d.words(), job.dafter.words, job.dbefore.words);
  fill_or_copy(stream, B * H, job.dafter.hidden, job.dbefore.hidden);
  fill_or_copy(stream, B * H, job.dafter.cell, job.dbefore.cell);
  if (H == 0) {
    fill_or_copy(stream, d.steps * B * D, job.x, s.raw);
    return;
  }
  T* const raw = s.raw;
  const T* const bias = job.weights.interface_bias;
  gemm<T>(stream, GemmDims{1, d.steps * B, D, H, 1}, GemmMatrix<T, true>{job.hidden, 0, H},
          GemmMatrix<T, false>{job.weights.interface, 0, D},
          [=] MG_DEVICE(i64, i64, i64 m, i64 n, T sum) { raw[m * D + n] = bias[n] + sum; });
}

template <class T>
void sam_store_gradients(Stream stream, const SamBackward<T>& job, const SamBackwardSpace<T>& s) {
  const SamDims d = job.dims;
  const i64 W = d.word, before = d.capacity_before, C = d.capacity, P = d.most_places();
  const i32 *const place = s.place, *const counts = job.before.counts;
  const T *const dmemory = s.dmemory, *const memory = s.memory, *const after = job.memory_after,
                 *const dafter = job.dafter.memory;
  T *const to = job.dbefore.memory, *const start = job.start;
  each_element(stream, to == nullptr ? 0 : d.batch * before * W, [=] MG_DEVICE(i64 i) {
    const i64 b = i / (before * W), slot = i / W - b * before, w = i % W;
    const i32 at = place[b * C + slot];
    if (slot >= counts[2 * b]) to[i] = T(0);
    else if (at >= 0) to[i] = dmemory[(b * P + at) * W + w];
    else to[i] = dafter == nullptr ? T(0) : dafter[(b * C + slot) * W + w];
  });
  each_element(stream, start == nullptr ? 0 : d.batch * C * W, [=] MG_DEVICE(i64 i) {
    const i64 b = i / (C * W);
    const i32 at = place[i / W];
    start[i] = at >= 0 ? memory[(b * P + at) * W + i % W] : after[i];
  });
}

}  // namespace cuda
}  // namespace mg
