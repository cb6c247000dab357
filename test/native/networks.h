// Random networks with values for every tensor of them, and what they should compute: a naive composition in float64 (tape.h).
#pragma once
#include <algorithm>
#include <cstdint>
#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "../../native/ops/network/network.h"
#include "tape.h"

using namespace mg;
using reference::Ref;
using reference::Tape;

namespace {

template <class T>
using Lists = std::vector<std::vector<T>>;

struct Values {  // every tensor of a case, in float64
  Lists<double> parameters, fields, hidden0, cell0, doutputs, dhidden, dcell;
};
template <class T>
struct Results {
  Lists<T> outputs, hidden, cell, parameters, fields, hidden0, cell0;
  bool operator==(const Results& o) const {
    return outputs == o.outputs && hidden == o.hidden && cell == o.cell && parameters == o.parameters && fields == o.fields &&
           hidden0 == o.hidden0 && cell0 == o.cell0;
  }
};

i64 image(const Grid& g) { return g.area() * g.channels; }
i64 image(const Node& n) { return n.area() * n.channels; }

Values random_values(const Plan& p, std::mt19937& rng) {
  const i64 B = p.spec.batch, TB = B * p.spec.steps;
  Values v;
  auto list = [&](double scale, i64 n) {
    std::uniform_real_distribution<double> u(-scale, scale);
    std::vector<double> x(n);
    for (double& e : x) e = float(u(rng));  // exact in float32 too
    return x;
  };
  for (const Parameter& q : p.parameters) {
    const bool kernel = q.name.find("kernel") != std::string::npos;  // sums of order one
    v.parameters.push_back(list(kernel ? 1.5 / std::sqrt(double(q.size) / double(q.shape.back())) : 0.6, q.size));
  }
  for (std::size_t f = 0; f < p.spec.fields.size(); f++) v.fields.push_back(list(1, TB * image(p.nodes[f])));
  for (int g : p.outputs) v.doutputs.push_back(list(1, TB * image(p.grids[std::size_t(g)])));
  for (int g : p.states) {
    for (Lists<double>* l : {&v.hidden0, &v.cell0, &v.dhidden, &v.dcell})
      l->push_back(list(1, B * image(p.grids[std::size_t(g)])));
  }
  return v;
}

Results<double> naive(const Plan& p, const Values& v, double& closest) {
  const NetworkSpec& s = p.spec;
  const int dims = s.dimensions;
  Tape tape;
  Results<double> r;
  auto wrap = [](const std::vector<double>& x, i64 n, i64 h, i64 w, i64 c, i64 at = 0) {
    Ref y = reference::make(n, h, w, c);
    std::copy(x.begin() + at, x.begin() + at + i64(y->v.size()), y->v.begin());
    return y;
  };
  std::vector<Ref> parameters;
  for (const auto& q : v.parameters) parameters.push_back(wrap(q, 1, 1, 1, i64(q.size())));
  using Series = std::vector<Ref>;                 // one value per step
  std::vector<Series> nodes(p.nodes.size());
  for (std::size_t f = 0; f < s.fields.size(); f++) {
    const Node& n = p.nodes[f];
    for (i64 t = 0; t < s.steps; t++) {
      nodes[f].push_back(wrap(v.fields[f], s.batch, n.height, n.width, n.channels, t * s.batch * image(n)));
    }
  }
  auto outgoing = [&](int l, int level) {
    std::vector<int> found;
    for (const Grid& g : p.grids)
      if (l >= 0 && g.layer == l && g.level == level) found.push_back(g.node);
    for (int f : l < 0 ? s.input : s.layers[std::size_t(l)].memory)
      if (s.fields[std::size_t(f)].level == level) found.push_back(f);
    return found;
  };
  std::vector<Ref> h0, c0, hT, cT;
  for (const Grid& g : p.grids) {
    const LayerSpec& layer = s.layers[std::size_t(g.layer)];
    Ref h, c;
    if (g.state >= 0) {
      h = wrap(v.hidden0[std::size_t(g.state)], s.batch, g.height, g.width, g.channels);
      c = wrap(v.cell0[std::size_t(g.state)], s.batch, g.height, g.width, g.channels);
      h0.push_back(h), c0.push_back(c);
    }
    Series out;
    for (i64 t = 0; t < s.steps; t++) {
      std::vector<Ref> parts;
      for (int n : outgoing(g.layer - 1, g.level - 1)) parts.push_back(tape.up(nodes[std::size_t(n)][std::size_t(t)], dims));
      for (int n : outgoing(g.layer - 1, g.level)) parts.push_back(nodes[std::size_t(n)][std::size_t(t)]);
      for (int n : outgoing(g.layer - 1, g.level + 1)) parts.push_back(tape.pool(nodes[std::size_t(n)][std::size_t(t)], dims));
      if (h) parts.push_back(h);
      const i64 K = s.kernel_size;
      const Ref kernel = parameters[std::size_t(g.kernel)], bias = parameters[std::size_t(g.bias)];
      Ref sums = tape.conv(tape.concat(parts), kernel, bias, dims == 1 ? 1 : K, K, g.outputs);
      if (h) {
        std::tie(h, c) = tape.cell(sums, c, g.peephole >= 0 ? parameters[std::size_t(g.peephole)] : nullptr, layer.forget_bias);
        out.push_back(h);
      } else {
        out.push_back(layer.relu ? tape.relu(sums) : sums);
      }
    }
    if (h) hT.push_back(h), cT.push_back(c);
    if (g.gamma >= 0 && !out.empty()) {
      out = tape.norm(out, parameters[std::size_t(g.gamma)], parameters[std::size_t(g.beta)], layer.epsilon);
    }
    if (layer.shortcut >= 0) {
      const std::vector<int> from = outgoing(layer.shortcut, g.level);
      i64 width = 0;
      for (int n : from) width += p.nodes[std::size_t(n)].channels;
      for (i64 t = 0; !from.empty() && width <= g.channels && t < s.steps; t++) {
        std::vector<Ref> parts;
        for (int n : from) parts.push_back(nodes[std::size_t(n)][std::size_t(t)]);
        out[std::size_t(t)] = tape.add_channels(out[std::size_t(t)], tape.concat(parts));
      }
    }
    nodes[std::size_t(g.node)] = out;
  }
  closest = tape.closest;
  auto joined = [&](const Series& x, bool gradient) {
    std::vector<double> all;
    for (const Ref& y : x) all.insert(all.end(), (gradient ? y->g : y->v).begin(), (gradient ? y->g : y->v).end());
    return all;
  };
  auto seed = [](const Ref& y, const std::vector<double>& d, std::size_t at) {
    for (std::size_t k = 0; k < y->g.size(); k++) y->g[k] += d[at + k];
  };
  for (std::size_t k = 0; k < p.outputs.size(); k++) {
    const Series& y = nodes[std::size_t(p.grids[std::size_t(p.outputs[k])].node)];
    r.outputs.push_back(joined(y, false));
    for (std::size_t t = 0; t < y.size(); t++) seed(y[t], v.doutputs[k], t * y[t]->v.size());
  }
  for (std::size_t k = 0; k < hT.size(); k++) {
    r.hidden.push_back(hT[k]->v), r.cell.push_back(cT[k]->v);
    seed(hT[k], v.dhidden[k], 0), seed(cT[k], v.dcell[k], 0);
  }
  tape.backward();
  for (const Ref& q : parameters) r.parameters.push_back(q->g);
  for (std::size_t f = 0; f < s.fields.size(); f++) {
    r.fields.push_back(s.fields[f].gradient ? joined(nodes[f], true) : std::vector<double>());
  }
  for (std::size_t k = 0; k < h0.size(); k++) r.hidden0.push_back(h0[k]->g), r.cell0.push_back(c0[k]->g);
  return r;
}

template <class T>
struct Aligned {
  std::vector<char> bytes;
  explicit Aligned(i64 n) : bytes(std::size_t(n) + 64, char(0xff)) {}
  void* get() { return bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64); }
};
template <class T>
Lists<T> convert(const Lists<double>& x) {
  Lists<T> y;
  for (const auto& e : x) y.emplace_back(e.begin(), e.end());
  return y;
}
template <class T>
Lists<T> like(const Lists<T>& x) {
  Lists<T> y;
  for (const auto& e : x) y.emplace_back(e.size(), T(7));
  return y;
}
template <class T>
std::vector<const T*> pointers(const Lists<T>& x) {
  std::vector<const T*> y;
  for (const auto& e : x) y.push_back(e.data());
  return y;
}
template <class T>
std::vector<T*> pointers(Lists<T>& x) {
  std::vector<T*> y;
  for (auto& e : x) y.push_back(e.data());
  return y;
}

