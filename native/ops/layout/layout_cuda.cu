// Strided reads, writes and joins on the GPU.
#include "../../base/cuda/axes.h"
#include "../../base/cuda/loops.h"
#include "layout.h"

namespace mg {
namespace cuda {

template <class E>
void strided_read(Stream stream, const StridedDims& d, const E* x, E* y) {
  const i64 n = d.count();
  if (n == 0) return;
  const Axes<1> axes = merge_axes<1>(d.shape, {&d.strides});
  const E* const from = x + d.offset;
  each_element(stream, n, [=] MG_DEVICE(i64 i) {
    i64 at;
    axes.locate(i, &at);
    y[i] = from[at];
  });
}

template <class E>
void strided_write(Stream stream, const StridedDims& d, const E* x, i64 y_count, E* y) {
  each_element(stream, y_count, [=] MG_DEVICE(i64 i) { y[i] = E(0); });
  const i64 n = d.count();
  if (n == 0) return;
  const Axes<1> axes = merge_axes<1>(d.shape, {&d.strides});
  E* const to = y + d.offset;
  each_element(stream, n, [=] MG_DEVICE(i64 i) {
    i64 at;
    axes.locate(i, &at);
    to[at] = x[i];
  });
}

namespace {

template <class E>
void join_one(Stream stream, i64 outer, i64 width, i64 total, i64 before, const char* x, char* y) {
  const E* const from = reinterpret_cast<const E*>(x);
  E* const to = reinterpret_cast<E*>(y) + before;
  each_element(stream, outer * width, [=] MG_DEVICE(i64 i) { to[i / width * total + i % width] = from[i]; });
}

}  // namespace

void join(Stream stream, const JoinDims& d, i64 element_bytes, const std::vector<const char*>& xs, char* y) {
  const i64 total = d.total();
  i64 before = 0;
  for (std::size_t j = 0; j < xs.size(); j++) {
    const i64 width = d.widths[j];
    if (element_bytes == 1) join_one<std::uint8_t>(stream, d.outer, width, total, before, xs[j], y);
    else if (element_bytes == 4) join_one<std::uint32_t>(stream, d.outer, width, total, before, xs[j], y);
    else join_one<std::uint64_t>(stream, d.outer, width, total, before, xs[j], y);
    before += width;
  }
}

#define MG_INSTANTIATE(E)                                                  \
  template void strided_read<E>(Stream, const StridedDims&, const E*, E*); \
  template void strided_write<E>(Stream, const StridedDims&, const E*, i64, E*);
MG_INSTANTIATE(std::uint8_t)
MG_INSTANTIATE(std::uint32_t)
MG_INSTANTIATE(std::uint64_t)

}  // namespace cuda
}  // namespace mg
