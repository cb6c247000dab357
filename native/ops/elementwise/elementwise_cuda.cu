// Elementwise ops on the GPU.
#include "../../base/cuda/axes.h"
#include "../../base/cuda/loops.h"
#include "../../base/philox.h"
#include "elementwise.h"

namespace mg {
namespace cuda {

template <class T>
void unary_forward(Stream stream, Unary kind, i64 n, const T* x, T* y) {
  each_element(stream, n, [=] MG_DEVICE(i64 i) { y[i] = unary(kind, x[i]); });
}

template <class T>
void unary_backward(Stream stream, Unary kind, i64 n, const T* dy, const T* x, const T* y, T* dx) {
  each_element(stream, n, [=] MG_DEVICE(i64 i) { dx[i] = mg::unary_backward(kind, dy[i], x[i], y[i]); });
}

template <class T>
void binary_forward(Stream stream, Binary kind, const BroadcastDims& dims, const T* a, const T* b, T* y) {
  const i64 n = dims.count();
  if (n == 0) return;
  const Axes<2> axes = merge_axes<2>(dims.shape, {&dims.a_strides, &dims.b_strides});
  each_element(stream, n, [=] MG_DEVICE(i64 i) {
    i64 at[2];
    axes.locate(i, at);
    y[i] = binary(kind, a[at[0]], b[at[1]]);
  });
}

template <class T>
void fill(Stream stream, i64 n, T value, T* y) {
  each_element(stream, n, [=] MG_DEVICE(i64 i) { y[i] = value; });
}

template <class T>
void fill_random(Stream stream, bool normal, i64 n, std::uint64_t key, std::uint64_t first, double a, double b, T* y) {
  each_element(stream, n, [=] MG_DEVICE(i64 i) {
    const std::uint64_t draw = std::uint64_t(i);
    y[i] = normal ? T(a + b * philox_normal(key, first + 2 * draw)) : uniform_of<T>(a, b, philox_uniform(key, first + draw));
  });
}

namespace {

template <class From, class To>
void cast_elements(Stream stream, i64 n, const void* x, void* y) {
  const From* const from = static_cast<const From*>(x);
  To* const to = static_cast<To*>(y);
  each_element(stream, n, [=] MG_DEVICE(i64 i) { to[i] = converted<To>(from[i]); });
}

template <class From>
void cast_from(Stream stream, i64 n, const void* x, DType to, void* y) {
  switch (to) {
    case DType::float32: return cast_elements<From, float>(stream, n, x, y);
    case DType::float64: return cast_elements<From, double>(stream, n, x, y);
    case DType::int32: return cast_elements<From, std::int32_t>(stream, n, x, y);
    case DType::uint8: return cast_elements<From, std::uint8_t>(stream, n, x, y);
  }
}

}  // namespace

void cast(Stream stream, i64 n, DType from, const void* x, DType to, void* y) {
  switch (from) {
    case DType::float32: return cast_from<float>(stream, n, x, to, y);
    case DType::float64: return cast_from<double>(stream, n, x, to, y);
    case DType::int32: return cast_from<std::int32_t>(stream, n, x, to, y);
    case DType::uint8: return cast_from<std::uint8_t>(stream, n, x, to, y);
  }
}

#define MG_INSTANTIATE(T)                                                                        \
  template void unary_forward<T>(Stream, Unary, i64, const T*, T*);                              \
  template void unary_backward<T>(Stream, Unary, i64, const T*, const T*, const T*, T*);         \
  template void binary_forward<T>(Stream, Binary, const BroadcastDims&, const T*, const T*, T*); \
  template void fill<T>(Stream, i64, T, T*);                                                     \
  template void fill_random<T>(Stream, bool, i64, std::uint64_t, std::uint64_t, double, double, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)
template void fill<std::int32_t>(Stream, i64, std::int32_t, std::int32_t*);
template void fill<std::uint8_t>(Stream, i64, std::uint8_t, std::uint8_t*);

}  // namespace cuda
}  // namespace mg
