// Shapes and strides as a kernel argument: where element i of a dense shape lies in each of N strided operands.
#pragma once
#include <array>
#include <vector>

#include "../index.h"

namespace mg {
namespace cuda {

constexpr int most_axes = 40;  // of size 2 or more, that is more elements than any memory holds

template <int N>
struct Axes {
  int rank = 0;
  i64 shape[most_axes], strides[N][most_axes];

  MG_HD void locate(i64 i, i64* at) const {
    for (int k = 0; k < N; k++) at[k] = 0;
    for (int axis = rank; axis-- > 0;) {
      const i64 rest = i / shape[axis], index = i - rest * shape[axis];
      for (int k = 0; k < N; k++) at[k] += index * strides[k][axis];
      i = rest;
    }
  }
};

// As few axes as possible: those of size 1 dropped, those that follow each other in every operand joined.
template <int N>
Axes<N> merge_axes(const std::vector<i64>& shape, const std::array<const std::vector<i64>*, N>& strides) {
  Axes<N> m;
  for (std::size_t axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    bool joins = m.rank > 0;
    for (int k = 0; joins && k < N; k++) joins = m.strides[k][m.rank - 1] == shape[axis] * (*strides[std::size_t(k)])[axis];
    if (!joins) m.shape[m.rank++] = 1;
    m.shape[m.rank - 1] *= shape[axis];
    for (int k = 0; k < N; k++) m.strides[k][m.rank - 1] = (*strides[std::size_t(k)])[axis];
  }
  return m;
}

}  // namespace cuda
}  // namespace mg
