// One step of one sample's memory access, backward: the read, the write, and the rows as they were before the step.
#pragma once
#include "access_impl.h"

namespace mg {
namespace {

// What the step read, changed and had read before, by places among the touched rows (-1: none).
template <class T>
struct SamStep {
  const T *raw, *rows;  // the interface; the changed rows before the step
  const i32 *changed, *slots, *slots_before;
  const T *weights, *weights_before;
  const i32* mixed_slots;  // [R][E], with links
  const T* mixed;
};

// From the gradients `dread` at the K weights of a head's content to those at its query, its strength and the rows.
template <class T>
void content_backward(const SamDims& d, i64 h, const i32* slots, const T* weights, const SamReplay<T>& s,
                      const SamBackwardScratch<T>& scratch) {
  const AccessInterface at(d);
  const T *query = scratch.act + at.queries + h * d.word, eps = T(d.epsilon);
  const T nk = row_norm(d, query), beta = access_strength(d, scratch.act, h);
  T mean = 0;
  for (i64 k = 0; k < d.kept; k++) {
    const T* m = s.memory + i64(slots[k]) * d.word;
    scratch.below[k] = nk * row_norm(d, m) + eps;
    scratch.alike[k] = row_dot(query, m, d.word) / scratch.below[k];
    mean += weights[k] * scratch.dread[k];
  }
  T* dquery = scratch.dact + at.queries + h * d.word;
  T dbeta = 0, shrink = 0;
  for (i64 k = 0; k < d.kept; k++) {
    const T* m = s.memory + i64(slots[k]) * d.word;
    T* dm = s.dmemory + i64(slots[k]) * d.word;
    const ContentSlope<T> c =
        content_slope(weights[k], scratch.dread[k], mean, beta, scratch.alike[k], scratch.below[k], nk, eps);
    dbeta += c.dz * scratch.alike[k];
    shrink += c.shrink;
    row_add(dquery, c.slope, m, d.word);
    row_add(dm, c.slope, query, d.word);
    row_add(dm, c.pull, m, d.word);
  }
  row_add(dquery, -shrink / nk, query, d.word);
  if (d.strength) scratch.dact[at.strengths + h] = dbeta;
}

// From the gradients at a head's words and at the weights that it keeps.
template <class T>
void read_backward(const SamDims& d, const SamStep<T>& step, i64 h, const T* dwords, const T* dweights, const SamReplay<T>& s,
                   const SamBackwardScratch<T>& scratch) {
  const i32* slots = step.slots + h * d.kept;
  const T* weights = step.weights + h * d.kept;
  for (i64 k = 0; k < d.kept; k++) {
    const i64 row = i64(slots[k]) * d.word;
    scratch.dread[k] = dweights[h * d.kept + k] + row_dot(s.memory + row, dwords, d.word);
    row_add(s.dmemory + row, weights[k], dwords, d.word);
  }
  content_backward(d, h, slots, weights, s, scratch);
}

// The same for a mix; what links gave to it counts as constant.
template <class T>
void mix_backward(const SamDims& d, const SamStep<T>& step, i64 h, const T* dwords, const T* dweights, const SamReplay<T>& s,
                  const SamBackwardScratch<T>& scratch) {
  const i64 E = d.mixed(), at = AccessInterface(d).modes + 3 * h;
  const i32* slots = step.mixed_slots + h * E;
  const T *shares = step.mixed + h * 3 * E, *modes = scratch.act + at;
  T* dmodes = scratch.dact + at;
  for (i64 k = 0; k < E && slots[k] >= 0; k++) {
    const i64 row = i64(slots[k]) * d.word;
    T dmixed = row_dot(s.memory + row, dwords, d.word), weight = 0;
    for (i64 j = h * d.kept; j < (h + 1) * d.kept; j++) dmixed += step.slots[j] == slots[k] ? dweights[j] : T(0);
    for (i64 m = 0; m < 3; m++) {
      weight += modes[m] * shares[m * E + k];
      dmodes[m] += shares[m * E + k] * dmixed;
    }
    row_add(s.dmemory + row, weight, dwords, d.word);
    scratch.dread[k] = modes[1] * dmixed;
  }
  content_backward(d, h, slots, shares + E, s, scratch);
}

// From the gradients at the rows to those at a head's gates, its added word and, in place, the weights read before.
template <class T>
void write_backward(const SamDims& d, const SamStep<T>& step, i64 h, T* dweights, const SamReplay<T>& s,
                    const SamBackwardScratch<T>& scratch) {
  const AccessInterface at(d);
  const T alpha = scratch.act[at.alpha + h], gamma = scratch.act[at.gamma + h], *a = scratch.act + at.adds + h * d.word;
  T *da = scratch.dact + at.adds + h * d.word, before = 0;
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    const i32 place = step.slots_before[k];
    dweights[k] = 0;
    if (place < 0) continue;
    const T *dm = s.dmemory + i64(place) * d.word, dw = row_dot(dm, a, d.word);
    before += dw * step.weights_before[k];
    row_add(da, alpha * (gamma * step.weights_before[k]), dm, d.word);
    dweights[k] = alpha * gamma * dw;
  }
  const T *dm = s.dmemory + i64(step.changed[h]) * d.word, popped = row_dot(dm, a, d.word);
  row_add(da, alpha * (T(1) - gamma), dm, d.word);
  scratch.dact[at.alpha + h] = gamma * before + (T(1) - gamma) * popped;
  scratch.dact[at.gamma + h] = alpha * (before - popped);
}

// The sample's rows go from those after the step to those before it, and the carried gradients with them. draw: at the interface.
template <class T>
void access_backward(const SamDims& d, const SamStep<T>& step, const T* dwords, T* dweights, const SamReplay<T>& s, T* draw,
                     const SamBackwardScratch<T>& scratch) {
  access_activate(d, step.raw, scratch.act);
  clear(scratch.dact, interface_size(d));
  for (i64 h = 0; h < d.heads; h++) {
    if (d.links > 0) mix_backward(d, step, h, dwords + h * d.word, dweights, s, scratch);
    else read_backward(d, step, h, dwords + h * d.word, dweights, s, scratch);
  }
  for (i64 h = 0; h < d.heads; h++) write_backward(d, step, h, dweights, s, scratch);
  for (i64 h = 0; h < d.heads; h++) clear(s.dmemory + i64(step.changed[h]) * d.word, d.word);
  for (i64 k = 0; k < d.written(); k++) {
    if (step.changed[k] >= 0) copy(s.memory + i64(step.changed[k]) * d.word, step.rows + k * d.word, d.word);
  }
  access_activate_backward(d, step.raw, scratch.act, scratch.dact, draw);
}

}  // namespace
}  // namespace mg
