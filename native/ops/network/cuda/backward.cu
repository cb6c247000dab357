// Budget: 255 registers, 128 bytes spilled: 168 for float32; float64 is for checks.
#include "backward.h"
#include "engine.h"
#include "weights.h"

namespace mg {
namespace cuda {
namespace {

// dp_i += di c', dp_f += df c', dp_o += do c over steps [t0, t1) of a grid
template <class Kept, class T = typename Kept::Value>
void add_peephole(Stream stream, const Tables<T>* tables, const Plan& p, int k, i64 t0, i64 t1, bool first) {
  const Grid& grid = p.grids[std::size_t(k)];
  const i64 C = grid.channels, cells = p.batch * grid.area();
  sum_rows(
      stream, tables, 3, (t1 - t0) * cells, C,
      [=] MG_DEVICE(i64 o, i64 r, i64 c) {
        const GridRow<T>& g = tables->grids[k];
        const i64 t = t0 + r / cells, cell = r % cells;
        const T* const seen = o == 2 ? g.cell.at(t) : g.cell_before.at(t);
        const i64 gate = o == 0 ? 0 : o + 1;  // of i, u, f, o
        if (!seen) return 0.0;
        return double(Kept::gradient(kept_at<typename Kept::Gradient>(g.dsums, t)[cell * g.outputs + gate * C + c])) *
               double(seen[cell * C + c]);
      },
      [=] MG_DEVICE(i64 o, i64 c, double total) {
        T* const to = tables->grids[k].dpeephole + o * C + c;
        *to = first ? T(total) : *to + T(total);
      });
}

template <class T>
class Backward : CudaEngine<T> {
 public:
  using CudaEngine<T>::stream, CudaEngine<T>::p, CudaEngine<T>::built, CudaEngine<T>::tables, CudaEngine<T>::layers;
  using CudaEngine<T>::CudaEngine;

  void run() {
    if (p.segment || !p.stores_gates) this->pack_forward();
    if (sweeps_together()) {
      each_range([&](i64 t0, i64 t1) { sweep_together(t0, t1); });
    } else {
      this->template pack<true>(built.data);
      if (p.layer_major) layer_by_layer();
      else each_range([&](i64 t0, i64 t1) { sweep(t0, t1); });
    }
    port::launch(add_weights_kernel<T>, i64(p.grids.size()) * add_blocks, 256, 0, stream, tables);
  }

  // Steps of a range are swept backward, then summed to the weights' gradients. Where only checkpoints were saved, a range is a
  // segment, and runs forward again first: the same arithmetic writes the same values.
  template <class F>
  void each_range(F&& sweep) const {
    for (i64 t1 = p.steps; t1 > 0;) {
      const i64 t0 = (t1 - 1) / p.range * p.range;
      sweep(t0, t1);
      weights(t0, t1);
      t1 = t0;
    }
  }
  void sweep(i64 t0, i64 t1) const {
    if (p.segment) this->forward_range(t0, t1, GateUse::keep);
    const Stages all = this->stages(t0, t1);
    for (i64 k = all.count() - 1; k >= 0; k--) {
      const Stage stage = all.at(k);
      again(stage);
      cells(stage, CellPart::both);
      data(stage);
      fields(stage);
    }
  }
  bool sweeps_together() const { return p.together && p.stores_gates && !p.segment; }
  void sweep_together(i64 t0, i64 t1) const {
    with_math<T>(p.spec.precision, [&](auto math) {
      using Math = decltype(math);
      const i64 blocks = std::max(this->fullest(Work::cells), this->fullest(Work::data));
      port::launch_together(backward_window_kernel<Math>, blocks, tile_threads,
                            CudaEngine<T>::template shared_bytes<Math>(built.data), stream, tables, t0, t1, t1 == p.steps);
    });
  }

  void layer_by_layer() const {
    for (i64 t = 0; t < p.steps; t++) cells({t, layers() - 1, layers() - 1}, CellPart::gather);
    for (int l = layers() - 1; l >= 0; l--) {
      for (int g = p.layer_first[std::size_t(l)]; g < p.layer_first[std::size_t(l) + 1]; g++) {
        if (p.grids[std::size_t(g)].gamma >= 0) WindowNorm<T>(stream, tables, p, g).backward();
      }
      for (i64 t = p.steps - 1; t >= 0; t--) {
        const Stage stage{t, l, l};
        again(stage);
        cells(stage, CellPart::sums);
        data(stage);
        fields(stage);
        if (l > 0) cells({t, l - 1, l - 1}, CellPart::gather);
      }
    }
    weights(0, p.steps);
  }

