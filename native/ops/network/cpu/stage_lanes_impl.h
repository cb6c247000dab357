// Walks over channels and over planes of values, by whole vectors where that goes.
#pragma once
#include <cstring>
#include <type_traits>

#include "../../../base/host/lanes.h"
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
  std::memcpy(to, from, size_t(channels) * sizeof(T));
}

// f(first, values) for all of n: whole vectors, of a count that is constant, then what is left.
template <class T, class F>
MG_HD void each_lane(i64 n, F&& f) {
  constexpr int N = wide<T>;
  i64 k = 0;
  for (; k + N <= n; k += N) f(k, std::integral_constant<int, N>{});
  if (k < n) f(k, int(n - k));
}

template <class T>
struct Part {  // whole vectors, or the first n lanes
  using S = Simd<T, wide<T>>;
  using V = typename S::V;
  using Whole = std::integral_constant<int, wide<T>>;
  static MG_HD V load(const T* p, Whole) { return S::load(p); }
  static MG_HD V load(const T* p, int n) { return S::load_part(p, n); }
  static MG_HD void store(T* p, V v, Whole) { S::store(p, v); }
  static MG_HD void store(T* p, V v, int n) { S::store_part(p, v, n); }
};

}  // namespace
}  // namespace mg
