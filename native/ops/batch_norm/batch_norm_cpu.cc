// Batch norm on the CPU: sums over columns, then every row.
#include "batch_norm.h"

#include <algorithm>

#include "../../base/host/rows.h"

namespace mg {

template <class T>
void norm_statistics(const NormDims& d, const T* x, double epsilon, double* statistics, T* mean, T* variance, double* workspace) {
  const i64 n = d.columns;
  const double share = d.rows == 0 ? 0.0 : 1.0 / double(d.rows);
  const ColumnSums table{d.rows, n};
  double* const means = statistics;
  double* const scales = statistics + n;
  table.run(workspace, means, [&](i64 row, double* sums) {
    for (i64 c = 0; c < n; c++) sums[c] += double(x[row * n + c]);
  });
  for (i64 c = 0; c < n; c++) means[c] *= share;
  table.run(workspace, scales, [&](i64 row, double* sums) {
    for (i64 c = 0; c < n; c++) {
      const double away = double(x[row * n + c]) - means[c];
      sums[c] += away * away;
    }
  });
  for (i64 c = 0; c < n; c++) {
    mean[c] = T(means[c]);
    variance[c] = T(scales[c] * share);
    scales[c] = norm_scale(scales[c] * share, epsilon);
  }
}

template <class T>
void norm_given(i64 columns, const T* mean, const T* variance, double epsilon, double* statistics) {
  for (i64 c = 0; c < columns; c++) {
    statistics[c] = double(mean[c]);
    statistics[columns + c] = norm_scale(variance[c], epsilon);
  }
}

template <class T>
void norm_forward(const NormDims& d, const T* x, const double* statistics, const T* gamma, const T* beta, T* y) {
  const i64 n = d.columns;
  each_row(d.rows, n, [&](i64 row) {
    for (i64 c = 0; c < n; c++) {
      const double hat = normalized(x[row * n + c], statistics[c], statistics[n + c]);
      y[row * n + c] = T(norm_value(hat, gamma[c], beta[c]));
    }
  });
}

template <class T>
void norm_backward(const NormDims& d, bool own_statistics, const T* dy, const T* x, const double* statistics, const T* gamma,
                   T* dx, T* dgamma, T* dbeta, double* workspace) {
  const i64 n = d.columns;
  const double share = d.rows == 0 ? 0.0 : 1.0 / double(d.rows);
  double* const totals = workspace;  // Σ dy, then Σ dy x̂
  ColumnSums{d.rows, 2 * n}.run(workspace + 2 * n, totals, [&](i64 row, double* sums) {
    for (i64 c = 0; c < n; c++) {
      const double gradient = double(dy[row * n + c]);
      sums[c] += gradient;
      sums[n + c] += gradient * normalized(double(x[row * n + c]), statistics[c], statistics[n + c]);
    }
  });
  for (i64 c = 0; c < n; c++) dbeta[c] = T(totals[c]), dgamma[c] = T(totals[n + c]);
  each_row(d.rows, n, [&](i64 row) {
    for (i64 c = 0; c < n; c++) {
      const i64 at = row * n + c;
      const double hat = normalized(x[at], statistics[c], statistics[n + c]);
      const double scale = statistics[n + c];
      // With given statistics a cell has nothing to do with the others, not even with a NaN.
      dx[at] = T(own_statistics ? norm_gradient(dy[at], hat, scale, gamma[c], share * totals[c], share * totals[n + c])
                                : norm_gradient(dy[at], 0.0, scale, gamma[c], 0, 0));
    }
  });
}

#define MG_INSTANTIATE(T)                                                                          \
  template void norm_statistics<T>(const NormDims&, const T*, double, double*, T*, T*, double*);   \
  template void norm_given<T>(i64, const T*, const T*, double, double*);                           \
  template void norm_forward<T>(const NormDims&, const T*, const double*, const T*, const T*, T*); \
  template void norm_backward<T>(const NormDims&, bool, const T*, const T*, const double*, const T*, T*, T*, T*, double*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
