// The fused network's CUDA engine under the shim, against a naive composition in float64: outputs, states and
// every gradient, on random networks; same bits for stored and recomputed gates, for recorded passes, and with
// and without a backward pass to come; factors rounded for the matrix units within the limits of those modes.
// Started by test/native/shim.sh; arguments: a seed, the number of networks, and how many million operations a
// forward pass of one may take; below 10, for the thread sanitizer, each runs once in each precision.
#include <cstdio>
#include <cstdlib>

#include "../../native/base/check.h"
#include "networks.h"

using namespace mg;

namespace {

int failures = 0, folded = 0, together = 0, cut = 0;
bool brief = false;

// With recorded passes, the same tensors' worth of work at other addresses: what a replay does must come from the tables alone.
struct Replayed {
  static inline std::shared_ptr<cuda::RecordedPass> passes[2];
  template <class T>
  static void forward(const Plan& p, const NetworkArgs<T>& args) {
    cuda::network_forward<T>(nullptr, p, args, passes[0].get());
  }
  template <class T>
  static void backward(const Plan& p, const NetworkArgs<T>& args, const NetworkGradients<T>& grads) {
    cuda::network_backward<T>(nullptr, p, args, grads, passes[1].get());
  }
};

struct Cuda {
  template <class T>
  static void forward(const Plan& p, const NetworkArgs<T>& args) {
    cuda::network_forward<T>(nullptr, p, args);
  }
  template <class T>
  static void backward(const Plan& p, const NetworkArgs<T>& args, const NetworkGradients<T>& grads) {
    cuda::network_backward<T>(nullptr, p, args, grads);
  }
};

// |got - want| / |want| over all values of all tensors. Sums are of order one here, so less than a tenth of that is what a ReLU
// left of one, and rounding errors are measured by a tenth.
double relative_norm(std::initializer_list<std::pair<const Lists<float>*, const Lists<double>*>> pairs) {
  double error = 0, size = 0, least = 0;
  for (const auto& [got, want] : pairs) {
    for (std::size_t j = 0; j < want->size(); j++) {
      for (std::size_t k = 0; k < (*want)[j].size(); k++) {
        const double e = (*got)[j][k] - (*want)[j][k];
        error += e * e, size += (*want)[j][k] * (*want)[j][k], least += 0.01;
      }
    }
  }
  return error > 0 ? std::sqrt(error / std::max(size, least)) : error;
}

// Factors of the products rounded to 11 or 8 bits: |error| / |value| within the limits of these modes. ReLU and pooling choose
// otherwise near their kinks, which moves single gradients by their whole size, so smooth networks alone are compared there.
void check_rounded(NetworkSpec spec, unsigned seed, Precision precision, double limit) {
  spec.machine = Machine::cuda;
  spec.backward = true;
  spec.precision = precision;
  spec.idle_tiles = seed % 2 ? 0 : spec.idle_tiles;
  bool smooth = true;
  for (LayerSpec& l : spec.layers) smooth = smooth && (l.kind == LayerKind::conv_lstm || !l.relu);
  const Plan plan = plan_network(spec, 4, 1);
  for (const Grid& g : plan.grids) {
    for (const Source& s : g.sources) smooth = smooth && s.map != Map::down;
  }
  std::mt19937 rng(seed);
  double closest = 0;
  const Values v = random_values(plan, rng);
  const Results<double> want = naive(plan, v, closest);
  const Results<float> got = run_fused<Cuda, float>(plan, v);
  const double forward = relative_norm({{&got.outputs, &want.outputs}, {&got.hidden, &want.hidden}, {&got.cell, &want.cell}});
  const double backward = relative_norm({{&got.parameters, &want.parameters},
                                         {&got.fields, &want.fields},
                                         {&got.hidden0, &want.hidden0},
                                         {&got.cell0, &want.cell0}});
  if (std::getenv("MG_VERBOSE"))
    std::printf("precision %d: forward %.1e, backward %.1e%s\n", int(precision), forward, backward, smooth ? "" : " (kinks)");
  if (forward <= limit && (!smooth || backward <= limit)) return;
  failures++;
  std::printf("FAIL precision %d: forward %.2e, backward %.2e (seed %u; %s)\n", int(precision), forward, backward, seed,
              plan.path.c_str());
}

template <class T>
void check(NetworkSpec spec, unsigned seed, double tolerance) {
  spec.machine = Machine::cuda;
  spec.backward = true;
  const i64 bytes = sizeof(T);
  const Plan plan = plan_network(spec, bytes, 1);
  // A window norm divides by as little as sqrt(0.1), and so triples the rounding errors of float32 below it.
  if (plan.layer_major && bytes == 4) tolerance *= 3;
  const std::vector<i64> terms = terms_of_parameters(plan);
  std::mt19937 rng(seed);
  Values v;
  Results<double> want;
  for (double closest = 0; closest < (bytes == 4 ? 2e-6 : 1e-14);) v = random_values(plan, rng), want = naive(plan, v, closest);
  auto report = [&](const char* what, double error) {
    failures++;
    std::printf("FAIL %zu bytes, %s: %.2e (seed %u; %s)\n", sizeof(T), what, error, seed, plan.path.c_str());
  };
  together += plan.together;
  folded += std::any_of(plan.grids.begin(), plan.grids.end(), [](const Grid& g) { return g.doubled > 0; });
  const Results<T> got = run_fused<Cuda, T>(plan, v);
  const double forward = std::max({worst(got.outputs, want.outputs), worst(got.hidden, want.hidden), worst(got.cell, want.cell)});
  const double backward = std::max({worst(got.parameters, want.parameters, terms), worst(got.fields, want.fields),
                                    worst(got.hidden0, want.hidden0), worst(got.cell0, want.cell0)});
  if (!(forward <= tolerance)) report("forward", forward);
  if (!(backward <= tolerance)) report("backward", backward);
  if (brief) return;
  {
    Aligned<T> tables[2]{Aligned<T>(plan.tables_bytes), Aligned<T>(plan.tables_bytes)};
    for (int k = 0; k < 2; k++) Replayed::passes[k] = cuda::record_pass(static_cast<char*>(tables[k].get()));
    for (int call = 1; call <= 3; call++) {
      const std::vector<char> elsewhere(std::size_t(call) * 4096);
      if (!(run_fused<Replayed, T>(plan, v) == got)) report("replay differs, call", call);
    }
    Replayed::passes[0] = Replayed::passes[1] = nullptr;
  }
  // Sums of weights are cut otherwise, all else is the same.
  const auto check_parts = [&](const NetworkSpec& other, const char* what) {
    Results<T> parts = run_fused<Cuda, T>(plan_network(other, bytes, 1), v);
    const double error = worst(parts.parameters, want.parameters, terms);
    if (!(error <= tolerance)) report("weights of parts", error);
    parts.parameters = got.parameters;
    if (!(parts == got)) report(what, 0);
  };
  NetworkSpec wide = spec;  // these networks are small enough for narrow tiles and for one launch
  wide.idle_tiles = 0;
  if (!(run_fused<Cuda, T>(plan_network(wide, bytes, 1), v) == got)) report("wide tiles differ", 0);
  NetworkSpec inference = spec;
  inference.backward = false;
  const Results<T> alone = run_fused<Cuda, T>(plan_network(inference, bytes, 1), v);
  if (alone.outputs != got.outputs || alone.hidden != got.hidden || alone.cell != got.cell) report("inference differs", 0);
  NetworkSpec tight = spec;
  tight.budget_bytes = std::max<i64>(1, plan.saved_bytes - 1);
  if (!plan.states.empty() && spec.batch * spec.steps > 0) {
    const Plan recompute = plan_network(tight, bytes, 1);
    if (recompute.stores_gates || !(run_fused<Cuda, T>(recompute, v) == got)) report("recomputed gates differ", 0);
  }
  for (i64 steps = 1; steps <= spec.steps && !plan.layer_major; steps++) {
    NetworkSpec again = spec;
    again.recompute = steps;
    check_parts(again, "segments differ");
  }
  for (NetworkSpec less : {spec, wide}) {  // images in parts, in one launch or many
    if (!plan.states.empty() || plan.layer_major || plan.batch < 2) break;
    less.cache_bytes = 1 << 20;
    while (less.cache_bytes > 256 && plan_network(less, bytes, 1).steps == 1) less.cache_bytes = less.cache_bytes * 3 / 4;
    cut += plan_network(less, bytes, 1).steps > 1;
    check_parts(less, "images in parts differ");
  }
}

// NaN in some cells of a pooled window: the gradient goes to the first of them.
void check_nan(int dimensions, unsigned seed) {
  NetworkSpec s;
  s.dimensions = dimensions, s.kernel_size = 1, s.batch = s.steps = 1, s.sides = {1, 2};
  s.machine = Machine::cuda, s.backward = true;
  s.fields = {{1, 20, true}}, s.input = {0};
  LayerSpec conv;
  conv.relu = false, conv.channels = 2, conv.output = true;
  s.layers = {conv};
  const Plan plan = plan_network(s, 4, 1);
  std::mt19937 rng(seed);
  const Values numbers = random_values(plan, rng);
  for (std::size_t places = 1; places < std::size_t(1) << (1 << dimensions); places++) {
    Values v = numbers;
    for (std::size_t k = 0; k < v.fields[0].size(); k++)
      if (places >> k / 20 & 1) v.fields[0][k] = NAN;
    double closest = 0;
    const double error = worst(run_fused<Cuda, float>(plan, v).fields, naive(plan, v, closest).fields);
    if (error <= 2e-5) continue;
    failures++;
    std::printf("FAIL NaN at cells %zx of a window, %dD: %.2e (seed %u)\n", places, dimensions, error, seed);
  }
}

// Two levels of which the finer is large enough for its doubled sources to be folded, which random networks seldom have.
NetworkSpec folding_network(std::mt19937& rng) {
  auto pick = [&](std::vector<int> v) { return v[rng() % v.size()]; };
  NetworkSpec s;
  s.batch = pick({1, 2, 3}), s.steps = 2;
  s.sides = pick({0, 1}) ? std::vector<i64>{6, 12} : std::vector<i64>{8, 16};
  s.fields = {{0, pick({3, 4, 20}), true}, {0, pick({2, 8}), rng() % 2 == 0}, {1, 4, true}};
  s.input = {0, 1};
  LayerSpec lstm;
  lstm.kind = LayerKind::conv_lstm, lstm.high = 1, lstm.channels = pick({3, 8, 20}), lstm.peephole = rng() % 2, lstm.memory = {2};
  LayerSpec conv;
  conv.high = 1, conv.channels = pick({5, 16, 40}), conv.relu = false, conv.output = true;
  s.layers = {lstm, conv};
  return s;
}

// Images without recurrence.
NetworkSpec reader_network(std::mt19937& rng) {
  NetworkSpec s = random_network(rng);
  for (LayerSpec& l : s.layers) l.kind = LayerKind::conv, l.norm = NormKind::none;
  return s;
}

// Without a kink: one grid in each layer, on the level of the last one or the next, no ReLU.
NetworkSpec smooth_network(std::mt19937& rng) {
  NetworkSpec s = random_network(rng);
  s.batch = std::max<i64>(s.batch, 1), s.steps = std::max<i64>(s.steps, 1);
  s.fields.resize(1);
  s.fields[0].level = 0;
  s.input = {0};
  int level = 0;
  for (LayerSpec& l : s.layers) {
    level = std::min(level + int(rng() % 2), int(s.sides.size()) - 1);
    l.low = l.high = level;
    l.relu = false, l.norm = NormKind::none;
    l.memory.clear();
    if (l.shortcut >= 0 && s.layers[std::size_t(l.shortcut)].low != level) l.shortcut = -1;
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  const int count = argc > 2 ? std::atoi(argv[2]) : 20;
  const double most = argc > 3 ? std::atof(argv[3]) : 1e6;
  brief = most < 10;
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  for (int dimensions : {1, 2}) check_nan(dimensions, seed);
  for (int k = 0; k < count; k++) {
    const auto draw = [&] {
      return k % 4 == 0 && most >= 50 ? folding_network(rng) : k % 4 == 2 ? reader_network(rng) : random_network(rng);
    };
    NetworkSpec s = draw();
    while (plan_network(s, 4, 1).forward_flop > most * 1e6) s = draw();
    NetworkSpec smooth = smooth_network(rng);
    while (plan_network(smooth, 4, 1).forward_flop > most * 1e6) smooth = smooth_network(rng);
    const unsigned own = unsigned(rng());
    try {
      if (!brief) check<double>(s, own, 1e-11);
      check<float>(s, own, 2e-5);
      for (const NetworkSpec& each : {s, smooth}) {
        check_rounded(each, own, Precision::tf32, 2e-3);
        check_rounded(each, own, Precision::bfloat16, 2e-2);
      }
    } catch (const Error& e) {
      failures++;
      std::printf("FAIL %s %s\n", e.code(), e.what());
    }
  }
  std::printf("%d networks: folded sources in %d runs, one launch in %d, images in parts in %d; %d failures\n", count, folded,
              together, cut, failures);
  return failures != 0;
}
