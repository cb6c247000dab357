// Matrix products of a batch, row-major:
//   matmul_forward:  y[m,n] = bias[n] + Σ_k a[m,k] b[k,n]     a [M,K], b [K,N] or stored transposed as [N,K], y [M,N]
//   matmul_outer:    g[k,n] = Σ_m a[m,k] dy[m,n]              the gradient at b; the one at a is dy times b transposed
// Both use the register tiles of the convolution: a product is a 1×1 convolution whose pixels are rows. The work is cut by shape
// alone and every sum is made in one order, so results do not depend on the thread count. A batch shares nothing.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

struct MatmulDims {
  i64 batch, rows, inner, columns;  // M, K, N
  bool transposed = false;          // b is [N,K]

  i64 multiply_adds() const { return batch * rows * inner * columns; }
};

// Bytes of workspace that the caller provides, aligned to 64.
template <class T>
i64 matmul_forward_bytes(const MatmulDims& dims);
// bias [N] or null. y must not overlap anything else.
template <class T>
void matmul_forward(const MatmulDims& dims, const T* a, const T* b, const T* bias, T* y, void* workspace);

template <class T>
i64 matmul_outer_bytes(const MatmulDims& dims);
// dy [M,N] → g [K,N]; `transposed` is not looked at.
template <class T>
void matmul_outer(const MatmulDims& dims, const T* a, const T* dy, T* g, void* workspace);

// The same on a GPU; only matmul_outer needs workspace there.
namespace cuda {
template <class T>
void matmul_forward(Stream stream, const MatmulDims& dims, const T* a, const T* b, const T* bias, T* y);
template <class T>
i64 matmul_outer_bytes(const MatmulDims& dims);
template <class T>
void matmul_outer(Stream stream, const MatmulDims& dims, const T* a, const T* dy, T* g, void* workspace);
}  // namespace cuda

}  // namespace mg
