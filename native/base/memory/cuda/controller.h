// The LSTM controller of a memory on the GPU, all samples at once: its part of a step, forward and backward, and the gradients of
// its weights. A job has dims, x, weights, before, after, hidden, words and trace as DncForward and DncBackward have them.
#pragma once
#include "../controller.h"
#include "../../host/arena.h"
#include "../../cuda/gemm.h"
#include "../../cuda/strips.h"

namespace mg {
namespace cuda {

MG_HD bool past_end(const i64* lengths, i64 b, i64 t) { return lengths != nullptr && t >= lengths[b]; }

// A copy, or zeros from nothing.
template <class T>
void fill_or_copy(Stream stream, i64 count, const T* from, T* to) {
  each_element(stream, count, [=] MG_DEVICE(i64 i) { to[i] = from == nullptr ? T(0) : from[i]; });
}

// [B][rows][columns] to [B][columns][rows]; zeros from nothing.
template <class T>
void transpose_each(Stream stream, i64 batch, i64 rows, i64 columns, const T* from, T* to) {
  each_element(stream, batch * rows * columns, [=] MG_DEVICE(i64 i) {
    const i64 b = i / (rows * columns), at = i - b * rows * columns, column = at / rows, row = at - column * rows;
    to[i] = from == nullptr ? T(0) : from[(b * rows + row) * columns + column];
  });
}

// The lengths travel in the arguments of launches, 64 at a time.
struct Few {
  i64 at[64];
};
inline void put_lengths(Stream stream, const i64* lengths, i64 batch, i64* to) {
  for (i64 first = 0; first < batch; first += 64) {
    Few few{};
    const i64 count = batch - first < 64 ? batch - first : 64;
    for (i64 k = 0; k < count; k++) few.at[k] = lengths[first + k];
    each_element(stream, count, [=] MG_DEVICE(i64 i) { to[first + i] = few.at[i]; });
  }
}

template <class Dims>
i64 longest_of(const i64* lengths, const Dims& d) {
  if (lengths == nullptr) return d.steps;
  i64 longest = 0;
  for (i64 b = 0; b < d.batch; b++) longest = lengths[b] > longest ? lengths[b] : longest;
  return longest;
}

// Sums over a depth of some hundreds, for a few rows: cut, so that there are blocks for most of the machine.
MG_HD i64 controller_slices(i64 depth) { return depth < 128 ? 1 : depth / 64 < 8 ? depth / 64 : 8; }

// partials [slices][rows][columns] = a [rows, depth] b, or b transposed
template <class T, bool Transposed>
void controller_product(Stream stream, i64 rows, i64 depth, i64 columns, const T* a, i64 a_pitch, const T* b, T* partials) {
  gemm<T>(stream, GemmDims{1, rows, columns, depth, controller_slices(depth)}, GemmMatrix<T, true>{a, 0, a_pitch},
          GemmMatrix<T, Transposed>{b, 0, Transposed ? depth : columns},
          [=] MG_DEVICE(i64, i64 slice, i64 m, i64 n, T sum) { partials[(slice * rows + m) * columns + n] = sum; });
}
// Element `at` of `size` from such partial sums, in order.
template <class T>
MG_DEVICE T added_slices(const T* partials, i64 slices, i64 size, i64 at) {
  T sum = partials[at];
  for (i64 slice = 1; slice < slices; slice++) sum += partials[slice * size + at];
  return sum;
}

template <class T>
struct ControllerForwardSpace {
  i64* lengths;  // [B]
  T* inputs;  // [B][I + RW + H]: what the controller sees
  T *gate_sums, *interface_sums;  // [slices][B][4H] and [D]

