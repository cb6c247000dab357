// Matrix products on the GPU: c[m,n] = Σ_k a(m,k) b(k,n), where a and b are read through loaders, so that a convolution is a
// product too. One block makes a tile of c: 16 steps of k at a time lie in shared memory, double-buffered, and each thread keeps
// a few elements in registers. Every sum runs over k in order; with `slices` > 1 each slice of k gives a sum of its own.
//
// A loader for a (or b, with n for m) has:
//   Outer outer(batch, m)   what depends on m only        Inner inner(batch, k)  what depends on k only
//   T load(Outer, Inner)    the element                   inner_fast             whether neighbours in k are neighbours in memory
#pragma once
#include "loops.h"

namespace mg {
namespace cuda {

struct GemmDims {
  i64 batch, rows, columns, depth, slices;
};

// The loader of a matrix whose element (k, o) lies at [k * pitch + o] or, with InnerFast, at [o * pitch + k].
template <class T, bool InnerFast>
struct GemmMatrix {
  struct Outer {
    const T* at;
  };
  using Inner = i64;
  static constexpr bool inner_fast = InnerFast;
  const T* data;
  i64 batch_size, pitch;

  MG_DEVICE Outer outer(i64 batch, i64 o) const { return {data + batch * batch_size + (InnerFast ? o * pitch : o)}; }
  MG_DEVICE Inner inner(i64, i64 k) const { return InnerFast ? k : k * pitch; }
  MG_DEVICE T load(const Outer& o, Inner k) const { return o.at[k]; }
};

template <int Rows, int Columns, int ThreadRows, int ThreadColumns>
struct GemmTile {
  static constexpr int rows = Rows, columns = Columns, thread_rows = ThreadRows, thread_columns = ThreadColumns;
  static constexpr int depth = 16, pad = 4;
  static_assert(Rows / ThreadRows * (Columns / ThreadColumns) == loop_threads, "one tile, one block");
  template <class T>
  static constexpr i64 shared_bytes() {
    return 2 * depth * (Rows + Columns + 2 * pad) * i64(sizeof(T));
  }
};

// Brings 16 × Extent elements of one operand to registers and then to shared memory [16][Extent + pad].
template <class T, class Loader, int Extent>
struct GemmOperand {
  static constexpr int each = Extent * 16 / loop_threads, stride = Extent + 4;
  static constexpr int outers = Loader::inner_fast ? each : 1, inners = Loader::inner_fast ? 1 : each;

  const Loader& loader;
  i64 batch, end;
  typename Loader::Outer outer[outers];
  bool inside[outers];
  T held[each];

  static MG_DEVICE int outer_at(int k) { return Loader::inner_fast ? port::thread() / 16 + 16 * k : port::thread() % Extent; }
  static MG_DEVICE int inner_at(int k) {
    return Loader::inner_fast ? port::thread() % 16 : port::thread() / Extent + loop_threads / Extent * k;
  }

