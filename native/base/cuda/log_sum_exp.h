// log_sum_exp of base/log_sum_exp.h by the 32 lanes of a warp; every lane gets the same bits.
#pragma once
#include <cmath>
#include <limits>

#include "../log_sum_exp.h"
#include "loops.h"

namespace mg {
namespace cuda {

template <class T>
MG_DEVICE LogSum warp_log_sum_exp(const T* z, i64 n, int lane) {
  double most = -std::numeric_limits<double>::infinity();
  for (i64 k = lane; k < n; k += 32) {
    const double v = double(z[k]);
    if (v > most || v != v) most = v;
    if (most != most) break;
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    const double other = port::shuffle_xor(most, mask);
    if (other > most || other != other) most = other;
  }
  if (most != most || std::isinf(most)) return {most, 0};  // a NaN, no elements, all −∞, or one +∞
  double sum = 0;
  for (i64 k = lane; k < n; k += 32) sum += std::exp(double(z[k]) - most);
  return {most, std::log(warp_sum(sum))};
}

}  // namespace cuda
}  // namespace mg
