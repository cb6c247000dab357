// The gradient of one step of the DNC on the GPU: a block for each sample for what lies behind the links, the links, a block for
// each sample for what lies before them, then the controller. Gradients that travel back live in `dbefore` of the job.
#pragma once
#include "dnc_cuda_step.h"

namespace mg {
namespace cuda {

template <class T>
struct DncBackwardSpace {
  i64 segment;                             // steps whose links are held at once
  i64* lengths;
  T *memory, *precedence;                  // [T + 1][B][W][N], [T + 1][B][V][N] of all steps
  T *links, *checkpoints;                  // [segment - 1][B][V][N][N], [segments - 1][B][V][N][N]
  T *dmemory, *dlink;                      // [B][W][N], [B][V][N][N] unless the job has it
  T *act, *dact;                           // [B][D]
  T *score, *content, *slope;              // [B][heads][N], [B][heads][N], [B][N]
  T *allocation, *dallocation, *simulated; // [B][V][N]
  T *dsimulated, *dread;                   // [B][N], [B][R][N]
  T *along, *against;                      // [B][V][tiles across or down][R][N]
  T *row, *column, *dprecedence;           // [B][V][tiles across], [B][V][tiles down] twice, each [N]
  T *hidden_sums, *input_sums;             // [slices][B][H] and [I + RW + H]
  T *dgates, *dinterface, *inputs;         // [T][B][4H], [D], [I + RW + H]
  T* slices;                               // of the weight gradients
  double* biases;
  DncSort sort;

