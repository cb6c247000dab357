// Windows of sparse access memories, with links or without, on the GPU, all samples at once: no atomics, every sum in one order.
#include "replay.h"
#include "start.h"

namespace mg {
namespace cuda {

template <class T>
i64 sam_forward_bytes(const SamDims& d) {
  Arena a(nullptr);
  SamForwardSpace<T>(a, d);
  return a.used_bytes();
}

template <class T>
void sam_forward(Stream stream, const SamForward<T>& job, void* workspace) {
  const SamDims& d = job.dims;
  const i64 longest = longest_of(job.lengths, d), past = longest * d.batch, rest = d.steps * d.batch - past;
  Arena a(workspace);
  SamForwardSpace<T> s(a, d);
  sam_start_window(stream, job, s);
  for (i64 t = 0; t < longest; t++) sam_step(stream, job, s, t);
  fill_or_copy<T>(stream, rest * d.hidden, nullptr, job.hidden + past * d.hidden);
  fill_or_copy<T>(stream, rest * d.words(), nullptr, job.words + past * d.words());
}

template <class T>
i64 sam_backward_bytes(const SamDims& d) {
  Arena a(nullptr);
  SamBackwardSpace<T>(a, d);
  return a.used_bytes();
}

template <class T>
void sam_backward(Stream stream, const SamBackward<T>& job, void* workspace) {
  const SamDims& d = job.dims;
  Arena a(workspace);
  SamBackwardSpace<T> s(a, d);
  sam_start_backward(stream, job, s);
  for (i64 t = longest_of(job.lengths, d) - 1; t >= 0; t--) {
    port::launch(sam_backward_kernel<T>, d.batch, sam_threads, 0, stream, job, s, t);
    controller_backward<T>(stream, job, s, t);
  }
  sam_store_gradients(stream, job, s);
  controller_weight_gradients<T>(stream, job, s);
}

#define MG_SAM(T)                                                    \
  template i64 sam_forward_bytes<T>(const SamDims&);                 \
  template void sam_forward<T>(Stream, const SamForward<T>&, void*); \
  template i64 sam_backward_bytes<T>(const SamDims&);                \
  template void sam_backward<T>(Stream, const SamBackward<T>&, void*);
MG_SAM(float)
MG_SAM(double)
#undef MG_SAM

}  // namespace cuda
}  // namespace mg
