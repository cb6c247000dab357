// One step of a sparse access memory on the GPU: the controller; a block for each sample writes; groups of blocks search; a block
// for each sample reads and turns the ring. Lists of a few slots are one thread's work, those of different heads side by side.
#pragma once
#include "scan.h"

namespace mg {
namespace cuda {

// The rows that the step is going to change, as they are.
template <class T>
MG_DEVICE void sam_record_rows(const SamForward<T>& job, const SamSample<T>& sample, const SamTemps<T>& temps, i64 count,
                               i64 row) {
  const SamDims& d = job.dims;
  if (job.trace.rows == nullptr) return;
  T* const rows = job.trace.rows + row * d.written() * d.word;
  by_thread(d.written() * d.word, [&](i64 i) {
    const i64 k = i / d.word;
    rows[i] = k < count ? sample.memory[temps.changed[k] * d.word + i - k * d.word] : T(0);
  });
  by_thread(d.written(), [&](i64 k) { job.trace.changed[row * d.written() + k] = k < count ? temps.changed[k] : -1; });
}

template <class T>
MG_KERNEL(sam_threads) sam_write_kernel(SamForward<T> job, SamForwardSpace<T> s, i64 t) {
  const SamDims& d = job.dims;
  const AccessInterface at(d);
  const i64 b = port::block();
  if (past_end(s.lengths, b, t) || s.sound[b] == 0) return;
  const SamSample<T> sample = s.sample(d, job.after, b);
  const SamTemps<T> temps = s.temps_of(d, b, 0);
  const SamRing<T> ring{d, sample};
  by_thread(at.size, [&](i64 k) { temps.act[k] = raw_interface<T>(job, s, t, b, k); });
  access_activate(d, temps.act);
  if (port::thread() == 0) s.changed_count[b] = i32(list_changed(d, ring, temps));
  MG_BARRIER();
  const i64 count = s.changed_count[b];
  sam_record_rows(job, sample, temps, count, t * d.batch + b);
  MG_BARRIER();
  by_thread(d.words(), [&](i64 k) { sample.memory[temps.changed[k / d.word] * d.word + k % d.word] = T(0); });
  MG_BARRIER();
  by_thread(d.word, [&](i64 w) {
    for (i64 h = 0; h < d.heads; h++) {
      const T a = temps.act[at.adds + h * d.word + w];
      each_write(d, sample, temps, h, [&](i32 slot, T weight) {
        T& m = sample.memory[slot * d.word + w];
        m = port::fma(weight, a, m);
      });
    }
  });
  if (port::thread() == 0) {
    sam_clear(temps.total, count), sam_clear(temps.read, count);
    for (i64 h = 0; h < d.heads; h++)
      each_write(d, sample, temps, h, [&](i32 slot, T weight) { temps.total[temps.mark[slot]] += weight; });
  }
  if (d.links == 0) return;
  by_warp(d.heads, [&](i64 h, int lane) {
    if (lane != 0) return;
    const SamTemps<T> own = s.temps_of(d, b, h);
    OwnWrites<T> writes{own.own_slots, own.own_weights, 0};
    each_write(d, sample, own, h, [&](i32 slot, T weight) { writes.add(slot, weight); });
    SamLinks<T>{d, sample, own}.update(h, writes.count);
  });
}

// f(slot, weight) for what head h reads, in one order.
template <class T, class F>
MG_DEVICE void sam_each_read(const SamDims& d, const SamForwardSpace<T>& s, i64 b, i64 h, F&& f) {
  const SamTemps<T> temps = s.temps_of(d, b, h);
  if (d.links == 0) {
    for (i64 k = h * d.kept; k < (h + 1) * d.kept; k++) f(temps.best[k], temps.content[k]);
    return;
  }
  const T* const modes = temps.act + AccessInterface(d).modes + 3 * h;
  for (i64 k = 0; k < s.mixed_count[b * d.heads + h]; k++) f(temps.mixed[k].slot, mixed_weight(modes, temps.mixed[k]));
}

template <class T>
MG_DEVICE void sam_record_mix(const SamForward<T>& job, const SamForwardSpace<T>& s, i64 b, i64 row) {
  const SamDims& d = job.dims;
  const i64 E = d.mixed();
  if (job.trace.rows == nullptr) return;
  by_thread(d.heads * E, [&](i64 i) {
    const i64 h = i / E, k = i - h * E;
    const bool there = k < s.mixed_count[b * d.heads + h];
    const SamMixed<T> m = there ? s.temps_of(d, b, h).mixed[k] : SamMixed<T>{-1, T(0), T(0), T(0)};
    job.trace.mixed_slots[row * d.heads * E + i] = m.slot;
    T* const to = job.trace.mixed + (row * d.heads + h) * 3 * E + k;
    to[0] = m.backward, to[E] = m.content, to[2 * E] = m.forward;
  });
}

// Everything that was accessed, in the order of its mention, to the back of the ring.
template <class T>
MG_DEVICE void sam_turn(const SamDims& d, const SamForwardSpace<T>& s, const SamSample<T>& sample, i64 b) {
  const SamTemps<T> temps = s.temps_of(d, b, 0);
  const i64 changed = s.changed_count[b];
  sam_copy(temps.accessed, temps.changed, changed);
  SlotList list{temps.mark, temps.accessed, changed};
  for (i64 h = 0; h < d.heads; h++) {
    sam_each_read(d, s, b, h, [&](i32 slot, T weight) {
      const i64 known = list.count, place = list.place(slot);
      if (place == known) temps.total[place] = temps.read[place] = T(0);
      temps.read[place] += weight;
      temps.total[place] += weight;
    });
  }
  turn_ring(d, SamRing<T>{d, sample}, temps, list.count, SamSort());
  for (i64 k = 0; k < list.count; k++) temps.mark[temps.accessed[k]] = -1;
}

// Words of a sample that has none: past its end 0; of a state that cannot be, NaN.
template <class T>
MG_DEVICE void sam_no_words(const SamForward<T>& job, i64 b, i64 row, bool past) {
  const SamDims& d = job.dims;
  by_thread(d.words(), [&](i64 k) { job.words[row * d.words() + k] = past ? T(0) : T(NAN); });
  if (past) return;
  by_thread(d.words(), [&](i64 k) { job.after.words[b * d.words() + k] = T(NAN); });
  by_thread(d.hidden, [&](i64 k) {
    job.hidden[row * d.hidden + k] = job.after.hidden[b * d.hidden + k] = T(NAN);
    job.after.cell[b * d.hidden + k] = job.before.cell[b * d.hidden + k];
  });
  if (job.trace.rows == nullptr) return;
  by_thread(d.written(), [&](i64 k) { job.trace.changed[row * d.written() + k] = -1; });
  by_thread(d.read(), [&](i64 k) { job.trace.slots[row * d.read() + k] = -1, job.trace.weights[row * d.read() + k] = T(0); });
  by_thread(d.heads * d.mixed(), [&](i64 k) { job.trace.mixed_slots[row * d.heads * d.mixed() + k] = -1; });
}

template <class T>
MG_KERNEL(sam_threads) sam_read_kernel(SamForward<T> job, SamForwardSpace<T> s, i64 t, i64 groups) {
  const SamDims& d = job.dims;
  const i64 b = port::block(), row = t * d.batch + b;
  const bool past = past_end(s.lengths, b, t);
  if (past || s.sound[b] == 0) {
    sam_no_words(job, b, row, past);
    return;
  }
  const SamSample<T> sample = s.sample(d, job.after, b);
  const SamTemps<T> temps = s.temps_of(d, b, 0);
  const SamRing<T> ring{d, sample};
  const i64 live = ring.live();
  by_warp(d.heads, [&](i64 h, int lane) { sam_choose(d, s, b, h, groups, live, lane); });
  MG_BARRIER();
  if (port::thread() == 0) {
    for (i64 k = 0; k < d.read(); k++) ring.touch_to(i64(temps.best[k]) + 1);
  }
  MG_BARRIER();
  by_warp(d.heads, [&](i64 h, int lane) {
    if (lane != 0) return;
    content_weights(d, temps.alike + h * d.kept, access_strength(d, temps.act, h), temps.content + h * d.kept);
    if (d.links > 0) s.mixed_count[b * d.heads + h] = i32(gather_mix(d, sample, s.temps_of(d, b, h), h, SamSort()));
  });
  MG_BARRIER();
  T *const words = job.words + row * d.words(), *const inputs = s.inputs + b * d.controller_rows();
  by_thread(d.words(), [&](i64 k) {
    const i64 h = k / d.word, w = k - h * d.word;
    T sum = 0;
    sam_each_read(d, s, b, h, [&](i32 slot, T weight) { sum = port::fma(weight, sample.memory[slot * d.word + w], sum); });
    words[k] = sample.words[k] = sum;
    if (d.hidden > 0) inputs[d.inputs + k] = sum;
  });
  sam_record_mix(job, s, b, row);
  if (port::thread() == 0) sam_turn(d, s, sample, b);
  MG_BARRIER();
  by_warp(d.heads, [&](i64 h, int lane) {
    if (lane != 0 || d.links == 0) return;
    LargestFirst<T> largest{temps.best + h * d.kept, temps.content + h * d.kept, 0, d.kept};
    const SamTemps<T> own = s.temps_of(d, b, h);
    const T* const modes = own.act + AccessInterface(d).modes + 3 * h;
    for (i64 k = 0; k < s.mixed_count[b * d.heads + h]; k++) largest.offer(own.mixed[k].slot, mixed_weight(modes, own.mixed[k]));
  });
  MG_BARRIER();
  by_thread(d.read(), [&](i64 k) {
    sample.slots[k] = temps.best[k], sample.weights[k] = temps.content[k];
    if (job.trace.rows == nullptr) return;
    job.trace.slots[row * d.read() + k] = temps.best[k], job.trace.weights[row * d.read() + k] = temps.content[k];
  });
  if (d.hidden > 0 && t + 1 < d.steps) by_thread(d.inputs, [&](i64 k) { inputs[k] = job.x[(row + d.batch) * d.inputs + k]; });
}

template <class T>
void sam_step(Stream stream, const SamForward<T>& job, const SamForwardSpace<T>& s, i64 t) {
  const SamDims& d = job.dims;
  const i64 groups = sam_groups(d.most_live_after(t + 1));
  controller_step<T>(stream, job, s, t);
  port::launch(sam_write_kernel<T>, d.batch, sam_threads, 0, stream, job, s, t);
  port::launch(sam_scan_kernel<T>, d.batch * groups, sam_threads, 0, stream, job, s, t, groups);
  port::launch(sam_read_kernel<T>, d.batch, sam_threads, 0, stream, job, s, t, groups);
}

}  // namespace cuda
}  // namespace mg
