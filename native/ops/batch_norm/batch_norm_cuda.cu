// Batch norm on the GPU: strips of rows, then every element.
#include "../../base/cuda/strips.h"
#include "batch_norm.h"

namespace mg {
namespace cuda {
namespace {

StripDims strips(const ColumnSums& table) { return {1, table.rows, table.columns, table.rows_per_block()}; }

}  // namespace

template <class T>
void norm_statistics(Stream stream, const NormDims& d, const T* x, double epsilon, double* statistics, T* mean, T* variance,
                     double* workspace) {
  const i64 n = d.columns;
  const double share = d.rows == 0 ? 0.0 : 1.0 / double(d.rows);
  const StripDims table = strips(ColumnSums{d.rows, n});
  reduce_strips<AddUp>(
      stream, table, workspace, [=] MG_DEVICE(i64, i64 row, i64 c) { return double(x[row * n + c]); },
      [=] MG_DEVICE(i64, i64 c, double total) {
        statistics[c] = total * share;
        mean[c] = T(total * share);
      });
  reduce_strips<AddUp>(
      stream, table, workspace,
      [=] MG_DEVICE(i64, i64 row, i64 c) {
        const double away = double(x[row * n + c]) - statistics[c];
        return away * away;
      },
      [=] MG_DEVICE(i64, i64 c, double total) {
        variance[c] = T(total * share);
        statistics[n + c] = norm_scale(total * share, epsilon);
      });
}

template <class T>
void norm_given(Stream stream, i64 columns, const T* mean, const T* variance, double epsilon, double* statistics) {
  each_element(stream, columns, [=] MG_DEVICE(i64 c) {
    statistics[c] = double(mean[c]);
    statistics[columns + c] = norm_scale(variance[c], epsilon);
  });
}

template <class T>
void norm_forward(Stream stream, const NormDims& d, const T* x, const double* statistics, const T* gamma, const T* beta, T* y) {
  const i64 n = d.columns;
  each_element(stream, d.rows * n, [=] MG_DEVICE(i64 i) {
    const i64 c = i % n;
    const double hat = normalized(x[i], statistics[c], statistics[n + c]);
    y[i] = T(norm_value(hat, gamma[c], beta[c]));
  });
}

template <class T>
void norm_backward(Stream stream, const NormDims& d, bool own_statistics, const T* dy, const T* x, const double* statistics,
                   const T* gamma, T* dx, T* dgamma, T* dbeta, double* workspace) {
  const i64 n = d.columns;
  const double share = d.rows == 0 ? 0.0 : 1.0 / double(d.rows);
  double* const totals = workspace;  // Σ dy, then Σ dy x̂
  reduce_strips<AddUp>(
      stream, strips(ColumnSums{d.rows, 2 * n}), workspace + 2 * n,
      [=] MG_DEVICE(i64, i64 row, i64 k) {
        const i64 c = k % n, at = row * n + c;
        const double gradient = double(dy[at]);
        return k < n ? gradient : gradient * normalized(double(x[at]), statistics[c], statistics[n + c]);
      },
      [=] MG_DEVICE(i64, i64 k, double total) {
        totals[k] = total;
        if (k < n) dbeta[k] = T(total);
        else dgamma[k - n] = T(total);
      });
  each_element(stream, d.rows * n, [=] MG_DEVICE(i64 i) {
    const i64 c = i % n;
    const double hat = normalized(x[i], statistics[c], statistics[n + c]);
    const double scale = statistics[n + c];
    dx[i] = T(own_statistics ? norm_gradient(dy[i], hat, scale, gamma[c], share * totals[c], share * totals[n + c])
                             : norm_gradient(dy[i], 0.0, scale, gamma[c], 0, 0));
  });
}

#define MG_INSTANTIATE(T)                                                                                  \
  template void norm_statistics<T>(Stream, const NormDims&, const T*, double, double*, T*, T*, double*);   \
  template void norm_given<T>(Stream, i64, const T*, const T*, double, double*);                           \
  template void norm_forward<T>(Stream, const NormDims&, const T*, const double*, const T*, const T*, T*); \
  template void norm_backward<T>(Stream, const NormDims&, bool, const T*, const T*, const double*, const T*, T*, T*, T*, double*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
