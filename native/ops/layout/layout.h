// Elements moved, none changed: strided reads (slices, transpositions), their reverse, and joining along an axis.
//   read:  y[i] = x[offset + i·strides] for every index i of `shape`; y is dense
//   write: y[offset + i·strides] = x[i], all other elements of y are zero; the transpose of read
//   join:  y[o] = [xs[0][o]; xs[1][o]; …], xs[j] [outer, widths[j]]
// E is an unsigned integer of the element's size: what the bits mean does not matter here.
#pragma once
#include <vector>

#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

struct StridedDims {
  i64 offset = 0;
  std::vector<i64> shape, strides;

  i64 count() const;
  // The same map with as few axes as possible: axes of size 1 dropped, axes that follow each other in memory joined.
  StridedDims merged() const;
};

template <class E>
void strided_read(const StridedDims& dims, const E* x, E* y);
// y has `y_count` elements.
template <class E>
void strided_write(const StridedDims& dims, const E* x, i64 y_count, E* y);

struct JoinDims {
  i64 outer = 0;
  std::vector<i64> widths;

  i64 total() const;  // width of y
};

void join(const JoinDims& dims, i64 element_bytes, const std::vector<const char*>& xs, char* y);

namespace cuda {
template <class E>
void strided_read(Stream stream, const StridedDims& dims, const E* x, E* y);
template <class E>
void strided_write(Stream stream, const StridedDims& dims, const E* x, i64 y_count, E* y);
void join(Stream stream, const JoinDims& dims, i64 element_bytes, const std::vector<const char*>& xs, char* y);
}  // namespace cuda

}  // namespace mg
