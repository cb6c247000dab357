// Nearest doubling on the GPU.
#include "../../base/cuda/loops.h"
#include "grid_up.h"

namespace mg {
namespace cuda {

template <class T>
void grid_up_forward(Stream stream, const UpDims& d, const T* x, T* y) {
  each_element(stream, d.y_count(), [=] MG_DEVICE(i64 i) {
    const i64 pixel = i / d.channels, c = i - pixel * d.channels;
    const i64 line = pixel / d.columns(), q = pixel - line * d.columns(), image = line / d.rows(), row = line - image * d.rows();
    y[i] = x[((image * d.height + d.source_row(row)) * d.width + up_source(q)) * d.channels + c];
  });
}

template <class T>
void grid_up_backward(Stream stream, const UpDims& d, const T* dy, T* dx) {
  each_element(stream, d.x_count(), [=] MG_DEVICE(i64 i) {
    const i64 pixel = i / d.channels, c = i - pixel * d.channels;
    const i64 line = pixel / d.width, q = pixel - line * d.width, image = line / d.height, row = line - image * d.height;
    const i64 across = d.columns() * d.channels;
    const i64 first = (image * d.rows() + d.first_row(row)) * across + up_first(q) * d.channels + c;
    T sum = dy[first] + dy[first + d.channels];
    if (d.copies() == 2) sum = (sum + dy[first + across]) + dy[first + across + d.channels];
    dx[i] = sum;
  });
}

#define MG_INSTANTIATE(T)                                                \
  template void grid_up_forward<T>(Stream, const UpDims&, const T*, T*); \
  template void grid_up_backward<T>(Stream, const UpDims&, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
