// A naive differentiable reference in float64: one image-list per value, one plain loop per definition, a tape of closures.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace reference {

using i64 = std::int64_t;

struct Value {
  i64 n, h, w, c;  // images, sides, channels
  std::vector<double> v, g;
  Value(i64 n, i64 h, i64 w, i64 c) : n(n), h(h), w(w), c(c), v(std::size_t(n * h * w * c)), g(v.size()) {}
  i64 at(i64 b, i64 y, i64 x, i64 k) const { return ((b * h + y) * w + x) * c + k; }
};
using Ref = std::shared_ptr<Value>;
inline Ref make(i64 n, i64 h, i64 w, i64 c) { return std::make_shared<Value>(n, h, w, c); }

struct Tape {
  std::vector<std::function<void()>> steps;
  // How near a ReLU came to its kink and a pooled maximum to its runner-up: nearer than rounding, and float32 may choose
  // otherwise.
  double closest = 1e9;
  void note(double gap) {
    if (gap != 0 && std::fabs(gap) < closest) closest = std::fabs(gap);
  }
  void backward() {
    for (std::size_t k = steps.size(); k-- > 0;) steps[k]();
  }
  template <class F>
  void on_backward(F f) {
    steps.push_back(std::move(f));
  }

  Ref concat(const std::vector<Ref>& xs) {
    i64 c = 0;
    for (auto& x : xs) c += x->c;
    Ref y = make(xs[0]->n, xs[0]->h, xs[0]->w, c);
    auto each = [xs, y](auto f) {
      i64 first = 0;
      for (auto& x : xs) {
        for (i64 p = 0; p < x->n * x->h * x->w; p++)
          for (i64 k = 0; k < x->c; k++) f(*x, std::size_t(p * x->c + k), std::size_t(p * y->c + first + k));
        first += x->c;
      }
    };
    each([&](Value& x, std::size_t i, std::size_t o) { y->v[o] = x.v[i]; });
    on_backward([each, y] { each([&](Value& x, std::size_t i, std::size_t o) { x.g[i] += y->g[o]; }); });
    return y;
  }
  Ref up(Ref x, int dims) {
    Ref y = make(x->n, dims == 2 ? 2 * x->h : x->h, 2 * x->w, x->c);
    auto each = [=](auto f) {
      for (i64 b = 0; b < y->n; b++)
        for (i64 r = 0; r < y->h; r++)
          for (i64 s = 0; s < y->w; s++)
            for (i64 k = 0; k < y->c; k++)
              f(std::size_t(x->at(b, dims == 2 ? r / 2 : r, s / 2, k)), std::size_t(y->at(b, r, s, k)));
    };
    each([&](std::size_t i, std::size_t o) { y->v[o] = x->v[i]; });
    on_backward([=] { each([&](std::size_t i, std::size_t o) { x->g[i] += y->g[o]; }); });
    return y;
  }
  Ref pool(Ref x, int dims) {  // the first maximum in row-major order receives the gradient, a NaN before any number
    Ref y = make(x->n, dims == 2 ? x->h / 2 : x->h, x->w / 2, x->c);
    auto from = std::make_shared<std::vector<std::size_t>>(y->v.size());
    for (i64 b = 0; b < y->n; b++)
      for (i64 r = 0; r < y->h; r++)
        for (i64 s = 0; s < y->w; s++)
          for (i64 k = 0; k < y->c; k++) {
            const std::size_t o = std::size_t(y->at(b, r, s, k));
            bool first = true;
            for (i64 p = 0; p < dims; p++)
              for (i64 q = 0; q < 2; q++) {
                const std::size_t i = std::size_t(x->at(b, dims == 2 ? 2 * r + p : r, 2 * s + q, k));
                if (dims == 1 && p > 0) continue;
                if (!first) note(x->v[i] - y->v[o]);
                const bool is_first_nan = std::isnan(x->v[i]) && !std::isnan(y->v[o]);
                if (first || is_first_nan || x->v[i] > y->v[o]) y->v[o] = x->v[i], (*from)[o] = i;
                first = false;
              }
          }
    on_backward([=] {
      for (std::size_t o = 0; o < y->g.size(); o++) x->g[(*from)[o]] += y->g[o];
    });
    return y;
  }
  Ref conv(Ref x, Ref kernel, Ref bias, i64 kh, i64 kw, i64 out) {  // kernel: [kh,kw,Cin,Cout]
    Ref y = make(x->n, x->h, x->w, out);
    auto each = [=](auto f) {
      for (i64 b = 0; b < y->n; b++)
        for (i64 r = 0; r < y->h; r++)
          for (i64 s = 0; s < y->w; s++)
            for (i64 p = 0; p < kh; p++)
              for (i64 q = 0; q < kw; q++) {
                const i64 a = r + p - kh / 2, e = s + q - kw / 2;
                if (a < 0 || e < 0 || a >= x->h || e >= x->w) continue;
                for (i64 k = 0; k < x->c; k++)
                  for (i64 n = 0; n < out; n++)
                    f(std::size_t(x->at(b, a, e, k)), std::size_t(((p * kw + q) * x->c + k) * out + n),
                      std::size_t(y->at(b, r, s, n)));
              }
    };
    for (std::size_t o = 0; o < y->v.size(); o++) y->v[o] = bias->v[o % std::size_t(out)];
    each([&](std::size_t i, std::size_t k, std::size_t o) { y->v[o] += x->v[i] * kernel->v[k]; });
    on_backward([=] {
      for (std::size_t o = 0; o < y->g.size(); o++) bias->g[o % std::size_t(out)] += y->g[o];
      each([&](std::size_t i, std::size_t k, std::size_t o) {
        x->g[i] += y->g[o] * kernel->v[k], kernel->g[k] += y->g[o] * x->v[i];
      });
    });
    return y;
  }
  Ref relu(Ref x) {
    Ref y = make(x->n, x->h, x->w, x->c);
    for (std::size_t k = 0; k < y->v.size(); k++) y->v[k] = x->v[k] > 0 ? x->v[k] : 0, note(x->v[k]);
    on_backward([=] {
      for (std::size_t k = 0; k < y->g.size(); k++) x->g[k] += x->v[k] > 0 ? y->g[k] : 0;
    });
    return y;
  }
  Ref add_channels(Ref a, Ref b) {  // a[..., :Cb] + b
    Ref y = make(a->n, a->h, a->w, a->c);
    y->v = a->v;
    auto each = [=](auto f) {
      for (i64 p = 0; p < b->n * b->h * b->w; p++)
        for (i64 k = 0; k < b->c; k++) f(std::size_t(p * b->c + k), std::size_t(p * a->c + k));
    };
    each([&](std::size_t i, std::size_t o) { y->v[o] += b->v[i]; });
    on_backward([=] {
      for (std::size_t o = 0; o < y->g.size(); o++) a->g[o] += y->g[o];
      each([&](std::size_t i, std::size_t o) { b->g[i] += y->g[o]; });
    });
    return y;
  }
  // h and c of one step; peephole [3,C] or null
  std::pair<Ref, Ref> cell(Ref s, Ref c_prev, Ref peephole, double forget_bias) {
    const i64 C = c_prev->c;
    Ref h = make(s->n, s->h, s->w, C), c = make(s->n, s->h, s->w, C);
    auto sigma = [](double x) { return 1 / (1 + std::exp(-x)); };
    auto peep = [=](int k, i64 ch) { return peephole ? peephole->v[std::size_t(k * C + ch)] : 0.0; };
    auto gate = [=](i64 p, int k, i64 ch) { return s->v[std::size_t(p * 4 * C + k * C + ch)]; };
    const i64 pixels = s->n * s->h * s->w;
    for (i64 p = 0; p < pixels; p++)
      for (i64 k = 0; k < C; k++) {
        const std::size_t at = std::size_t(p * C + k);
        const double old = c_prev->v[at], i = sigma(gate(p, 0, k) + peep(0, k) * old), u = std::tanh(gate(p, 1, k));
        const double f = sigma(gate(p, 2, k) + forget_bias + peep(1, k) * old);
        c->v[at] = f * old + i * u;
        h->v[at] = sigma(gate(p, 3, k) + peep(2, k) * c->v[at]) * std::tanh(c->v[at]);
      }
    on_backward([=] {
      for (i64 p = 0; p < pixels; p++)
        for (i64 k = 0; k < C; k++) {
          const std::size_t at = std::size_t(p * C + k);
          const double old = c_prev->v[at], now = c->v[at];
          const double i = sigma(gate(p, 0, k) + peep(0, k) * old), u = std::tanh(gate(p, 1, k));
          const double f = sigma(gate(p, 2, k) + forget_bias + peep(1, k) * old), o = sigma(gate(p, 3, k) + peep(2, k) * now);
          const double d_o = h->g[at] * std::tanh(now) * o * (1 - o);
          const double dc = c->g[at] + h->g[at] * o * (1 - std::tanh(now) * std::tanh(now)) + peep(2, k) * d_o;
          const double d[4] = {dc * u * i * (1 - i), dc * i * (1 - u * u), dc * old * f * (1 - f), d_o};
          c_prev->g[at] += dc * f + peep(0, k) * d[0] + peep(1, k) * d[2];
          for (int q = 0; q < 4; q++) s->g[std::size_t(p * 4 * C + q * C + k)] += d[q];
          if (!peephole) continue;
          peephole->g[std::size_t(k)] += d[0] * old;
          peephole->g[std::size_t(C + k)] += d[2] * old;
          peephole->g[std::size_t(2 * C + k)] += d[3] * now;
        }
    });
    return {h, c};
  }
  // Batch norm with the statistics of all values of a list, per channel.
  std::vector<Ref> norm(const std::vector<Ref>& xs, Ref gamma, Ref beta, double epsilon) {
    const std::size_t C = std::size_t(xs[0]->c);
    auto mean = std::make_shared<std::vector<double>>(C), scale = std::make_shared<std::vector<double>>(C);
    double n = 0;
    for (auto& x : xs)
      for (std::size_t k = 0; k < x->v.size(); k++) (*mean)[k % C] += x->v[k], n += k % C == 0;
    for (double& m : *mean) m /= n;
    auto square = [](double x) { return x * x; };
    for (auto& x : xs)
      for (std::size_t k = 0; k < x->v.size(); k++) (*scale)[k % C] += square(x->v[k] - (*mean)[k % C]);
    for (double& s : *scale) s = 1 / std::sqrt(s / n + epsilon);
    std::vector<Ref> ys;
    for (auto& x : xs) {
      Ref y = make(x->n, x->h, x->w, x->c);
      for (std::size_t k = 0; k < y->v.size(); k++) {
        const std::size_t c = k % C;
        y->v[k] = (x->v[k] - (*mean)[c]) * (*scale)[c] * gamma->v[c] + beta->v[c];
      }
      ys.push_back(y);
    }
    on_backward([=] {
      std::vector<double> dg(C), db(C);
      auto normed = [&](std::size_t j, std::size_t k) { return (xs[j]->v[k] - (*mean)[k % C]) * (*scale)[k % C]; };
      for (std::size_t j = 0; j < ys.size(); j++)
        for (std::size_t k = 0; k < ys[j]->g.size(); k++) dg[k % C] += ys[j]->g[k] * normed(j, k), db[k % C] += ys[j]->g[k];
      for (std::size_t j = 0; j < ys.size(); j++)
        for (std::size_t k = 0; k < ys[j]->g.size(); k++)
          xs[j]->g[k] += gamma->v[k % C] * (*scale)[k % C] * (ys[j]->g[k] - (db[k % C] + normed(j, k) * dg[k % C]) / n);
      for (std::size_t c = 0; c < C; c++) gamma->g[c] += dg[c], beta->g[c] += db[c];
    });
    return ys;
  }
};

}  // namespace reference
