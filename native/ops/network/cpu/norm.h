// Window batch norm of a fused layer: statistics per channel over all steps, samples and cells of the call, biased variance
// (Huynh, Maire, Walter 2020, appendix; equations in base/norm.h). Sums go by unit of samples in float64, then over units in
// order.
#pragma once
#include "../../../base/norm.h"
#include "engine.h"

namespace mg {

template <class T>
class WindowNorm {
 public:
  WindowNorm(const Engine<T>& engine, const Grid& grid) : e(engine), g(grid), C(grid.channels) {
    char* base = e.p.spec.backward ? e.saved : e.work;
    mean = reinterpret_cast<double*>(base + g.statistics);
    scale = mean + C;  // 1 / sqrt(variance + epsilon)
    count = double(e.p.steps * e.p.batch * g.area());
  }

  // activation -> y, with the shortcut added.
  void forward() const {
    sum([&](NormJob<T>& job) { job.mean = nullptr, job.dy = nullptr; });
    for (i64 c = 0; c < C; c++) mean[c] = total(c) / count;
    sum([&](NormJob<T>& job) { job.dy = nullptr; });
    const double epsilon = e.p.spec.layers[std::size_t(g.layer)].epsilon;
    for (i64 c = 0; c < C; c++) scale[c] = norm_scale(total(c) / count, epsilon);
    images([&](i64 t, i64 b, Worker<T>& w, i64) {
      NormJob<T> job = image(t, b, w);
      job.out = e.at(g.y, w, t, b);
      e.stage.norm_forward(job);
      for (const ShortcutPart& s : g.shortcut) {
        e.stage.add(job.out + s.first, C, e.value(s.node, w, t, b), s.channels, s.channels, g.area());
      }
    });
  }

  // g.grad holds dy and receives the gradient of the activation.
  void backward(T* dgamma, T* dbeta) const {
    sum([](NormJob<T>&) {});
    double* const shift = sums(0);  // sums over units, then means over cells
    for (i64 c = 0; c < 2 * C; c++) shift[c] = total(c);
    for (i64 c = 0; c < C; c++) dbeta[c] = T(shift[c]), dgamma[c] = T(shift[C + c]);
    for (i64 c = 0; c < 2 * C; c++) shift[c] /= count;
    images([&](i64 t, i64 b, Worker<T>& w, i64) {
      NormJob<T> job = image(t, b, w);
      job.out = e.at(g.grad, w, t, b);
      job.sums = shift, job.products = shift + C;
      e.stage.norm_backward(job);
    });
  }

 private:
  template <class F>
  void images(F&& fn) const {
    e.each_unit([&](i64 unit, Worker<T>& w) {
      const i64 end = part_begin(e.p.batch, e.p.units, unit + 1);
      for (i64 t = 0; t < e.p.steps; t++) {
        for (i64 b = part_begin(e.p.batch, e.p.units, unit); b < end; b++) fn(t, b, w, unit);
      }
    });
  }
  double* sums(i64 unit) const { return e.template space<double>(e.p.norm_sums) + unit * 2 * C; }
  double total(i64 c) const {
    double s = 0;
    for (i64 u = 0; u < e.p.units; u++) s += sums(u)[c];
    return s;
  }
  NormJob<T> image(i64 t, i64 b, const Worker<T>& w) const {
    NormJob<T> job{};
    job.pixels = g.area(), job.channels = C;
    job.a = e.at(g.activation, w, t, b);
    job.mean = mean, job.scale = scale;
    job.gamma = e.parameter(g.gamma), job.beta = e.parameter(g.beta);
    return job;
  }
  // What is not wanted of a job, `choose` takes away.
  template <class F>
  void sum(F&& choose) const {
    for (i64 k = 0; k < e.p.units * 2 * C; k++) sums(0)[k] = 0;
    images([&](i64 t, i64 b, Worker<T>& w, i64 unit) {
      NormJob<T> job = image(t, b, w);
      job.dy = e.at(g.grad, w, t, b);
      job.sums = sums(unit), job.products = job.sums + C;
      choose(job);
      e.stage.norm_sums(job);
    });
  }

  const Engine<T>& e;
  const Grid& g;
  i64 C;
  double *mean, *scale;
  double count;
};

}  // namespace mg
