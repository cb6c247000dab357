// The equations of a step of the DNC (dnc.h) and of its gradient, each once: for one number, as a thread of the GPU has it, or
// for a lane vector over the slots, as the CPU has it. fma(a, b, c) is a b + c, rounded once where the machine can.
#pragma once
#include <cmath>

#include "../../base/controller.h"
#include "dnc.h"

namespace mg {

// ---- interface: gates squashed, strengths made positive, modes by softmax, all else as it is

template <class T>
MG_HD T dnc_softplus(T x) {
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(x > 0 ? -x : x));
}
template <class T, class Dims>
MG_HD T dnc_strength(const Dims& d, T raw) {
  return (d.oneplus ? T(1) : T(0)) + dnc_softplus(raw);
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
MG_HD T dnc_gate_gradient(T gate, T dgate) {
  return dgate * (gate * (T(1) - gate));
}
template <class T>
MG_HD T dnc_strength_gradient(T raw, T dstrength) {
  return dstrength * sigmoid(raw);
}
// The gradient at a mode is mode (dmode - this mean).
template <class T>
MG_HD T dnc_mean_mode_gradient(const T* modes, const T* dmodes, i64 count) {
  T mean = 0;
  for (i64 k = 0; k < count; k++) mean += modes[k] * dmodes[k];
  return mean;
}

// ---- content: C_i = softmax_i(strength cos_i), cos_i = k.M_i / (|k| |M_i| + eps), |x| = sqrt(x.x + eps)

template <class T>
MG_HD T dnc_key_norm(const DncDims& d, const T* key) {
  T square = T(d.epsilon);
  for (i64 w = 0; w < d.word; w++) square += key[w] * key[w];
  return std::sqrt(square);
}

// |k| |M_i| + eps up to which a cosine counts as 0: only ever reached without an epsilon, where the gradient has a pole.
constexpr double dnc_no_direction = 1e-12;

// A key beside all slots; `row` is |M_i|.
template <class V>
struct DncKey {
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
MG_HD T dnc_key_pull(T norm, T shrink) {
  return norm > T(0) ? shrink / norm : T(0);
}

// ---- usage and allocation: s = eps + (1 - eps) u in falling order of 1 - s (stable), a = (1 - s) prod of the s before

template <class T>
MG_HD T dnc_in_use(double epsilon, T usage) {
  return T(epsilon) + T(1 - epsilon) * usage;
}
// Rises where 1 - s falls, in steps of 2^-53. In double even for float, whose 1 - s would tie slots that usage tells apart.
MG_HD std::uint64_t dnc_falling_key(double usage, double epsilon) {
  const double unused = 1 - dnc_in_use(epsilon, usage), key = (1 - unused) * 9007199254740992.0;
  return key >= 0 && key < 18014398509481984.0 ? std::uint64_t(key) : 0;
}
// `free`: the product of the s before.
template <class T>
MG_HD T dnc_allocation(T s, T free) {
  return (T(1) - s) * free;
}
template <class T>
MG_HD T dnc_allocation_gradient(double epsilon, T dfree, T dallocation, T free) {
  return T(1 - epsilon) * (dfree - dallocation) * free;
}
// The usage that the next write head sees; gate: of the allocation and of the write.
template <class V>
MG_HD V dnc_simulated_usage(V seen, V gate, V allocation) {
  return seen + (1 - seen) * gate * allocation;
}

// What a read head leaves of the usage of a slot.
template <class V>
MG_HD V dnc_kept(V free_gate, V read) {
  return 1 - free_gate * read;
}
// Usage after the writes `written` = 1 - prod_v (1 - w_v), before any frees.
template <class V>
MG_HD V dnc_usage_written(V before, V written) {
  return before + (1 - before) * written;
}
// x times all factors but one: products without division, as factors may be 0.
template <class V, class Factor>
MG_HD V dnc_times_others(V x, i64 count, i64 one, Factor&& factor) {
  for (i64 k = 0; k < count; k++) {
    if (k != one) x = x * factor(k);
  }
  return x;
}
template <class V, class Factor>
MG_HD V dnc_times_all(V x, i64 count, Factor&& factor) {
  return dnc_times_others(x, count, i64(-1), factor);
}

// ---- writes

// What allocation and content give to a write weight, or gradients at them to the write gate.
template <class V>
MG_HD V dnc_addressed(V allocation_gate, V allocation, V content) {
  return allocation_gate * allocation + (1 - allocation_gate) * content;
}
// What a write head leaves of an element of the memory.
template <class V>
MG_HD V dnc_left(V weight, V erase) {
  return 1 - weight * erase;
}
// An element of the memory after erasing and writing; weight(v), erase(v) and vector(v) of head v.
template <class V, class Weight, class Erase, class Vector, class Fma>
MG_HD V dnc_written(i64 heads, V before, Weight&& weight, Erase&& erase, Vector&& vector, Fma&& fma) {
  V added{};
  for (i64 v = 0; v < heads; v++) {
    const V w = weight(v);
    before = before * dnc_left(w, V(erase(v)));
    added = fma(w, vector(v), added);
  }
  return before + added;
}

// ---- links

// One link from the one before it, the write weights of its row i and column j, and the precedence of j.
template <class V, class Fma>
MG_HD V dnc_link(V before, V one_less_row, V row, V column, V precedence, Fma&& fma) {
  return fma(row, precedence, (one_less_row - column) * before);
}

}  // namespace mg
