// How a network is run on the CPU: units of work, and the bytes that they need.
#include <algorithm>
#include <limits>

#include "planner.h"

namespace mg {
namespace {

// Places in a patch are 32-bit numbers.
void expect_places(const ChunkPlan& chunks) {
  expect_of_plan(chunks.patch_size() <= std::numeric_limits<std::int32_t>::max(),
                 "fewer than 2^31 values in a band of rows with all channels joined, got " + std::to_string(chunks.patch_size()));
}

// Bands of as many tiles as are taken together, or so many small images.
ChunkPlan plan_tiles(const Grid& g, i64 channels, i64 at_least) {
  ChunkPlan c{g.group, g.height, g.width, 1, 1, channels};
  const i64 across = g.width / g.tile, lines = g.height / g.tile;
  i64 per = std::min(lines, most_lines(g.tile, across));
  if (g.group < at_least) per = std::min<i64>(per, 16 / g.tile);
  c.rows_per = g.tile * ceil_div(lines, ceil_div(lines, per));
  c.bands = ceil_div(g.height, c.rows_per);
  if (c.bands == 1) c.samples_per = std::max<i64>(1, std::min(g.group, most_tiles(g.tile) / (across * lines)));
  c.count = c.bands == 1 ? ceil_div(g.group, c.samples_per) : g.group * c.bands;
  return c;
}

}  // namespace

void CpuPlanner::place(Grid& g, i64& work, i64& mine) const {
  const i64 image = g.area() * g.channels;
  g.group = g.area() > 288 ? 1 : p.group;
  const i64 kh = p.spec.kernel_height(), k = p.spec.kernel_size, multiple = g.tile > 0 ? 2 : 1;
  auto chunks = [&](i64 channels, i64 at_least) {
    if (g.tile == 4) return plan_tiles(g, channels, at_least);
    return plan_chunks(g.group, g.height, g.width, kh, k, channels, p.element_bytes, at_least, multiple);
  };
  g.chunks = chunks(g.in_channels, p.wide ? 2 * p.workers : 1);
  expect_places(g.chunks);
  const i64 padded = round_up(g.outputs, max_lanes), pixels = g.chunks.max_pixels();
  const i64 taps = g.tile > 0 ? i64(winograd_points(g.tile)) : kh * k;
  if (g.tile > 0) g.transformed = take_bytes(work, taps * g.in_channels * g.outputs * p.element_bytes);
  // Whole vectors of columns are read where they lie.
  if (padded != g.outputs) g.packed_kernel = take_bytes(work, taps * g.in_channels * padded * p.element_bytes);
  g.packed_bias = take_bytes(work, padded * p.element_bytes);
  g.offsets = take_bytes(work, pixels * 4);
  if (g.tile > 0) place_tiles(g, pixels, g.in_channels, padded);
  p.patch_size = std::max(p.patch_size, g.tile > 0 ? pooled_plan(g.chunks, g.pooled).patch_size() : g.chunks.patch_size());
  p.sums_size = std::max(p.sums_size, g.chunks.max_pixels() * g.outputs);
  if (!p.spec.backward) return;
  g.data_chunks = chunks(g.outputs, 1);
  expect_places(g.data_chunks);
  const i64 data_pixels = g.data_chunks.max_pixels();
  g.data_offsets = take_bytes(work, data_pixels * 4);
  g.turned = take_bytes(work, g.outputs * std::max(g.data_columns, g.coarse_columns) * p.element_bytes);
  g.packed_transposed = take_bytes(work, taps * g.outputs * round_up(g.data_columns, max_lanes) * p.element_bytes);
  if (g.tile > 0) {
    p.kernel_sums_size = std::max(p.kernel_sums_size, taps * g.in_channels * g.outputs);
    g.packed_coarse = take_bytes(work, taps * g.outputs * round_up(g.coarse_columns, max_lanes) * p.element_bytes);
    place_tiles(g, data_pixels, g.outputs, std::max(g.data_columns, g.coarse_columns));
  }
  if (g.tile == 0) p.patch_size = std::max(p.patch_size, g.data_chunks.patch_size());
  p.dsums_size = std::max(p.dsums_size, g.group * g.area() * padded);
  p.dx_size = std::max(p.dx_size, data_pixels * g.data_columns + data_pixels / 4 * g.coarse_columns);
  g.grad = p.layer_major ? batch_place(p, Place::Where::workspace, work, p.steps, image, p.element_bytes)
                         : worker_place(p, mine, 1, image);
  if (g.state >= 0) g.grad_hidden = worker_place(p, mine, 1, image), g.grad_cell = worker_place(p, mine, 1, image);
}

// Room for the tiles that are taken together.
void CpuPlanner::place_tiles(const Grid& g, i64 pixels, i64 channels, i64 columns) const {
  const i64 across = g.width / g.tile, tiles = std::min(pixels / (g.tile * g.tile), most_lines(g.tile, across) * across);
  auto planes = [&](i64 width) { return winograd_points(g.tile) * winograd_plane(tiles * width, p.element_bytes); };
  p.cells_size = std::max(p.cells_size, planes(channels));
  p.products_size = std::max(p.products_size, planes(columns));
}

void CpuPlanner::place_shared(i64& work, i64 mine) const {
  if (p.spec.backward) p.partials = take_bytes(work, p.units * p.parameter_values * p.element_bytes);
  if (p.layer_major) p.norm_sums = take_bytes(work, p.units * 2 * max_channels * 8);
  i64 scratch = p.patch_size + p.cells_size + p.products_size + p.sums_size;
  if (p.spec.backward) scratch += p.dsums_size + p.dx_size + p.kernel_sums_size + p.sums_size;
  p.worker_scratch_bytes = mine + round_up(scratch * p.element_bytes + 64 * 16, 4096);
  p.worker_scratch = take_bytes(work, p.workers * p.worker_scratch_bytes);
  count_launches();
}

// Kernels are packed, then units run; layer by layer a window norm adds three passes forward, two backward.
void CpuPlanner::count_launches() const {
  const i64 layers = i64(p.spec.layers.size());
  i64 norms = 0;
  for (const Grid& g : p.grids) norms += g.gamma >= 0;
  p.launches = 1 + (p.wide ? layers * p.steps : p.layer_major ? layers + 3 * norms : 1);
  if (p.spec.backward) p.launches += 1 + (p.layer_major ? 1 + 2 * layers + 2 * norms : 1) + 1;
}

}  // namespace mg
