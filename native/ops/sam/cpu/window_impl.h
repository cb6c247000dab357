// Windows of a group of samples: the controller for all of them at once, then the memory access of each, step by step.
#pragma once
#include "../../../base/memory/cpu/steps_impl.h"
#include "access_impl.h"

namespace mg {
namespace {

template <class T>
void load_links(const SamForward<T>& job, i64 b, i64 live, const SamSample<T>& s) {
  const SamDims& d = job.dims;
  const SamState<const T>& from = job.before;
  const i64 row = 2 * d.linked(), past = (d.capacity - live) * row;
  if (job.after.link_weights != from.link_weights) {
    copy(s.link_slots, at_row(from.link_slots, b, d.capacity_before * row), live * row);
    copy(s.link_weights, at_row(from.link_weights, b, d.capacity_before * row), live * row);
    clear(s.link_slots + live * row, past);
    clear(s.link_weights + live * row, past);
  }
  copy(s.precedence_slots, at_row(from.precedence_slots, b, d.linked()), d.linked());
  copy(s.precedence_weights, at_row(from.precedence_weights, b, d.linked()), d.linked());
}

// The state before becomes the one after, in which the window then runs. Only live rows are copied; what lies past them is zero.
// `continued`: what the window before, which this one continues, found of the sample; else null.
template <class T>
SamSample<T> load_sample(const SamForward<T>& job, i64 b, SamSample<T> s, const SamKept* continued) {
  const SamDims& d = job.dims;
  const SamState<const T>& from = job.before;
  const SamState<T>& to = job.after;
  const i64 links = d.capacity * 2 * d.linked();
  s.memory = to.memory + b * d.capacity * d.word, s.ring = to.ring + b * 2 * (d.capacity + 1), s.counts = to.counts + b * 2;
  s.slots = to.slots + b * d.read(), s.weights = to.weights + b * d.read(), s.words = to.words + b * d.words();
  s.hidden = at_row(to.hidden, b, d.hidden), s.cell = at_row(to.cell, b, d.hidden);
  s.link_slots = at_row(to.link_slots, b, links), s.link_weights = at_row(to.link_weights, b, links);
  s.precedence_slots = at_row(to.precedence_slots, b, d.linked());
  s.precedence_weights = at_row(to.precedence_weights, b, d.linked());
  const i32 *counts = from.counts + b * 2, *ring = from.ring + b * 2 * (d.capacity_before + 1);
  s.sound = continued ? continued->sound : sam_sound<T>(d, ring, counts);
  const i64 live = s.sound ? counts[0] : 0;
  if (to.memory != from.memory) {
    copy(s.memory, from.memory + b * d.capacity_before * d.word, live * d.word);
    clear(s.memory + live * d.word, (d.capacity - live) * d.word);
    copy(s.ring, ring, 2 * (live + 1));
    clear(s.ring + 2 * (live + 1), 2 * (d.capacity - live));
  }
  if (d.links > 0) load_links(job, b, live, s);
  copy(s.counts, counts, 2);
  copy(s.slots, from.slots + b * d.read(), d.read());
  for (i64 k = 0; length_of(d, job.lengths, b) > 0 && k < d.read(); k++) {
    if (s.slots[k] >= live) s.slots[k] = -1;
  }
  copy(s.weights, from.weights + b * d.read(), d.read());
  load_controller(d, from, b, s);
  return s;
}

template <class T>
SamRecord<T> record_of(const SamForward<T>& job, i64 at) {
  const SamDims& d = job.dims;
  const SamTrace<T>& r = job.trace;
  return {at_row(r.rows, at, d.written() * d.word),
          at_row(r.changed, at, d.written()),
          at_row(r.slots, at, d.read()),
          at_row(r.weights, at, d.read()),
          at_row(r.mixed_slots, at, d.heads * d.mixed()),
          at_row(r.mixed, at, 3 * d.heads * d.mixed())};
}

// Nothing can be said of a sample whose indices cannot be.
template <class T>
void spoil(const SamForward<T>& job, const SamSample<T>& s, i64 at, const SamRecord<T>& record) {
  const SamDims& d = job.dims;
  const T none = std::numeric_limits<T>::quiet_NaN();
  for (i64 k = 0; k < d.hidden; k++) s.hidden[k] = none;
  for (i64 k = 0; k < d.words(); k++) s.words[k] = none;
  copy(job.hidden + at * d.hidden, s.hidden, d.hidden);
  copy(job.words + at * d.words(), s.words, d.words());
  if (!record.rows) return;
  for (i64 k = 0; k < d.written(); k++) record.changed[k] = -1;
  for (i64 k = 0; k < d.read(); k++) record.slots[k] = -1, record.weights[k] = 0;
  for (i64 k = 0; k < d.heads * d.mixed(); k++) record.mixed_slots[k] = -1;
}

template <class T>
RowSearch<T> search_of(const SamDims& d, const SamForwardScratch<T>& scratch, i64 g) {
  return {d, scratch.samples[g].memory, scratch.indexes[g], scratch.index};
}

// The samples, their links in lists and their rows in indexes.
template <class T>
void begin_window(const SamForward<T>& job, i64 first, i64 count, const SamForwardScratch<T>& scratch) {
  const SamDims& d = job.dims;
  for (i64 w = 0; w < d.word; w++) scratch.temps.untouched[w] = T(sam_start);
  for (i64 i = 0; i < d.capacity; i++) scratch.temps.mark[i] = -1;
  for (i64 i = 0; d.links > 0 && i < d.capacity; i++) scratch.temps.mixed_mark[i] = -1;
  start_search<T>(d, scratch.index);
  for (i64 g = 0; g < count; g++) {
    SamSample<T>& s = scratch.samples[g];
    s = load_sample(job, first + g, s, nullptr);
    if (!s.sound) continue;
    for (i64 k = 0; d.links > 0 && k < 2 * d.heads; k++) SamLinks<T>{d, s, scratch.temps}.load(int(k % 2), k / 2);
    if (d.linear() && length_of(d, job.lengths, first + g) > 0) SamRing<T>{d, s}.touch_to(d.slots);
    search_of(d, scratch, g).begin(s.counts[0]);
  }
}
// The same as the window before left it.
template <class T>
void continue_window(const SamForward<T>& job, i64 first, i64 count, const SamForwardScratch<T>& scratch) {
  for (i64 g = 0; g < count; g++) {
    const SamKept& kept = scratch.kept[g];
    scratch.samples[g] = load_sample(job, first + g, scratch.samples[g], &kept);
    RowIndex<T>& index = scratch.indexes[g];
    index.rows = kept.rows, index.used = kept.used, index.joined = kept.joined;
  }
}
template <class T>
void keep_window(i64 count, const SamForwardScratch<T>& scratch) {
  for (i64 g = 0; g < count; g++) {
    const RowIndex<T>& index = scratch.indexes[g];
    scratch.kept[g] = {index.rows, index.used, index.joined, scratch.samples[g].sound};
  }
}

template <class T>
void window_forward(const SamForward<T>& job, i64 first, i64 count, const SamForwardScratch<T>& scratch) {
  const SamDims& d = job.dims;
  const i64 D = interface_size(d);
  if (scratch.continues) continue_window(job, first, count, scratch);
  else begin_window(job, first, count, scratch);
  clear_outputs_past_ends(job, first, count);
  for (i64 t = 0; t < d.steps; t++) {
    i64 active[most_samples], running = 0;
    const i64 going_on = running_at(job, t, first, count, active);
    for (i64 k = 0; k < going_on; k++) {
      const i64 g = active[k], at = t * d.batch + first + g;
      if (scratch.samples[g].sound) active[running++] = g;
      else spoil(job, scratch.samples[g], at, record_of(job, at));
    }
    controller_step<T>(job, t, first, active, running, scratch);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k], at = t * d.batch + first + g;
      access_step(d, scratch.interface + g * D, scratch.samples[g], scratch.temps, search_of(d, scratch, g), record_of(job, at));
      record_controller(job, at, g, scratch);
    }
  }
  keep_window(count, scratch);
}

}  // namespace
}  // namespace mg
