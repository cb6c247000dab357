// Walks over channels and over planes of values, by whole vectors where that goes.
#pragma once
#include <cstring>
#include <type_traits>

#include "../../../base/host/bundle.h"
#include "stage.h"

namespace mg {
namespace {

// Calls f(lanes, channels): channels is a multiple of the constant `lanes`, and a constant itself where it is a usual count.
template <class T, class F>
MG_HD void with_channels(i64 channels, F&& f) {
  constexpr int full = wide<T> < 4 ? 4 : wide<T>, half = full < 8 ? full : 8;
  using Four = std::integral_constant<int, 4>;
  using Half = std::integral_constant<int, half>;
  using Full = std::integral_constant<int, full>;
  switch (channels) {
    case 4: return f(Four{}, std::integral_constant<i64, 4>{});
    case 8: return f(Half{}, std::integral_constant<i64, 8>{});
    case 16: return f(Full{}, std::integral_constant<i64, 16>{});
    case 32: return f(Full{}, std::integral_constant<i64, 32>{});
    default: break;
  }
  if (channels % full == 0) f(Full{}, channels);
  else if (channels % 4 == 0) f(Four{}, channels);
  else f(std::integral_constant<int, 1>{}, channels);
}

template <class T, class C>
MG_HD void copy_run(T* to, const T* from, C channels) {
  std::memcpy(to, from, std::size_t(channels) * sizeof(T));
}

// What the pointwise kernels work on at a time: many vectors at first, then one, then the first lanes of one.
template <class T, int K>
struct Whole {  // K vectors of float64
  static_assert(K == 1);
  using V = Vec<T, wide<T>>;
  static constexpr i64 count = wide<T>;
  static MG_HD V splat(T x) { return Simd<T, wide<T>>::splat(x); }
  MG_HD V load(const T* p) const { return Simd<T, wide<T>>::load(p); }
  MG_HD void store(T* p, V v) const { Simd<T, wide<T>>::store(p, v); }
  MG_HD void stream(T* p, V v) const { store(p, v); }
};
#if defined(__x86_64__)
MG_HD void stream_vector(float* p, Vec<float, wide<float>> v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  _mm_stream_ps(p, (__m128)v);
#endif
}
#endif
template <int K>
struct Whole<float, K> {
  using V = Bundle<K>;
  static constexpr i64 count = V::count;
  static MG_HD V splat(float x) { return V::splat(x); }
  MG_HD V load(const float* p) const { return V::load(p); }
  MG_HD void store(float* p, V v) const { V::store(p, v); }
  // Past the caches, where p is at a whole vector: for what is read again long after. Ends with streams_end().
  MG_HD void stream(float* p, V v) const {
#if defined(__x86_64__)
    if (reinterpret_cast<std::uintptr_t>(p) % lane_bytes == 0) {
      repeat<K>([&](auto k) { stream_vector(p + k * V::lanes, v.v[k]); });
      return;
    }
#endif
    store(p, v);
  }
};
// Before what was streamed is handed on, also to other threads.
MG_HD void streams_end() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}
template <class T>
struct Part : Whole<T, 1> {
  using typename Whole<T, 1>::V;
  int n;
  explicit Part(i64 n) : n(int(n)) {}
  MG_HD V load(const T* p) const {
    T t[wide<T>] = {};
    for (int k = 0; k < n; k++) t[k] = p[k];
    return Whole<T, 1>::load(t);
  }
  MG_HD void store(T* p, V v) const {
    T t[wide<T>];
    Whole<T, 1>::store(t, v);
    for (int k = 0; k < n; k++) p[k] = t[k];
  }
  MG_HD void stream(T* p, V v) const { store(p, v); }
};

// f(first, a Whole or a Part) for all of n values.
template <class T, class F>
MG_HD void each_lane(i64 n, F&& f) {
  constexpr int K = sizeof(T) == 8 ? 1 : vector_registers == 32 ? 4 : 2;
  i64 k = 0;
  for (; k + Whole<T, K>::count <= n; k += Whole<T, K>::count) f(k, Whole<T, K>());
  if constexpr (K > 1) {
    for (; k + wide<T> <= n; k += wide<T>) f(k, Whole<T, 1>());
  }
  if (k < n) f(k, Part<T>(n - k));
}

}  // namespace
}  // namespace mg
