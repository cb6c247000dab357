// K vectors as one value, and the sigmoid and tanh that ConvLSTM gates take: each operation stands K times in a row, so that a
// processor always has K independent chains in sight. Fused multiply-adds where the target has them; relative error 2e-7.
// Kernels alone: base/math.h has the functions of the ops, with the same bits on every target.
#pragma once
#include "lanes.h"

namespace mg {

template <int K>
struct Bundle {
  static constexpr int lanes = wide<float>, count = K * lanes;
  using S = Simd<float, lanes>;
  using V = typename S::V;
  V v[K];

  // f(k) -> vector k
  template <class F>
  static MG_HD Bundle of(F&& f) {
    Bundle r;
    repeat<K>([&](auto k) { r.v[k] = f(k); });
    return r;
  }
  static MG_HD Bundle splat(float x) {
    const V all = S::splat(x);
    return of([&](auto) { return all; });
  }
  static MG_HD Bundle load(const float* p) {
    return of([&](auto k) { return S::load(p + k * lanes); });
  }
  static MG_HD void store(float* p, Bundle x) {
    repeat<K>([&](auto k) { S::store(p + k * lanes, x.v[k]); });
  }
  static MG_HD Bundle fma(Bundle a, Bundle b, Bundle c) {
    return of([&](auto k) { return S::fma(a.v[k], b.v[k], c.v[k]); });
  }
  friend MG_HD Bundle operator+(Bundle a, Bundle b) {
    return of([&](auto k) { return a.v[k] + b.v[k]; });
  }
  friend MG_HD Bundle operator-(Bundle a, Bundle b) {
    return of([&](auto k) { return a.v[k] - b.v[k]; });
  }
  friend MG_HD Bundle operator*(Bundle a, Bundle b) {
    return of([&](auto k) { return a.v[k] * b.v[k]; });
  }
  friend MG_HD Bundle operator/(Bundle a, Bundle b) {
    return of([&](auto k) { return a.v[k] / b.v[k]; });
  }
  friend MG_HD Bundle operator-(float a, Bundle b) { return splat(a) - b; }

  // 1 / x to 2^-23 of it, x in [2^-126, 2^126]. Quotients of sixteen lanes would hold a processor up for as many cycles: an
  // estimate to 2^-14 there, and one step of Newton's method.
  MG_HD Bundle reciprocal() const {
#if defined(__AVX512F__)
    const Bundle r = of([&](auto k) { return (V)_mm512_maskz_rcp14_ps(0xffff, (__m512)v[k]); });
    return fma(r, fma(splat(0) - *this, r, splat(1)), r);
#else
    return splat(1) / *this;
#endif
  }
  MG_HD Bundle clamp(float low, float high) const {  // keeps NaN
    const V least = S::splat(low), most = S::splat(high);
    return of([&](auto k) { return S::at_most(S::at_least(v[k], least), most); });
  }

  // e^x - 1 of x in [-87, 87]: x = n ln 2 + r, |r| <= ln 2 / 2, and e^x - 1 = 2^n (e^r - 1) + (2^n - 1). Coefficients: math.h.
  MG_HD Bundle expm1() const {
    const Bundle magic = splat(12582912.0f), shifted = fma(*this, splat(1.44269504f), magic), n = shifted - magic;
    const Bundle r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), *this));
    Bundle p = fma(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
    p = fma(p, r, splat(8.3334519073e-3f));
    p = fma(p, r, splat(4.1665795894e-2f));
    p = fma(p, r, splat(1.6666665459e-1f));
    p = fma(p, r, splat(5.0000001201e-1f));
    const Bundle power = of([&](auto k) {  // 2^n: n sits in the low bits of `shifted`
      Vec<std::int32_t, lanes> bits;
      std::memcpy(&bits, &shifted.v[k], sizeof bits);
      bits = (bits << 23) + (127 << 23);
      V two_n;
      std::memcpy(&two_n, &bits, sizeof two_n);
      return two_n;
    });
    return fma(power, fma(p * r, r, r), power - splat(1));
  }

  // 1 / (1 + e^-x) = 1 / ((e^-x - 1) + 2)
  MG_HD Bundle sigmoid() const { return ((0 - *this).clamp(-87, 87).expm1() + splat(2)).reciprocal(); }
  // (e^2x - 1) / ((e^2x - 1) + 2)
  MG_HD Bundle tanh() const {
    const Bundle e = (*this + *this).clamp(-30, 30).expm1();
    return e * (e + splat(2)).reciprocal();
  }
};

}  // namespace mg
