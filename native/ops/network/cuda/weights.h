// The weight gradient of a grid: dW[tap, channel, n] = sum over steps and cells of what the tap
// saw times the sums' gradient n. One block of threads has 16 channels, up to nine taps and 64
// columns in registers and walks over the boxes of its slice; the slices are added in order at the
// end. The bias gradient, a sum of columns, comes from the blocks of the first channels and taps.
#pragma once
#include "product.h"

namespace mg {
namespace cuda {

constexpr int weight_columns = 64;

// Accumulators [taps][16 channels][64 columns] of a block, exact: each thread has one channel, eight columns and all taps.
template <class Math, class T = typename Math::Value>
struct WeightTile {
  static constexpr int gap = 16 / int(sizeof(T));
  T at[9][8] = {};

  static MG_DEVICE int channel() { return port::thread() % 16; }
  static MG_DEVICE int column() { return port::thread() / 16 * 8; }

  // += the cells of a box; offsets: of the taps in the patch. Cells that are not there have zeros in d.
  MG_DEVICE void add(const T* patch, const T* d, const int* origins, const int* offsets, int taps, bool is_square) {
    if (is_square) add_cells<true>(patch, d, origins, offsets, taps);
    else add_cells<false>(patch, d, origins, offsets, taps);
  }
  // Square: 3 x 3 taps, of which those of a line are known to be neighbours.
  template <bool Square>
  MG_DEVICE void add_cells(const T* patch, const T* d, const int* origins, const int* offsets, int taps) {
    patch += channel(), d += column();
    const int line[3] = {offsets[0], Square ? offsets[3] : 0, Square ? offsets[6] : 0};
    for (int m = 0; m < tile_cells; m++) {
      const auto b = *reinterpret_cast<const Run<T, 8>*>(d + m * (weight_columns + gap));
      const int origin = origins[m] * Math::stride;
    MG_UNROLL for (int tap = 0; tap < 9; tap++) {
        if (!Square && tap >= taps) break;
        const T x = patch[origin + (Square ? line[tap / 3] + tap % 3 * Math::stride : offsets[tap])];
        MG_UNROLL for (int n = 0; n < 8; n++) at[tap][n] = port::fma(x, b.at[n], at[tap][n]);
      }
    }
  }
  // f(tap, channel, column, sum)
  template <class F>
  MG_DEVICE void each(F&& f) const {
    MG_UNROLL for (int tap = 0; tap < 9; tap++) {
      MG_UNROLL for (int n = 0; n < 8; n++) f(tap, channel(), column() + n, at[tap][n]);
    }
  }
};

// With matrix units: 16 channels are rows, cells are the depth. Two warps share each half of the columns, one has five taps, the
// other the rest.
template <bool Bf16>
struct WeightTile<MatrixMath<Bf16>, float> {
  using Math = MatrixMath<Bf16>;
  using Factor = typename Math::Factor;
  static constexpr int gap = 8, depth = Bf16 ? 16 : 8;
  float at[5][4][4] = {};

  static MG_DEVICE int first_tap() { return port::thread() / 64 * 5; }
  static MG_DEVICE int column() { return port::thread() / 32 % 2 * 32; }

  // The words of the fragments at cells m and on. Both operands lie cell by cell, which is
  // the depth, so for words of two cells they are transposed: lane l names line l % 8 of
  // matrix l / 8, that is of one half of the depth and of one half of 16 channels or columns.
  struct Words {
    int patch_at[Bf16 ? 1 : 2];
    unsigned b[4][2];

    MG_DEVICE Words(const Factor* d, const int* origins, int m) {
      const int lane = port::thread() % 32;
      if constexpr (Bf16) {
        patch_at[0] = origins[m + lane / 16 * 8 + lane % 8] * Math::stride + lane / 8 % 2 * 8;
        const Factor* const from = d + (m + lane % 16) * (weight_columns + gap) + column() + lane / 16 * 8;
        port::load_transposed(b[0], from), port::load_transposed(b[2], from + 16);
      } else {
        MG_UNROLL for (int half = 0; half < 2; half++) {
          const int k = m + lane % 4 + half * 4;
          patch_at[half] = origins[k] * Math::stride + lane / 4;
          const Factor* const line = d + k * (weight_columns + gap) + column() + lane / 4;
          MG_UNROLL for (int n = 0; n < 4; n++) b[n][half] = port::to_tf32(line[n * 8]);
        }
      }
    }
    MG_DEVICE void load(const Factor* patch, int offset, unsigned (&a)[4]) const {
      if constexpr (Bf16) {
        port::load_transposed(a, patch + patch_at[0] + offset);
      } else {
        MG_UNROLL for (int k = 0; k < 4; k++) a[k] = port::to_tf32(patch[patch_at[k / 2] + offset + k % 2 * 8]);
      }
    }
  };