  void again(const Stage& stage) const {
    if (!p.stores_gates && !p.segment) this->forward_stage(stage, GateUse::again);
  }
  void cells(const Stage& stage, CellPart part) const {
    this->each_rows(Work::cells, stage.low, stage.high, [&](int first, int end, i64 blocks) {
      with_math<T>(p.spec.precision, [&](auto math) {
        port::launch(cells_kernel<typename decltype(math)::Kept>, blocks, cell_block, 0, stream, tables, first, end, stage.step,
                     this->skew(), part);
      });
    });
  }
  void fields(const Stage& stage) const {
    this->each_rows(Work::fields, stage.low, stage.high, [&](int first, int end, i64 blocks) {
      port::launch(fields_kernel<T>, blocks, cell_block, 0, stream, tables, first, end, stage.step, this->skew());
    });
  }
  void data(const Stage& stage) const {
    this->each_rows(Work::data, stage.low, stage.high, [&](int first, int end, i64 blocks) {
      with_math<T>(p.spec.precision, [&](auto math) {
        using Math = decltype(math);
        port::launch(data_kernel<Math>, blocks, tile_threads, CudaEngine<T>::template shared_bytes<Math>(built.data, first, end),
                     stream, tables, first, end, stage.step, this->skew());
      });
    });
  }

  void weights(i64 t0, i64 t1) const {
    const bool first = t1 == p.steps;
    this->each_rows(Work::weights, 0, layers() - 1, [&](int row, int end, i64 blocks) {
      with_math<T>(p.spec.precision, [&](auto math) {
        using Math = decltype(math);
        i64 bytes = 0;
        for (const Grid& g : p.grids) bytes = std::max(bytes, WeightMemory<Math>::bytes(g.forward));
        port::launch(weights_kernel<Math>, blocks, tile_threads, bytes, stream, tables, row, end, t0, t1, first);
      });
    });
    for (std::size_t k = 0; k < p.grids.size(); k++) {
      if (p.grids[k].peephole < 0) continue;
      with_math<T>(p.spec.precision,
                   [&](auto math) { add_peephole<typename decltype(math)::Kept>(stream, tables, p, int(k), t0, t1, first); });
    }
  }
};

template <class T>
void clear(Stream stream, T* to, i64 n) {
  if (to) each_element(stream, n, [=] MG_DEVICE(i64 i) { to[i] = T(0); });
}
template <class T>
void copy(Stream stream, T* to, const T* from, i64 n) {
  if (!from) return clear(stream, to, n);
  if (to) each_element(stream, n, [=] MG_DEVICE(i64 i) { to[i] = from[i]; });
}

// A window of no steps: parameters and fields have no part in it, states pass through.
template <class T>
void pass_gradients(Stream stream, const Plan& p, const NetworkGradients<T>& grads) {
  for (std::size_t k = 0; k < p.parameters.size(); k++) clear(stream, grads.parameters[k], p.parameters[k].size);
  for (const int k : p.states) {
    const Grid& g = p.grids[std::size_t(k)];
    const i64 n = p.batch * g.area() * g.channels;
    if (grads.hidden0) copy(stream, grads.hidden0[g.state], grads.hidden ? grads.hidden[g.state] : nullptr, n);
    if (grads.cell0) copy(stream, grads.cell0[g.state], grads.cell ? grads.cell[g.state] : nullptr, n);
  }
}

bool is_used(const Plan& p, int field) {
  for (const Grid& g : p.grids) {
    for (const Source& s : g.sources)
      if (s.node == field) return true;
    for (const ShortcutPart& s : g.shortcut)
      if (s.node == field) return true;
  }
  return false;
}

}  // namespace

template <class T>
void network_backward(Stream stream, const Plan& p, const NetworkArgs<T>& args, const NetworkGradients<T>& grads,
                      RecordedPass* recorded) {
  if (p.steps == 0) return pass_gradients(stream, p, grads);
  for (std::size_t f = 0; f < p.spec.fields.size(); f++) {
    const Node& n = p.nodes[f];
    if (n.gradient && !is_used(p, int(f))) clear(stream, grads.fields[f], p.steps * p.batch * n.area() * n.channels);
  }
  char* const tables = recorded ? recorded->tables : static_cast<char*>(args.workspace) + p.tables;
  const BuiltTables<T> built = build_tables<T>(p, args, &grads, tables);
  run_pass(stream, built, tables, recorded, [&](Stream on) { Backward<T>(on, p, built, tables).run(); });
}
template void network_backward<float>(Stream, const Plan&, const NetworkArgs<float>&, const NetworkGradients<float>&,
                                      RecordedPass*);
template void network_backward<double>(Stream, const Plan&, const NetworkArgs<double>&, const NetworkGradients<double>&,
                                       RecordedPass*);

}  // namespace cuda
}  // namespace mg
