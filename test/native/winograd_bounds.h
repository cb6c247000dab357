// What rounding can do to Winograd's algorithm, from its matrices and the roundings that its code makes.
#pragma once
#include <cmath>
#include <vector>

#include "../../native/base/platform.h"

namespace mg {

// Roundings along one axis, on the longest way from what comes in to what leaves; a multiply-add counts as two, and so does a
// product with a number that is rounded itself.
struct Roundings {
  int cells, doubled_cells, weights, outputs, coarse_sums, gradients, weight_gradient;
};

// The matrices of an algorithm as winograd.h has them.
struct Algorithm {
  int tile, points;  // along an axis
  std::vector<double> B, G, A;  // B' [points][points], G [points][3], A' [tile][points], by rows
  Roundings roundings;
};

// clang-format off: a row of a matrix in a line
inline Algorithm algorithm_of(int tile) {
  if (tile == 2) {
    return {2, 4,
            {1,  0, -1,  0,
             0,  1,  1,  0,
             0, -1,  1,  0,
             0,  1,  0, -1},
            { 1,  0,  0,
             .5, .5, .5,
             .5, -.5, .5,
              0,  0,  1},
            {1, 1,  1,  0,
             0, 1, -1, -1},
            {1, 1, 2, 2, 3, 1, 2}};
  }
  const double a = 1.5, b = 0.625, aa = a * a, bb = b * b, na = 2 * aa * (aa - bb), nb = 2 * bb * (bb - aa), n0 = aa * bb;
  return {4, 6,
          {aa * bb,       0, -aa - bb,        0, 1, 0,
                 0, -aa * b,      -aa,        b, 1, 0,
                 0,  aa * b,      -aa,       -b, 1, 0,
                 0, -a * bb,      -bb,        a, 1, 0,
                 0,  a * bb,      -bb,       -a, 1, 0,
                 0, aa * bb,        0, -aa - bb, 0, 1},
          {1 / n0,       0,       0,
           1 / nb,  b / nb, bb / nb,
           1 / nb, -b / nb, bb / nb,
           1 / na,  a / na, aa / na,
           1 / na, -a / na, aa / na,
                0,       0,       1},
          {1,      1,       1,      1,       1, 0,
           0,      b,      -b,      a,      -a, 0,
           0,     bb,      bb,     aa,      aa, 0,
           0, b * bb, -b * bb, a * aa, -a * aa, 1},
          {4, 3, 5, 4, 6, 4, 6}};
}
// clang-format on

// |L| x |L|' of one entry [from][from] of x, whose values are `stride` apart.
inline std::vector<double> both_sides(const std::vector<double>& L, int to, int from, const double* x, i64 stride) {
  std::vector<double> half(std::size_t(to * from)), all(std::size_t(to * to));
  auto l = [&](int i, int j) { return std::fabs(L[std::size_t(i * from + j)]); };
  for (int i = 0; i < to; i++)
    for (int k = 0; k < from; k++)
      for (int j = 0; j < from; j++) half[std::size_t(i * from + k)] += l(i, j) * std::fabs(x[(j * from + k) * stride]);
  for (int i = 0; i < to; i++)
    for (int k = 0; k < to; k++)
      for (int j = 0; j < from; j++) all[std::size_t(i * to + k)] += half[std::size_t(i * from + j)] * l(k, j);
  return all;
}
inline std::vector<double> transposed(const std::vector<double>& L, int rows, int columns) {
  std::vector<double> t(L.size());
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) t[std::size_t(j * rows + i)] = L[std::size_t(i * columns + j)];
  return t;
}

// What rounding may do to a sum of terms. Each of `roundings` moves a term by `unit` of the magnitudes that it is made of at
// most, either way and independently, and the sum by unit * sqrt(roundings * squares), `squares` being those of all terms; six
// times as much is met once in 10^8. (Were all of one sign, it would be unit * roundings * magnitudes.)
inline double limit_of(double unit, int roundings, double squares) { return 6 * unit * std::sqrt(double(roundings) * squares); }

}  // namespace mg
