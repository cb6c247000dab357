// Summed losses. An element or row whose mask is 0 counts for nothing, whatever its logits hold. Sums are made in double, block
// by block of fixed size and then over the blocks in order. Nothing is saved: backward computes the few exponentials again.
#pragma once
#include <cmath>
#include <limits>

#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

// −y log σ(z) − (1 − y) log(1 − σ(z)), without overflow for any z; what has weight 0 is 0, even where its logarithm is infinite.
MG_HD double bce_with_logits(double z, double y) {
  const double far = z > 0 ? 1 - y : y, size = std::fabs(z);
  return (far == 0 && size == size ? 0 : far * size) + std::log1p(std::exp(-size));
}
// Its derivative at z: σ(z) − y.
MG_HD double bce_with_logits_backward(double z, double y) {
  const double e = std::exp(-std::fabs(z));
  return (z >= 0 ? 1 : e) / (1 + e) - y;
}

struct BceDims {
  i64 count, span;  // logits and target [count]; mask [count / span], one value for `span` elements in a row

  static constexpr i64 kBlock = 4096;
  i64 blocks() const { return (count + kBlock - 1) / kBlock; }
};

// mask may be null. partials [dims.blocks()].
template <class T>
void bce_forward(const BceDims& dims, const T* logits, const T* target, const T* mask, T* loss, double* partials);
template <class T>
void bce_backward(const BceDims& dims, const T* dloss, const T* logits, const T* target, const T* mask, T* dlogits);

struct ClassDims {
  i64 rows, classes;  // logits [rows, classes]; class numbers and mask [rows]

  i64 rows_per_block() const { return classes >= 1024 ? 1 : 1024 / (classes > 0 ? classes : 1); }
  i64 blocks() const { return (rows + rows_per_block() - 1) / rows_per_block(); }
};

// Σ over rows of log Σ_k e^{z_k} − z_class; NaN for a class number outside 0 … classes − 1 unless its mask is 0.
template <class T>
void cross_entropy_forward(const ClassDims& dims, const T* logits, const std::int32_t* classes, const T* mask, T* loss,
                           double* partials);
template <class T>
void cross_entropy_backward(const ClassDims& dims, const T* dloss, const T* logits, const std::int32_t* classes, const T* mask,
                            T* dlogits);

namespace cuda {
template <class T>
void bce_forward(Stream stream, const BceDims& dims, const T* logits, const T* target, const T* mask, T* loss, double* partials);
template <class T>
void bce_backward(Stream stream, const BceDims& dims, const T* dloss, const T* logits, const T* target, const T* mask,
                  T* dlogits);
template <class T>
void cross_entropy_forward(Stream stream, const ClassDims& dims, const T* logits, const std::int32_t* classes, const T* mask,
                           T* loss, double* partials);
template <class T>
void cross_entropy_backward(Stream stream, const ClassDims& dims, const T* dloss, const T* logits, const std::int32_t* classes,
                            const T* mask, T* dlogits);
}  // namespace cuda

}  // namespace mg
