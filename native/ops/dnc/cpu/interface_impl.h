// The interface vector: gates squashed, modes normalized, strengths made positive.
#pragma once
#include "../../../base/memory/cpu/slots_impl.h"
#include "../dnc_math.h"

namespace mg {
namespace {

// Gates squashed, modes normalized, strengths made positive; vectors and keys as they are.
template <class T>
void activate(const DncDims& d, const T* raw, T* act) {
  const DncInterface at(d);
  copy(act, raw, at.size);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) act[k] = sigmoid(raw[k]);
  for (i64 r = 0; r < d.reads; r++) softmax_few(act + at.read_modes + r * d.modes(), d.modes());
  for (i64 v = 0; v < d.writes; v++) act[at.write_strengths + v] = positive_strength(d, raw[at.write_strengths + v]);
  for (i64 r = 0; r < d.reads; r++) act[at.read_strengths + r] = positive_strength(d, raw[at.read_strengths + r]);
}

// Turns gradients at the activations into gradients at the raw values, in place.
template <class T>
void activate_backward(const DncDims& d, const T* raw, const T* act, T* dact) {
  const DncInterface at(d);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) dact[k] = gate_gradient(act[k], dact[k]);
  for (i64 r = 0; r < d.reads; r++) {
    const T* p = act + at.read_modes + r * d.modes();
    T* dp = dact + at.read_modes + r * d.modes();
    const T mean = mean_mode_gradient(p, dp, d.modes());
    for (i64 k = 0; k < d.modes(); k++) dp[k] = p[k] * (dp[k] - mean);
  }
  const auto strength = [&](i64 k) { dact[k] = strength_gradient(raw[k], dact[k]); };
  for (i64 v = 0; v < d.writes; v++) strength(at.write_strengths + v);
  for (i64 r = 0; r < d.reads; r++) strength(at.read_strengths + r);
}

}  // namespace
}  // namespace mg