// What an engine makes of a network; its scratch memory is NaN between the passes.
template <class Engine, class T>
Results<T> run_fused(const Plan& p, const Values& v) {
  Lists<T> parameters = convert<T>(v.parameters), fields = convert<T>(v.fields), hidden0 = convert<T>(v.hidden0),
           cell0 = convert<T>(v.cell0), doutputs = convert<T>(v.doutputs), dhidden = convert<T>(v.dhidden),
           dcell = convert<T>(v.dcell);
  Results<T> r{like(doutputs), like(hidden0), like(cell0), like(parameters), like(fields), like(hidden0), like(cell0)};
  Aligned<T> saved(p.saved_bytes), workspace(p.workspace_bytes);
  auto given = [](const Lists<T>& x) { return pointers<T>(x); };
  auto pp = given(parameters), pf = given(fields), ph = given(hidden0), pc = given(cell0), pdo = given(doutputs),
       pdh = given(dhidden), pdc = given(dcell);
  auto po = pointers<T>(r.outputs), rh = pointers<T>(r.hidden), rc = pointers<T>(r.cell), rp = pointers<T>(r.parameters),
       rf = pointers<T>(r.fields), rh0 = pointers<T>(r.hidden0), rc0 = pointers<T>(r.cell0);
  NetworkArgs<T> args{pp.data(), pf.data(), ph.data(), pc.data(), po.data(), rh.data(), rc.data(), saved.get(), workspace.get()};
  Engine::template forward<T>(p, args);
  if (!p.spec.backward) return r;
  std::fill(workspace.bytes.begin(), workspace.bytes.end(), char(0xff));  // nothing may live on there
  NetworkGradients<T> grads{pdo.data(), pdh.data(), pdc.data(), rp.data(), rf.data(), rh0.data(), rc0.data()};
  Engine::template backward<T>(p, args, grads);
  return r;
}

