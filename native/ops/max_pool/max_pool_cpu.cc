// Max pooling on the CPU.
#include "max_pool.h"

#include <algorithm>

#include "../../base/host/rows.h"

namespace mg {
namespace {

// f(y_row, x_row) for every row of y and the first row of its windows.
template <class F>
void over_rows(const PoolDims& d, F&& f) {
  if (d.y_count() == 0) return;
  each_row(d.batch * d.rows(), d.width * d.channels,
           [&](i64 row) { f(row, row / d.rows() * d.height + d.first_row(row % d.rows())); });
}

}  // namespace

template <class T>
void max_pool_forward(const PoolDims& d, const T* x, T* y) {
  const i64 channels = d.channels, line = d.width * channels;
  over_rows(d, [&](i64 to, i64 from) {
    for (i64 q = 0; q < d.columns(); q++) {
      const T* corner = x + from * line + pool_first(q) * channels;
      T* best = y + (to * d.columns() + q) * channels;
      for (i64 c = 0; c < channels; c++) best[c] = corner[c];
      for (i64 cell = 1; cell < 2 * d.window_rows(); cell++) {
        const T* other = corner + cell / 2 * line + cell % 2 * channels;
        for (i64 c = 0; c < channels; c++) best[c] = larger(best[c], other[c]);
      }
    }
  });
}

template <class T>
void max_pool_backward(const PoolDims& d, const T* dy, const T* x, T* dx) {
  const i64 channels = d.channels, line = d.width * channels;
  over_rows(d, [&](i64 to, i64 from) {
    for (i64 r = 0; r < d.window_rows(); r++) std::fill(dx + (from + r) * line, dx + (from + r + 1) * line, T(0));
    for (i64 q = 0; q < d.columns(); q++) {
      const i64 corner = from * line + pool_first(q) * channels;
      const T* gradient = dy + (to * d.columns() + q) * channels;
      for (i64 c = 0; c < channels; c++) {
        i64 best = corner + c;
        for (i64 cell = 1; cell < 2 * d.window_rows(); cell++) {
          const i64 other = corner + cell / 2 * line + cell % 2 * channels + c;
          if (!stays_maximum(x[best], x[other])) best = other;
        }
        dx[best] = gradient[c];
      }
    }
  });
}

#define MG_INSTANTIATE(T)                                           \
  template void max_pool_forward<T>(const PoolDims&, const T*, T*); \
  template void max_pool_backward<T>(const PoolDims&, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
