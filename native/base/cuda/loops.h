// Loops of CUDA kernels: over elements, and over rows with one warp each. f is a function of the device, copied to it.
#pragma once
#include "../index.h"
#include "port.h"

namespace mg {
namespace cuda {

constexpr int loop_threads = 256;          // enough to hide latency at any register count up to 255 of 2 blocks
constexpr i64 most_blocks = 1 << 20;       // beyond, each thread takes several elements

inline i64 loop_blocks(i64 threads) {
  const i64 blocks = ceil_div(threads, loop_threads);
  return blocks < most_blocks ? blocks : most_blocks;
}

template <class F>
MG_KERNEL(loop_threads) element_kernel(i64 n, F f) {
  for (i64 i = port::block() * loop_threads + port::thread(); i < n; i += port::blocks() * loop_threads) f(i);
}

// f(i) for i in [0, n), neighbours side by side.
template <class F>
void each_element(Stream stream, i64 n, F f) {
  port::launch(element_kernel<F>, loop_blocks(n), loop_threads, 0, stream, n, f);
}

template <class F>
MG_KERNEL(loop_threads) row_kernel(i64 rows, F f) {
  const i64 step = port::blocks() * (loop_threads / 32);
  for (i64 row = port::block() * (loop_threads / 32) + port::thread() / 32; row < rows; row += step) f(row, port::thread() % 32);
}

// f(row, lane) for every row, by the 32 lanes of a warp together.
template <class F>
void each_row(Stream stream, i64 rows, F f) {
  port::launch(row_kernel<F>, loop_blocks(rows * 32), loop_threads, 0, stream, rows, f);
}

// The same bits in every lane: partners add the same two numbers at each of five steps.
template <class T>
MG_DEVICE T warp_sum(T value) {
  for (int mask = 16; mask > 0; mask /= 2) value += port::shuffle_xor(value, mask);
  return value;
}

}  // namespace cuda
}  // namespace mg
