// The interface vector of sparse and dense access memories on the GPU, by a block of threads.
#pragma once
#include "../../../base/cuda/block.h"
#include "../../dnc/dnc_math.h"
#include "../sam.h"

namespace mg {
namespace cuda {

// act in: the raw interface; out: gates squashed, strengths made positive, modes normalized.
template <class T, class Dims>
MG_DEVICE void sam_activate(const Dims& d, T* act) {
  const SamInterface at(d);
  MG_BARRIER();
  by_thread(at.modes - at.alpha, [&](i64 i) {
    const i64 k = at.alpha + i;
    act[k] = k < at.strengths ? sigmoid(act[k]) : dnc_strength(d, act[k]);
  });
  by_thread((at.size - at.modes) / 3, [&](i64 h) { softmax_few(act + at.modes + 3 * h, 3); });
  MG_BARRIER();
}
template <class T, class Dims>
MG_DEVICE T sam_strength(const Dims& d, const T* act, i64 h) {
  return d.strength ? act[SamInterface(d).strengths + h] : T(1);
}

// From gradients at the activations to those at the raw values.
template <class T, class Dims>
MG_DEVICE void sam_activate_backward(const Dims& d, const T* raw, const T* act, const T* dact, T* draw) {
  const SamInterface at(d);
  by_thread(at.size, [&](i64 k) {
    if (k < at.alpha) draw[k] = dact[k];
    else if (k < at.strengths) draw[k] = dnc_gate_gradient(act[k], dact[k]);
    else if (k < at.modes) draw[k] = dnc_strength_gradient(raw[k], dact[k]);
    else {
      const i64 first = k - (k - at.modes) % 3;
      draw[k] = act[k] * (dact[k] - dnc_mean_mode_gradient(act + first, dact + first, 3));
    }
  });
}

}  // namespace cuda
}  // namespace mg
