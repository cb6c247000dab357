// The interface vector: gates squashed, modes normalized, strengths made positive.
#pragma once
#include "slots_impl.h"

namespace mg {
namespace {

template <class T>
void softmax_few(T* x, i64 count) {
  T top = x[0], sum = 0;
  for (i64 k = 1; k < count; k++) top = x[k] > top ? x[k] : top;
  for (i64 k = 0; k < count; k++) sum += x[k] = std::exp(x[k] - top);
  for (i64 k = 0; k < count; k++) x[k] /= sum;
}

// Gates squashed, modes normalized, strengths made positive; vectors and keys as they are.
template <class T>
void activate(const DncDims& d, const T* raw, T* act) {
  const DncInterface at(d);
  copy(act, raw, at.size);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) act[k] = sigmoid(raw[k]);
  for (i64 r = 0; r < d.reads; r++) softmax_few(act + at.read_modes + r * d.modes(), d.modes());
  const T base = d.oneplus ? T(1) : T(0);
  for (i64 v = 0; v < d.writes; v++) act[at.write_strengths + v] = base + dnc_softplus(raw[at.write_strengths + v]);
  for (i64 r = 0; r < d.reads; r++) act[at.read_strengths + r] = base + dnc_softplus(raw[at.read_strengths + r]);
}

// Turns gradients at the activations into gradients at the raw values, in place.
template <class T>
void activate_backward(const DncDims& d, const T* raw, const T* act, T* dact) {
  const DncInterface at(d);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) dact[k] *= act[k] * (T(1) - act[k]);
  for (i64 r = 0; r < d.reads; r++) {
    const T* p = act + at.read_modes + r * d.modes();
    T* dp = dact + at.read_modes + r * d.modes();
    T mean = 0;
    for (i64 k = 0; k < d.modes(); k++) mean += p[k] * dp[k];
    for (i64 k = 0; k < d.modes(); k++) dp[k] = p[k] * (dp[k] - mean);
  }
  for (i64 v = 0; v < d.writes; v++) dact[at.write_strengths + v] *= sigmoid(raw[at.write_strengths + v]);
  for (i64 r = 0; r < d.reads; r++) dact[at.read_strengths + r] *= sigmoid(raw[at.read_strengths + r]);
}

}  // namespace
}  // namespace mg
