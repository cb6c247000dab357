#include "../../base/cuda_gemm.h"
#include "matmul.h"

namespace mg {
namespace cuda {
namespace {

// Element (k, o) of a table that lies as [K, O] or, with InnerFast, as [O, K].
template <class T, bool InnerFast>
struct Table {
  struct Outer {
    const T* at;
  };
  using Inner = i64;
  static constexpr bool inner_fast = InnerFast;
  const T* data;
  i64 depth, width;

  MG_DEVICE Outer outer(i64 batch, i64 o) const { return {data + batch * depth * width + (InnerFast ? o * depth : o)}; }
  MG_DEVICE Inner inner(i64, i64 k) const { return InnerFast ? k : k * width; }
  MG_DEVICE T load(const Outer& o, Inner k) const { return o.at[k]; }
};

i64 outer_slices(const MatmulDims& d) { return gemm_slices(d.rows, d.batch * d.inner * d.columns); }

}  // namespace

template <class T>
void matmul_forward(Stream stream, const MatmulDims& d, const T* a, const T* b, const T* bias, T* y) {
  const i64 rows = d.rows, columns = d.columns;
  const GemmDims dims{d.batch, rows, columns, d.inner, 1};
  const auto store = [=] MG_DEVICE(i64 batch, i64, i64 m, i64 n, T sum) {
    y[(batch * rows + m) * columns + n] = bias == nullptr ? sum : bias[n] + sum;
  };
  const Table<T, true> left{a, d.inner, rows};
  if (d.transposed) gemm<T>(stream, dims, left, Table<T, true>{b, d.inner, columns}, store);
  else gemm<T>(stream, dims, left, Table<T, false>{b, d.inner, columns}, store);
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
  gemm<T>(stream, GemmDims{d.batch, inner, columns, d.rows, slices}, Table<T, false>{a, d.rows, inner}, Table<T, false>{dy, d.rows, columns},
          [=] MG_DEVICE(i64 batch, i64 slice, i64 k, i64 n, T sum) { sums[slice * size + (batch * inner + k) * columns + n] = sum; });
  if (slices > 1) add_slices(stream, slices, size, sums, g);
}

#define MG_INSTANTIATE(T)                                                                              \
  template void matmul_forward<T>(Stream, const MatmulDims&, const T*, const T*, const T*, T*);        \
  template i64 matmul_outer_bytes<T>(const MatmulDims&);                                               \
  template void matmul_outer<T>(Stream, const MatmulDims&, const T*, const T*, T*, void*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
