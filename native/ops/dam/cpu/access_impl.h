// One step of one sample's dense memory access, forward and backward.
#pragma once
#include "../../../base/memory/cpu/content_impl.h"
#include "../../../base/memory/cpu/steps_impl.h"
#include "../../../base/memory/cpu/access_interface_impl.h"
#include "kernels.h"

namespace mg {
namespace {

// The R slots of least usage, the lower one first where they are used alike.
template <class T>
void least_used(const DamDims& d, const T* usage, i32* slots, T* least) {
  i64 count = 0;
  for (i64 i = 0; i < d.slots; i++) {
    if (count == d.heads && !(usage[i] < least[count - 1])) continue;
    i64 k = count < d.heads ? count++ : count - 1;
    for (; k > 0 && usage[i] < least[k - 1]; k--) least[k] = least[k - 1], slots[k] = slots[k - 1];
    least[k] = usage[i], slots[k] = i32(i);
  }
}

// Write weights of all heads.
template <class T>
void dam_write_weights(const DamDims& d, const T* act, const T* read, const i32* popped, T* write) {
  using S = Simd<T, wide<T>>;
  const AccessInterface at(d);
  const i64 pitch = d.pitch();
  for (i64 h = 0; h < d.heads; h++) {
    const T alpha = act[at.alpha + h], gamma = act[at.gamma + h];
    const auto share = S::splat(alpha * gamma);
    T* w = write + h * pitch;
    along_slots<T>(pitch, [&](i64 n) { S::store(w + n, share * S::load(read + h * pitch + n)); });
    w[popped[h]] += alpha * (T(1) - gamma);
  }
}

// From `before` to `memory`, which may be the same.
template <class T>
void dam_write(const DamDims& d, const T* act, const T* write, const i32* popped, const T* before, T* memory) {
  using S = Simd<T, wide<T>>;
  const AccessInterface at(d);
  const i64 pitch = d.pitch();
  for (i64 w = 0; w < d.word; w++) {
    T* m = memory + w * pitch;
    if (before != memory) copy(m, before + w * pitch, pitch);
    for (i64 h = 0; h < d.heads; h++) m[popped[h]] = T(0);
    along_slots<T>(pitch, [&](i64 n) {
      auto sum = S::load(m + n);
      for (i64 h = 0; h < d.heads; h++)
        sum = S::fma(S::load(write + h * pitch + n), S::splat(act[at.adds + h * d.word + w]), sum);
      S::store(m + n, sum);
    });
  }
}

template <class T>
void dam_content(const DamDims& d, const T* act, const T* memory, const DamTemps<T>& temps) {
  const AccessInterface at(d);
  const i64 pitch = d.pitch();
  memory_products(d, memory, act + at.queries, d.heads, temps.norm, temps.score);
  for (i64 h = 0; h < d.heads; h++) {
    content_weights(d, act + at.queries + h * d.word, access_strength(d, act, h), temps.norm, temps.score + h * pitch,
                    temps.read + h * pitch);
  }
}

template <class T>
void dam_step(const DamDims& d, const T* raw, const DamSample<T>& s, const DamTemps<T>& temps) {
  using S = Simd<T, wide<T>>;
  const i64 pitch = d.pitch();
  access_activate(d, raw, temps.act);
  least_used(d, s.usage, temps.popped, temps.least);
  dam_write_weights(d, temps.act, s.read, temps.popped, temps.write);
  dam_write(d, temps.act, temps.write, temps.popped, s.memory, s.memory);
  dam_content(d, temps.act, s.memory, temps);
  along_slots<T>(pitch, [&](i64 n) {
    auto used = S::splat(T(d.discount)) * S::load(s.usage + n);
    for (i64 h = 0; h < d.heads; h++) used = used + S::load(temps.write + h * pitch + n) + S::load(temps.read + h * pitch + n);
    S::store(s.usage + n, used);
  });
  copy(s.read, temps.read, d.heads * pitch);
  for (i64 h = 0; h < d.heads; h++) {
    for (i64 w = 0; w < d.word; w++) s.words[h * d.word + w] = dot(s.read + h * pitch, s.memory + w * pitch, pitch);
  }
}

// What a step saw and made.
template <class T>
struct DamStep {
  const T *raw, *memory, *read, *read_before;
  const i32* popped;
};

// carry: from the gradients after the step to those before it. draw: at the interface.
template <class T>
void dam_backward_step(const DamDims& d, const DamStep<T>& step, const DamCarry<T>& carry, T* draw,
                       const DamBackwardScratch<T>& b) {
  const AccessInterface at(d);
  const i64 pitch = d.pitch();
  const T* act = b.temps.act;
  access_activate(d, step.raw, b.temps.act);
  clear(b.dact, at.size);
  dam_content(d, act, step.memory, b.temps);
  for (i64 h = 0; h < d.heads; h++) {
    for (i64 w = 0; w < d.word; w++) {
      add_scaled(carry.read + h * pitch, carry.words[h * d.word + w], step.memory + w * pitch, pitch);
      add_scaled(carry.memory + w * pitch, carry.words[h * d.word + w], step.read + h * pitch, pitch);
    }
  }
  for (i64 h = 0; h < d.heads; h++) {
    T dstrength = 0;
    content_backward(d, step.memory, act + at.queries + h * d.word, access_strength(d, act, h), b.temps.norm,
                     b.temps.score + h * pitch, b.temps.read + h * pitch, carry.read + h * pitch, b.slope, carry.memory,
                     b.dact + at.queries + h * d.word, dstrength);
    if (d.strength) b.dact[at.strengths + h] = dstrength;
  }
  dam_write_weights(d, act, step.read_before, step.popped, b.temps.write);
  for (i64 h = 0; h < d.heads; h++) {
    const T alpha = act[at.alpha + h], gamma = act[at.gamma + h];
    clear(b.dwrite, pitch);
    for (i64 w = 0; w < d.word; w++) {
      b.dact[at.adds + h * d.word + w] = dot(b.temps.write + h * pitch, carry.memory + w * pitch, pitch);
      add_scaled(b.dwrite, act[at.adds + h * d.word + w], carry.memory + w * pitch, pitch);
    }
    const T before = dot(b.dwrite, step.read_before + h * pitch, pitch), popped = b.dwrite[step.popped[h]];
    b.dact[at.alpha + h] = gamma * before + (T(1) - gamma) * popped;
    b.dact[at.gamma + h] = alpha * (before - popped);
    clear(carry.read + h * pitch, pitch);
    add_scaled(carry.read + h * pitch, alpha * gamma, b.dwrite, pitch);
    clear(carry.read + h * pitch + d.slots, pitch - d.slots);
  }
  for (i64 h = 0; h < d.heads; h++) {
    for (i64 w = 0; w < d.word; w++) carry.memory[w * pitch + step.popped[h]] = T(0);
  }
  access_activate_backward(d, step.raw, act, b.dact, draw);
}

}  // namespace
}  // namespace mg
