// The gradient of one step of the DNC on the GPU: the reads, the links, the writes, then the controller; and what they need of
// the way there again: memory and precedence of all steps, the links of a segment of them.
#pragma once
#include "access_backward.h"

namespace mg {
namespace cuda {

// Memory and precedence of all steps again, by a block for each sample.
template <class T>
MG_KERNEL(memory_threads<T>) dnc_replay_kernel(DncBackward<T> job, DncBackwardSpace<T> s) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, P = d.pitch();
  T* const act = s.act + b * at.size;
  for (i64 t = 0; t < d.steps && !past_end(s.lengths, b, t); t++) {
    const i64 row = t * d.batch + b;
    const T *const write = job.trace.write + row * d.writes * P, *const memory = s.memory + row * d.word * N;
    T* const next = s.memory + (row + d.batch) * d.word * N;
    MG_BARRIER();
    by_thread(at.read_modes, [&](i64 k) {
      const T raw = job.trace.interface[row * at.size + k];
      act[k] = k < at.erase_vectors ? raw : sigmoid(raw);
    });
    MG_BARRIER();
    by_thread(N, [&](i64 n) {
      for (i64 w = 0; w < d.word; w++) next[w * N + n] = dnc_written_at(d, at, act, write + n, P, w, memory[w * N + n]);
    });
    for (i64 v = 0; v < d.writes; v++) {
      const T* const before = s.precedence + (row * d.writes + v) * N;
      T *const behind = s.precedence + ((row + d.batch) * d.writes + v) * N, sum = 0;
      by_thread(N, [&](i64 n) { sum += write[v * P + n]; });
      const T rest = T(1) - block_sum(sum, shared);
      by_thread(N, [&](i64 n) { behind[n] = port::fma(rest, before[n], write[v * P + n]); });
    }
  }
}

// Links before step t, from those of its segment.
template <class T>
const T* dnc_links_before(const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
  const i64 matrices = job.dims.batch * job.dims.writes * job.dims.links();
  if (t % s.segment != 0) return s.links + (t % s.segment - 1) * matrices;
  return t == 0 ? job.before.link : s.checkpoints + (t / s.segment - 1) * matrices;
}

// The links behind step t to `to`.
template <class T>
void dnc_update_links(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t, const T* from, T* to) {
  const DncDims& d = job.dims;
  const i64 N = d.slots, P = d.pitch(), heads = t * d.batch * d.writes;
  const DncVectors<T> write{job.trace.write + heads * P, d.writes, P}, precedence{s.precedence + heads * N, d.writes, N};
  const DncLinkPass<T> pass{d, s.lengths, t, 0, from, to, write, precedence, {}, nullptr, nullptr};
  link_forward(stream, pass, 0);
}

template <class T>
void dnc_backward_step(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
  const DncDims& d = job.dims;
  const i64 N = d.slots, P = d.pitch(), B = d.batch, heads = t * B * d.writes;
  const DncVectors<T> write{job.trace.write + heads * P, d.writes, P}, precedence{s.precedence + heads * N, d.writes, N};
  const DncVectors<T> dread{job.dbefore.read, d.reads, N}, first_reads{job.before.read, d.reads, N};
  const DncVectors<T> reads = t > 0 ? DncVectors<T>{job.trace.read + (t - 1) * B * d.reads * P, d.reads, P} : first_reads;
  const DncLinkBackwardPass<T> pass{d,
                                    s.lengths,
                                    t,
                                    0,
                                    dnc_links_before(job, s, t),
                                    s.dlink,
                                    write,
                                    precedence,
                                    dread,
                                    reads,
                                    s.act,
                                    s.along,
                                    s.against,
                                    s.row,
                                    s.column,
                                    s.dprecedence};
  port::launch(dnc_reads_backward_kernel<T>, B, memory_threads<T>, block_scratch, stream, job, s, t);
  link_backward(stream, pass, d.reads);
  port::launch(dnc_write_backward_kernel<T>, B, memory_threads<T>, dnc_shared_bytes(N), stream, job, s, t);
  controller_backward<T>(stream, job, s, t);
}

}  // namespace cuda
}  // namespace mg
