// What a head writes, and what it reads: the weights of its content, and with links the entries of its mix of three reads.
#pragma once
#include "../../base/math.h"
#include "links.h"
#include "ring.h"

namespace mg {
namespace {

// f(slot, weight) for the rows that a head writes to: those that it read, then the popped one.
template <class T, class F>
MG_BOTH void each_write(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 h, F&& f) {
  const AccessInterface at(d);
  const T alpha = temps.act[at.alpha + h], gamma = temps.act[at.gamma + h];
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    if (s.slots[k] >= 0) f(s.slots[k], alpha * (gamma * s.weights[k]));
  }
  f(temps.changed[h], alpha * (T(1) - gamma));
}
// The same with each slot once.
template <class T>
struct OwnWrites {
  i32* slots;
  T* weights;
  i64 count;

  MG_BOTH void add(i32 slot, T w) {
    i64 k = 0;
    while (k < count && slots[k] != slot) k++;
    if (k == count) slots[k] = slot, weights[count++] = w;
    else weights[k] += w;
  }
};

// Softmax of beta cos over the K chosen rows, which begin with the most alike one.
template <class T>
MG_BOTH void content_weights(const SamDims& d, const T* alike, T beta, T* weights) {
  T sum = 0;
  for (i64 k = 0; k < d.kept; k++) sum += weights[k] = mg::exp(T(beta * (alike[k] - alike[0])));
  for (i64 k = 0; k < d.kept; k++) weights[k] /= sum;
}

// The entries of a head's mix: its content, then what links lead to.
template <class T, class Sort>
MG_BOTH i64 gather_mix(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 h, Sort&& sort) {
  const SamLinks<T> links{d, s, temps};
  i64 count = 0;
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    temps.mixed_mark[temps.best[k]] = i32(count);
    temps.mixed[count++] = {temps.best[k], T(0), temps.content[k], T(0)};
  }
  const auto reads = [&](bool forward, i32 slot, T w) {
    i32& at = temps.mixed_mark[slot];
    if (at < 0) at = i32(count), temps.mixed[count++] = {slot, T(0), T(0), T(0)};
    (forward ? temps.mixed[at].forward : temps.mixed[at].backward) += w;
  };
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    if (s.slots[k] < 0 || !(s.weights[k] > 0)) continue;
    links.follow(s.slots[k], s.weights[k], h, false, [&](i32 slot, T w) { reads(false, slot, w); });
    links.follow(s.slots[k], s.weights[k], h, true, [&](i32 slot, T w) { reads(true, slot, w); });
  }
  for (i64 k = 0; k < count; k++) temps.mixed_mark[temps.mixed[k].slot] = -1;
  // In an order that does not depend on how the lists of links came about, so that sums do not either.
  sort(temps.mixed + d.kept, count - d.kept, [](const SamMixed<T>& a, const SamMixed<T>& b) { return a.slot < b.slot; });
  T forward = 0, backward = 0;
  for (i64 k = 0; k < count; k++) forward += temps.mixed[k].forward, backward += temps.mixed[k].backward;
  for (i64 k = 0; k < count; k++) {
    if (forward > 1) temps.mixed[k].forward /= forward;
    if (backward > 1) temps.mixed[k].backward /= backward;
  }
  return count;
}

// What an entry of a mix weighs; modes: backward, content, forward.
template <class T>
MG_BOTH T mixed_weight(const T* modes, const SamMixed<T>& m) {
  return modes[0] * m.backward + modes[1] * m.content + modes[2] * m.forward;
}

// One chosen row in the gradient of a head's content. below: |q| |m| + eps; mean: of the gradients at the weights, by weight.
template <class T>
struct ContentSlope {
  T dz, slope;      // at beta cos; at q.m
  T shrink, pull;   // what the norms take back: of the query, summed over the rows, and of the row
};
template <class T>
MG_BOTH ContentSlope<T> content_slope(T weight, T dread, T mean, T beta, T alike, T below, T query_norm, T eps) {
  const T dz = weight * (dread - mean), slope = beta * dz / below, size = (below - eps) / query_norm;
  return {dz, slope, slope * alike * size, -slope * alike * query_norm / size};
}

}  // namespace
}  // namespace mg
