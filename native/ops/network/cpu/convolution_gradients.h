// The gradients of the convolutions of one chunk: of weights, and of what was gathered. As in convolution.h, directly or by
// Winograd's algorithm.
#pragma once
#include "forward_step.h"

namespace mg {

template <class T>
class ConvolutionGradients : public ForwardStep<T> {
  using Base = ForwardStep<T>;

 public:
  using Base::algorithm, Base::Base, Base::conv, Base::each_block, Base::each_chunk, Base::kernel_rows, Base::multiply, Base::p;
  using Base::parameter, Base::plane, Base::stage, Base::transform_cells;
  template <class U>
  U* space(i64 bytes) const {
    return Base::template space<U>(bytes);
  }

  // The kernel as the data gradient reads it: turned by half a turn and transposed. Before pack_forward, whose `transformed` it
  // uses as scratch.
  void pack_transposed(const Grid& g) const {
    fill_offsets(g.data_chunks, space<std::int32_t>(g.data_offsets));
    const i64 N = g.outputs, taps = Base::taps(g);
    T* const turned = space<T>(g.turned);
    const T* kernel = parameter(g.kernel);
    if (g.tile > 0) {
      algorithm(g).weights(kernel, g.in_channels * N, true, space<T>(g.transformed));
      kernel = space<T>(g.transformed);
    }
    // The wanted channels of some sources become the columns, tap by tap.
    auto pack = [&](std::size_t begin, std::size_t end, i64 columns, T* to) {
      const int narrow = narrow_columns(conv, columns, N);
      for (i64 tap = 0; columns > 0 && tap < taps; tap++) {
        const T* from = kernel + (g.tile > 0 ? tap : taps - 1 - tap) * g.in_channels * N;
        for (std::size_t j = begin; j < end; j++) {
          const Source& s = g.sources[j];
          for (i64 c = 0; s.column >= 0 && c < s.channels; c++) {
            for (i64 n = 0; n < N; n++) turned[n * columns + s.column + c] = from[(s.first + c) * N + n];
          }
        }
        pack_weight(conv, turned, columns, N, columns, narrow, to + tap * N * packed_columns(conv, columns, narrow));
      }
    };
    pack(std::size_t(g.doubled_sources), g.sources.size(), g.data_columns, space<T>(g.packed_transposed));
    pack(0, std::size_t(g.doubled_sources), g.coarse_columns, space<T>(g.packed_coarse));
  }

  // Under Winograd's algorithm the sums of a block's tiles are those of the transformed kernel, [points][in_channels][outputs].
  void weight_gradient(const Grid& g, const Worker<T>& w, const Inputs<T>& in, i64 pixels, const T* d, T* sums) const {
    OuterJob<T> job{};
    job.columns = g.outputs;
    job.accumulate = true;
    if (g.tile > 0) {
      const i64 C = g.in_channels, padded = padded_columns(g.outputs, conv.lanes);
      job.row_stride = C;
      job.accumulate = false;
      for (int point = 0; point < winograd_points(g.tile); point++) {
        if (!point_of_doubled(g.tile, point)) {
          std::memset(w.kernel_sums + point * C * g.outputs, 0, std::size_t(g.doubled * g.outputs) * sizeof(T));
        }
      }
      each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
        const i64 tiles = lines * across;
        transform_cells(g, g.doubled_sources, w, in, first, lines);
        algorithm(g).gradients(d + first * g.tile * g.tile * across * padded, lines, across, padded, w.products,
                               plane(tiles * padded));
        job.pixels = tiles;
        for (int point = 0; point < winograd_points(g.tile); point++) {
          const i64 skip = point_of_doubled(g.tile, point) ? 0 : g.doubled;
          job.patch = w.cells + point * plane(tiles * C) + skip;
          job.dy = w.products + point * plane(tiles * padded);
          job.run = job.end = C - skip;
          job.grad = w.kernel_sums + (point * C + skip) * g.outputs;
          if (job.end > 0) conv.outer(job);
        }
        algorithm(g).weight_gradient(w.kernel_sums, C * g.outputs, sums);
      });
      return;
    }
    job.patch = w.patch;
    job.offset = space<std::int32_t>(g.offsets);
    job.pixels = pixels;
    job.row_stride = in.plan.row_stride();
    job.run = p.spec.kernel_size * g.in_channels;
    job.dy = d;
    job.end = kernel_rows(g);
    job.grad = sums;
    conv.outer(job);
  }

  // The convolution of the sums' gradient with the turned and transposed kernel, handed out to the sources; to the coarse cells
  // of doubled sources under Winograd's algorithm.
  void data_gradient(const Grid& g, const Worker<T>& w, i64 n, i64 stride, const SourceView<T>* from, int count) const {
    const SourceView<T> d{Map::same, w.dsums, nullptr, g.outputs, stride, false};
    SourceView<T> coarse[max_sources];
    for (int j = 0; j < g.doubled_sources; j++) coarse[j] = from[j], coarse[j].map = Map::same;
    const i64 K = p.spec.kernel_size, area = g.tile * g.tile;
    const int narrow = narrow_columns(conv, g.data_columns, g.outputs);
    const int coarse_narrow = narrow_columns(conv, g.coarse_columns, g.outputs);
    const T *packed = space<T>(g.packed_transposed), *coarse_packed = space<T>(g.packed_coarse);
    each_chunk(g.data_chunks, n, [&](const ChunkPlan& plan, const Chunk& chunk, i64, i64 pixels) {
      T* const coarse_dx = w.dx + pixels * g.data_columns;
      if (g.tile > 0) {
        const Inputs<T> in{plan, chunk, &d, 1};
        each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
          const i64 tiles = lines * across;
          transform_cells(g, 0, w, in, first, lines);
          if (g.data_columns > 0) {
            multiply(g, w, tiles, g.outputs, 0, packed, g.data_columns, narrow, false);
            algorithm(g).outputs(w.products, plane(tiles * g.data_columns), lines, across, g.data_columns, nullptr,
                                 w.dx + first * area * across * g.data_columns);
          }
          if (g.coarse_columns > 0) {
            multiply(g, w, tiles, g.outputs, 0, coarse_packed, g.coarse_columns, coarse_narrow, true);
            algorithm(g).coarse_sums(w.products, plane(tiles * g.coarse_columns), lines, across, g.coarse_columns,
                                     coarse_dx + first * area / 4 * across * g.coarse_columns);
          }
        });
      } else if (g.data_columns > 0) {
        stage.gather(plan, chunk, p.spec.dimensions, &d, 1, w.patch);
        TileJob<T> job{};
        job.patch = w.patch, job.offset = space<std::int32_t>(g.data_offsets), job.weight = packed;
        job.kernel_rows = p.spec.dimensions == 1 ? 1 : K, job.row_stride = plan.row_stride(), job.run = K * g.outputs;
        job.kernel_columns = int(K);
        job.row = g.width;
        job.columns = job.out_stride = g.data_columns;
        job.narrow = narrow;
        job.out = w.dx;
        job.pixels = pixels;
        conv.tiles(job);
      }
      if (g.data_columns > 0) {
        stage.scatter(plan, chunk, p.spec.dimensions, from + g.doubled_sources, count - g.doubled_sources, w.dx, g.data_columns);
      }
      if (g.coarse_columns > 0) {
        stage.scatter(coarse_plan(plan), coarse_chunk(chunk), 2, coarse, g.doubled_sources, coarse_dx, g.coarse_columns);
      }
    });
  }
};

}  // namespace mg
