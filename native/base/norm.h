// Batch norm of one value of a channel, in double: an error that all cells of a channel share does not cancel in the sums over
// cells of the layers below.   y = gamma xhat + beta,  xhat = (x - mean) scale,  scale = 1 / sqrt(variance + epsilon)
//   dx = gamma scale (dy - mean of dy - xhat times the mean of dy xhat)              Ioffe, Szegedy 2015
#pragma once
#include <cmath>

#include "platform.h"

namespace mg {

MG_HD double norm_scale(double variance, double epsilon) { return 1 / std::sqrt(variance + epsilon); }

// V: double, or a lane vector of doubles; it is that of what was computed before, and other arguments convert.
namespace norm {
template <class V>
struct Plain {
  using type = V;
};
template <class V>
using As = typename Plain<V>::type;
}  // namespace norm

template <class V>
MG_HD V normalized(norm::As<V> x, V mean, norm::As<V> scale) {
  return (x - mean) * scale;
}
template <class V>
MG_HD V norm_value(V normed, norm::As<V> gamma, norm::As<V> beta) {
  return normed * gamma + beta;
}
template <class V>
MG_HD V norm_gradient(norm::As<V> dy, V normed, norm::As<V> scale, norm::As<V> gamma, norm::As<V> mean_dy,
                      norm::As<V> mean_dy_normed) {
  return gamma * scale * (dy - mean_dy - normed * mean_dy_normed);
}

}  // namespace mg
