// The gradient of one step of a dense access memory on the GPU, by a block for each sample; the memory of all steps is made again
// first. Gradients that travel back live in `dbefore` of the job.
#pragma once
#include "step.h"

namespace mg {
namespace cuda {

template <class T>
struct DamBackwardSpace : ControllerBackwardSpace<T> {
  T *memory, *dmemory;  // [T + 1][B][W][N], [B][W][N]
  T *act, *dact, *strengths;  // [B][D] twice, [B][R]
  T *score, *content, *write;  // [B][R][N]
  T* slope;  // [B][N]
  i32* popped;  // [T][B][R]

  DamBackwardSpace(Arena& a, const DamDims& d) : ControllerBackwardSpace<T>(a, d) {
    const i64 B = d.batch, N = d.slots, D = interface_size(d), heads = B * d.heads * N;
    memory = a.take<T>((d.steps + 1) * B * d.word * N), dmemory = a.take<T>(B * d.word * N);
    act = a.take<T>(B * D), dact = a.take<T>(B * D), strengths = a.take<T>(B * d.heads);
    score = a.take<T>(heads), content = a.take<T>(heads), write = a.take<T>(heads);
    slope = a.take<T>(B * N);
    popped = a.take<i32>(d.steps * B * d.heads);
  }
};

// What was read before step t, `pitch` values for each head.
template <class T>
struct DamReadBefore {
  const T* at;
  i64 pitch;

