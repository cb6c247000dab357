// Content addressing of one sample by one block of threads. Vectors over slots are [N], memory lies transposed, [W][N]; a thread
// keeps its slots through all loops, so that barriers are needed only where slots meet.
#pragma once
#include "../../cuda/block.h"
#include "../addressing.h"

namespace mg {
namespace cuda {

template <class T>
constexpr int memory_threads = sizeof(T) == 4 ? 512 : 256;  // as many as the default has slots, if registers allow

template <class T>
struct PortFma {
  MG_DEVICE T operator()(T a, T b, T c) const { return port::fma(a, b, c); }
};

template <class T, class Dims>
MG_DEVICE ContentKey<T> content_key(const Dims& d, const T* key, T strength) {
  return {norm_of_key(d, key), strength, T(d.epsilon), T(no_direction_below)};
}

// weights [K][N] of K keys, which share the walk over the memory; score, where wanted, the cosines.
template <class T, int K, class Dims>
MG_DEVICE void content_weights_of(const Dims& d, const T* memory, const T* keys, const T* strengths, T* score, T* weights,
                                  void* shared) {
  const i64 N = d.slots;
  ContentKey<T> key[K];
  T tops[K], sums[K] = {};
  MG_UNROLL for (int k = 0; k < K; k++) key[k] = content_key(d, keys + k * d.word, strengths[k]), tops[k] = -T(INFINITY);
  by_thread(N, [&](i64 n) {
    T square = T(d.epsilon), products[K] = {};
    for (i64 w = 0; w < d.word; w++) {
      const T m = memory[w * N + n];
      square = port::fma(m, m, square);
      MG_UNROLL for (int k = 0; k < K; k++) products[k] = port::fma(m, keys[k * d.word + w], products[k]);
    }
    const T row = std::sqrt(square);
    MG_UNROLL for (int k = 0; k < K; k++) {
      const T cosine = key[k].cosine(products[k], row, PortFma<T>());
      if (score != nullptr) score[k * N + n] = cosine;
      const T weight = weights[k * N + n] = key[k].strength * cosine;
      tops[k] = weight > tops[k] ? weight : tops[k];
    }
  });
  block_maxima(tops, shared);
  by_thread(N, [&](i64 n) {
    MG_UNROLL for (int k = 0; k < K; k++) sums[k] += weights[k * N + n] = mg::exp(weights[k * N + n] - tops[k]);
  });
  block_sums(sums, shared);
  MG_UNROLL for (int k = 0; k < K; k++) sums[k] = T(1) / sums[k];
  by_thread(N, [&](i64 n) {
    MG_UNROLL for (int k = 0; k < K; k++) weights[k * N + n] *= sums[k];
  });
}

template <class T, class Dims>
MG_DEVICE void content_weights(const Dims& d, const T* memory, const T* keys, const T* strengths, i64 count, T* score, T* weights,
                           void* shared) {
  constexpr i64 most = 4;
  for (i64 k = 0; k < count; k += most) {
    const T *const key = keys + k * d.word, *const strength = strengths + k;
    T *const cosines = score == nullptr ? nullptr : score + k * d.slots, *const out = weights + k * d.slots;
    switch (count - k) {
      case 1: content_weights_of<T, 1>(d, memory, key, strength, cosines, out, shared); break;
      case 2: content_weights_of<T, 2>(d, memory, key, strength, cosines, out, shared); break;
      case 3: content_weights_of<T, 3>(d, memory, key, strength, cosines, out, shared); break;
      default: content_weights_of<T, most>(d, memory, key, strength, cosines, out, shared);
    }
  }
}

// From dC = scale dweights: adds to dmemory and dkey, and hands back the gradient at the strength. slope: scratch [N].
template <class T, class Dims>
MG_DEVICE T content_backward(const Dims& d, const T* memory, const T* key, T strength, const T* score, const T* weights,
                                 T scale, const T* dweights, T* slope, T* dmemory, T* dkey, void* shared) {
  const i64 N = d.slots;
  const ContentKey<T> own = content_key(d, key, strength);
  T sum = 0;
  by_thread(N, [&](i64 n) { sum = port::fma(weights[n], scale * dweights[n], sum); });
  const T mean = block_sum(sum, shared);
  T sums[2] = {};  // the gradient at the strength, and how the key's norm shrinks the cosines
  by_thread(N, [&](i64 n) {
    T square = T(d.epsilon);
    for (i64 w = 0; w < d.word; w++) square = port::fma(memory[w * N + n], memory[w * N + n], square);
    const T dlogit = weights[n] * (scale * dweights[n] - mean);
    T a, pull;
    sums[0] = port::fma(dlogit, score[n], sums[0]);
    own.gradient(dlogit, score[n], std::sqrt(square), a, pull, sums[1], PortFma<T>());
    slope[n] = a;
    for (i64 w = 0; w < d.word; w++) dmemory[w * N + n] += a * key[w] - pull * memory[w * N + n];
  });
  block_sums(sums, shared);
  const T pull = pull_of_key(own.norm, sums[1]);
  by_warp(d.word, [&](i64 w, int lane) {
    T along = 0;
    for (i64 n = lane; n < N; n += 32) along = port::fma(slope[n], memory[w * N + n], along);
    along = warp_sum(along);
    if (lane == 0) dkey[w] += along - key[w] * pull;
  });
  MG_BARRIER();
  return sums[0];
}

}  // namespace cuda
}  // namespace mg
