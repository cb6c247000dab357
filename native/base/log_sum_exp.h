// log Σ_k e^{z_k}, computed around the maximum so that no exponential overflows; −∞ for no elements.
#pragma once
#include <cmath>
#include <limits>

#include "platform.h"

namespace mg {

template <class T>
MG_HD double log_sum_exp(const T* z, i64 n) {
  double most = -std::numeric_limits<double>::infinity();
  for (i64 k = 0; k < n; k++) {
    const double v = double(z[k]);
    if (v > most || v != v) most = v;
    if (most != most) return most;
  }
  if (std::isinf(most)) return most;  // no elements, all −∞, or one +∞
  double sum = 0;
  for (i64 k = 0; k < n; k++) sum += std::exp(double(z[k]) - most);
  return most + std::log(sum);
}

}  // namespace mg
