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
  T *patch, *coarse, *sums, *dsums, *dx, *gates;  // coarse: the patch of folded sources
  i64 first = 0, count = 0;
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
    w.patch = take(p.patch_size), w.coarse = take(p.coarse_size);
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

  // Tables and kernels as the tiles read them: padded to whole vectors, doubled sources folded.
  void pack_forward(const Grid& g) const {
    fill_offsets(g.chunks, space<std::int32_t>(g.offsets));
    const i64 N = g.outputs, taps = p.parameters[size_t(g.kernel)].size / (g.in_channels * N);
    if (g.folded > 0) pack_folded(g);
    if (padded_columns(N, conv.lanes) != N) pack_weight(conv, parameter(g.bias), N, 1, N, 0, space<T>(g.packed_bias));
    if (kernel_in_place(g)) return;
    for (i64 tap = 0; tap < taps; tap++) {
      pack_weight(conv, parameter(g.kernel) + (tap * g.in_channels + g.folded) * N, N, g.unfolded(), N, narrow(g),
                  space<T>(g.packed_kernel) + tap * g.unfolded() * packed_columns(conv, N, narrow(g)));
    }
  }
  // Runs are whole multiples of these channel counts, and kernel sizes are odd.
  int narrow(const Grid& g) const { return narrow_columns(conv, g.outputs, g.folded | g.unfolded()); }
  bool kernel_in_place(const Grid& g) const { return g.folded == 0 && reads_in_place(conv, g.outputs, narrow(g)); }

  // The patch of a chunk; folded sources stay on their own grid.
  void gather(const Grid& g, const Worker<T>& w, const ChunkPlan& plan, const Chunk& chunk, const SourceView<T>* from,
              int count) const {
    const int folded = g.folded_sources;
    if (g.folded > 0) {
      SourceView<T> coarse[max_sources];
      for (int j = 0; j < folded; j++) coarse[j] = from[j], coarse[j].map = Map::same;
      stage.gather(coarse_plan(plan, g.folded), coarse_chunk(chunk), 2, coarse, folded, w.coarse);
    }
    if (g.unfolded() > 0) stage.gather(plan, chunk, p.spec.dimensions, from + folded, count - folded, w.patch);
  }

  // The sums of the gathered chunk -> out [pixels][outputs].
  void convolve(const Grid& g, const Worker<T>& w, i64 pixels, T* out) const {
    const i64 K = p.spec.kernel_size;
    TileJob<T> job{};
    job.narrow = narrow(g);
    job.bias = padded_columns(g.outputs, conv.lanes) != g.outputs ? space<T>(g.packed_bias) : parameter(g.bias);
    job.columns = job.out_stride = g.outputs;
    job.out = out;
    Taps<T> own{w.patch, space<std::int32_t>(g.offsets), p.spec.dimensions == 1 ? 1 : K, g.chunks.row_stride(), K * g.unfolded(),
                kernel_in_place(g) ? parameter(g.kernel) : space<T>(g.packed_kernel), int(K), g.folded > 0 ? 2 : 1};
    if (g.folded == 0) {
      job.pixels = pixels;
      job.row = g.width;
      job.taps[0] = own;
      conv.tiles(job);
      return;
    }
    job.pixels = pixels / 4;
    job.row = g.width / 2;
    job.parts = g.unfolded() > 0 ? 2 : 1;
    for (i64 q = 0; q < 4; q++) {
      own.offset = parity_table(g, g.parity_offsets, q);
      const i64 stride = coarse_plan(g.chunks, g.folded).row_stride();
      job.taps[0] = {w.coarse, parity_table(g, g.coarse_offsets, q), 2, stride, 2 * g.folded,
                     space<T>(g.packed_folded) + q * 4 * g.folded * packed_columns(conv, g.outputs, job.narrow), 2, 1};
      job.taps[1] = own;
      job.place = parity_table(g, g.places, q);
      conv.tiles(job);
    }
  }
  const std::int32_t* parity_table(const Grid& g, i64 bytes, i64 parity) const {
    return space<std::int32_t>(bytes) + parity * (g.chunks.max_pixels() / 4);
  }

 private:
  void pack_folded(const Grid& g) const {
    const ChunkPlan &fine = g.chunks, coarse = coarse_plan(fine, g.folded);
    std::int32_t *offset = space<std::int32_t>(g.parity_offsets), *under = space<std::int32_t>(g.coarse_offsets),
                 *place = space<std::int32_t>(g.places);
    T *plain = space<T>(g.folded_kernel), *packed = space<T>(g.packed_folded);
    const i64 N = g.outputs, size = g.folded * N;
    std::memset(plain, 0, size_t(16 * size) * sizeof(T));
    for (i64 q = 0; q < 4; q++) {
      const i64 py = q / 2, px = q % 2;
      for (i64 s = 0; s < fine.samples_per; s++) {
        for (i64 y = py; y < fine.rows_per; y += 2) {
          for (i64 x = px; x < fine.width; x += 2) {
            *offset++ = std::int32_t((s * (fine.rows_per + 2) + y) * fine.row_stride() + x * fine.channels);
            const i64 row = s * (coarse.rows_per + 2) + y / 2 + py;
            *under++ = std::int32_t(row * coarse.row_stride() + (x / 2 + px) * coarse.channels);
            *place++ = std::int32_t((s * fine.rows_per + y) * fine.width + x);
          }
        }
      }
      for (i64 ky = 0; ky < 3; ky++) {
        for (i64 kx = 0; kx < 3; kx++) {
          const T* from = parameter(g.kernel) + (ky * 3 + kx) * g.in_channels * N;
          T* tap = plain + (q * 4 + folded_tap(py, ky) * 2 + folded_tap(px, kx)) * size;
          for (i64 i = 0; i < size; i++) tap[i] += from[i];
        }
      }
    }
    pack_weight(conv, plain, N, 16 * g.folded, N, narrow(g), packed);
  }
};

}  // namespace mg
