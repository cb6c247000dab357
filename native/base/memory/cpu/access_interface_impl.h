// The interface vector of sparse and dense access memories.
#pragma once
#include "../access_interface.h"
#include "slots_impl.h"

namespace mg {
namespace {

// Gates squashed, strengths made positive, modes normalized; queries and added words as they are.
template <class T, class Dims>
void access_activate(const Dims& d, const T* raw, T* act) {
  const AccessInterface at(d);
  copy(act, raw, at.size);
  for (i64 k = at.alpha; k < at.strengths; k++) act[k] = sigmoid(raw[k]);
  for (i64 k = at.strengths; k < at.modes; k++) act[k] = positive_strength(d, raw[k]);
  for (i64 k = at.modes; k < at.size; k += 3) softmax_few(act + k, 3);
}
// Turns gradients at the activations into gradients at the raw values.
template <class T, class Dims>
void access_activate_backward(const Dims& d, const T* raw, const T* act, const T* dact, T* draw) {
  const AccessInterface at(d);
  copy(draw, dact, at.size);
  for (i64 k = at.alpha; k < at.strengths; k++) draw[k] = gate_gradient(act[k], dact[k]);
  for (i64 k = at.strengths; k < at.modes; k++) draw[k] = strength_gradient(raw[k], dact[k]);
  for (i64 k = at.modes; k < at.size; k += 3) {
    const T mean = mean_mode_gradient(act + k, dact + k, 3);
    for (i64 m = k; m < k + 3; m++) draw[m] = act[m] * (dact[m] - mean);
  }
}

template <class T, class Dims>
T access_strength(const Dims& d, const T* act, i64 h) {
  return d.strength ? act[AccessInterface(d).strengths + h] : T(1);
}

}  // namespace
}  // namespace mg
