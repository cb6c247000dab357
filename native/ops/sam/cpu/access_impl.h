// One step of one sample's memory access.
#pragma once
#include "../../../base/math.h"
#include "ring_impl.h"
#include "rows_impl.h"

namespace mg {
namespace {

// Gates squashed, strengths made positive; queries and added words as they are.
template <class T>
void sam_activate(const SamDims& d, const T* raw, T* act) {
  const SamInterface at(d);
  copy(act, raw, at.size);
  for (i64 k = at.alpha; k < at.strengths; k++) act[k] = sigmoid(raw[k]);
  for (i64 k = at.strengths; k < at.size; k++) act[k] = T(1) + dnc_softplus(raw[k]);
}

template <class T>
T sam_strength(const SamDims& d, const T* act, i64 h) {
  return d.strength ? act[SamInterface(d).strengths + h] : T(1);
}

// Where a step leaves what backward needs; null where nothing is recorded.
template <class T>
struct SamRecord {
  T* rows;
  i32 *changed, *slots;
  T* weights;
};

inline i64 find(const i32* list, i64 count, i32 x) {
  i64 k = 0;
  while (k < count && list[k] != x) k++;
  return k;
}

// Popped slots, then the others that the heads write to: all that this step changes.
template <class T>
i64 list_changed(const SamDims& d, const SamRing<T>& ring, i32* changed) {
  ring.look(changed);
  i64 count = d.heads;
  for (i64 k = 0; k < d.read(); k++) {
    const i32 slot = ring.s.slots[k];
    if (slot < 0) continue;
    if (find(changed, count, slot) == count) changed[count++] = slot;
  }
  return count;
}

// Erases and adds; `total`: weights of each changed slot.
template <class T>
void write_rows(const SamDims& d, const T* act, const SamSample<T>& s, const i32* changed, i64 count, T* total) {
  const SamInterface at(d);
  clear(total, count);
  for (i64 h = 0; h < d.heads; h++) clear(s.memory + i64(changed[h]) * d.word, d.word);
  for (i64 h = 0; h < d.heads; h++) {
    const T alpha = act[at.alpha + h], gamma = act[at.gamma + h], *a = act + at.adds + h * d.word;
    for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
      const i32 slot = s.slots[k];
      if (slot < 0) continue;
      const T w = alpha * (gamma * s.weights[k]);
      total[find(changed, count, slot)] += w;
      row_add(s.memory + i64(slot) * d.word, w, a, d.word);
    }
    const T w = alpha * (T(1) - gamma);
    total[h] += w;
    row_add(s.memory + i64(changed[h]) * d.word, w, a, d.word);
  }
}

// weights = softmax of beta cos over the K chosen rows, and their mean row.
template <class T>
void read_rows(const SamDims& d, const T* memory, const i32* slots, const T* alike, T beta, T* weights, T* words) {
  T sum = 0;
  for (i64 k = 0; k < d.kept; k++) sum += weights[k] = mg::exp(T(beta * (alike[k] - alike[0])));
  clear(words, d.word);
  for (i64 k = 0; k < d.kept; k++) {
    weights[k] /= sum;
    row_add(words, weights[k], memory + i64(slots[k]) * d.word, d.word);
  }
}

// Accessed slots to the back: popped ones, others written, then read ones by rising weight, where `total` is above delta.
template <class T>
void turn_ring(const SamDims& d, const SamRing<T>& ring, const i32* written, const SamTemps<T>& temps, i64 changed, i64 accessed) {
  const T delta = T(d.delta);
  const auto access = [&](i32 slot) {
    if (temps.total[find(temps.accessed, accessed, slot)] > delta) ring.to_back(slot);
  };
  for (i64 h = 0; h < d.heads; h++) access(temps.accessed[h]);
  for (i64 k = 0; k < d.read(); k++) {  // the last of several places counts
    const i64 place = find(temps.accessed, changed, written[k]);
    if (place >= d.heads && place < changed) access(written[k]);
  }
  i64 count = 0;
  for (i64 k = 0; k < accessed; k++) {
    if (!(temps.read[k] > 0)) continue;
    i64 to = count++;
    const auto later = [&](i32 other) {
      return temps.read[other] > temps.read[k] ||
             (temps.read[other] == temps.read[k] && temps.accessed[other] > temps.accessed[k]);
    };
    for (; to > 0 && later(temps.order[to - 1]); to--) temps.order[to] = temps.order[to - 1];
    temps.order[to] = i32(k);
  }
  for (i64 k = 0; k < count; k++) access(temps.accessed[temps.order[k]]);
}

// raw: the interface. The sample goes from the state before the step to the one after it.
template <class T>
void access_step(const SamDims& d, const T* raw, const SamSample<T>& s, const SamTemps<T>& temps, const SamRecord<T>& record) {
  const SamRing<T> ring{d, s};
  sam_activate(d, raw, temps.act);
  const i64 changed = list_changed(d, ring, temps.changed);
  for (i64 k = 0; record.rows && k < d.written(); k++) {
    record.changed[k] = k < changed ? temps.changed[k] : -1;
    T* row = record.rows + k * d.word;
    if (k < changed) copy(row, s.memory + i64(temps.changed[k]) * d.word, d.word);
    else clear(row, d.word);
  }
  write_rows(d, temps.act, s, temps.changed, changed, temps.total);
  best_rows(d, temps.act, s.memory, ring.live(), temps.untouched, temps.alike, temps.best);
  i64 accessed = changed;
  copy(temps.accessed, temps.changed, changed);
  clear(temps.read, changed);
  for (i64 k = 0; k < d.read(); k++) ring.touch_to(i64(temps.best[k]) + 1);
  // The slots read at the step before are still needed to turn the ring, the weights are not.
  for (i64 h = 0; h < d.heads; h++) {
    read_rows(d, s.memory, temps.best + h * d.kept, temps.alike + h * d.kept, sam_strength(d, temps.act, h),
              s.weights + h * d.kept, s.words + h * d.word);
  }
  for (i64 k = 0; k < d.read(); k++) {
    const i64 place = find(temps.accessed, accessed, temps.best[k]);
    if (place == accessed) temps.accessed[accessed] = temps.best[k], temps.read[accessed] = temps.total[accessed] = 0, accessed++;
    temps.read[place] += s.weights[k];
    temps.total[place] += s.weights[k];
  }
  turn_ring(d, ring, s.slots, temps, changed, accessed);
  copy(s.slots, temps.best, d.read());
  if (record.rows) copy(record.slots, s.slots, d.read()), copy(record.weights, s.weights, d.read());
}

}  // namespace
}  // namespace mg
