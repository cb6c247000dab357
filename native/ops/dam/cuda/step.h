// One step of a dense access memory on the GPU: the controller, then a block for each sample. Vectors over slots are [N], memory
// lies transposed, [W][N]; a thread keeps its slots through all loops.
#pragma once
#include "../../../base/memory/cuda/access_interface.h"
#include "../../../base/memory/cuda/content.h"
#include "../../../base/memory/cuda/controller.h"
#include "../dam.h"

namespace mg {
namespace cuda {

template <class T>
struct DamForwardSpace : ControllerForwardSpace<T> {
  T* memory;                    // [B][W][N]
  T *act, *strengths;           // [B][D], [B][R]
  T* write;                     // [B][R][N]
  i32* popped;                  // [B][R]

  DamForwardSpace(Arena& a, const DamDims& d) : ControllerForwardSpace<T>(a, d) {
    memory = a.take<T>(d.batch * d.word * d.slots);
    act = a.take<T>(d.batch * interface_size(d)), strengths = a.take<T>(d.batch * d.heads);
    write = a.take<T>(d.batch * d.heads * d.slots);
    popped = a.take<i32>(d.batch * d.heads);
  }
};

// The R slots of least usage, the lower one first where they are used alike; `shared` is scratch of the block.
template <class T>
MG_DEVICE void dam_least_used(const DamDims& d, const T* usage, i32* popped, void* shared) {
  struct Slot {
    T usage;
    i32 slot;
    MG_DEVICE bool before(const Slot& other) const {
      if (slot < 0 || other.slot < 0) return slot >= 0;
      return usage < other.usage || (usage == other.usage && slot < other.slot);
    }
  };
  Slot* const parts = static_cast<Slot*>(shared);
  Slot last{T(0), -1};
  for (i64 h = 0; h < d.heads; h++) {
    Slot least{T(0), -1};
    by_thread(d.slots, [&](i64 n) {
      const Slot one{usage[n], i32(n)};
      if ((last.slot < 0 || last.before(one)) && one.before(least)) least = one;
    });
    for (int mask = 16; mask > 0; mask /= 2) {
      const Slot other{port::shuffle_xor(least.usage, mask), port::shuffle_xor(least.slot, mask)};
      if (other.before(least)) least = other;
    }
    if (port::thread() % 32 == 0) parts[port::thread() / 32] = least;
    MG_BARRIER();
    for (int w = 0; w < port::threads() / 32; w++)
      if (parts[w].before(least)) least = parts[w];
    if (port::thread() == 0) popped[h] = least.slot >= 0 ? least.slot : i32(h);  // usages that are not numbers
    if (least.slot >= 0) last = least;
    MG_BARRIER();
  }
}

// Write weights of all heads for slot n.
template <class T>
MG_DEVICE T dam_write_weight(const T* act, const AccessInterface& at, i64 h, T read, bool is_popped) {
  const T alpha = act[at.alpha + h], gamma = act[at.gamma + h], share = alpha * gamma * read;
  return is_popped ? share + alpha * (T(1) - gamma) : share;
}
template <class T>
MG_DEVICE void dam_write_weights(const DamDims& d, const T* act, const T* read, i64 pitch, const i32* popped, T* write) {
  const AccessInterface at(d);
  by_thread(d.slots, [&](i64 n) {
    for (i64 h = 0; h < d.heads; h++) write[h * d.slots + n] = dam_write_weight(act, at, h, read[h * pitch + n], popped[h] == n);
  });
}
template <class T>
MG_DEVICE void dam_write(const DamDims& d, const T* act, const T* write, const i32* popped, const T* before, T* memory) {
  const AccessInterface at(d);
  const i64 N = d.slots;
  by_thread(N, [&](i64 n) {
    bool erased = false;
    for (i64 h = 0; h < d.heads; h++) erased = erased || popped[h] == n;
    for (i64 w = 0; w < d.word; w++) {
      T m = erased ? T(0) : before[w * N + n];
      for (i64 h = 0; h < d.heads; h++) m = port::fma(write[h * N + n], act[at.adds + h * d.word + w], m);
      memory[w * N + n] = m;
    }
  });
}

template <class T>
MG_KERNEL(memory_threads<T>) dam_step_kernel(DamForward<T> job, DamForwardSpace<T> s, i64 t) {
  const DamDims& d = job.dims;
  const AccessInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, row = t * d.batch + b, heads = b * d.heads;
  T* const words = job.words + row * d.words();
  if (past_end(s.lengths, b, t)) {
    by_thread(d.words(), [&](i64 k) { words[k] = T(0); });
    return;
  }
  T *const act = s.act + b * at.size, *const memory = s.memory + b * d.word * N, *const write = s.write + heads * N;
  T *const usage = job.after.usage + b * N, *const read = job.after.read + heads * N, *const strengths = s.strengths + heads;
  i32* const popped = s.popped + heads;
  by_thread(at.size, [&](i64 k) {
    act[k] = raw_interface<T>(job, s, t, b, k);
    if (job.trace.interface != nullptr) job.trace.interface[row * at.size + k] = act[k];
  });
  access_activate(d, act);
  by_thread(d.heads, [&](i64 h) { strengths[h] = access_strength(d, act, h); });
  dam_least_used(d, usage, popped, shared);
  dam_write_weights(d, act, read, N, popped, write);
  dam_write(d, act, write, popped, memory, memory);
  content_weights<T>(d, memory, act + at.queries, strengths, d.heads, nullptr, read, shared);
  by_thread(N, [&](i64 n) {
    T used = T(d.discount) * usage[n];
    for (i64 h = 0; h < d.heads; h++) used = used + write[h * N + n] + read[h * N + n];
    usage[n] = used;
    for (i64 h = 0; job.trace.read != nullptr && h < d.heads; h++)
      job.trace.read[(row * d.heads + h) * d.pitch() + n] = read[h * N + n];
  });
  if (job.trace.popped != nullptr) by_thread(d.heads, [&](i64 h) { job.trace.popped[row * d.heads + h] = popped[h]; });
  MG_BARRIER();
  T* const inputs = s.inputs + b * d.controller_rows();
  by_warp(d.words(), [&](i64 k, int lane) {
    const i64 h = k / d.word, w = k - h * d.word;
    T sum = 0;
    for (i64 n = lane; n < N; n += 32) sum = port::fma(read[h * N + n], memory[w * N + n], sum);
    sum = warp_sum(sum);
    if (lane == 0) words[k] = job.after.words[b * d.words() + k] = sum;
    if (lane == 0 && d.hidden > 0) inputs[d.inputs + k] = sum;
  });
  if (d.hidden > 0 && t + 1 < d.steps) by_thread(d.inputs, [&](i64 k) { inputs[k] = job.x[(row + d.batch) * d.inputs + k]; });
}

}  // namespace cuda
}  // namespace mg
