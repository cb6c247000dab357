// y[r,c] = gamma[c] · x̂[r,c] + beta[c] over the rows of a table; equations in base/norm.h. Statistics are made in two passes and
// in double: mean = Σ x / n, variance = Σ (x − mean)² / n, both 0 when there is no row. Saved for backward: x, gamma and in
// `statistics` [2, columns] the mean and the scale. Backward:
//   dbeta = Σ dy   dgamma = Σ dy x̂   dx as there, where the means are 0 when mean and variance did not come from x.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/host/column_sums.h"
#include "../../base/norm.h"
#include "../../base/platform.h"

namespace mg {

struct NormDims {
  i64 rows, columns;

  // For the sums of two numbers per column.
  i64 workspace_bytes() const { return ColumnSums{rows, 2 * columns}.workspace_bytes() + 2 * columns * i64(sizeof(double)); }
};

// statistics, mean and variance from x.
template <class T>
void norm_statistics(const NormDims& dims, const T* x, double epsilon, double* statistics, T* mean, T* variance,
                     double* workspace);
// statistics from a given mean and variance.
template <class T>
void norm_given(i64 columns, const T* mean, const T* variance, double epsilon, double* statistics);
template <class T>
void norm_forward(const NormDims& dims, const T* x, const double* statistics, const T* gamma, const T* beta, T* y);
// own_statistics: whether mean and variance came from x.
template <class T>
void norm_backward(const NormDims& dims, bool own_statistics, const T* dy, const T* x, const double* statistics, const T* gamma,
                   T* dx, T* dgamma, T* dbeta, double* workspace);

namespace cuda {
template <class T>
void norm_statistics(Stream stream, const NormDims& dims, const T* x, double epsilon, double* statistics, T* mean, T* variance,
                     double* workspace);
template <class T>
void norm_given(Stream stream, i64 columns, const T* mean, const T* variance, double epsilon, double* statistics);
template <class T>
void norm_forward(Stream stream, const NormDims& dims, const T* x, const double* statistics, const T* gamma, const T* beta, T* y);
template <class T>
void norm_backward(Stream stream, const NormDims& dims, bool own_statistics, const T* dy, const T* x, const double* statistics,
                   const T* gamma, T* dx, T* dgamma, T* dbeta, double* workspace);
}  // namespace cuda

}  // namespace mg
