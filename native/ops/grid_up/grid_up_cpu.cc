// Nearest doubling on the CPU.
#include "grid_up.h"

#include <algorithm>

#include "../../base/host/rows.h"

namespace mg {
namespace {

// f(image, row) for every row of all images of a grid `rows` high.
template <class F>
void over_rows(const UpDims& d, i64 rows, F&& f) {
  if (d.y_count() == 0) return;
  each_row(d.batch * rows, d.columns() * d.channels, [&](i64 row) { f(row / rows, row % rows); });
}

}  // namespace

template <class T>
void grid_up_forward(const UpDims& d, const T* x, T* y) {
  over_rows(d, d.rows(), [&](i64 image, i64 row) {
    const T* from = x + (image * d.height + d.source_row(row)) * d.width * d.channels;
    T* to = y + (image * d.rows() + row) * d.columns() * d.channels;
    for (i64 q = 0; q < d.columns(); q++)
      for (i64 c = 0; c < d.channels; c++) to[q * d.channels + c] = from[up_source(q) * d.channels + c];
  });
}

template <class T>
void grid_up_backward(const UpDims& d, const T* dy, T* dx) {
  over_rows(d, d.height, [&](i64 image, i64 row) {
    const i64 line = d.columns() * d.channels;
    const T* from = dy + (image * d.rows() + d.first_row(row)) * line;
    T* to = dx + (image * d.height + row) * d.width * d.channels;
    for (i64 q = 0; q < d.width; q++)
      for (i64 c = 0; c < d.channels; c++) {
        const i64 first = up_first(q) * d.channels + c;
        T sum = from[first] + from[first + d.channels];
        if (d.copies() == 2) sum = (sum + from[line + first]) + from[line + first + d.channels];
        to[q * d.channels + c] = sum;
      }
  });
}

#define MG_INSTANTIATE(T)                                        \
  template void grid_up_forward<T>(const UpDims&, const T*, T*); \
  template void grid_up_backward<T>(const UpDims&, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
