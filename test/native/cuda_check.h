// What the checks of CUDA kernels under the shim share: random and poisoned arrays, and the comparison of both sides.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../../native/base/cuda/stream.h"
#include "../../native/base/platform.h"

namespace check {

using namespace mg;

inline std::mt19937 rng;
inline bool small = false, large = false;
inline int failures = 0, comparisons = 0;
inline cuda::Stream const stream = nullptr;

template <class T>
using Array = std::vector<T>;

template <class T>
Array<T> noise(i64 n, double low = -1, double high = 1) {
  std::uniform_real_distribution<double> u(low, high);
  Array<T> v(n);
  for (T& e : v) e = T(u(rng));
  return v;
}
template <class T>
Array<T> poison(i64 n) {
  Array<T> v(n);
  if (n > 0) std::memset(v.data(), 0xff, std::size_t(n) * sizeof(T));
  return v;
}

// Largest error over the largest magnitude, which counts as one at least. NaN must meet NaN, an infinity itself.
template <class T>
double distance(const Array<T>& got, const Array<T>& want) {
  double most = 1, error = 0;
  for (const T v : want)
    if (std::isfinite(double(v))) most = std::max(most, std::fabs(double(v)));
  for (std::size_t k = 0; k < want.size(); k++) {
    const double g = double(got[k]), w = double(want[k]);
    if (std::isnan(w) || std::isinf(w)) error = std::max(error, (std::isnan(w) ? std::isnan(g) : g == w) ? 0.0 : 1e9);
    else error = std::max(error, std::isfinite(g) ? std::fabs(g - w) : 1e9);
  }
  return error / most;
}

// Sums of a few thousand terms in another order, and other exp and tanh: float 24 bits, double 53 bits, some of each lost.
template <class T>
constexpr double rounding = sizeof(T) == 4 ? 5e-6 : 1e-12;

// f(place, outputs…) computes into fresh outputs; `on_gpu` says on which side.
template <class T>
void compare(const std::string& what, std::vector<i64> sizes, double tolerance,
             const std::function<void(bool on_gpu, std::vector<Array<T>>&)>& f) {
  const auto fresh = [&] {
    std::vector<Array<T>> outputs;
    for (const i64 n : sizes) outputs.push_back(poison<T>(n));
    return outputs;
  };
  std::vector<Array<T>> want = fresh(), got = fresh(), again = fresh();
  f(false, want);
  f(true, got);
  if (!small) f(true, again);
  comparisons++;
  double error = 0;
  bool same = true;
  for (std::size_t k = 0; k < want.size(); k++) {
    error = std::max(error, distance(got[k], want[k]));
    if (!small && !got[k].empty()) same = same && std::memcmp(got[k].data(), again[k].data(), got[k].size() * sizeof(T)) == 0;
  }
  if (error <= tolerance && same) return;
  failures++;
  std::printf("FAIL %s, %zu-byte: error %.2e, runs %s\n", what.c_str(), sizeof(T), error, same ? "agree" : "differ");
}

// The same call on either side.
template <class... P, class... A>
void either(bool gpu, void (*cpu)(P...), void (*cuda)(cuda::Stream, P...), const A&... arguments) {
  if (gpu) cuda(stream, arguments...);
  else cpu(arguments...);
}

inline i64 pick(std::initializer_list<i64> values) { return values.begin()[rng() % values.size()]; }
inline std::string name(const char* op, std::initializer_list<i64> numbers) {
  std::string text = op;
  for (const i64 n : numbers) text += " " + std::to_string(n);
  return text;
}

void check_dnc();
void check_sam();
void check_dam();

}  // namespace check
