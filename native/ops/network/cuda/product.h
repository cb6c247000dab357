// One block of threads makes one tile of a product (plan/product.h): the patch of 16 channels around its cells and the weights of
// one tap lie in shared memory, each twice, so that the next ones arrive during the arithmetic. Sources are read where they are:
// doubled, pooled and joined maps exist in the patch alone.
#pragma once
#include "../../../base/maximum.h"
#include "product_math.h"
#include "tables.h"

namespace mg {
namespace cuda {

// Tiles that a processor is to have at once, where registers decide: while some wait for memory or each other, others compute.
template <class T>
constexpr int tile_blocks = sizeof(T) == 4 ? 3 : 1;

// Channels of one tensor as a product gathers them; null data: zeros.
template <class T>
struct View {
  Map map;
  bool aligned;
  const T* data;
  i64 first, channels;
};

// Where a cell of the patch lies in the grid it is gathered for; image < 0: outside.
struct PatchCell {
  int image, place;  // row and column, 16 bits each
  MG_HD i64 row() const { return place >> 16; }
  MG_HD i64 column() const { return place & 0xffff; }
};

// The sources of a grid at a step: those on its own scale, or those that are folded and lie on the coarser one.
template <class T>
struct Sources {
  using Value = T;
  const SourceRow<T>* rows;
  int count;
  i64 t;
  MG_DEVICE View<T> find(i64 channel, bool folded) const {
    int j = 0;
    while (j + 1 < count && channel >= rows[j].first + rows[j].channels) j++;
    return {folded ? Map::same : rows[j].map, rows[j].aligned, rows[j].at(t), rows[j].first, rows[j].channels};
  }
};
template <class T>
struct OneSource {
  using Value = T;
  const T* data;
  i64 channels;
  MG_DEVICE View<T> find(i64, bool) const { return {Map::same, channels % 4 == 0, data, 0, channels}; }
};

// The cell of a source under a cell of a grid [height, width], or the first of the four that are pooled.
MG_DEVICE inline i64 source_cell(Map map, const PatchCell& c, i64 height, i64 width, int dimensions) {
  const bool line = dimensions == 1;
  if (map == Map::same) return (c.image * height + c.row()) * width + c.column();
  if (map == Map::up)
    return (c.image * (line ? 1 : height / 2) + (line ? 0 : up_source(c.row()))) * (width / 2) + up_source(c.column());
  return (c.image * (line ? 1 : height * 2) + (line ? 0 : pool_first(c.row()))) * (width * 2) + pool_first(c.column());
}

// N values of consecutive channels, as the grid sees them.
template <int N, class T>
MG_DEVICE Run<T, N> seen(const View<T>& v, i64 channel, const PatchCell& c, i64 height, i64 width, int dimensions) {
  const T* const at = v.data + source_cell(v.map, c, height, width, dimensions) * v.channels + (channel - v.first);
  const auto load = [&](i64 cells) { return *reinterpret_cast<const Run<T, N>*>(at + cells * v.channels); };
  Run<T, N> x = load(0);
  if (v.map != Map::down) return x;
  const Run<T, N> right = load(1), below = dimensions == 1 ? x : load(2 * width),
                  last = dimensions == 1 ? right : load(2 * width + 1);
  MG_UNROLL for (int k = 0; k < N; k++) x.at[k] = larger(larger(x.at[k], right.at[k]), larger(below.at[k], last.at[k]));
  return x;
}

template <class Math, class T>
MG_DEVICE void put_factors(const Run<T, 4>& x, typename Math::Factor* to) {
  Run<typename Math::Factor, 4> y;
  MG_UNROLL for (int j = 0; j < 4; j++) y.at[j] = Math::factor(x.at[j]);
  *reinterpret_cast<Run<typename Math::Factor, 4>*>(to) = y;
}

// What has to be pooled or rounded on its way, for AtOnce cells at a time: their loads are in flight together.
template <class Math, int AtOnce, class T>
MG_DEVICE void gather_through_registers(const View<T>& v, i64 channel, const PatchCell* cells, int count, i64 height, i64 width,
                                        int dimensions, typename Math::Factor* patch) {
  const int step = port::threads() / 4;
  for (int first = port::thread() / 4; first < count; first += AtOnce * step) {
    Run<T, 4> x[AtOnce]{};
    MG_UNROLL for (int j = 0; j < AtOnce; j++) {
      const int k = first + j * step;
      if (k < count && cells[k].image >= 0 && v.data != nullptr) x[j] = seen<4>(v, channel, cells[k], height, width, dimensions);
    }
    MG_UNROLL for (int j = 0; j < AtOnce; j++) {
      if (first + j * step < count) put_factors<Math>(x[j], patch + (first + j * step) * Math::stride);
    }
  }
}

// The four channels from `channel` on of every cell of a patch, by the threads with the same number modulo 4.
template <class Math, class From, class T = typename From::Value>
MG_DEVICE void gather(const From& from, i64 channel, i64 end, bool folded, const PatchCell* cells, int count, i64 height,
                      i64 width, int dimensions, typename Math::Factor* patch) {
  using Factor = typename Math::Factor;
  const int quad = port::thread() % 4 * 4;
  channel += quad;
  patch += quad;
  const View<T> v = from.find(channel < end ? channel : end - 1, folded);
  const bool whole = v.aligned && channel < end;
  if (whole && v.map == Map::down)
    return gather_through_registers<Math, 2>(v, channel, cells, count, height, width, dimensions, patch);
  if (whole && !Math::copies)
    return gather_through_registers<Math, 4>(v, channel, cells, count, height, width, dimensions, patch);
  for (int k = port::thread() / 4; k < count; k += port::threads() / 4) {
    const PatchCell c = cells[k];
    Factor* const to = patch + k * Math::stride;
    if (Math::copies && whole) {
      const bool valid = c.image >= 0 && v.data != nullptr;
      const T* const at =
          valid ? v.data + source_cell(v.map, c, height, width, dimensions) * v.channels + (channel - v.first) : nullptr;
      MG_UNROLL for (int part = 0; part < 4; part += 16 / int(sizeof(T)))
        port::copy_async(to + part, valid ? at + part : v.data, valid);
      continue;
    }
    Run<T, 4> x{};
    for (int j = 0; c.image >= 0 && j < 4 && channel + j < end; j++) {
      const View<T> one = from.find(channel + j, folded);
      if (one.data != nullptr) x.at[j] = seen<1>(one, channel + j, c, height, width, dimensions).at[0];
    }
    put_factors<Math>(x, to);
  }
}

// The shared memory of a tile.
template <class Math>
struct TileMemory {
  int *origins, *coarse_origins, *cells;  // of each cell of the tile: in the patches, and its number in the batch (-1: none)
  PatchCell *patch_cells, *coarse_cells;
  typename Math::Factor* patches;         // two, so far apart; plain offsets, or the compiler forgets that this is shared memory
  int patch_values;
  unsigned* weights;
  int weight_words;
  typename Math::Value* sums;  // in their place at the end: [128 cells][columns, and a gap]

