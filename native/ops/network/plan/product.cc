// Tiles of the products of a plan.
#include "product.h"

#include <algorithm>

namespace mg {
namespace {

// Work of a tile in cells: its arithmetic counts for all rows, used or not, its gathering about a quarter of that per cell.
i64 cost(const Product& p) { return p.tiles * (4 * tile_cells + p.patch_cells() + p.coarse_cells()); }

void set_box(Product& p, i64 samples, i64 rows, i64 columns) {
  p.samples = int(samples), p.rows = int(rows), p.columns = int(columns);
  p.down = ceil_div(p.height, rows), p.across = ceil_div(p.width, columns);
  p.tiles = p.down * p.across * ceil_div(p.batch, samples);
}

}  // namespace

bool choose_box(Product& p, i64 element_bytes) {
  const i64 most = element_bytes == 8 ? most_patch_cells * 5 / 8 : most_patch_cells, step = p.folded > 0 ? 2 : 1;
  bool found = false;
  Product best = p;
  for (i64 rows = step; rows <= p.height && rows <= tile_cells; rows += step) {
    for (i64 columns = step; columns <= p.width && rows * columns <= tile_cells; columns += step) {
      const i64 fit = std::max<i64>(1, std::min(p.batch, tile_cells / (rows * columns)));
      for (i64 samples = fit; samples > 0; samples = samples / 2) {
        Product box = p;
        set_box(box, samples, rows, columns);
        if (box.patch_cells() > most) continue;
        if (!found || cost(box) < cost(best)) best = box, found = true;
        break;
      }
    }
  }
  p = best;
  return found;
}

void choose_columns(Product& p, i64 element_bytes, Precision precision, bool narrow) {
  const int least = p.cell && precision != Precision::float32 ? 4 : 2, most = narrow ? least : element_bytes == 8 ? 4 : 8;
  p.column_blocks = least;
  while (p.column_blocks < most && p.tile_columns() < p.outputs) p.column_blocks *= 2;
  p.column_tiles = ceil_div(p.outputs, p.tile_columns());
}

WeightSum weight_sum(const Product& p, i64 channels, i64 steps) {
  WeightSum w{};
  w.group_taps = std::min(p.taps(), 9);
  w.tap_groups = int(ceil_div(p.taps(), w.group_taps));
  w.chunks = int(ceil_div(channels, chunk_channels));
  w.column_tiles = int(ceil_div(p.outputs, 64));
  w.size = p.taps() * channels * p.outputs + p.outputs;
  // About 264 blocks for each grid, each with eight boxes or more.
  const i64 each = i64(w.tap_groups) * w.chunks * w.column_tiles;
  w.slices = int(std::max<i64>(1, std::min(ceil_div(264, each), p.tiles * steps / 8)));
  return w;
}

}  // namespace mg
