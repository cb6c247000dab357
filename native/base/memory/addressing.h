// What the interface of a memory says, and content addressing. Each equation once: for one number, as a thread of the GPU has it,
// or for a lane vector over the slots, as the CPU has it. fma(a, b, c) is a b + c, rounded once where the machine can.
#pragma once
#include <cmath>

#include "../math.h"

namespace mg {

// ---- interface: gates squashed, strengths made positive, modes by softmax, all else as it is

template <class T>
MG_HD T softplus(T x) {
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(x > 0 ? -x : x));
}
template <class T, class Dims>
MG_HD T positive_strength(const Dims& d, T raw) {
  return (d.oneplus ? T(1) : T(0)) + softplus(raw);
}
// The modes of one read head, in place.
template <class T>
MG_HD void softmax_few(T* x, i64 count) {
  T top = x[0], sum = 0;
  for (i64 k = 1; k < count; k++) top = x[k] > top ? x[k] : top;
  for (i64 k = 0; k < count; k++) sum += x[k] = std::exp(x[k] - top);
  for (i64 k = 0; k < count; k++) x[k] /= sum;
}
template <class T>
MG_HD T gate_gradient(T gate, T dgate) {
  return dgate * (gate * (T(1) - gate));
}
template <class T>
MG_HD T strength_gradient(T raw, T dstrength) {
  return dstrength * sigmoid(raw);
}
// The gradient at a mode is mode (dmode - this mean).
template <class T>
MG_HD T mean_mode_gradient(const T* modes, const T* dmodes, i64 count) {
  T mean = 0;
  for (i64 k = 0; k < count; k++) mean += modes[k] * dmodes[k];
  return mean;
}

// ---- content: C_i = softmax_i(strength cos_i), cos_i = k.M_i / (|k| |M_i| + eps), |x| = sqrt(x.x + eps)

template <class T, class Dims>
MG_HD T norm_of_key(const Dims& d, const T* key) {
  T square = T(d.epsilon);
  for (i64 w = 0; w < d.word; w++) square += key[w] * key[w];
  return std::sqrt(square);
}

// |k| |M_i| + eps up to which a cosine counts as 0: only ever reached without an epsilon, where the gradient has a pole.
constexpr double no_direction_below = 1e-12;

// A key beside all slots; `row` is |M_i|.
template <class V>
struct ContentKey {
  V norm, strength, epsilon, no_direction;

  template <class Fma>
  MG_HD V cosine(V product, V row, Fma&& fma) const {
    const V below = fma(norm, row, epsilon);
    return below > no_direction ? V(product / below) : V{};
  }
  // From the gradient at strength cos_i. Adds to that at M_i: slope k - pull M_i, to that at k: slope M_i - shrink k / |k|.
  template <class Fma>
  MG_HD void gradient(V dlogit, V cosine, V row, V& slope, V& pull, V& shrink, Fma&& fma) const {
    const V below = fma(norm, row, epsilon);
    slope = below > no_direction ? V(strength * dlogit / below) : V{};
    const V along = slope * cosine;
    pull = row > V{} ? V(along * norm / row) : V{};
    shrink = fma(along, row, shrink);
  }
};
template <class T>
MG_HD T pull_of_key(T norm, T shrink) {
  return norm > T(0) ? shrink / norm : T(0);
}

}  // namespace mg
