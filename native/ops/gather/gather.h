// Rows chosen by number: y[i] = x[indices[i]], and the one-hot rows that choose them.
// A number outside 0 … rows − 1 gives a row of NaN, never a read outside; backward leaves it out.
// Backward adds rows in the order of `indices`, so its bits do not depend on the thread count.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

struct GatherDims {
  i64 rows, width, picks;  // x [rows, width], indices [picks], y [picks, width]
};

template <class T>
void gather_forward(const GatherDims& dims, const T* x, const std::int32_t* indices, T* y);
template <class T>
void gather_backward(const GatherDims& dims, const T* dy, const std::int32_t* indices, T* dx);
// y [picks, depth]
template <class T>
void one_hot(i64 picks, i64 depth, const std::int32_t* indices, T* y);

namespace cuda {
template <class T>
void gather_forward(Stream stream, const GatherDims& dims, const T* x, const std::int32_t* indices, T* y);
template <class T>
void gather_backward(Stream stream, const GatherDims& dims, const T* dy, const std::int32_t* indices, T* dx);
template <class T>
void one_hot(Stream stream, i64 picks, i64 depth, const std::int32_t* indices, T* y);
}  // namespace cuda

}  // namespace mg
