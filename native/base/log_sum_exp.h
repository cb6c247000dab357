// log Σ_k e^{z_k}, computed around the maximum so that no exponential overflows; −∞ for no elements. Maximum and rest are kept
// apart: beside a large maximum their sum would lose the rest, and e^1e20 / (e^1e20 + e^1e20) be 1.
#pragma once
#include <cmath>
#include <limits>

#include "platform.h"

namespace mg {

struct LogSum {
  double most, rest;  // their sum is the logarithm

  MG_HD double log_share(double z) const { return (z - most) - rest; }  // log (e^z / Σ_k e^{z_k})
};

template <class T>
MG_HD LogSum log_sum_exp(const T* z, i64 n) {
  double most = -std::numeric_limits<double>::infinity();
  for (i64 k = 0; k < n; k++) {
    const double v = double(z[k]);
    if (v > most || v != v) most = v;
    if (most != most) return {most, 0};
  }
  if (std::isinf(most)) return {most, 0};  // no elements, all −∞, or one +∞
  double sum = 0;
  for (i64 k = 0; k < n; k++) sum += std::exp(double(z[k]) - most);
  return {most, std::log(sum)};
}

}  // namespace mg
