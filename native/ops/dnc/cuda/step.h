// One step of the DNC on the GPU, in six launches: the sums of the gates, the cell, the interface; then, a block for each sample,
// write weights and memory; the links, the whole machine for all samples together, and beside them a block for each sample looks
// for the read keys; and a block for each sample again for the reads.
#pragma once
#include "../../../base/cuda/gemm.h"
#include "../../../base/host/arena.h"
#include "link.h"

namespace mg {
namespace cuda {

// Sums over a depth of some hundreds, for a few rows: cut, so that there are blocks for most of the machine.
MG_HD i64 dnc_slices(i64 depth) { return depth < 128 ? 1 : depth / 64 < 8 ? depth / 64 : 8; }

// partials [slices][rows][columns] = a [rows, depth] b, or b transposed
template <class T, bool Transposed>
void dnc_product(Stream stream, i64 rows, i64 depth, i64 columns, const T* a, i64 a_pitch, const T* b, T* partials) {
  gemm<T>(stream, GemmDims{1, rows, columns, depth, dnc_slices(depth)}, GemmMatrix<T, true>{a, 0, a_pitch},
          GemmMatrix<T, Transposed>{b, 0, Transposed ? depth : columns},
          [=] MG_DEVICE(i64, i64 slice, i64 m, i64 n, T sum) { partials[(slice * rows + m) * columns + n] = sum; });
}
// Element `at` of `size` from such partial sums, in order.
template <class T>
MG_DEVICE T dnc_add_slices(const T* partials, i64 slices, i64 size, i64 at) {
  T sum = partials[at];
  for (i64 slice = 1; slice < slices; slice++) sum += partials[slice * size + at];
  return sum;
}

template <class T>
struct DncForwardSpace {
  i64* lengths;  // [B]
  T* memory;  // [B][W][N]
  T* inputs;  // [B][I + RW + H]: what the controller sees
  T *gate_sums, *interface_sums;  // [slices][B][4H] and [D]
  T* act;  // [B][D]
  T *content, *allocation, *simulated;  // [B][heads][N], [B][V][N] twice
  T *along, *against;  // [B][V][tiles across or down][R][N]
  DncSort sort;

