// What a fused multigrid network computes and how: from a list of layers to grids, sources, memory places and a schedule.
// Plain C++, no kernels: the CPU and the CUDA engine walk the same plan. Huynh, Maire, Walter 2020, section 3.1.
//
// A network is a list of layers. A layer owns one grid per level in [low, high]; each grid sees, joined on channels in this
// order, the coarser grid of the layer before (doubled), the equal one, the finer one (2x2 max-pooled), and, if it is a
// ConvLSTM, its own hidden state of the step before. A layer hands on y = activation (+ window batch norm) (+ shortcut),
// joined with `memory` fields from outside. Writers, readers, encoders and decoders are all such lists.
#pragma once
#include <string>
#include <vector>

#include "../../../base/conv/patch.h"
#include "../../../base/conv/winograd.h"
#include "../../../base/platform.h"
#include "product.h"

namespace mg {

enum class LayerKind { conv, conv_lstm };
enum class NormKind { none, window };  // window: statistics over all steps, samples and cells of the call, per channel
enum class Machine { cpu, cuda };

// A tensor from outside, [T,B,H,W,C] on the grid of its level; gradient: backward computes its gradient.
struct FieldSpec {
  int level = 0;
  i64 channels = 0;
  bool gradient = false;
};

struct LayerSpec {
  LayerKind kind = LayerKind::conv;
  int low = 0, high = 0;
  i64 channels = 0;
  bool relu = true;            // conv only
  double forget_bias = 1;      // conv_lstm only
  bool peephole = false;       // conv_lstm only: parameter [3,C], for i, f, o
  NormKind norm = NormKind::none;
  double epsilon = 1e-3;
  int shortcut = -1;           // layer whose outgoing pyramid is added, level by level where both exist and it is not wider
  std::vector<int> memory;     // fields joined to the outgoing pyramid, after the layer's own channels
  bool output = false;         // y is handed to the caller
};

struct NetworkSpec {
  int dimensions = 2;          // 1: grids are rows, height 1
  i64 kernel_size = 3;
  i64 batch = 0, steps = 0;
  std::vector<i64> sides;      // of each level; each is twice the one before
  std::vector<FieldSpec> fields;
  std::vector<int> input;      // fields that the first layer sees
  std::vector<LayerSpec> layers;
  bool backward = false;       // keep what a backward pass needs
  i64 budget_bytes = 0;        // of `saved` and of segments run again; 0: no limit
  i64 recompute = 0;           // > 0: save states only, and run segments of so many steps again in backward
  bool direct = false;         // convolutions as they are defined: no folding (cuda), no Winograd (cpu)
  Machine machine = Machine::cpu;
  Precision precision = Precision::float32;  // cuda only
  i64 idle_tiles = 264;  // cuda: launches of fewer blocks of threads leave a large GPU idle, two for each of its processors
  i64 cache_bytes = 32 << 20;  // cuda: what may pass from layer to layer in a stage, to be found in a cache of 50 MB; 0: no limit
  i64 kernel_height() const { return dimensions == 1 ? 1 : kernel_size; }
};

constexpr i64 max_channels = 1024;  // of a field or a layer
constexpr int max_sources = 64;  // tensors that one grid gathers
constexpr i64 norm_rows = 1024;  // CUDA: cells of a block of the sums of a window norm

enum class Map { same, up, down };

// One tensor that a grid gathers: an input field or the y of an earlier grid (node), or its own hidden state (node < 0).
struct Source {
  Map map = Map::same;
  int node = -1;
  i64 channels = 0;
  i64 first = 0;  // channel in the joined input
  i64 column = -1;  // first column of the data gradient; -1: not wanted. Columns on the coarse grid count apart
};

struct ShortcutPart {
  int node;
  i64 channels, first;
};

// Where a tensor lives: in `saved` or `workspace` (steps x batch images), with the caller, or per worker (one group of images).
struct Place {
  enum class Where { none, saved, workspace, output, worker } where = Where::none;
  i64 offset = 0;  // bytes; index of the output for Where::output
  i64 slots = 0;  // steps kept; step t sits in slot t % slots
  i64 image = 0;  // values per image
};

struct Node {
  int level;
  i64 height, width, channels;
  bool gradient;
  int field;  // index of the input field, or -1 for a grid
  int grid;
  bool read = false;  // by a grid of the network, beside the caller
  i64 area() const { return height * width; }
};

struct Grid {
  int layer, level, node;
  i64 height, width, channels;
  i64 in_channels = 0;  // with the hidden state
  i64 outputs = 0;  // 4C sums or C
  i64 data_columns = 0;  // columns of the data gradient, without the coarse ones
  // CPU: 3x3 taps by Winograd's algorithm, in tiles of so many outputs along each axis, 2 or 4 (winograd.h); 0: as defined.
  int tile = 0;
  i64 pooled = 0;  // channels of pooled sources
  // Doubled sources, which come first, are seen from their coarse grid: they have `doubled` channels, 0 where they are seen as
  // all others. CPU: winograd.h. CUDA: through 3x3 taps there are only 2x2 different coarse cells under each of the four parities
  // of a fine cell, so nine taps fold into four, with kernels summed per parity.
  i64 doubled = 0, coarse_columns = 0;
  int doubled_sources = 0;
  std::vector<Source> sources;
  std::vector<ShortcutPart> shortcut;
  int kernel, bias, peephole = -1, gamma = -1, beta = -1;  // parameter numbers
  int state = -1;  // number among the ConvLSTM grids
  Place y, activation, cell, gates;  // activation: h of a ConvLSTM, relu(conv) of a conv; same place as y where equal
  Place grad, grad_hidden, grad_cell;
  i64 checkpoint_hidden = -1, checkpoint_cell = -1;  // [segments - 1][B] images, bytes into saved
  i64 statistics = -1;  // mean and 1/sqrt(variance + epsilon) in float64, bytes into saved
  // Bytes into workspace. transformed: [16][in_channels][outputs]; packed: as the tiles read it; turned: one tap, transposed.
  i64 transformed = -1, packed_kernel = -1, packed_bias = -1, turned = -1, packed_transposed = -1, packed_coarse = -1;
  i64 offsets = 0, data_offsets = 0;
  i64 group = 1;  // images handled together
  ChunkPlan chunks, data_chunks;  // of one such group
  // CUDA. Products that make the sums, and the gradients of what they were made from: data_columns and coarse_columns wide.
  Product forward, data, folded_data;
  WeightSum weights;
  Place dsums, activation_grad;  // gradient of the sums; of what a window norm took
  i64 parts = -1, folded_parts = -1;  // the gradients of one step before they are gathered, bytes into workspace
  i64 area() const { return height * width; }
};

struct Parameter {
  std::string name;  // "3.level2.kernel": layers count from 1
  std::vector<i64> shape;
  i64 size;  // values
  i64 first, sums;  // position and size among the partial gradient sums: more for the compensated bias under a norm
};

struct Plan {
  NetworkSpec spec;
  i64 batch, steps;  // of the schedule: without recurrence, steps are more images; CUDA: a step is a part of them
  bool layer_major;  // a window norm needs all steps of a layer before the next
  bool wide = false;  // fewer images than workers: the chunks of a layer are shared out, with a barrier per layer
  bool together = false;  // CUDA: all stages in one launch, whose blocks of threads wait for each other
  bool stores_gates;
  bool streams_gates = false;  // CPU: past the caches, where a window is more than they hold until backward reads it
  i64 segment = 0;  // > 0: only the states before every `segment`-th step are saved; backward runs each segment again
  i64 element_bytes;
  i64 gate_bytes;  // of a gate that is kept; CUDA: of a gradient of the sums too. 2 with products of bfloat16
  int workers;
  i64 units;  // sample ranges that run in parallel, each with its own gradient sums
  i64 group;  // images a worker takes through the network together
  std::vector<Node> nodes;  // fields, then grids
  std::vector<Grid> grids;  // layer by layer, coarse to fine
  std::vector<int> layer_first;  // first grid of each layer; one more entry at the end
  std::vector<int> outputs;  // grid of each output, in order
  std::vector<int> states;  // grid of each recurrent state, in order
  std::vector<Parameter> parameters;
  i64 parameter_values = 0;
  i64 saved_bytes = 0;  // kept from forward to backward
  i64 workspace_bytes = 0;  // scratch, free between calls
  i64 partials = 0, worker_scratch = 0, worker_scratch_bytes = 0, norm_sums = 0;  // bytes into workspace
  i64 scratch_begin = 0;  // bytes from the start of a worker's memory to its scratch arrays
  i64 range = 0;  // CUDA: steps whose sums' gradients are kept until they are summed to those of the weights
  i64 norm_shift = 0, tables = 0, tables_bytes = 0;  // CUDA: bytes into workspace, and how many
  i64 patch_size = 0, cells_size = 0, products_size = 0, sums_size = 0;  // values of each scratch array
  i64 dsums_size = 0, dx_size = 0, kernel_sums_size = 0;
  double forward_flop = 0;  // of the direct convolutions
  double computed_flop = 0;  // multiplications that folding or Winograd saves are not counted
  i64 launches = 0;  // times that all threads are set to work and waited for, forward and (if planned) backward
  std::string path;  // what was chosen and why
};

// The coarse cell (0 or 1) among the two under the three taps of one axis: parity of the fine cell, tap.
MG_HD i64 folded_tap(i64 parity, i64 tap) { return tap > parity ? 1 : 0; }

// The chunk of the coarser grid under a chunk.
inline ChunkPlan coarse_plan(const ChunkPlan& fine) {
  ChunkPlan c = fine;
  c.height /= 2, c.width /= 2, c.rows_per /= 2;
  return c;
}
inline Chunk coarse_chunk(const Chunk& fine) { return {fine.sample, fine.samples, fine.row / 2, fine.rows / 2}; }

// The patch of pooled sources alone, for Winograd's algorithm: the rows around a chunk, without columns beside them.
inline ChunkPlan pooled_plan(ChunkPlan plan, i64 channels) {
  plan.pad_w = 0, plan.channels = channels;
  return plan;
}

// Throws mg::Error ERR_MG_CONFIG when the layers do not fit together. element_bytes: 4 or 8.
Plan plan_network(const NetworkSpec& spec, i64 element_bytes, int workers);

}  // namespace mg
