// Windows of the DNC on the GPU, all samples at once: no atomics, every sum in one order.
// Budget: 255 registers, 256 bytes spilled: backward over the links holds 32 loads in flight; float64 is for checks.
#include "../../../base/cuda/strips.h"
#include "backward.h"

namespace mg {
namespace cuda {
namespace {

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
void put_lengths(Stream stream, const i64* lengths, i64 batch, i64* to) {
  for (i64 first = 0; first < batch; first += 64) {
    Few few{};
    const i64 count = batch - first < 64 ? batch - first : 64;
    for (i64 k = 0; k < count; k++) few.at[k] = lengths[first + k];
    each_element(stream, count, [=] MG_DEVICE(i64 i) { to[first + i] = few.at[i]; });
  }
}

i64 longest_of(const i64* lengths, const DncDims& d) {
  if (lengths == nullptr) return d.steps;
  i64 longest = 0;
  for (i64 b = 0; b < d.batch; b++) longest = lengths[b] > longest ? lengths[b] : longest;
  return longest;
}

// Vectors over slots, words, hidden and cell of a state.
template <class T>
void copy_state(Stream stream, const DncDims& d, const DncState<const T>& from, const DncState<T>& to) {
  const i64 B = d.batch, N = d.slots;
  fill_or_copy(stream, B * N, from.usage, to.usage);
  fill_or_copy(stream, B * d.writes * N, from.precedence, to.precedence);
  fill_or_copy(stream, B * d.reads * N, from.read, to.read);
  fill_or_copy(stream, B * d.writes * N, from.write, to.write);
  fill_or_copy(stream, B * d.words(), from.words, to.words);
  fill_or_copy(stream, B * d.hidden, from.hidden, to.hidden);
  fill_or_copy(stream, B * d.hidden, from.cell, to.cell);
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
template <class T>
void gather_inputs(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s) {
  const DncDims d = job.dims;
  const i64 B = d.batch, K = d.controller_rows(), R = d.words(), H = d.hidden;
  each_element(stream, d.steps * B * K, [=] MG_DEVICE(i64 i) {
    const i64 at = i / K, k = i - at * K, t = at / B, b = at - t * B;
    T x = 0;
    if (!dnc_past(s.lengths, b, t)) {
      if (k < d.inputs) x = job.x[at * d.inputs + k];
      else if (k < d.inputs + R) x = t > 0 ? job.words[(at - B) * R + k - d.inputs] : job.before.words[b * R + k - d.inputs];
      else x = t > 0 ? job.hidden[(at - B) * H + k - d.inputs - R] : job.before.hidden[b * H + k - d.inputs - R];
    }
    s.inputs[i] = x;
  });
}

}  // namespace

template <class T>
i64 dnc_forward_bytes(const DncDims& d) {
  Arena a(nullptr);
  DncForwardSpace<T>(a, d);
  return a.used_bytes();
}

template <class T>
void dnc_forward(Stream stream, const DncForward<T>& job, void* workspace) {
  const DncDims& d = job.dims;
  const i64 B = d.batch, N = d.slots, H = d.hidden, longest = longest_of(job.lengths, d), rest = (d.steps - longest) * B;
  Arena a(workspace);
  DncForwardSpace<T> s(a, d);
  if (job.lengths == nullptr) s.lengths = nullptr;
  else put_lengths(stream, job.lengths, B, s.lengths);
  copy_state(stream, d, job.before, job.after);
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
  if (H > 0) {
    const T *const x = job.x, *const words = job.before.words, *const hidden = job.before.hidden;
    const i64 I = d.inputs, R = d.words(), K = d.controller_rows();
    T* const inputs = s.inputs;
    each_element(stream, B * K, [=] MG_DEVICE(i64 i) {
      const i64 b = i / K, k = i - b * K;
      inputs[i] = k < I ? x[b * I + k] : k < I + R ? words[b * R + k - I] : hidden[b * H + k - I - R];
    });
  }
  bool some_stand_still = false;
  for (i64 b = 0; job.lengths != nullptr && b < B; b++) some_stand_still = some_stand_still || job.lengths[b] == 0;
  if (some_stand_still && job.after.link != job.before.link)
    fill_or_copy(stream, B * d.writes * d.links(), job.before.link, job.after.link);
  for (i64 t = 0; t < longest; t++) dnc_step(stream, job, s, t);
  fill_or_copy<T>(stream, rest * H, nullptr, job.hidden + longest * B * H);
  fill_or_copy<T>(stream, rest * d.words(), nullptr, job.words + longest * B * d.words());
  transpose_each<T>(stream, B, d.word, N, s.memory, job.after.memory);
}

template <class T>
i64 dnc_backward_bytes(const DncDims& d, i64 link_budget_bytes, bool wants_link) {
  Arena a(nullptr);
  DncBackwardSpace<T>(a, d, link_budget_bytes, wants_link);
  return a.used_bytes();
}

template <class T>
void dnc_backward(Stream stream, const DncBackward<T>& job, void* workspace) {
  const DncDims& d = job.dims;
  const i64 B = d.batch, N = d.slots, H = d.hidden, D = DncInterface(d).size, longest = longest_of(job.lengths, d),
            rest = (d.steps - longest) * B;
  const i64 matrices = B * d.writes * d.links();
  Arena a(workspace);
  DncBackwardSpace<T> s(a, d, job.link_budget_bytes, job.dbefore.link != nullptr);
  if (job.lengths == nullptr) s.lengths = nullptr;
  else put_lengths(stream, job.lengths, B, s.lengths);
  if (job.dbefore.link != nullptr) s.dlink = job.dbefore.link;
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
  fill_or_copy(stream, B * d.writes * N, job.before.precedence, s.precedence);
  port::launch(dnc_replay_kernel<T>, B, dnc_threads<T>, block_scratch, stream, job, s);
  const i64 last_segment = longest > 0 ? (longest - 1) / s.segment * s.segment : 0;
  const T* link = job.before.link;
  for (i64 t = 0; t < last_segment; t++) {
    T* const to = s.checkpoints + t / s.segment * matrices;
    dnc_update_links(stream, job, s, t, link, to);
    link = to;
  }
  copy_state(stream, d, job.dafter, job.dbefore);
  transpose_each(stream, B, N, d.word, job.dafter.memory, s.dmemory);
  fill_or_copy(stream, matrices, job.dafter.link, s.dlink);
  fill_or_copy<T>(stream, rest * d.inputs, nullptr, job.dx + longest * B * d.inputs);
  fill_or_copy<T>(stream, rest * 4 * H, nullptr, s.dgates + longest * B * 4 * H);
  fill_or_copy<T>(stream, rest * D, nullptr, s.dinterface + longest * B * D);
  for (i64 t = longest - 1; t >= 0; t--) {
    if (t == longest - 1 || t % s.segment == s.segment - 1)
      for (i64 k = t / s.segment * s.segment; k < t; k++)
        dnc_update_links(stream, job, s, k, dnc_links_before(job, s, k), s.links + k % s.segment * matrices);
    dnc_backward_step(stream, job, s, t);
  }
  transpose_each<T>(stream, B, d.word, N, s.dmemory, job.dbefore.memory);
  if (H == 0) return;
  gather_inputs(stream, job, s);
  weight_gradient<T>(stream, s.inputs, d.controller_rows(), s.dgates, 4 * H, d.steps * B, job.dweights.gates,
                     job.dweights.gates_bias, s.slices, s.biases);
  weight_gradient<T>(stream, job.hidden, H, s.dinterface, D, d.steps * B, job.dweights.interface, job.dweights.interface_bias,
                     s.slices, s.biases);
}

#define MG_DNC(T)                                                    \
  template i64 dnc_forward_bytes<T>(const DncDims&);                 \
  template void dnc_forward<T>(Stream, const DncForward<T>&, void*); \
  template i64 dnc_backward_bytes<T>(const DncDims&, i64, bool);     \
  template void dnc_backward<T>(Stream, const DncBackward<T>&, void*);
MG_DNC(float)
MG_DNC(double)
#undef MG_DNC

}  // namespace cuda
}  // namespace mg
