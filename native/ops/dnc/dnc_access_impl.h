// One step of the memory access of one sample: interface, usage, allocation, content, writes and reads. Per-slot vectors are
// padded with zeros to pitch(); memory lies transposed, [W][pitch], so that every loop runs along the slots.
#pragma once
#include <cstring>

#include "dnc_link_impl.h"

namespace mg {
namespace {

// Calls body(n) for the vectors of a padded array.
template <class T, class Body>
MG_HD void along_slots(i64 pitch, Body&& body) {
  for (i64 n = 0; n < pitch; n += wide<T>) body(n);
}

template <class T>
MG_HD void clear(T* x, i64 count) {
  for (i64 k = 0; k < count; k++) x[k] = T(0);
}
template <class T>
MG_HD void copy(T* to, const T* from, i64 count) {
  std::memcpy(to, from, size_t(count) * sizeof(T));
}
// Vectors of `count` elements to padded ones and back.
template <class T>
MG_HD void pad_vectors(T* to, i64 pitch, const T* from, i64 count, i64 vectors) {
  for (i64 v = 0; v < vectors; v++) {
    copy(to + v * pitch, from + v * count, count);
    clear(to + v * pitch + count, pitch - count);
  }
}
template <class T>
MG_HD void unpad_vectors(T* to, i64 count, const T* from, i64 pitch, i64 vectors) {
  for (i64 v = 0; v < vectors; v++) copy(to + v * count, from + v * pitch, count);
}
// [rows][columns] to [columns][pitch], the padding zero; and back.
template <class T>
MG_HD void transpose_in(T* to, i64 pitch, const T* from, i64 rows, i64 columns) {
  for (i64 w = 0; w < columns; w++) {
    for (i64 n = 0; n < rows; n++) to[w * pitch + n] = from[n * columns + w];
    clear(to + w * pitch + rows, pitch - rows);
  }
}
template <class T>
MG_HD void transpose_out(T* to, const T* from, i64 pitch, i64 rows, i64 columns) {
  for (i64 n = 0; n < rows; n++) {
    for (i64 w = 0; w < columns; w++) to[n * columns + w] = from[w * pitch + n];
  }
}

template <class T>
T dot(const T* a, const T* b, i64 pitch) {
  using S = Simd<T, wide<T>>;
  typename S::V sum{};
  along_slots<T>(pitch, [&](i64 n) { sum = S::fma(S::load(a + n), S::load(b + n), sum); });
  return lane_sum<T, wide<T>>(sum);
}
template <class T>
T total(const T* a, i64 pitch) {
  using S = Simd<T, wide<T>>;
  typename S::V sum{};
  along_slots<T>(pitch, [&](i64 n) { sum = sum + S::load(a + n); });
  return lane_sum<T, wide<T>>(sum);
}
// y += a x
template <class T>
void add_scaled(T* y, T a, const T* x, i64 pitch) {
  using S = Simd<T, wide<T>>;
  const auto s = S::splat(a);
  along_slots<T>(pitch, [&](i64 n) { S::store(y + n, S::fma(s, S::load(x + n), S::load(y + n))); });
}

// ---- interface

template <class T>
void softmax_few(T* x, i64 count) {
  T top = x[0], sum = 0;
  for (i64 k = 1; k < count; k++) top = x[k] > top ? x[k] : top;
  for (i64 k = 0; k < count; k++) sum += x[k] = std::exp(x[k] - top);
  for (i64 k = 0; k < count; k++) x[k] /= sum;
}

// Gates squashed, modes normalized, strengths made positive; vectors and keys as they are.
template <class T>
void activate(const DncDims& d, const T* raw, T* act) {
  const DncInterface at(d);
  copy(act, raw, at.size);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) act[k] = sigmoid(raw[k]);
  for (i64 r = 0; r < d.reads; r++) softmax_few(act + at.read_modes + r * d.modes(), d.modes());
  const T base = d.oneplus ? T(1) : T(0);
  for (i64 v = 0; v < d.writes; v++) act[at.write_strengths + v] = base + dnc_softplus(raw[at.write_strengths + v]);
  for (i64 r = 0; r < d.reads; r++) act[at.read_strengths + r] = base + dnc_softplus(raw[at.read_strengths + r]);
}

// Turns gradients at the activations into gradients at the raw values, in place.
template <class T>
void activate_backward(const DncDims& d, const T* raw, const T* act, T* dact) {
  const DncInterface at(d);
  for (i64 k = at.erase_vectors; k < at.read_modes; k++) dact[k] *= act[k] * (T(1) - act[k]);
  for (i64 r = 0; r < d.reads; r++) {
    const T* p = act + at.read_modes + r * d.modes();
    T* dp = dact + at.read_modes + r * d.modes();
    T mean = 0;
    for (i64 k = 0; k < d.modes(); k++) mean += p[k] * dp[k];
    for (i64 k = 0; k < d.modes(); k++) dp[k] = p[k] * (dp[k] - mean);
  }
  for (i64 v = 0; v < d.writes; v++) dact[at.write_strengths + v] *= sigmoid(raw[at.write_strengths + v]);
  for (i64 r = 0; r < d.reads; r++) dact[at.read_strengths + r] *= sigmoid(raw[at.read_strengths + r]);
}

// ---- content: C_i = softmax_i(strength cos_i), cos_i = k.M_i / (|k| |M_i| + eps), |x| = sqrt(x.x + eps); cos 0 without a direction

// norm_i of every slot and, for `keys` keys at once, dot_ki = k.M_i: each memory row is touched once.
template <class T>
void memory_products(const DncDims& d, const T* memory, const T* keys, i64 count, T* norm, T* products) {
  using S = Simd<T, wide<T>>;
  const i64 pitch = d.pitch();
  along_slots<T>(pitch, [&](i64 n) {
    auto square = S::splat(T(d.epsilon));
    for (i64 w = 0; w < d.word; w++) {
      const auto m = S::load(memory + w * pitch + n);
      square = S::fma(m, m, square);
    }
    for (int k = 0; k < wide<T>; k++) square[k] = std::sqrt(square[k]);
    S::store(norm + n, square);
    i64 k = 0;
    for (; k + 2 <= count; k += 2) {
      typename S::V a{}, b{};
      for (i64 w = 0; w < d.word; w++) {
        const auto m = S::load(memory + w * pitch + n);
        a = S::fma(m, S::splat(keys[k * d.word + w]), a);
        b = S::fma(m, S::splat(keys[(k + 1) * d.word + w]), b);
      }
      S::store(products + k * pitch + n, a);
      S::store(products + (k + 1) * pitch + n, b);
    }
    if (k < count) {
      typename S::V a{};
      for (i64 w = 0; w < d.word; w++) a = S::fma(S::load(memory + w * pitch + n), S::splat(keys[k * d.word + w]), a);
      S::store(products + k * pitch + n, a);
    }
  });
}

template <class T>
T key_norm(const DncDims& d, const T* key) {
  T square = T(d.epsilon);
  for (i64 w = 0; w < d.word; w++) square += key[w] * key[w];
  return std::sqrt(square);
}

// `score`: k.M_i in, cos_i out. weights: C.
template <class T>
void content_weights(const DncDims& d, T nk, T strength, const T* norm, T* score, T* weights) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const i64 pitch = d.pitch();
  const V key = S::splat(nk), eps = S::splat(T(d.epsilon)), beta = S::splat(strength), least = S::splat(T(dnc_no_direction)), zero{};
  V top = S::splat(-T(INFINITY));
  along_slots<T>(pitch, [&](i64 n) {
    const V below = S::fma(key, S::load(norm + n), eps);
    const V cosine = below > least ? S::load(score + n) / below : zero;
    S::store(score + n, cosine);
    const V logit = beta * cosine;
    S::store(weights + n, logit);
  });
  for (i64 n = d.slots; n < pitch; n++) weights[n] = -T(INFINITY);
  along_slots<T>(pitch, [&](i64 n) {
    const V logit = S::load(weights + n);
    top = logit > top ? logit : top;
  });
  T highest = top[0];
  for (int k = 1; k < wide<T>; k++) highest = top[k] > highest ? top[k] : highest;
  const V shift = S::splat(highest);
  along_slots<T>(pitch, [&](i64 n) { S::store(weights + n, mg::exp(V(S::load(weights + n) - shift))); });
  clear(weights + d.slots, pitch - d.slots);
  const V scale = S::splat(T(1) / total(weights, pitch));
  along_slots<T>(pitch, [&](i64 n) { S::store(weights + n, S::load(weights + n) * scale); });
}

