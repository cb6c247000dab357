// Rows chosen by number on the GPU.
#include <limits>

#include "../../base/cuda/loops.h"
#include "gather.h"

namespace mg {
namespace cuda {

template <class T>
void gather_forward(Stream stream, const GatherDims& d, const T* x, const std::int32_t* indices, T* y) {
  const i64 width = d.width, rows = d.rows;
  each_element(stream, d.picks * width, [=] MG_DEVICE(i64 n) {
    const i64 i = n / width, row = indices[i];
    y[n] = inside(row, rows) ? x[row * width + (n - i * width)] : std::numeric_limits<T>::quiet_NaN();
  });
}

// Each element of dx walks over all picks in order: the order of the sum is that of the CPU, and nothing is written twice.
template <class T>
void gather_backward(Stream stream, const GatherDims& d, const T* dy, const std::int32_t* indices, T* dx) {
  const i64 width = d.width, picks = d.picks;
  each_element(stream, d.rows * width, [=] MG_DEVICE(i64 n) {
    const i64 row = n / width, k = n - row * width;
    T sum = T(0);
    for (i64 i = 0; i < picks; i++)
      if (indices[i] == row) sum += dy[i * width + k];
    dx[n] = sum;
  });
}

template <class T>
void one_hot(Stream stream, i64 picks, i64 depth, const std::int32_t* indices, T* y) {
  each_element(stream, picks * depth, [=] MG_DEVICE(i64 n) {
    const i64 i = n / depth, chosen = indices[i];
    y[n] = !inside(chosen, depth) ? std::numeric_limits<T>::quiet_NaN() : T(n - i * depth == chosen ? 1 : 0);
  });
}

#define MG_INSTANTIATE(T)                                                                         \
  template void gather_forward<T>(Stream, const GatherDims&, const T*, const std::int32_t*, T*);  \
  template void gather_backward<T>(Stream, const GatherDims&, const T*, const std::int32_t*, T*); \
  template void one_hot<T>(Stream, i64, i64, const std::int32_t*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
