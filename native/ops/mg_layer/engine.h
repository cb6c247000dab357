// What forward and backward share on the CPU: where tensors lie, which worker owns which images, one chunk of convolution.
#pragma once
#include <atomic>
#include <cstring>

#include "../../base/conv_tile.h"
#include "../../base/pool.h"
#include "mg_layer.h"
#include "stage.h"

namespace mg {

// One worker's scratch memory and the images it works on: [first, first + count).
template <class T>
struct Worker {
  char* memory;
  T *patch, *cells, *products, *sums, *dsums, *dx, *gates;  // cells, products: Winograd's, of the tiles taken together
  i64 first = 0, count = 0;
};

// What the sums of a chunk are made from.
template <class T>
struct Inputs {
  const ChunkPlan& plan;
  const Chunk& chunk;
  const SourceView<T>* from;
  int count;
};

template <class T>
class Engine {
 public:
  Engine(const Plan& plan, const NetworkArgs<T>& args)
      : p(plan), args(args), conv(conv_table<T>()), stage(stage_table<T>()), saved(static_cast<char*>(args.saved)),
        work(static_cast<char*>(args.workspace)) {}

  const Plan& p;
  const NetworkArgs<T>& args;
  const ConvTable<T>& conv;
  const StageTable<T>& stage;
  char *saved, *work;

  Worker<T> worker(i64 lane) const {
    Worker<T> w;
    w.memory = work + p.worker_scratch + lane * p.worker_scratch_bytes;
    T* at = reinterpret_cast<T*>(w.memory + p.scratch_begin);
    auto take = [&](i64 n) {
      T* const a = at;
      at += round_up(n, 16);
      return a;
    };
    w.patch = take(p.patch_size), w.cells = take(p.cells_size), w.products = take(p.products_size);
    w.sums = take(p.sums_size), w.dsums = take(p.dsums_size), w.dx = take(p.dx_size);
    w.gates = at;
    return w;
  }

  // fn(unit, worker) for every unit of samples. Lanes take units as they come free; each lane has its own scratch memory.
  template <class F>
  void each_unit(F&& fn) const {
    std::atomic<i64> next{0};
    const i64 lanes = p.workers < p.units ? p.workers : p.units;
    Pool::get().parallel_for(lanes, [&](i64 lane, int) {
      Worker<T> w = worker(lane);
      for (i64 u; (u = next.fetch_add(1)) < p.units;) fn(u, w);
    });
  }
  // fn(worker) for every group of images of a unit.
  template <class F>
  void each_group(i64 unit, Worker<T>& w, F&& fn) const {
    const i64 end = part_begin(p.batch, p.units, unit + 1);
    for (w.first = part_begin(p.batch, p.units, unit); w.first < end; w.first += p.group) {
      w.count = end - w.first < p.group ? end - w.first : p.group;
      fn();
    }
  }

  // Image b at step t. Where images lie per worker, b counts from the worker's first.
  T* at(const Place& place, const Worker<T>& w, i64 t, i64 b) const {
    const i64 slot = place.slots ? t % place.slots : 0;
    auto image = [&](char* base, i64 index) { return reinterpret_cast<T*>(base + place.offset) + index * place.image; };
    switch (place.where) {
      case Place::Where::saved: return image(saved, slot * p.batch + b);
      case Place::Where::workspace: return image(work, slot * p.batch + b);
      case Place::Where::worker: return image(w.memory, slot * p.group + b - w.first);
      case Place::Where::output: return args.outputs[place.offset] + (t * p.batch + b) * place.image;
      default: return nullptr;
    }
  }
  const T* value(int node, const Worker<T>& w, i64 t, i64 b) const {
    const Node& n = p.nodes[size_t(node)];
    if (n.field >= 0) return args.fields[n.field] + (t * p.batch + b) * n.area() * n.channels;
    return at(p.grids[size_t(n.grid)].y, w, t, b);
  }
  static const T* state_or_null(const T* const* all, int state, i64 offset) {
    return all && all[state] ? all[state] + offset : nullptr;
  }
  // State of the step before: given, from a checkpoint, or where that step left it.
  const T* hidden_before(const Grid& g, const Worker<T>& w, i64 t, i64 b) const {
    if (t == 0) return state_or_null(args.hidden0, g.state, b * g.area() * g.channels);
    return begins_segment(t) ? checkpoint(g, g.checkpoint_hidden, t, b) : at(g.activation, w, t - 1, b);
  }
  const T* cell_before(const Grid& g, const Worker<T>& w, i64 t, i64 b) const {
    if (t == 0) return state_or_null(args.cell0, g.state, b * g.area() * g.channels);
    return begins_segment(t) ? checkpoint(g, g.checkpoint_cell, t, b) : at(g.cell, w, t - 1, b);
  }
  bool begins_segment(i64 t) const { return p.segment > 0 && t % p.segment == 0 && t < p.steps; }
  T* checkpoint(const Grid& g, i64 bytes, i64 t, i64 b) const {
    return reinterpret_cast<T*>(saved + bytes) + ((t / p.segment - 1) * p.batch + b) * g.area() * g.channels;
  }
  // The gates of image b: four planes, `plane` values apart.
  T* gates(const Grid& g, const Worker<T>& w, i64 t, i64 b, i64& plane) const {
    const bool own = g.gates.where == Place::Where::worker;
    const i64 image = g.area() * g.channels, first = own ? w.first : 0;
    plane = (own ? p.group : p.batch) * image;
    return at(g.gates, w, t, first) + (b - first) * image;
  }
  int sources(const Grid& g, const Worker<T>& w, i64 t, i64 b, SourceView<T>* out) const {
    int n = 0;
    for (const Source& s : g.sources) {
      const T* v = s.node >= 0 ? value(s.node, w, t, b) : hidden_before(g, w, t, b);
      out[n++] = {s.map, v, nullptr, s.channels, s.channels, s.node < 0};
    }
    return n;
  }

