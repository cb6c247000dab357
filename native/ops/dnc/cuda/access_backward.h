// The gradient of one step of the DNC's memory access on the GPU, a block for each sample: what lies behind the links, then, from
// the sums that the links left, what lies before them. Gradients that travel back live in `dbefore` of the job.
#pragma once
#include "backward_space.h"

namespace mg {
namespace cuda {

// Words and the content part of the reads: completes the gradient at the read weights.
template <class T>
MG_KERNEL(memory_threads<T>) dnc_reads_backward_kernel(DncBackward<T> job, DncBackwardSpace<T> space, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  if (past_end(space.lengths, port::block(), t)) return;
  const DncBackwardStep<T> s(job, space, t);
  const i64 N = d.slots;
  by_thread(at.size, [&](i64 k) { s.act[k] = s.raw[k], s.dact[k] = T(0); });
  dnc_activate(d, s.act);
  if (job.dwords != nullptr) by_thread(d.words(), [&](i64 k) { s.dwords[k] += job.dwords[s.row * d.words() + k]; });
  MG_BARRIER();
  by_thread(N, [&](i64 n) {
    for (i64 r = 0; r < d.reads; r++) {
      const T read = s.read[r * d.pitch() + n];
      T sum = s.dread[r * N + n];
      for (i64 w = 0; w < d.word; w++) {
        sum = port::fma(s.dwords[r * d.word + w], s.memory[w * N + n], sum);
        s.dmemory[w * N + n] = port::fma(s.dwords[r * d.word + w], read, s.dmemory[w * N + n]);
      }
      s.dread[r * N + n] = sum;
    }
  });
  content_weights<T>(d, s.memory, s.act + at.read_keys, s.act + at.read_strengths, d.reads, s.score, s.content, shared);
  for (i64 r = 0; r < d.reads; r++) {
    const i64 mode = at.read_modes + r * d.modes() + dnc_content_mode(d);
    T sum = 0;
    by_thread(N, [&](i64 n) { sum = port::fma(s.dread[r * N + n], s.content[r * N + n], sum); });
    const T dmode = block_sum(sum, shared);
    const T dstrength = content_backward<T>(d, s.memory, s.act + at.read_keys + r * d.word, s.act[at.read_strengths + r],
                                            s.score + r * N, s.content + r * N, s.act[mode], s.dread + r * N, s.slope, s.dmemory,
                                            s.dact + at.read_keys + r * d.word, shared);
    if (port::thread() == 0) s.dact[mode] = dmode, s.dact[at.read_strengths + r] = dstrength;
  }
}

// The sums that the links left behind: read modes, dread of the step before, the write weights and the precedence before.
template <class T>
MG_DEVICE void dnc_links_backward(const DncDims& d, const DncBackwardStep<T>& s, const DncBackwardSpace<T>& space, T* dread,
                                  void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots, down = link_tiles_down(d), across = link_tiles_across(d);
  for (i64 v = 0; v < d.writes; v++) {
    const i64 head = s.b * d.writes + v;
    for (i64 r = 0; r < d.reads; r++) {
      const i64 modes = at.read_modes + r * d.modes(), f = modes + dnc_forward_mode(d, v), k = modes + dnc_backward_mode(v);
      T sums[2] = {};
      by_thread(N, [&](i64 n) {
        const T against = added_slices(space.against + head * down * d.reads * N, down, d.reads * N, r * N + n);
        const T along = added_slices(space.along + head * across * d.reads * N, across, d.reads * N, r * N + n);
        const T read = s.read_before[r * s.before_pitch + n];
        sums[0] = port::fma(against, read, sums[0]);
        sums[1] = port::fma(along, read, sums[1]);
        const T sum = v == 0 ? T(0) : dread[r * N + n];
        dread[r * N + n] = port::fma(s.act[k], along, port::fma(s.act[f], against, sum));
      });
      block_sums(sums, shared);
      if (port::thread() == 0) s.dact[f] = sums[0], s.dact[k] = sums[1];
    }
    const T *const w = s.write + v * d.pitch(), *const p = s.precedence_before + v * N;
    T *const dp = s.dprecedence + v * N, *const dw = s.dwrite + v * N, sums[2] = {};
    by_thread(N, [&](i64 n) {
      sums[0] = port::fma(dp[n], p[n], sums[0]);
      sums[1] += w[n];
    });
    block_sums(sums, shared);
    by_thread(N, [&](i64 n) {
      const T row = added_slices(space.row + head * across * N, across, N, n),
              column = added_slices(space.column + head * down * N, down, N, n);
      dw[n] += row - column + dp[n] - sums[0];
      dp[n] = port::fma(T(1) - sums[1], dp[n], added_slices(space.dprecedence + head * down * N, down, N, n));
    });
  }
}

// Erasing and writing.
template <class T>
MG_DEVICE void dnc_memory_backward(const DncDims& d, const DncBackwardStep<T>& s) {
  const DncInterface at(d);
  const i64 N = d.slots, P = d.pitch();
  const auto keep = [&](i64 v, i64 w, i64 n) { return dnc_left(s.write[v * P + n], s.act[at.erase_vectors + v * d.word + w]); };
  const auto erased = [&](i64 v, i64 w, i64 n) {  // the gradient at what the other heads left
    const T q = s.dmemory[w * N + n] * s.memory_before[w * N + n];
    return dnc_times_others(q, d.writes, v, [&](i64 other) { return keep(other, w, n); });
  };
  MG_BARRIER();
  by_warp(d.writes * d.word, [&](i64 k, int lane) {
    const i64 v = k / d.word, w = k - v * d.word;
    T dvector = 0, derase = 0;
    for (i64 n = lane; n < N; n += 32) {
      const T weight = s.write[v * P + n];
      dvector = port::fma(weight, s.dmemory[w * N + n], dvector);
      derase = derase - weight * erased(v, w, n);
    }
    dvector = warp_sum(dvector), derase = warp_sum(derase);
    if (lane == 0) s.dact[at.write_vectors + k] = dvector, s.dact[at.erase_vectors + k] = derase;
  });
  MG_BARRIER();
  by_thread(N, [&](i64 n) {
    for (i64 v = 0; v < d.writes; v++) {
      T sum = s.dwrite[v * N + n];
      for (i64 w = 0; w < d.word; w++)
        sum += s.dmemory[w * N + n] * s.act[at.write_vectors + v * d.word + w] -
               erased(v, w, n) * s.act[at.erase_vectors + v * d.word + w];
      s.dwrite[v * N + n] = sum;
    }
    for (i64 w = 0; w < d.word; w++)
      s.dmemory[w * N + n] = dnc_times_all(s.dmemory[w * N + n], d.writes, [&](i64 v) { return keep(v, w, n); });
  });
}

// Write weights, their content on the memory before, and allocation with the usage that each head saw.
template <class T>
MG_DEVICE void dnc_write_backward(const DncDims& d, const DncBackwardStep<T>& s, const DncBackwardSpace<T>& space, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots;
  T *const allocation = space.allocation + s.b * d.writes * N, *const dallocation = space.dallocation + s.b * d.writes * N;
  T *const simulated = space.simulated + s.b * d.writes * N, *const dsimulated = space.dsimulated + s.b * N;
  const DncSort::Place place = space.sort.place(s.b);
  dnc_write_addresses<T>(d, s.act, s.memory_before, s.usage, place, space.sort.size, s.score, s.content, allocation, simulated,
                         shared);
  for (i64 v = 0; v < d.writes; v++) {
    const T gw = s.act[at.write_gates + v], ga = s.act[at.allocation_gates + v];
    T sums[2] = {};
    by_thread(N, [&](i64 n) {
      sums[0] = port::fma(s.dwrite[v * N + n], allocation[v * N + n], sums[0]);
      sums[1] = port::fma(s.dwrite[v * N + n], s.content[v * N + n], sums[1]);
      dallocation[v * N + n] = gw * ga * s.dwrite[v * N + n];
    });
    block_sums(sums, shared);
    const T dstrength = content_backward<T>(d, s.memory_before, s.act + at.write_keys + v * d.word, s.act[at.write_strengths + v],
                                            s.score + v * N, s.content + v * N, gw * (T(1) - ga), s.dwrite + v * N, s.slope,
                                            s.dmemory, s.dact + at.write_keys + v * d.word, shared);
    if (port::thread() == 0) {
      s.dact[at.write_gates + v] = dnc_addressed(ga, sums[0], sums[1]);
      s.dact[at.allocation_gates + v] = gw * (sums[0] - sums[1]);
      s.dact[at.write_strengths + v] = dstrength;
    }
  }
  by_thread(N, [&](i64 n) { dsimulated[n] = T(0); });
  for (i64 v = d.writes - 1; v >= 0; v--) {
    const T gw = s.act[at.write_gates + v], ga = s.act[at.allocation_gates + v];
    const T *const u = simulated + v * N, *const a = allocation + v * N;
    T* const da = dallocation + v * N;
    if (v + 1 < d.writes) {
      T sum = 0;
      by_thread(N, [&](i64 n) {
        const T du = dsimulated[n], left = du * (1 - u[n]);
        sum = port::fma(left, a[n], sum);
        da[n] = port::fma(left, ga * gw, da[n]);
        dsimulated[n] = du * (1 - ga * gw * a[n]);
      });
      sum = block_sum(sum, shared);
      if (port::thread() == 0) s.dact[at.allocation_gates + v] += sum * gw, s.dact[at.write_gates + v] += sum * ga;
    }
    dnc_allocate_backward(d, u, da, place, space.sort.size, s.slope, dsimulated, shared);
  }
  by_thread(N, [&](i64 n) { s.dusage[n] += dsimulated[n]; });
}

// Usage; its gradient and that of the write weights become those of the step before, dread is completed.
template <class T>
MG_DEVICE void dnc_usage_backward(const DncDims& d, const DncBackwardStep<T>& s, const T* dread, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots, P = s.before_pitch;
  const auto kept = [&](i64 r, i64 n) { return dnc_kept(s.act[at.free_gates + r], s.read_before[r * P + n]); };
  const auto missed = [&](i64 v, i64 n) { return T(1) - s.write_before[v * P + n]; };
  const auto none = [&](i64 n) { return dnc_times_all(T(1), d.writes, [&](i64 v) { return missed(v, n); }); };
  for (i64 r = 0; r < d.reads; r++) {
    T dfree = 0;
    by_thread(N, [&](i64 n) {
      const T others = dnc_times_others(T(1), d.reads, r, [&](i64 other) { return kept(other, n); });
      const T written = dnc_usage_written(s.usage_before[n], T(1 - none(n))), pull = s.dusage[n] * written * others;
      dfree = dfree - pull * s.read_before[r * P + n];
      s.dread[r * N + n] = dread[r * N + n] - pull * s.act[at.free_gates + r];
    });
    dfree = block_sum(dfree, shared);
    if (port::thread() == 0) s.dact[at.free_gates + r] = dfree;
  }
  by_thread(N, [&](i64 n) {
    const T left = dnc_times_all(s.dusage[n], d.reads, [&](i64 r) { return kept(r, n); });
    for (i64 v = 0; v < d.writes; v++) {
      const auto given = [&] {
        return dnc_times_others(left * (1 - s.usage_before[n]), d.writes, v, [&](i64 other) { return missed(other, n); });
      };
      s.dwrite[v * N + n] = d.usage_gradient ? given() : T(0);
    }
    s.dusage[n] = left * none(n);
  });
}

// From the links to the raw interface.
template <class T>
MG_KERNEL(memory_threads<T>) dnc_write_backward_kernel(DncBackward<T> job, DncBackwardSpace<T> space, i64 t) {
  const DncDims& d = job.dims;
  const i64 D = DncInterface(d).size;
  void* const shared = port::shared<char>();
  T* const draw = space.dinterface + (t * d.batch + port::block()) * D;
  if (past_end(space.lengths, port::block(), t)) {
    by_thread(D, [&](i64 k) { draw[k] = T(0); });
    return;
  }
  const DncBackwardStep<T> s(job, space, t);
  T* const dread = space.dread + s.b * d.reads * d.slots;
  dnc_links_backward(d, s, space, dread, shared);
  dnc_memory_backward(d, s);
  dnc_write_backward(d, s, space, shared);
  dnc_usage_backward(d, s, dread, shared);
  dnc_activate_backward(d, s.raw, s.act, s.dact, draw);
}

}  // namespace cuda
}  // namespace mg