// From dC: adds to dmemory, dkey and dstrength. score: cos. dslope: scratch of two vectors.
template <class T>
void content_backward(const DncDims& d, const T* memory, const T* key, T strength, const T* norm, const T* score, const T* weights,
                      const T* dweights, T* slope, T* dmemory, T* dkey, T& dstrength) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const i64 pitch = d.pitch();
  const T nk = key_norm(d, key);
  const V mean = S::splat(dot(weights, dweights, pitch)), kn = S::splat(nk), eps = S::splat(T(d.epsilon)), beta = S::splat(strength);
  const V zero{}, least = S::splat(T(dnc_no_direction));
  V dbeta{}, shrink{};
  T* pull = slope + pitch;
  along_slots<T>(pitch, [&](i64 n) {
    const V dlogit = S::load(weights + n) * (S::load(dweights + n) - mean), cosine = S::load(score + n), size = S::load(norm + n);
    dbeta = S::fma(dlogit, cosine, dbeta);
    const V below = S::fma(kn, size, eps);
    const V a = below > least ? beta * dlogit / below : zero, b = a * cosine;
    S::store(slope + n, a);
    S::store(pull + n, size > zero ? b * kn / size : zero);
    shrink = S::fma(b, size, shrink);
  });
  dstrength += lane_sum<T, wide<T>>(dbeta);
  const T pull_key = nk > 0 ? lane_sum<T, wide<T>>(shrink) / nk : T(0);
  for (i64 w = 0; w < d.word; w++) {
    const T* m = memory + w * pitch;
    T* dm = dmemory + w * pitch;
    const V k = S::splat(key[w]);
    V sum{};
    along_slots<T>(pitch, [&](i64 n) {
      const V a = S::load(slope + n), row = S::load(m + n);
      sum = S::fma(a, row, sum);
      S::store(dm + n, S::load(dm + n) + a * k - S::load(pull + n) * row);
    });
    dkey[w] += lane_sum<T, wide<T>>(sum) - key[w] * pull_key;
  }
}

