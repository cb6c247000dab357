// Batch norm of one value of a channel, in double: an error that all cells of a channel share does not cancel in the sums over
// cells of the layers below.   y = gamma xhat + beta,  xhat = (x - mean) scale,  scale = 1 / sqrt(variance + epsilon)
//   dx = gamma scale (dy - mean of dy - xhat times the mean of dy xhat)              Ioffe, Szegedy 2015
#pragma once
#include <cmath>

#include "platform.h"

namespace mg {

MG_HD double norm_scale(double variance, double epsilon) { return 1 / std::sqrt(variance + epsilon); }
MG_HD double normalized(double x, double mean, double scale) { return (x - mean) * scale; }
MG_HD double norm_value(double normed, double gamma, double beta) { return normed * gamma + beta; }
MG_HD double norm_gradient(double dy, double normed, double scale, double gamma, double mean_dy, double mean_dy_normed) {
  return gamma * scale * (dy - mean_dy - normed * mean_dy_normed);
}

}  // namespace mg
