// One step of one grid forward, as the forward pass takes it, and the backward pass again where a byte budget says so.
#pragma once
#include "convolution.h"

namespace mg {

template <class T>
class ForwardStep : public Convolution<T> {
  using Base = Convolution<T>;

 public:
  using Base::at, Base::cell_before, Base::convolve, Base::each_chunk, Base::gates, Base::p, Base::parameter, Base::sources;
  using Base::stage, Base::value;
  ForwardStep(const Plan& plan, const NetworkArgs<T>& args, bool keeps_gates) : Base(plan, args), keeps_gates(keeps_gates) {}

  // One grid at one step for the worker's images.
  void grid(const Grid& g, Worker<T>& w, i64 t) {
    SourceView<T> from[max_sources];
    for (i64 b = w.first, n; b < w.first + w.count; b += n) {
      n = w.first + w.count - b < g.group ? w.first + w.count - b : g.group;
      const int count = sources(g, w, t, b, from);
      each_chunk(g.chunks, n, [&](const ChunkPlan& plan, const Chunk& c, i64 before, i64 pixels) {
        chunk(g, w, t, b, from, count, plan, c, before, pixels);
      });
    }
  }

  // One chunk of a grid: gather, convolve, cell or activation, shortcut.
  void chunk(const Grid& g, Worker<T>& w, i64 t, i64 b, const SourceView<T>* from, int count, const ChunkPlan& plan,
             const Chunk& c, i64 before, i64 pixels) {
    const Inputs<T> in{plan, c, from, count};
    Base::gather(g, w, in);
    T* a = at(g.activation, w, t, b) + before * g.channels;
    if (g.state >= 0) {
      convolve(g, w, in, pixels, w.sums);
      stage.cell_forward(cell_job(g, w, t, b, before, pixels, a));
    } else {
      convolve(g, w, in, pixels, a);
      if (p.spec.layers[std::size_t(g.layer)].relu) stage.relu(a, pixels * g.channels);
    }
    if (g.shortcut.empty() || g.gamma >= 0) return;
    T* y = at(g.y, w, t, b) + before * g.channels;
    std::memcpy(y, a, std::size_t(pixels * g.channels) * sizeof(T));
    for (const ShortcutPart& s : g.shortcut) {
      stage.add(y + s.first, g.channels, value(s.node, w, t, b) + before * s.channels, s.channels, s.channels, pixels);
    }
  }

  CellJob<T> cell_job(const Grid& g, const Worker<T>& w, i64 t, i64 b, i64 before, i64 pixels, T* hidden) const {
    const i64 first = before * g.channels;
    const T* c_prev = cell_before(g, w, t, b);
    CellJob<T> job{};
    job.pixels = pixels;
    job.channels = g.channels;
    job.forget_bias = T(p.spec.layers[std::size_t(g.layer)].forget_bias);
    job.peephole = g.peephole >= 0 ? parameter(g.peephole) : nullptr;
    job.c_prev = c_prev ? c_prev + first : nullptr;
    job.sums = w.sums;
    job.c = at(g.cell, w, t, b) + first;
    job.h = hidden;
    if (keeps_gates && g.gates.where != Place::Where::none) job.gates = gates(g, w, t, b, job.plane) + first;
    job.streams = p.streams_gates;
    return job;
  }

 private:
  const bool keeps_gates;
};

}  // namespace mg
