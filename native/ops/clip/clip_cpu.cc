// Clipping on the CPU.
#include "clip.h"

#include "../../base/host/pool.h"

namespace mg {
namespace {

constexpr i64 block = 16384;  // elements of one chunk

template <class F>
void over_blocks(i64 count, F&& f) {
  Pool::get().parallel_for((count + block - 1) / block, [&](i64 b, int) {
    const i64 end = (b + 1) * block < count ? (b + 1) * block : count;
    for (i64 i = b * block; i < end; i++) f(i);
  });
}

}  // namespace

template <class T>
void clip_forward(i64 count, const T* x, T limit, T* y) {
  over_blocks(count, [&](i64 i) { y[i] = clip_value(x[i], limit); });
}

template <class T>
void clip_backward(i64 count, const T* dy, const T* x, T limit, T* dx) {
  over_blocks(count, [&](i64 i) { dx[i] = clip_gradient(dy[i], x[i], limit); });
}

#define MG_CLIP(T)                                     \
  template void clip_forward<T>(i64, const T*, T, T*); \
  template void clip_backward<T>(i64, const T*, const T*, T, T*);
MG_CLIP(float)
MG_CLIP(double)
#undef MG_CLIP

}  // namespace mg
