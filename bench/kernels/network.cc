// test/native/run.sh bench/kernels/network.cc [threads [repetitions [name filter [JSON file]]]]
// Fused windows of whole networks, forward and forward + backward, beside the FMA peak measured in the same run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "../../native/base/host/alloc.h"
#include "../../native/base/host/pool.h"
#include "../../native/base/host/simd.h"
#include "../../native/base/conv/tile.h"
#include "../../native/ops/network/network.h"

using namespace mg;

namespace {

// One thread: processor time, which a busy machine disturbs little. Several: wall time.
double now() {
  if (Pool::get().size() == 1) return double(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Spread {
  double median, low, high;  // quarter and three-quarter points beside the median
};

template <class F>
Spread seconds_of(int repetitions, F&& f) {
  std::vector<double> t;
  f();
  for (int r = 0; r < repetitions; r++) {
    const double start = now();
    f();
    t.push_back(now() - start);
  }
  std::sort(t.begin(), t.end());
  return {t[t.size() / 2], t[t.size() / 4], t[t.size() * 3 / 4]};
}

double peak_gflops() {
  i64 flop = 0;
  const double t = seconds_of(9, [&] { flop = conv_table<float>().spin(1'000'000); }).median;
  return double(flop) / t / 1e9;
}

struct Row {
  int low, high;
  i64 channels;
};

// A writer of ConvLSTM layers; shortcuts from two layers below into every second layer.
NetworkSpec writer(const std::vector<Row>& rows, i64 input_channels, int input_levels, i64 batch, i64 steps, bool norm) {
  NetworkSpec s;
  s.batch = batch, s.steps = steps;
  s.sides = {3, 6, 12, 24, 48};
  for (int k = 0; k < input_levels; k++) s.fields.push_back({k, input_channels, false}), s.input.push_back(k);
  for (std::size_t l = 0; l < rows.size(); l++) {
    LayerSpec y;
    y.kind = LayerKind::conv_lstm;
    y.low = rows[l].low, y.high = rows[l].high, y.channels = rows[l].channels, y.output = true;
    y.norm = norm ? NormKind::window : NormKind::none;
    if (l >= 2 && l % 2 == 0) y.shortcut = int(l) - 2;
    s.layers.push_back(y);
  }
  return s;
}

// Conv layers; shortcuts from two layers below into every second one.
void add_tail(NetworkSpec& s, const std::vector<Row>& tail, bool norm) {
  for (std::size_t l = 0; l < tail.size(); l++) {
    LayerSpec y;
    y.low = tail[l].low, y.high = tail[l].high, y.channels = tail[l].channels;
    y.norm = norm ? NormKind::window : NormKind::none;
    y.output = l + 1 == tail.size(), y.relu = !y.output || norm;
    if (l % 2 == 1 && l >= 3 && !y.output) y.shortcut = int(s.layers.size()) - 2;
    s.layers.push_back(y);
  }
}

// A reader: conv layers beside the writer (joined with its outputs), then a tail.
NetworkSpec reader(const std::vector<Row>& front, const std::vector<Row>& memory, const std::vector<Row>& tail,
                   i64 input_channels, int input_levels, i64 images, bool norm) {
  NetworkSpec s = writer(front, input_channels, input_levels, images, 1, norm);
  for (std::size_t l = 0; l < front.size(); l++) {
    s.layers[l].kind = LayerKind::conv, s.layers[l].output = false;
    if (l == 6) s.layers[l].shortcut = -1;
    for (int k = memory[l].low; k <= memory[l].high; k++) {
      s.layers[l].memory.push_back(int(s.fields.size()));
      s.fields.push_back({k, memory[l].channels, true});
    }
  }
  add_tail(s, tail, norm);
  return s;
}

// A tail on what an encoder of its own hands on.
NetworkSpec tail_alone(const Row& top, const std::vector<Row>& tail, i64 images) {
  NetworkSpec s = writer({}, top.channels, top.high + 1, images, 1, false);
  for (FieldSpec& field : s.fields) field.gradient = true;
  add_tail(s, tail, false);
  return s;
}

std::vector<std::vector<float>> lists(const std::vector<i64>& sizes, float scale) {
  std::vector<std::vector<float>> all;
  unsigned seed = 1;
  for (i64 n : sizes) {
    all.emplace_back(std::size_t(n));
    for (float& x : all.back()) x = float(int((seed = seed * 1664525u + 1013904223u) >> 9 & 2047) - 1024) / 1024 * scale;
  }
  return all;
}
std::vector<float*> pointers(std::vector<std::vector<float>>& x) {
  std::vector<float*> p;
  for (auto& e : x) p.push_back(e.data());
  return p;
}

// A ConvLSTM on one 48x48 grid beneath a 24x24 input, as the last layer of map25 has it.
NetworkSpec finest_grid(bool direct) {
  NetworkSpec s = writer({{4, 4, 16}}, 16, 4, 32, 1, false);
  s.input = {3};
  s.direct = direct;
  return s;
}

std::FILE* json = nullptr;
bool first_case = true;

void print_json(const char* name, const NetworkSpec& s, const Plan& p, const Spread (&t)[2], double peak) {
  std::fprintf(json, "%s\n    {\"name\": \"%s\", \"batch\": %lld, \"steps\": %lld, \"directFlop\": %.0f, \"computedFlop\": %.0f,",
               first_case ? "" : ",", name, static_cast<long long>(s.batch), static_cast<long long>(s.steps), p.forward_flop,
               p.computed_flop);
  first_case = false;
  const char* const passes[] = {"forward", "training"};
  for (int k = 0; k < 2; k++) {
    const double flop = (k ? 3 : 1) / t[k].median / 1e9 / peak;
    std::fprintf(json, "\n     \"%s\": {\"ms\": %.4f, \"low\": %.4f, \"high\": %.4f, \"msPerStep\": %.4f, ", passes[k],
                 t[k].median * 1e3, t[k].low * 1e3, t[k].high * 1e3, t[k].median * 1e3 / double(s.steps));
    std::fprintf(json, "\"directShareOfPeak\": %.3f, \"computedShareOfPeak\": %.3f}%s", p.forward_flop * flop,
                 p.computed_flop * flop, k ? "}" : ",");
  }
}

void measure(const char* name, NetworkSpec spec, int threads, int repetitions, double peak) {
  Spread seconds[2];
  Plan plan;
  for (int backward = 0; backward < 2; backward++) {
    spec.backward = backward;
    plan = plan_network(spec, 4, threads);
    std::vector<i64> parameters, fields, outputs;
    for (const Parameter& q : plan.parameters) parameters.push_back(q.size);
    const i64 images = spec.batch * spec.steps;
    for (std::size_t f = 0; f < spec.fields.size(); f++) fields.push_back(images * plan.nodes[f].area() * plan.nodes[f].channels);
    for (int g : plan.outputs)
      outputs.push_back(images * plan.grids[std::size_t(g)].area() * plan.grids[std::size_t(g)].channels);
    auto pv = lists(parameters, 0.1f), fv = lists(fields, 1), ov = lists(outputs, 1), dp = pv, df = fv, dov = ov;
    auto pp = pointers(pv), fp = pointers(fv), op = pointers(ov), dpp = pointers(dp), dfp = pointers(df), dop = pointers(dov);
    void* const saved = allocate(std::size_t(plan.saved_bytes));  // by huge pages, as tensors are
    void* const work = allocate(std::size_t(plan.workspace_bytes));
    NetworkArgs<float> args;
    args.parameters = pp.data(), args.fields = fp.data(), args.outputs = op.data(), args.saved = saved, args.workspace = work;
    NetworkGradients<float> grads;
    grads.outputs = dop.data(), grads.parameters = dpp.data(), grads.fields = dfp.data();
    seconds[backward] = seconds_of(repetitions, [&] {
      network_forward<float>(plan, args);
      if (backward) network_backward<float>(plan, args, grads);
    });
    deallocate(saved, std::size_t(plan.saved_bytes)), deallocate(work, std::size_t(plan.workspace_bytes));
  }
  const double f = plan.forward_flop, gflops[] = {f / seconds[0].median / 1e9, 3 * f / seconds[1].median / 1e9};
  std::printf("%-24s %8.2f ms %4.0f GFLOP/s (%2.0f%%)   %9.2f ms %4.0f (%2.0f%%)   saved %6.1f MB, workspace %5.1f MB\n", name,
              seconds[0].median * 1e3, gflops[0], 100 * gflops[0] / peak, seconds[1].median * 1e3, gflops[1],
              100 * gflops[1] / peak, double(plan.saved_bytes) / 1e6, double(plan.workspace_bytes) / 1e6);
  if (json) print_json(name, spec, plan, seconds, peak);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1, repetitions = argc > 2 ? std::atoi(argv[2]) : 5;
  const char* filter = argc > 3 ? argv[3] : "";
  Pool::get().resize(threads);
  const double peak = threads * peak_gflops();
  std::printf(
      "%s, %d thread(s), float32, FMA peak %.0f GFLOP/s; forward, then forward + backward (counted as 3 forwards).\n"
      "Operations are those of direct convolutions: Winograd's algorithm can bring more than the peak\n",
      simd_path_name(), threads, peak);
  const std::vector<Row> m9{{0, 0, 4}, {0, 1, 4}, {0, 1, 8}, {0, 2, 8}, {0, 2, 8}},
      m25{{0, 1, 4}, {0, 1, 4}, {0, 2, 8}, {0, 2, 8}, {0, 3, 16}, {0, 3, 16}, {0, 4, 16}},
      m15{{0, 1, 4}, {0, 1, 4}, {0, 2, 4}, {0, 2, 4}, {0, 3, 8}}, f15{{0, 1, 4}, {0, 1, 4}, {0, 2, 8}, {0, 2, 8}, {0, 3, 16}},
      mnist{{0, 2, 4}, {0, 2, 4}, {0, 2, 8}, {0, 2, 8}, {0, 2, 16}},
      down{{0, 2, 16}, {0, 2, 16}, {0, 1, 16}, {0, 1, 16}, {0, 0, 16}, {0, 0, 1}};
  auto run = [&](const char* name, const NetworkSpec& s) {
    if (std::strstr(name, filter)) measure(name, s, threads, repetitions, peak);
  };
  if (argc > 4) {
    json = std::fopen(argv[4], "w");
    if (!json) return std::perror(argv[4]), 1;
    std::fprintf(json,
                 "{\n  \"about\": \"fused windows in float32; low and high are the quarter and three-quarter points; "
                 "a training pass counts as three forward passes; shares are of the FMA peak measured in the same run, "
                 "of direct convolutions and of what Winograd's algorithm multiplies\",\n"
                 "  \"path\": \"%s\", \"threads\": %d, \"repetitions\": %d, \"peakGflops\": %.1f,\n  \"cases\": [",
                 simd_path_name(), threads, repetitions, peak);
  }
  run("48x48 grid B32", finest_grid(true));
  run("48x48 grid by tiles B32", finest_grid(false));
  run("map9 writer T20 B32", writer(m9, 4, 1, 32, 20, false));
  run("map9 reader 640", reader(m9, m9, {{0, 2, 8}, {1, 2, 8}, {1, 2, 8}, {2, 2, 1}}, 4, 1, 640, false));
  run("map15-8k writer T20 B32", writer(m15, 4, 1, 32, 20, false));
  run("map15-8k reader 640", reader(f15, m15, {{1, 3, 16}, {1, 3, 16}, {2, 3, 16}, {2, 3, 16}, {3, 3, 1}}, 4, 1, 640, false));
  run("recall-8k writer T20 B32", writer(m15, 1, 1, 32, 20, false));
  run("recall-8k reader 32", reader(f15, m15, down, 1, 1, 32, false));
  run("sort-8k encoder T40 B32", writer(m15, 2, 1, 32, 40, false));
  run("sort-8k tail 640", tail_alone({0, 3, 8}, down, 640));
  run("map25 writer T5 B32", writer(m25, 4, 1, 32, 5, false));
  run("map25 writer T20 B32", writer(m25, 4, 1, 32, 20, false));
  run("map25 reader 160",
      reader(m25, m25, {{1, 4, 16}, {1, 4, 16}, {2, 4, 16}, {2, 4, 16}, {3, 4, 16}, {3, 4, 16}, {4, 4, 1}}, 4, 1, 160, false));
  run("mnist writer T10 B32", writer(mnist, 1, 3, 32, 10, true));
  run("mnist reader 32", reader(mnist, mnist, {{0, 2, 16}, {0, 2, 16}, {0, 1, 16}, {0, 1, 16}, {0, 0, 10}}, 1, 3, 32, true));
  run("map25 writer T1 B1", writer(m25, 4, 1, 1, 1, false));
  if (json) std::fprintf(json, "\n  ]\n}\n"), std::fclose(json);
  Pool::get().shutdown();
}
