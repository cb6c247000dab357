// The forward pass of a fused network on the CPU.
#include "forward_step.h"
#include "norm.h"

namespace mg {
namespace {

// With less, another thread is met later than this one is done alone; on a shared machine, much later.
constexpr i64 least_packed = 1 << 17;      // values of all kernels that are packed
constexpr double least_layer_flop = 1e6;   // of a layer at a step

template <class T>
class Forward : ForwardStep<T> {
 public:
  Forward(const Plan& plan, const NetworkArgs<T>& args) : ForwardStep<T>(plan, args, plan.segment == 0) {}

  void run() {
    auto pack = [&](i64 g, int) { this->pack_forward(p.grids[std::size_t(g)]); };
    if (p.parameter_values >= least_packed) Pool::get().parallel_for(i64(p.grids.size()), pack);
    else
      for (std::size_t g = 0; g < p.grids.size(); g++) pack(i64(g), 0);
    if (p.wide) {
      wide();
      return;
    }
    if (!p.layer_major) {
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (const Grid& g : p.grids) this->grid(g, w, t);
            if (this->begins_segment(t + 1)) save_checkpoint(w, t + 1);
          }
          for (const Grid& g : p.grids) last_state(g, w);
        });
      });
      return;
    }
    for (std::size_t l = 0; l + 1 < p.layer_first.size(); l++) {
      const int first = p.layer_first[l], end = p.layer_first[l + 1];
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (int g = first; g < end; g++) this->grid(p.grids[std::size_t(g)], w, t);
          }
          for (int g = first; g < end; g++) last_state(p.grids[std::size_t(g)], w);
        });
      });
      for (int g = first; g < end; g++) {
        if (p.grids[std::size_t(g)].gamma >= 0) WindowNorm<T>(*this, p.grids[std::size_t(g)]).forward();
      }
    }
  }

 private:
  using Engine<T>::p;
  using Engine<T>::args;

  // All chunks of a layer at a step are independent; large grids come first, so that small ones fill the gaps.
  void wide() {
    const Worker<T> all = this->worker(0);
    const i64 taps = p.spec.kernel_height() * p.spec.kernel_size;
    for (i64 t = 0; t < p.steps; t++) {
      for (std::size_t l = 0; l + 1 < p.layer_first.size(); l++) {
        const int first = p.layer_first[l], end = p.layer_first[l + 1];
        i64 tasks = 0;
        double flop = 0;
        for (int g = first; g < end; g++) {
          const Grid& grid = p.grids[std::size_t(g)];
          tasks += grid.chunks.count * p.batch;
          flop += 2.0 * double(p.batch * grid.area() * grid.outputs * grid.in_channels * taps);
        }
        std::atomic<i64> next{0};
        const i64 lanes = flop < least_layer_flop ? 1 : p.workers < tasks ? p.workers : tasks;
        this->parallel(lanes, [&](i64 lane) {
          Worker<T> w = this->worker(lane);
          for (i64 task; (task = next.fetch_add(1)) < tasks;) {
            i64 k = task;
            int g = end - 1;
            for (; k >= p.grids[std::size_t(g)].chunks.count * p.batch; g--) k -= p.grids[std::size_t(g)].chunks.count * p.batch;
            const Grid& grid = p.grids[std::size_t(g)];
            SourceView<T> from[max_sources];
            const i64 b = k / grid.chunks.count;
            const int count = this->sources(grid, w, t, b, from);
            const Chunk c = grid.chunks.chunk(k % grid.chunks.count);
            this->chunk(grid, w, t, b, from, count, grid.chunks, c, c.row * grid.width, c.rows * grid.width);
          }
        });
      }
    }
    Worker<T> w = all;
    w.count = p.batch;
    for (const Grid& g : p.grids) last_state(g, w);
  }

  void last_state(const Grid& g, const Worker<T>& w) const {
    if (g.state < 0) return;
    const i64 image = g.area() * g.channels;
    auto copy = [&](T* const* to, const T* from) {
      if (!to || !to[g.state]) return;
      T* const out = to[g.state] + w.first * image;
      if (from) std::memcpy(out, from, std::size_t(w.count * image) * sizeof(T));
      else std::memset(out, 0, std::size_t(w.count * image) * sizeof(T));
    };
    copy(args.hidden, this->hidden_before(g, w, p.steps, w.first));
    copy(args.cell, this->cell_before(g, w, p.steps, w.first));
  }

  void save_checkpoint(const Worker<T>& w, i64 t) const {
    for (const Grid& g : p.grids) {
      if (g.state < 0) continue;
      const std::size_t bytes = std::size_t(w.count * g.area() * g.channels) * sizeof(T);
      std::memcpy(this->checkpoint(g, g.checkpoint_hidden, t, w.first), this->at(g.activation, w, t - 1, w.first), bytes);
      std::memcpy(this->checkpoint(g, g.checkpoint_cell, t, w.first), this->at(g.cell, w, t - 1, w.first), bytes);
    }
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
