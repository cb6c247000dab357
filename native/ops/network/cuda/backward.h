// The backward kernels of one step: every gradient is gathered by the one thread that owns it, in a fixed order, so there are no
// atomics and any two runs agree.
//   cells   dy = given + what the grids that read y send back + shortcuts;  the cell backward: gradient of the four sums, of c'
//   data    gradient of everything a grid gathered, side by side: the sums' gradient times the turned kernel
//   fields  gradient of a tensor from outside, layer by layer
// and all of them for a range of steps in one launch.
#pragma once
#include "pack.h"

namespace mg {
namespace cuda {

// Whether a cell is the first maximum of its pooling window; value: of image 0, channel `at` included by the caller.
template <class T>
MG_DEVICE bool is_first_maximum(const T* values, const PatchCell& c, i64 height, i64 width, i64 channels, i64 channel,
                                int dimensions) {
  const bool line = dimensions == 1;
  const i64 row = line ? 0 : pool_first(pool_target(c.row())), column = pool_first(pool_target(c.column()));
  const T* const at = values + ((c.image * height + row) * width + column) * channels + channel;
  const T a = at[0], right = at[channels];
  int best = !stays_maximum(a, right);
  if (!line) {
    const T below = at[width * channels], last = at[(width + 1) * channels];
    if (!stays_maximum(larger(a, right), larger(below, last))) best = 3 - stays_maximum(below, last);
  }
  return best == (line ? 0 : c.row() - row) * 2 + c.column() - column;
}

// What one use of a node sends back to one of its cells and channels.
template <class T>
MG_DEVICE T sent_back(const UseRow<T>& u, i64 t, const PatchCell& c, i64 cell, i64 channel, const T* values, i64 height,
                      i64 width, i64 channels, int dimensions) {
  const T* const part = u.part.at(t) + u.column + channel;
  if (u.use == Use::up) {
    const bool line = dimensions == 1;
    const i64 row = line ? 0 : up_first(c.row()), column = up_first(c.column());
    const T* const at = part + ((c.image * u.height + row) * u.width + column) * u.columns;
    const T top = at[0] + at[u.columns];
    return line ? top : top + (at[u.width * u.columns] + at[(u.width + 1) * u.columns]);
  }
  if (u.use == Use::down) {
    if (!is_first_maximum(values, c, height, width, channels, channel, dimensions)) return T(0);
    const i64 row = dimensions == 1 ? 0 : pool_target(c.row());
    return part[((c.image * u.height + row) * u.width + pool_target(c.column())) * u.columns];
  }
  return part[cell * u.columns];
}

// Of value i of a row's images [cells][channels].
struct CellPlace {
  i64 cell, channel;
  PatchCell place;
};
MG_DEVICE inline CellPlace cell_place(i64 i, i64 height, i64 width, i64 channels) {
  const i64 cell = i / channels, line = cell / width, image = line / height;
  return {cell, i - cell * channels, {int(image), int((line - image * height) << 16 | (cell - line * width))}};
}

// Gather dy; turn it into the gradient of the sums; or both at once.
enum class CellPart { gather, sums, both };

template <class Kept, class T = typename Kept::Value>
MG_DEVICE void cell_gradient(const Tables<T>& tables, const GridRow<T>& g, i64 t, i64 i, const CellPlace& at, T dh) {
  const i64 C = g.channels, c = at.channel;
  auto* const out = kept_at<typename Kept::Gradient>(g.dsums, t) + at.cell * g.outputs + c;
  if (!g.lstm()) {
    out[0] = Kept::keep_gradient(!g.relu || g.activation.at(t)[i] > T(0) ? dh : T(0));
    return;
  }
  const bool last = t + 1 == tables.steps;
  const T* const before = g.cell_before.at(t);
  const auto* const gates = kept_at<typename Kept::Gate>(g.gates, t) + i;
  const Gates<T> a{Kept::gate(gates[0]), Kept::gate(gates[g.gate_plane]), Kept::gate(gates[2 * g.gate_plane]),
                   Kept::gate(gates[3 * g.gate_plane])};
  const T c_prev = before ? before[i] : T(0);
  if (!last) dh += g.parts[at.cell * g.data_columns + g.hidden_column + c];
  else if (g.given_hidden) dh += g.given_hidden[i];
  const T dc = !last ? g.grad_cell[i] : g.given_cell ? g.given_cell[i] : T(0);
  T dc_prev;
  Gates<T> d;
  if (g.peephole) {
    const Peephole<T> p{g.peephole[c], g.peephole[C + c], g.peephole[2 * C + c]};
    d = mg::cell_backward(a, g.cell.at(t)[i], c_prev, dh, dc, p, dc_prev);
  } else {
    d = mg::cell_backward(a, g.cell.at(t)[i], c_prev, dh, dc, dc_prev);
  }
  out[0] = Kept::keep_gradient(d.i), out[C] = Kept::keep_gradient(d.u);
  out[2 * C] = Kept::keep_gradient(d.f), out[3 * C] = Kept::keep_gradient(d.o);
  g.grad_cell[i] = dc_prev;
  if (t == 0 && g.first_cell) g.first_cell[i] = dc_prev;
}

// f(i) for the values of a block of cell_block, n in all.
template <class F>
MG_DEVICE void each_value(i64 block, i64 n, F&& f) {
  const i64 end = n < (block + 1) * cell_block ? n : (block + 1) * cell_block;
  for (i64 i = block * cell_block + port::thread(); i < end; i += port::threads()) f(i);
}

template <class Kept, class T = typename Kept::Value>
MG_DEVICE void cell_value(const Tables<T>* tables, const GridRow<T>& g, i64 t, i64 i, CellPart part) {
  const CellPlace at = cell_place(i, g.height, g.width, g.channels);
  T dy = T(0);
  if (part == CellPart::sums) {
    dy = g.activation_grad.at(t)[i];
  } else {
    const T* const given = g.given.at(t);
    if (given) dy = given[i];
    for (int k = g.use; k < g.use + g.uses; k++)
      dy += sent_back(tables->uses[k], t, at.place, at.cell, at.channel, g.y.at(t), g.height, g.width, g.channels,
                      tables->dimensions);
    if (part == CellPart::gather || g.shortcuts > 0) g.grad.at(t)[i] = dy;
  }
  if (part != CellPart::gather) cell_gradient<Kept>(*tables, g, t, i, at, dy);
}

// As forward_block; the same for fields and data.
template <class Kept, class T = typename Kept::Value>
MG_DEVICE void cells_block(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew, CellPart part) {
  const Found found = find_row(tables->before[int(Work::cells)], first, end, block);
  const GridRow<T>& g = tables->grids[found.row];
  each_value(found.block, g.cells() * g.channels, [&](i64 i) { cell_value<Kept>(tables, g, stage - skew * g.layer, i, part); });
}
template <class Kept, class T = typename Kept::Value>
MG_KERNEL(cell_block) cells_kernel(const Tables<T>* tables, int first, int end, i64 stage, int skew, CellPart part) {
  cells_block<Kept>(tables, first, end, port::block(), stage, skew, part);
}

template <class T>
MG_DEVICE void field_value(const Tables<T>* tables, const FieldRow<T>& f, i64 t, i64 i) {
  const CellPlace at = cell_place(i, f.height, f.width, f.channels);
  T* const grad = f.grad.at(t) + i;
  T d = f.assign ? T(0) : *grad;
  for (int k = f.use; k < f.use + f.uses; k++)
    d += sent_back(tables->uses[k], t, at.place, at.cell, at.channel, f.value.at(t), f.height, f.width, f.channels,
                   tables->dimensions);
  *grad = d;
}
template <class T>
MG_DEVICE void fields_block(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew) {
  const Found found = find_row(tables->before[int(Work::fields)], first, end, block);
  const FieldRow<T>& f = tables->fields[found.row];
  each_value(found.block, f.cells() * f.channels, [&](i64 i) { field_value(tables, f, stage - skew * f.layer, i); });
}
template <class T>
MG_KERNEL(cell_block) fields_kernel(const Tables<T>* tables, int first, int end, i64 stage, int skew) {
  fields_block(tables, first, end, port::block(), stage, skew);
}

template <class Math, class T = typename Math::Value>
MG_DEVICE void data_block(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew) {
  const Found found = find_row(tables->before[int(Work::data)], first, end, block);
  const Product& p = tables->data[found.row];
  const GridRow<T>& g = tables->grids[p.grid];
  const i64 t = stage - skew * g.layer, tile = found.block / p.column_tiles, column_tile = found.block - tile * p.column_tiles;
  const bool is_folded = tables->data_folded[found.row];
  T* const parts = is_folded ? g.folded_parts : g.parts;
  T* const first_hidden = t == 0 && !is_folded ? g.first_hidden : nullptr;
  using Gradient = typename Math::Kept::Gradient;
  const OneSource<Gradient> from{kept_at<Gradient>(g.dsums, t), g.outputs};
  const auto finish = [&](const T* sums, int stride, const int* cells) {
    const int width = p.tile_columns(), column = port::thread() % width;  // a power of two
    const i64 outputs = p.outputs, channels = g.channels, n = column_tile * width + column, channel = n - g.hidden_column;
    const bool is_first_hidden = first_hidden && channel >= 0 && channel < channels;
    if (n >= outputs) return;
    for (int m = port::thread() / width; m < tile_cells; m += tile_threads / width) {
      const i64 cell = cells[m];
      if (cell < 0) continue;
      const T sum = sums[m * stride + column];
      parts[cell * outputs + n] = sum;
      if (is_first_hidden) first_hidden[cell * channels + channel] = sum;
    }
  };
  run_tile<Math>(p, tile, column_tile, tables->workspace + p.packed, from, tables->dimensions, finish);
}
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads, tile_blocks<T>)
data_kernel(const Tables<T>* tables, int first, int end, i64 stage, int skew) {
  data_block<Math>(tables, first, end, port::block(), stage, skew);
}

template <class Math, class T = typename Math::Value>
MG_APART void data_apart(const Tables<T>* tables, int first, int end, i64 block, i64 stage, int skew) {
  data_block<Math>(tables, first, end, block, stage, skew);
}

// Steps [t0, t1), last to first, in one launch (forward_window_kernel), from stored
// gates. The fields of a stage and the cells of the next one read the same parts.
template <class Math, class T = typename Math::Value>
MG_KERNEL(tile_threads, tile_blocks<T>)
backward_window_kernel(const Tables<T>* tables, i64 t0, i64 t1, bool packs) {
  if (packs) pack_share<Math, true>(*tables);
  const Stages stages{t0, t1, tables->layers};
  const auto fields = [&](const Stage& stage) {
    each_share(*tables, Work::fields, stage,
               [&](int first, int end, i64 block) { fields_block(tables, first, end, block, stage.step, 1); });
  };
  for (i64 k = stages.count() - 1; k >= 0; k--) {
    const Stage stage = stages.at(k);
    MG_GRID_BARRIER();
    if (k + 1 < stages.count()) fields(stages.at(k + 1));
    each_share(*tables, Work::cells, stage, [&](int first, int end, i64 block) {
      cells_block<typename Math::Kept>(tables, first, end, block, stage.step, 1, CellPart::both);
    });
    MG_GRID_BARRIER();
    each_share(*tables, Work::data, stage,
               [&](int first, int end, i64 block) { data_apart<Math>(tables, first, end, block, stage.step, 1); });
  }
  MG_GRID_BARRIER();
  fields(stages.at(0));
}

}  // namespace cuda
}  // namespace mg
