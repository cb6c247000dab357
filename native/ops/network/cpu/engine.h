// What forward and backward share on the CPU: where tensors lie, and which worker owns which images.
#pragma once
#include <atomic>
#include <cstring>

#include "../../../base/conv/tile.h"
#include "../../../base/host/denormals.h"
#include "../../../base/host/pool.h"
#include "../network.h"
#include "stage.h"

namespace mg {

// One worker's scratch memory and the images it works on: [first, first + count).
template <class T>
struct Worker {
  char* memory;
  // cells, products, kernel_sums: Winograd's, of the tiles taken together
  T *patch, *cells, *products, *sums, *dsums, *dx, *kernel_sums, *gates;
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
    w.patch = take(p.patch_size), w.cells = take(p.cells_size), w.products = take(p.products_size);
    w.sums = take(p.sums_size), w.dsums = take(p.dsums_size), w.dx = take(p.dx_size), w.kernel_sums = take(p.kernel_sums_size);
    w.gates = at;
    return w;
  }

  // fn(k) for k < n by the threads of the pool, without denormals: they fill the gradients of a network that knows its task.
  template <class F>
  static void parallel(i64 n, F&& fn) {
    Pool::get().parallel_for(n, [&](i64 k, int) {
      const FlushDenormals flush;
      fn(k);
    });
  }

  // fn(unit, worker) for every unit of samples. Lanes take units as they come free; each lane has its own scratch memory.
  template <class F>
  void each_unit(F&& fn) const {
    std::atomic<i64> next{0};
    const i64 lanes = p.workers < p.units ? p.workers : p.units;
    parallel(lanes, [&](i64 lane) {
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
    const Node& n = p.nodes[std::size_t(node)];
    if (n.field >= 0) return args.fields[n.field] + (t * p.batch + b) * n.area() * n.channels;
    return at(p.grids[std::size_t(n.grid)].y, w, t, b);
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
  U* space(i64 bytes) const {
    return reinterpret_cast<U*>(work + bytes);
  }
};

}  // namespace mg
