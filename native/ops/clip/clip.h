// y = min(max(x, -limit), limit); dx = dy where |x| <= limit, else 0. NaN stays NaN.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

template <class T>
MG_HD T clip_value(T x, T limit) {
  return x > limit ? limit : x < -limit ? -limit : x;
}
template <class T>
MG_HD T clip_gradient(T dy, T x, T limit) {
  return x >= -limit && x <= limit ? dy : T(0);
}

template <class T>
void clip_forward(i64 count, const T* x, T limit, T* y);
template <class T>
void clip_backward(i64 count, const T* dy, const T* x, T limit, T* dx);

namespace cuda {
template <class T>
void clip_forward(Stream stream, i64 count, const T* x, T limit, T* y);
template <class T>
void clip_backward(Stream stream, i64 count, const T* dy, const T* x, T limit, T* dx);
}  // namespace cuda

}  // namespace mg
