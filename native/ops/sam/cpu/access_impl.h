// One step of one sample's memory access.
#pragma once
#include <algorithm>

#include "../../../base/math.h"
#include "mix_impl.h"
#include "search/search_impl.h"

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

// One head adds its word with its weights, and tells how many rows they are.
template <class T>
i64 write_head(const SamDims& d, const SamSample<T>& s, const SamTemps<T>& temps, i64 h) {
  const T* a = temps.act + AccessInterface(d).adds + h * d.word;
  OwnWrites<T> own{temps.own_slots, temps.own_weights, 0};
  each_write(d, s, temps, h, [&](i32 slot, T w) {
    temps.total[temps.mark[slot]] += w;
    row_add(s.memory + i64(slot) * d.word, w, a, d.word);
    own.add(slot, w);
  });
  return own.count;
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

// raw: the interface. The sample goes from the state before the step to the one after it.
template <class T>
void access_step(const SamDims& d, const T* raw, const SamSample<T>& s, const SamTemps<T>& temps, const RowSearch<T>& search,
                 const SamRecord<T>& record) {
  const SamRing<T> ring{d, s};
  access_activate(d, raw, temps.act);
  const i64 changed = list_changed(d, ring, temps);
  record_rows(d, s, temps.changed, changed, record);
  write_rows(d, s, temps, changed);
  search.changed(temps.changed, changed, ring.live());
  search.best(temps.act, ring.live(), temps.untouched, temps.alike, temps.best);
  for (i64 k = 0; k < d.read(); k++) ring.touch_to(i64(temps.best[k]) + 1);
  search.changed(nullptr, 0, ring.live());
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
    content_weights(d, temps.alike + h * d.kept, access_strength(d, temps.act, h), content);
    clear(s.words + h * d.word, d.word);
    const auto add = [&](i32 slot, T w) {
      row_add(s.words + h * d.word, w, s.memory + i64(slot) * d.word, d.word);
      read(slot, w);
    };
    if (d.links > 0) mix_head(d, s, temps, record, h, add);
    for (i64 k = 0; d.links == 0 && k < d.kept; k++) add(temps.best[h * d.kept + k], content[k]);
  }
  turn_ring(d, ring, temps, list.count, std_sort);
  for (i64 k = 0; k < list.count; k++) temps.mark[temps.accessed[k]] = -1;
  copy(s.slots, temps.best, d.read());
  copy(s.weights, temps.content, d.read());
  if (record.rows) copy(record.slots, s.slots, d.read()), copy(record.weights, s.weights, d.read());
}

}  // namespace
}  // namespace mg
