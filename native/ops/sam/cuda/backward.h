// The gradient of one step of a sparse access memory on the GPU, by a block for each sample: the read, the write, and the rows as
// they were before the step. A thread owns an element of all rows, so that sums over rows have one order and need no atomics.
#pragma once
#include "backward_space.h"

namespace mg {
namespace cuda {

// What an entry of a head weighs, the gradient there, and cosines of the content: a warp for each entry.
template <class T>
MG_DEVICE void sam_read_gradients(const SamDims& d, const SamBackwardStep<T>& s) {
  const AccessInterface at(d);
  const i64 entries = SamBackwardSpace<T>::entries(d), E = d.mixed();
  by_warp(d.heads * entries, [&](i64 i, int lane) {
    const i64 h = i / entries, k = i - h * entries;
    const i32 place = s.entries_of(d, h)[k];
    if (place < 0) return;
    const T *const row = s.memory + place * d.word, *const query = s.act + at.queries + h * d.word;
    T dmixed = row_dot(d, row, s.dwords + h * d.word, lane), weight = 0;
    if (d.links > 0) {
      const T *const modes = s.act + at.modes + 3 * h, *const shares = s.shares + 3 * h * E + k;
      for (i64 j = h * d.kept; j < (h + 1) * d.kept; j++) dmixed += s.slots[j] == place ? s.dweights[j] : T(0);
      weight = mixed_weight(modes, SamMixed<T>{place, shares[0], shares[E], shares[2 * E]});
    } else {
      dmixed += s.dweights[i], weight = s.weights[i];
    }
    if (lane == 0) s.weight[i] = weight, s.dread[i] = dmixed;
    if (k >= d.kept) return;
    const T norm = row_norm(d, query, lane), below = port::fma(norm, row_norm(d, row, lane), T(d.epsilon));
    const T product = row_dot(d, query, row, lane);
    if (lane == 0) s.below[h * d.kept + k] = below, s.alike[h * d.kept + k] = product / below, s.norm[h] = norm;
  });
}

// From those to the gradients at modes, strength and cosines: one thread for each head.
template <class T>
MG_DEVICE void sam_content_gradients(const SamDims& d, const SamBackwardStep<T>& s) {
  const AccessInterface at(d);
  const i64 entries = SamBackwardSpace<T>::entries(d), E = d.mixed();
  by_thread(d.heads, [&](i64 h) {
    const T *const content = s.content_of(d, h), beta = access_strength(d, s.act, h);
    T* const dread = s.dread + h * entries;
    const i64 modes = at.modes + 3 * h;
    for (i64 k = 0; k < E && s.mixed[h * E + k] >= 0; k++) {
      for (i64 m = 0; m < 3; m++) s.dact[modes + m] += s.shares[(3 * h + m) * E + k] * dread[k];
      dread[k] *= s.act[modes + 1];
    }
    T mean = 0, dbeta = 0, shrink = 0;
    for (i64 k = 0; k < d.kept; k++) mean += content[k] * dread[k];
    for (i64 k = 0; k < d.kept; k++) {
      const i64 i = h * d.kept + k;
      const ContentSlope<T> c = content_slope(content[k], dread[k], mean, beta, s.alike[i], s.below[i], s.norm[h], T(d.epsilon));
      dbeta += c.dz * s.alike[i], shrink += c.shrink;
      s.slope[i] = c.slope, s.pull[i] = c.pull;
    }
    s.shrink[h] = shrink;
    if (d.strength) s.dact[at.strengths + h] = dbeta;
  });
}

// To queries and rows.
template <class T>
MG_DEVICE void sam_add_read(const SamDims& d, const SamBackwardStep<T>& s) {
  const AccessInterface at(d);
  const i64 entries = SamBackwardSpace<T>::entries(d);
  by_thread(d.word, [&](i64 w) {
    for (i64 h = 0; h < d.heads; h++) {
      const i32* const places = s.entries_of(d, h);
      const T query = s.act[at.queries + h * d.word + w], dwords = s.dwords[h * d.word + w];
      T dquery = 0;
      for (i64 k = 0; k < entries && places[k] >= 0; k++) {
        T& dm = s.dmemory[places[k] * d.word + w];
        dm = port::fma(s.weight[h * entries + k], dwords, dm);
      }
      for (i64 k = 0; k < d.kept; k++) {
        const T m = s.memory[places[k] * d.word + w], slope = s.slope[h * d.kept + k];
        T& dm = s.dmemory[places[k] * d.word + w];
        dm = port::fma(slope, query, dm), dm = port::fma(s.pull[h * d.kept + k], m, dm);
        dquery = port::fma(slope, m, dquery);
      }
      s.dact[at.queries + h * d.word + w] = port::fma(-s.shrink[h] / s.norm[h], query, dquery);
    }
  });
}

// From the rows to gates, added words and the weights read before.
template <class T>
MG_DEVICE void sam_write_gradients(const SamDims& d, const SamBackwardStep<T>& s) {
  const AccessInterface at(d);
  const i64 each = d.kept + 1;
  const auto place_of = [&](i64 h, i64 k) { return k < d.kept ? s.slots_before[h * d.kept + k] : s.changed[h]; };
  by_warp(d.heads * each, [&](i64 i, int lane) {
    const i64 h = i / each, k = i - h * each;
    const i32 place = place_of(h, k);
    const T dw = place < 0 ? T(0) : row_dot(d, s.dmemory + place * d.word, s.act + at.adds + h * d.word, lane);
    if (lane == 0) s.dwrite[i] = dw;
  });
  MG_BARRIER();
  by_thread(d.words(), [&](i64 i) {
    const i64 h = i / d.word, w = i - h * d.word;
    const T alpha = s.act[at.alpha + h], gamma = s.act[at.gamma + h];
    T da = 0;
    for (i64 k = 0; k < each; k++) {
      const i32 place = place_of(h, k);
      if (place < 0) continue;
      const T weight = k < d.kept ? alpha * (gamma * s.weights_before[h * d.kept + k]) : alpha * (T(1) - gamma);
      da = port::fma(weight, s.dmemory[place * d.word + w], da);
    }
    s.dact[at.adds + i] = da;
  });
  by_thread(d.heads, [&](i64 h) {
    const T alpha = s.act[at.alpha + h], gamma = s.act[at.gamma + h], popped = s.dwrite[h * each + d.kept];
    T before = 0;
    for (i64 k = 0; k < d.kept; k++) {
      const i64 i = h * d.kept + k;
      const bool there = s.slots_before[i] >= 0;
      if (there) before += s.dwrite[h * each + k] * s.weights_before[i];
      s.dweights[i] = there ? alpha * gamma * s.dwrite[h * each + k] : T(0);
    }
    s.dact[at.alpha + h] = gamma * before + (T(1) - gamma) * popped;
    s.dact[at.gamma + h] = alpha * (before - popped);
  });
}

template <class T>
MG_KERNEL(sam_threads) sam_backward_kernel(SamBackward<T> job, SamBackwardSpace<T> space, i64 t) {
  const SamDims& d = job.dims;
  const AccessInterface at(d);
  const SamBackwardStep<T> s(job, space, t);
  T* const draw = space.dinterface + s.row * at.size;
  const bool past = past_end(space.lengths, s.b, t);
  if (past || space.sound[s.b] == 0) {
    by_thread(at.size, [&](i64 k) { draw[k] = past ? T(0) : T(NAN); });
    return;
  }
  const T* const raw = space.raw + s.row * at.size;
  by_thread(at.size, [&](i64 k) { s.act[k] = raw[k], s.dact[k] = T(0); });
  if (job.dwords != nullptr) by_thread(d.words(), [&](i64 k) { s.dwords[k] += job.dwords[s.row * d.words() + k]; });
  access_activate(d, s.act);
  sam_read_gradients(d, s);
  MG_BARRIER();
  sam_content_gradients(d, s);
  MG_BARRIER();
  sam_add_read(d, s);
  MG_BARRIER();
  sam_write_gradients(d, s);
  MG_BARRIER();
  by_thread(d.words(), [&](i64 k) { s.dmemory[s.changed[k / d.word] * d.word + k % d.word] = T(0); });
  by_thread(d.written() * d.word, [&](i64 i) {
    const i32 place = s.changed[i / d.word];
    if (place >= 0) s.memory[place * d.word + i % d.word] = s.rows[i];
  });
  access_activate_backward(d, raw, s.act, s.dact, draw);
}

}  // namespace cuda
}  // namespace mg
