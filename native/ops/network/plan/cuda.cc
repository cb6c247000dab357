// How a network is run on the GPU: launches, stages, and the bytes that they need.
#include <algorithm>

#include "../cuda/tables.h"
#include "planner.h"

namespace mg {
namespace {

constexpr i64 most_cells = i64(1) << 31, most_side = 1 << 15;  // that kernels count in 32 and 16 bits

}  // namespace

CudaPlanner::CudaPlanner(Plan& plan) : p(plan) {
  if (p.spec.machine != Machine::cuda) return;
  // Blocks of threads of the fullest stage, with tiles as wide as they come.
  i64 all = 0, most = 0;
  std::vector<i64> layer(p.spec.layers.size(), 0);
  for (const Grid& g : p.grids) {
    expect_of_plan(p.batch * g.area() < most_cells && g.width < most_side,
                   "fewer than 2^31 cells of a grid in a batch, sides below 2^15");
    Product q = forward_product(g);
    cut(q, false);
    all += q.blocks(), layer[std::size_t(g.layer)] += q.blocks();
  }
  for (const i64 n : layer) most = std::max(most, n);
  narrow = (p.layer_major || p.steps == 1 ? most : all) < p.spec.idle_tiles;
  p.together = narrow && !p.layer_major;
}

Product CudaPlanner::gathers(const Grid& g) const {
  Product q{};
  q.layer = g.layer, q.grid = int(&g - p.grids.data());
  q.batch = p.batch, q.height = q.in_height = g.height, q.width = q.in_width = g.width;
  q.scale = 1, q.kernel_width = int(p.spec.kernel_size), q.kernel_height = p.spec.dimensions == 1 ? 1 : q.kernel_width;
  q.pad_height = (q.kernel_height - 1) / 2, q.pad_width = (q.kernel_width - 1) / 2;
  return q;
}

Product CudaPlanner::forward_product(const Grid& g) const {
  Product q = gathers(g);
  q.folded = g.doubled, q.channels = g.in_channels - g.doubled, q.outputs = g.outputs, q.cell = g.state >= 0;
  return q;
}

void CudaPlanner::cut(Product& q, bool narrow_tiles) const {
  expect_of_plan(choose_box(q, p.element_bytes),
                 "a kernelSize that the tiles of a GPU can hold, got " + std::to_string(p.spec.kernel_size));
  choose_columns(q, p.element_bytes, p.spec.precision, narrow_tiles);
}

void CudaPlanner::cut_and_pack(Product& q, i64& work) const {
  cut(q, narrow);
  q.packed = take_bytes(work, q.packed_values() * p.element_bytes);
}

void CudaPlanner::place(Grid& g, i64& work) const {
  g.forward = forward_product(g);
  cut_and_pack(g.forward, work);
  if (p.spec.backward) place_gradients(g, work);
}

void CudaPlanner::place_gradients(Grid& g, i64& work) const {
  const i64 image = g.area() * g.channels;
  if (!p.stores_gates && g.state >= 0) g.gates = batch_place(p, Place::Where::workspace, work, 1, 4 * image, p.gate_bytes);
  if (g.data_columns > 0) {
    g.data = gathers(g);
    g.data.channels = g.outputs, g.data.outputs = g.data_columns;
    cut_and_pack(g.data, work);
    g.parts = take_bytes(work, p.batch * g.area() * g.data_columns * p.element_bytes);
  }
  if (g.coarse_columns > 0) {  // a coarse cell is under 4x4 fine ones
    g.folded_data = gathers(g);
    g.folded_data.height /= 2, g.folded_data.width /= 2, g.folded_data.scale = 2;
    g.folded_data.kernel_height = g.folded_data.kernel_width = 4;
    g.folded_data.channels = g.outputs, g.folded_data.outputs = g.coarse_columns;
    cut_and_pack(g.folded_data, work);
    g.folded_parts = take_bytes(work, p.batch * g.area() / 4 * g.coarse_columns * p.element_bytes);
  }
  g.weights = weight_sum(g.forward, g.in_channels, p.range);
  g.weights.partials = take_bytes(work, g.weights.slices * g.weights.size * p.element_bytes);
  const i64 shown = g.shortcut.empty() ? 1 : g.layer - p.spec.layers[std::size_t(g.layer)].shortcut + 1;
  g.grad = batch_place(p, Place::Where::workspace, work, p.layer_major ? p.steps : shown, image, p.element_bytes);
  if (g.gamma >= 0) g.activation_grad = batch_place(p, Place::Where::workspace, work, p.steps, image, p.element_bytes);
  g.dsums = batch_place(p, Place::Where::workspace, work, p.range, g.area() * g.outputs, p.gate_bytes);
  if (g.state >= 0) g.grad_cell = batch_place(p, Place::Where::workspace, work, 1, image, p.element_bytes);
}

void CudaPlanner::place_shared(i64& work) const {
  i64 sums = 0, shift = 0;  // of a window norm or of peephole gradients, block by block
  for (const Grid& g : p.grids) {
    if (g.gamma >= 0) shift = std::max(shift, 2 * g.channels * 8);
    const i64 rows = g.peephole >= 0 && p.spec.backward ? 3 : g.gamma >= 0 ? 2 : 0;
    sums = std::max(sums, ceil_div(p.steps * p.batch * g.area(), norm_rows) * rows * g.channels * 8);
  }
  p.norm_sums = take_bytes(work, sums);
  p.norm_shift = take_bytes(work, shift);
  p.tables_bytes = tables_bytes(p);
  p.tables = take_bytes(work, p.tables_bytes);
  count_launches();
}

// At most; the upload of the tables apart.
void CudaPlanner::count_launches() const {
  const int layers = int(p.spec.layers.size());
  const auto stages_of = [&](i64 t0, i64 t1) { return p.layer_major ? (t1 - t0) * layers : Stages{t0, t1, layers}.count(); };
  i64 norms = 0, peepholes = 0;
  for (const Grid& g : p.grids) norms += g.gamma >= 0, peepholes += g.peephole >= 0;
  p.launches = p.steps == 0 ? 0 : p.together ? 1 : 1 + 5 * norms + stages_of(0, p.steps);
  if (!p.spec.backward || p.steps == 0) return;
  const i64 ranges = ceil_div(p.steps, p.range), again = p.segment || !p.stores_gates ? 1 : 0;
  p.launches += 1 + ranges * (1 + 2 * peepholes);
  if (p.together && !again) {
    p.launches += ranges;
    return;
  }
  i64 stages = 0;
  for (i64 t = 0; t < p.steps; t += p.range) stages += stages_of(t, std::min(t + p.range, p.steps));
  p.launches += 1 + again + stages * (3 + again + p.layer_major) + 3 * norms;
}

}  // namespace mg
