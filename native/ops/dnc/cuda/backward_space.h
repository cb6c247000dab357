// Workspace of the gradient of a window of the DNC on the GPU, and where in it one step of one sample has its share.
#pragma once
#include "step.h"

namespace mg {
namespace cuda {

template <class T>
struct DncBackwardSpace : ControllerBackwardSpace<T> {
  i64 segment;                             // steps whose links are held at once
  T *memory, *precedence;                  // [T + 1][B][W][N], [T + 1][B][V][N] of all steps
  T *links, *checkpoints;                  // [segment - 1][B][V][N][N], [segments - 1][B][V][N][N]
  T *dmemory, *dlink;                      // [B][W][N], [B][V][N][N] unless the job has it
  T *act, *dact;                           // [B][D]
  T *score, *content, *slope;              // [B][heads][N], [B][heads][N], [B][N]
  T *allocation, *dallocation, *simulated; // [B][V][N]
  T *dsimulated, *dread;                   // [B][N], [B][R][N]
  T *along, *against;                      // [B][V][tiles across or down][R][N]
  T *row, *column, *dprecedence;           // [B][V][tiles across], [B][V][tiles down] twice, each [N]
  DncSort sort;

  DncBackwardSpace(Arena& a, const DncDims& d, i64 link_budget_bytes, bool wants_link) : ControllerBackwardSpace<T>(a, d) {
    const i64 B = d.batch, N = d.slots, D = DncInterface(d).size;
    const i64 heads = d.reads > d.writes ? d.reads : d.writes, matrices = B * d.writes * d.links();
    segment = d.steps;
    if ((segment - 1) * matrices * i64(sizeof(T)) > link_budget_bytes)  // too many: the fewest that do
      for (segment = 1; segment * segment < d.steps;) segment++;
    memory = a.take<T>((d.steps + 1) * B * d.word * N);
    precedence = a.take<T>((d.steps + 1) * B * d.writes * N);
    links = a.take<T>((segment - 1) * matrices);
    checkpoints = a.take<T>((ceil_div(d.steps, segment) - 1) * matrices);
    dmemory = a.take<T>(B * d.word * N);
    dlink = a.take<T>(wants_link ? 0 : matrices);
    act = a.take<T>(B * D);
    dact = a.take<T>(B * D);
    score = a.take<T>(B * heads * N);
    content = a.take<T>(B * heads * N);
    slope = a.take<T>(B * N);
    allocation = a.take<T>(B * d.writes * N);
    dallocation = a.take<T>(B * d.writes * N);
    simulated = a.take<T>(B * d.writes * N);
    dsimulated = a.take<T>(B * N);
    dread = a.take<T>(B * d.reads * N);
    along = a.take<T>(B * d.writes * link_tiles_across(d) * d.reads * N);
    against = a.take<T>(B * d.writes * link_tiles_down(d) * d.reads * N);
    row = a.take<T>(B * d.writes * link_tiles_across(d) * N);
    column = a.take<T>(B * d.writes * link_tiles_down(d) * N);
    dprecedence = a.take<T>(B * d.writes * link_tiles_down(d) * N);
    sort.size = dnc_sort_size(N);
    sort.keys = a.take<std::uint64_t>(sort.size <= dnc_shared_sort ? 0 : B * (sort.size + sort.size / 2));
  }
};

// What step t of one sample saw and made, and where its gradients go; the pointers of the sample.
template <class T>
struct DncBackwardStep {
  i64 b, row, heads;
  const T *raw, *memory_before, *memory, *usage_before, *usage, *precedence_before, *write_before, *write, *read_before, *read;
  i64 before_pitch;  // of usage_before, write_before and read_before: [N] at the first step, [pitch] behind it
  T *act, *dact, *score, *content, *slope, *dmemory, *dusage, *dprecedence, *dread, *dwrite, *dwords;

  MG_DEVICE DncBackwardStep(const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
    const DncDims& d = job.dims;
    const i64 N = d.slots, P = d.pitch(), D = DncInterface(d).size;
    b = port::block(), row = t * d.batch + b, heads = d.reads > d.writes ? d.reads : d.writes;
    raw = job.trace.interface + row * D;
    memory_before = s.memory + row * d.word * N;
    memory = memory_before + d.batch * d.word * N;
    precedence_before = s.precedence + row * d.writes * N;
    usage = job.trace.usage + row * P, write = job.trace.write + row * d.writes * P, read = job.trace.read + row * d.reads * P;
    before_pitch = t > 0 ? P : N;
    usage_before = t > 0 ? usage - d.batch * P : job.before.usage + b * N;
    write_before = t > 0 ? write - d.batch * d.writes * P : job.before.write + b * d.writes * N;
    read_before = t > 0 ? read - d.batch * d.reads * P : job.before.read + b * d.reads * N;
    act = s.act + b * D, dact = s.dact + b * D;
    score = s.score + b * heads * N, content = s.content + b * heads * N, slope = s.slope + b * N;
    dmemory = s.dmemory + b * d.word * N, dusage = job.dbefore.usage + b * N,
    dprecedence = job.dbefore.precedence + b * d.writes * N;
    dread = job.dbefore.read + b * d.reads * N, dwrite = job.dbefore.write + b * d.writes * N,
    dwords = job.dbefore.words + b * d.words();
  }
};

}  // namespace cuda
}  // namespace mg
