// y[o,i] = Σ_r x[o,r,i] or max_r x[o,r,i]. Sums are made in double, block by block of fixed size and then over the blocks in
// order, so their bits depend on the shape alone.
#pragma once
#include <algorithm>

#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

enum class Reduce : int { sum, max, count };

struct ReduceDims {
  i64 outer, length, inner;

  static constexpr i64 kBlock = 4096;  // elements of x that one partial result covers
  i64 rows_per_block() const { return std::max<i64>(1, kBlock / std::max<i64>(1, inner)); }
  i64 blocks() const { return (length + rows_per_block() - 1) / rows_per_block(); }
  i64 workspace_bytes() const { return outer * blocks() * inner * i64(sizeof(double)); }
};

// Whether x is what was found to be the maximum: the same number, or NaN where that is NaN.
template <class T>
MG_HD bool is_maximum(T x, T most) {
  return x == most || (x != x && most != most);
}

template <class T>
void reduce_forward(Reduce kind, const ReduceDims& dims, const T* x, T* y, double* partials);
// Saves nothing: the first maximum is found again. A tie sends its gradient to the first.
template <class T>
void max_backward(const ReduceDims& dims, const T* dy, const T* x, const T* y, T* dx);

namespace cuda {
template <class T>
void reduce_forward(Stream stream, Reduce kind, const ReduceDims& dims, const T* x, T* y, double* partials);
template <class T>
void max_backward(Stream stream, const ReduceDims& dims, const T* dy, const T* x, const T* y, T* dx);
}  // namespace cuda

}  // namespace mg