  DncForwardSpace(Arena& a, const DncDims& d) {
    const i64 B = d.batch, N = d.slots, D = DncInterface(d).size, heads = d.reads > d.writes ? d.reads : d.writes;
    lengths = a.take<i64>(B);
    memory = a.take<T>(B * d.word * N);
    inputs = a.take<T>(B * d.controller_rows());
    gate_sums = a.take<T>(dnc_slices(d.controller_rows()) * B * 4 * d.hidden);
    interface_sums = a.take<T>(dnc_slices(d.hidden) * B * D);
    act = a.take<T>(B * D);
    content = a.take<T>(B * heads * N);
    allocation = a.take<T>(B * d.writes * N);
    simulated = a.take<T>(B * d.writes * N);
    along = a.take<T>(B * d.writes * link_tiles_across(d) * d.reads * N);
    against = a.take<T>(B * d.writes * link_tiles_down(d) * d.reads * N);
    sort.size = dnc_sort_size(N);
    sort.keys = a.take<std::uint64_t>(sort.size <= dnc_shared_sort ? 0 : B * (sort.size + sort.size / 2));
  }
};

// Hidden and cell of step t from the sums of the gates; both live in `after` and, hidden, in the inputs.
template <class T>
void dnc_cell(Stream stream, const DncForward<T>& job, const DncForwardSpace<T>& s, i64 t) {
  const DncDims d = job.dims;
  const i64 H = d.hidden, slices = dnc_slices(d.controller_rows()), size = d.batch * 4 * H;
  const T limit = dnc_limit<T>(d);
  each_element(stream, d.batch * H, [=] MG_DEVICE(i64 i) {
    const i64 b = i / H, j = i - b * H, at = t * d.batch + b;
    if (dnc_past(s.lengths, b, t)) {
      job.hidden[at * H + j] = T(0);
      return;
    }
    const auto sum = [&](i64 gate) {
      return job.weights.gates_bias[gate * H + j] + dnc_add_slices(s.gate_sums, slices, size, (b * 4 + gate) * H + j);
    };
    const Gates<T> sums{sum(0), sum(1), sum(2), sum(3)};
    Gates<T> a;
    const State<T> next = cell(sums, job.after.cell[i], T(d.forget_bias), a);
    const T h = dnc_within(next.h, limit), c = dnc_within(next.c, limit);
    job.after.hidden[i] = job.hidden[at * H + j] = s.inputs[b * d.controller_rows() + d.inputs + d.words() + j] = h;
    job.after.cell[i] = c;
    if (job.trace.gates == nullptr) return;
    store_gates(job.trace.gates + at * 4 * H + j, H, a);
    job.trace.cell[at * H + j] = c;
  });
}

// Interface, usage, write weights and memory.
template <class T>
MG_KERNEL(dnc_threads<T>) dnc_write_kernel(DncForward<T> job, DncForwardSpace<T> s, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b, heads = d.reads > d.writes ? d.reads : d.writes;
  if (dnc_past(s.lengths, b, t)) return;
  T* const act = s.act + b * at.size;
  by_thread(at.size, [&](i64 k) {
    const auto sum = [&] { return dnc_add_slices(s.interface_sums, dnc_slices(d.hidden), d.batch * at.size, b * at.size + k); };
    const T raw = d.hidden == 0 ? job.x[row * d.inputs + k] : job.weights.interface_bias[k] + sum();
    if (job.trace.interface != nullptr) job.trace.interface[row * at.size + k] = raw;
    act[k] = raw;
  });
  dnc_activate(d, act);
  T *const usage = job.after.usage + b * N, *const write = job.after.write + b * d.writes * N,
           *const memory = s.memory + b * d.word * N;
  const T* const read = job.after.read + b * d.reads * N;
  by_thread(N, [&](i64 n) {
    const T missed = dnc_times_all(T(1), d.writes, [&](i64 v) { return 1 - write[v * N + n]; });
    const T kept = dnc_times_all(T(1), d.reads, [&](i64 r) { return dnc_kept(act[at.free_gates + r], read[r * N + n]); });
    usage[n] = dnc_usage_written(usage[n], T(1 - missed)) * kept;
  });
  T *const content = s.content + b * heads * N, *const allocation = s.allocation + b * d.writes * N;
  dnc_write_addresses<T>(d, act, memory, usage, s.sort.place(b), s.sort.size, nullptr, content, allocation,
                         s.simulated + b * d.writes * N, shared);
  by_thread(N, [&](i64 n) {
    for (i64 v = 0; v < d.writes; v++)
      write[v * N + n] =
          act[at.write_gates + v] * dnc_addressed(act[at.allocation_gates + v], allocation[v * N + n], content[v * N + n]);
    for (i64 w = 0; w < d.word; w++) memory[w * N + n] = dnc_written_at(d, at, act, write + n, N, w, memory[w * N + n]);
  });
  if (job.trace.usage != nullptr) {
    by_thread(N, [&](i64 n) {
      job.trace.usage[row * d.pitch() + n] = usage[n];
      for (i64 v = 0; v < d.writes; v++) job.trace.write[(row * d.writes + v) * d.pitch() + n] = write[v * N + n];
    });
  }
}

// The content weights of the reads of sample b.
template <class T>
MG_DEVICE void dnc_read_content(const DncForward<T>& job, const DncForwardSpace<T>& s, i64 t, i64 b) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  if (dnc_past(s.lengths, b, t)) return;
  const i64 N = d.slots, heads = d.reads > d.writes ? d.reads : d.writes;
  const T* const act = s.act + b * at.size;
  dnc_content<T>(d, s.memory + b * d.word * N, act + at.read_keys, act + at.read_strengths, d.reads, nullptr,
                 s.content + b * heads * N, port::shared<char>());
}

// Precedence, read weights and words; then what the controller sees next.
template <class T>
MG_KERNEL(dnc_threads<T>) dnc_read_kernel(DncForward<T> job, DncForwardSpace<T> s, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b, heads = d.reads > d.writes ? d.reads : d.writes;
  const i64 down = link_tiles_down(d), across = link_tiles_across(d);
  T* const words = job.words + row * d.words();
  if (dnc_past(s.lengths, b, t)) {
    by_thread(d.words(), [&](i64 k) { words[k] = T(0); });
    return;
  }
  const T *const act = s.act + b * at.size, *const content = s.content + b * heads * N, *const memory = s.memory + b * d.word * N;
  T *const read = job.after.read + b * d.reads * N, *const precedence = job.after.precedence + b * d.writes * N;
  const T* const write = job.after.write + b * d.writes * N;
  for (i64 v = 0; v < d.writes; v++) {
    T sum = 0;
    by_thread(N, [&](i64 n) { sum += write[v * N + n]; });
    const T rest = T(1) - block_sum(sum, shared);
    by_thread(N, [&](i64 n) { precedence[v * N + n] = port::fma(rest, precedence[v * N + n], write[v * N + n]); });
  }
  by_thread(N, [&](i64 n) {
    for (i64 r = 0; r < d.reads; r++) {
      const T* const modes = act + at.read_modes + r * d.modes();
      T sum = modes[dnc_content_mode(d)] * content[r * N + n];
      for (i64 v = 0; v < d.writes; v++) {
        const i64 head = b * d.writes + v;
        const T against = dnc_add_slices(s.against + head * down * d.reads * N, down, d.reads * N, r * N + n);
        const T along = dnc_add_slices(s.along + head * across * d.reads * N, across, d.reads * N, r * N + n);
        sum = port::fma(modes[dnc_backward_mode(v)], against, sum);
        sum = port::fma(modes[dnc_forward_mode(d, v)], along, sum);
      }
      read[r * N + n] = sum;
      if (job.trace.read != nullptr) job.trace.read[(row * d.reads + r) * d.pitch() + n] = sum;
    }
  });
  MG_BARRIER();
  T* const inputs = s.inputs + b * d.controller_rows();
  by_warp(d.words(), [&](i64 k, int lane) {
    const i64 r = k / d.word, w = k - r * d.word;
    T sum = 0;
    for (i64 n = lane; n < N; n += 32) sum = port::fma(read[r * N + n], memory[w * N + n], sum);
    sum = warp_sum(sum);
    if (lane == 0) words[k] = job.after.words[b * d.words() + k] = sum;
    if (lane == 0 && d.hidden > 0) inputs[d.inputs + k] = sum;
  });
  if (d.hidden > 0 && t + 1 < d.steps) by_thread(d.inputs, [&](i64 k) { inputs[k] = job.x[(row + d.batch) * d.inputs + k]; });
}

template <class T>
void dnc_step(Stream stream, const DncForward<T>& job, const DncForwardSpace<T>& s, i64 t) {
  const DncDims& d = job.dims;
  const i64 H = d.hidden, K = d.controller_rows(), D = DncInterface(d).size, N = d.slots, shared = dnc_shared_bytes(N);
  if (H > 0) {
    dnc_product<T, false>(stream, d.batch, K, 4 * H, s.inputs, K, job.weights.gates, s.gate_sums);
    dnc_cell(stream, job, s, t);
    dnc_product<T, false>(stream, d.batch, H, D, s.inputs + d.inputs + d.words(), K, job.weights.interface, s.interface_sums);
  }
  port::launch(dnc_write_kernel<T>, d.batch, dnc_threads<T>, shared, stream, job, s, t);
  const DncVectors<T> write{job.after.write, d.writes, N}, precedence{job.after.precedence, d.writes, N};
  const DncVectors<T> reads{job.after.read, d.reads, N};
  const T* const links = t == 0 ? job.before.link : job.after.link;
  const DncLinkPass<T> pass{d, s.lengths, t, 0, links, job.after.link, write, precedence, reads, s.along, s.against};
  link_forward(stream, pass, d.reads, d.batch, [=] MG_DEVICE(i64 b) { dnc_read_content(job, s, t, b); });
  port::launch(dnc_read_kernel<T>, d.batch, dnc_threads<T>, block_scratch, stream, job, s, t);
}

}  // namespace cuda
}  // namespace mg
