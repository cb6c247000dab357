// The gradient of windows: the rows that a window touched, then backward through it step by step while they are rolled back.
#pragma once
#include "access_backward_impl.h"
#include "window_impl.h"

namespace mg {
namespace {

// The place of a slot, with its row and the gradient there at the end of the window.
template <class T>
i32 place_of(const SamBackward<T>& job, i64 b, i32 slot, SamReplay<T>& s) {
  const SamDims& d = job.dims;
  i32& place = s.place[slot];
  if (place < 0) {
    place = i32(s.places++);
    s.slot[place] = slot;
    const i64 row = (b * d.capacity + slot) * d.word;
    copy(s.memory + i64(place) * d.word, job.memory_after + row, d.word);
    load_plain(s.dmemory + i64(place) * d.word, job.dafter.memory ? job.dafter.memory + row : nullptr, d.word);
  }
  return place;
}

// Places of a list of slots; all must be slots with rows, or -1 where that is allowed. From the `needed`-th on it is.
template <class T>
void place_slots(const SamBackward<T>& job, i64 b, const i32* slots, i64 count, i64 needed, i32* places, SamReplay<T>& s) {
  for (i64 k = 0; k < count; k++) {
    const bool there = slots[k] >= 0 && slots[k] < job.dims.capacity;
    s.sound = s.sound && (there || (slots[k] == -1 && k >= needed));
    places[k] = there ? place_of(job, b, slots[k], s) : -1;
  }
}

template <class T>
void load_replay(const SamBackward<T>& job, i64 b, SamReplay<T>& s) {
  const SamDims& d = job.dims;
  const i64 length = length_of(d, job.lengths, b), live = job.before.counts[2 * b];
  s.places = 0;
  s.sound = live >= 0 && live <= d.live_bound;
  for (i64 slot = 0; slot < d.capacity; slot++) s.place[slot] = -1;
  for (i64 t = 0; t < length; t++) {
    const i64 at = t * d.batch + b;
    place_slots(job, b, job.trace.changed + at * d.written(), d.written(), d.heads, s.changed + t * d.written(), s);
    place_slots(job, b, job.trace.slots + at * d.read(), d.read(), d.read(), s.slots + t * d.read(), s);
    const i64 E = d.mixed();
    for (i64 h = 0; d.links > 0 && h < d.heads; h++)
      place_slots(job, b, job.trace.mixed_slots + (at * d.heads + h) * E, E, d.kept, s.mixed + (t * d.heads + h) * E, s);
  }
  for (i64 k = 0; k < d.read(); k++) {
    const i32 slot = job.before.slots[b * d.read() + k];
    s.slots_before[k] = s.sound && length > 0 && slot >= 0 && slot < live ? place_of(job, b, slot, s) : -1;
  }
  const SamState<const T>& g = job.dafter;
  load_plain(s.carry.weights, at_row(g.weights, b, d.read()), d.read());
  load_controller_carry(d, g, b, s.carry);
}

// The interface of the samples `active` at step t, as forward had it.
template <class T>
void interface_again(const SamBackward<T>& job, i64 t, i64 first, const i64* active, i64 count,
                     const SamBackwardScratch<T>& scratch) {
  const SamDims& d = job.dims;
  const i64 D = interface_size(d);
  T* raw[most_samples];
  const T* hidden[most_samples];
  for (i64 k = 0; k < count; k++) {
    const i64 at = t * d.batch + first + active[k];
    raw[k] = scratch.interface + active[k] * D;
    hidden[k] = job.hidden + at * d.hidden;
    copy(raw[k], d.hidden ? job.weights.interface_bias : job.x + at * D, D);
  }
  if (d.hidden) products(count, raw, hidden, d.hidden, job.weights.interface, D);
}

template <class T>
void access_backward_at(const SamBackward<T>& job, i64 t, i64 b, SamReplay<T>& s, const T* raw,
                        const SamBackwardScratch<T>& scratch, T* draw) {
  const SamDims& d = job.dims;
  const i64 at = t * d.batch + b, before = at - d.batch, D = interface_size(d);
  if (!s.sound) {
    for (i64 k = 0; k < D; k++) draw[k] = std::numeric_limits<T>::quiet_NaN();
    return;
  }
  const SamStep<T> step{raw,
                        job.trace.rows + at * d.written() * d.word,
                        s.changed + t * d.written(),
                        s.slots + t * d.read(),
                        t ? s.slots + (t - 1) * d.read() : s.slots_before,
                        job.trace.weights + at * d.read(),
                        t ? job.trace.weights + before * d.read() : job.before.weights + b * d.read(),
                        s.mixed + t * d.heads * d.mixed(),
                        at_row(job.trace.mixed, at, 3 * d.heads * d.mixed())};
  add_words_gradient(job, at, s.carry);
  access_backward(d, step, s.carry.words, s.carry.weights, s, draw, scratch);
}

template <class T>
void store_gradients(const SamBackward<T>& job, i64 b, const SamReplay<T>& s) {
  const SamDims& d = job.dims;
  const SamState<T>& to = job.dbefore;
  copy(to.weights + b * d.read(), s.carry.weights, d.read());
  store_controller(d, s.carry, to, b);
  const i64 live = job.before.counts[2 * b], W = d.word;
  for (i64 i = 0; to.memory && i < d.capacity_before; i++) {
    T* row = to.memory + (b * d.capacity_before + i) * W;
    if (i >= live) clear(row, W);
    else if (s.place[i] >= 0) copy(row, s.dmemory + i64(s.place[i]) * W, W);
    else load_plain(row, at_row(job.dafter.memory, b * d.capacity + i, W), W);
  }
  if (!job.start) return;
  copy(job.start + b * d.capacity * W, job.memory_after + b * d.capacity * W, d.capacity * W);
  for (i64 p = 0; p < s.places; p++) copy(job.start + (b * d.capacity + s.slot[p]) * W, s.memory + p * W, W);
}

template <class T>
void window_backward(const SamBackward<T>& job, i64 first, i64 count, const SamBackwardScratch<T>& scratch,
                     const ControllerGradients<T>& grads) {
  const SamDims& d = job.dims;
  const i64 D = interface_size(d);
  for (i64 g = 0; g < count; g++) load_replay(job, first + g, scratch.samples[g]);
  for (i64 t = clear_gradients_past_ends(job, first, count, grads) - 1; t >= 0; t--) {
    i64 active[most_samples];
    const i64 running = running_at(job, t, first, count, active);
    interface_again(job, t, first, active, running, scratch);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k], b = first + g;
      access_backward_at(job, t, b, scratch.samples[g], scratch.interface + g * D, scratch,
                         grads.interface + (t * d.batch + b) * D);
    }
    controller_backward_step<T>(job, t, first, active, running, scratch, grads);
  }
  for (i64 g = 0; g < count; g++) store_gradients(job, first + g, scratch.samples[g]);
}

}  // namespace
}  // namespace mg
