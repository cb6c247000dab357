// Bodies of the tables of stage.h; everything sits in an unnamed namespace, because each file compiles its own copy.
#pragma once
#include "stage_cell_impl.h"
#include "stage_gather_impl.h"
#include "stage_norm_impl.h"

namespace mg {
namespace {

template <class T>
void relu(T* x, i64 n) {
  using S = Simd<T, wide<T>>;
  const typename S::V zero{};
  i64 k = 0;
  for (; k + wide<T> <= n; k += wide<T>) {
    const auto v = S::load(x + k);
    S::store(x + k, v < zero ? zero : v);  // keeps NaN
  }
  for (; k < n; k++) x[k] = x[k] < 0 ? T(0) : x[k];
}

template <class T>
void relu_backward(const T* y, const T* dy, i64 pixels, i64 channels, T* d, i64 stride) {
  with_channels<T>(channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    const typename S::V zero{};
    for (i64 m = 0; m < pixels; m++, d += stride, dy += C) {
      if (!y) {
        copy_run(d, dy, C);
        continue;
      }
      for (i64 c = 0; c < C; c += lanes) S::store(d + c, S::load(y + c) > zero ? S::load(dy + c) : zero);
      y += C;
    }
  });
}

template <class T>
void add(T* to, i64 to_stride, const T* from, i64 from_stride, i64 channels, i64 pixels) {
  with_channels<T>(channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    for (i64 m = 0; m < pixels; m++, to += to_stride, from += from_stride) {
      for (i64 c = 0; c < C; c += lanes) S::store(to + c, S::load(to + c) + S::load(from + c));
    }
  });
}

template <class T>
const StageTable<T>& make_stage_table() {
  static constexpr StageTable<T> table{gather<T>,        scatter<T>, cell_forward<T>, cell_backward<T>, relu<T>,
                                       relu_backward<T>, add<T>,     norm_sums<T>,    norm_forward<T>,  norm_backward<T>};
  return table;
}

}  // namespace
}  // namespace mg
