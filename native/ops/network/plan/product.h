// How the CUDA engine cuts a convolution into tiles: a matrix product whose rows are cells, gathered with a ring around them,
// whose columns are outputs, and whose depth runs over chunks of channels and taps. Plain C++; shapes and precision alone decide.
#pragma once
#include "../../../base/index.h"
#include "../../../base/platform.h"

namespace mg {

enum class Precision { float32, tf32, bfloat16 };  // of the products' factors; sums, cells and weights stay as they are

constexpr int tile_cells = 128;  // of one block of threads: 4 warps, 32 each
constexpr int tile_threads = 128;
constexpr int chunk_channels = 16;  // gathered at a time

// Cells of one parity each are in one warp where doubled sources are folded (plan.h): folded_tap. Folded channels come first and
// are gathered from the coarser grid, 2 x 2 taps for each parity.
struct Product {
  int layer, grid;
  i64 batch, height, width;  // cells computed
  int samples, rows, columns;  // a tile: a box of so many of them
  i64 down, across, tiles;  // tiles of one image, and all
  i64 in_height, in_width;  // cells gathered; `scale` of them for each one computed, along each axis
  int scale, kernel_height, kernel_width, pad_height, pad_width;
  i64 folded, channels;  // channels gathered: folded ones, and the rest
  i64 outputs;
  bool cell;  // the columns are the four sums of each channel of an LSTM
  int column_blocks;  // of 8 columns in a tile: 2, 4 or 8
  i64 column_tiles;
  i64 packed;  // bytes into workspace

  MG_HD int taps() const { return kernel_height * kernel_width; }
  MG_HD int tile_columns() const { return 8 * column_blocks; }
  MG_HD int patch_rows() const { return scale * (rows - 1) + kernel_height; }
  MG_HD int patch_columns() const { return scale * (columns - 1) + kernel_width; }
  MG_HD int patch_cells() const { return samples * patch_rows() * patch_columns(); }
  MG_HD int coarse_cells() const { return folded > 0 ? samples * (rows / 2 + 2) * (columns / 2 + 2) : 0; }
  MG_HD int folded_chunks() const { return int(ceil_div(folded, chunk_channels)); }
  MG_HD int chunks() const { return int(ceil_div(channels, chunk_channels)); }
  // Rows of packed weights of one column tile: 16 for each chunk and tap, and for each parity where it is folded.
  MG_HD i64 packed_rows() const { return chunk_channels * (16 * i64(folded_chunks()) + i64(chunks()) * taps()); }
  MG_HD i64 packed_values() const { return column_tiles * packed_rows() * tile_columns(); }
  MG_HD i64 blocks() const { return tiles * column_tiles; }
};

// The weight gradient of one grid: for each chunk of channels, nine taps at most and a tile of columns, the sum over the cells of
// all boxes, cut into slices that are added in order.
struct WeightSum {
  int group_taps;  // taps of one block
  int tap_groups, chunks, column_tiles, slices;
  i64 partials;  // bytes into workspace: [slices][taps * channels * outputs kernel, outputs bias]
  i64 size;  // values of one slice
  MG_HD i64 blocks() const { return i64(tap_groups) * chunks * column_tiles * slices; }
};

constexpr int most_patch_cells = 320;

// Chooses the box of a product whose shape is set: few tiles, small patches. False: no box keeps the patch small enough.
bool choose_box(Product& p, i64 element_bytes);
// Chooses column tiles: as wide as the product, or, where `narrow`, as many as can be, for launches that leave the GPU idle
// otherwise. Matrix units need the four gates of a channel in four blocks of columns.
void choose_columns(Product& p, i64 element_bytes, Precision precision, bool narrow);
WeightSum weight_sum(const Product& p, i64 channels, i64 steps);

}  // namespace mg
