// Reductions of x [outer, length, inner] over its middle axis on the GPU, in double: blocks of rows of fixed size, then the
// blocks; within each, strided rows by thread and a tree over the threads. No atomics, so the bits depend on the shape alone.
#pragma once
#include "loops.h"

namespace mg {
namespace cuda {

struct StripDims {
  i64 outer, length, inner, rows_per_block;

  i64 blocks() const { return ceil_div(length, rows_per_block); }
};

struct AddUp {
  static MG_HD double start() { return 0; }
  static MG_HD double join(double a, double b) { return a + b; }
};

// `width` columns side by side, 256 / width rows at once; store(o, block, i, total).
template <class R, class Load, class Store>
MG_KERNEL(loop_threads) strip_kernel(StripDims d, i64 blocks, int width, Load load, Store store) {
  double* const totals = port::shared<double>();
  const i64 tiles = ceil_div(d.inner, width), tile = port::block() % tiles, strip = port::block() / tiles;
  const i64 o = strip / blocks, first = strip % blocks * d.rows_per_block, i = tile * width + port::thread() % width;
  const i64 last = first + d.rows_per_block < d.length ? first + d.rows_per_block : d.length;
  const int lane = port::thread() / width, lanes = loop_threads / width;
  double total = R::start();
  if (i < d.inner)
    for (i64 r = first + lane; r < last; r += lanes) total = R::join(total, load(o, r, i));
  totals[port::thread()] = total;
  for (int half = lanes / 2; half > 0; half /= 2) {
    MG_BARRIER();
    if (lane < half) totals[port::thread()] = R::join(totals[port::thread()], totals[port::thread() + half * width]);
  }
  if (lane == 0 && i < d.inner) store(o, strip % blocks, i, totals[port::thread()]);
}

template <class R, class Load, class Store>
void launch_strips(Stream stream, const StripDims& d, i64 blocks, Load load, Store store) {
  int width = 1;
  while (width < 32 && width < d.inner) width *= 2;
  port::launch(strip_kernel<R, Load, Store>, d.outer * blocks * ceil_div(d.inner, width), loop_threads, loop_threads * 8, stream,
               d, blocks, width, load, store);
}

// store(o, i, total of load(o, r, i) over r); partials [outer, blocks, inner]. R::start() where there are no rows.
template <class R, class Load, class Store>
void reduce_strips(Stream stream, const StripDims& d, double* partials, Load load, Store store) {
  const i64 blocks = d.blocks(), inner = d.inner;
  if (d.outer == 0 || inner == 0) return;
  if (blocks > 0)
    launch_strips<R>(stream, d, blocks, load, [=] MG_DEVICE(i64 o, i64 block, i64 i, double total) {
      partials[(o * blocks + block) * inner + i] = total;
    });
  launch_strips<R>(
      stream, StripDims{d.outer, blocks, inner, blocks > 0 ? blocks : 1}, 1,
      [=] MG_DEVICE(i64 o, i64 block, i64 i) { return partials[(o * blocks + block) * inner + i]; },
      [=] MG_DEVICE(i64 o, i64, i64 i, double total) { store(o, i, total); });
}

}  // namespace cuda
}  // namespace mg
