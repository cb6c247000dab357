// Windows of the DNC on the CPU: workspace, groups of samples on all threads, gradients of the weights.
#include "../../../base/memory/cpu/windows.h"
#include "kernels.h"

namespace mg {
namespace {

constexpr i64 most_in_group = 32;              // samples that share a walk over the controller's weights
constexpr i64 group_links_bytes = 8 << 20;     // links of a group that should stay in the cache from step to step

template <class T>
const DncTable<T>& table() {
  return table_in_use<DncTable<T>>();
}

i64 within(i64 x, i64 low, i64 high) { return x < low ? low : x > high ? high : x; }

// Samples of a group: enough to share the weights, few enough for the cache, and work for every thread. No value depends on it.
template <class T>
i64 forward_group(const DncDims& d, int workers) {
  const i64 cached = d.steps == 1 ? most_in_group : group_links_bytes / (d.writes * d.links() * i64(sizeof(T)) + 1);
  return within(within(cached, 4, most_in_group), 1, ceil_div(d.batch < 1 ? 1 : d.batch, workers));
}

// How backward rebuilds links: the longest segments that the budget allows, else the fewest matrices.
template <class T>
struct Replay {
  i64 group, segment, kept, checkpoints;
  Replay(const DncDims& d, i64 budget_bytes, int workers) {
    group = within(4, 1, ceil_div(d.batch < 1 ? 1 : d.batch, workers));
    const i64 matrix = d.writes * d.links() * i64(sizeof(T)), most = budget_bytes / (matrix * workers + 1);
    i64 root = 1;
    while (root * root < d.steps) root++;
    choose(d.steps, d.steps);
    while (group > 1 && (kept + checkpoints) * group > most) {
      choose(d.steps, root);
      if ((kept + checkpoints) * group <= most) break;
      group--;
      choose(d.steps, d.steps);
    }
    if ((kept + checkpoints) * group > most) choose(d.steps, root);
  }
  void choose(i64 steps, i64 length) {
    segment = length < 1 ? 1 : length;
    kept = segment - 1;
    checkpoints = steps < 1 ? 0 : ceil_div(steps, segment) - 1;
  }
};

template <class T>
DncTemps<T> take_temps(Arena& a, const DncDims& d) {
  const i64 pitch = d.pitch(), heads = d.reads > d.writes ? d.reads : d.writes;
  DncTemps<T> t;
  t.act = a.take<T>(DncInterface(d).size);
  t.norm = a.take<T>(pitch);
  t.score = a.take<T>(heads * pitch);
  t.allocation = a.take<T>(d.writes * pitch);
  t.content = a.take<T>(heads * pitch);
  t.simulated = a.take<T>((d.writes + 1) * pitch);
  t.along = a.take<T>(d.reads * pitch);
  t.against = a.take<T>(d.reads * pitch);
  t.next_read = a.take<T>(d.reads * pitch);
  for (auto& keys : t.keys) keys = a.take<std::uint64_t>(d.slots);
  for (auto& order : t.order) order = a.take<std::int32_t>(d.slots);
  return t;
}

template <class T>
DncForwardScratch<T> take_forward(Arena& a, const DncDims& d, i64 group, DncSample<T>* samples) {
  const i64 pitch = d.pitch();
  DncForwardScratch<T> s;
  s.samples = samples;
  for (i64 g = 0; g < group; g++) {
    samples[g].memory = a.take<T>(d.word * pitch);
    samples[g].usage = a.take<T>(pitch);
    samples[g].precedence = a.take<T>(d.writes * pitch);
    samples[g].read = a.take<T>(d.reads * pitch);
    samples[g].write = a.take<T>(d.writes * pitch);
    take_controller<T>(a, d, samples[g]);
  }
  s.temps = take_temps<T>(a, d);
  s.gates = a.take<T>(group * 4 * d.hidden);
  s.interface = a.take<T>(group * DncInterface(d).size);
  return s;
}

template <class T>
DncBackwardScratch<T> take_backward(Arena& a, const DncDims& d, const Replay<T>& r, bool wants_link, DncReplay<T>* samples) {
  const i64 pitch = d.pitch(), links = d.writes * d.links();
  DncBackwardScratch<T> s;
  s.samples = samples;
  for (i64 g = 0; g < r.group; g++) {
    DncReplay<T>& p = samples[g];
    p.usage = a.take<T>(pitch);
    p.write = a.take<T>(d.writes * pitch);
    p.read = a.take<T>(d.reads * pitch);
    p.memory = a.take<T>((d.steps + 1) * d.word * pitch);
    p.precedence = a.take<T>((d.steps + 1) * d.writes * pitch);
    p.links = a.take<T>(r.kept * links);
    p.checkpoints = a.take<T>(r.checkpoints * links);
    DncCarry<T>& c = p.carry;
    c.memory = a.take<T>(d.word * pitch);
    c.usage = a.take<T>(pitch);
    c.link = a.take<T>(wants_link ? 0 : links);
    c.precedence = a.take<T>(d.writes * pitch);
    c.read = a.take<T>(d.reads * pitch);
    c.write = a.take<T>(d.writes * pitch);
    take_controller<T>(a, d, c);
  }
  s.temps = take_temps<T>(a, d);
  s.dact = a.take<T>(DncInterface(d).size);
  for (T** x : {&s.scaled, &s.broadcast, &s.dread}) *x = a.take<T>(d.reads * pitch);
  for (T** x : {&s.row, &s.column, &s.dprecedence, &s.dcontent, &s.dsimulated}) *x = a.take<T>(pitch);
  s.dallocation = a.take<T>(d.writes * pitch);
  s.slope = a.take<T>(2 * pitch);
  s.segment = r.segment;
  return s;
}

template <class T>
i64 backward_bytes(const DncDims& d, const Replay<T>& replay, bool wants_link) {  // of one thread
  DncReplay<T> samples[most_in_group];
  Arena a(nullptr);
  take_backward<T>(a, d, replay, wants_link, samples);
  return a.used_bytes();
}

}  // namespace

template <class T>
i64 dnc_forward_workspace(const DncDims& d, int workers) {
  DncSample<T> samples[most_in_group];
  Arena a(nullptr);
  take_forward<T>(a, d, forward_group<T>(d, workers), samples);
  return a.used_bytes() * workers;
}

template <class T>
void dnc_forward(const DncForward<T>& job, void* workspace, int workers) {
  const DncDims& d = job.dims;
  const i64 group = forward_group<T>(d, workers), bytes = dnc_forward_workspace<T>(d, workers) / workers;
  each_group(d.batch, group, workspace, bytes, [&](Arena& a, i64 first, i64 count) {
    DncSample<T> samples[most_in_group];
    table<T>().forward(job, first, count, take_forward<T>(a, d, group, samples));
  });
}

template <class T>
i64 dnc_backward_workspace(const DncDims& d, i64 link_budget_bytes, bool wants_link, int workers) {
  const Replay<T> replay(d, link_budget_bytes, workers);
  return SharedGradients<T>(nullptr, d).bytes + backward_bytes(d, replay, wants_link) * workers;
}

template <class T>
void dnc_backward(const DncBackward<T>& job, void* workspace, int workers) {
  const DncDims& d = job.dims;
  const bool wants_link = job.dbefore.link != nullptr;
  const Replay<T> replay(d, job.link_budget_bytes, workers);
  const SharedGradients<T> shared(workspace, d);
  const i64 bytes = backward_bytes(d, replay, wants_link);
  each_group(d.batch, replay.group, static_cast<char*>(workspace) + shared.bytes, bytes, [&](Arena& a, i64 first, i64 count) {
    DncReplay<T> samples[most_in_group];
    table<T>().backward(job, first, count, take_backward<T>(a, d, replay, wants_link, samples), shared.grads);
  });
  if (d.hidden > 0) controller_weight_gradients<T>(job, shared.grads, shared.inputs, table<T>().outer);
}

#define MG_DNC(T)                                                         \
  template i64 dnc_forward_workspace<T>(const DncDims&, int);             \
  template void dnc_forward<T>(const DncForward<T>&, void*, int);         \
  template i64 dnc_backward_workspace<T>(const DncDims&, i64, bool, int); \
  template void dnc_backward<T>(const DncBackward<T>&, void*, int);
MG_DNC(float)
MG_DNC(double)
#undef MG_DNC

}  // namespace mg
