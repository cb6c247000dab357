// Softmax on the GPU.
#include "../../base/cuda/log_sum_exp.h"
#include "softmax.h"

namespace mg {
namespace cuda {

template <class T>
void softmax_forward(Stream stream, const SoftmaxDims& d, const T* x, T* y) {
  const i64 length = d.length;
  const bool logarithm = d.logarithm;
  each_row(stream, d.rows, [=] MG_DEVICE(i64 row, int lane) {
    const LogSum sum = warp_log_sum_exp(x + row * length, length, lane);
    for (i64 k = row * length + lane; k < (row + 1) * length; k += 32) {
      const double log_y = sum.log_share(double(x[k]));
      y[k] = T(logarithm ? log_y : std::exp(log_y));
    }
  });
}

template <class T>
void softmax_backward(Stream stream, const SoftmaxDims& d, const T* dy, const T* y, T* dx) {
  const i64 length = d.length;
  const bool logarithm = d.logarithm;
  each_row(stream, d.rows, [=] MG_DEVICE(i64 row, int lane) {
    double sum = 0;
    for (i64 k = row * length + lane; k < (row + 1) * length; k += 32) sum += double(dy[k]) * (logarithm ? 1 : double(y[k]));
    sum = warp_sum(sum);
    for (i64 k = row * length + lane; k < (row + 1) * length; k += 32) {
      const double g = double(dy[k]), v = double(y[k]);
      dx[k] = T(logarithm ? g - std::exp(v) * sum : v * (g - sum));
    }
  });
}

#define MG_INSTANTIATE(T)                                                     \
  template void softmax_forward<T>(Stream, const SoftmaxDims&, const T*, T*); \
  template void softmax_backward<T>(Stream, const SoftmaxDims&, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
