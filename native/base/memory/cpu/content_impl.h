// Content addressing of one sample: equations in addressing.h. `Dims` has slots, word, epsilon and pitch().
#pragma once
#include "slots_impl.h"

namespace mg {
namespace {

// norm_i of every slot and, for `keys` keys at once, dot_ki = k.M_i: each memory row is touched once.
template <class T, class Dims>
void memory_products(const Dims& d, const T* memory, const T* keys, i64 count, T* norm, T* products) {
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

template <class T, class Dims>
ContentKey<Vec<T, wide<T>>> spread_key(const Dims& d, T norm, T strength) {
  using S = Simd<T, wide<T>>;
  return {S::splat(norm), S::splat(strength), S::splat(T(d.epsilon)), S::splat(T(no_direction_below))};
}

// `score`: k.M_i in, cos_i out. weights: C.
template <class T, class Dims>
void content_weights(const Dims& d, const T* key, T strength, const T* norm, T* score, T* weights) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const i64 pitch = d.pitch();
  const ContentKey<V> spread = spread_key(d, norm_of_key(d, key), strength);
  V top = S::splat(-T(INFINITY));
  along_slots<T>(pitch, [&](i64 n) {
    const V cosine = spread.cosine(S::load(score + n), S::load(norm + n), S::fma);
    S::store(score + n, cosine);
    S::store(weights + n, spread.strength * cosine);
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
template <class T, class Dims>
void content_backward(const Dims& d, const T* memory, const T* key, T strength, const T* norm, const T* score, const T* weights,
                      const T* dweights, T* slope, T* dmemory, T* dkey, T& dstrength) {
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  const i64 pitch = d.pitch();
  const T key_norm = norm_of_key(d, key);
  const ContentKey<V> spread = spread_key(d, key_norm, strength);
  const V mean = S::splat(dot(weights, dweights, pitch));
  V dbeta{}, shrink{};
  T* pull = slope + pitch;
  along_slots<T>(pitch, [&](i64 n) {
    const V dlogit = S::load(weights + n) * (S::load(dweights + n) - mean), cosine = S::load(score + n);
    V a, b;
    dbeta = S::fma(dlogit, cosine, dbeta);
    spread.gradient(dlogit, cosine, S::load(norm + n), a, b, shrink, S::fma);
    S::store(slope + n, a);
    S::store(pull + n, b);
  });
  dstrength += lane_sum<T, wide<T>>(dbeta);
  const T pull_key = pull_of_key(key_norm, lane_sum<T, wide<T>>(shrink));
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

}  // namespace
}  // namespace mg
