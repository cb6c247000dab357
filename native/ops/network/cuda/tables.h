// What the kernels of the CUDA engine read to find their way: plain structs of pointers and shapes, built from a plan and the
// tensors of one call, and copied to the device. Every launch gets a pointer to the same tables, so that a captured sequence of
// launches serves any tensors of the same shapes.
#pragma once
#include <vector>

#include "../network.h"

namespace mg {

// t % slots. Where all steps or a single one have a slot, which is the rule, without the division, that kernels would wait for.
MG_HD i64 slot_of(i64 t, i64 slots) { return t < slots ? t : slots == 1 ? 0 : t % slots; }

// Values of all images at a step.
template <class T>
struct Series {
  T* base;
  i64 step;  // values from one slot to the next
  i64 slots;
  MG_HD T* at(i64 t) const { return base ? base + slot_of(t, slots) * step : nullptr; }
};

// The same of values in the form that a kernel keeps them in (kept.h).
struct KeptSeries {
  char* base;
  i64 step, slots;
};
template <class Kept>
MG_HD Kept* kept_at(const KeptSeries& s, i64 t) {
  return reinterpret_cast<Kept*>(s.base) + slot_of(t, s.slots) * s.step;
}

// The state before step t: given or zeros (null), from a checkpoint, or where step t-1 left it.
template <class T>
struct StateBefore {
  const T* given;
  Series<T> own;
  T* checkpoints;  // before steps segment, 2 segment, …; null without
  i64 segment;
  MG_HD const T* at(i64 t) const {
    if (t == 0) return given;
    return checkpoints && t % segment == 0 ? checkpoints + (t / segment - 1) * own.step : own.at(t - 1);
  }
};

template <class T>
struct SourceRow {
  Map map;
  bool aligned;           // channels come in runs of four, aligned to 16 bytes
  i64 first, channels;
  i64 column;             // of the data gradient; -1: not wanted
  bool folded;
  Series<T> value;        // of a node; none for the hidden state
  StateBefore<T> hidden;
  MG_HD const T* at(i64 t) const { return value.base ? value.at(t) : hidden.at(t); }
};

// Who uses a node's value: a grid of the layer above that gathered it, or a shortcut to a later one.
enum class Use { same, up, down, folded, shortcut };
template <class T>
struct UseRow {
  Use use;
  i64 height, width;      // of the part, which is the grid's that used the value, or the coarse one of a folded source
  i64 columns, column;    // of the part, and where this node's gradient begins
  Series<T> part;
};

template <class T>
struct ShortcutRow {
  i64 first, channels;
  Series<T> value;
};

template <class T>
struct GridRow {
  int layer;
  bool relu;
  bool adds_up;           // y differs from the activation and is made with it, not by a norm
  i64 batch, height, width, channels, outputs, in_channels;
  int source, sources, shortcut, shortcuts, use, uses;   // first row and count
  T forget_bias;
  const T *kernel, *bias, *peephole;
  Series<T> y, activation, cell;
  KeptSeries gates;       // base null: not kept
  i64 gate_plane;
  StateBefore<T> hidden_before, cell_before;
  T *last_hidden, *last_cell;         // written by the last step; null: not wanted
  // backward
  Series<T> given;        // gradient of the output; null: none
  Series<T> grad, activation_grad;    // grad: of y; a norm makes that of the activation from it
  KeptSeries dsums;
  T *grad_cell, *parts, *folded_parts;
  i64 data_columns, folded_columns, hidden_column;
  const T *given_hidden, *given_cell; // gradients of the last state; null: zeros
  T *first_hidden, *first_cell;       // gradients of the initial state; null: not wanted
  T* partials;
  T *dkernel, *dbias, *dpeephole;
  // window norm
  double epsilon;
  const T *gamma, *beta;
  T *dgamma, *dbeta;
  double* statistics;     // mean and 1/sqrt(variance + epsilon) of each channel
  MG_HD bool lstm() const { return cell.base != nullptr; }
  MG_HD i64 cells() const { return batch * height * width; }
};

// A field whose gradient is wanted, and its uses in one layer. Layers come last to first; the first one writes, others add.
template <class T>
struct FieldRow {
  int layer;
  bool assign;
  int use, uses;
  i64 batch, height, width, channels;
  Series<T> value, grad;
  MG_HD i64 cells() const { return batch * height * width; }
};

// Layers [low, high] at steps `step - skew * layer`: they depend on earlier stages alone.
struct Stage {
  i64 step;
  int low, high;
};
// The stages of steps [t0, t1) in order. The skew is 1: a layer runs one step behind the one before, so all layers work at once
// (Appleyard, Kocisky, Blunsom 2016).
struct Stages {
  i64 t0, t1;
  int layers;
  MG_HD i64 count() const { return t1 - t0 + layers - 1; }
  MG_HD Stage at(i64 k) const {
    const i64 low = k - (t1 - t0) + 1, high = layers - 1;
    return {t0 + k, int(low > 0 ? low : 0), int(k < high ? k : high)};
  }
};

// One kind of work of a launch: rows in the order of layers, `before`
// the blocks of all rows before each, one more entry at the end.
enum class Work { forward, data, weights, cells, fields, count };

template <class T>
struct Tables {
  i64 steps;
  int dimensions, layers;
  double* strip_sums;           // of the sums over all cells of a grid
  double* norm_shift;           // means over cells that a window norm's backward takes away: of dy, and of dy times the normed
  char* workspace;
  const GridRow<T>* grids;
  const Product* forward;       // one for each grid
  const Product* data;          // of the data gradient, in the order of grids
  const bool* data_folded;
  const WeightSum* weights;     // one for each grid
  const SourceRow<T>* sources;
  const ShortcutRow<T>* shortcuts;
  const UseRow<T>* uses;
  const FieldRow<T>* fields;
  const int* first[int(Work::count)];  // row of each layer, one more at the end
  const i64* before[int(Work::count)];
};

// The rows of every list by layer, as the host needs them to launch those of some layers.
struct WorkRows {
  std::vector<int> first;       // of each layer, one more at the end
  std::vector<i64> before;
  i64 blocks(int row, int end) const { return before[std::size_t(end)] - before[std::size_t(row)]; }
};

template <class T>
struct BuiltTables {
  std::vector<char> bytes;      // Tables<T> first; pointers are those of the place on the device
  WorkRows work[int(Work::count)];
  std::vector<Product> forward, data;
};

constexpr int cell_block = 256;  // values of one block of the pointwise kernels

// grads null: forward only.
template <class T>
BuiltTables<T> build_tables(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>* grads, char* device);
i64 tables_bytes(const Plan& plan);

}  // namespace mg
