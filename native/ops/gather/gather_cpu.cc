// Rows chosen by number on the CPU.
#include "gather.h"

#include <algorithm>
#include <limits>

#include "../../base/host/rows.h"

namespace mg {
namespace {

constexpr i64 kBands = 16;  // of rows that are summed apart from each other

}  // namespace

template <class T>
void gather_forward(const GatherDims& d, const T* x, const std::int32_t* indices, T* y) {
  each_row(d.picks, d.width, [&](i64 i) {
    T* to = y + i * d.width;
    if (inside(indices[i], d.rows)) std::copy_n(x + indices[i] * d.width, d.width, to);
    else std::fill_n(to, d.width, std::numeric_limits<T>::quiet_NaN());
  });
}

template <class T>
void gather_backward(const GatherDims& d, const T* dy, const std::int32_t* indices, T* dx) {
  Pool::get().parallel_for(kBands, [&](i64 band, int) {
    const i64 begin = part_begin(d.rows, kBands, band), end = part_begin(d.rows, kBands, band + 1);
    std::fill(dx + begin * d.width, dx + end * d.width, T(0));
    for (i64 i = 0; i < d.picks; i++) {
      const i64 row = indices[i];
      if (row < begin || row >= end) continue;
      const T* from = dy + i * d.width;
      T* to = dx + row * d.width;
      for (i64 k = 0; k < d.width; k++) to[k] += from[k];
    }
  });
}

template <class T>
void one_hot(i64 picks, i64 depth, const std::int32_t* indices, T* y) {
  each_row(picks, depth, [&](i64 i) {
    T* to = y + i * depth;
    if (inside(indices[i], depth)) {
      std::fill_n(to, depth, T(0));
      to[indices[i]] = T(1);
    } else {
      std::fill_n(to, depth, std::numeric_limits<T>::quiet_NaN());
    }
  });
}

#define MG_INSTANTIATE(T)                                                                 \
  template void gather_forward<T>(const GatherDims&, const T*, const std::int32_t*, T*);  \
  template void gather_backward<T>(const GatherDims&, const T*, const std::int32_t*, T*); \
  template void one_hot<T>(i64, i64, const std::int32_t*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
