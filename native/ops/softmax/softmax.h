// y[r,k] = e^{x[r,k]} / Σ_j e^{x[r,j]}, or its logarithm, for every row r. Sums are made in double, in order.
// Backward needs y alone: dx = y (dy − Σ dy y) for softmax, dx = dy − e^y Σ dy for its logarithm.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

struct SoftmaxDims {
  bool logarithm;
  i64 rows, length;
};

template <class T>
void softmax_forward(const SoftmaxDims& dims, const T* x, T* y);
template <class T>
void softmax_backward(const SoftmaxDims& dims, const T* dy, const T* y, T* dx);

namespace cuda {
template <class T>
void softmax_forward(Stream stream, const SoftmaxDims& dims, const T* x, T* y);
template <class T>
void softmax_backward(Stream stream, const SoftmaxDims& dims, const T* dy, const T* y, T* dx);
}  // namespace cuda

}  // namespace mg
