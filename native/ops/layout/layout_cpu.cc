// Strided reads, writes and joins on the CPU.
#include "layout.h"

#include <algorithm>
#include <cstring>

#include "../../base/host/rows.h"

namespace mg {
namespace {

constexpr i64 kBlock = 16384;  // elements of one chunk

// f(dense, strided, n, stride) for every line along the last axis: where it begins on both sides, its length and its step.
template <class F>
void over_lines(const StridedDims& d, F&& f) {
  const std::size_t rank = d.shape.size();
  const i64 inner = rank == 0 ? 1 : d.shape[rank - 1], count = d.count();
  if (count == 0) return;
  each_row(count / inner, inner, [&](i64 line) {
    i64 at = d.offset, rest = line;
    for (std::size_t axis = rank; axis-- > 1;) {
      at += rest % d.shape[axis - 1] * d.strides[axis - 1];
      rest /= d.shape[axis - 1];
    }
    f(line * inner, at, inner, rank == 0 ? 1 : d.strides[rank - 1]);
  });
}

}  // namespace

i64 StridedDims::count() const {
  i64 n = 1;
  for (const i64 side : shape) n *= side;
  return n;
}

StridedDims StridedDims::merged() const {
  StridedDims m{offset, {}, {}};
  for (std::size_t axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    if (!m.shape.empty() && m.strides.back() == shape[axis] * strides[axis]) {
      m.shape.back() *= shape[axis];
      m.strides.back() = strides[axis];
    } else {
      m.shape.push_back(shape[axis]);
      m.strides.push_back(strides[axis]);
    }
  }
  return m;
}

template <class E>
void strided_read(const StridedDims& d, const E* x, E* y) {
  over_lines(d, [&](i64 to, i64 from, i64 n, i64 stride) {
    if (stride == 1) std::memcpy(y + to, x + from, std::size_t(n) * sizeof(E));
    else
      for (i64 i = 0; i < n; i++) y[to + i] = x[from + i * stride];
  });
}

template <class E>
void strided_write(const StridedDims& d, const E* x, i64 y_count, E* y) {
  Pool::get().parallel_for(ceil_div(y_count, kBlock), [&](i64 block, int) {
    std::fill(y + block * kBlock, y + std::min(y_count, (block + 1) * kBlock), E(0));
  });
  over_lines(d, [&](i64 from, i64 to, i64 n, i64 stride) {
    if (stride == 1) std::memcpy(y + to, x + from, std::size_t(n) * sizeof(E));
    else
      for (i64 i = 0; i < n; i++) y[to + i * stride] = x[from + i];
  });
}

i64 JoinDims::total() const {
  i64 sum = 0;
  for (const i64 width : widths) sum += width;
  return sum;
}

void join(const JoinDims& d, i64 element_bytes, const std::vector<const char*>& xs, char* y) {
  const i64 total = d.total(), per_chunk = std::max<i64>(1, kBlock / std::max<i64>(1, total));
  const i64 chunks = ceil_div(d.outer, per_chunk), inputs = i64(xs.size());
  Pool::get().parallel_for(chunks * inputs, [&](i64 item, int) {
    const std::size_t j = std::size_t(item % inputs);
    const i64 chunk = item / inputs, bytes = d.widths[j] * element_bytes;
    if (bytes == 0) return;
    i64 before = 0;
    for (std::size_t k = 0; k < j; k++) before += d.widths[k];
    for (i64 o = chunk * per_chunk; o < std::min(d.outer, (chunk + 1) * per_chunk); o++)
      std::memcpy(y + (o * total + before) * element_bytes, xs[j] + o * bytes, std::size_t(bytes));
  });
}

#define MG_INSTANTIATE(E)                                          \
  template void strided_read<E>(const StridedDims&, const E*, E*); \
  template void strided_write<E>(const StridedDims&, const E*, i64, E*);
MG_INSTANTIATE(std::uint8_t)
MG_INSTANTIATE(std::uint32_t)
MG_INSTANTIATE(std::uint64_t)

}  // namespace mg
