// The maximum of a pooling window, for forward passes, and which cell has it, for backward ones. A NaN is larger than any number;
// of equal values, and of two NaN, the first in row-major order wins. T is a scalar or a lane vector.
#pragma once
#include "platform.h"

namespace mg {

// Whether the earlier of two cells stays the maximum beside a later one: a truth value, or a mask of lanes.
template <class T>
MG_HD auto stays_maximum(T first, T later) {
  return (later <= first) | (first != first);
}

template <class T>
MG_HD T larger(T first, T later) {
  return stays_maximum(first, later) ? first : later;
}

}  // namespace mg
