// Softmax on the CPU.
#include "softmax.h"

#include <algorithm>

#include "../../base/host/rows.h"
#include "../../base/log_sum_exp.h"

namespace mg {
namespace {

template <class F>
void over_rows(const SoftmaxDims& d, F&& f) {
  each_row(d.rows, 2 * d.length, [&](i64 row) { f(row * d.length); });
}

}  // namespace

template <class T>
void softmax_forward(const SoftmaxDims& d, const T* x, T* y) {
  over_rows(d, [&](i64 at) {
    const LogSum sum = log_sum_exp(x + at, d.length);
    for (i64 k = at; k < at + d.length; k++) {
      const double log_y = sum.log_share(double(x[k]));
      y[k] = T(d.logarithm ? log_y : std::exp(log_y));
    }
  });
}

template <class T>
void softmax_backward(const SoftmaxDims& d, const T* dy, const T* y, T* dx) {
  over_rows(d, [&](i64 at) {
    double sum = 0;
    for (i64 k = at; k < at + d.length; k++) sum += double(dy[k]) * (d.logarithm ? 1 : double(y[k]));
    for (i64 k = at; k < at + d.length; k++) {
      const double g = double(dy[k]), v = double(y[k]);
      dx[k] = T(d.logarithm ? g - std::exp(v) * sum : v * (g - sum));
    }
  });
}

#define MG_INSTANTIATE(T)                                             \
  template void softmax_forward<T>(const SoftmaxDims&, const T*, T*); \
  template void softmax_backward<T>(const SoftmaxDims&, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
