// Reductions on the GPU.
#include <limits>

#include "../../base/cuda/strips.h"
#include "reduce.h"

namespace mg {
namespace cuda {
namespace {

struct Max {
  static MG_HD double start() { return -std::numeric_limits<double>::infinity(); }
  static MG_HD double join(double a, double b) { return b > a || b != b ? b : a; }  // a NaN stays
};

template <class R, class T>
void reduce_with(Stream stream, const ReduceDims& d, const T* x, T* y, double* partials) {
  const i64 length = d.length, inner = d.inner;
  reduce_strips<R>(
      stream, StripDims{d.outer, length, inner, d.rows_per_block()}, partials,
      [=] MG_DEVICE(i64 o, i64 r, i64 i) { return double(x[(o * length + r) * inner + i]); },
      [=] MG_DEVICE(i64 o, i64 i, double total) { y[o * inner + i] = T(total); });
}

}  // namespace

template <class T>
void reduce_forward(Stream stream, Reduce kind, const ReduceDims& dims, const T* x, T* y, double* partials) {
  if (kind == Reduce::sum) reduce_with<AddUp>(stream, dims, x, y, partials);
  else reduce_with<Max>(stream, dims, x, y, partials);
}

// One warp walks a line, 32 elements at a time, and remembers whether the first maximum lies behind it.
template <class T>
void max_backward(Stream stream, const ReduceDims& d, const T* dy, const T* x, const T* y, T* dx) {
  const i64 length = d.length, inner = d.inner;
  each_row(stream, d.outer * inner, [=] MG_DEVICE(i64 line, int lane) {
    const i64 first = line / inner * length * inner + line % inner;
    const T most = y[line];
    bool found = false;
    for (i64 begin = 0; begin < length; begin += 32) {
      const i64 r = begin + lane, at = first + r * inner;
      const unsigned hits = port::ballot(r < length && is_maximum(x[at], most));
      if (r < length) dx[at] = !found && hits != 0 && port::first_bit(hits) == lane ? dy[line] : T(0);
      found = found || hits != 0;
    }
  });
}

#define MG_INSTANTIATE(T)                                                                    \
  template void reduce_forward<T>(Stream, Reduce, const ReduceDims&, const T*, T*, double*); \
  template void max_backward<T>(Stream, const ReduceDims&, const T*, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
