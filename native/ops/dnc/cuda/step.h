// One step of the DNC on the GPU, in six launches: the sums of the gates, the cell, the interface; then, a block for each sample,
// write weights and memory; the links, the whole machine for all samples together, and beside them a block for each sample looks
// for the read keys; and a block for each sample again for the reads.
#pragma once
#include "../../../base/memory/cuda/controller.h"
#include "link.h"

namespace mg {
namespace cuda {

template <class T>
struct DncForwardSpace : ControllerForwardSpace<T> {
  T* memory;  // [B][W][N]
  T* act;  // [B][D]
  T *content, *allocation, *simulated;  // [B][heads][N], [B][V][N] twice
  T *along, *against;  // [B][V][tiles across or down][R][N]
  DncSort sort;

  DncForwardSpace(Arena& a, const DncDims& d) : ControllerForwardSpace<T>(a, d) {
    const i64 B = d.batch, N = d.slots, D = DncInterface(d).size, heads = d.reads > d.writes ? d.reads : d.writes;
    memory = a.take<T>(B * d.word * N);
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

// Interface, usage, write weights and memory.
template <class T>
MG_KERNEL(memory_threads<T>) dnc_write_kernel(DncForward<T> job, DncForwardSpace<T> s, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b, heads = d.reads > d.writes ? d.reads : d.writes;
  if (past_end(s.lengths, b, t)) return;
  T* const act = s.act + b * at.size;
  by_thread(at.size, [&](i64 k) {
    const T raw = raw_interface<T>(job, s, t, b, k);
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
  if (past_end(s.lengths, b, t)) return;
  const i64 N = d.slots, heads = d.reads > d.writes ? d.reads : d.writes;
  const T* const act = s.act + b * at.size;
  content_weights<T>(d, s.memory + b * d.word * N, act + at.read_keys, act + at.read_strengths, d.reads, nullptr,
                     s.content + b * heads * N, port::shared<char>());
}

// Precedence, read weights and words; then what the controller sees next.
template <class T>
MG_KERNEL(memory_threads<T>) dnc_read_kernel(DncForward<T> job, DncForwardSpace<T> s, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b, heads = d.reads > d.writes ? d.reads : d.writes;
  const i64 down = link_tiles_down(d), across = link_tiles_across(d);
  T* const words = job.words + row * d.words();
  if (past_end(s.lengths, b, t)) {
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
        const T against = added_slices(s.against + head * down * d.reads * N, down, d.reads * N, r * N + n);
        const T along = added_slices(s.along + head * across * d.reads * N, across, d.reads * N, r * N + n);
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
  const i64 N = d.slots, shared = dnc_shared_bytes(N);
  controller_step<T>(stream, job, s, t);
  port::launch(dnc_write_kernel<T>, d.batch, memory_threads<T>, shared, stream, job, s, t);
  const DncVectors<T> write{job.after.write, d.writes, N}, precedence{job.after.precedence, d.writes, N};
  const DncVectors<T> reads{job.after.read, d.reads, N};
  const T* const links = t == 0 ? job.before.link : job.after.link;
  const DncLinkPass<T> pass{d, s.lengths, t, 0, links, job.after.link, write, precedence, reads, s.along, s.against};
  link_forward(stream, pass, d.reads, d.batch, [=] MG_DEVICE(i64 b) { dnc_read_content(job, s, t, b); });
  port::launch(dnc_read_kernel<T>, d.batch, memory_threads<T>, block_scratch, stream, job, s, t);
}

}  // namespace cuda
}  // namespace mg
