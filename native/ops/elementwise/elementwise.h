// Elementwise ops: y = f(x) and y = f(a, b) with broadcasting. The functions are MG_HD, shared by every device.
#pragma once
#include <cmath>
#include <type_traits>
#include <vector>

#include "../../base/cuda/stream.h"
#include "../../base/platform.h"
#include "../../device/storage.h"

namespace mg {

// The order is that of `unaryKinds` in lib/ops/elementwise.ts.
enum class Unary : int { neg, exp, log, sqrt, sigmoid, tanh, relu, softplus, abs, square, count };
// The last two are what the gradients of a^b are multiplied with.
enum class Binary : int { add, sub, mul, div, pow, pow_base, pow_exponent, count };

template <class T>
MG_HD T sigmoid_of(T x) {
  return x >= 0 ? T(1) / (T(1) + std::exp(-x)) : std::exp(x) / (T(1) + std::exp(x));
}

template <class T>
MG_HD T unary(Unary kind, T x) {
  switch (kind) {
    case Unary::neg: return -x;
    case Unary::exp: return std::exp(x);
    case Unary::log: return std::log(x);
    case Unary::sqrt: return std::sqrt(x);
    case Unary::sigmoid: return sigmoid_of(x);
    case Unary::tanh: return std::tanh(x);
    case Unary::relu: return x > 0 ? x : x == x ? T(0) : x;  // NaN stays visible
    case Unary::softplus: return (x > 0 ? x : T(0)) + std::log1p(std::exp(x > 0 ? -x : x));
    case Unary::abs: return std::fabs(x);
    case Unary::square: return x * x;
    case Unary::count: break;
  }
  return x;
}

// dx from dy and the values x and y = f(x).
template <class T>
MG_HD T unary_backward(Unary kind, T dy, T x, T y) {
  switch (kind) {
    case Unary::neg: return -dy;
    case Unary::exp: return dy * y;
    case Unary::log: return dy / x;
    case Unary::sqrt: return dy / (T(2) * y);
    case Unary::sigmoid: return dy * y * (T(1) - y);
    case Unary::tanh: return dy * (T(1) - y * y);
    case Unary::relu: return x > 0 ? dy : T(0);
    case Unary::softplus: return dy * sigmoid_of(x);
    case Unary::abs: return x > 0 ? dy : x < 0 ? -dy : T(0);
    case Unary::square: return T(2) * x * dy;
    case Unary::count: break;
  }
  return dy;
}

template <class T>
MG_HD T binary(Binary kind, T a, T b) {
  switch (kind) {
    case Binary::add: return a + b;
    case Binary::sub: return a - b;
    case Binary::mul: return a * b;
    case Binary::div: return a / b;
    case Binary::pow: return std::pow(a, b);
    // In double: a factor may leave the range of T where the product does not. a^0 is constant, also at 0; 0^b is 0, b > 0.
    case Binary::pow_base: return b == 0 ? T(0) : T(double(b) * std::pow(double(a), double(b) - 1));
    case Binary::pow_exponent: return a == 0 && b >= 0 ? T(0) : T(std::pow(double(a), double(b)) * std::log(double(a)));
    case Binary::count: break;
  }
  return a;
}

// low + (high - low) u in [low, high): a value that rounds to high becomes the one before it.
template <class T>
MG_HD T uniform_of(double low, double high, double u) {
  const T x = T(low + (high - low) * u), top = T(high);
  return x < top || !(low < high) ? x : std::nextafter(top, T(low));
}

// v as another type; a float becomes an integer as in JavaScript's typed arrays: cut off, modulo 2^32 or 2^8, 0 where it is
// not finite.
template <class To, class From>
MG_HD To converted(From v) {
  if constexpr (std::is_floating_point<From>::value && std::is_integral<To>::value) {
    const double whole = std::trunc(double(v));
    if (whole >= -2147483648.0 && whole < 2147483648.0) return To(std::int32_t(whole));
    return std::isfinite(whole) ? To(i64(std::fmod(whole, 4294967296.0))) : To(0);
  } else {
    return To(v);
  }
}

// Strides in elements of an operand within the result's shape; 0 on axes along which it is repeated.
struct BroadcastDims {
  std::vector<i64> shape, a_strides, b_strides;
  i64 count() const {
    i64 n = 1;
    for (const i64 side : shape) n *= side;
    return n;
  }
};

template <class T>
void unary_forward(Unary kind, i64 n, const T* x, T* y);
template <class T>
void unary_backward(Unary kind, i64 n, const T* dy, const T* x, const T* y, T* dx);
template <class T>
void binary_forward(Binary kind, const BroadcastDims& dims, const T* a, const T* b, T* y);
template <class T>
void fill(i64 n, T value, T* y);
// Element i: low + (high − low)·u when `normal` is false, mean + std·z otherwise, from draw `first` of the stream `key` on.
template <class T>
void fill_random(bool normal, i64 n, std::uint64_t key, std::uint64_t first, double a, double b, T* y);
void cast(i64 n, DType from, const void* x, DType to, void* y);

// The same on a GPU: pointers of the device, work put on a stream.
namespace cuda {
template <class T>
void unary_forward(Stream stream, Unary kind, i64 n, const T* x, T* y);
template <class T>
void unary_backward(Stream stream, Unary kind, i64 n, const T* dy, const T* x, const T* y, T* dx);
template <class T>
void binary_forward(Stream stream, Binary kind, const BroadcastDims& dims, const T* a, const T* b, T* y);
template <class T>
void fill(Stream stream, i64 n, T value, T* y);
template <class T>
void fill_random(Stream stream, bool normal, i64 n, std::uint64_t key, std::uint64_t first, double a, double b, T* y);
void cast(Stream stream, i64 n, DType from, const void* x, DType to, void* y);
}  // namespace cuda

}  // namespace mg
