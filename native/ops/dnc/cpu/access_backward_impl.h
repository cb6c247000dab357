// The gradient of one step of the memory access of one sample.
#pragma once
#include "access_impl.h"

namespace mg {
namespace {

// What the step saw and made.
template <class T>
struct AccessRecord {
  const T *raw, *memory_before, *memory, *usage_before, *usage, *precedence_before, *write_before, *write, *read_before, *read;
  const T* links;  // before the step, [V][N][N]
};

// d words in; adds to the gradient of the read weights and of the memory.
template <class T>
void words_backward(const DncDims& d, const AccessRecord<T>& s, const T* dwords, DncCarry<T>& carry) {
  const i64 pitch = d.pitch();
  for (i64 r = 0; r < d.reads; r++) {
    for (i64 w = 0; w < d.word; w++) {
      add_scaled(carry.read + r * pitch, dwords[r * d.word + w], s.memory + w * pitch, pitch);
      add_scaled(carry.memory + w * pitch, dwords[r * d.word + w], s.read + r * pitch, pitch);
    }
  }
}

template <class T>
void scale_into(T* y, T a, const T* x, i64 pitch) {
  using S = Simd<T, wide<T>>;
  const auto s = S::splat(a);
  along_slots<T>(pitch, [&](i64 n) { S::store(y + n, s * S::load(x + n)); });
}

// Content part of the reads.
template <class T>
void read_content_backward(const DncDims& d, const AccessRecord<T>& s, const T* act, DncCarry<T>& carry,
                           const DncBackwardScratch<T>& b) {
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  read_addresses(d, act, s.memory, b.temps);
  for (i64 r = 0; r < d.reads; r++) {
    const i64 mode = at.read_modes + r * d.modes() + dnc_content_mode(d);
    b.dact[mode] = dot(carry.read + r * pitch, b.temps.content + r * pitch, pitch);
    scale_into(b.dcontent, act[mode], carry.read + r * pitch, pitch);
    content_backward(d, s.memory, act + at.read_keys + r * d.word, act[at.read_strengths + r], b.temps.norm,
                     b.temps.score + r * pitch, b.temps.content + r * pitch, b.dcontent, b.slope, carry.memory,
                     b.dact + at.read_keys + r * d.word, b.dact[at.read_strengths + r]);
  }
}

// Directional reads, links and precedence; dread gets the gradient of the read weights before.
template <class T>
void links_backward(const DncDims& d, const AccessRecord<T>& s, const T* act, DncCarry<T>& carry,
                    const DncBackwardScratch<T>& b) {
  using S = Simd<T, wide<T>>;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  clear(b.dread, d.reads * pitch);
  for (i64 v = 0; v < d.writes; v++) {
    for (i64 r = 0; r < d.reads; r++) {
      const T* modes = act + at.read_modes + r * d.modes();
      scale_into(b.scaled + r * pitch, modes[dnc_forward_mode(d, v)], s.read_before + r * pitch, pitch);
      scale_into(b.broadcast + r * pitch, modes[dnc_backward_mode(v)], s.read_before + r * pitch, pitch);
    }
    const T *w = s.write + v * pitch, *p = s.precedence_before + v * pitch;
    link_backward(LinkBackwardPass<T>{d.slots, pitch, s.links + v * d.links(), carry.link + v * d.links(), w, p, carry.read,
                                      b.scaled, b.broadcast, b.temps.along, b.temps.against, b.row, b.column, b.dprecedence},
                  d.reads);
    for (i64 r = 0; r < d.reads; r++) {
      const i64 modes = at.read_modes + r * d.modes(), f = modes + dnc_forward_mode(d, v), k = modes + dnc_backward_mode(v);
      const T *along = b.temps.along + r * pitch, *against = b.temps.against + r * pitch;
      b.dact[f] = dot(against, s.read_before + r * pitch, pitch);
      b.dact[k] = dot(along, s.read_before + r * pitch, pitch);
      add_scaled(b.dread + r * pitch, act[f], against, pitch);
      add_scaled(b.dread + r * pitch, act[k], along, pitch);
    }
    T *dp = carry.precedence + v * pitch, *dw = carry.write + v * pitch;
    const auto spread = S::splat(dot(dp, p, pitch)), rest = S::splat(T(1) - total(w, pitch));
    along_slots<T>(pitch, [&](i64 n) {
      S::store(dw + n, S::load(dw + n) + S::load(b.row + n) - S::load(b.column + n) + S::load(dp + n) - spread);
      S::store(dp + n, S::fma(rest, S::load(dp + n), S::load(b.dprecedence + n)));
    });
    clear(dw + d.slots, pitch - d.slots);
  }
}

// Erasing and writing.
template <class T>
void memory_backward(const DncDims& d, const AccessRecord<T>& s, const T* act, DncCarry<T>& carry,
                     const DncBackwardScratch<T>& b) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  const auto keep = [&](i64 v, i64 w, i64 n) {
    return dnc_left(S::load(s.write + v * pitch + n), S::splat(act[at.erase_vectors + v * d.word + w]));
  };
  for (i64 w = 0; w < d.word; w++) {
    T* dm = carry.memory + w * pitch;
    for (i64 v = 0; v < d.writes; v++) {
      V dvector{}, derase{};
      const V vector = S::splat(act[at.write_vectors + v * d.word + w]), erase = S::splat(act[at.erase_vectors + v * d.word + w]);
      T* dw = carry.write + v * pitch;
      along_slots<T>(pitch, [&](i64 n) {
        const V g = S::load(dm + n), weight = S::load(s.write + v * pitch + n);
        const V q = dnc_times_others(V(g * S::load(s.memory_before + w * pitch + n)), d.writes, v,
                                     [&](i64 other) { return keep(other, w, n); });
        dvector = S::fma(weight, g, dvector);
        derase = derase - weight * q;
        S::store(dw + n, S::load(dw + n) + g * vector - q * erase);
      });
      b.dact[at.write_vectors + v * d.word + w] = lane_sum<T, wide<T>>(dvector);
      b.dact[at.erase_vectors + v * d.word + w] = lane_sum<T, wide<T>>(derase);
    }
    along_slots<T>(
        pitch, [&](i64 n) { S::store(dm + n, dnc_times_all(S::load(dm + n), d.writes, [&](i64 v) { return keep(v, w, n); })); });
  }
}

// Write weights, their content on the memory before, and allocation with the usage that each head saw.
template <class T>
void write_backward(const DncDims& d, const AccessRecord<T>& s, const T* act, DncCarry<T>& carry,
                    const DncBackwardScratch<T>& b) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  write_addresses(d, act, s.memory_before, s.usage, b.temps);
  for (i64 v = 0; v < d.writes; v++) {
    const T gw = act[at.write_gates + v], ga = act[at.allocation_gates + v];
    const T *a = b.temps.allocation + v * pitch, *c = b.temps.content + v * pitch, *dw = carry.write + v * pitch;
    const T da = dot(dw, a, pitch), dc = dot(dw, c, pitch);
    b.dact[at.write_gates + v] = dnc_addressed(ga, da, dc);
    b.dact[at.allocation_gates + v] = gw * (da - dc);
    scale_into(b.dallocation + v * pitch, gw * ga, dw, pitch);
    scale_into(b.dcontent, gw * (T(1) - ga), dw, pitch);
    content_backward(d, s.memory_before, act + at.write_keys + v * d.word, act[at.write_strengths + v], b.temps.norm,
                     b.temps.score + v * pitch, c, b.dcontent, b.slope, carry.memory, b.dact + at.write_keys + v * d.word,
                     b.dact[at.write_strengths + v]);
  }
  clear(b.dsimulated, pitch);
  for (i64 v = d.writes - 1; v >= 0; v--) {
    const T gw = act[at.write_gates + v], ga = act[at.allocation_gates + v];
    const T *u = b.temps.simulated + v * pitch, *a = b.temps.allocation + v * pitch;
    T* da = b.dallocation + v * pitch;
    if (v + 1 < d.writes) {
      const V g = S::splat(ga * gw);
      V dg{};
      along_slots<T>(pitch, [&](i64 n) {
        const V du = S::load(b.dsimulated + n), left = du * (1 - S::load(u + n)), given = S::load(a + n);
        dg = S::fma(left, given, dg);
        S::store(da + n, S::fma(left, g, S::load(da + n)));
        S::store(b.dsimulated + n, du * (1 - g * given));
      });
      const T sum = lane_sum<T, wide<T>>(dg);
      b.dact[at.allocation_gates + v] += sum * gw;
      b.dact[at.write_gates + v] += sum * ga;
    }
    allocate_backward(d, u, da, b.temps, b.slope, b.dsimulated);
  }
  add_scaled(carry.usage, T(1), b.dsimulated, pitch);
}

