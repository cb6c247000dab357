// One step of the memory access of one sample: usage, addresses, writes, links and reads.
#pragma once
#include "allocation_impl.h"
#include "../../../base/memory/cpu/content_impl.h"
#include "interface_impl.h"
#include "link_impl.h"
#include "../../../base/memory/cpu/products_impl.h"

namespace mg {
namespace {

// usage of this step from the one before and the weights of the step before.
template <class T>
void usage_step(const DncDims& d, const T* act, const T* before, const T* write, const T* read, T* usage) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  along_slots<T>(pitch, [&](i64 n) {
    const V one = S::splat(T(1));
    const V missed = dnc_times_all(one, d.writes, [&](i64 v) { return V(1 - S::load(write + v * pitch + n)); });
    const V kept = dnc_times_all(
        one, d.reads, [&](i64 r) { return dnc_kept(S::splat(act[at.free_gates + r]), S::load(read + r * pitch + n)); });
    S::store(usage + n, dnc_usage_written(S::load(before + n), V(1 - missed)) * kept);
  });
}

// Content and allocation of every write head, on the memory before; simulated[v] is the usage that head v sees.
template <class T>
void write_addresses(const DncDims& d, const T* act, const T* memory, const T* usage, const DncTemps<T>& temps) {
  using S = Simd<T, wide<T>>;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  memory_products(d, memory, act + at.write_keys, d.writes, temps.norm, temps.score);
  copy(temps.simulated, usage, pitch);
  for (i64 v = 0; v < d.writes; v++) {
    content_weights(d, act + at.write_keys + v * d.word, act[at.write_strengths + v], temps.norm, temps.score + v * pitch,
                    temps.content + v * pitch);
    const T *u = temps.simulated + v * pitch, *a = temps.allocation + v * pitch;
    allocate_slots(d, u, temps, temps.allocation + v * pitch);
    if (v + 1 == d.writes) break;
    const auto gate = S::splat(act[at.allocation_gates + v] * act[at.write_gates + v]);
    along_slots<T>(pitch, [&](i64 n) {
      S::store(temps.simulated + (v + 1) * pitch + n, dnc_simulated_usage(S::load(u + n), gate, S::load(a + n)));
    });
  }
}

template <class T>
void write_weights(const DncDims& d, const T* act, const DncTemps<T>& temps, T* write) {
  using S = Simd<T, wide<T>>;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  for (i64 v = 0; v < d.writes; v++) {
    const auto gw = S::splat(act[at.write_gates + v]), ga = S::splat(act[at.allocation_gates + v]);
    along_slots<T>(pitch, [&](i64 n) {
      const auto allocation = S::load(temps.allocation + v * pitch + n), content = S::load(temps.content + v * pitch + n);
      S::store(write + v * pitch + n, gw * dnc_addressed(ga, allocation, content));
    });
  }
}

// memory = before prod_v (1 - w_v e_v^T) + sum_v w_v v_v^T; in place or not.
template <class T>
void write_memory(const DncDims& d, const T* act, const T* write, const T* before, T* memory) {
  using S = Simd<T, wide<T>>;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  for (i64 w = 0; w < d.word; w++) {
    along_slots<T>(pitch, [&](i64 n) {
      S::store(memory + w * pitch + n,
               dnc_written(
                   d.writes, S::load(before + w * pitch + n), [&](i64 v) { return S::load(write + v * pitch + n); },
                   [&](i64 v) { return S::splat(act[at.erase_vectors + v * d.word + w]); },
                   [&](i64 v) { return S::splat(act[at.write_vectors + v * d.word + w]); }, S::fma));
    });
  }
}

template <class T>
void precedence_step(const DncDims& d, const T* write, const T* before, T* precedence) {
  using S = Simd<T, wide<T>>;
  const i64 pitch = d.pitch();
  for (i64 v = 0; v < d.writes; v++) {
    const auto rest = S::splat(T(1) - total(write + v * pitch, pitch));
    along_slots<T>(pitch, [&](i64 n) {
      S::store(precedence + v * pitch + n, S::fma(rest, S::load(before + v * pitch + n), S::load(write + v * pitch + n)));
    });
  }
}

// Content weights of the read heads on the new memory.
template <class T>
void read_addresses(const DncDims& d, const T* act, const T* memory, const DncTemps<T>& temps) {
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  memory_products(d, memory, act + at.read_keys, d.reads, temps.norm, temps.score);
  for (i64 r = 0; r < d.reads; r++) {
    content_weights(d, act + at.read_keys + r * d.word, act[at.read_strengths + r], temps.norm, temps.score + r * pitch,
                    temps.content + r * pitch);
  }
}

// What the content, with the first write head, and both directions of write head v give to the new read weights.
template <class T>
void mix_reads(const DncDims& d, const T* act, i64 v, const DncTemps<T>& temps) {
  using S = Simd<T, wide<T>>;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  for (i64 r = 0; r < d.reads; r++) {
    const T* modes = act + at.read_modes + r * d.modes();
    const auto content = S::splat(modes[dnc_content_mode(d)]), backward = S::splat(modes[dnc_backward_mode(v)]),
               forward = S::splat(modes[dnc_forward_mode(d, v)]);
    T* const next = temps.next_read + r * pitch;
    along_slots<T>(pitch, [&](i64 n) {
      const auto sum = v == 0 ? content * S::load(temps.content + r * pitch + n) : S::load(next + n);
      S::store(next + n, S::fma(forward, S::load(temps.along + r * pitch + n),
                                S::fma(backward, S::load(temps.against + r * pitch + n), sum)));
    });
  }
}

// words_r = M^T read_r
template <class T>
void read_words(const DncDims& d, const T* read, const T* memory, T* words) {
  const i64 pitch = d.pitch();
  T* to[link_group];
  const T* from[link_group];
  for (i64 first = 0; first < d.reads; first += link_group) {
    const i64 count = d.reads - first < link_group ? d.reads - first : link_group;
    for (i64 r = 0; r < count; r++) to[r] = words + (first + r) * d.word, from[r] = read + (first + r) * pitch;
    transposed_products(count, to, from, d.word, memory, pitch, false);
  }
}

// One step. `link` [V][N][N] of the sample: from `before`, which may be the same, to `after`.
template <class T>
void access_step(const DncDims& d, const T* raw, DncSample<T>& s, const T* before, T* after, const DncTemps<T>& temps) {
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  T* const act = temps.act;
  activate(d, raw, act);
  usage_step(d, act, s.usage, s.write, s.read, s.usage);
  write_addresses(d, act, s.memory, s.usage, temps);
  write_weights(d, act, temps, s.write);
  write_memory(d, act, s.write, s.memory, s.memory);
  read_addresses(d, act, s.memory, temps);
  for (i64 v = 0; v < d.writes; v++) {
    link_forward(LinkPass<T>{d.slots, pitch, before + v * d.links(), after + v * d.links(), s.write + v * pitch,
                             s.precedence + v * pitch, s.read, temps.along, temps.against},
                 d.reads);
    mix_reads(d, act, v, temps);
  }
  precedence_step(d, s.write, s.precedence, s.precedence);
  copy(s.read, temps.next_read, d.reads * pitch);
  read_words(d, s.read, s.memory, s.words);
}

}  // namespace
}  // namespace mg