  MG_DEVICE void add(const Factor* patch, const Factor* d, const int* origins, const int* offsets, int taps, bool) {
    for (int m = 0; m < tile_cells; m += depth) {
      const Words words(d, origins, m);
      MG_UNROLL for (int k = 0; k < 5; k++) {
        const int tap = first_tap() + k;
        if (tap >= taps) break;
        unsigned a[4];
        words.load(patch, offsets[tap], a);
        MG_UNROLL for (int n = 0; n < 4; n++) {
          if constexpr (Bf16) port::mma_bf16(at[k][n], a, words.b[n]);
          else port::mma_tf32(at[k][n], a, words.b[n]);
        }
      }
    }
  }
  template <class F>
  MG_DEVICE void each(F&& f) const {
    const int lane = port::thread() % 32;
    MG_UNROLL for (int k = 0; k < 5; k++) {
      MG_UNROLL for (int n = 0; n < 4; n++) {
        MG_UNROLL for (int e = 0; e < 4; e++)
          if (first_tap() + k < 9 && (first_tap() > 0 || k < 5))
            f(first_tap() + k, lane / 4 + e / 2 * 8, column() + n * 8 + lane % 4 * 2 + e % 2, at[k][n][e]);
      }
    }
  }
};

template <class Math>
struct WeightMemory {
  using Factor = typename Math::Factor;
  TileMemory<Math> tile;
  Factor* d;     // gradients of the sums of the box as they are kept: [128 cells][64 columns]
  int* offsets;  // of up to nine taps in the patch, in values
  static constexpr int stride = weight_columns + WeightTile<Math>::gap;