// ---- allocation: s = eps + (1 - eps) u in falling order of 1 - s (stable), a = (1 - s) prod of the s before

// Slots in order of allocation: radix sort by bytes, digits that all keys share left out.
template <class T>
const std::int32_t* allocation_order(const DncDims& d, const T* usage, const DncTemps<T>& temps) {
  constexpr int digits = 7;
  std::uint64_t *keys = temps.keys[0], *other = temps.keys[1];
  std::int32_t *order = temps.order[0], *next = temps.order[1];
  std::int32_t counts[digits][256] = {};
  for (i64 n = 0; n < d.slots; n++) {
    const std::uint64_t key = dnc_falling_key(double(usage[n]), d.epsilon);
    keys[n] = key;
    order[n] = std::int32_t(n);
    for (int p = 0; p < digits; p++) counts[p][key >> (8 * p) & 255]++;
  }
  for (int p = 0; p < digits; p++) {
    if (counts[p][keys[0] >> (8 * p) & 255] == d.slots) continue;
    std::int32_t begin = 0;
    for (std::int32_t& count : counts[p]) {
      const std::int32_t size = count;
      count = begin;
      begin += size;
    }
    for (i64 n = 0; n < d.slots; n++) {
      const std::int32_t to = counts[p][keys[n] >> (8 * p) & 255]++;
      other[to] = keys[n];
      next[to] = order[n];
    }
    std::uint64_t* const k = keys;
    keys = other, other = k;
    std::int32_t* const o = order;
    order = next, next = o;
  }
  return order;
}

template <class T>
void allocate_slots(const DncDims& d, const T* usage, const DncTemps<T>& temps, T* allocation) {
  const std::int32_t* order = allocation_order(d, usage, temps);
  clear(allocation, d.pitch());
  T free = 1;
  for (i64 n = 0; n < d.slots; n++) {
    const T s = T(d.epsilon) + T(1 - d.epsilon) * usage[order[n]];
    allocation[order[n]] = (T(1) - s) * free;
    free *= s;
  }
}

