// y[b,p,q,c] = x[b, p/2, q/2, c]: nearest doubling, the step from a coarse grid to the next finer one, channels last; a line
// [B,1,W,C] is doubled along W only. Linear: dx is the sum of dy over the fine cells of a coarse one, in row-major order.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/index.h"
#include "../../base/platform.h"

namespace mg {

struct UpDims {
  i64 batch, height, width, channels;  // of x
  bool line;

  MG_HD i64 rows() const { return line ? height : 2 * height; }  // of y
  MG_HD i64 columns() const { return 2 * width; }
  MG_HD i64 source_row(i64 row) const { return line ? row : up_source(row); }
  MG_HD i64 first_row(i64 row) const { return line ? row : up_first(row); }
  MG_HD i64 copies() const { return line ? 1 : 2; }  // rows of y that show one row of x
  MG_HD i64 x_count() const { return batch * height * width * channels; }
  MG_HD i64 y_count() const { return batch * rows() * columns() * channels; }
};

template <class T>
void grid_up_forward(const UpDims& dims, const T* x, T* y);
template <class T>
void grid_up_backward(const UpDims& dims, const T* dy, T* dx);

namespace cuda {
template <class T>
void grid_up_forward(Stream stream, const UpDims& dims, const T* x, T* y);
template <class T>
void grid_up_backward(Stream stream, const UpDims& dims, const T* dy, T* dx);
}  // namespace cuda

}  // namespace mg
