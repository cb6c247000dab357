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
                              const DncGradients<T>& grads) {
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