  MG_DEVICE DamReadBefore(const DamBackward<T>& job, i64 t, i64 b) {
    const DamDims& d = job.dims;
    pitch = t > 0 ? d.pitch() : d.slots;
    at = t > 0 ? job.trace.read + ((t - 1) * d.batch + b) * d.heads * pitch : job.before.read + b * d.heads * pitch;
  }
};

template <class T>
MG_KERNEL(memory_threads<T>) dam_replay_kernel(DamBackward<T> job, DamBackwardSpace<T> s) {
  const DamDims& d = job.dims;
  const i64 b = port::block(), N = d.slots, D = interface_size(d);
  T *const act = s.act + b * D, *const write = s.write + b * d.heads * N;
  for (i64 t = 0; t < d.steps && !past_end(s.lengths, b, t); t++) {
    const i64 row = t * d.batch + b;
    const DamReadBefore<T> read(job, t, b);
    const T* const memory = s.memory + row * d.word * N;
    i32* const popped = s.popped + row * d.heads;
    MG_BARRIER();
    by_thread(D, [&](i64 k) { act[k] = job.trace.interface[row * D + k]; });
    by_thread(d.heads, [&](i64 h) {  // slots that a trace cannot have count as the first
      const i32 slot = job.trace.popped[row * d.heads + h];
      popped[h] = slot >= 0 && slot < N ? slot : 0;
    });
    access_activate(d, act);
    dam_write_weights(d, act, read.at, read.pitch, popped, write);
    dam_write(d, act, write, popped, memory, s.memory + (row + d.batch) * d.word * N);
  }
}

// From the rows of the memory to gates, added words and the weights read before.
template <class T>
MG_DEVICE void dam_write_backward(const DamBackward<T>& job, const DamBackwardSpace<T>& s, i64 t, i64 b, void* shared) {
  const DamDims& d = job.dims;
  const AccessInterface at(d);
  const i64 N = d.slots;
  const DamReadBefore<T> read(job, t, b);
  const i32* const popped = s.popped + (t * d.batch + b) * d.heads;
  T *const act = s.act + b * at.size, *const dact = s.dact + b * at.size, *const write = s.write + b * d.heads * N;
  T *const dmemory = s.dmemory + b * d.word * N, *const dread = job.dbefore.read + b * d.heads * N;
  dam_write_weights(d, act, read.at, read.pitch, popped, write);
  MG_BARRIER();
  by_warp(d.words(), [&](i64 k, int lane) {
    const i64 h = k / d.word, w = k - h * d.word;
    T da = 0;
    for (i64 n = lane; n < N; n += 32) da = port::fma(write[h * N + n], dmemory[w * N + n], da);
    da = warp_sum(da);
    if (lane == 0) dact[at.adds + k] = da;
  });
  for (i64 h = 0; h < d.heads; h++) {
    const T alpha = act[at.alpha + h], gamma = act[at.gamma + h], *const adds = act + at.adds + h * d.word;
    T sums[2] = {};  // of the gradients at the write weights: by what was read before, and at the popped slot
    by_thread(N, [&](i64 n) {
      T dwrite = 0;
      for (i64 w = 0; w < d.word; w++) dwrite = port::fma(adds[w], dmemory[w * N + n], dwrite);
      sums[0] = port::fma(dwrite, read.at[h * read.pitch + n], sums[0]);
      if (popped[h] == n) sums[1] = dwrite;
      dread[h * N + n] = alpha * gamma * dwrite;
    });
    block_sums(sums, shared);
    if (port::thread() != 0) continue;
    dact[at.alpha + h] = gamma * sums[0] + (T(1) - gamma) * sums[1];
    dact[at.gamma + h] = alpha * (sums[0] - sums[1]);
  }
  MG_BARRIER();
  by_thread(d.words(), [&](i64 k) { dmemory[k % d.word * N + popped[k / d.word]] = T(0); });
}

template <class T>
MG_KERNEL(memory_threads<T>) dam_backward_kernel(DamBackward<T> job, DamBackwardSpace<T> s, i64 t) {
  const DamDims& d = job.dims;
  const AccessInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b;
  T* const draw = s.dinterface + row * at.size;
  if (past_end(s.lengths, b, t)) {
    by_thread(at.size, [&](i64 k) { draw[k] = T(0); });
    return;
  }
  const T *const raw = job.trace.interface + row * at.size, *const memory = s.memory + (row + d.batch) * d.word * N;
  T *const act = s.act + b * at.size, *const dact = s.dact + b * at.size, *const strengths = s.strengths + b * d.heads;
  T *const dmemory = s.dmemory + b * d.word * N, *const dread = job.dbefore.read + b * d.heads * N;
  T *const dwords = job.dbefore.words + b * d.words(), *const score = s.score + b * d.heads * N;
  T* const content = s.content + b * d.heads * N;
  by_thread(at.size, [&](i64 k) { act[k] = raw[k], dact[k] = T(0); });
  if (job.dwords != nullptr) by_thread(d.words(), [&](i64 k) { dwords[k] += job.dwords[row * d.words() + k]; });
  access_activate(d, act);
  by_thread(d.heads, [&](i64 h) { strengths[h] = access_strength(d, act, h); });
  MG_BARRIER();
  content_weights<T>(d, memory, act + at.queries, strengths, d.heads, score, content, shared);
  by_thread(N, [&](i64 n) {
    for (i64 h = 0; h < d.heads; h++) {
      const T read = job.trace.read[(row * d.heads + h) * d.pitch() + n];
      T sum = dread[h * N + n];
      for (i64 w = 0; w < d.word; w++) {
        sum = port::fma(dwords[h * d.word + w], memory[w * N + n], sum);
        dmemory[w * N + n] = port::fma(dwords[h * d.word + w], read, dmemory[w * N + n]);
      }
      dread[h * N + n] = sum;
    }
  });
  for (i64 h = 0; h < d.heads; h++) {
    const T dstrength =
        content_backward<T>(d, memory, act + at.queries + h * d.word, strengths[h], score + h * N, content + h * N, T(1),
                            dread + h * N, s.slope + b * N, dmemory, dact + at.queries + h * d.word, shared);
    if (d.strength && port::thread() == 0) dact[at.strengths + h] = dstrength;
  }
  MG_BARRIER();
  dam_write_backward(job, s, t, b, shared);
  MG_BARRIER();
  access_activate_backward(d, raw, act, dact, draw);
}

}  // namespace cuda
}  // namespace mg
