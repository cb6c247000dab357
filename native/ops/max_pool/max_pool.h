// y[b,p,q,c] = max of x over the 2 × 2 window at (2p, 2q), stride 2, channels last; a line [B,1,W,C] is pooled by 2 along W.
// Sides that are pooled are even. A NaN in the window is the maximum. Backward needs x alone: dy goes to the first maximum of
// its window (base/maximum.h).
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/index.h"
#include "../../base/maximum.h"
#include "../../base/platform.h"

namespace mg {

struct PoolDims {
  i64 batch, height, width, channels;  // of x
  bool line;                           // pooled along the width only

  MG_HD i64 rows() const { return line ? height : pooled_side(height); }  // of y
  MG_HD i64 columns() const { return pooled_side(width); }
  MG_HD i64 window_rows() const { return line ? 1 : 2; }
  MG_HD i64 first_row(i64 row) const { return line ? row : pool_first(row); }
  MG_HD i64 x_count() const { return batch * height * width * channels; }
  MG_HD i64 y_count() const { return batch * rows() * columns() * channels; }
};

template <class T>
void max_pool_forward(const PoolDims& dims, const T* x, T* y);
template <class T>
void max_pool_backward(const PoolDims& dims, const T* dy, const T* x, T* dx);

namespace cuda {
template <class T>
void max_pool_forward(Stream stream, const PoolDims& dims, const T* x, T* y);
template <class T>
void max_pool_backward(Stream stream, const PoolDims& dims, const T* dy, const T* x, T* dx);
}  // namespace cuda

}  // namespace mg
