// Losses on the GPU.
#include "../../base/cuda/log_sum_exp.h"
#include "../../base/cuda/strips.h"
#include "loss.h"

namespace mg {
namespace cuda {
namespace {

template <class T>
MG_HD double mask_at(const T* mask, i64 i) {
  return mask ? double(mask[i]) : 1;
}

}  // namespace

template <class T>
void bce_forward(Stream stream, const BceDims& d, const T* logits, const T* target, const T* mask, T* loss, double* partials) {
  const i64 span = d.span;
  reduce_strips<AddUp>(
      stream, StripDims{1, d.count, 1, BceDims::kBlock}, partials,
      [=] MG_DEVICE(i64, i64 i, i64) {
        const double m = mask_at(mask, i / span);
        return m != 0 ? m * bce_with_logits(double(logits[i]), double(target[i])) : 0.0;
      },
      [=] MG_DEVICE(i64, i64, double total) { *loss = T(total); });
}

template <class T>
void bce_backward(Stream stream, const BceDims& d, const T* dloss, const T* logits, const T* target, const T* mask, T* dlogits) {
  const i64 span = d.span;
  each_element(stream, d.count, [=] MG_DEVICE(i64 i) {
    const double m = mask_at(mask, i / span) * double(*dloss);
    dlogits[i] = m == 0 ? T(0) : T(m * bce_with_logits_backward(double(logits[i]), double(target[i])));
  });
}

// The losses of the rows of a block are made by one warp each, and added by the first in order.
template <class T>
MG_KERNEL(loop_threads) class_losses(ClassDims d, i64 rows_per_block, const T* logits, const std::int32_t* classes, const T* mask,
                        double* partials) {
  double* const losses = port::shared<double>();
  const i64 begin = port::block() * rows_per_block, end = begin + rows_per_block < d.rows ? begin + rows_per_block : d.rows;
  const int lane = port::thread() % 32;
  for (i64 row = begin + port::thread() / 32; row < end; row += loop_threads / 32) {
    const double m = mask_at(mask, row);
    double value = 0;
    if (m != 0) {
      const T* const z = logits + row * d.classes;
      const i64 chosen = classes[row];
      const double at = inside(chosen, d.classes) ? double(z[chosen]) : std::numeric_limits<double>::quiet_NaN();
      value = -m * warp_log_sum_exp(z, d.classes, lane).log_share(at);
    }
    if (lane == 0) losses[row - begin] = value;
  }
  MG_BARRIER();
  if (port::thread() != 0) return;
  double sum = 0;
  for (i64 row = begin; row < end; row++) sum += losses[row - begin];
  partials[port::block()] = sum;
}

template <class T>
void cross_entropy_forward(Stream stream, const ClassDims& d, const T* logits, const std::int32_t* classes, const T* mask,
                           T* loss, double* partials) {
  const i64 per_block = d.rows_per_block(), blocks = d.blocks();
  port::launch(class_losses<T>, blocks, loop_threads, per_block * 8, stream, d, per_block, logits, classes, mask, partials);
  launch_strips<AddUp>(
      stream, StripDims{1, blocks, 1, blocks > 0 ? blocks : 1}, 1, [=] MG_DEVICE(i64, i64 block, i64) { return partials[block]; },
      [=] MG_DEVICE(i64, i64, i64, double total) { *loss = T(total); });
}

template <class T>
void cross_entropy_backward(Stream stream, const ClassDims& d, const T* dloss, const T* logits, const std::int32_t* classes,
                            const T* mask, T* dlogits) {
  const i64 n = d.classes;
  each_row(stream, d.rows, [=] MG_DEVICE(i64 row, int lane) {
    const double m = mask_at(mask, row) * double(*dloss);
    const T* const z = logits + row * n;
    T* const dz = dlogits + row * n;
    const LogSum sum = m == 0 ? LogSum{0, 0} : warp_log_sum_exp(z, n, lane);
    for (i64 k = lane; k < n; k += 32)
      dz[k] = m == 0 ? T(0) : T(m * (std::exp(sum.log_share(double(z[k]))) - (k == classes[row] ? 1 : 0)));
  });
}

#define MG_INSTANTIATE(T)                                                                                                 \
  template void bce_forward<T>(Stream, const BceDims&, const T*, const T*, const T*, T*, double*);                        \
  template void bce_backward<T>(Stream, const BceDims&, const T*, const T*, const T*, const T*, T*);                      \
  template void cross_entropy_forward<T>(Stream, const ClassDims&, const T*, const std::int32_t*, const T*, T*, double*); \
  template void cross_entropy_backward<T>(Stream, const ClassDims&, const T*, const T*, const std::int32_t*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
