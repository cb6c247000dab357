// Clipping on the GPU.
#include "../../base/cuda/loops.h"
#include "clip.h"

namespace mg {
namespace cuda {

template <class T>
void clip_forward(Stream stream, i64 count, const T* x, T limit, T* y) {
  each_element(stream, count, [=] MG_DEVICE(i64 i) { y[i] = clip_value(x[i], limit); });
}

template <class T>
void clip_backward(Stream stream, i64 count, const T* dy, const T* x, T limit, T* dx) {
  each_element(stream, count, [=] MG_DEVICE(i64 i) { dx[i] = clip_gradient(dy[i], x[i], limit); });
}

#define MG_CLIP(T)                                             \
  template void clip_forward<T>(Stream, i64, const T*, T, T*); \
  template void clip_backward<T>(Stream, i64, const T*, const T*, T, T*);
MG_CLIP(float)
MG_CLIP(double)
#undef MG_CLIP

}  // namespace cuda
}  // namespace mg