  template <class Dims>
  ControllerForwardSpace(Arena& a, const Dims& d) {
    lengths = a.take<i64>(d.batch);
    inputs = a.take<T>(d.batch * d.controller_rows());
    gate_sums = a.take<T>(controller_slices(d.controller_rows()) * d.batch * 4 * d.hidden);
    interface_sums = a.take<T>(controller_slices(d.hidden) * d.batch * interface_size(d));
  }
};

// Lengths to the device, and what the controller sees at the first step.
template <class T, class Job, class Space>
void controller_start(Stream stream, const Job& job, Space& s) {
  const auto d = job.dims;
  if (job.lengths == nullptr) s.lengths = nullptr;
  else put_lengths(stream, job.lengths, d.batch, s.lengths);
  if (d.hidden == 0) return;
  const T *const x = job.x, *const words = job.before.words, *const hidden = job.before.hidden;
  const i64 I = d.inputs, R = d.words(), H = d.hidden, K = d.controller_rows();
  T* const inputs = s.inputs;
  each_element(stream, d.batch * K, [=] MG_DEVICE(i64 i) {
    const i64 b = i / K, k = i - b * K;
    inputs[i] = k < I ? x[b * I + k] : k < I + R ? words[b * R + k - I] : hidden[b * H + k - I - R];
  });
}

// Hidden and cell of step t from the sums of the gates; both live in `after` and, hidden, in the inputs.
template <class T, class Job, class Space>
void controller_cell(Stream stream, const Job& job, const Space& s, i64 t) {
  const auto d = job.dims;
  const i64 H = d.hidden, slices = controller_slices(d.controller_rows()), size = d.batch * 4 * H;
  const T limit = controller_limit<T>(d);
  each_element(stream, d.batch * H, [=] MG_DEVICE(i64 i) {
    const i64 b = i / H, j = i - b * H, at = t * d.batch + b;
    if (past_end(s.lengths, b, t)) {
      job.hidden[at * H + j] = T(0);
      return;
    }
    const auto sum = [&](i64 gate) {
      return job.weights.gates_bias[gate * H + j] + added_slices(s.gate_sums, slices, size, (b * 4 + gate) * H + j);
    };
    const Gates<T> sums{sum(0), sum(1), sum(2), sum(3)};
    Gates<T> a;
    const State<T> next = cell(sums, job.after.cell[i], T(d.forget_bias), a);
    const T h = controller_within(next.h, limit), c = controller_within(next.c, limit);
    job.after.hidden[i] = job.hidden[at * H + j] = s.inputs[b * d.controller_rows() + d.inputs + d.words() + j] = h;
    job.after.cell[i] = c;
    if (job.trace.gates == nullptr) return;
    store_gates(job.trace.gates + at * 4 * H + j, H, a);
    job.trace.cell[at * H + j] = c;
  });
}

// Sums of the interface at step t.
template <class T, class Job, class Space>
void controller_step(Stream stream, const Job& job, const Space& s, i64 t) {
  const auto& d = job.dims;
  const i64 H = d.hidden, K = d.controller_rows();
  if (H == 0) return;
  controller_product<T, false>(stream, d.batch, K, 4 * H, s.inputs, K, job.weights.gates, s.gate_sums);
  controller_cell<T>(stream, job, s, t);
  controller_product<T, false>(stream, d.batch, H, interface_size(d), s.inputs + d.inputs + d.words(), K, job.weights.interface,
                               s.interface_sums);
}
// Element k of the interface of sample b at step t.
template <class T, class Job, class Space>
MG_DEVICE T raw_interface(const Job& job, const Space& s, i64 t, i64 b, i64 k) {
  const auto& d = job.dims;
  const i64 D = interface_size(d);
  if (d.hidden == 0) return job.x[(t * d.batch + b) * D + k];
  return job.weights.interface_bias[k] + added_slices(s.interface_sums, controller_slices(d.hidden), d.batch * D, b * D + k);
}

template <class T>
struct ControllerBackwardSpace {
  i64* lengths;
  T *hidden_sums, *input_sums;  // [slices][B][H] and [I + RW + H]
  T *dgates, *dinterface, *inputs;  // [T][B][4H], [D], [I + RW + H]
  T* slices;  // of the weight gradients
  double* biases;

