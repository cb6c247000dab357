// The matrix product on the GPU.
#include "../../base/cuda/gemm.h"
#include "matmul.h"

namespace mg {
namespace cuda {
namespace {

i64 outer_slices(const MatmulDims& d) { return gemm_slices(d.rows, d.batch * d.inner * d.columns); }

}  // namespace

template <class T>
void matmul_forward(Stream stream, const MatmulDims& d, const T* a, const T* b, const T* bias, T* y) {
  const i64 rows = d.rows, columns = d.columns;
  const GemmDims dims{d.batch, rows, columns, d.inner, 1};
  const auto store = [=] MG_DEVICE(i64 batch, i64, i64 m, i64 n, T sum) {
    y[(batch * rows + m) * columns + n] = bias == nullptr ? sum : bias[n] + sum;
  };
  const i64 size = d.inner * columns;
  const GemmMatrix<T, true> left{a, rows * d.inner, d.inner};
  if (d.transposed) gemm<T>(stream, dims, left, GemmMatrix<T, true>{b, size, d.inner}, store);
  else gemm<T>(stream, dims, left, GemmMatrix<T, false>{b, size, columns}, store);
}

template <class T>
i64 matmul_outer_bytes(const MatmulDims& d) {
  const i64 slices = outer_slices(d);
  return slices == 1 ? 0 : slices * d.batch * d.inner * d.columns * i64(sizeof(T));
}

template <class T>
void matmul_outer(Stream stream, const MatmulDims& d, const T* a, const T* dy, T* g, void* workspace) {
  const i64 slices = outer_slices(d), inner = d.inner, columns = d.columns, size = d.batch * inner * columns;
  T* const sums = slices == 1 ? g : static_cast<T*>(workspace);
  gemm<T>(stream, GemmDims{d.batch, inner, columns, d.rows, slices}, GemmMatrix<T, false>{a, d.rows * inner, inner},
          GemmMatrix<T, false>{dy, d.rows * columns, columns}, [=] MG_DEVICE(i64 batch, i64 slice, i64 k, i64 n, T sum) {
            sums[slice * size + (batch * inner + k) * columns + n] = sum;
          });
  if (slices > 1) add_slices(stream, slices, size, sums, g);
}

#define MG_INSTANTIATE(T)                                                                       \
  template void matmul_forward<T>(Stream, const MatmulDims&, const T*, const T*, const T*, T*); \
  template i64 matmul_outer_bytes<T>(const MatmulDims&);                                        \
  template void matmul_outer<T>(Stream, const MatmulDims&, const T*, const T*, T*, void*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