  static MG_HD int sums_stride(const Product& p) { return p.tile_columns() + 4; }
  // Also the size of it, from a null base.
  static MG_HD i64 lay_out(const Product& p, char* base, TileMemory& m) {
    i64 used = 0;
    const auto take = [&](i64 bytes) {
      char* const at = base + used;
      used += (bytes + 15) / 16 * 16;
      return at;
    };
    const int most = p.patch_cells() > p.coarse_cells() ? p.patch_cells() : p.coarse_cells();
    m.origins = reinterpret_cast<int*>(take(3 * tile_cells * 4));
    m.coarse_origins = m.origins + tile_cells, m.cells = m.coarse_origins + tile_cells;
    m.patch_cells = reinterpret_cast<PatchCell*>(take((p.patch_cells() + p.coarse_cells()) * i64(sizeof(PatchCell))));
    m.coarse_cells = m.patch_cells + p.patch_cells();
    m.sums = reinterpret_cast<typename Math::Value*>(base + used);
    const i64 with_sums = used + i64(tile_cells) * sums_stride(p) * i64(sizeof(typename Math::Value));
    m.patch_values = most * Math::stride;
    m.patches = reinterpret_cast<typename Math::Factor*>(take(2 * m.patch_values * i64(sizeof(typename Math::Factor))));
    m.weight_words = (p.folded > 0 ? 4 : 1) * Math::weight_words(p.tile_columns());
    m.weights = reinterpret_cast<unsigned*>(take(2 * m.weight_words * 4));
    return used > with_sums ? used : with_sums;
  }
  static i64 bytes(const Product& p) {
    TileMemory m;
    return lay_out(p, nullptr, m);
  }
};

struct TilePlace {
  i64 image, row, column;  // its first cell
};
MG_DEVICE inline TilePlace tile_place(const Product& p, i64 tile) {
  const i64 line = tile / p.across, group = line / p.down;
  return {group * p.samples, (line - group * p.down) * p.rows, (tile - line * p.across) * p.columns};
}

MG_DEVICE inline void list_patch(const Product& p, const TilePlace& at, PatchCell* cells) {
  for (int k = port::thread(); k < p.patch_cells(); k += port::threads()) {
    const int line = k / p.patch_columns(), s = line / p.patch_rows();
    const i64 y = p.scale * at.row + line - s * p.patch_rows() - p.pad_height,
              x = p.scale * at.column + k - line * p.patch_columns() - p.pad_width;
    const bool in = at.image + s < p.batch && inside(y, p.in_height) && inside(x, p.in_width);
    cells[k] = {in ? int(at.image + s) : -1, in ? int(y << 16 | x) : 0};
  }
}
MG_DEVICE inline void list_coarse_patch(const Product& p, const TilePlace& at, PatchCell* cells) {
  const int columns = p.columns / 2 + 2, rows = p.rows / 2 + 2;
  for (int k = port::thread(); k < p.coarse_cells(); k += port::threads()) {
    const int line = k / columns, s = line / rows;
    const i64 y = at.row / 2 + line - s * rows - 1, x = at.column / 2 + k - line * columns - 1;
    const bool in = at.image + s < p.batch && inside(y, p.in_height / 2) && inside(x, p.in_width / 2);
    cells[k] = {in ? int(at.image + s) : -1, in ? int(y << 16 | x) : 0};
  }
}

// Cell m of the tile belongs to thread m here, and to its warp later. False: the tile has no such cell.
template <class Math>
MG_DEVICE bool list_cell(const Product& p, const TilePlace& at, const TileMemory<Math>& memory) {
  const int m = port::thread(), parity = p.folded > 0 ? m / 32 : 0, step = p.folded > 0 ? 2 : 1, k = p.folded > 0 ? m % 32 : m;
  const int rows = p.rows / step, columns = p.columns / step, line = k / columns, s = line / rows;
  const int y = line - s * rows, x = k - line * columns, row = y * step + parity / 2, column = x * step + parity % 2;
  const bool in = s < p.samples && at.image + s < p.batch && at.row + row < p.height && at.column + column < p.width;
  memory.cells[m] = in ? int(((at.image + s) * p.height + at.row + row) * p.width + at.column + column) : -1;
  memory.origins[m] = in ? (s * p.patch_rows() + p.scale * row) * p.patch_columns() + p.scale * column : 0;
  memory.coarse_origins[m] = in && p.folded > 0 ? (s * (rows + 2) + y + parity / 2) * (columns + 2) + x + parity % 2 : 0;
  return in;
}

// f(number of column blocks as a constant)
template <class Math, class F>
MG_DEVICE void by_blocks(int blocks, F&& f) {
  if (blocks == 2) f(std::integral_constant<int, 2>{});
  else if (blocks == 4) f(std::integral_constant<int, 4>{});
  else if constexpr (Math::Sums::most_blocks == 8) f(std::integral_constant<int, 8>{});
}

// Runs the product for one tile; epilogue(sums [128 cells][stride], numbers of the
// cells in the batch): columns as in the product, or, where they belong to LSTM cells,
// those of gate i, u, f, o one after the other, a quarter of the tile's columns each.
template <class Math, class From, class Epilogue>
MG_DEVICE void run_tile(const Product& p, i64 tile, i64 column_tile, const void* packed, const From& from, int dimensions,
                        Epilogue&& epilogue) {
  TileMemory<Math> memory;
  TileMemory<Math>::lay_out(p, port::shared<char>(), memory);
  const TilePlace place = tile_place(p, tile);
  list_patch(p, place, memory.patch_cells);
  list_coarse_patch(p, place, memory.coarse_cells);
  const bool works = port::ballot(list_cell(p, place, memory)) != 0;  // of the warp

  const int words = Math::weight_words(p.tile_columns()), folded_chunks = p.folded_chunks(), chunks = folded_chunks + p.chunks();
  const unsigned* next = static_cast<const unsigned*>(packed) + column_tile * (p.packed_rows() / chunk_channels) * words;
  typename Math::Sums sums;
  int side = 1;
  for (int chunk = -1; chunk < chunks; chunk++) {  // at -1, nothing is there yet but what comes first
    const bool folded = chunk < folded_chunks, next_folded = chunk + 1 < folded_chunks;
    const int taps = chunk < 0 ? 1 : folded ? 4 : p.taps(), across = folded ? 2 : p.kernel_width;
    const int line = folded ? p.columns / 2 + 2 : p.patch_columns();
    const i64 left = folded ? p.folded - chunk * chunk_channels : p.channels - (chunk - folded_chunks) * chunk_channels;
    const int depth = left < chunk_channels ? (int(left) + 3) / 4 * 4 : chunk_channels;
    for (int tap = 0; tap < taps; tap++, side ^= 1) {
      port::copy_wait<0>();
      MG_BARRIER();
      const bool last_tap = tap + 1 == taps;
      if (!last_tap || chunk + 1 < chunks) {
        const int count = (last_tap ? next_folded : folded) ? 4 * words : words;
        for (int k = port::thread() * 4; k < count; k += tile_threads * 4)
          port::copy_async(memory.weights + (side ^ 1) * memory.weight_words + k, next + k, true);
        next += count;
      }
      if (tap == 0 && chunk + 1 < chunks) {
        const i64 first = next_folded ? (chunk + 1) * chunk_channels : p.folded + (chunk + 1 - folded_chunks) * chunk_channels;
        const int scale = next_folded ? 2 : 1;
        gather<Math>(from, first, next_folded ? p.folded : p.folded + p.channels, next_folded,
                     next_folded ? memory.coarse_cells : memory.patch_cells, next_folded ? p.coarse_cells() : p.patch_cells(),
                     p.in_height / scale, p.in_width / scale, dimensions,
                     memory.patches + ((chunk + 1) & 1) * memory.patch_values);
        port::warp_barrier();  // lanes gather on ways of their own; matrix units want them together again
      }
      port::copy_commit();
      if (chunk < 0 || !works) continue;
      const unsigned* const weights = memory.weights + side * memory.weight_words + (folded ? port::thread() / 32 * words : 0);
      by_blocks<Math>(p.column_blocks, [&](auto blocks) {
        sums.template add<decltype(blocks)::value>(memory.patches + (chunk & 1) * memory.patch_values,
                                                   folded ? memory.coarse_origins : memory.origins,
                                                   tap / across * line + tap % across, weights, depth);
      });
    }
  }
  MG_BARRIER();
  const int stride = TileMemory<Math>::sums_stride(p);
  if (works) {
    by_blocks<Math>(p.column_blocks, [&](auto blocks) {
      sums.template each<decltype(blocks)::value>([&](int m, int n, typename Math::Value sum) {
        const int column = p.cell ? Math::column_gate(n) * (p.tile_columns() / 4) + Math::column_channel(n) : n;
        memory.sums[m * stride + column] = sum;
      });
    });
  }
  MG_BARRIER();
  epilogue(memory.sums, stride, memory.cells);
}

// The row of a work list that block `block` of rows [first, end) belongs to, and which of the row's blocks it is. The last rows,
// which are the largest grids of the highest layers, come first. All threads take part.
struct Found {
  int row;
  i64 block;
};
MG_DEVICE inline Found find_row(const i64* before, int first, int end, i64 block) {
  const i64 at = before[end] - 1 - block;
  int row = first - 1;
  for (int k = first; k < end; k += 32) {
    const int mine = k + port::thread() % 32;
    const unsigned beyond = ~port::ballot(mine < end && before[mine] <= at);
    row += beyond == 0 ? 32 : port::first_bit(beyond);
  }
  return {row, at - before[row]};
}

// In a launch that runs all stages: f(first row, end, block) for this block of threads' share of the work of a stage.
template <class T, class F>
MG_DEVICE void each_share(const Tables<T>& tables, Work kind, const Stage& stage, F&& f) {
  const int first = tables.first[int(kind)][stage.low], end = tables.first[int(kind)][stage.high + 1];
  const i64 blocks = tables.before[int(kind)][end] - tables.before[int(kind)][first];
  for (i64 block = port::block(); block < blocks; block += port::blocks()) {
    f(first, end, block);
    MG_BARRIER();  // before shared memory is used again
  }
}

}  // namespace cuda
}  // namespace mg
