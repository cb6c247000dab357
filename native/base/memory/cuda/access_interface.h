// The interface vector of sparse and dense access memories on the GPU, by a block of threads.
#pragma once
#include "../../cuda/block.h"
#include "../access_interface.h"
#include "../addressing.h"

namespace mg {
namespace cuda {

// act in: the raw interface; out: gates squashed, strengths made positive, modes normalized.
template <class T, class Dims>
MG_DEVICE void access_activate(const Dims& d, T* act) {
  const AccessInterface at(d);
  MG_BARRIER();
  by_thread(at.modes - at.alpha, [&](i64 i) {
    const i64 k = at.alpha + i;
    act[k] = k < at.strengths ? sigmoid(act[k]) : positive_strength(d, act[k]);
  });
  by_thread((at.size - at.modes) / 3, [&](i64 h) { softmax_few(act + at.modes + 3 * h, 3); });
  MG_BARRIER();
}
template <class T, class Dims>
MG_DEVICE T access_strength(const Dims& d, const T* act, i64 h) {
  return d.strength ? act[AccessInterface(d).strengths + h] : T(1);
}

// From gradients at the activations to those at the raw values.
template <class T, class Dims>
MG_DEVICE void access_activate_backward(const Dims& d, const T* raw, const T* act, const T* dact, T* draw) {
  const AccessInterface at(d);
  by_thread(at.size, [&](i64 k) {
    if (k < at.alpha) draw[k] = dact[k];
    else if (k < at.strengths) draw[k] = gate_gradient(act[k], dact[k]);
    else if (k < at.modes) draw[k] = strength_gradient(raw[k], dact[k]);
    else {
      const i64 first = k - (k - at.modes) % 3;
      draw[k] = act[k] * (dact[k] - mean_mode_gradient(act + first, dact + first, 3));
    }
  });
}

}  // namespace cuda
}  // namespace mg
