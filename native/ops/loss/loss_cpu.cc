// Losses on the CPU.
#include "loss.h"

#include <algorithm>

#include "../../base/host/pool.h"
#include "../../base/index.h"
#include "../../base/log_sum_exp.h"

namespace mg {
namespace {

template <class T>
T total(const double* partials, i64 blocks) {
  double sum = 0;
  for (i64 block = 0; block < blocks; block++) sum += partials[block];
  return T(sum);
}

template <class T>
double mask_at(const T* mask, i64 i) {
  return mask ? double(mask[i]) : 1;
}

}  // namespace

template <class T>
void bce_forward(const BceDims& d, const T* logits, const T* target, const T* mask, T* loss, double* partials) {
  Pool::get().parallel_for(d.blocks(), [&](i64 block, int) {
    double sum = 0;
    for (i64 i = block * BceDims::kBlock; i < std::min(d.count, (block + 1) * BceDims::kBlock); i++) {
      const double m = mask_at(mask, i / d.span);
      if (m != 0) sum += m * bce_with_logits(double(logits[i]), double(target[i]));
    }
    partials[block] = sum;
  });
  *loss = total<T>(partials, d.blocks());
}

template <class T>
void bce_backward(const BceDims& d, const T* dloss, const T* logits, const T* target, const T* mask, T* dlogits) {
  const double scale = double(*dloss);
  Pool::get().parallel_for(d.blocks(), [&](i64 block, int) {
    for (i64 i = block * BceDims::kBlock; i < std::min(d.count, (block + 1) * BceDims::kBlock); i++) {
      const double m = mask_at(mask, i / d.span) * scale;
      dlogits[i] = m == 0 ? T(0) : T(m * bce_with_logits_backward(double(logits[i]), double(target[i])));
    }
  });
}

template <class T>
void cross_entropy_forward(const ClassDims& d, const T* logits, const std::int32_t* classes, const T* mask, T* loss,
                           double* partials) {
  Pool::get().parallel_for(d.blocks(), [&](i64 block, int) {
    double sum = 0;
    for (i64 row = block * d.rows_per_block(); row < std::min(d.rows, (block + 1) * d.rows_per_block()); row++) {
      const double m = mask_at(mask, row);
      if (m == 0) continue;
      const T* z = logits + row * d.classes;
      const double chosen = inside(classes[row], d.classes) ? double(z[classes[row]]) : std::numeric_limits<double>::quiet_NaN();
      sum -= m * log_sum_exp(z, d.classes).log_share(chosen);
    }
    partials[block] = sum;
  });
  *loss = total<T>(partials, d.blocks());
}

template <class T>
void cross_entropy_backward(const ClassDims& d, const T* dloss, const T* logits, const std::int32_t* classes, const T* mask,
                            T* dlogits) {
  const double scale = double(*dloss);
  Pool::get().parallel_for(d.blocks(), [&](i64 block, int) {
    for (i64 row = block * d.rows_per_block(); row < std::min(d.rows, (block + 1) * d.rows_per_block()); row++) {
      const double m = mask_at(mask, row) * scale;
      const T* z = logits + row * d.classes;
      T* dz = dlogits + row * d.classes;
      if (m == 0) {
        std::fill_n(dz, d.classes, T(0));
        continue;
      }
      const LogSum sum = log_sum_exp(z, d.classes);
      for (i64 k = 0; k < d.classes; k++) dz[k] = T(m * (std::exp(sum.log_share(double(z[k]))) - (k == classes[row] ? 1 : 0)));
    }
  });
}

#define MG_INSTANTIATE(T)                                                                                         \
  template void bce_forward<T>(const BceDims&, const T*, const T*, const T*, T*, double*);                        \
  template void bce_backward<T>(const BceDims&, const T*, const T*, const T*, const T*, T*);                      \
  template void cross_entropy_forward<T>(const ClassDims&, const T*, const std::int32_t*, const T*, T*, double*); \
  template void cross_entropy_backward<T>(const ClassDims&, const T*, const T*, const std::int32_t*, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