// dusage += the gradient through `allocate_slots`; the order itself passes none. No division: s may be 0.
template <class T>
void allocate_backward(const DncDims& d, const T* usage, const T* dallocation, const DncTemps<T>& temps, T* before, T* dusage) {
  const std::int32_t* order = allocation_order(d, usage, temps);
  T free = 1;
  for (i64 n = 0; n < d.slots; n++) {
    before[n] = free;
    free *= T(d.epsilon) + T(1 - d.epsilon) * usage[order[n]];
  }
  T dfree = 0;
  for (i64 n = d.slots - 1; n >= 0; n--) {
    const T s = T(d.epsilon) + T(1 - d.epsilon) * usage[order[n]], da = dallocation[order[n]];
    dusage[order[n]] += T(1 - d.epsilon) * (dfree - da) * before[n];
    dfree = da * (T(1) - s) + dfree * s;
  }
}

// ---- steps

// usage of this step from the one before and the weights of the step before.
template <class T>
void usage_step(const DncDims& d, const T* act, const T* before, const T* write, const T* read, T* usage) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const DncInterface at(d);
  const i64 pitch = d.pitch();
  along_slots<T>(pitch, [&](i64 n) {
    V missed = S::splat(T(1)), kept = S::splat(T(1));
    for (i64 v = 0; v < d.writes; v++) missed = missed * (1 - S::load(write + v * pitch + n));
    for (i64 r = 0; r < d.reads; r++) kept = kept * (1 - S::splat(act[at.free_gates + r]) * S::load(read + r * pitch + n));
    S::store(usage + n, dnc_usage(S::load(before + n), V(1 - missed), kept));
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
    content_weights(d, key_norm(d, act + at.write_keys + v * d.word), act[at.write_strengths + v], temps.norm, temps.score + v * pitch,
                    temps.content + v * pitch);
    const T *u = temps.simulated + v * pitch, *a = temps.allocation + v * pitch;
    allocate_slots(d, u, temps, temps.allocation + v * pitch);
    if (v + 1 == d.writes) break;
    const auto gate = S::splat(act[at.allocation_gates + v] * act[at.write_gates + v]);
    along_slots<T>(pitch, [&](i64 n) {
      const auto now = S::load(u + n);
      S::store(temps.simulated + (v + 1) * pitch + n, now + (1 - now) * gate * S::load(a + n));
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
      S::store(write + v * pitch + n, dnc_write_weight(gw, ga, S::load(temps.allocation + v * pitch + n), S::load(temps.content + v * pitch + n)));
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
      auto m = S::load(before + w * pitch + n);
      typename S::V added{};
      for (i64 v = 0; v < d.writes; v++) {
        const auto weight = S::load(write + v * pitch + n);
        m = m * (1 - weight * S::splat(act[at.erase_vectors + v * d.word + w]));
        added = S::fma(weight, S::splat(act[at.write_vectors + v * d.word + w]), added);
      }
      S::store(memory + w * pitch + n, m + added);
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
    content_weights(d, key_norm(d, act + at.read_keys + r * d.word), act[at.read_strengths + r], temps.norm, temps.score + r * pitch,
                    temps.content + r * pitch);
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
  for (i64 r = 0; r < d.reads; r++) {
    clear(temps.next_read + r * pitch, pitch);
    add_scaled(temps.next_read + r * pitch, act[at.read_modes + r * d.modes() + dnc_content_mode(d)], temps.content + r * pitch, pitch);
  }
  for (i64 v = 0; v < d.writes; v++) {
    link_forward(LinkPass<T>{d.slots, pitch, before + v * d.links(), d.slots, after + v * d.links(), d.slots, s.write + v * pitch,
                             s.precedence + v * pitch, s.read, temps.along, temps.against}, d.reads);
    for (i64 r = 0; r < d.reads; r++) {
      const T* modes = act + at.read_modes + r * d.modes();
      add_scaled(temps.next_read + r * pitch, modes[dnc_backward_mode(v)], temps.against + r * pitch, pitch);
      add_scaled(temps.next_read + r * pitch, modes[dnc_forward_mode(d, v)], temps.along + r * pitch, pitch);
    }
  }
  precedence_step(d, s.write, s.precedence, s.precedence);
  copy(s.read, temps.next_read, d.reads * pitch);
  for (i64 r = 0; r < d.reads; r++) {
    for (i64 w = 0; w < d.word; w++) s.words[r * d.word + w] = dot(s.read + r * pitch, s.memory + w * pitch, pitch);
  }
}

}  // namespace
}  // namespace mg
