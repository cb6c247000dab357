// Windows of a group of samples, forward; and backward, where the memory of every step is made again first.
#pragma once
#include "access_impl.h"

namespace mg {
namespace {

template <class T>
void load_sample(const DamForward<T>& job, i64 b, const DamSample<T>& s) {
  const DamDims& d = job.dims;
  const DamState<const T>& from = job.before;
  const i64 N = d.slots, pitch = d.pitch();
  transpose_in(s.memory, pitch, from.memory + b * N * d.word, N, d.word);
  pad_vectors(s.usage, pitch, from.usage + b * N, N, 1);
  pad_vectors(s.read, pitch, from.read + b * d.heads * N, N, d.heads);
  load_controller(d, from, b, s);
}

template <class T, class From>
void store_rows(const DamDims& d, const From& s, const DamState<T>& to, i64 b) {
  const i64 N = d.slots, pitch = d.pitch();
  transpose_out(to.memory + b * N * d.word, s.memory, pitch, N, d.word);
  unpad_vectors(to.read + b * d.heads * N, N, s.read, pitch, d.heads);
  store_controller(d, s, to, b);
}

template <class T>
void record_step(const DamForward<T>& job, i64 at, i64 g, const DamForwardScratch<T>& scratch) {
  const DamDims& d = job.dims;
  const DamSample<T>& s = scratch.samples[g];
  const i64 D = interface_size(d), reads = d.heads * d.pitch();
  record_controller(job, at, g, scratch);
  if (job.trace.interface == nullptr) return;
  copy(job.trace.interface + at * D, scratch.interface + g * D, D);
  copy(job.trace.read + at * reads, s.read, reads);
  copy(job.trace.popped + at * d.heads, scratch.temps.popped, d.heads);
}

template <class T>
void window_forward(const DamForward<T>& job, i64 first, i64 count, const DamForwardScratch<T>& scratch) {
  const DamDims& d = job.dims;
  const i64 D = interface_size(d);
  for (i64 g = 0; g < count; g++) load_sample(job, first + g, scratch.samples[g]);
  clear_outputs_past_ends(job, first, count);
  for (i64 t = 0; t < d.steps; t++) {
    i64 active[most_samples];
    const i64 running = running_at(job, t, first, count, active);
    controller_step<T>(job, t, first, active, running, scratch);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k];
      dam_step(d, scratch.interface + g * D, scratch.samples[g], scratch.temps);
      record_step(job, t * d.batch + first + g, g, scratch);
    }
  }
  for (i64 g = 0; g < count; g++) {
    store_rows(d, scratch.samples[g], job.after, first + g);
    unpad_vectors(job.after.usage + (first + g) * d.slots, d.slots, scratch.samples[g].usage, d.pitch(), 1);
  }
}

template <class T>
const T* read_before(const DamBackward<T>& job, i64 t, i64 b, const DamReplay<T>& s) {
  const DamDims& d = job.dims;
  return t ? job.trace.read + ((t - 1) * d.batch + b) * d.heads * d.pitch() : s.read;
}

// Slots that a trace cannot have count as the first.
template <class T>
void popped_at(const DamBackward<T>& job, i64 at, i32* popped) {
  const DamDims& d = job.dims;
  for (i64 h = 0; h < d.heads; h++) {
    const i32 slot = job.trace.popped[at * d.heads + h];
    popped[h] = slot >= 0 && slot < d.slots ? slot : 0;
  }
}

template <class T>
void load_replay(const DamBackward<T>& job, i64 b, const DamReplay<T>& s, const DamTemps<T>& temps) {
  const DamDims& d = job.dims;
  const i64 N = d.slots, pitch = d.pitch(), memory = d.word * pitch;
  transpose_in(s.memory, pitch, job.before.memory + b * N * d.word, N, d.word);
  pad_vectors(s.read, pitch, job.before.read + b * d.heads * N, N, d.heads);
  for (i64 t = 0; t < length_of(d, job.lengths, b); t++) {
    const i64 at = t * d.batch + b;
    access_activate(d, job.trace.interface + at * interface_size(d), temps.act);
    popped_at(job, at, temps.popped);
    dam_write_weights(d, temps.act, read_before(job, t, b, s), temps.popped, temps.write);
    dam_write(d, temps.act, temps.write, temps.popped, s.memory + t * memory, s.memory + (t + 1) * memory);
  }
  const DamState<const T>& g = job.dafter;
  const DamCarry<T>& c = s.carry;
  if (g.memory) transpose_in(c.memory, pitch, g.memory + b * N * d.word, N, d.word);
  else clear(c.memory, memory);
  if (g.read) pad_vectors(c.read, pitch, g.read + b * d.heads * N, N, d.heads);
  else clear(c.read, d.heads * pitch);
  load_controller_carry(d, g, b, c);
}

template <class T>
void backward_at(const DamBackward<T>& job, i64 t, i64 b, const DamReplay<T>& s, const DamBackwardScratch<T>& scratch, T* draw) {
  const DamDims& d = job.dims;
  const i64 at = t * d.batch + b, pitch = d.pitch();
  popped_at(job, at, scratch.temps.popped);
  const DamStep<T> step{job.trace.interface + at * interface_size(d), s.memory + (t + 1) * d.word * pitch,
                        job.trace.read + at * d.heads * pitch, read_before(job, t, b, s), scratch.temps.popped};
  add_words_gradient(job, at, s.carry);
  dam_backward_step(d, step, s.carry, draw, scratch);
}

template <class T>
void window_backward(const DamBackward<T>& job, i64 first, i64 count, const DamBackwardScratch<T>& scratch,
                     const ControllerGradients<T>& grads) {
  const DamDims& d = job.dims;
  const i64 D = interface_size(d);
  for (i64 g = 0; g < count; g++) load_replay(job, first + g, scratch.samples[g], scratch.temps);
  for (i64 t = clear_gradients_past_ends(job, first, count, grads) - 1; t >= 0; t--) {
    i64 active[most_samples];
    const i64 running = running_at(job, t, first, count, active);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k], b = first + g;
      backward_at(job, t, b, scratch.samples[g], scratch, grads.interface + (t * d.batch + b) * D);
    }
    controller_backward_step<T>(job, t, first, active, running, scratch, grads);
  }
  for (i64 g = 0; g < count; g++) {
    store_rows(d, scratch.samples[g].carry, job.dbefore, first + g);
    clear(job.dbefore.usage + (first + g) * d.slots, d.slots);
  }
}

}  // namespace
}  // namespace mg
