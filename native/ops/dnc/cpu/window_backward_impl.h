// The gradient of windows: memory and links of a segment of steps again, then backward through them step by step.
#pragma once
#include "access_backward_impl.h"
#include "window_impl.h"

namespace mg {
namespace {

template <class T>
void link_update(const DncDims& d, const T* write, const T* precedence, const T* before, T* after) {
  for (i64 v = 0; v < d.writes; v++) {
    link_forward(LinkPass<T>{d.slots, d.pitch(), before + v * d.links(), after + v * d.links(), write + v * d.pitch(),
                             precedence + v * d.pitch(), nullptr, nullptr, nullptr},
                 0);
  }
}

template <class T>
const T* write_of(const DncBackward<T>& job, i64 t, i64 b) {
  return job.trace.write + (t * job.dims.batch + b) * job.dims.writes * job.dims.pitch();
}

// Memory and precedence of all steps of sample b again, and the links at the start of each segment.
template <class T>
void replay_window(const DncBackward<T>& job, i64 b, i64 segment, const DncReplay<T>& s, const DncTemps<T>& temps) {
  const DncDims& d = job.dims;
  const i64 N = d.slots, pitch = d.pitch(), memory = d.word * pitch, heads = d.writes * pitch, links = d.writes * d.links();
  const i64 length = length_of(d, job.lengths, b), D = DncInterface(d).size;
  pad_vectors(s.usage, pitch, job.before.usage + b * N, N, 1);
  pad_vectors(s.write, pitch, job.before.write + b * d.writes * N, N, d.writes);
  pad_vectors(s.read, pitch, job.before.read + b * d.reads * N, N, d.reads);
  transpose_in(s.memory, pitch, job.before.memory + b * N * d.word, N, d.word);
  pad_vectors(s.precedence, pitch, job.before.precedence + b * d.writes * N, N, d.writes);
  const T* link = job.before.link + b * links;
  const i64 last_checkpoint = length > 0 ? (length - 1) / segment * segment : 0;
  for (i64 t = 0; t < length; t++) {
    const T* write = write_of(job, t, b);
    activate(d, job.trace.interface + (t * d.batch + b) * D, temps.act);
    write_memory(d, temps.act, write, s.memory + t * memory, s.memory + (t + 1) * memory);
    precedence_step(d, write, s.precedence + t * heads, s.precedence + (t + 1) * heads);
    if (t >= last_checkpoint) continue;
    T* const to = s.checkpoints + t / segment * links;
    link_update(d, write, s.precedence + t * heads, link, to);
    link = to;
  }
}

// Links before step t, from those of its segment.
template <class T>
const T* links_before(const DncBackward<T>& job, i64 b, i64 t, i64 segment, const DncReplay<T>& s) {
  const i64 links = job.dims.writes * job.dims.links();
  if (t % segment) return s.links + (t % segment - 1) * links;
  return t == 0 ? job.before.link + b * links : s.checkpoints + (t / segment - 1) * links;
}

template <class T>
void replay_segment(const DncBackward<T>& job, i64 b, i64 begin, i64 end, i64 segment, const DncReplay<T>& s) {
  const DncDims& d = job.dims;
  for (i64 t = begin; t + 1 < end; t++) {
    link_update(d, write_of(job, t, b), s.precedence + t * d.writes * d.pitch(), links_before(job, b, t, segment, s),
                s.links + (t - begin) * d.writes * d.links());
  }
}

template <class T>
void load_vectors(T* to, i64 pitch, const T* from, i64 count, i64 vectors) {
  if (from) pad_vectors(to, pitch, from, count, vectors);
  else clear(to, vectors * pitch);
}

template <class T>
void load_carry(const DncBackward<T>& job, i64 b, DncCarry<T>& c) {
  const DncDims& d = job.dims;
  const DncState<const T>& g = job.dafter;
  const i64 N = d.slots, pitch = d.pitch(), links = d.writes * d.links();
  if (g.memory) transpose_in(c.memory, pitch, g.memory + b * N * d.word, N, d.word);
  else clear(c.memory, d.word * pitch);
  load_vectors(c.usage, pitch, g.usage ? g.usage + b * N : nullptr, N, 1);
  load_vectors(c.precedence, pitch, g.precedence ? g.precedence + b * d.writes * N : nullptr, N, d.writes);
  load_vectors(c.read, pitch, g.read ? g.read + b * d.reads * N : nullptr, N, d.reads);
  load_vectors(c.write, pitch, g.write ? g.write + b * d.writes * N : nullptr, N, d.writes);
  load_controller_carry(d, g, b, c);
  if (job.dbefore.link) c.link = job.dbefore.link + b * links;
  load_plain(c.link, g.link ? g.link + b * links : nullptr, links);
}

template <class T>
void access_backward_at(const DncBackward<T>& job, i64 t, i64 b, DncReplay<T>& s, const DncBackwardScratch<T>& scratch, T* draw) {
  const DncDims& d = job.dims;
  const i64 pitch = d.pitch(), memory = d.word * pitch, heads = d.writes * pitch, reads = d.reads * pitch,
            D = DncInterface(d).size;
  const i64 at = t * d.batch + b, before = at - d.batch;
  const AccessRecord<T> record{job.trace.interface + at * D,
                               s.memory + t * memory,
                               s.memory + (t + 1) * memory,
                               t ? job.trace.usage + before * pitch : s.usage,
                               job.trace.usage + at * pitch,
                               s.precedence + t * heads,
                               t ? job.trace.write + before * heads : s.write,
                               job.trace.write + at * heads,
                               t ? job.trace.read + before * reads : s.read,
                               job.trace.read + at * reads,
                               links_before(job, b, t, scratch.segment, s)};
  add_words_gradient(job, at, s.carry);
  access_backward(d, record, s.carry.words, s.carry, draw, scratch);
}

template <class T>
void window_backward(const DncBackward<T>& job, i64 first, i64 count, const DncBackwardScratch<T>& scratch,
                     const ControllerGradients<T>& grads) {
  const DncDims& d = job.dims;
  const i64 D = DncInterface(d).size, segment = scratch.segment;
  for (i64 g = 0; g < count; g++) {
    replay_window(job, first + g, segment, scratch.samples[g], scratch.temps);
    load_carry(job, first + g, scratch.samples[g].carry);
  }
  for (i64 t = clear_gradients_past_ends(job, first, count, grads) - 1; t >= 0; t--) {
    i64 active[most_samples];
    const i64 running = running_at(job, t, first, count, active);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k], b = first + g, length = length_of(d, job.lengths, b), begin = t / segment * segment;
      if (t == length - 1 || t == begin + segment - 1) replay_segment(job, b, begin, t + 1, segment, scratch.samples[g]);
      access_backward_at(job, t, b, scratch.samples[g], scratch, grads.interface + (t * d.batch + b) * D);
    }
    controller_backward_step<T>(job, t, first, active, running, scratch, grads);
  }
  for (i64 g = 0; g < count; g++) store_state(d, scratch.samples[g].carry, job.dbefore, first + g);
}

}  // namespace
}  // namespace mg
