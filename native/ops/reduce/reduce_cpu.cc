// Reductions on the CPU.
#include "reduce.h"

#include <limits>

#include "../../base/host/pool.h"

namespace mg {
namespace {

struct Sum {
  static constexpr double start = 0;
  static double join(double a, double b) { return a + b; }
};
struct Max {
  static constexpr double start = -std::numeric_limits<double>::infinity();
  static double join(double a, double b) { return b > a || b != b ? b : a; }  // a NaN stays
};

template <class R, class T>
void reduce_with(const ReduceDims& d, const T* x, T* y, double* partials) {
  if (d.outer * d.inner == 0) return;
  const i64 blocks = d.blocks(), rows = d.rows_per_block();
  Pool::get().parallel_for(d.outer * blocks, [&](i64 chunk, int) {
    const i64 o = chunk / blocks, first = chunk % blocks * rows, last = std::min(d.length, first + rows);
    double* partial = partials + chunk * d.inner;
    std::fill(partial, partial + d.inner, R::start);
    for (i64 r = first; r < last; r++) {
      const T* row = x + (o * d.length + r) * d.inner;
      for (i64 i = 0; i < d.inner; i++) partial[i] = R::join(partial[i], double(row[i]));
    }
  });
  for (i64 o = 0; o < d.outer; o++)
    for (i64 i = 0; i < d.inner; i++) {
      double total = R::start;
      for (i64 block = 0; block < blocks; block++) total = R::join(total, partials[(o * blocks + block) * d.inner + i]);
      y[o * d.inner + i] = T(total);
    }
}

}  // namespace

template <class T>
void reduce_forward(Reduce kind, const ReduceDims& dims, const T* x, T* y, double* partials) {
  if (kind == Reduce::sum) reduce_with<Sum>(dims, x, y, partials);
  else reduce_with<Max>(dims, x, y, partials);
}

template <class T>
void max_backward(const ReduceDims& d, const T* dy, const T* x, const T* y, T* dx) {
  if (d.length * d.inner == 0) return;
  Pool::get().parallel_for(d.outer, [&](i64 o, int) {
    std::fill(dx + o * d.length * d.inner, dx + (o + 1) * d.length * d.inner, T(0));
    for (i64 i = 0; i < d.inner; i++)
      for (i64 r = 0; r < d.length; r++) {
        const i64 at = (o * d.length + r) * d.inner + i;
        if (!is_maximum(x[at], y[o * d.inner + i])) continue;
        dx[at] = dy[o * d.inner + i];
        break;
      }
  });
}

#define MG_INSTANTIATE(T)                                                            \
  template void reduce_forward<T>(Reduce, const ReduceDims&, const T*, T*, double*); \
  template void max_backward<T>(const ReduceDims&, const T*, const T*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