// Usage; carry.usage, carry.write become those of the step before, dread is completed.
template <class T>
void usage_backward(const DncDims& d, const AccessRecord<T>& s, const T* act, DncCarry<T>& carry,
                    const DncBackwardScratch<T>& b) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  const V one = S::splat(T(1));
  const auto kept = [&](i64 r, i64 n) {
    return dnc_kept(S::splat(act[at.free_gates + r]), S::load(s.read_before + r * pitch + n));
  };
  const auto missed = [&](i64 v, i64 n) { return V(one - S::load(s.write_before + v * pitch + n)); };
  const auto none = [&](i64 n) { return dnc_times_all(one, d.writes, [&](i64 v) { return missed(v, n); }); };
  for (i64 r = 0; r < d.reads; r++) {
    V dfree{};
    const V free = S::splat(act[at.free_gates + r]);
    along_slots<T>(pitch, [&](i64 n) {
      const V others = dnc_times_others(one, d.reads, r, [&](i64 other) { return kept(other, n); });
      const V written = dnc_usage_written(S::load(s.usage_before + n), V(1 - none(n))),
              pull = S::load(carry.usage + n) * written * others;
      dfree = dfree - pull * S::load(s.read_before + r * pitch + n);
      S::store(b.dread + r * pitch + n, S::load(b.dread + r * pitch + n) - pull * free);
    });
    b.dact[at.free_gates + r] = lane_sum<T, wide<T>>(dfree);
  }
  along_slots<T>(pitch, [&](i64 n) {
    const V left = dnc_times_all(S::load(carry.usage + n), d.reads, [&](i64 r) { return kept(r, n); });
    for (i64 v = 0; v < d.writes; v++) {
      V dw{};
      if (d.usage_gradient) {
        dw = dnc_times_others(V(left * (1 - S::load(s.usage_before + n))), d.writes, v,
                              [&](i64 other) { return missed(other, n); });
      }
      S::store(carry.write + v * pitch + n, dw);
    }
    S::store(carry.usage + n, left * none(n));
  });
}

// From the gradient at the words and the carry behind the step: that at the raw interface, and the carry before the step.
template <class T>
void access_backward(const DncDims& d, const AccessRecord<T>& s, const T* dwords, DncCarry<T>& carry, T* draw,
                     const DncBackwardScratch<T>& b) {
  const i64 size = DncInterface(d).size;
  T* const act = b.temps.act;
  activate(d, s.raw, act);
  clear(b.dact, size);
  words_backward(d, s, dwords, carry);
  read_content_backward(d, s, act, carry, b);
  links_backward(d, s, act, carry, b);
  memory_backward(d, s, act, carry, b);
  write_backward(d, s, act, carry, b);
  usage_backward(d, s, act, carry, b);
  copy(carry.read, b.dread, d.reads * d.pitch());
  activate_backward(d, s.raw, act, b.dact);
  copy(draw, b.dact, size);
}

}  // namespace
}  // namespace mg
