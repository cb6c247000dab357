// The ring of least recently accessed slots, and the rows that become live.
#pragma once
#include "parts.h"

namespace mg {
namespace {

template <class T>
struct SamRing {
  const SamDims& d;
  const SamSample<T>& s;

  MG_BOTH i32& before(i32 node) const { return s.ring[2 * node]; }
  MG_BOTH i32& behind(i32 node) const { return s.ring[2 * node + 1]; }
  MG_BOTH i32& live() const { return s.counts[0]; }
  MG_BOTH i32& front() const { return s.counts[1]; }

  MG_BOTH void join(i32 a, i32 b) const { behind(a) = b, before(b) = a; }

  // The first slot that was not touched gets its row, and a node of its own before those that still are not.
  MG_BOTH void touch() const {
    const i32 slot = live()++, node = slot + 1;
    T* row = s.memory + i64(slot) * d.word;
    for (i64 w = 0; w < d.word; w++) row[w] = T(sam_start);
    const i32 last = before(0);
    join(last, node), join(node, 0);
    if (front() == 0) front() = node;
    for (i64 k = 0; d.links > 0 && k < 2 * d.heads; k++) s.column[k * d.capacity + slot] = -1;
    sam_clear(s.link_slots + i64(slot) * 2 * d.linked(), 2 * d.linked());
    sam_clear(s.link_weights + i64(slot) * 2 * d.linked(), 2 * d.linked());
  }
  MG_BOTH void touch_to(i64 rows) const {
    while (live() < rows) touch();
  }

  // The R slots at the front; they stay where they are.
  MG_BOTH void look(i32* slots) const {
    i32 node = front();
    for (i64 h = 0; h < d.heads; h++) {
      if (node == 0 && live() < d.slots) {
        touch();
        slots[h] = live() - 1;
        continue;
      }
      if (node == 0) node = behind(0);
      slots[h] = node > 0 ? node - 1 : 0;  // 0 only in a ring that does not hold all slots
      node = behind(node);
    }
  }

  MG_BOTH void to_back(i32 slot) const {
    const i32 node = slot + 1;
    if (node == front()) {
      front() = behind(node);
      return;
    }
    join(before(node), behind(node));
    const i32 last = before(front());
    join(last, node), join(node, front());
  }
};

// Whether the numbers of a state keep to the memory that they point into.
template <class T>
MG_BOTH bool sam_sound(const SamDims& d, const i32* ring, const i32* counts) {
  if (counts[0] < 0 || counts[0] > d.live_bound || counts[1] < 0 || counts[1] > counts[0]) return false;
  bool sound = true;
  for (i64 k = 0; k < 2 * (i64(counts[0]) + 1); k++) sound = sound & (ring[k] >= 0) & (ring[k] <= counts[0]);
  return sound;
}

// Popped slots, then the others that the heads write to: all that this step changes. Each is marked with its place.
template <class T>
MG_BOTH i64 list_changed(const SamDims& d, const SamRing<T>& ring, const SamTemps<T>& temps) {
  ring.look(temps.changed);
  SlotList list{temps.mark, temps.changed, 0};
  for (i64 h = 0; h < d.heads; h++) list.place(temps.changed[h]);
  for (i64 k = 0; k < d.read(); k++) {
    if (ring.s.slots[k] >= 0) list.place(ring.s.slots[k]);
  }
  return list.count;
}

// Accessed slots to the back: popped ones, others written, then read ones by rising weight, where `total` is above delta.
template <class T, class Sort>
MG_BOTH void turn_ring(const SamDims& d, const SamRing<T>& ring, const SamTemps<T>& temps, i64 accessed, Sort&& sort) {
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
  sort(temps.order, count, [&](i32 a, i32 b) {
    return temps.read[a] < temps.read[b] || (temps.read[a] == temps.read[b] && temps.accessed[a] < temps.accessed[b]);
  });
  for (i64 k = 0; k < count; k++) access(temps.accessed[temps.order[k]]);
}

}  // namespace
}  // namespace mg