  MG_DEVICE GemmOperand(const Loader& from, i64 of_batch, i64 first, i64 count, i64 depth_end)
      : loader(from), batch(of_batch), end(depth_end) {
    MG_UNROLL for (int k = 0; k < outers; k++) {
      const i64 at = first + outer_at(k);
      inside[k] = at < count;
      outer[k] = loader.outer(batch, inside[k] ? at : first);
    }
  }
  MG_DEVICE void fetch(i64 depth) {
    MG_UNROLL for (int i = 0; i < inners; i++) {
      const i64 at = depth + inner_at(i);
      const bool any = at < end;
      const typename Loader::Inner inner = loader.inner(batch, any ? at : end - 1);
      MG_UNROLL for (int o = 0; o < outers; o++) held[i + o] = any && inside[o] ? loader.load(outer[o], inner) : T(0);
    }
  }
  MG_DEVICE void put(T* tile) const {
    MG_UNROLL for (int k = 0; k < each; k++) tile[inner_at(k) * stride + outer_at(k)] = held[k];
  }
};

template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) GemmRun {
  T at[N];
};

// store(batch, slice, m, n, sum)
template <class T, class Tile, class A, class B, class Store>
MG_KERNEL(loop_threads) gemm_kernel(GemmDims d, A a, B b, Store store) {
  constexpr int a_stride = Tile::rows + Tile::pad, b_stride = Tile::columns + Tile::pad;
  T* const a_tiles = port::shared<T>();
  T* const b_tiles = a_tiles + 2 * Tile::depth * a_stride;
  const i64 across = ceil_div(d.columns, Tile::columns), down = ceil_div(d.rows, Tile::rows),
            item = port::block() / (across * down);
  const i64 first_row = port::block() / across % down * Tile::rows, first_column = port::block() % across * Tile::columns;
  const i64 batch = item / d.slices, slice = item % d.slices;
  const i64 begin = part_begin(d.depth, d.slices, slice), end = part_begin(d.depth, d.slices, slice + 1);

  GemmOperand<T, A, Tile::rows> left(a, batch, first_row, d.rows, end);
  GemmOperand<T, B, Tile::columns> right(b, batch, first_column, d.columns, end);
  const int row = port::thread() / (Tile::columns / Tile::thread_columns) * Tile::thread_rows;
  const int column = port::thread() % (Tile::columns / Tile::thread_columns) * Tile::thread_columns;
  T sums[Tile::thread_rows][Tile::thread_columns] = {};

  if (begin < end) {
    left.fetch(begin), right.fetch(begin);
    left.put(a_tiles), right.put(b_tiles);
  }
  MG_BARRIER();
  int side = 0;
  for (i64 depth = begin; depth < end; depth += Tile::depth, side ^= 1) {
    const bool more = depth + Tile::depth < end;
    if (more) left.fetch(depth + Tile::depth), right.fetch(depth + Tile::depth);  // on their way during the arithmetic
    const T* const a_tile = a_tiles + side * Tile::depth * a_stride;
    const T* const b_tile = b_tiles + side * Tile::depth * b_stride;
    MG_UNROLL for (int k = 0; k < Tile::depth; k++) {
      const auto x = *reinterpret_cast<const GemmRun<T, Tile::thread_rows>*>(a_tile + k * a_stride + row);
      const auto y = *reinterpret_cast<const GemmRun<T, Tile::thread_columns>*>(b_tile + k * b_stride + column);
      MG_UNROLL for (int m = 0; m < Tile::thread_rows; m++) {
        MG_UNROLL for (int n = 0; n < Tile::thread_columns; n++) sums[m][n] = port::fma(x.at[m], y.at[n], sums[m][n]);
      }
    }
    if (more) left.put(a_tiles + (side ^ 1) * Tile::depth * a_stride), right.put(b_tiles + (side ^ 1) * Tile::depth * b_stride);
    MG_BARRIER();
  }
  MG_UNROLL for (int m = 0; m < Tile::thread_rows; m++) {
    MG_UNROLL for (int n = 0; n < Tile::thread_columns; n++)
      if (first_row + row + m < d.rows && first_column + column + n < d.columns)
        store(batch, slice, first_row + row + m, first_column + column + n, sums[m][n]);
  }
}

template <class T, class Tile, class A, class B, class Store>
void launch_gemm(Stream stream, const GemmDims& d, A a, B b, Store store) {
  port::launch(gemm_kernel<T, Tile, A, B, Store>,
               d.batch * d.slices * ceil_div(d.rows, Tile::rows) * ceil_div(d.columns, Tile::columns), loop_threads,
               Tile::template shared_bytes<T>(), stream, d, a, b, store);
}

// Tiles as narrow as the product: few output channels are the rule here.
template <class T, class A, class B, class Store>
void gemm(Stream stream, const GemmDims& d, A a, B b, Store store) {
  if (d.batch == 0 || d.rows == 0 || d.columns == 0) return;
  constexpr bool wide = sizeof(T) == 8;  // two registers each: smaller tiles
  using Narrow = GemmTile<wide ? 64 : 128, 16, wide ? 2 : 4, 2>;
  using Middle = GemmTile<wide ? 64 : 128, 32, 4, wide ? 2 : 4>;
  if (d.columns > 32) launch_gemm<T, GemmTile<64, 64, 4, 4>>(stream, d, a, b, store);
  else if (d.columns > 16) launch_gemm<T, Middle>(stream, d, a, b, store);
  else launch_gemm<T, Narrow>(stream, d, a, b, store);
}

// Into how many sums a long sum over `depth` is cut to keep the machine busy; `size` elements of c. The shape alone decides.
inline i64 gemm_slices(i64 depth, i64 size) {
  i64 slices = depth / 512;
  if (slices > 264) slices = 264;
  while (slices > 1 && slices * size > (i64(1) << 24)) slices /= 2;
  return slices < 1 ? 1 : slices;
}

// c[i] = the sum of partials [slices, size] over the slices, in order.
template <class T>
void add_slices(Stream stream, i64 slices, i64 size, const T* partials, T* c) {
  each_element(stream, size, [=] MG_DEVICE(i64 i) {
    T sum = partials[i];
    for (i64 slice = 1; slice < slices; slice++) sum += partials[slice * size + i];
    c[i] = sum;
  });
}

}  // namespace cuda
}  // namespace mg
