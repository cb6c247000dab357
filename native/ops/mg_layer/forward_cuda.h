// The forward kernels: one tile of cells of one grid at one step, from gathering to y; and a whole window of them in one launch.
#pragma once
#include "pack_cuda.h"

namespace mg {
namespace cuda {

// What becomes of the squashed gates, and whether anything else is written: a backward pass may make them again.
enum class GateUse { none, keep, again };

// y = activation + shortcut
template <class T>
MG_DEVICE void write_y(const Tables<T>& tables, const GridRow<T>& g, i64 t, i64 cell, i64 channel, T value) {
  for (int s = g.shortcut; s < g.shortcut + g.shortcuts; s++) {
    const ShortcutRow<T>& from = tables.shortcuts[s];
    if (channel >= from.first && channel < from.first + from.channels) value += from.value.at(t)[cell * from.channels + channel - from.first];
  }
  g.y.at(t)[cell * g.channels + channel] = value;
}

// The cell of one channel, from the sums without bias (lstm_cell.h).
template <class Kept, class T = typename Kept::Value>
MG_DEVICE void finish_cell(const Tables<T>& tables, const GridRow<T>& g, i64 t, i64 cell, i64 c, Gates<T> sums, GateUse use) {
  const i64 at = cell * g.channels + c;
  const T* const before = g.cell_before.at(t);
  const T c_prev = before ? before[at] : T(0);
  sums = {sums.i + g.bias[c], sums.u + g.bias[g.channels + c], sums.f + g.bias[2 * g.channels + c], sums.o + g.bias[3 * g.channels + c]};
  Gates<T> a;
  State<T> next;
  if (g.peephole) {
    const Peephole<T> p{g.peephole[c], g.peephole[g.channels + c], g.peephole[2 * g.channels + c]};
    next = mg::cell(sums, c_prev, g.forget_bias, p, a);
  } else {
    next = mg::cell(sums, c_prev, g.forget_bias, a);
  }
  if (use != GateUse::none && g.gates.base) {
    auto* const gates = kept_at<typename Kept::Gate>(g.gates, t) + at;
    gates[0] = Kept::keep_gate(a.i), gates[g.gate_plane] = Kept::keep_gate(a.u);
    gates[2 * g.gate_plane] = Kept::keep_gate(a.f), gates[3 * g.gate_plane] = Kept::keep_gate(a.o);
  }
  if (use == GateUse::again) return;
  g.cell.at(t)[at] = next.c;
  g.activation.at(t)[at] = next.h;
  if (g.adds_up) write_y(tables, g, t, cell, c, next.h);
  if (t + 1 == tables.steps) {
    if (g.last_hidden) g.last_hidden[at] = next.h;
    if (g.last_cell) g.last_cell[at] = next.c;
  } else if (g.hidden_before.checkpoints && (t + 1) % g.hidden_before.segment == 0) {
    const i64 number = (t + 1) / g.hidden_before.segment - 1;
    g.hidden_before.checkpoints[number * g.activation.step + at] = next.h;
    g.cell_before.checkpoints[number * g.cell.step + at] = next.c;
  }
}

template <class T>
MG_DEVICE void finish_activation(const Tables<T>& tables, const GridRow<T>& g, i64 t, i64 cell, i64 c, T sum) {
  sum += g.bias[c];
  if (g.relu) sum = sum < T(0) ? T(0) : sum;  // keeps NaN
  g.activation.at(t)[cell * g.channels + c] = sum;
  if (g.adds_up) write_y(tables, g, t, cell, c, sum);
}

// Block `block` of rows [first, end) of the forward work, each at step stage - skew * layer.
template <class Math, class T = typename Math::Value>
MG_DEVICE void forward_block(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew, GateUse use) {
  const Found found = find_row(tables->before[int(Work::forward)], first, end, block);
  const Product& p = tables->forward[found.row];
  const GridRow<T>& g = tables->grids[found.row];
  const i64 t = stage - skew * g.layer, tile = found.block / p.column_tiles, column_tile = found.block - tile * p.column_tiles;
  if (use == GateUse::again && !g.lstm()) return;
  const Sources<T> from{tables->sources + g.source, g.sources, t};
  run_tile<Math>(p, tile, column_tile, tables->workspace + p.packed, from, tables->dimensions, [&](const T* sums, int stride, const int* cells) {
    const int width = p.cell ? p.tile_columns() / 4 : p.tile_columns();
    for (int k = port::thread(); k < tile_cells * width; k += tile_threads) {
      const int m = k / width, n = k - m * width;
      const i64 c = column_tile * width + n;
      if (cells[m] < 0 || c >= g.channels) continue;
      const T* const s = sums + m * stride + n;
      if (p.cell) finish_cell<typename Math::Kept>(*tables, g, t, cells[m], c, Gates<T>{s[0], s[width], s[2 * width], s[3 * width]}, use);
      else finish_activation(*tables, g, t, cells[m], c, s[0]);
    }
  });
}
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads) forward_kernel(const Tables<T>* tables, int first, int end, i64 stage, int skew, GateUse use) {
  forward_block<Math>(tables, first, end, port::block(), stage, skew, use);
}

template <class Math, class T = typename Math::Value>
MG_APART void forward_apart(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew, GateUse use) {
  forward_block<Math>(tables, first, end, block, stage, skew, use);
}

// All steps in one launch, packing included: its blocks of threads share out each stage, in the same way every time, so that a tile's
// weights and cells stay near, and meet before the next (persistent kernels: Diamos et al. 2016).
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads) forward_window_kernel(const Tables<T>* tables, GateUse use) {
  pack_share<Math, false>(*tables);
  const Stages stages{0, tables->steps, tables->layers};
  for (i64 k = 0; k < stages.count(); k++) {
    const Stage stage = stages.at(k);
    MG_GRID_BARRIER();
    each_share(*tables, Work::forward, stage, [&](int first, int end, i64 block) {
      forward_apart<Math>(tables, first, end, block, stage.step, 1, use);
    });
  }
}

}  // namespace cuda
}  // namespace mg
