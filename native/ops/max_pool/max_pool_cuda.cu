// Max pooling on the GPU.
#include "../../base/cuda/loops.h"
#include "max_pool.h"

namespace mg {
namespace cuda {
namespace {

// The first element in x of the window of element i of y.
MG_HD i64 corner_of(const PoolDims& d, i64 i) {
  const i64 pixel = i / d.channels, c = i - pixel * d.channels;
  const i64 line = pixel / d.columns(), q = pixel - line * d.columns(), image = line / d.rows(), row = line - image * d.rows();
  return ((image * d.height + d.first_row(row)) * d.width + pool_first(q)) * d.channels + c;
}
MG_HD i64 window_step(const PoolDims& d, i64 cell) { return (cell / 2 * d.width + cell % 2) * d.channels; }

}  // namespace

template <class T>
void max_pool_forward(Stream stream, const PoolDims& d, const T* x, T* y) {
  each_element(stream, d.y_count(), [=] MG_DEVICE(i64 i) {
    const i64 corner = corner_of(d, i);
    T best = x[corner];
    for (i64 cell = 1; cell < 2 * d.window_rows(); cell++) best = larger(best, x[corner + window_step(d, cell)]);
    y[i] = best;
  });
}

template <class T>
void max_pool_backward(Stream stream, const PoolDims& d, const T* dy, const T* x, T* dx) {
  each_element(stream, d.y_count(), [=] MG_DEVICE(i64 i) {
    const i64 corner = corner_of(d, i);
    i64 best = corner;
    for (i64 cell = 1; cell < 2 * d.window_rows(); cell++) {
      const i64 other = corner + window_step(d, cell);
      if (!stays_maximum(x[best], x[other])) best = other;
    }
    for (i64 cell = 0; cell < 2 * d.window_rows(); cell++) {
      const i64 at = corner + window_step(d, cell);
      dx[at] = at == best ? dy[i] : T(0);
    }
  });
}

#define MG_INSTANTIATE(T)                                                   \
  template void max_pool_forward<T>(Stream, const PoolDims&, const T*, T*); \
  template void max_pool_backward<T>(Stream, const PoolDims&, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
