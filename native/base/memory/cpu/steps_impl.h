// The controller of a group of samples at one step, forward and backward: what all memories with such a controller share. A job
// has dims, x, weights, before and trace; a sample words, hidden and cell.
#pragma once
#include "controller_impl.h"

namespace mg {
namespace {

constexpr i64 most_samples = 64;  // in a group

template <class Dims>
MG_HD i64 length_of(const Dims& d, const i64* lengths, i64 b) {
  return lengths ? lengths[b] : d.steps;
}

template <class T>
void load_plain(T* to, const T* from, i64 count) {
  if (from) copy(to, from, count);
  else clear(to, count);
}
template <class T>
T* at_row(T* x, i64 row, i64 size) {
  return x ? x + row * size : nullptr;
}

// Words, hidden and cell of sample b: as a window begins with them, and as it leaves them or the gradients at them.
template <class Dims, class State, class Sample>
void load_controller(const Dims& d, const State& from, i64 b, const Sample& s) {
  copy(s.words, from.words + b * d.words(), d.words());
  copy(s.hidden, at_row(from.hidden, b, d.hidden), d.hidden);
  copy(s.cell, at_row(from.cell, b, d.hidden), d.hidden);
}
template <class Dims, class Sample, class State>
void store_controller(const Dims& d, const Sample& s, const State& to, i64 b) {
  copy(to.words + b * d.words(), s.words, d.words());
  copy(at_row(to.hidden, b, d.hidden), s.hidden, d.hidden);
  copy(at_row(to.cell, b, d.hidden), s.cell, d.hidden);
}
// The gradients after the window, zero where there are none.
template <class Dims, class State, class Carry>
void load_controller_carry(const Dims& d, const State& from, i64 b, const Carry& c) {
  load_plain(c.words, at_row(from.words, b, d.words()), d.words());
  load_plain(c.hidden, at_row(from.hidden, b, d.hidden), d.hidden);
  load_plain(c.cell, at_row(from.cell, b, d.hidden), d.hidden);
}

// The samples of a group that go on at step t: how many, and which.
template <class Job>
i64 running_at(const Job& job, i64 t, i64 first, i64 count, i64* active) {
  i64 running = 0;
  for (i64 g = 0; g < count; g++) {
    if (t < length_of(job.dims, job.lengths, first + g)) active[running++] = g;
  }
  return running;
}

// Past a sample's length its outputs are zero.
template <class Job>
void clear_outputs_past_ends(const Job& job, i64 first, i64 count) {
  const auto& d = job.dims;
  for (i64 b = first; b < first + count; b++) {
    for (i64 t = length_of(d, job.lengths, b); t < d.steps; t++) {
      const i64 at = t * d.batch + b;
      clear(job.hidden + at * d.hidden, d.hidden);
      clear(job.words + at * d.words(), d.words());
    }
  }
}
// And so are the gradients there. Hands back the length of the longest sample.
template <class T, class Job>
i64 clear_gradients_past_ends(const Job& job, i64 first, i64 count, const ControllerGradients<T>& grads) {
  const auto& d = job.dims;
  const i64 H = d.hidden, D = interface_size(d);
  i64 longest = 0;
  for (i64 b = first; b < first + count; b++) {
    const i64 length = length_of(d, job.lengths, b);
    longest = length > longest ? length : longest;
    for (i64 t = length; t < d.steps; t++) {
      const i64 at = t * d.batch + b;
      clear(grads.gates + at * 4 * H, 4 * H);
      clear(grads.interface + at * D, D);
      clear(job.dx + at * d.inputs, d.inputs);
    }
  }
  return longest;
}

// The outputs of sample g of a group at row `at` of all steps, and what backward needs of its controller.
template <class Job, class Scratch>
void record_controller(const Job& job, i64 at, i64 g, const Scratch& scratch) {
  const auto& d = job.dims;
  const i64 H = d.hidden;
  copy(job.hidden + at * H, scratch.samples[g].hidden, H);
  copy(job.words + at * d.words(), scratch.samples[g].words, d.words());
  if (job.trace.gates == nullptr) return;
  copy(job.trace.gates + at * 4 * H, scratch.gates + g * 4 * H, 4 * H);
  copy(job.trace.cell + at * H, scratch.samples[g].cell, H);
}
// The gradient at the words of this step adds to what the next one carries back.
template <class Job, class Carry>
void add_words_gradient(const Job& job, i64 at, const Carry& carry) {
  const i64 R = job.dims.words();
  for (i64 k = 0; job.dwords && k < R; k++) carry.words[k] += job.dwords[at * R + k];
}

// Raw interface of the samples `active` of the group at step t.
template <class T, class Job, class Scratch>
void controller_step(const Job& job, i64 t, i64 first, const i64* active, i64 count, const Scratch& scratch) {
  const auto& d = job.dims;
  const i64 H = d.hidden, D = interface_size(d);
  T *gates[most_samples], *raw[most_samples];
  const T *x[most_samples], *words[most_samples], *hidden[most_samples];
  for (i64 k = 0; k < count; k++) {
    const i64 g = active[k];
    gates[k] = scratch.gates + g * 4 * H;
    raw[k] = scratch.interface + g * D;
    x[k] = job.x + (t * d.batch + first + g) * d.inputs;
    words[k] = scratch.samples[g].words;
    hidden[k] = scratch.samples[g].hidden;
    if (H) copy(gates[k], job.weights.gates_bias, 4 * H), copy(raw[k], job.weights.interface_bias, D);
    else copy(raw[k], x[k], D);
  }
  if (H == 0) return;
  const T* w = job.weights.gates;
  products(count, gates, x, d.inputs, w, 4 * H);
  products(count, gates, words, d.words(), w + d.inputs * 4 * H, 4 * H);
  products(count, gates, hidden, H, w + (d.inputs + d.words()) * 4 * H, 4 * H);
  for (i64 k = 0; k < count; k++)
    controller_cell(d, gates[k], scratch.samples[active[k]].hidden, scratch.samples[active[k]].cell);
  products(count, raw, hidden, H, job.weights.interface, D);
}

// From the gradients at the interface: those at the sums of the gates, x, words and hidden of the step before.
template <class T, class Job, class Scratch>
void controller_backward_step(const Job& job, i64 t, i64 first, const i64* active, i64 count, const Scratch& scratch,
                              const ControllerGradients<T>& grads) {
  const auto& d = job.dims;
  const i64 H = d.hidden, D = interface_size(d), R = d.words();
  T *dsums[most_samples], *dx[most_samples], *dwords[most_samples], *dhidden[most_samples];
  const T *draw[most_samples], *sums[most_samples];
  for (i64 k = 0; k < count; k++) {
    const i64 g = active[k], at = t * d.batch + first + g;
    sums[k] = dsums[k] = grads.gates + at * 4 * H;
    draw[k] = grads.interface + at * D;
    dx[k] = job.dx + at * d.inputs;
    dwords[k] = scratch.samples[g].carry.words;
    dhidden[k] = scratch.samples[g].carry.hidden;
    if (H == 0) copy(dx[k], draw[k], D), clear(dwords[k], R);
    for (i64 j = 0; job.dhidden && j < H; j++) dhidden[k][j] += job.dhidden[at * H + j];
  }
  if (H == 0) return;
  transposed_products(count, dhidden, draw, H, job.weights.interface, D, true);
  for (i64 k = 0; k < count; k++) {
    const i64 b = first + active[k], at = t * d.batch + b;
    const T* cell_before = t ? job.trace.cell + (at - d.batch) * H : job.before.cell + b * H;
    controller_backward(d, job.trace.gates + at * 4 * H, cell_before, dhidden[k], scratch.samples[active[k]].carry.cell,
                        dsums[k]);
  }
  const T* w = job.weights.gates;
  transposed_products(count, dx, sums, d.inputs, w, 4 * H, false);
  transposed_products(count, dwords, sums, R, w + d.inputs * 4 * H, 4 * H, false);
  transposed_products(count, dhidden, sums, H, w + (d.inputs + R) * 4 * H, 4 * H, false);
}

}  // namespace
}  // namespace mg
