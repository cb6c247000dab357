// Windows of a group of samples: the controller for all of them at once, then the memory access of each, step by step.
#pragma once
#include "access_impl.h"
#include "../../../base/memory/cpu/steps_impl.h"

namespace mg {
namespace {

template <class T>
void load_state(const DncDims& d, const DncState<const T>& from, i64 b, DncSample<T>& s) {
  const i64 N = d.slots, pitch = d.pitch();
  transpose_in(s.memory, pitch, from.memory + b * N * d.word, N, d.word);
  pad_vectors(s.usage, pitch, from.usage + b * N, N, 1);
  pad_vectors(s.precedence, pitch, from.precedence + b * d.writes * N, N, d.writes);
  pad_vectors(s.read, pitch, from.read + b * d.reads * N, N, d.reads);
  pad_vectors(s.write, pitch, from.write + b * d.writes * N, N, d.writes);
  load_controller(d, from, b, s);
}

// From a sample, or from the gradients that it carries; links lie where they stay.
template <class T, class From>
void store_state(const DncDims& d, const From& s, const DncState<T>& to, i64 b) {
  const i64 N = d.slots, pitch = d.pitch();
  transpose_out(to.memory + b * N * d.word, s.memory, pitch, N, d.word);
  unpad_vectors(to.usage + b * N, N, s.usage, pitch, 1);
  unpad_vectors(to.precedence + b * d.writes * N, N, s.precedence, pitch, d.writes);
  unpad_vectors(to.read + b * d.reads * N, N, s.read, pitch, d.reads);
  unpad_vectors(to.write + b * d.writes * N, N, s.write, pitch, d.writes);
  store_controller(d, s, to, b);
}

template <class T>
void record_step(const DncForward<T>& job, i64 at, i64 g, const DncForwardScratch<T>& scratch) {
  const DncDims& d = job.dims;
  const DncSample<T>& s = scratch.samples[g];
  const i64 D = DncInterface(d).size, pitch = d.pitch();
  record_controller(job, at, g, scratch);
  if (job.trace.interface == nullptr) return;
  copy(job.trace.interface + at * D, scratch.interface + g * D, D);
  copy(job.trace.write + at * d.writes * pitch, s.write, d.writes * pitch);
  copy(job.trace.read + at * d.reads * pitch, s.read, d.reads * pitch);
  copy(job.trace.usage + at * pitch, s.usage, pitch);
}

template <class T>
void window_forward(const DncForward<T>& job, i64 first, i64 count, const DncForwardScratch<T>& scratch) {
  const DncDims& d = job.dims;
  const i64 links = d.writes * d.links(), D = DncInterface(d).size;
  for (i64 g = 0; g < count; g++) load_state(d, job.before, first + g, scratch.samples[g]);
  clear_outputs_past_ends(job, first, count);
  for (i64 t = 0; t < d.steps; t++) {
    i64 active[most_samples];
    const i64 running = running_at(job, t, first, count, active);
    controller_step<T>(job, t, first, active, running, scratch);
    for (i64 k = 0; k < running; k++) {
      const i64 g = active[k], b = first + g;
      T* const after = job.after.link + b * links;
      access_step(d, scratch.interface + g * D, scratch.samples[g], t == 0 ? job.before.link + b * links : after, after,
                  scratch.temps);
      record_step(job, t * d.batch + b, g, scratch);
    }
  }
  for (i64 g = 0; g < count; g++) {
    const i64 b = first + g;
    const bool stays = length_of(d, job.lengths, b) == 0 && job.after.link != job.before.link;
    if (stays) copy(job.after.link + b * links, job.before.link + b * links, links);
    store_state(d, scratch.samples[g], job.after, b);
  }
}

}  // namespace
}  // namespace mg