  DncBackwardSpace(Arena& a, const DncDims& d, i64 link_budget_bytes, bool wants_link) {
    const i64 B = d.batch, N = d.slots, H = d.hidden, K = d.controller_rows(), D = DncInterface(d).size, rows = d.steps * B;
    const i64 heads = d.reads > d.writes ? d.reads : d.writes, matrices = B * d.writes * d.links();
    segment = d.steps;
    if ((segment - 1) * matrices * i64(sizeof(T)) > link_budget_bytes)  // too many: the fewest that do
      for (segment = 1; segment * segment < d.steps;) segment++;
    lengths = a.take<i64>(B);
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
    hidden_sums = a.take<T>(dnc_slices(D) * B * H);
    input_sums = a.take<T>(dnc_slices(4 * H) * B * K);
    dgates = a.take<T>(rows * 4 * H);
    dinterface = a.take<T>(rows * D);
    inputs = a.take<T>(H == 0 ? 0 : rows * K);
    const i64 gate_size = K * 4 * H, interface_size = H * D;
    const i64 gate_slices = gemm_slices(rows, gate_size) * gate_size, interface_slices = gemm_slices(rows, interface_size) * interface_size;
    slices = a.take<T>(gate_slices > interface_slices ? gate_slices : interface_slices);
    biases = a.take<double>(H == 0 ? 0 : ceil_div(rows, 256) * (4 * H > D ? 4 * H : D));
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
    dmemory = s.dmemory + b * d.word * N, dusage = job.dbefore.usage + b * N, dprecedence = job.dbefore.precedence + b * d.writes * N;
    dread = job.dbefore.read + b * d.reads * N, dwrite = job.dbefore.write + b * d.writes * N, dwords = job.dbefore.words + b * d.words();
  }
};

// Memory and precedence of all steps again, by a block for each sample.
template <class T>
MG_KERNEL(dnc_threads<T>) dnc_replay_kernel(DncBackward<T> job, DncBackwardSpace<T> s) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  const i64 b = port::block(), N = d.slots, P = d.pitch();
  T* const act = s.act + b * at.size;
  for (i64 t = 0; t < d.steps && !dnc_past(s.lengths, b, t); t++) {
    const i64 row = t * d.batch + b;
    const T *const write = job.trace.write + row * d.writes * P, *const memory = s.memory + row * d.word * N;
    T* const next = s.memory + (row + d.batch) * d.word * N;
    MG_BARRIER();
    by_thread(at.read_modes, [&](i64 k) {
      const T raw = job.trace.interface[row * at.size + k];
      act[k] = k < at.erase_vectors ? raw : sigmoid(raw);
    });
    MG_BARRIER();
    by_thread(N, [&](i64 n) {
      for (i64 w = 0; w < d.word; w++) next[w * N + n] = dnc_written(d, at, act, write + n, P, w, memory[w * N + n]);
    });
    for (i64 v = 0; v < d.writes; v++) {
      const T* const before = s.precedence + (row * d.writes + v) * N;
      T *const behind = s.precedence + ((row + d.batch) * d.writes + v) * N, sum = 0;
      by_thread(N, [&](i64 n) { sum += write[v * P + n]; });
      const T rest = T(1) - block_sum(sum, shared);
      by_thread(N, [&](i64 n) { behind[n] = port::fma(rest, before[n], write[v * P + n]); });
    }
  }
}

// Words and the content part of the reads: completes the gradient at the read weights.
template <class T>
MG_KERNEL(dnc_threads<T>) dnc_reads_backward_kernel(DncBackward<T> job, DncBackwardSpace<T> space, i64 t) {
  const DncDims& d = job.dims;
  const DncInterface at(d);
  void* const shared = port::shared<char>();
  if (dnc_past(space.lengths, port::block(), t)) return;
  const DncBackwardStep<T> s(job, space, t);
  const i64 N = d.slots;
  by_thread(at.size, [&](i64 k) { s.act[k] = s.raw[k], s.dact[k] = T(0); });
  dnc_activate(d, s.act);
  if (job.dwords != nullptr) by_thread(d.words(), [&](i64 k) { s.dwords[k] += job.dwords[s.row * d.words() + k]; });
  MG_BARRIER();
  by_thread(N, [&](i64 n) {
    for (i64 r = 0; r < d.reads; r++) {
      const T read = s.read[r * d.pitch() + n];
      T sum = s.dread[r * N + n];
      for (i64 w = 0; w < d.word; w++) {
        sum = port::fma(s.dwords[r * d.word + w], s.memory[w * N + n], sum);
        s.dmemory[w * N + n] = port::fma(s.dwords[r * d.word + w], read, s.dmemory[w * N + n]);
      }
      s.dread[r * N + n] = sum;
    }
  });
  dnc_content<T>(d, s.memory, s.act + at.read_keys, s.act + at.read_strengths, d.reads, s.score, s.content, shared);
  for (i64 r = 0; r < d.reads; r++) {
    const i64 mode = at.read_modes + r * d.modes() + dnc_content_mode(d);
    T sum = 0;
    by_thread(N, [&](i64 n) { sum = port::fma(s.dread[r * N + n], s.content[r * N + n], sum); });
    const T dmode = block_sum(sum, shared);
    const T dstrength = dnc_content_backward<T>(d, s.memory, s.act + at.read_keys + r * d.word, s.act[at.read_strengths + r], s.score + r * N,
                                                s.content + r * N, s.act[mode], s.dread + r * N, s.slope, s.dmemory,
                                                s.dact + at.read_keys + r * d.word, shared);
    if (port::thread() == 0) s.dact[mode] = dmode, s.dact[at.read_strengths + r] = dstrength;
  }
}

// The sums that the links left behind: read modes, dread of the step before, the write weights and the precedence before.
template <class T>
MG_DEVICE void dnc_links_backward(const DncDims& d, const DncBackwardStep<T>& s, const DncBackwardSpace<T>& space, T* dread, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots, down = link_tiles_down(d), across = link_tiles_across(d);
  for (i64 v = 0; v < d.writes; v++) {
    const i64 head = s.b * d.writes + v;
    for (i64 r = 0; r < d.reads; r++) {
      const i64 modes = at.read_modes + r * d.modes(), f = modes + dnc_forward_mode(d, v), k = modes + dnc_backward_mode(v);
      T sums[2] = {};
      by_thread(N, [&](i64 n) {
        const T against = dnc_add_slices(space.against + head * down * d.reads * N, down, d.reads * N, r * N + n);
        const T along = dnc_add_slices(space.along + head * across * d.reads * N, across, d.reads * N, r * N + n);
        const T read = s.read_before[r * s.before_pitch + n];
        sums[0] = port::fma(against, read, sums[0]);
        sums[1] = port::fma(along, read, sums[1]);
        const T sum = v == 0 ? T(0) : dread[r * N + n];
        dread[r * N + n] = port::fma(s.act[k], along, port::fma(s.act[f], against, sum));
      });
      block_sums(sums, shared);
      if (port::thread() == 0) s.dact[f] = sums[0], s.dact[k] = sums[1];
    }
    const T *const w = s.write + v * d.pitch(), *const p = s.precedence_before + v * N;
    T *const dp = s.dprecedence + v * N, *const dw = s.dwrite + v * N, sums[2] = {};
    by_thread(N, [&](i64 n) {
      sums[0] = port::fma(dp[n], p[n], sums[0]);
      sums[1] += w[n];
    });
    block_sums(sums, shared);
    by_thread(N, [&](i64 n) {
      const T row = dnc_add_slices(space.row + head * across * N, across, N, n), column = dnc_add_slices(space.column + head * down * N, down, N, n);
      dw[n] += row - column + dp[n] - sums[0];
      dp[n] = port::fma(T(1) - sums[1], dp[n], dnc_add_slices(space.dprecedence + head * down * N, down, N, n));
    });
  }
}

// Erasing and writing.
template <class T>
MG_DEVICE void dnc_memory_backward(const DncDims& d, const DncBackwardStep<T>& s) {
  const DncInterface at(d);
  const i64 N = d.slots, P = d.pitch();
  const auto keep = [&](i64 v, i64 w, i64 n) { return T(1) - s.write[v * P + n] * s.act[at.erase_vectors + v * d.word + w]; };
  const auto erased = [&](i64 v, i64 w, i64 n) {  // the gradient at what the other heads left
    T q = s.dmemory[w * N + n] * s.memory_before[w * N + n];
    for (i64 other = 0; other < d.writes; other++) q = other == v ? q : q * keep(other, w, n);
    return q;
  };
  MG_BARRIER();
  by_warp(d.writes * d.word, [&](i64 k, int lane) {
    const i64 v = k / d.word, w = k - v * d.word;
    T dvector = 0, derase = 0;
    for (i64 n = lane; n < N; n += 32) {
      const T weight = s.write[v * P + n];
      dvector = port::fma(weight, s.dmemory[w * N + n], dvector);
      derase = derase - weight * erased(v, w, n);
    }
    dvector = warp_sum(dvector), derase = warp_sum(derase);
    if (lane == 0) s.dact[at.write_vectors + k] = dvector, s.dact[at.erase_vectors + k] = derase;
  });
  MG_BARRIER();
  by_thread(N, [&](i64 n) {
    for (i64 v = 0; v < d.writes; v++) {
      T sum = s.dwrite[v * N + n];
      for (i64 w = 0; w < d.word; w++)
        sum += s.dmemory[w * N + n] * s.act[at.write_vectors + v * d.word + w] - erased(v, w, n) * s.act[at.erase_vectors + v * d.word + w];
      s.dwrite[v * N + n] = sum;
    }
    for (i64 w = 0; w < d.word; w++) {
      T g = s.dmemory[w * N + n];
      for (i64 v = 0; v < d.writes; v++) g = g * keep(v, w, n);
      s.dmemory[w * N + n] = g;
    }
  });
}

// Write weights, their content on the memory before, and allocation with the usage that each head saw.
template <class T>
MG_DEVICE void dnc_write_backward(const DncDims& d, const DncBackwardStep<T>& s, const DncBackwardSpace<T>& space, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots;
  T *const allocation = space.allocation + s.b * d.writes * N, *const dallocation = space.dallocation + s.b * d.writes * N;
  T *const simulated = space.simulated + s.b * d.writes * N, *const dsimulated = space.dsimulated + s.b * N;
  const DncSort::Place place = space.sort.place(s.b);
  dnc_write_addresses<T>(d, s.act, s.memory_before, s.usage, place, space.sort.size, s.score, s.content, allocation, simulated, shared);
  for (i64 v = 0; v < d.writes; v++) {
    const T gw = s.act[at.write_gates + v], ga = s.act[at.allocation_gates + v];
    T sums[2] = {};
    by_thread(N, [&](i64 n) {
      sums[0] = port::fma(s.dwrite[v * N + n], allocation[v * N + n], sums[0]);
      sums[1] = port::fma(s.dwrite[v * N + n], s.content[v * N + n], sums[1]);
      dallocation[v * N + n] = gw * ga * s.dwrite[v * N + n];
    });
    block_sums(sums, shared);
    const T dstrength = dnc_content_backward<T>(d, s.memory_before, s.act + at.write_keys + v * d.word, s.act[at.write_strengths + v],
                                                s.score + v * N, s.content + v * N, gw * (T(1) - ga), s.dwrite + v * N, s.slope, s.dmemory,
                                                s.dact + at.write_keys + v * d.word, shared);
    if (port::thread() == 0) {
      s.dact[at.write_gates + v] = ga * sums[0] + (T(1) - ga) * sums[1];
      s.dact[at.allocation_gates + v] = gw * (sums[0] - sums[1]);
      s.dact[at.write_strengths + v] = dstrength;
    }
  }
  by_thread(N, [&](i64 n) { dsimulated[n] = T(0); });
  for (i64 v = d.writes - 1; v >= 0; v--) {
    const T gw = s.act[at.write_gates + v], ga = s.act[at.allocation_gates + v];
    const T *const u = simulated + v * N, *const a = allocation + v * N;
    T* const da = dallocation + v * N;
    if (v + 1 < d.writes) {
      T sum = 0;
      by_thread(N, [&](i64 n) {
        const T du = dsimulated[n], left = du * (1 - u[n]);
        sum = port::fma(left, a[n], sum);
        da[n] = port::fma(left, ga * gw, da[n]);
        dsimulated[n] = du * (1 - ga * gw * a[n]);
      });
      sum = block_sum(sum, shared);
      if (port::thread() == 0) s.dact[at.allocation_gates + v] += sum * gw, s.dact[at.write_gates + v] += sum * ga;
    }
    dnc_allocate_backward(d, u, da, place, space.sort.size, s.slope, dsimulated, shared);
  }
  by_thread(N, [&](i64 n) { s.dusage[n] += dsimulated[n]; });
}

// Usage; its gradient and that of the write weights become those of the step before, dread is completed.
template <class T>
MG_DEVICE void dnc_usage_backward(const DncDims& d, const DncBackwardStep<T>& s, const T* dread, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots, P = s.before_pitch;
  const auto kept = [&](i64 r, i64 n) { return T(1) - s.act[at.free_gates + r] * s.read_before[r * P + n]; };
  const auto missed = [&](i64 v, i64 n) { return T(1) - s.write_before[v * P + n]; };
  const auto none = [&](i64 n) {
    T product = 1;
    for (i64 v = 0; v < d.writes; v++) product = product * missed(v, n);
    return product;
  };
  for (i64 r = 0; r < d.reads; r++) {
    T dfree = 0;
    by_thread(N, [&](i64 n) {
      T others = 1;
      for (i64 other = 0; other < d.reads; other++) others = other == r ? others : others * kept(other, n);
      const T u = s.usage_before[n], written = u + (1 - u) * (1 - none(n)), pull = s.dusage[n] * written * others;
      dfree = dfree - pull * s.read_before[r * P + n];
      s.dread[r * N + n] = dread[r * N + n] - pull * s.act[at.free_gates + r];
    });
    dfree = block_sum(dfree, shared);
    if (port::thread() == 0) s.dact[at.free_gates + r] = dfree;
  }
  by_thread(N, [&](i64 n) {
    T left = s.dusage[n];
    for (i64 r = 0; r < d.reads; r++) left = left * kept(r, n);
    for (i64 v = 0; v < d.writes; v++) {
      T dw = d.usage_gradient ? left * (1 - s.usage_before[n]) : T(0);
      for (i64 other = 0; d.usage_gradient && other < d.writes; other++) dw = other == v ? dw : dw * missed(other, n);
      s.dwrite[v * N + n] = dw;
    }
    s.dusage[n] = left * none(n);
  });
}

// From the links to the raw interface.
template <class T>
MG_KERNEL(dnc_threads<T>) dnc_write_backward_kernel(DncBackward<T> job, DncBackwardSpace<T> space, i64 t) {
  const DncDims& d = job.dims;
  const i64 D = DncInterface(d).size;
  void* const shared = port::shared<char>();
  T* const draw = space.dinterface + (t * d.batch + port::block()) * D;
  if (dnc_past(space.lengths, port::block(), t)) {
    by_thread(D, [&](i64 k) { draw[k] = T(0); });
    return;
  }
  const DncBackwardStep<T> s(job, space, t);
  T* const dread = space.dread + s.b * d.reads * d.slots;
  dnc_links_backward(d, s, space, dread, shared);
  dnc_memory_backward(d, s);
  dnc_write_backward(d, s, space, shared);
  dnc_usage_backward(d, s, dread, shared);
  dnc_activate_backward(d, s.raw, s.act, s.dact, draw);
}

// From the gradients at the interface: those at the sums of the gates, at x, and at words and hidden of the step before.
template <class T>
void dnc_controller_backward(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
  const DncDims d = job.dims;
  const i64 B = d.batch, H = d.hidden, K = d.controller_rows(), D = DncInterface(d).size;
  if (H == 0) {
    each_element(stream, B * D, [=] MG_DEVICE(i64 i) { job.dx[t * B * D + i] = s.dinterface[t * B * D + i]; });
    each_element(stream, B * d.words(), [=] MG_DEVICE(i64 i) {
      if (!dnc_past(s.lengths, i / d.words(), t)) job.dbefore.words[i] = T(0);
    });
    return;
  }
  dnc_product<T, true>(stream, B, D, H, s.dinterface + t * B * D, D, job.weights.interface, s.hidden_sums);
  const T limit = d.clip > 0 ? T(d.clip) : T(INFINITY);
  each_element(stream, B * H, [=] MG_DEVICE(i64 i) {
    const i64 b = i / H, j = i - b * H, at = t * B + b;
    T* const dsums = s.dgates + at * 4 * H + j;
    if (dnc_past(s.lengths, b, t)) {
      for (int gate = 0; gate < 4; gate++) dsums[gate * H] = T(0);
      return;
    }
    const T* const gates = job.trace.gates + at * 4 * H + j;
    const T before = t > 0 ? job.trace.cell[(at - B) * H + j] : job.before.cell[i];
    T dh = job.dbefore.hidden[i] + dnc_add_slices(s.hidden_sums, dnc_slices(D), B * H, i);
    if (job.dhidden != nullptr) dh += job.dhidden[at * H + j];
    const Gates<T> a{gates[0], gates[H], gates[2 * H], gates[3 * H]};
    const T c = a.f * before + a.i * a.u, h = a.o * mg::tanh(c);
    if (!(std::fabs(h) <= limit)) dh = T(0);
    const T dc = std::fabs(c) <= limit ? job.dbefore.cell[i] : T(0);
    const Gates<T> g = cell_backward(a, c, before, dh, dc, job.dbefore.cell[i]);
    dsums[0] = g.i, dsums[H] = g.u, dsums[2 * H] = g.f, dsums[3 * H] = g.o;
  });
  dnc_product<T, true>(stream, B, 4 * H, K, s.dgates + t * B * 4 * H, 4 * H, job.weights.gates, s.input_sums);
  each_element(stream, B * K, [=] MG_DEVICE(i64 i) {
    const i64 b = i / K, k = i - b * K;
    const bool past = dnc_past(s.lengths, b, t);
    const T sum = past ? T(0) : dnc_add_slices(s.input_sums, dnc_slices(4 * H), B * K, i);
    if (k < d.inputs) job.dx[(t * B + b) * d.inputs + k] = sum;
    else if (past) return;
    else if (k < d.inputs + d.words()) job.dbefore.words[b * d.words() + k - d.inputs] = sum;
    else job.dbefore.hidden[b * H + k - d.inputs - d.words()] = sum;
  });
}

// Links before step t, from those of its segment.
template <class T>
const T* dnc_links_before(const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
  const i64 matrices = job.dims.batch * job.dims.writes * job.dims.links();
  if (t % s.segment != 0) return s.links + (t % s.segment - 1) * matrices;
  return t == 0 ? job.before.link : s.checkpoints + (t / s.segment - 1) * matrices;
}

// The links behind step t to `to`.
template <class T>
void dnc_update_links(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t, const T* from, T* to) {
  const DncDims& d = job.dims;
  const DncLinkPass<T> pass{d, s.lengths, t, 0, from, to, {job.trace.write + t * d.batch * d.writes * d.pitch(), d.writes, d.pitch()},
                            {s.precedence + t * d.batch * d.writes * d.slots, d.writes, d.slots}, {nullptr, 0, 0}, nullptr, nullptr};
  link_forward(stream, pass, 0);
}

template <class T>
void dnc_backward_step(Stream stream, const DncBackward<T>& job, const DncBackwardSpace<T>& s, i64 t) {
  const DncDims& d = job.dims;
  const i64 N = d.slots, P = d.pitch(), B = d.batch;
  port::launch(dnc_reads_backward_kernel<T>, B, dnc_threads<T>, block_scratch, stream, job, s, t);
  const DncVectors<T> reads = t > 0 ? DncVectors<T>{job.trace.read + (t - 1) * B * d.reads * P, d.reads, P} : DncVectors<T>{job.before.read, d.reads, N};
  link_backward(stream,
                DncLinkBackwardPass<T>{d, s.lengths, t, 0, dnc_links_before(job, s, t), s.dlink,
                                       {job.trace.write + t * B * d.writes * P, d.writes, P}, {s.precedence + t * B * d.writes * N, d.writes, N},
                                       {job.dbefore.read, d.reads, N}, reads, s.act, s.along, s.against, s.row, s.column, s.dprecedence},
                d.reads);
  port::launch(dnc_write_backward_kernel<T>, B, dnc_threads<T>, dnc_shared_bytes(N), stream, job, s, t);
  dnc_controller_backward(stream, job, s, t);
}

}  // namespace cuda
}  // namespace mg