// How many cells and images the gradient of each parameter is summed over.
std::vector<i64> terms_of_parameters(const Plan& p) {
  std::vector<i64> terms(p.parameters.size(), 0);
  for (const Grid& g : p.grids) {
    for (int q : {g.kernel, g.bias, g.peephole, g.gamma, g.beta}) {
      if (q >= 0) terms[std::size_t(q)] += p.spec.batch * p.spec.steps * g.area();
    }
  }
  return terms;
}

// Largest error over the largest magnitude of its tensor, which counts as the square root of `terms` at least: the size of a sum
// of that many independent terms of order one, however much of it happens to cancel.
template <class T>
double worst(const Lists<T>& got, const Lists<double>& want, const std::vector<i64>& terms = {}) {
  double error = 0;
  for (std::size_t j = 0; j < want.size(); j++) {
    double most = terms.empty() ? 1 : std::max(1.0, std::sqrt(double(terms[j])));
    for (double w : want[j]) most = std::max(most, std::fabs(w));
    for (std::size_t k = 0; k < want[j].size(); k++) {
      const double e = std::fabs(got[j][k] - want[j][k]) / most;
      error = e <= error ? error : std::isnan(e) ? 1e9 : e;
    }
  }
  return error;
}

NetworkSpec random_network(std::mt19937& rng) {
  auto pick = [&](std::vector<int> v) { return v[rng() % v.size()]; };
  NetworkSpec s;
  s.dimensions = pick({1, 2, 2});
  s.kernel_size = pick({1, 3, 3, 3, 5});
  s.batch = pick({1, 2, 3, 9});
  s.steps = pick({1, 2, 3, 5});
  if (rng() % 16 == 0) (rng() % 2 ? s.batch : s.steps) = 0;
  s.direct = rng() % 4 == 0;
  const int levels = pick({1, 2, 3, 4, 4});
  for (int k = 0, side = pick({1, 2, 3}); k < levels; k++, side *= 2) s.sides.push_back(side);
  const bool norm = rng() % 3 == 0;
  auto channels = [&] { return pick({1, 2, 3, 4, 5, 8, 12, 16}); };
  auto field = [&](int level) {
    s.fields.push_back({level, channels(), rng() % 2 == 0});
    return int(s.fields.size()) - 1;
  };
  int low = pick({0, levels - 1}), high = std::min(levels - 1, low + pick({0, 1}));
  for (int k = low; k <= high; k++) s.input.push_back(field(k));
  for (int l = 0, count = pick({1, 2, 3, 4}); l < count; l++) {
    LayerSpec y;
    y.kind = rng() % 2 ? LayerKind::conv_lstm : LayerKind::conv;
    y.low = std::max(0, low + pick({-1, 0, 0})), y.high = std::min(levels - 1, high + pick({0, 0, 1}));
    if (y.low < y.high && rng() % 4 == 0) y.low++;
    low = y.low, high = y.high;
    y.channels = channels();
    y.relu = rng() % 4 != 0;
    y.forget_bias = pick({0, 1});
    y.peephole = rng() % 2;
    y.norm = norm && rng() % 3 ? NormKind::window : NormKind::none;
    y.epsilon = 0.1;  // keeps a channel that ReLU silenced from multiplying rounding errors by thirty in float32
    if (l > 0) y.shortcut = pick({-1, l - 1, int(rng() % unsigned(l))});
    for (int k = low; k <= high; k++)
      if (rng() % 3 == 0) y.memory.push_back(field(k));
    y.output = l == count - 1 || rng() % 3 == 0;
    s.layers.push_back(y);
  }
  return s;
}

}  // namespace
