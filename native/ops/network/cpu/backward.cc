// The backward pass of a fused network on the CPU.
#include "convolution_gradients.h"
#include "norm.h"

namespace mg {
namespace {

template <class T>
class Backward : ConvolutionGradients<T> {
 public:
  Backward(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>& grads)
      : ConvolutionGradients<T>(plan, args, true), grads(grads) {}

  void run() {
    Pool::get().parallel_for(i64(p.grids.size()), [&](i64 g, int) {
      this->pack_transposed(p.grids[std::size_t(g)]);
      this->pack_forward(p.grids[std::size_t(g)]);
    });
    if (p.layer_major) layer_by_layer();
    else step_by_step();
    reduce();
  }

 private:
  using Engine<T>::p;
  using Engine<T>::args;
  using Engine<T>::stage;
  const NetworkGradients<T>& grads;

  T* partial(i64 unit) const { return this->template space<T>(p.partials) + unit * p.parameter_values; }
  void clear_partial(i64 unit) const { std::memset(partial(unit), 0, std::size_t(p.parameter_values) * sizeof(T)); }

  void step_by_step() {
    this->each_unit([&](i64 unit, Worker<T>& w) {
      clear_partial(unit);
      this->each_group(unit, w, [&] {
        for (const Grid& g : p.grids) begin_state(g, w);
        for (i64 t = p.steps - 1; t >= 0; t--) {
          if (p.segment && (t == p.steps - 1 || t % p.segment == p.segment - 1)) run_again(w, t);
          begin_step(w, t);
          for (std::size_t k = p.grids.size(); k-- > 0;) {
            shortcut(p.grids[k], w, t);
            grid_backward(p.grids[k], w, t, partial(unit));
          }
        }
        for (const Grid& g : p.grids) end_state(g, w);
      });
    });
  }

  // Forward from the checkpoint before step t up to t: the same arithmetic writes the same values.
  void run_again(Worker<T>& w, i64 t) {
    for (i64 s = t / p.segment * p.segment; s <= t; s++) {
      for (const Grid& g : p.grids) ForwardStep<T>::grid(g, w, s);
    }
  }

