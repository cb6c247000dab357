// One step of one sample's memory access.
#pragma once
#include <algorithm>

#include "../../../base/math.h"
#include "mix_impl.h"

namespace mg {
namespace {

// Where a step leaves what backward needs; null where nothing is recorded.
template <class T>
struct SamRecord {
  T* rows;
  i32 *changed, *slots;
  T* weights;
  i32* mixed_slots;
  T* mixed;
};

// Popped slots, then the others that the heads write to: all that this step changes. Each is marked with its place.
template <class T>
i64 list_changed(const SamDims& d, const SamRing<T>& ring, const SamTemps<T>& temps) {
  ring.look(temps.changed);
  SlotList list{temps.mark, temps.changed, 0};
  for (i64 h = 0; h < d.heads; h++) list.place(temps.changed[h]);
  for (i64 k = 0; k < d.read(); k++) {
    if (ring.s.slots[k] >= 0) list.place(ring.s.slots[k]);
  }
  return list.count;
}

// The rows that the step is going to change, as they are.
template <class T>
void record_rows(const SamDims& d, const SamSample<T>& s, const i32* changed, i64 count, const SamRecord<T>& record) {
  for (i64 k = 0; record.rows && k < d.written(); k++) {
    record.changed[k] = k < count ? changed[k] : -1;
    T* row = record.rows + k * d.word;
    if (k < count) copy(row, s.memory + i64(changed[k]) * d.word, d.word);
    else clear(row, d.word);
  }
}

// One head adds its word with its weights, and tells which they are.
template <class T>
i64 write_head(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 h) {
  const SamInterface at(d);
  const T alpha = temps.act[at.alpha + h], gamma = temps.act[at.gamma + h], *a = temps.act + at.adds + h * d.word;
  i64 count = 0;
  const auto add = [&](i32 slot, T w) {
    temps.total[temps.mark[slot]] += w;
    row_add(s.memory + i64(slot) * d.word, w, a, d.word);
    i64 k = 0;
    while (k < count && temps.own_slots[k] != slot) k++;
    if (k == count) temps.own_slots[k] = slot, temps.own_weights[count++] = w;
    else temps.own_weights[k] += w;
  };
  for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) {
    if (s.slots[k] >= 0) add(s.slots[k], alpha * (gamma * s.weights[k]));
  }
  add(temps.changed[h], alpha * (T(1) - gamma));
  return count;
}

// Erased rows, then everything that is added; and the links of each head.
template <class T>
void write_rows(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 changed) {
  clear(temps.total, changed);
  clear(temps.read, changed);
  for (i64 h = 0; h < d.heads; h++) clear(s.memory + i64(temps.changed[h]) * d.word, d.word);
  for (i64 h = 0; h < d.heads; h++) {
    const i64 own = write_head(d, s, temps, h);
    if (d.links > 0) SamLinks<T>{d, s, temps}.update(h, own);
  }
}

// Accessed slots to the back: popped ones, others written, then read ones by rising weight, where `total` is above delta.
template <class T>
void turn_ring(const SamDims& d, const SamRing<T>& ring, const SamTemps<T>& temps, i64 accessed) {
  const i32* written = ring.s.slots;
  const auto access = [&](i32 slot) {
    if (temps.total[temps.mark[slot]] > T(d.delta)) ring.to_back(slot);
  };
  for (i64 h = 0; h < d.heads; h++) access(temps.accessed[h]);
  for (i64 k = 0; k < d.read(); k++) {  // the last of several places counts
    if (written[k] >= 0 && temps.mark[written[k]] >= d.heads) access(written[k]);
  }
  i64 count = 0;
  for (i64 k = 0; k < accessed; k++) {
    if (temps.read[k] > 0) temps.order[count++] = i32(k);
  }
  std::sort(temps.order, temps.order + count, [&](i32 a, i32 b) {
    return temps.read[a] < temps.read[b] || (temps.read[a] == temps.read[b] && temps.accessed[a] < temps.accessed[b]);
  });
  for (i64 k = 0; k < count; k++) access(temps.accessed[temps.order[k]]);
}

// raw: the interface. The sample goes from the state before the step to the one after it.
template <class T>
void access_step(const SamDims& d, const T* raw, const SamSample<T>& s, const SamTemps<T>& temps, const SamRecord<T>& record) {
  const SamRing<T> ring{d, s};
  sam_activate(d, raw, temps.act);
  const i64 changed = list_changed(d, ring, temps);
  record_rows(d, s, temps.changed, changed, record);
  write_rows(d, s, temps, changed);
  best_rows(d, temps.act, s.memory, ring.live(), temps.untouched, temps.alike, temps.best);
  for (i64 k = 0; k < d.read(); k++) ring.touch_to(i64(temps.best[k]) + 1);
  copy(temps.accessed, temps.changed, changed);
  SlotList list{temps.mark, temps.accessed, changed};
  const auto read = [&](i32 slot, T w) {
    const i64 known = list.count, place = list.place(slot);
    if (place == known) temps.total[place] = temps.read[place] = T(0);
    temps.read[place] += w;
    temps.total[place] += w;
  };
  for (i64 h = 0; h < d.heads; h++) {
    T* content = temps.content + h * d.kept;
    content_weights(d, temps.alike + h * d.kept, sam_strength(d, temps.act, h), content);
    clear(s.words + h * d.word, d.word);
    const auto add = [&](i32 slot, T w) {
      row_add(s.words + h * d.word, w, s.memory + i64(slot) * d.word, d.word);
      read(slot, w);
    };
    if (d.links > 0) mix_head(d, s, temps, record, h, add);
    for (i64 k = 0; d.links == 0 && k < d.kept; k++) add(temps.best[h * d.kept + k], content[k]);
  }
  turn_ring(d, ring, temps, list.count);
  for (i64 k = 0; k < list.count; k++) temps.mark[temps.accessed[k]] = -1;
  copy(s.slots, temps.best, d.read());
  copy(s.weights, temps.content, d.read());
  if (record.rows) copy(record.slots, s.slots, d.read()), copy(record.weights, s.weights, d.read());
}

}  // namespace
}  // namespace mg
