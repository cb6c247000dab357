// Gradients at a controller's sums, and the blocks of its weight gradients that are compiled once per instruction set.
#pragma once
#include "../../platform.h"

namespace mg {

// Gradients of all steps, for the weights: [T,B,4H] and [T,B,D].
template <class T>
struct ControllerGradients {
  T *gates, *interface;
};

// grad[k][n] = sum over rows m of a[m][k] d[m][n], k in [begin, end), n in [column, column + width)
template <class T>
struct OuterBlock {
  const T *a, *d;
  i64 rows, a_pitch, d_pitch, begin, end, column, width;
  T* grad;
};

}  // namespace mg
