// Windows of the DNC on the GPU, all samples at once: no atomics, every sum in one order.
// Budget: 255 registers, 256 bytes spilled: backward over the links holds 32 loads in flight; float64 is for checks.
#include "backward.h"

namespace mg {
namespace cuda {
namespace {

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
  controller_start<T>(stream, job, s);
  copy_state(stream, d, job.before, job.after);
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
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
  const i64 B = d.batch, N = d.slots, longest = longest_of(job.lengths, d);
  const i64 matrices = B * d.writes * d.links();
  Arena a(workspace);
  DncBackwardSpace<T> s(a, d, job.link_budget_bytes, job.dbefore.link != nullptr);
  controller_backward_start<T>(stream, job, s);
  if (job.dbefore.link != nullptr) s.dlink = job.dbefore.link;
  transpose_each(stream, B, N, d.word, job.before.memory, s.memory);
  fill_or_copy(stream, B * d.writes * N, job.before.precedence, s.precedence);
  port::launch(dnc_replay_kernel<T>, B, memory_threads<T>, block_scratch, stream, job, s);
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
  for (i64 t = longest - 1; t >= 0; t--) {
    if (t == longest - 1 || t % s.segment == s.segment - 1)
      for (i64 k = t / s.segment * s.segment; k < t; k++)
        dnc_update_links(stream, job, s, k, dnc_links_before(job, s, k), s.links + k % s.segment * matrices);
    dnc_backward_step(stream, job, s, t);
  }
  transpose_each<T>(stream, B, d.word, N, s.dmemory, job.dbefore.memory);
  controller_weight_gradients<T>(stream, job, s);
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
