// One kernel that uses everything of the port header, right (no argument, against a loop in double) and with one planted fault
// each (argument 1 to 7): the shim, the poison or a sanitizer must end the run with an error. Also compiled by nvcc.
//   y [rows, 8] = x [rows, 64] w [64, 8] in tf32 or bfloat16 pieces of 16 rows, and sum = Σ y
#include "../../../native/base/cuda/port.h"
#include "../../../native/base/index.h"

namespace {

using mg::i64;
namespace port = mg::port;

enum Fault { none, missing_wait, missing_barrier, missing_last_barrier, outside, divergent_barrier, missing_lanes, copy_at_end };

constexpr int warps = 4, depth = 64, columns = 8, chunk = 16, stride = chunk + 4;

MG_DEVICE unsigned word_of(float value) {
  unsigned bits;
  memcpy(&bits, &value, 4);
  return bits;
}
// Two bfloat16 in a word; the values here are short enough to be exact.
MG_DEVICE unsigned pair_of(float low, float high) { return word_of(low) >> 16 | (word_of(high) & 0xffff0000u); }

template <int fault, bool bf16>
MG_KERNEL(warps * 32) tile_kernel(i64 rows, const float* x, const float* w, float* y, float* sums) {
  // Two sides of x chunks [64][20], w chunks [16][12]; later y [64][8] in their place.
  float* const memory = port::shared<float>();
  float* const w_sides = memory + 2 * warps * 16 * stride;
  const int thread = port::thread(), warp = thread / 32, lane = thread % 32;
  const i64 first = port::block() * warps * 16;
  const auto fetch = [&](int side, int k) {
    for (int i = thread; i < warps * 16 * chunk / 4; i += warps * 32) {
      const int row = i / 4, part = i % 4 * 4;
      const bool valid = first + row < rows;
      port::copy_async(memory + (side * warps * 16 + row) * stride + part, x + (valid ? first + row : 0) * depth + k + part,
                       valid);
    }
    for (int i = thread; i < chunk * columns / 4; i += warps * 32)
      port::copy_async(w_sides + (side * chunk + i / 2) * 12 + i % 2 * 4, w + (k + i / 2) * columns + i % 2 * 4, true);
    port::copy_commit();
  };
  float d[4] = {};
  fetch(0, 0);
  for (int k = 0, side = 0; k < depth; k += chunk, side ^= 1) {
    if (k + chunk < depth) fetch(side ^ 1, k + chunk);
    if (fault != missing_wait) {
      if (k + chunk < depth) port::copy_wait<1>();
      else port::copy_wait<0>();
    }
    if (fault != missing_barrier) MG_BARRIER();
    const float* const a = memory + (side * warps * 16 + warp * 16 + lane / 4) * stride;
    const float* const b = w_sides + side * chunk * 12 + lane / 4;
    if (bf16) {
      const int at = lane % 4 * 2;
      unsigned left[4], right[2];
      for (int q = 0; q < 4; q++) {
        const float* const p = a + q % 2 * 8 * stride + q / 2 * 8 + at;
        left[q] = pair_of(p[0], p[1]);
      }
      for (int q = 0; q < 2; q++) right[q] = pair_of(b[(q * 8 + at) * 12], b[(q * 8 + at + 1) * 12]);
      port::mma_bf16(d, left, right);
    } else {
      for (int step = 0; step < chunk; step += 8) {
        unsigned left[4], right[2];
        for (int q = 0; q < 4; q++) left[q] = word_of(a[q % 2 * 8 * stride + q / 2 * 4 + step + lane % 4]);
        for (int q = 0; q < 2; q++) right[q] = word_of(b[(step + q * 4 + lane % 4) * 12]);
        port::mma_tf32(d, left, right);
      }
    }
    if (fault == divergent_barrier && warp == 1) MG_BARRIER();
    else if (fault != missing_last_barrier) MG_BARRIER();
  }
  if (fault == missing_wait) port::copy_wait<0>();
  for (int q = 0; q < 4; q++) {
    const int row = warp * 16 + lane / 4 + q / 2 * 8, past = fault == outside && row == 63 ? 2450 : 0;
    memory[row * columns + lane % 4 * 2 + q % 2 + past] = d[q];
  }
  MG_BARRIER();
  float sum = 0;
  for (int i = thread; i < warps * 16 * columns; i += warps * 32)
    if (first + i / columns < rows) y[first * columns + i] = memory[i], sum += memory[i];
  if (fault == missing_lanes && lane > 20) return;
  for (int mask = 16; mask > 0; mask /= 2) sum += port::shuffle_xor(sum, mask);
  if (lane == 0) sums[port::block() * warps + warp] = sum;
  if (fault == copy_at_end && thread == 5) port::copy_async(memory, x, true);
}

constexpr i64 shared_bytes = (2 * warps * 16 * stride + 2 * chunk * 12) * 4;

template <int fault, bool bf16>
void start(i64 rows, const float* x, const float* w, float* y, float* sums) {
  port::launch(tile_kernel<fault, bf16>, mg::ceil_div(rows, warps * 16), warps * 32, shared_bytes, nullptr, rows, x, w, y, sums);
}

}  // namespace

#if !defined(__CUDACC__)
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  const int fault = argc > 1 ? std::atoi(argv[1]) : 0;
  const i64 rows = 150, blocks = mg::ceil_div(rows, warps * 16);
  float* const x = static_cast<float*>(std::aligned_alloc(16, rows * depth * 4));
  float* const w = static_cast<float*>(std::aligned_alloc(16, depth * columns * 4));
  for (i64 k = 0; k < rows * depth; k++) x[k] = float(k * 37 % 101) / 64 - 0.75f;  // exact in bfloat16
  for (i64 k = 0; k < depth * columns; k++) w[k] = float(k * 53 % 67) / 64 - 0.5f;
  int failures = 0;
  for (const bool bf16 : {false, true}) {
    std::vector<float> y(rows * columns, NAN), sums(blocks * warps, NAN);
    using Start = void (*)(i64, const float*, const float*, float*, float*);
    const Start right[] = {start<none, false>, start<none, true>};
    const Start wrong[] = {nullptr,
                           start<missing_wait, false>,
                           start<missing_barrier, false>,
                           start<missing_last_barrier, false>,
                           start<outside, false>,
                           start<divergent_barrier, false>,
                           start<missing_lanes, false>,
                           start<copy_at_end, false>};
    (fault == 0 ? right[bf16] : wrong[fault])(rows, x, w, y.data(), sums.data());
    double total = 0, sum = 0;
    for (i64 row = 0; row < rows; row++)
      for (int n = 0; n < columns; n++) {
        double want = 0;
        for (int k = 0; k < depth; k++) want += double(x[row * depth + k]) * w[k * columns + n];
        total += want;
        if (!(std::fabs(y[row * columns + n] - want) < 1e-4)) failures++;
      }
    for (const float part : sums) sum += part;
    if (!(std::fabs(sum - total) < 1e-2)) failures++;
  }
  std::free(x), std::free(w);
  std::printf("tile kernel, fault %d: %d wrong\n", fault, failures);
  return failures != 0;
}
#else
extern void (*const planted_starts[2])(i64, const float*, const float*, float*, float*);
void (*const planted_starts[2])(i64, const float*, const float*, float*, float*) = {start<none, false>, start<none, true>};
#endif