  void layer_by_layer() {
    this->each_unit([&](i64 unit, Worker<T>& w) {
      clear_partial(unit);
      this->each_group(unit, w, [&] {
        for (i64 t = 0; t < p.steps; t++) begin_step(w, t);
      });
    });
    for (std::size_t l = p.layer_first.size() - 1; l-- > 0;) {
      const int first = p.layer_first[l], end = p.layer_first[l + 1];
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (int g = first; g < end; g++) shortcut(p.grids[std::size_t(g)], w, t);
          }
        });
      });
      for (int k = first; k < end; k++) {
        const Grid& g = p.grids[std::size_t(k)];
        if (g.gamma >= 0) WindowNorm<T>(*this, g).backward(grads.parameters[g.gamma], grads.parameters[g.beta]);
      }
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (int g = first; g < end; g++) begin_state(p.grids[std::size_t(g)], w);
          for (i64 t = p.steps - 1; t >= 0; t--) {
            for (int g = end; g-- > first;) grid_backward(p.grids[std::size_t(g)], w, t, partial(unit));
          }
          for (int g = first; g < end; g++) end_state(p.grids[std::size_t(g)], w);
        });
      });
    }
  }

  static void copy_or_clear(T* to, const T* from, i64 n) {
    if (from) std::memcpy(to, from, std::size_t(n) * sizeof(T));
    else std::memset(to, 0, std::size_t(n) * sizeof(T));
  }

  T* grad(int node, const Worker<T>& w, i64 t, i64 b) const {
    const Node& n = p.nodes[std::size_t(node)];
    if (n.field < 0) return this->at(p.grids[std::size_t(n.grid)].grad, w, t, b);
    return n.gradient ? grads.fields[n.field] + (t * p.batch + b) * n.area() * n.channels : nullptr;
  }

  // The gradient of a grid's output as the caller hands it in, or null.
  const T* given(const Grid& g, i64 t, i64 b) const {
    if (g.y.where != Place::Where::output) return nullptr;
    const T* const all = grads.outputs[g.y.offset];
    return all ? all + (t * p.batch + b) * g.area() * g.channels : nullptr;
  }
  // Of a grid that none in the network reads, and that no norm follows, nothing is added to it: it is read where it lies.
  bool is_given(const Grid& g) const { return !p.nodes[std::size_t(g.node)].read && g.gamma < 0 && given(g, 0, 0); }
  const T* output_gradient(const Grid& g, const Worker<T>& w, i64 t, i64 b) const {
    return is_given(g) ? given(g, t, b) : this->at(g.grad, w, t, b);
  }

  // Every gradient of a step starts as what the caller hands in, or zero.
  void begin_step(const Worker<T>& w, i64 t) const {
    for (std::size_t k = 0; k < p.nodes.size(); k++) {
      const Node& n = p.nodes[k];
      const Grid* const g = n.grid >= 0 ? &p.grids[std::size_t(n.grid)] : nullptr;
      if (!n.gradient || (g && is_given(*g))) continue;
      copy_or_clear(grad(int(k), w, t, w.first), g ? given(*g, t, w.first) : nullptr, w.count * n.area() * n.channels);
    }
  }
  void begin_state(const Grid& g, const Worker<T>& w) const {
    if (g.state < 0) return;
    const i64 n = w.count * g.area() * g.channels, at = w.first * g.area() * g.channels;
    copy_or_clear(this->at(g.grad_hidden, w, 0, w.first), this->state_or_null(grads.hidden, g.state, at), n);
    copy_or_clear(this->at(g.grad_cell, w, 0, w.first), this->state_or_null(grads.cell, g.state, at), n);
  }
  void end_state(const Grid& g, const Worker<T>& w) const {
    if (g.state < 0) return;
    const i64 n = w.count * g.area() * g.channels, at = w.first * g.area() * g.channels;
    auto hand_over = [&](T* const* to, const Place& from) {
      if (to && to[g.state]) copy_or_clear(to[g.state] + at, this->at(from, w, 0, w.first), n);
    };
    hand_over(grads.hidden0, g.grad_hidden);
    hand_over(grads.cell0, g.grad_cell);
  }

  void shortcut(const Grid& g, const Worker<T>& w, i64 t) const {
    for (const ShortcutPart& s : g.shortcut) {
      T* to = grad(s.node, w, t, w.first);
      if (to) stage.add(to, s.channels, output_gradient(g, w, t, w.first) + s.first, g.channels, s.channels, w.count * g.area());
    }
  }

  // One grid at one step for the worker's images: from the gradient of its activation to those of everything it read.
  void grid_backward(const Grid& g, Worker<T>& w, i64 t, T* sums) {
    SourceView<T> from[max_sources];
    const i64 padded = padded_columns(g.outputs, this->conv.lanes);
    for (i64 b = w.first, n; b < w.first + w.count; b += n) {
      n = w.first + w.count - b < g.group ? w.first + w.count - b : g.group;
      const int count = this->sources(g, w, t, b, from);
      bool wanted = false;
      for (int j = 0; j < count; j++) {
        const Source& s = g.sources[std::size_t(j)];
        if (s.column < 0) continue;
        from[j].grad = s.node >= 0 ? grad(s.node, w, t, b) : this->at(g.grad_hidden, w, 0, b);
        wanted = wanted || s.node >= 0 || t > 0 || (grads.hidden0 && grads.hidden0[g.state]);
      }
      this->each_chunk(g.chunks, n, [&](const ChunkPlan& plan, const Chunk& chunk, i64 before, i64 pixels) {
        T* d = w.dsums + before * padded;
        const Inputs<T> in{plan, chunk, from, count};
        this->gather(g, w, in);
        if (g.state >= 0) cell_gradient(g, w, in, t, b, before, pixels, d, padded, sums);
        else activation_gradient(g, w, t, b, before, pixels, d, padded);
        this->weight_gradient(g, w, in, pixels, d, sums + p.parameters[std::size_t(g.kernel)].first);
        T* const bias = sums + p.parameters[std::size_t(g.bias)].first;
        this->conv.column_sums(d, pixels, padded, g.outputs, bias, g.gamma >= 0 ? bias + g.outputs : nullptr, true);
      });
      if (wanted) this->data_gradient(g, w, n, padded, from, count);
    }
  }

  void activation_gradient(const Grid& g, const Worker<T>& w, i64 t, i64 b, i64 before, i64 pixels, T* d, i64 stride) const {
    const i64 at = before * g.channels;
    const T* a = p.spec.layers[std::size_t(g.layer)].relu ? this->at(g.activation, w, t, b) + at : nullptr;
    stage.relu_backward(a, output_gradient(g, w, t, b) + at, pixels, g.channels, d, stride);
  }

  void cell_gradient(const Grid& g, const Worker<T>& w, const Inputs<T>& in, i64 t, i64 b, i64 before, i64 pixels, T* d,
                     i64 stride, T* sums) const {
    const i64 at = before * g.channels;
    const T* c_prev = this->cell_before(g, w, t, b);
    CellJob<T> job{};
    job.pixels = pixels;
    job.channels = g.channels;
    job.forget_bias = T(p.spec.layers[std::size_t(g.layer)].forget_bias);
    job.peephole = g.peephole >= 0 ? this->parameter(g.peephole) : nullptr;
    job.c_prev = c_prev ? c_prev + at : nullptr;
    job.c = this->at(g.cell, w, t, b) + at;
    if (p.stores_gates) {
      job.gates = this->gates(g, w, t, b, job.plane) + at;
    } else {  // the same arithmetic again writes the same c and h
      this->convolve(g, w, in, pixels, w.sums);
      job.sums = w.sums;
      job.h = this->at(g.activation, w, t, b) + at;
      job.gates = w.gates;
      job.plane = pixels * g.channels;
      stage.cell_forward(job);
    }
    job.dh = output_gradient(g, w, t, b) + at;
    job.dh_next = this->at(g.grad_hidden, w, 0, b) + at;
    job.dc = this->at(g.grad_cell, w, 0, b) + at;
    job.dsums = d;
    job.dsums_stride = stride;
    if (g.peephole >= 0) job.dpeephole = sums + p.parameters[std::size_t(g.peephole)].first;
    stage.cell_backward(job);
  }

  // Partial sums of a bias, and what rounding took from them. Under a window norm without ReLU such sums are zero but for that.
  void add_bias(const Parameter& q, T* gradient) const {
    for (i64 i = 0; i < q.size; i++) {
      double sum = 0;
      for (i64 u = 0; u < p.units; u++) sum += double(partial(u)[q.first + i]) + double(partial(u)[q.first + q.size + i]);
      gradient[i] = T(sum);
    }
  }

  void reduce() const {
    this->parallel(i64(p.parameters.size()), [&](i64 k) {
      const Parameter& q = p.parameters[std::size_t(k)];
      for (const Grid& g : p.grids) {
        if (g.gamma == k || g.beta == k) return;  // the norm pass wrote it
        if (g.bias == k && g.gamma >= 0) {
          add_bias(q, grads.parameters[k]);
          return;
        }
      }
      T* const total = partial(0) + q.first;
      for (i64 u = 1; u < p.units; u++) {
        const T* from = partial(u) + q.first;
        for (i64 i = 0; i < q.sums; i++) total[i] += from[i];
      }
      std::memcpy(grads.parameters[k], total, std::size_t(q.size) * sizeof(T));
    });
  }
};

}  // namespace

template <class T>
void network_backward(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>& grads) {
  Backward<T>(plan, args, grads).run();
}
template void network_backward<float>(const Plan&, const NetworkArgs<float>&, const NetworkGradients<float>&);
template void network_backward<double>(const Plan&, const NetworkArgs<double>&, const NetworkGradients<double>&);

}  // namespace mg
