// The beginning of a window of sparse access memories on the GPU: the state before becomes the one after, in which the window
// runs. Only live rows are copied; what lies past them is zero.
#pragma once
#include "step.h"

namespace mg {
namespace cuda {

// Whether the numbers of a state keep to the memory that they point into: sam_sound, by a block for each sample.
template <class T>
MG_KERNEL(sam_threads) sam_sound_kernel(SamForward<T> job, SamForwardSpace<T> s) {
  const SamDims& d = job.dims;
  const i64 b = port::block();
  const i32 *const counts = job.before.counts + 2 * b, *const ring = job.before.ring + b * 2 * (d.capacity_before + 1);
  const bool counted = counts[0] >= 0 && counts[0] <= d.live_bound && counts[1] >= 0 && counts[1] <= counts[0];
  float wrong = counted ? 0 : 1;
  if (counted) by_thread(2 * (i64(counts[0]) + 1), [&](i64 k) { wrong += ring[k] >= 0 && ring[k] <= counts[0] ? 0 : 1; });
  const float all = block_sum(wrong, port::shared<char>());
  if (port::thread() == 0) s.sound[b] = all > 0 ? 0 : 1;
}

// The first `live` rows of each sample, [B][before][width] to [B][after][width], and zeros behind them.
template <class V, class Live>
void copy_rows(Stream stream, i64 batch, i64 before, i64 after, i64 width, const V* from, V* to, Live live) {
  each_element(stream, batch * after * width, [=] MG_DEVICE(i64 i) {
    const i64 b = i / (after * width), k = i - b * after * width;
    to[i] = k < live(b) * width ? from[b * before * width + k] : V(0);
  });
}

template <class T>
void sam_load_state(Stream stream, const SamForward<T>& job, const SamForwardSpace<T>& s) {
  const SamDims d = job.dims;
  const SamState<const T> from = job.before;
  const SamState<T> to = job.after;
  const i64 B = d.batch;
  const i32* const sound = s.sound;
  const i64* const lengths = s.lengths;
  const auto live = [=] MG_DEVICE(i64 b) { return sound[b] != 0 ? i64(from.counts[2 * b]) : i64(0); };
  const auto nodes = [=] MG_DEVICE(i64 b) { return sound[b] != 0 ? i64(from.counts[2 * b]) + 1 : i64(1); };
  if (to.memory != from.memory) {
    copy_rows(stream, B, d.capacity_before, d.capacity, d.word, from.memory, to.memory, live);
    copy_rows(stream, B, d.capacity_before + 1, d.capacity + 1, 2, from.ring, to.ring, nodes);
  }
  if (d.links > 0 && to.link_weights != from.link_weights) {
    copy_rows(stream, B, d.capacity_before, d.capacity, 2 * d.linked(), from.link_slots, to.link_slots, live);
    copy_rows(stream, B, d.capacity_before, d.capacity, 2 * d.linked(), from.link_weights, to.link_weights, live);
  }
  fill_or_copy(stream, B * d.linked(), from.precedence_slots, to.precedence_slots);
  fill_or_copy(stream, B * d.linked(), from.precedence_weights, to.precedence_weights);
  fill_or_copy(stream, B * 2, from.counts, to.counts);
  const i64 read = d.read();
  each_element(stream, B * read, [=] MG_DEVICE(i64 i) {
    const bool is_known = past_end(lengths, i / read, 0) || from.slots[i] < live(i / read);
    to.slots[i] = is_known ? from.slots[i] : -1;
  });
  fill_or_copy(stream, B * read, from.weights, to.weights);
  fill_or_copy(stream, B * d.words(), from.words, to.words);
  fill_or_copy(stream, B * d.hidden, from.hidden, to.hidden);
  fill_or_copy(stream, B * d.hidden, from.cell, to.cell);
  i32 *const mark = s.temps.mark, *const mixed_mark = s.temps.mixed_mark;
  each_element(stream, B * d.capacity, [=] MG_DEVICE(i64 i) { mark[i] = -1; });
  each_element(stream, d.links > 0 ? B * d.heads * d.capacity : 0, [=] MG_DEVICE(i64 i) { mixed_mark[i] = -1; });
}

// Lists of links, and all rows where all are searched.
template <class T>
MG_KERNEL(sam_threads) sam_load_kernel(SamForward<T> job, SamForwardSpace<T> s) {
  const SamDims& d = job.dims;
  const i64 b = port::block();
  if (s.sound[b] == 0) return;
  const SamSample<T> sample = s.sample(d, job.after, b);
  by_thread(d.links > 0 ? 2 * d.heads : 0, [&](i64 k) { SamLinks<T>{d, sample, s.temps_of(d, b, 0)}.load(int(k % 2), k / 2); });
  MG_BARRIER();
  if (port::thread() == 0 && d.linear() && !past_end(s.lengths, b, 0)) SamRing<T>{d, sample}.touch_to(d.slots);
}

template <class T>
void sam_start_window(Stream stream, const SamForward<T>& job, SamForwardSpace<T>& s) {
  const SamDims& d = job.dims;
  controller_start<T>(stream, job, s);
  port::launch(sam_sound_kernel<T>, d.batch, sam_threads, block_scratch, stream, job, s);
  sam_load_state(stream, job, s);
  if (d.links > 0 || d.linear()) port::launch(sam_load_kernel<T>, d.batch, sam_threads, 0, stream, job, s);
}

}  // namespace cuda
}  // namespace mg