  static MG_HD i64 lay_out(const Product& p, char* base, WeightMemory& m) {
    i64 used = 0;
    const auto take = [&](i64 bytes) {
      char* const at = base + used;
      used += (bytes + 15) / 16 * 16;
      return at;
    };
    m.tile.origins = reinterpret_cast<int*>(take(3 * tile_cells * 4));
    m.tile.coarse_origins = m.tile.origins + tile_cells, m.tile.cells = m.tile.coarse_origins + tile_cells;
    m.offsets = reinterpret_cast<int*>(take(9 * 4));
    m.tile.patch_cells = reinterpret_cast<PatchCell*>(take(p.patch_cells() * i64(sizeof(PatchCell))));
    m.tile.patches = reinterpret_cast<Factor*>(take(i64(p.patch_cells()) * Math::stride * i64(sizeof(Factor))));
    m.d = reinterpret_cast<Factor*>(take(tile_cells * stride * i64(sizeof(Factor))));
    return used;
  }
  static i64 bytes(const Product& p) {
    WeightMemory m;
    return lay_out(p, nullptr, m);
  }
};

// Columns from `d` on, of as many as `left`, of the gradients of a box; zeros
// for cells and columns that are not there. Arrives as asynchronous copies do.
template <class Math, class Gradient>
MG_DEVICE void gather_gradients(const Gradient* d, i64 outputs, i64 left, const int* cells, typename Math::Factor* to) {
  constexpr int stride = WeightMemory<Math>::stride, run = 16 / int(sizeof(Gradient));
  const bool aligned = outputs % run == 0;
  const int step = aligned ? run : 1, across = weight_columns / step, n = port::thread() % across * step;
  for (int m = port::thread() / across; m < tile_cells; m += tile_threads / across) {
    const bool valid = cells[m] >= 0 && n < left;
    const Gradient* const from = d + (valid ? cells[m] * outputs + n : 0);
    if (aligned) port::copy_async(to + m * stride + n, from, valid);
    else to[m * stride + n] = valid ? *from : Gradient(0);
  }
}

// Steps [t0, t1); `first`: the sums begin here, else they go on.
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads, tile_blocks<T>)
weights_kernel(const Tables<T>* tables, int first_row, int end, i64 t0, i64 t1, bool first) {
  const Found found = find_row(tables->before[int(Work::weights)], first_row, end, port::block());
  const Product& p = tables->forward[found.row];
  const WeightSum& w = tables->weights[found.row];
  const GridRow<T>& g = tables->grids[found.row];
  i64 at = found.block;
  const int column_tile = int(at % w.column_tiles), chunk = int((at /= w.column_tiles) % w.chunks);
  const int first_tap = int((at /= w.chunks) % w.tap_groups) * w.group_taps;
  const i64 slice = at / w.tap_groups, boxes = (t1 - t0) * p.tiles;
  const int taps = p.taps() - first_tap < w.group_taps ? p.taps() - first_tap : w.group_taps;
  const i64 channel = chunk * chunk_channels, column = i64(column_tile) * weight_columns;
  const bool sums_bias = chunk == 0 && first_tap == 0 && port::thread() < weight_columns;

  WeightMemory<Math> memory;
  WeightMemory<Math>::lay_out(p, port::shared<char>(), memory);
  for (int k = port::thread(); k < taps; k += tile_threads)
    memory.offsets[k] = ((first_tap + k) / p.kernel_width * p.patch_columns() + (first_tap + k) % p.kernel_width) * Math::stride;
  WeightTile<Math> sums;
  T bias = T(0);
  for (i64 box = part_begin(boxes, w.slices, slice); box < part_begin(boxes, w.slices, slice + 1); box++) {
    const i64 t = t0 + box / p.tiles;
    const TilePlace place = tile_place(p, box % p.tiles);
    MG_BARRIER();
    list_patch(p, place, memory.tile.patch_cells);
    list_cell(p, place, memory.tile);
    MG_BARRIER();
    gather<Math>(Sources<T>{tables->sources + g.source, g.sources, t}, channel, g.in_channels, false, memory.tile.patch_cells,
                 p.patch_cells(), p.in_height, p.in_width, tables->dimensions, memory.tile.patches);
    using Kept = typename Math::Kept;
    const auto* const d = kept_at<typename Kept::Gradient>(g.dsums, t) + column;
    gather_gradients<Math>(d, g.outputs, g.outputs - column, memory.tile.cells, memory.d);
    port::copy_commit();
    port::copy_wait<0>();
    MG_BARRIER();
    sums.add(memory.tile.patches, memory.d, memory.tile.origins, memory.offsets, taps, taps == 9 && p.kernel_width == 3);
    for (int m = 0; sums_bias && m < tile_cells; m++)
      bias += Kept::gradient(memory.d[m * WeightMemory<Math>::stride + port::thread()]);
  }
  T* const partial = g.partials + slice * w.size;
  sums.each([&](int tap, int c, int n, T sum) {
    if (tap >= taps || channel + c >= g.in_channels || column + n >= g.outputs) return;
    T* const to = partial + (i64(first_tap + tap) * g.in_channels + channel + c) * g.outputs + column + n;
    *to = first ? sum : *to + sum;
  });
  if (sums_bias && column + port::thread() < g.outputs) {
    T* const to = partial + w.size - g.outputs + column + port::thread();
    *to = first ? bias : *to + bias;
  }
}

constexpr int add_blocks = 32;  // of each grid

template <class T>
MG_KERNEL(256) add_weights_kernel(const Tables<T>* tables) {
  const i64 k = port::block() / add_blocks;
  const GridRow<T>& g = tables->grids[k];
  const WeightSum& w = tables->weights[k];
  for (i64 i = port::block() % add_blocks * 256 + port::thread(); i < w.size; i += add_blocks * 256) {
    T sum = g.partials[i];
    for (int slice = 1; slice < w.slices; slice++) sum += g.partials[slice * w.size + i];
    if (i < w.size - g.outputs) g.dkernel[i] = sum;
    else g.dbias[i - (w.size - g.outputs)] = sum;
  }
}

}  // namespace cuda
}  // namespace mg
