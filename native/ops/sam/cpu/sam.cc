// Windows of all samples: scratch memory, groups of samples for the threads, and the weight gradients.
#include "../../../base/memory/cpu/windows.h"
#include "kernels.h"

namespace mg {
namespace {

constexpr i64 most_in_group = 32;  // samples that share a walk over the controller's weights

template <class T>
const SamTable<T>& table() {
  return table_in_use<SamTable<T>>();
}

// Samples of a group: enough to share the weights, and work for every thread. No value depends on it.
i64 group_of(const SamDims& d, int workers) {
  const i64 each = ceil_div(d.batch, workers);
  return each < 1 ? 1 : each > most_in_group ? most_in_group : each;
}

template <class T>
SamForwardScratch<T> take_forward(Arena& a, const SamDims& d, i64 group, SamSample<T>* samples, RowIndex<T>* indexes) {
  SamForwardScratch<T> s;
  SamTemps<T>& t = s.temps;
  const i64 E = d.mixed(), accessed = d.written() + d.heads * (E > d.kept ? E : d.kept);
  s.samples = samples, s.indexes = indexes;
  for (i64 g = 0; g < group; g++) {
    indexes[g] = take_index<T>(a, d);
    samples[g].column = a.take<i32>(d.links > 0 ? 2 * d.heads * d.capacity : 0);
    samples[g].next = a.take<i32>(d.capacity * 2 * d.linked());
    samples[g].before = a.take<i32>(d.capacity * 2 * d.linked());
  }
  s.index = take_index_scratch<T>(a, d);
  s.kept = a.take<SamKept>(group);
  t.act = a.take<T>(interface_size(d));
  t.untouched = a.take<T>(d.word);
  t.alike = a.take<T>(d.read());
  t.best = a.take<i32>(d.read());
  t.content = a.take<T>(d.read());
  t.mark = a.take<i32>(d.capacity);
  t.changed = a.take<i32>(d.written());
  t.accessed = a.take<i32>(accessed);
  t.order = a.take<i32>(accessed);
  t.total = a.take<T>(accessed);
  t.read = a.take<T>(accessed);
  t.own_slots = a.take<i32>(d.kept + 1);
  t.own_weights = a.take<T>(d.kept + 1);
  t.cut_slots = a.take<i32>(2 * d.links + d.kept + 1);
  t.cut_weights = a.take<T>(2 * d.links + d.kept + 1);
  t.mixed = a.take<SamMixed<T>>(E);
  t.mixed_mark = a.take<i32>(d.links > 0 ? d.capacity : 0);
  s.gates = a.take<T>(group * 4 * d.hidden);
  s.interface = a.take<T>(group * interface_size(d));
  return s;
}

template <class T>
SamBackwardScratch<T> take_backward(Arena& a, const SamDims& d, i64 group, SamReplay<T>* samples) {
  SamBackwardScratch<T> s;
  s.samples = samples;
  for (i64 g = 0; g < group; g++) {
    SamReplay<T>& p = samples[g];
    p.place = a.take<i32>(d.capacity);
    p.slot = a.take<i32>(d.most_places());
    p.memory = a.take<T>(d.most_places() * d.word);
    p.dmemory = a.take<T>(d.most_places() * d.word);
    p.changed = a.take<i32>(d.steps * d.written());
    p.slots = a.take<i32>(d.steps * d.read());
    p.slots_before = a.take<i32>(d.read());
    p.mixed = a.take<i32>(d.steps * d.heads * d.mixed());
    p.carry.weights = a.take<T>(d.read());
    take_controller<T>(a, d, p.carry);
  }
  s.interface = a.take<T>(group * interface_size(d));
  s.act = a.take<T>(interface_size(d));
  s.dact = a.take<T>(interface_size(d));
  for (T** x : {&s.alike, &s.below}) *x = a.take<T>(d.kept);
  s.dread = a.take<T>(d.mixed() > d.kept ? d.mixed() : d.kept);
  return s;
}

template <class T>
i64 backward_bytes(const SamDims& d, int workers) {  // of one thread
  SamReplay<T> samples[most_in_group];
  Arena a(nullptr);
  take_backward<T>(a, d, group_of(d, workers), samples);
  return a.used_bytes();
}

}  // namespace

template <class T>
i64 sam_forward_workspace(const SamDims& d, int workers) {
  SamSample<T> samples[most_in_group];
  RowIndex<T> indexes[most_in_group];
  Arena a(nullptr);
  take_forward<T>(a, d, group_of(d, workers), samples, indexes);
  return a.used_bytes() * workers;
}

template <class T>
void sam_forward(const SamForward<T>& job, void* workspace, int workers, bool continues) {
  const SamDims& d = job.dims;
  const i64 group = group_of(d, workers), bytes = sam_forward_workspace<T>(d, workers) / workers;
  const bool has_own = ceil_div(d.batch, group) <= workers;  // each group finds what it left, whichever thread runs it
  each_group(d.batch, group, workspace, bytes, has_own, [&](Arena& a, i64 first, i64 count) {
    SamSample<T> samples[most_in_group];
    RowIndex<T> indexes[most_in_group];
    SamForwardScratch<T> scratch = take_forward<T>(a, d, group, samples, indexes);
    scratch.continues = continues && has_own;
    table<T>().forward(job, first, count, scratch);
  });
}

template <class T>
i64 sam_backward_workspace(const SamDims& d, int workers) {
  return SharedGradients<T>(nullptr, d).bytes + backward_bytes<T>(d, workers) * workers;
}

template <class T>
void sam_backward(const SamBackward<T>& job, void* workspace, int workers) {
  const SamDims& d = job.dims;
  const i64 group = group_of(d, workers), bytes = backward_bytes<T>(d, workers);
  const SharedGradients<T> shared(workspace, d);
  each_group(d.batch, group, static_cast<char*>(workspace) + shared.bytes, bytes, [&](Arena& a, i64 first, i64 count) {
    SamReplay<T> samples[most_in_group];
    table<T>().backward(job, first, count, take_backward<T>(a, d, group, samples), shared.grads);
  });
  if (d.hidden > 0) controller_weight_gradients<T>(job, shared.grads, shared.inputs, table<T>().outer);
}

#define MG_SAM(T)                                                       \
  template i64 sam_forward_workspace<T>(const SamDims&, int);           \
  template void sam_forward<T>(const SamForward<T>&, void*, int, bool); \
  template i64 sam_backward_workspace<T>(const SamDims&, int);          \
  template void sam_backward<T>(const SamBackward<T>&, void*, int);
MG_SAM(float)
MG_SAM(double)
#undef MG_SAM

}  // namespace mg
