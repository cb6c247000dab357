// The forward kernels: one tile of cells of one grid at one step, from gathering to y; and a whole window of them in one launch.
#pragma once
#include "pack.h"

namespace mg {
namespace cuda {

// What becomes of the squashed gates, and whether anything else is written: a backward pass may make them again.
enum class GateUse { none, keep, again };

// One grid at one step, looked up once for a tile: what its cells read, and where they write. Null: not there, or not wanted.
template <class Kept, class T = typename Kept::Value>
struct StepPlaces {
  const Tables<T>& tables;
  i64 t, channels, plane;
  T forget_bias;
  const T *bias, *peephole, *before;
  typename Kept::Gate* gates;
  T *cell, *activation, *y;                            // y: where it differs from the activation
  T *last_hidden, *last_cell, *checkpoint_hidden, *checkpoint_cell;
  int shortcut, shortcuts;

  MG_DEVICE StepPlaces(const Tables<T>& all, const GridRow<T>& g, i64 step, GateUse use)
      : tables(all), t(step), channels(g.channels), plane(g.gate_plane), forget_bias(g.forget_bias), bias(g.bias),
        peephole(g.peephole), before(g.lstm() ? g.cell_before.at(step) : nullptr), gates(nullptr), cell(nullptr),
        activation(nullptr), y(nullptr), last_hidden(nullptr), last_cell(nullptr), checkpoint_hidden(nullptr),
        checkpoint_cell(nullptr), shortcut(g.shortcut), shortcuts(g.shortcuts) {
    if (use != GateUse::none && g.gates.base) gates = kept_at<typename Kept::Gate>(g.gates, t);
    if (use == GateUse::again) return;
    cell = g.cell.at(t), activation = g.activation.at(t);
    if (g.adds_up) y = g.y.at(t);
    if (t + 1 == tables.steps) {
      last_hidden = g.last_hidden, last_cell = g.last_cell;
    } else if (g.hidden_before.checkpoints && (t + 1) % g.hidden_before.segment == 0) {
      const i64 number = (t + 1) / g.hidden_before.segment - 1;
      checkpoint_hidden = g.hidden_before.checkpoints + number * g.activation.step;
      checkpoint_cell = g.cell_before.checkpoints + number * g.cell.step;
    }
  }

  // The activation, and y = activation + shortcut. at: of the value.
  MG_DEVICE void write(i64 at, i64 number, i64 channel, T value) const {
    activation[at] = value;
    if (!y) return;
    for (int s = shortcut; s < shortcut + shortcuts; s++) {
      const ShortcutRow<T>& from = tables.shortcuts[s];
      if (channel >= from.first && channel < from.first + from.channels)
        value += from.value.at(t)[number * from.channels + channel - from.first];
    }
    y[at] = value;
  }
};

// The cell of one channel, from the sums without bias (lstm_cell.h).
template <class Kept, class T = typename Kept::Value>
MG_DEVICE void finish_cell(const StepPlaces<Kept>& places, i64 number, i64 c, Gates<T> sums) {
  const i64 C = places.channels, at = number * C + c;
  const T c_prev = places.before ? places.before[at] : T(0);
  sums = {sums.i + places.bias[c], sums.u + places.bias[C + c], sums.f + places.bias[2 * C + c], sums.o + places.bias[3 * C + c]};
  Gates<T> a;
  State<T> next;
  if (places.peephole) {
    const Peephole<T> p{places.peephole[c], places.peephole[C + c], places.peephole[2 * C + c]};
    next = mg::cell(sums, c_prev, places.forget_bias, p, a);
  } else {
    next = mg::cell(sums, c_prev, places.forget_bias, a);
  }
  if (places.gates) {
    auto* const gates = places.gates + at;
    gates[0] = Kept::keep_gate(a.i), gates[places.plane] = Kept::keep_gate(a.u);
    gates[2 * places.plane] = Kept::keep_gate(a.f), gates[3 * places.plane] = Kept::keep_gate(a.o);
  }
  if (!places.activation) return;
  places.cell[at] = next.c;
  places.write(at, number, c, next.h);
  if (places.last_hidden) places.last_hidden[at] = next.h;
  if (places.last_cell) places.last_cell[at] = next.c;
  if (places.checkpoint_hidden) places.checkpoint_hidden[at] = next.h, places.checkpoint_cell[at] = next.c;
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
  const auto finish = [&](const T* sums, int stride, const int* cells) {
    const StepPlaces<typename Math::Kept> places(*tables, g, t, use);
    const bool is_cell = p.cell, relu = g.relu;
    const int width = is_cell ? p.tile_columns() / 4 : p.tile_columns(), n = port::thread() % width;  // a power of two
    const i64 c = column_tile * width + n;
    if (c >= places.channels) return;
    for (int m = port::thread() / width; m < tile_cells; m += tile_threads / width) {
      if (cells[m] < 0) continue;
      const T* const s = sums + m * stride + n;
      if (is_cell) {
        finish_cell(places, cells[m], c, Gates<T>{s[0], s[width], s[2 * width], s[3 * width]});
      } else {
        const T sum = s[0] + places.bias[c];
        places.write(cells[m] * places.channels + c, cells[m], c, relu && sum < T(0) ? T(0) : sum);  // keeps NaN
      }
    }
  };
  run_tile<Math>(p, tile, column_tile, tables->workspace + p.packed, from, tables->dimensions, finish);
}
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads, tile_blocks<T>)
forward_kernel(const Tables<T>* tables, int first, int end, i64 stage, int skew, GateUse use) {
  forward_block<Math>(tables, first, end, port::block(), stage, skew, use);
}

template <class Math, class T = typename Math::Value>
MG_APART void forward_apart(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew, GateUse use) {
  forward_block<Math>(tables, first, end, block, stage, skew, use);
}

// All steps in one launch, packing included: its blocks of threads share out each stage, in the same way every time, so that a
// tile's weights and cells stay near, and meet before the next (persistent kernels: Diamos et al. 2016).
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads, tile_blocks<T>)
forward_window_kernel(const Tables<T>* tables, GateUse use) {
  pack_share<Math, false>(*tables);
  const Stages stages{0, tables->steps, tables->layers};
  for (i64 k = 0; k < stages.count(); k++) {
    const Stage stage = stages.at(k);
    MG_GRID_BARRIER();
    each_share(*tables, Work::forward, stage,
               [&](int first, int end, i64 block) { forward_apart<Math>(tables, first, end, block, stage.step, 1, use); });
  }
}

}  // namespace cuda
}  // namespace mg
