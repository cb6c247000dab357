// The passes of a window norm over the pixels of an image, in float64; each channel adds its pixels in order.
#pragma once
#include "../../../base/host/lanes.h"
#include "../../../base/norm.h"
#include "stage.h"

namespace mg {
namespace {

// L channels in float64.
template <int L>
struct Doubles {
  using S = Simd<double, L>;
  using V = typename S::V;
  static MG_HD V load(const double* p) { return S::load(p); }
  static MG_HD V load(const float* p) {
    if constexpr (L == 1) return V{double(*p)};
    else return __builtin_convertvector(Simd<float, L>::load(p), V);
  }
  static MG_HD void store(double* p, V v) { S::store(p, v); }
  static MG_HD void store(float* p, V v) {
    if constexpr (L == 1) *p = float(v[0]);
    else Simd<float, L>::store(p, __builtin_convertvector(v, Vec<float, L>));
  }
};

// f(lanes, vectors, first channel): as many vectors side by side as there are, so that their chains of additions overlap.
template <class F>
MG_HD void each_doubles(i64 channels, F&& f) {
  constexpr int L = wide<double>;
  using One = std::integral_constant<int, 1>;
  i64 c = 0;
  for (; c + 4 * L <= channels; c += 4 * L) f(Doubles<L>(), std::integral_constant<int, 4>(), c);
  for (; c + 2 * L <= channels; c += 2 * L) f(Doubles<L>(), std::integral_constant<int, 2>(), c);
  for (; c + L <= channels; c += L) f(Doubles<L>(), One(), c);
  for (; c + 2 <= channels; c += 2) f(Doubles<2>(), One(), c);
  for (; c < channels; c++) f(Doubles<1>(), One(), c);
}

template <class T>
void norm_sums(const NormJob<T>& job) {
  const i64 C = job.channels;
  each_doubles(C, [&](auto d, auto vectors, i64 first) {
    using D = decltype(d);
    using V = typename D::V;
    constexpr int K = decltype(vectors)::value;
    constexpr i64 L = sizeof(V) / sizeof(double);
    auto walk = [&](auto&& add) {  // add(value of a, vector, pixel's first value)
      const T* a = job.a + first;
      for (i64 m = 0; m < job.pixels; m++, a += C) repeat<K>([&](auto k) { add(D::load(a + k * L), k, m * C + first + k * L); });
    };
    V sum[K], product[K], mean[K], scale[K];
    repeat<K>([&](auto k) {
      const i64 c = first + k * L;
      sum[k] = D::load(job.sums + c);
      product[k] = job.dy ? D::load(job.products + c) : V{};
      mean[k] = job.mean ? D::load(job.mean + c) : V{}, scale[k] = job.dy ? D::load(job.scale + c) : V{};
    });
    if (job.dy) {
      walk([&](V a, auto k, i64 at) {
        const V dy = D::load(job.dy + at);
        sum[k] = sum[k] + dy, product[k] = product[k] + dy * normalized(a, mean[k], scale[k]);
      });
    } else if (job.mean) {
      walk([&](V a, auto k, i64) { sum[k] = sum[k] + (a - mean[k]) * (a - mean[k]); });
    } else {
      walk([&](V a, auto k, i64) { sum[k] = sum[k] + a; });
    }
    repeat<K>([&](auto k) {
      D::store(job.sums + first + k * L, sum[k]);
      if (job.dy) D::store(job.products + first + k * L, product[k]);
    });
  });
}

template <class T>
void norm_forward(const NormJob<T>& job) {
  const i64 C = job.channels;
  each_doubles(C, [&](auto d, auto vectors, i64 first) {
    using D = decltype(d);
    using V = typename D::V;
    constexpr i64 L = sizeof(V) / sizeof(double);
    repeat<decltype(vectors)::value>([&](auto k) {
      const i64 c = first + k * L;
      const V mean = D::load(job.mean + c), scale = D::load(job.scale + c), gamma = D::load(job.gamma + c);
      const V beta = D::load(job.beta + c);
      for (i64 at = c; at < job.pixels * C; at += C) {
        D::store(job.out + at, norm_value(normalized(D::load(job.a + at), mean, scale), gamma, beta));
      }
    });
  });
}

template <class T>
void norm_backward(const NormJob<T>& job) {
  const i64 C = job.channels;
  each_doubles(C, [&](auto d, auto vectors, i64 first) {
    using D = decltype(d);
    using V = typename D::V;
    constexpr i64 L = sizeof(V) / sizeof(double);
    repeat<decltype(vectors)::value>([&](auto k) {
      const i64 c = first + k * L;
      const V mean = D::load(job.mean + c), scale = D::load(job.scale + c), gamma = D::load(job.gamma + c);
      const V shift = D::load(job.sums + c), slope = D::load(job.products + c);
      for (i64 at = c; at < job.pixels * C; at += C) {
        const V normed = normalized(D::load(job.a + at), mean, scale);
        D::store(job.out + at, norm_gradient(D::load(job.out + at), normed, scale, gamma, shift, slope));
      }
    });
  });
}

}  // namespace
}  // namespace mg