  // fn(chunk, pixels before it in the group, its pixels) for n images.
  template <class F>
  static void each_chunk(ChunkPlan plan, i64 n, F&& fn) {
    plan.batch = n;
    const i64 count = plan.bands > 1 ? n * plan.bands : ceil_div(n, plan.samples_per);
    for (i64 c = 0; c < count; c++) {
      const Chunk k = plan.chunk(c);
      fn(plan, k, (k.sample * plan.height + k.row) * plan.width, k.samples * k.rows * plan.width);
    }
  }

  const T* parameter(int k) const { return args.parameters[k]; }
  template <class U>
  U* space(i64 bytes) const { return reinterpret_cast<U*>(work + bytes); }

  // Tables and kernels as the tiles read them: padded to whole vectors, transformed for Winograd's algorithm.
  void pack_forward(const Grid& g) const {
    fill_offsets(g.chunks, space<std::int32_t>(g.offsets));
    const i64 N = g.outputs, rows = kernel_rows(g);
    if (padded_columns(N, conv.lanes) != N) pack_weight(conv, parameter(g.bias), N, 1, N, 0, space<T>(g.packed_bias));
    const T* kernel = parameter(g.kernel);
    if (g.winograd) {
      fill_rows(g.tile_rows, g.width / 2, g.in_channels);
      conv.winograd.weights(kernel, g.in_channels * N, space<T>(g.transformed));
      kernel = space<T>(g.transformed);
    }
    if (!reads_in_place(conv, N, narrow(g))) pack_weight(conv, kernel, N, rows, N, narrow(g), space<T>(g.packed_kernel));
  }
  i64 taps(const Grid& g) const {
    return g.winograd ? winograd_points : p.parameters[size_t(g.kernel)].size / (g.in_channels * g.outputs);
  }
  i64 kernel_rows(const Grid& g) const { return taps(g) * g.in_channels; }
  int narrow(const Grid& g) const { return narrow_columns(conv, g.outputs, g.in_channels | g.doubled); }
  const T* packed_kernel(const Grid& g) const {
    if (!reads_in_place(conv, g.outputs, narrow(g))) return space<T>(g.packed_kernel);
    return g.winograd ? space<T>(g.transformed) : parameter(g.kernel);
  }

  // Gathers what the sums of a chunk need as a patch: everything, or, with Winograd's algorithm, what is pooled.
  void gather(const Grid& g, const Worker<T>& w, const Inputs<T>& in) const {
    if (!g.winograd) return stage.gather(in.plan, in.chunk, p.spec.dimensions, in.from, in.count, w.patch);
    SourceView<T> pooled[max_sources];
    int count = 0;
    for (int j = 0; j < in.count; j++) {
      if (in.from[j].map == Map::down) pooled[count++] = in.from[j];
    }
    if (count > 0) stage.gather(pooled_plan(in.plan, g.pooled), in.chunk, 2, pooled, count, w.patch);
  }

