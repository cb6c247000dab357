// Windows of dense access memories on the GPU, all samples at once: no atomics, every sum in one order.
// Budget: 255 registers, 256 bytes spilled: as the DNC, whose content it shares; float64 is for checks.
#include "backward.h"

namespace mg {
namespace cuda {
namespace {

// All of a state but its memory, which lies transposed in the workspace.
template <class T>
void copy_state(Stream stream, const DamDims& d, const DamState<const T>& from, const DamState<T>& to) {
  fill_or_copy(stream, d.batch * d.heads * d.slots, from.read, to.read);
  fill_or_copy(stream, d.batch * d.words(), from.words, to.words);
  fill_or_copy(stream, d.batch * d.hidden, from.hidden, to.hidden);
  fill_or_copy(stream, d.batch * d.hidden, from.cell, to.cell);
}

}  // namespace

template <class T>
i64 dam_forward_bytes(const DamDims& d) {
  Arena a(nullptr);
  DamForwardSpace<T>(a, d);
  return a.used_bytes();
}

template <class T>
void dam_forward(Stream stream, const DamForward<T>& job, void* workspace) {
  const DamDims& d = job.dims;
  const i64 B = d.batch, N = d.slots, longest = longest_of(job.lengths, d), past = longest * B, rest = d.steps * B - past;
  Arena a(workspace);
  DamForwardSpace<T> s(a, d);
  controller_start<T>(stream, job, s);
  copy_state(stream, d, job.before, job.after);
  fill_or_copy(stream, B * N, job.before.usage, job.after.usage);
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
  for (i64 t = 0; t < longest; t++) {
    controller_step<T>(stream, job, s, t);
    port::launch(dam_step_kernel<T>, B, memory_threads<T>, block_scratch, stream, job, s, t);
  }
  fill_or_copy<T>(stream, rest * d.hidden, nullptr, job.hidden + past * d.hidden);
  fill_or_copy<T>(stream, rest * d.words(), nullptr, job.words + past * d.words());
  transpose_each<T>(stream, B, d.word, N, s.memory, job.after.memory);
}

template <class T>
i64 dam_backward_bytes(const DamDims& d) {
  Arena a(nullptr);
  DamBackwardSpace<T>(a, d);
  return a.used_bytes();
}

template <class T>
void dam_backward(Stream stream, const DamBackward<T>& job, void* workspace) {
  const DamDims& d = job.dims;
  const i64 B = d.batch, N = d.slots;
  Arena a(workspace);
  DamBackwardSpace<T> s(a, d);
  controller_backward_start<T>(stream, job, s);
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
  port::launch(dam_replay_kernel<T>, B, memory_threads<T>, 0, stream, job, s);
  copy_state(stream, d, job.dafter, job.dbefore);
  fill_or_copy<T>(stream, B * N, nullptr, job.dbefore.usage);
  transpose_each(stream, B, N, d.word, job.dafter.memory, s.dmemory);
  for (i64 t = longest_of(job.lengths, d) - 1; t >= 0; t--) {
    port::launch(dam_backward_kernel<T>, B, memory_threads<T>, block_scratch, stream, job, s, t);
    controller_backward<T>(stream, job, s, t);
  }
  transpose_each<T>(stream, B, d.word, N, s.dmemory, job.dbefore.memory);
  controller_weight_gradients<T>(stream, job, s);
}

#define MG_DAM(T)                                                    \
  template i64 dam_forward_bytes<T>(const DamDims&);                 \
  template void dam_forward<T>(Stream, const DamForward<T>&, void*); \
  template i64 dam_backward_bytes<T>(const DamDims&);                \
  template void dam_backward<T>(Stream, const DamBackward<T>&, void*);
MG_DAM(float)
MG_DAM(double)
#undef MG_DAM

}  // namespace cuda
}  // namespace mg
