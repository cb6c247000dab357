#include "engine.h"
#include "norm.h"

namespace mg {
namespace {

template <class T>
class Forward : Engine<T> {
 public:
  using Engine<T>::Engine;

  void run() {
    Pool::get().parallel_for(i64(p.grids.size()), [&](i64 g, int) { this->pack_forward(p.grids[size_t(g)]); });
    if (p.wide) {
      wide();
      return;
    }
    if (!p.layer_major) {
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (const Grid& g : p.grids) grid(g, w, t);
          }
          for (const Grid& g : p.grids) last_state(g, w);
        });
      });
      return;
    }
    for (size_t l = 0; l + 1 < p.layer_first.size(); l++) {
      const int first = p.layer_first[l], end = p.layer_first[l + 1];
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (int g = first; g < end; g++) grid(p.grids[size_t(g)], w, t);
          }
          for (int g = first; g < end; g++) last_state(p.grids[size_t(g)], w);
        });
      });
      for (int g = first; g < end; g++) {
        if (p.grids[size_t(g)].gamma >= 0) WindowNorm<T>(*this, p.grids[size_t(g)]).forward();
      }
    }
  }

 private:
  using Engine<T>::p;
  using Engine<T>::args;
  using Engine<T>::stage;

  // All chunks of a layer at a step are independent; large grids come first, so that small ones fill the gaps.
  void wide() {
    const Worker<T> all = this->worker(0);
    for (i64 t = 0; t < p.steps; t++) {
      for (size_t l = 0; l + 1 < p.layer_first.size(); l++) {
        const int first = p.layer_first[l], end = p.layer_first[l + 1];
        i64 tasks = 0;
        for (int g = first; g < end; g++) tasks += p.grids[size_t(g)].chunks.count * p.batch;
        std::atomic<i64> next{0};
        Pool::get().parallel_for(p.workers < tasks ? p.workers : tasks, [&](i64 lane, int) {
          Worker<T> w = this->worker(lane);
          for (i64 task; (task = next.fetch_add(1)) < tasks;) {
            i64 k = task;
            int g = end - 1;
            for (; k >= p.grids[size_t(g)].chunks.count * p.batch; g--) k -= p.grids[size_t(g)].chunks.count * p.batch;
            const Grid& grid = p.grids[size_t(g)];
            SourceView<T> from[max_sources];
            const i64 b = k / grid.chunks.count;
            const int count = this->sources(grid, w, t, b, from);
            const Chunk c = grid.chunks.chunk(k % grid.chunks.count);
            chunk(grid, w, t, b, from, count, grid.chunks, c, c.row * grid.width, c.rows * grid.width);
          }
        });
      }
    }
    Worker<T> w = all;
    w.count = p.batch;
    for (const Grid& g : p.grids) last_state(g, w);
  }

  // One grid at one step for the worker's images.
  void grid(const Grid& g, Worker<T>& w, i64 t) {
    SourceView<T> from[max_sources];
    for (i64 b = w.first, n; b < w.first + w.count; b += n) {
      n = w.first + w.count - b < g.group ? w.first + w.count - b : g.group;
      const int count = this->sources(g, w, t, b, from);
      this->each_chunk(g.chunks, n, [&](const ChunkPlan& plan, const Chunk& c, i64 before, i64 pixels) {
        chunk(g, w, t, b, from, count, plan, c, before, pixels);
      });
    }
  }

  // One chunk of a grid: gather, convolve, cell or activation, shortcut.
  void chunk(const Grid& g, Worker<T>& w, i64 t, i64 b, const SourceView<T>* from, int count, const ChunkPlan& plan, const Chunk& c,
             i64 before, i64 pixels) {
    this->gather(g, w, plan, c, from, count);
    T* a = this->at(g.activation, w, t, b) + before * g.channels;
    if (g.state >= 0) {
      this->convolve(g, w, pixels, w.sums);
      stage.cell_forward(cell_job(g, w, t, b, before, pixels, a));
    } else {
      this->convolve(g, w, pixels, a);
      if (p.spec.layers[size_t(g.layer)].relu) stage.relu(a, pixels * g.channels);
    }
    if (g.shortcut.empty() || g.gamma >= 0) return;
    T* y = this->at(g.y, w, t, b) + before * g.channels;
    std::memcpy(y, a, size_t(pixels * g.channels) * sizeof(T));
    for (const ShortcutPart& s : g.shortcut) {
      stage.add(y + s.first, g.channels, this->value(s.node, w, t, b) + before * s.channels, s.channels, s.channels, pixels);
    }
  }

  CellJob<T> cell_job(const Grid& g, const Worker<T>& w, i64 t, i64 b, i64 before, i64 pixels, T* hidden) const {
    const i64 at = before * g.channels, image = g.area() * g.channels;
    const T* c_prev = this->cell_before(g, w, t, b);
    CellJob<T> job{};
    job.pixels = pixels;
    job.channels = g.channels;
    job.forget_bias = T(p.spec.layers[size_t(g.layer)].forget_bias);
    job.peephole = g.peephole >= 0 ? this->parameter(g.peephole) : nullptr;
    job.c_prev = c_prev ? c_prev + at : nullptr;
    job.sums = w.sums;
    job.c = this->at(g.cell, w, t, b) + at;
    job.h = hidden;
    if (g.gates.where != Place::Where::none) {
      job.gates = this->at(g.gates, w, t, 0) + b * image + at;
      job.plane = p.batch * image;
    }
    return job;
  }

  void last_state(const Grid& g, const Worker<T>& w) const {
    if (g.state < 0) return;
    const i64 image = g.area() * g.channels;
    auto copy = [&](T* const* to, const T* from) {
      if (!to || !to[g.state]) return;
      T* const out = to[g.state] + w.first * image;
      if (from) std::memcpy(out, from, size_t(w.count * image) * sizeof(T));
      else std::memset(out, 0, size_t(w.count * image) * sizeof(T));
    };
    copy(args.hidden, this->hidden_before(g, w, p.steps, w.first));
    copy(args.cell, this->cell_before(g, w, p.steps, w.first));
  }
};

}  // namespace

template <class T>
void network_forward(const Plan& plan, const NetworkArgs<T>& args) {
  Forward<T>(plan, args).run();
}
template void network_forward<float>(const Plan&, const NetworkArgs<float>&);
template void network_forward<double>(const Plan&, const NetworkArgs<double>&);

}  // namespace mg
