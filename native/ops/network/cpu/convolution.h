// The convolutions of one chunk, as the definition has them or by Winograd's algorithm (winograd.h).
#pragma once
#include "engine.h"

namespace mg {

// What the sums of a chunk are made from.
template <class T>
struct Inputs {
  const ChunkPlan& plan;
  const Chunk& chunk;
  const SourceView<T>* from;
  int count;
};

template <class T>
class Convolution : public Engine<T> {
 public:
  using Engine<T>::Engine, Engine<T>::conv, Engine<T>::p, Engine<T>::parameter, Engine<T>::stage;
  template <class U>
  U* space(i64 bytes) const {
    return Engine<T>::template space<U>(bytes);
  }

  // Tables and kernels as the tiles read them: padded to whole vectors, transformed for Winograd's algorithm.
  void pack_forward(const Grid& g) const {
    fill_offsets(g.chunks, space<std::int32_t>(g.offsets));
    const i64 N = g.outputs, rows = kernel_rows(g);
    if (padded_columns(N, conv.lanes) != N) pack_weight(conv, parameter(g.bias), N, 1, N, 0, space<T>(g.packed_bias));
    const T* kernel = parameter(g.kernel);
    if (g.tile > 0) {
      algorithm(g).weights(kernel, g.in_channels * N, false, space<T>(g.transformed));
      kernel = space<T>(g.transformed);
    }
    if (!reads_in_place(conv, N, narrow(g))) pack_weight(conv, kernel, N, rows, N, narrow(g), space<T>(g.packed_kernel));
  }
  const WinogradTable<T>& algorithm(const Grid& g) const { return conv.winograd(g.tile); }
  i64 taps(const Grid& g) const {
    return g.tile > 0 ? winograd_points(g.tile) : p.parameters[std::size_t(g.kernel)].size / (g.in_channels * g.outputs);
  }
  i64 kernel_rows(const Grid& g) const { return taps(g) * g.in_channels; }
  int narrow(const Grid& g) const { return narrow_columns(conv, g.outputs, g.in_channels | g.doubled); }
  const T* packed_kernel(const Grid& g) const {
    if (!reads_in_place(conv, g.outputs, narrow(g))) return space<T>(g.packed_kernel);
    return g.tile > 0 ? space<T>(g.transformed) : parameter(g.kernel);
  }

  // Gathers what the sums of a chunk need as a patch: everything, or, with Winograd's algorithm, what is pooled.
  void gather(const Grid& g, const Worker<T>& w, const Inputs<T>& in) const {
    if (g.tile == 0) return stage.gather(in.plan, in.chunk, p.spec.dimensions, in.from, in.count, w.patch);
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
    if (g.tile > 0) {
      each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
        transform_cells(g, g.doubled_sources, w, in, first, lines);
        multiply(g, w, lines * across, g.in_channels, g.doubled, packed_kernel(g), g.outputs, narrow(g), false);
        algorithm(g).outputs(w.products, plane(lines * across * g.outputs), lines, across, g.outputs, bias,
                             out + first * g.tile * g.tile * across * g.outputs);
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
    const i64 across = g.width / g.tile, lines = pixels / (g.tile * g.tile) / across;
    const i64 per = ceil_div(lines, ceil_div(lines, most_lines(g.tile, across)));
    for (i64 first = 0; first < lines; first += per) fn(first, lines - first < per ? lines - first : per, across);
  }
  static i64 plane(i64 values) { return winograd_plane(values, sizeof(T)); }

  // w.cells of some lines of tiles, sources side by side. The first `doubled` sources lie on the coarser grid.
  void transform_cells(const Grid& g, int doubled, const Worker<T>& w, const Inputs<T>& in, i64 first, i64 lines) const {
    static const T zeros[4 * max_channels] = {};
    const i64 across = g.width / g.tile, image_lines = in.chunk.rows / g.tile;
    i64 channels = 0;
    for (int j = 0; j < in.count; j++) channels += in.from[j].channels;
    const i64 point = plane(lines * across * channels);
    for (i64 line = first; line < first + lines; line++) {
      const i64 sample = line / image_lines, y = line % image_lines * g.tile;  // of the chunk
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
          take(g.tile / 2 + 2, (in.chunk.row + y) / 2 - 1, g.height / 2, g.width / 2);
          algorithm(g).doubled_cells(rows, across, s.channels, v, channels, point);
        } else {
          if (s.map == Map::same) {
            take(g.tile + 2, in.chunk.row + y - 1, g.height, g.width);
          } else {
            const ChunkPlan plan = pooled_plan(in.plan, g.pooled);
            for (int i = 0; i < g.tile + 2; i++) {
              rows.at[i] = w.patch + (sample * (plan.rows_per + 2) + y + i) * plan.row_stride() + pooled;
              rows.stride[i] = g.pooled;
            }
            pooled += s.channels;
          }
          algorithm(g).cells(rows, across, s.channels, v, channels, point);
        }
        v += s.channels;
      }
    }
  }
  // The products of all points, or of those that doubled cells have; the first `doubled` channels have no others.
  void multiply(const Grid& g, const Worker<T>& w, i64 tiles, i64 channels, i64 doubled, const T* packed, i64 columns, int narrow,
                bool doubled_points) const {
    TileJob<T> job{};
    job.row_stride = channels;
    job.columns = job.out_stride = columns;
    job.narrow = narrow;
    job.pixels = tiles;
    for (int point = 0; point < winograd_points(g.tile); point++) {
      const i64 skip = point_of_doubled(g.tile, point) ? 0 : doubled, row = point * channels + skip;
      if (doubled_points && !point_of_doubled(g.tile, point)) continue;
      job.patch = w.cells + point * plane(tiles * channels) + skip;
      job.weight = packed + row * packed_columns(conv, columns, narrow);
      job.run = channels - skip;
      job.out = w.products + point * plane(tiles * columns);
      conv.tiles(job);
    }
  }
};

}  // namespace mg