  // The sums of the gathered chunk -> out [pixels][outputs].
  void convolve(const Grid& g, const Worker<T>& w, const Inputs<T>& in, i64 pixels, T* out) const {
    const T* bias = padded_columns(g.outputs, conv.lanes) != g.outputs ? space<T>(g.packed_bias) : parameter(g.bias);
    if (g.winograd) {
      each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
        transform_cells(g, g.doubled_sources, w, in, first, lines);
        multiply(w, lines * across, g.tile_rows, g.in_channels, g.doubled, packed_kernel(g), g.outputs, narrow(g), false);
        conv.winograd.outputs(w.products, plane(lines * across * g.outputs), lines, across, g.outputs, bias,
                              out + first * 4 * across * g.outputs);
      });
      return;
    }
    const i64 K = p.spec.kernel_size;
    TileJob<T> job{};
    job.narrow = narrow(g);
    job.bias = bias;
    job.columns = job.out_stride = g.outputs;
    job.out = out;
    job.patch = w.patch, job.offset = space<std::int32_t>(g.offsets), job.weight = packed_kernel(g);
    job.kernel_rows = p.spec.dimensions == 1 ? 1 : K, job.row_stride = g.chunks.row_stride(), job.run = K * g.in_channels;
    job.kernel_columns = int(K);
    job.pixels = pixels;
    job.row = g.width;
    conv.tiles(job);
  }

  // Winograd's algorithm: fn(first line, lines, tiles of a line) for blocks of a chunk's tiles, which are as equal as may be.
  template <class F>
  static void each_block(const Grid& g, i64 pixels, F&& fn) {
    const i64 across = g.width / 2, lines = pixels / 4 / across, per = ceil_div(lines, ceil_div(lines, most_lines(across)));
    for (i64 first = 0; first < lines; first += per) fn(first, lines - first < per ? lines - first : per, across);
  }
  static i64 plane(i64 values) { return winograd_plane(values, sizeof(T)); }

  // w.cells of some lines of tiles, sources side by side. The first `doubled` sources lie on the coarser grid.
  void transform_cells(const Grid& g, int doubled, const Worker<T>& w, const Inputs<T>& in, i64 first, i64 lines) const {
    static const T zeros[4 * max_channels] = {};
    const i64 across = g.width / 2, image_lines = in.chunk.rows / 2;
    i64 channels = 0;
    for (int j = 0; j < in.count; j++) channels += in.from[j].channels;
    const i64 point = plane(lines * across * channels);
    for (i64 line = first; line < first + lines; line++) {
      const i64 sample = line / image_lines, y = line % image_lines * 2;  // of the chunk
      T* v = w.cells + (line - first) * across * channels;
      i64 pooled = 0;
      for (int j = 0; j < in.count; j++) {
        const SourceView<T>& s = in.from[j];
        // Rows top, top + 1, … of a grid of `height` rows.
        CellRows<T> rows;
        auto take = [&](int count, i64 top, i64 height, i64 width) {
          for (int i = 0; i < count; i++) {
            const bool in_grid = s.value && inside(top + i, height);
            rows.at[i] = in_grid ? s.value + ((in.chunk.sample + sample) * height + top + i) * width * s.stride : zeros;
            rows.stride[i] = in_grid ? s.stride : 0;
          }
        };
        if (j < doubled) {
          take(3, (in.chunk.row + y) / 2 - 1, g.height / 2, across);
          conv.winograd.doubled_cells(rows, across, s.channels, v, channels, point);
        } else {
          if (s.map == Map::same) {
            take(4, in.chunk.row + y - 1, g.height, g.width);
          } else {
            const ChunkPlan plan = pooled_plan(in.plan, g.pooled);
            for (int i = 0; i < 4; i++) {
              rows.at[i] = w.patch + (sample * (plan.rows_per + 2) + y + i) * plan.row_stride() + pooled;
              rows.stride[i] = g.pooled;
            }
            pooled += s.channels;
          }
          conv.winograd.cells(rows, across, s.channels, v, channels, point);
        }
        v += s.channels;
      }
    }
  }
  // The products of all points, or of those that doubled cells have; the first `doubled` channels have no others.
  void multiply(const Worker<T>& w, i64 tiles, i64 rows, i64 channels, i64 doubled, const T* packed, i64 columns, int narrow,
                bool doubled_points) const {
    TileJob<T> job{};
    job.offset = space<std::int32_t>(rows), job.kernel_rows = 1;
    job.columns = job.out_stride = columns;
    job.narrow = narrow;
    job.pixels = tiles;
    for (int point = 0; point < winograd_points; point++) {
      const i64 skip = point_of_doubled(point) ? 0 : doubled, row = point * channels + skip;
      if (doubled_points && !point_of_doubled(point)) continue;
      job.patch = w.cells + point * plane(tiles * channels) + skip;
      job.weight = packed + row * packed_columns(conv, columns, narrow);
      job.run = channels - skip;
      job.out = w.products + point * plane(tiles * columns);
      conv.tiles(job);
    }
  }

 protected:
  void fill_rows(i64 bytes, i64 across, i64 channels) const {
    for (i64 k = 0; k < most_lines(across) * across; k++) space<std::int32_t>(bytes)[k] = std::int32_t(k * channels);
  }
  // The patch of pooled sources: the rows around a chunk, without columns beside them.
  static ChunkPlan pooled_plan(ChunkPlan plan, i64 channels) {
    plan.pad_w = 0, plan.channels = channels;
    return plan;
  }
};

}  // namespace mg
