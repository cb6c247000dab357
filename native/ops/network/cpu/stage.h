// The parts of a fused step beside the convolution itself: gathering from the grids around, its transpose, and the cell.
// Compiled once per instruction set, chosen at load time.
#pragma once
#include "../../../base/conv/patch.h"
#include "../../../base/host/dispatch.h"
#include "../../../base/platform.h"
#include "../plan/plan.h"

namespace mg {

// A source of a grid for one group of images: value and gradient of the first image of the group, dense [H,W,C] each.
template <class T>
struct SourceView {
  Map map;
  const T* value;    // null: zeros
  T* grad;           // null: no gradient wanted
  i64 channels;
  i64 stride;        // values from one pixel of `value` to the next
  bool assign;       // the gradient is written, not added (the hidden state has one consumer)
};

// The pointwise part of a ConvLSTM step for `pixels` pixels. Planes are [pixels][C], the four of gates lie `plane` apart.
template <class T>
struct CellJob {
  i64 pixels, channels;
  T forget_bias;
  const T* peephole;   // [3][C] or null
  const T* c_prev;     // null: zeros
  const T* sums;       // forward: [pixels][4C]
  T* gates;            // forward: written unless null; backward: read
  i64 plane;
  bool streams;        // forward: gates are written past the caches
  T *c, *h;            // forward: written (c may be c_prev); backward: c is read
  const T *dh, *dh_next;  // backward: from above, from step t+1 (null: zeros)
  T* dc;               // backward: gradient of c on the way in, of c_prev on the way out
  T* dsums;            // backward: [pixels][dsums_stride], the first 4C written
  i64 dsums_stride;
  T* dpeephole;        // backward: [3][C], added to; null without peepholes
};

// One pass of a window norm over `pixels` pixels of one image; statistics of each channel in float64.
template <class T>
struct NormJob {
  i64 pixels, channels;
  const T* a;               // [pixels][C]
  const T* dy;              // sums of backward; else null
  const double *mean, *scale;
  const T *gamma, *beta;
  double *sums, *products;  // [C]
  T* out;                   // forward: y; backward: dy on the way in, gradient of a on the way out
};

template <class T>
struct StageTable {
  void (*gather)(const ChunkPlan&, const Chunk&, int dimensions, const SourceView<T>*, int count, T* patch);
  // dx [chunk pixels][stride], the columns of the sources with a gradient side by side -> added to their gradients.
  void (*scatter)(const ChunkPlan&, const Chunk&, int dimensions, const SourceView<T>*, int count, const T* dx, i64 stride);
  void (*cell_forward)(const CellJob<T>&);
  void (*cell_backward)(const CellJob<T>&);
  void (*relu)(T* x, i64 n);
  // d[m][n] = y[m][n] > 0 ? dy[m][n] : 0, rows of d `stride` apart; y null: d = dy.
  void (*relu_backward)(const T* y, const T* dy, i64 pixels, i64 channels, T* d, i64 stride);
  // to[m][n] += from[m][n] for n < channels, rows to_stride and from_stride apart
  void (*add)(T* to, i64 to_stride, const T* from, i64 from_stride, i64 channels, i64 pixels);
  // sums += a; with mean: (a - mean)^2; with dy: dy, and products += dy (a - mean) scale
  void (*norm_sums)(const NormJob<T>&);
  // out = (a - mean) scale gamma + beta
  void (*norm_forward)(const NormJob<T>&);
  // out = gamma scale (out - sums - (a - mean) scale products), where sums and products are means over cells
  void (*norm_backward)(const NormJob<T>&);
};

MG_TABLES(StageTable)

template <class T>
const StageTable<T>& stage_table() {
  return table_in_use<StageTable<T>>();
}

}  // namespace mg
