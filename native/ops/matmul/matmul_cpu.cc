// The matrix product on the CPU.
#include "matmul.h"

#include <algorithm>
#include <cstring>

#include "../../base/conv/tile.h"
#include "../../base/host/arena.h"
#include "../../base/host/chunks.h"
#include "../../base/index.h"

namespace mg {
namespace {

constexpr i64 max_lanes = 16;        // of any target: workspace sizes must not depend on the one in use
constexpr i64 panel_width = 64;      // columns of b that are packed side by side
constexpr i64 pack_rows = 256;       // rows of b packed by one chunk
constexpr i64 thin_rows = 3;         // up to so many rows, b is read once where it lies instead of being packed

// Rows of a tile job: a multiple of the tile height, small enough for about 32 chunks.
i64 rows_per_chunk(const MatmulDims& d, i64 panels) {
  const i64 even = round_up(ceil_div(d.rows * d.batch * panels, 32), 12);
  return std::max<i64>(12, std::min<i64>(192, even));
}

template <class T>
struct PackedSpace {
  T *panels, *bias;
  i64 used, per_item;
  PackedSpace(const MatmulDims& d, void* base) {
    Arena a(base);
    const i64 width = round_up(d.columns, max_lanes);
    per_item = d.inner * width;
    panels = a.take<T>(d.batch * per_item);
    bias = a.take<T>(width);
    used = a.used_bytes();
  }
};

// Rows first … last of the panel that begins at `column`, zeros behind its last column.
template <class T>
void pack_panel(const MatmulDims& d, const T* b, i64 column, i64 width, i64 padded, i64 first, i64 last, T* panel) {
  if (d.transposed) {
    for (i64 n = 0; n < width; n++)
      for (i64 k = first; k < last; k++) panel[k * padded + n] = b[(column + n) * d.inner + k];
  }
  for (i64 k = first; k < last; k++) {
    T* to = panel + k * padded;
    if (!d.transposed) std::memcpy(to, b + k * d.columns + column, std::size_t(width) * sizeof(T));
    for (i64 n = width; n < padded; n++) to[n] = T(0);
  }
}

// One panel of up to 64 columns stays in cache while blocks of rows pass by.
template <class T>
void packed_product(const MatmulDims& d, const T* a, const T* b, const T* bias, T* y, void* workspace) {
  const ConvTable<T>& table = conv_table<T>();
  const PackedSpace<T> space(d, workspace);
  const i64 panels = ceil_div(d.columns, panel_width), slabs = ceil_div(d.inner, pack_rows);
  const bool in_place = !d.transposed && panels == 1 && padded_columns(d.columns, table.lanes) == d.columns;
  const auto width_of = [&](i64 p) { return std::min(panel_width, d.columns - p * panel_width); };
  if (!in_place) {
    for_chunks(d.batch * panels * slabs, d.batch * d.inner * d.columns, [&](i64 c, int) {
      const i64 slab = c % slabs, p = c / slabs % panels, item = c / slabs / panels;
      pack_panel(d, b + item * d.inner * d.columns, p * panel_width, width_of(p), padded_columns(width_of(p), table.lanes),
                 slab * pack_rows, std::min(d.inner, (slab + 1) * pack_rows),
                 space.panels + item * space.per_item + p * panel_width * d.inner);
    });
  }
  if (bias) {
    std::fill_n(space.bias, round_up(d.columns, max_lanes), T(0));
    std::copy_n(bias, d.columns, space.bias);
  }
  const i64 rows = rows_per_chunk(d, panels), blocks = ceil_div(d.rows, rows);
  for_chunks(d.batch * panels * blocks, d.multiply_adds(), [&](i64 c, int) {
    const i64 block = c % blocks, p = c / blocks % panels, item = c / blocks / panels, first = block * rows;
    TileJob<T> job{};
    const T* weight =
        in_place ? b + item * d.inner * d.columns : space.panels + item * space.per_item + p * panel_width * d.inner;
    job.patch = a + (item * d.rows + first) * d.inner, job.row_stride = job.run = d.inner, job.weight = weight;
    job.pixels = std::min(rows, d.rows - first);
    job.bias = bias ? space.bias + p * panel_width : nullptr;
    job.columns = width_of(p);
    job.out = y + (item * d.rows + first) * d.columns + p * panel_width;
    job.out_stride = d.columns;
    table.tiles(job);
  });
}

template <class T>
void add_rows(const T* a, const T* b, i64 inner, i64 ld, i64 width, T* __restrict y) {
  i64 k = 0;
  for (; k + 4 <= inner; k += 4) {
    const T a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];
    const T *b0 = b + k * ld, *b1 = b0 + ld, *b2 = b1 + ld, *b3 = b2 + ld;
    for (i64 n = 0; n < width; n++) y[n] += (a0 * b0[n] + a1 * b1[n]) + (a2 * b2[n] + a3 * b3[n]);
  }
  for (; k < inner; k++)
    for (i64 n = 0; n < width; n++) y[n] += a[k] * b[k * ld + n];
}

template <class T>
T dot(const T* a, const T* b, i64 n) {
  constexpr i64 lanes = 16;
  T sums[lanes] = {};
  i64 k = 0;
  for (; k + lanes <= n; k += lanes)
    for (i64 j = 0; j < lanes; j++) sums[j] += a[k + j] * b[k + j];
  T sum = 0;
  for (const T s : sums) sum += s;
  for (; k < n; k++) sum += a[k] * b[k];
  return sum;
}

// A few rows: limited by reading b, so b is read in place, in blocks of columns.
template <class T>
void thin_product(const MatmulDims& d, const T* a, const T* b, const T* bias, T* y) {
  const i64 width = std::max<i64>(64, std::min<i64>(512, round_up(ceil_div(d.columns, 8), 16))),
            blocks = ceil_div(d.columns, width);
  for_chunks(d.batch * blocks, d.multiply_adds(), [&](i64 c, int) {
    const i64 item = c / blocks, first = c % blocks * width, count = std::min(width, d.columns - first);
    const T* matrix = b + item * d.inner * d.columns;
    for (i64 m = item * d.rows; m < (item + 1) * d.rows; m++) {
      T* to = y + m * d.columns + first;
      for (i64 n = 0; n < count; n++) to[n] = bias ? bias[first + n] : T(0);
      if (!d.transposed) add_rows(a + m * d.inner, matrix + first, d.inner, d.columns, count, to);
      else
        for (i64 n = 0; n < count; n++) to[n] += dot(a + m * d.inner, matrix + (first + n) * d.inner, d.inner);
    }
  });
}

// Partial sums of the outer product: one per 512 rows, at most 16;
// and pieces of its K rows, until there is work for many threads.
struct OuterSplit {
  i64 partials, pieces;
  explicit OuterSplit(const MatmulDims& d) {
    partials = std::max<i64>(1, std::min<i64>(16, d.rows / 512));
    const i64 wanted = ceil_div(32, std::max<i64>(1, d.batch * partials));
    pieces = std::max<i64>(1, std::min(wanted, d.inner / 24));
  }
};

template <class T>
struct OuterSpace {
  static constexpr i64 rows = 256;  // of dy that stay in cache while the gradient passes by
  T *dy, *partials;
  i64 used;
  OuterSpace(const MatmulDims& d, const OuterSplit& split, void* base) {
    Arena a(base);
    dy = a.take<T>(d.columns % max_lanes == 0 ? 0 : d.batch * d.rows * round_up(d.columns, max_lanes));
    partials = a.take<T>(split.partials == 1 ? 0 : d.batch * split.partials * d.inner * d.columns);
    used = a.used_bytes();
  }
};

template <class T>
const T* pad_columns(const MatmulDims& d, const T* dy, i64 padded, T* to) {
  if (padded == d.columns) return dy;
  const i64 rows = d.batch * d.rows;
  for_chunks(ceil_div(rows, pack_rows), rows * d.columns, [&](i64 chunk, int) {
    for (i64 m = chunk * pack_rows; m < std::min(rows, (chunk + 1) * pack_rows); m++) {
      std::memcpy(to + m * padded, dy + m * d.columns, std::size_t(d.columns) * sizeof(T));
      for (i64 n = d.columns; n < padded; n++) to[m * padded + n] = T(0);
    }
  });
  return to;
}

// A few rows: limited by writing g, which goes row by row.
template <class T>
void thin_outer(const MatmulDims& d, const T* a, const T* dy, T* g) {
  const i64 lines = std::max<i64>(1, 8192 / d.columns), blocks = ceil_div(d.inner, lines);
  for_chunks(d.batch * blocks, d.multiply_adds(), [&](i64 c, int) {
    const i64 item = c / blocks, first = c % blocks * lines;
    for (i64 k = first; k < std::min(d.inner, first + lines); k++) {
      T* __restrict to = g + (item * d.inner + k) * d.columns;
      std::fill_n(to, d.columns, T(0));
      for (i64 m = item * d.rows; m < (item + 1) * d.rows; m++) {
        const T scale = a[m * d.inner + k];
        for (i64 n = 0; n < d.columns; n++) to[n] += scale * dy[m * d.columns + n];
      }
    }
  });
}

}  // namespace

