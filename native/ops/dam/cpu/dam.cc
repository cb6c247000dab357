// Windows of all samples: scratch memory, groups of samples for the threads, and the weight gradients.
#include "../../../base/memory/cpu/windows.h"
#include "kernels.h"

namespace mg {
namespace {

constexpr i64 most_in_group = 8;              // samples that share a walk over the controller's weights
constexpr i64 group_bytes = 8 << 20;          // memories of a group that should stay in the cache from step to step

template <class T>
const DamTable<T>& table() {
  return table_in_use<DamTable<T>>();
}

// Samples of a group: enough to share the weights, few enough for the cache, and work for every thread. No value depends on it.
template <class T>
i64 group_of(const DamDims& d, i64 memories, int workers) {
  const i64 each = ceil_div(d.batch, workers), cached = group_bytes / (memories * d.word * d.pitch() * i64(sizeof(T)));
  const i64 group = each < cached ? each : cached;
  return group < 1 ? 1 : group > most_in_group ? most_in_group : group;
}
template <class T>
i64 forward_group(const DamDims& d, int workers) {
  return group_of<T>(d, 1, workers);
}
template <class T>
i64 backward_group(const DamDims& d, int workers) {
  return group_of<T>(d, d.steps + 2, workers);
}

template <class T>
DamTemps<T> take_temps(Arena& a, const DamDims& d) {
  const i64 heads = d.heads * d.pitch();
  DamTemps<T> t;
  t.act = a.take<T>(interface_size(d));
  t.norm = a.take<T>(d.pitch());
  t.score = a.take<T>(heads);
  t.read = a.take<T>(heads);
  t.write = a.take<T>(heads);
  t.popped = a.take<i32>(d.heads);
  t.least = a.take<T>(d.heads);
  return t;
}

template <class T>
DamForwardScratch<T> take_forward(Arena& a, const DamDims& d, i64 group, DamSample<T>* samples) {
  DamForwardScratch<T> s;
  s.samples = samples;
  for (i64 g = 0; g < group; g++) {
    samples[g].memory = a.take<T>(d.word * d.pitch());
    samples[g].usage = a.take<T>(d.pitch());
    samples[g].read = a.take<T>(d.heads * d.pitch());
    take_controller<T>(a, d, samples[g]);
  }
  s.temps = take_temps<T>(a, d);
  s.gates = a.take<T>(group * 4 * d.hidden);
  s.interface = a.take<T>(group * interface_size(d));
  return s;
}

template <class T>
DamBackwardScratch<T> take_backward(Arena& a, const DamDims& d, i64 group, DamReplay<T>* samples) {
  DamBackwardScratch<T> s;
  s.samples = samples;
  for (i64 g = 0; g < group; g++) {
    samples[g].memory = a.take<T>((d.steps + 1) * d.word * d.pitch());
    samples[g].read = a.take<T>(d.heads * d.pitch());
    DamCarry<T>& c = samples[g].carry;
    c.memory = a.take<T>(d.word * d.pitch());
    c.read = a.take<T>(d.heads * d.pitch());
    take_controller<T>(a, d, c);
  }
  s.temps = take_temps<T>(a, d);
  s.dact = a.take<T>(interface_size(d));
  s.dwrite = a.take<T>(d.pitch());
  s.slope = a.take<T>(2 * d.pitch());
  return s;
}

template <class T>
i64 backward_bytes(const DamDims& d, int workers) {  // of one thread
  DamReplay<T> samples[most_in_group];
  Arena a(nullptr);
  take_backward<T>(a, d, backward_group<T>(d, workers), samples);
  return a.used_bytes();
}

}  // namespace

template <class T>
i64 dam_forward_workspace(const DamDims& d, int workers) {
  DamSample<T> samples[most_in_group];
  Arena a(nullptr);
  take_forward<T>(a, d, forward_group<T>(d, workers), samples);
  return a.used_bytes() * workers;
}

template <class T>
void dam_forward(const DamForward<T>& job, void* workspace, int workers) {
  const DamDims& d = job.dims;
  const i64 group = forward_group<T>(d, workers), bytes = dam_forward_workspace<T>(d, workers) / workers;
  each_group(d.batch, group, workspace, bytes, [&](Arena& a, i64 first, i64 count) {
    DamSample<T> samples[most_in_group];
    table<T>().forward(job, first, count, take_forward<T>(a, d, group, samples));
  });
}

template <class T>
i64 dam_backward_workspace(const DamDims& d, int workers) {
  return SharedGradients<T>(nullptr, d).bytes + backward_bytes<T>(d, workers) * workers;
}

template <class T>
void dam_backward(const DamBackward<T>& job, void* workspace, int workers) {
  const DamDims& d = job.dims;
  const i64 group = backward_group<T>(d, workers), bytes = backward_bytes<T>(d, workers);
  const SharedGradients<T> shared(workspace, d);
  each_group(d.batch, group, static_cast<char*>(workspace) + shared.bytes, bytes, [&](Arena& a, i64 first, i64 count) {
    DamReplay<T> samples[most_in_group];
    table<T>().backward(job, first, count, take_backward<T>(a, d, group, samples), shared.grads);
  });
  if (d.hidden > 0) controller_weight_gradients<T>(job, shared.grads, shared.inputs, table<T>().outer);
}

#define MG_DAM(T)                                                 \
  template i64 dam_forward_workspace<T>(const DamDims&, int);     \
  template void dam_forward<T>(const DamForward<T>&, void*, int); \
  template i64 dam_backward_workspace<T>(const DamDims&, int);    \
  template void dam_backward<T>(const DamBackward<T>&, void*, int);
MG_DAM(float)
MG_DAM(double)
#undef MG_DAM

}  // namespace mg
