// Sparse temporal links: two matrices by rows of at most K_L entries, with the list of the entries into each slot.
#pragma once
#include "parts.h"

namespace mg {
namespace {

enum SamMatrix { kAfterLinks = 0, kBeforeLinks = 1 };  // N lists what a slot was written after, P what before

template <class T>
struct SamLinks {
  const SamDims& d;
  const SamSample<T>& s;
  const SamTemps<T>& temps;

  MG_BOTH i64 row(i64 slot, int matrix, i64 h) const { return ((slot * 2 + matrix) * d.heads + h) * d.links; }
  MG_BOTH i64 slot_of(i64 entry) const { return entry / (2 * d.linked()); }
  MG_BOTH i32& column(i32 slot, int matrix, i64 h) const { return s.column[(matrix * d.heads + h) * d.capacity + slot]; }

  MG_BOTH void enter(i64 entry, int matrix, i64 h) const {
    i32& first = column(s.link_slots[entry], matrix, h);
    s.before[entry] = -1, s.next[entry] = first;
    if (first >= 0) s.before[first] = i32(entry);
    first = i32(entry);
  }
  MG_BOTH void leave(i64 entry, int matrix, i64 h) const {
    const i32 before = s.before[entry], next = s.next[entry];
    if (before >= 0) s.next[before] = next;
    else column(s.link_slots[entry], matrix, h) = next;
    if (next >= 0) s.before[next] = before;
    s.link_slots[entry] = 0, s.link_weights[entry] = T(0);
  }

  // All entries of one matrix and head in the live rows into their lists, and with N the precedence; what cannot be is dropped.
  MG_BOTH void load(int matrix, i64 h) const {
    const i32 live = s.counts[0];
    for (i64 i = 0; i < live; i++) s.column[(matrix * d.heads + h) * d.capacity + i] = -1;
    for (i64 i = 0; i < live; i++) {
      for (i64 k = 0; k < d.links; k++) {
        const i64 entry = row(i, matrix, h) + k;
        if (s.link_weights[entry] > 0 && s.link_slots[entry] >= 0 && s.link_slots[entry] < live) enter(entry, matrix, h);
        else s.link_slots[entry] = 0, s.link_weights[entry] = T(0);
      }
    }
    for (i64 k = h * d.links; matrix == kAfterLinks && k < (h + 1) * d.links; k++) {
      if (s.precedence_weights[k] > 0 && s.precedence_slots[k] >= 0 && s.precedence_slots[k] < live) continue;
      s.precedence_slots[k] = 0, s.precedence_weights[k] = T(0);
    }
  }
  // The entries of a row, times `scale`, into the scratch of a row before it is cut; tells how many.
  MG_BOTH i64 scaled(const i32* slots, const T* weights, T scale) const {
    i64 count = 0;
    for (i64 k = 0; k < d.links; k++) {
      if (weights[k] > 0) temps.cut_slots[count] = slots[k], temps.cut_weights[count++] = scale * weights[k];
    }
    return count;
  }
  // To the `old` entries in the scratch comes `added` times the weights of a list; the largest of them are the new row.
  // Entries of value 0 and of slot `self` are left out.
  MG_BOTH void renew(i64 old, const i32* slots, const T* weights, i64 count, T added, i32 self, LargestFirst<T> best) const {
    i64 entries = old;
    for (i64 k = 0; k < count; k++) {
      if (!(weights[k] > 0) || slots[k] == self) continue;
      i64 at = 0;
      while (at < old && temps.cut_slots[at] != slots[k]) at++;
      if (at == old) at = entries++, temps.cut_slots[at] = slots[k], temps.cut_weights[at] = T(0);
      temps.cut_weights[at] += added * weights[k];
    }
    for (i64 k = 0; k < entries; k++) {
      if (temps.cut_weights[k] > 0) best.offer(temps.cut_slots[k], temps.cut_weights[k]);
    }
    for (; best.count < best.most; best.count++) best.slots[best.count] = 0, best.weights[best.count] = T(0);
  }
  MG_BOTH void renew_row(i64 slot, int matrix, i64 h, T scale, const i32* slots, const T* weights, i64 count, T added) const {
    const i64 at = row(slot, matrix, h), old = scaled(s.link_slots + at, s.link_weights + at, scale);
    for (i64 k = 0; k < d.links; k++) {
      if (s.link_weights[at + k] > 0) leave(at + k, matrix, h);
    }
    renew(old, slots, weights, count, added, i32(slot), LargestFirst<T>{s.link_slots + at, s.link_weights + at, 0, d.links});
    for (i64 k = 0; k < d.links; k++) {
      if (s.link_weights[at + k] > 0) enter(at + k, matrix, h);
    }
  }

  // N, P and p of one head after it wrote the weights of its `count` own slots.
  MG_BOTH void update(i64 h, i64 count) const {
    const i32* own = temps.own_slots;
    const T* w = temps.own_weights;
    i32* p_slots = s.precedence_slots + h * d.links;
    T* p = s.precedence_weights + h * d.links;
    T sum = 0;
    for (i64 k = 0; k < count; k++) {
      sum += w[k];
      renew_row(own[k], kAfterLinks, h, T(1) - w[k], p_slots, p, d.links, w[k]);
      for (i32 e = column(own[k], kBeforeLinks, h); e >= 0;) {
        const i32 next = s.next[e];
        s.link_weights[e] *= T(1) - w[k];
        if (!(s.link_weights[e] > 0)) leave(e, kBeforeLinks, h);
        e = next;
      }
    }
    for (i64 k = 0; k < d.links; k++) {
      if (p[k] > 0) renew_row(p_slots[k], kBeforeLinks, h, T(1), own, w, count, p[k]);
    }
    const i64 old = scaled(p_slots, p, T(1) - sum);
    renew(old, own, w, count, T(1), -1, LargestFirst<T>{p_slots, p, 0, d.links});
  }

  // body(slot, weight) for every link that a read of slot j with weight w passes on, along the order of writing or against it.
  template <class Body>
  MG_BOTH void follow(i64 j, T w, i64 h, bool forward, Body&& body) const {
    if (d.paper_links) {
      for (i32 e = column(i32(j), forward ? kAfterLinks : kBeforeLinks, h); e >= 0; e = s.next[e])
        body(i32(slot_of(e)), s.link_weights[e] * w);
      return;
    }
    const i64 at = row(j, forward ? kBeforeLinks : kAfterLinks, h);
    for (i64 k = 0; k < d.links; k++) {
      if (s.link_weights[at + k] > 0) body(s.link_slots[at + k], s.link_weights[at + k] * w);
    }
  }
};

}  // namespace
}  // namespace mg