template <class T>
i64 matmul_forward_bytes(const MatmulDims& d) {
  return d.rows <= thin_rows ? 0 : PackedSpace<T>(d, nullptr).used;
}

template <class T>
void matmul_forward(const MatmulDims& d, const T* a, const T* b, const T* bias, T* y, void* workspace) {
  if (d.batch * d.rows * d.columns == 0) return;
  if (d.rows <= thin_rows) thin_product(d, a, b, bias, y);
  else packed_product(d, a, b, bias, y, workspace);
}

template <class T>
i64 matmul_outer_bytes(const MatmulDims& d) {
  return d.rows <= thin_rows ? 0 : OuterSpace<T>(d, OuterSplit(d), nullptr).used;
}

template <class T>
void matmul_outer(const MatmulDims& d, const T* a, const T* dy, T* g, void* workspace) {
  const i64 size = d.inner * d.columns;
  if (d.batch * size == 0) return;
  if (d.rows <= thin_rows) return thin_outer(d, a, dy, g);
  const ConvTable<T>& table = conv_table<T>();
  const OuterSplit split(d);
  const OuterSpace<T> space(d, split, workspace);
  const i64 padded = padded_columns(d.columns, table.lanes);
  const T* padded_dy = pad_columns(d, dy, padded, space.dy);
  T* const sums = split.partials == 1 ? g : space.partials;
  for_chunks(d.batch * split.partials * split.pieces, d.multiply_adds(), [&](i64 c, int) {
    const i64 piece = c % split.pieces, part = c / split.pieces % split.partials, item = c / split.pieces / split.partials;
    const i64 end = part_begin(d.rows, split.partials, part + 1);
    OuterJob<T> job{};
    job.row_stride = job.run = d.inner;
    job.begin = part_begin(d.inner, split.pieces, piece);
    job.end = part_begin(d.inner, split.pieces, piece + 1);
    job.columns = d.columns;
    job.grad = sums + (item * split.partials + part) * size;
    i64 m = part_begin(d.rows, split.partials, part);
    do {
      job.patch = a + (item * d.rows + m) * d.inner;
      job.dy = padded_dy + (item * d.rows + m) * padded;
      job.pixels = std::min(OuterSpace<T>::rows, end - m);
      table.outer(job);
      job.accumulate = true;
      m += job.pixels;
    } while (m < end);
  });
  if (split.partials == 1) return;
  const i64 blocks = ceil_div(size, 4096);
  for_chunks(d.batch * blocks, d.batch * size * split.partials, [&](i64 c, int) {
    const i64 item = c / blocks, first = c % blocks * 4096;
    const T* from = sums + item * split.partials * size;
    for (i64 k = first; k < std::min(size, first + 4096); k++) {
      T sum = from[k];
      for (i64 part = 1; part < split.partials; part++) sum += from[part * size + k];
      g[item * size + k] = sum;
    }
  });
}

#define MG_INSTANTIATE(T)                                                                      \
  template i64 matmul_forward_bytes<T>(const MatmulDims&);                                     \
  template void matmul_forward<T>(const MatmulDims&, const T*, const T*, const T*, T*, void*); \
  template i64 matmul_outer_bytes<T>(const MatmulDims&);                                       \
  template void matmul_outer<T>(const MatmulDims&, const T*, const T*, T*, void*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
