// Elementwise ops on the CPU.
#include "elementwise.h"

#include <algorithm>

#include "../../base/host/rows.h"
#include "../../base/philox.h"

namespace mg {
namespace {

constexpr i64 kBlock = 16384;  // elements of one chunk: enough to pay for handing it out

template <class F>
void over_blocks(i64 n, F&& f) {
  Pool::get().parallel_for((n + kBlock - 1) / kBlock,
                           [&](i64 block, int) { f(block * kBlock, std::min(n, (block + 1) * kBlock)); });
}

}  // namespace

template <class T>
void unary_forward(Unary kind, i64 n, const T* x, T* y) {
  over_blocks(n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) y[i] = unary(kind, x[i]);
  });
}

template <class T>
void unary_backward(Unary kind, i64 n, const T* dy, const T* x, const T* y, T* dx) {
  over_blocks(n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) dx[i] = unary_backward(kind, dy[i], x[i], y[i]);
  });
}

template <class T>
void binary_forward(Binary kind, const BroadcastDims& dims, const T* a, const T* b, T* y) {
  // The last axis is a plain loop; the axes before it are counted up like an odometer.
  const std::size_t rank = dims.shape.size();
  const i64 inner = rank == 0 ? 1 : dims.shape[rank - 1], rows = inner == 0 ? 0 : dims.count() / inner;
  const i64 sa = rank == 0 ? 0 : dims.a_strides[rank - 1], sb = rank == 0 ? 0 : dims.b_strides[rank - 1];
  each_row(rows, inner, [&](i64 row) {
    i64 at_a = 0, at_b = 0, rest = row;
    for (std::size_t axis = rank; axis-- > 1;) {
      const i64 index = rest % dims.shape[axis - 1];
      rest /= dims.shape[axis - 1];
      at_a += index * dims.a_strides[axis - 1];
      at_b += index * dims.b_strides[axis - 1];
    }
    T* out = y + row * inner;
    for (i64 i = 0; i < inner; i++) out[i] = binary(kind, a[at_a + i * sa], b[at_b + i * sb]);
  });
}

template <class T>
void fill(i64 n, T value, T* y) {
  over_blocks(n, [&](i64 begin, i64 end) { std::fill(y + begin, y + end, value); });
}

template <class T>
void fill_random(bool normal, i64 n, std::uint64_t key, std::uint64_t first, double a, double b, T* y) {
  over_blocks(n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      const std::uint64_t draw = std::uint64_t(i);
      y[i] = normal ? T(a + b * philox_normal(key, first + 2 * draw)) : uniform_of<T>(a, b, philox_uniform(key, first + draw));
    }
  });
}

template <class From, class To>
void cast_elements(i64 n, const void* x, void* y) {
  const From* const from = static_cast<const From*>(x);
  To* const to = static_cast<To*>(y);
  over_blocks(n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) to[i] = converted<To>(from[i]);
  });
}

template <class From>
void cast_from(i64 n, const void* x, DType to, void* y) {
  switch (to) {
    case DType::float32: return cast_elements<From, float>(n, x, y);
    case DType::float64: return cast_elements<From, double>(n, x, y);
    case DType::int32: return cast_elements<From, std::int32_t>(n, x, y);
    case DType::uint8: return cast_elements<From, std::uint8_t>(n, x, y);
  }
}

void cast(i64 n, DType from, const void* x, DType to, void* y) {
  switch (from) {
    case DType::float32: return cast_from<float>(n, x, to, y);
    case DType::float64: return cast_from<double>(n, x, to, y);
    case DType::int32: return cast_from<std::int32_t>(n, x, to, y);
    case DType::uint8: return cast_from<std::uint8_t>(n, x, to, y);
  }
}

#define MG_INSTANTIATE(T)                                                                \
  template void unary_forward<T>(Unary, i64, const T*, T*);                              \
  template void unary_backward<T>(Unary, i64, const T*, const T*, const T*, T*);         \
  template void binary_forward<T>(Binary, const BroadcastDims&, const T*, const T*, T*); \
  template void fill<T>(i64, T, T*);                                                     \
  template void fill_random<T>(bool, i64, std::uint64_t, std::uint64_t, double, double, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)
template void fill<std::int32_t>(i64, std::int32_t, std::int32_t*);
template void fill<std::uint8_t>(i64, std::uint8_t, std::uint8_t*);

}  // namespace mg
