#include "forward_step.h"
#include "norm.h"

namespace mg {
namespace {

template <class T>
class Backward : ForwardStep<T> {
 public:
  Backward(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>& grads)
      : ForwardStep<T>(plan, args, true), grads(grads) {}

  void run() {
    Pool::get().parallel_for(i64(p.grids.size()), [&](i64 g, int) {
      this->pack_forward(p.grids[size_t(g)]);
      pack_transposed(p.grids[size_t(g)]);
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
  void clear_partial(i64 unit) const { std::memset(partial(unit), 0, size_t(p.parameter_values) * sizeof(T)); }

  void step_by_step() {
    this->each_unit([&](i64 unit, Worker<T>& w) {
      clear_partial(unit);
      this->each_group(unit, w, [&] {
        for (const Grid& g : p.grids) begin_state(g, w);
        for (i64 t = p.steps - 1; t >= 0; t--) {
          if (p.segment && (t == p.steps - 1 || t % p.segment == p.segment - 1)) run_again(w, t);
          begin_step(w, t);
          for (size_t k = p.grids.size(); k-- > 0;) {
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
    for (size_t l = p.layer_first.size() - 1; l-- > 0;) {
      const int first = p.layer_first[l], end = p.layer_first[l + 1];
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (i64 t = 0; t < p.steps; t++) {
            for (int g = first; g < end; g++) shortcut(p.grids[size_t(g)], w, t);
          }
        });
      });
      for (int k = first; k < end; k++) {
        const Grid& g = p.grids[size_t(k)];
        if (g.gamma >= 0) WindowNorm<T>(*this, g).backward(grads.parameters[g.gamma], grads.parameters[g.beta]);
      }
      this->each_unit([&](i64 unit, Worker<T>& w) {
        this->each_group(unit, w, [&] {
          for (int g = first; g < end; g++) begin_state(p.grids[size_t(g)], w);
          for (i64 t = p.steps - 1; t >= 0; t--) {
            for (int g = end; g-- > first;) grid_backward(p.grids[size_t(g)], w, t, partial(unit));
          }
          for (int g = first; g < end; g++) end_state(p.grids[size_t(g)], w);
        });
      });
    }
  }

  static void copy_or_clear(T* to, const T* from, i64 n) {
    if (from) std::memcpy(to, from, size_t(n) * sizeof(T));
    else std::memset(to, 0, size_t(n) * sizeof(T));
  }

  T* grad(int node, const Worker<T>& w, i64 t, i64 b) const {
    const Node& n = p.nodes[size_t(node)];
    if (n.field < 0) return this->at(p.grids[size_t(n.grid)].grad, w, t, b);
    return n.gradient ? grads.fields[n.field] + (t * p.batch + b) * n.area() * n.channels : nullptr;
  }

  // Every gradient of a step starts as what the caller hands in, or zero.
  void begin_step(const Worker<T>& w, i64 t) const {
    for (size_t k = 0; k < p.nodes.size(); k++) {
      const Node& n = p.nodes[k];
      if (!n.gradient) continue;
      const i64 image = n.area() * n.channels;
      const T* given = nullptr;
      if (n.grid >= 0 && p.grids[size_t(n.grid)].y.where == Place::Where::output) {
        given = grads.outputs[p.grids[size_t(n.grid)].y.offset];
        if (given) given += (t * p.batch + w.first) * image;
      }
      copy_or_clear(grad(int(k), w, t, w.first), given, w.count * image);
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
      if (to) stage.add(to, s.channels, this->at(g.grad, w, t, w.first) + s.first, g.channels, s.channels, w.count * g.area());
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
        const Source& s = g.sources[size_t(j)];
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
        weight_gradient(g, w, in, pixels, d, sums + p.parameters[size_t(g.kernel)].first);
        T* const bias = sums + p.parameters[size_t(g.bias)].first;
        this->conv.column_sums(d, pixels, padded, g.outputs, bias, g.gamma >= 0 ? bias + g.outputs : nullptr, true);
      });
      if (wanted) data_gradient(g, w, n, padded, from, count);
    }
  }

  void activation_gradient(const Grid& g, const Worker<T>& w, i64 t, i64 b, i64 before, i64 pixels, T* d, i64 stride) const {
    const i64 at = before * g.channels;
    const T* a = p.spec.layers[size_t(g.layer)].relu ? this->at(g.activation, w, t, b) + at : nullptr;
    stage.relu_backward(a, this->at(g.grad, w, t, b) + at, pixels, g.channels, d, stride);
  }

  void cell_gradient(const Grid& g, const Worker<T>& w, const Inputs<T>& in, i64 t, i64 b, i64 before, i64 pixels, T* d, i64 stride,
                     T* sums) const {
    const i64 at = before * g.channels;
    const T* c_prev = this->cell_before(g, w, t, b);
    CellJob<T> job{};
    job.pixels = pixels;
    job.channels = g.channels;
    job.forget_bias = T(p.spec.layers[size_t(g.layer)].forget_bias);
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
    job.dh = this->at(g.grad, w, t, b) + at;
    job.dh_next = this->at(g.grad_hidden, w, 0, b) + at;
    job.dc = this->at(g.grad_cell, w, 0, b) + at;
    job.dsums = d;
    job.dsums_stride = stride;
    if (g.peephole >= 0) job.dpeephole = sums + p.parameters[size_t(g.peephole)].first;
    stage.cell_backward(job);
  }

  // Under Winograd's algorithm the sums are those of the transformed kernel, [16][in_channels][outputs].
  void weight_gradient(const Grid& g, const Worker<T>& w, const Inputs<T>& in, i64 pixels, const T* d, T* sums) const {
    OuterJob<T> job{};
    job.columns = g.outputs;
    job.accumulate = true;
    if (g.winograd) {
      const i64 C = g.in_channels, padded = padded_columns(g.outputs, this->conv.lanes);
      job.row_stride = C;
      this->each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
        const i64 tiles = lines * across;
        this->transform_cells(g, g.doubled_sources, w, in, first, lines);
        this->conv.winograd.gradients(d + first * 4 * across * padded, lines, across, padded, w.products, this->plane(tiles * padded));
        job.pixels = tiles;
        for (int point = 0; point < winograd_points; point++) {
          const i64 skip = point_of_doubled(point) ? 0 : g.doubled;
          job.patch = w.cells + point * this->plane(tiles * C) + skip;
          job.dy = w.products + point * this->plane(tiles * padded);
          job.run = job.end = C - skip;
          job.grad = sums + (point * C + skip) * g.outputs;
          if (job.end > 0) this->conv.outer(job);
        }
      });
      return;
    }
    job.patch = w.patch;
    job.offset = this->template space<std::int32_t>(g.offsets);
    job.pixels = pixels;
    job.row_stride = in.plan.row_stride();
    job.run = p.spec.kernel_size * g.in_channels;
    job.dy = d;
    job.end = this->kernel_rows(g);
    job.grad = sums;
    this->conv.outer(job);
  }

  // The convolution of the sums' gradient with the turned and transposed kernel, handed out to the sources; to the coarse cells of
  // doubled sources under Winograd's algorithm.
  void data_gradient(const Grid& g, const Worker<T>& w, i64 n, i64 stride, const SourceView<T>* from, int count) const {
    const SourceView<T> d{Map::same, w.dsums, nullptr, g.outputs, stride, false};
    SourceView<T> coarse[max_sources];
    for (int j = 0; j < g.doubled_sources; j++) coarse[j] = from[j], coarse[j].map = Map::same;
    const i64 K = p.spec.kernel_size;
    const int narrow = narrow_columns(this->conv, g.data_columns, g.outputs);
    const int coarse_narrow = narrow_columns(this->conv, g.coarse_columns, g.outputs);
    const T *packed = this->template space<T>(g.packed_transposed), *coarse_packed = this->template space<T>(g.packed_coarse);
    this->each_chunk(g.data_chunks, n, [&](const ChunkPlan& plan, const Chunk& chunk, i64, i64 pixels) {
      T* const coarse_dx = w.dx + pixels * g.data_columns;
      if (g.winograd) {
        const Inputs<T> in{plan, chunk, &d, 1};
        this->each_block(g, pixels, [&](i64 first, i64 lines, i64 across) {
          const i64 tiles = lines * across;
          this->transform_cells(g, 0, w, in, first, lines);
          if (g.data_columns > 0) {
            this->multiply(w, tiles, g.outputs, 0, packed, g.data_columns, narrow, false);
            this->conv.winograd.outputs(w.products, this->plane(tiles * g.data_columns), lines, across, g.data_columns, nullptr,
                                        w.dx + first * 4 * across * g.data_columns);
          }
          if (g.coarse_columns > 0) {
            this->multiply(w, tiles, g.outputs, 0, coarse_packed, g.coarse_columns, coarse_narrow, true);
            this->conv.winograd.tile_sums(w.products, this->plane(tiles * g.coarse_columns), tiles * g.coarse_columns,
                                          coarse_dx + first * across * g.coarse_columns);
          }
        });
      } else if (g.data_columns > 0) {
        stage.gather(plan, chunk, p.spec.dimensions, &d, 1, w.patch);
        TileJob<T> job{};
        job.patch = w.patch, job.offset = this->template space<std::int32_t>(g.data_offsets), job.weight = packed;
        job.kernel_rows = p.spec.dimensions == 1 ? 1 : K, job.row_stride = plan.row_stride(), job.run = K * g.outputs;
        job.kernel_columns = int(K);
        job.row = g.width;
        job.columns = job.out_stride = g.data_columns;
        job.narrow = narrow;
        job.out = w.dx;
        job.pixels = pixels;
        this->conv.tiles(job);
      }
      if (g.data_columns > 0) {
        stage.scatter(plan, chunk, p.spec.dimensions, from + g.doubled_sources, count - g.doubled_sources, w.dx, g.data_columns);
      }
      if (g.coarse_columns > 0) {
        stage.scatter(coarse_plan(plan), coarse_chunk(chunk), 2, coarse, g.doubled_sources, coarse_dx, g.coarse_columns);
      }
    });
  }

  void pack_transposed(const Grid& g) const {
    fill_offsets(g.data_chunks, this->template space<std::int32_t>(g.data_offsets));
    const i64 N = g.outputs, taps = this->taps(g);
    T* const turned = this->template space<T>(g.turned);
    const T* kernel = g.winograd ? this->template space<T>(g.transformed) : this->parameter(g.kernel);
    // The wanted channels of some sources become the columns, tap by tap.
    auto pack = [&](size_t begin, size_t end, i64 columns, T* to) {
      const int narrow = narrow_columns(this->conv, columns, N);
      for (i64 tap = 0; columns > 0 && tap < taps; tap++) {
        const T* from = kernel + (g.winograd ? turned_point(int(tap)) : taps - 1 - tap) * g.in_channels * N;
        for (size_t j = begin; j < end; j++) {
          const Source& s = g.sources[j];
          for (i64 c = 0; s.column >= 0 && c < s.channels; c++) {
            for (i64 n = 0; n < N; n++) turned[n * columns + s.column + c] = from[(s.first + c) * N + n];
          }
        }
        pack_weight(this->conv, turned, columns, N, columns, narrow, to + tap * N * packed_columns(this->conv, columns, narrow));
      }
    };
    pack(size_t(g.doubled_sources), g.sources.size(), g.data_columns, this->template space<T>(g.packed_transposed));
    pack(0, size_t(g.doubled_sources), g.coarse_columns, this->template space<T>(g.packed_coarse));
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
    Pool::get().parallel_for(i64(p.parameters.size()), [&](i64 k, int) {
      const Parameter& q = p.parameters[size_t(k)];
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
      if (q.sums == q.size) std::memcpy(grads.parameters[k], total, size_t(q.size) * sizeof(T));
      for (const Grid& g : p.grids) {
        if (g.kernel == k && g.winograd) this->conv.winograd.weight_gradient(total, g.in_channels * g.outputs, grads.parameters[k]);
      }
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