  template <class Dims>
  ControllerBackwardSpace(Arena& a, const Dims& d) {
    const i64 B = d.batch, H = d.hidden, K = d.controller_rows(), D = interface_size(d), rows = d.steps * B;
    lengths = a.take<i64>(B);
    hidden_sums = a.take<T>(controller_slices(D) * B * H);
    input_sums = a.take<T>(controller_slices(4 * H) * B * K);
    dgates = a.take<T>(rows * 4 * H);
    dinterface = a.take<T>(rows * D);
    inputs = a.take<T>(H == 0 ? 0 : rows * K);
    const i64 gate_size = K * 4 * H, size = H * D;
    const i64 gate_slices = gemm_slices(rows, gate_size) * gate_size, interface_slices = gemm_slices(rows, size) * size;
    slices = a.take<T>(gate_slices > interface_slices ? gate_slices : interface_slices);
    biases = a.take<double>(H == 0 ? 0 : ceil_div(rows, 256) * (4 * H > D ? 4 * H : D));
  }
};

// Lengths to the device; zeros where no sample goes on.
template <class T, class Job, class Space>
void controller_backward_start(Stream stream, const Job& job, Space& s) {
  const auto& d = job.dims;
  if (job.lengths == nullptr) s.lengths = nullptr;
  else put_lengths(stream, job.lengths, d.batch, s.lengths);
  const i64 B = d.batch, H = d.hidden, D = interface_size(d), longest = longest_of(job.lengths, d),
            rest = (d.steps - longest) * B;
  fill_or_copy<T>(stream, rest * d.inputs, nullptr, job.dx + longest * B * d.inputs);
  fill_or_copy<T>(stream, rest * 4 * H, nullptr, s.dgates + longest * B * 4 * H);
  fill_or_copy<T>(stream, rest * D, nullptr, s.dinterface + longest * B * D);
}

// From the gradients at the interface: those at the sums of the gates, at x, and at words and hidden of the step before.
template <class T, class Job, class Space>
void controller_backward(Stream stream, const Job& job, const Space& s, i64 t) {
  const auto d = job.dims;
  const i64 B = d.batch, H = d.hidden, K = d.controller_rows(), D = interface_size(d);
  if (H == 0) {
    each_element(stream, B * D, [=] MG_DEVICE(i64 i) { job.dx[t * B * D + i] = s.dinterface[t * B * D + i]; });
    each_element(stream, B * d.words(), [=] MG_DEVICE(i64 i) {
      if (!past_end(s.lengths, i / d.words(), t)) job.dbefore.words[i] = T(0);
    });
    return;
  }
  controller_product<T, true>(stream, B, D, H, s.dinterface + t * B * D, D, job.weights.interface, s.hidden_sums);
  const T limit = controller_limit<T>(d);
  each_element(stream, B * H, [=] MG_DEVICE(i64 i) {
    const i64 b = i / H, j = i - b * H, at = t * B + b;
    T* const dsums = s.dgates + at * 4 * H + j;
    if (past_end(s.lengths, b, t)) {
      for (int gate = 0; gate < 4; gate++) dsums[gate * H] = T(0);
      return;
    }
    const T before = t > 0 ? job.trace.cell[(at - B) * H + j] : job.before.cell[i];
    T dh = job.dbefore.hidden[i] + added_slices(s.hidden_sums, controller_slices(D), B * H, i);
    if (job.dhidden != nullptr) dh += job.dhidden[at * H + j];
    const Gates<T> gates = load_gates(job.trace.gates + at * 4 * H + j, H);
    store_gates(dsums, H, controller_gradient(gates, before, limit, dh, job.dbefore.cell[i]));
  });
  controller_product<T, true>(stream, B, 4 * H, K, s.dgates + t * B * 4 * H, 4 * H, job.weights.gates, s.input_sums);
  each_element(stream, B * K, [=] MG_DEVICE(i64 i) {
    const i64 b = i / K, k = i - b * K;
    const bool past = past_end(s.lengths, b, t);
    const T sum = past ? T(0) : added_slices(s.input_sums, controller_slices(4 * H), B * K, i);
    if (k < d.inputs) job.dx[(t * B + b) * d.inputs + k] = sum;
    else if (past) return;
    else if (k < d.inputs + d.words()) job.dbefore.words[b * d.words() + k - d.inputs] = sum;
    else job.dbefore.hidden[b * H + k - d.inputs - d.words()] = sum;
  });
}

// weight [K][columns] = a^T d and bias = column sums of d.
template <class T>
void weight_gradient(Stream stream, const T* a, i64 K, const T* d, i64 columns, i64 rows, T* weight, T* bias, T* slices,
                     double* partials) {
  const i64 size = K * columns, count = gemm_slices(rows, size);
  T* const sums = count == 1 ? weight : slices;
  gemm<T>(stream, GemmDims{1, K, columns, rows, count}, GemmMatrix<T, false>{a, 0, K}, GemmMatrix<T, false>{d, 0, columns},
          [=] MG_DEVICE(i64, i64 slice, i64 k, i64 n, T sum) { sums[slice * size + k * columns + n] = sum; });
  if (count > 1) add_slices(stream, count, size, sums, weight);
  reduce_strips<AddUp>(
      stream, StripDims{1, rows, columns, 256}, partials,
      [=] MG_DEVICE(i64, i64 row, i64 column) { return double(d[row * columns + column]); },
      [=] MG_DEVICE(i64, i64 column, double total) { bias[column] = T(total); });
}

// What the controller saw at every step; zero past a sample's length.
template <class T, class Job, class Space>
void gather_inputs(Stream stream, const Job& job, const Space& s) {
  const auto d = job.dims;
  const i64 B = d.batch, K = d.controller_rows(), R = d.words(), H = d.hidden;
  each_element(stream, d.steps * B * K, [=] MG_DEVICE(i64 i) {
    const i64 at = i / K, k = i - at * K, t = at / B, b = at - t * B;
    T x = 0;
    if (!past_end(s.lengths, b, t)) {
      if (k < d.inputs) x = job.x[at * d.inputs + k];
      else if (k < d.inputs + R) x = t > 0 ? job.words[(at - B) * R + k - d.inputs] : job.before.words[b * R + k - d.inputs];
      else x = t > 0 ? job.hidden[(at - B) * H + k - d.inputs - R] : job.before.hidden[b * H + k - d.inputs - R];
    }
    s.inputs[i] = x;
  });
}

template <class T, class Job, class Space>
void controller_weight_gradients(Stream stream, const Job& job, const Space& s) {
  const auto& d = job.dims;
  const i64 H = d.hidden, rows = d.steps * d.batch;
  if (H == 0) return;
  gather_inputs<T>(stream, job, s);
  weight_gradient<T>(stream, s.inputs, d.controller_rows(), s.dgates, 4 * H, rows, job.dweights.gates, job.dweights.gates_bias,
                     s.slices, s.biases);
  weight_gradient<T>(stream, job.hidden, H, s.dinterface, interface_size(d), rows, job.dweights.interface,
                     job.dweights.interface_bias, s.slices, s.biases);
}

}  // namespace cuda
}  // namespace mg
