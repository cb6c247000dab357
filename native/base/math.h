// exp, sigmoid and tanh with the same bits on every CPU target: own polynomials for float and for lane vectors of float
// (relative error about 2e-7), the C library's functions for double. Only + - * / and comparisons, so that no compiler or
// vector width changes a result. T is float, double, or a lane vector (base/host/lanes.h).
#pragma once
#include <cmath>
#include <cstring>
#include <type_traits>

#include "platform.h"

namespace mg {
namespace math {

template <class T, bool Scalar = std::is_arithmetic<T>::value>
struct Lane {  // a lane vector
  using Element = typename std::decay<decltype(std::declval<T&>()[0])>::type;
  static constexpr int count = sizeof(T) / sizeof(Element);
};
template <class T>
struct Lane<T, true> {
  using Element = T;
  static constexpr int count = 1;
};
template <class T>
using Element = typename Lane<T>::Element;

template <class T>
MG_HD T constant(Element<T> x) {
  if constexpr (std::is_arithmetic<T>::value) return x;
  else return T{} + x;
}

// x * 2^n for the integer that sits in the low bits of `shifted` = n + 1.5 * 2^23; n in [-126, 127].
template <class T>
MG_HD T scale_by_power(T x, T shifted) {
  using Bits = decltype(x < x);
  if constexpr (std::is_arithmetic<T>::value) {
    std::uint32_t n;
    float s = shifted, p;
    std::memcpy(&n, &s, 4);
    n = (n << 23) + (127u << 23);
    std::memcpy(&p, &n, 4);
    return x * p;
  } else {
    Bits n;
    std::memcpy(&n, &shifted, sizeof n);
    n = (n << 23) + (127 << 23);
    T p;
    std::memcpy(&p, &n, sizeof p);
    return x * p;
  }
}

// exp of x in [-87, 88], float lanes: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor-like polynomial for exp(r) (Cephes).
template <class T>
MG_HD T exp_reduced(T x, T& shifted) {
  const T magic = constant<T>(12582912.0f);
  shifted = x * 1.44269504f + magic;
  const T n = shifted - magic;
  const T r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  T p = constant<T>(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return (p * r) * r + r + 1.0f;
}

template <class T>
MG_HD T clamp(T x, float low, float high) {  // keeps NaN
  const T a = constant<T>(low), b = constant<T>(high);
  x = x < a ? a : x;
  return x > b ? b : x;
}

template <class T, class F>
MG_HD T each(T x, F&& f) {
  if constexpr (std::is_arithmetic<T>::value) return f(x);
  else {
    for (int k = 0; k < Lane<T>::count; k++) x[k] = f(x[k]);
    return x;
  }
}

}  // namespace math

// e^x; infinity above 88.7, gradual underflow below -87.3.
template <class T>
MG_HD T exp(T x) {
  if constexpr (std::is_same<math::Element<T>, float>::value) {
    const T a = math::clamp(x, -104.0f, 89.0f);
    const T half = a * 0.5f;  // e^x = e^(x/2) squared would lose a bit; scale twice instead
    T shifted;
    const T p = math::exp_reduced(a, shifted);
    const T magic = math::constant<T>(12582912.0f);
    const T n1 = half * 1.44269504f + magic;
    const T n2 = (shifted - magic) - (n1 - magic) + magic;
    return math::scale_by_power(math::scale_by_power(p, n1), n2);
  } else {
    return math::each(x, [](double v) { return std::exp(v); });
  }
}

// 1 / (1 + e^-x)
template <class T>
MG_HD T sigmoid(T x) {
  if constexpr (std::is_class<T>::value) {  // a type of kernels with a function of its own
    return x.sigmoid();
  } else if constexpr (std::is_same<math::Element<T>, float>::value) {
    T shifted;
    const T p = math::exp_reduced(math::clamp(T(-x), -87.0f, 87.0f), shifted);
    return 1.0f / (1.0f + math::scale_by_power(p, shifted));
  } else {
    return math::each(x, [](double v) { return 1.0 / (1.0 + std::exp(-v)); });
  }
}

// (e^2x - 1) / (e^2x + 1); an odd polynomial below 0.625 keeps the relative error small near zero (Cephes tanhf).
template <class T>
MG_HD T tanh(T x) {
  if constexpr (std::is_class<T>::value) {  // a type of kernels with a function of its own
    return x.tanh();
  } else if constexpr (std::is_same<math::Element<T>, float>::value) {
    const T z = x * x;
    T q = z * -5.70498872745e-3f + 2.06390887954e-2f;
    q = q * z + -5.37397155531e-2f;
    q = q * z + 1.33314422036e-1f;
    q = q * z + -3.33332819422e-1f;
    const T near = q * z * x + x;
    T shifted;
    const T p = math::exp_reduced(math::clamp(T(x + x), -30.0f, 30.0f), shifted);
    const T far = 1.0f - 2.0f / (math::scale_by_power(p, shifted) + 1.0f);
    const T edge = math::constant<T>(0.390625f);
    return z < edge ? near : far;
  } else {
    return math::each(x, [](double v) { return std::tanh(v); });
  }
}

}  // namespace mg
