// test/native/run.sh test/native/network_check.cc [seed [networks]]
// The fused network against a naive composition in float64: outputs, states and every gradient, on random networks; same bits for
// 1, 2 and 4 threads, for stored and recomputed gates, for segments run again, and with and without a backward pass to come.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "../../native/base/check.h"
#include "../../native/base/host/pool.h"
#include "../../native/base/host/simd.h"
#include "networks.h"

using namespace mg;

namespace {

int failures = 0;

struct Cpu {
  template <class T>
  static void forward(const Plan& p, const NetworkArgs<T>& args) {
    network_forward<T>(p, args);
  }
  template <class T>
  static void backward(const Plan& p, const NetworkArgs<T>& args, const NetworkGradients<T>& grads) {
    network_backward<T>(p, args, grads);
  }
};
template <class T>
Results<T> fused(const Plan& p, const Values& v) {
  return run_fused<Cpu, T>(p, v);
}

template <class T>
void check(NetworkSpec spec, unsigned seed, double tolerance, const char* name) {
  spec.backward = true;
  const i64 bytes = sizeof(T);
  const Plan first = plan_network(spec, bytes, 1);
  const std::vector<i64> terms = terms_of_parameters(first);
  std::mt19937 rng(seed);
  Values v;
  Results<double> want;
  for (double closest = 0; closest < (bytes == 4 ? 2e-6 : 1e-14);) v = random_values(first, rng), want = naive(first, v, closest);
  NetworkSpec tight = spec, inference = spec;
  tight.budget_bytes = std::max<i64>(1, first.saved_bytes - 1);
  inference.backward = false;
  auto report = [&](const char* what, double error) {
    failures++;
    std::printf("FAIL %s %s, %zu bytes, %s: %.2e (seed %u; %s)\n", name, simd_path_name(), sizeof(T), what, error, seed,
                first.path.c_str());
  };
  for (int path = 0; path <= 2; path++) {
    if (!set_simd_path(SimdPath(path))) continue;
    Pool::get().resize(1);
    const Results<T> got = fused<T>(first, v);
    const double forward =
        std::max({worst(got.outputs, want.outputs), worst(got.hidden, want.hidden), worst(got.cell, want.cell)});
    const double backward = std::max({worst(got.parameters, want.parameters, terms), worst(got.fields, want.fields),
                                      worst(got.hidden0, want.hidden0), worst(got.cell0, want.cell0)});
    if (!(forward <= tolerance)) report("forward", forward);
    if (!(backward <= tolerance)) report("backward", backward);
    for (int threads : {2, 4}) {
      Pool::get().resize(threads);
      if (!(fused<T>(plan_network(spec, bytes, threads), v) == got)) report("threads differ", threads);
    }
    for (i64 steps = 1; steps <= spec.steps && !first.layer_major; steps++) {
      NetworkSpec again = spec;
      again.recompute = steps;
      if (!(fused<T>(plan_network(again, bytes, 2), v) == got)) report("segments differ", double(steps));
    }
    if (!first.states.empty() && spec.batch * spec.steps > 0) {
      const Plan recompute = plan_network(tight, bytes, 2);
      if (recompute.stores_gates || !(fused<T>(recompute, v) == got)) report("recomputed gates differ", 0);
    }
    for (int threads : {1, 4}) {  // the second shares chunks out where there are fewer images than threads
      Pool::get().resize(threads);
      const Results<T> alone = fused<T>(plan_network(inference, bytes, threads), v);
      if (alone.outputs != got.outputs || alone.hidden != got.hidden || alone.cell != got.cell) {
        report("inference differs", threads);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  const int count = argc > 2 ? std::atoi(argv[2]) : 60;
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  for (int k = 0; k < count; k++) {
    const NetworkSpec s = random_network(rng);
    const unsigned own = unsigned(rng());
    try {
      check<double>(s, own, 1e-11, "random network");
      check<float>(s, own, 2e-5, "random network");
    } catch (const Error& e) {
      failures++;
      std::printf("FAIL %s %s\n", e.code(), e.what());
    }
  }
  Pool::get().shutdown();
  std::printf("%d networks, %d failures\n", count, failures);
  return failures != 0;
}
