// Budget: 255 registers, 128 bytes spilled: 168 for float32; float64 is for checks.
#include "engine.h"

namespace mg {
namespace cuda {
namespace {

template <class T>
void copy_or_clear(Stream stream, T* to, const T* from, i64 n) {
  if (to) each_element(stream, n, [=] MG_DEVICE(i64 i) { to[i] = from ? from[i] : T(0); });
}

// A window of no steps hands its states on.
template <class T>
void pass_states(Stream stream, const Plan& p, const NetworkArgs<T>& args) {
  for (const int k : p.states) {
    const Grid& g = p.grids[std::size_t(k)];
    const i64 n = p.batch * g.area() * g.channels;
    if (args.hidden) copy_or_clear(stream, args.hidden[g.state], args.hidden0 ? args.hidden0[g.state] : nullptr, n);
    if (args.cell) copy_or_clear(stream, args.cell[g.state], args.cell0 ? args.cell0[g.state] : nullptr, n);
  }
}

}  // namespace

template <class T>
void CudaEngine<T>::pack_forward() const {
  pack<false>(built.forward);
}
template void CudaEngine<float>::pack_forward() const;
template void CudaEngine<double>::pack_forward() const;

template <class T>
void CudaEngine<T>::forward_stage(const Stage& stage, GateUse gates) const {
  each_rows(Work::forward, stage.low, stage.high, [&](int first, int end, i64 blocks) {
    with_math<T>(p.spec.precision, [&](auto math) {
      using Math = decltype(math);
      port::launch(forward_kernel<Math>, blocks, tile_threads, shared_bytes<Math>(built.forward, first, end), stream, tables,
                   first, end, stage.step, skew(), gates);
    });
  });
}
template void CudaEngine<float>::forward_stage(const Stage&, GateUse) const;
template void CudaEngine<double>::forward_stage(const Stage&, GateUse) const;

template <class T>
void CudaEngine<T>::forward_window(GateUse gates) const {
  with_math<T>(p.spec.precision, [&](auto math) {
    using Math = decltype(math);
    port::launch_together(forward_window_kernel<Math>, fullest(Work::forward), tile_threads, shared_bytes<Math>(built.forward),
                          stream, tables, gates);
  });
}

std::shared_ptr<RecordedPass> record_pass(char* tables) { return std::make_shared<RecordedPass>(tables); }

template <class T>
void network_forward(Stream stream, const Plan& p, const NetworkArgs<T>& args, RecordedPass* recorded) {
  if (p.steps == 0) return pass_states(stream, p, args);
  char* const tables = recorded ? recorded->tables : static_cast<char*>(args.workspace) + p.tables;
  const BuiltTables<T> built = build_tables<T>(p, args, nullptr, tables);
  run_pass(stream, built, tables, recorded, [&](Stream on) {
    const CudaEngine<T> engine(on, p, built, tables);
    const GateUse gates = p.stores_gates && !p.segment ? GateUse::keep : GateUse::none;
    if (p.together) return engine.forward_window(gates);
    engine.pack_forward();
    if (!p.layer_major) return engine.forward_range(0, p.steps, gates);
    for (int l = 0; l < engine.layers(); l++) {
      for (i64 t = 0; t < p.steps; t++) engine.forward_stage({t, l, l}, gates);
      for (int g = p.layer_first[std::size_t(l)]; g < p.layer_first[std::size_t(l) + 1]; g++) {
        if (p.grids[std::size_t(g)].gamma >= 0) WindowNorm<T>(on, engine.tables, p, g).forward();
      }
    }
  });
}
template void network_forward<float>(Stream, const Plan&, const NetworkArgs<float>&, RecordedPass*);
template void network_forward<double>(Stream, const Plan&, const NetworkArgs<double>&, RecordedPass*);

}  // namespace cuda
}  // namespace mg
