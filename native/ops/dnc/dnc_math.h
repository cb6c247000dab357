// The equations of a step of the DNC (dnc.h) and of its gradient, each once: for one number, as a thread of the GPU has it, or
// for a lane vector over the slots, as the CPU has it. fma(a, b, c) is a b + c, rounded once where the machine can.
#pragma once
#include <cmath>

#include "../../base/memory/addressing.h"
#include "dnc.h"

namespace mg {

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
