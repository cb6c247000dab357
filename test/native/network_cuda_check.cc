// The fused network's CUDA engine under the shim, against a naive composition in float64: outputs, states and every gradient, on
// random networks; same bits for stored and recomputed gates, for any order of threads, and with and without a backward pass to
// come. Started by test/native/shim.sh; arguments: a seed, the number of networks.
#include <cstdio>
#include <cstdlib>

#include "../../native/base/check.h"
#include "networks.h"

using namespace mg;

namespace {

int failures = 0;

struct Cuda {
  template <class T>
  static void forward(const Plan& p, const NetworkArgs<T>& args) { cuda::network_forward<T>(nullptr, p, args); }
  template <class T>
  static void backward(const Plan& p, const NetworkArgs<T>& args, const NetworkGradients<T>& grads) {
    cuda::network_backward<T>(nullptr, p, args, grads);
  }
};

template <class T>
void check(NetworkSpec spec, unsigned seed, double tolerance) {
  spec.machine = Machine::cuda;
  spec.backward = true;
  const i64 bytes = sizeof(T);
  const Plan plan = plan_network(spec, bytes, 1);
  // A window norm divides by as little as sqrt(0.1), and so triples the rounding errors of float32 below it.
  if (plan.layer_major && bytes == 4) tolerance *= 3;
  std::mt19937 rng(seed);
  Values v;
  Results<double> want;
  for (double closest = 0; closest < (bytes == 4 ? 2e-6 : 1e-14);) v = random_values(plan, rng), want = naive(plan, v, closest);
  auto report = [&](const char* what, double error) {
    failures++;
    std::printf("FAIL %zu bytes, %s: %.2e (seed %u; %s)\n", sizeof(T), what, error, seed, plan.path.c_str());
  };
  const Results<T> got = run_fused<Cuda, T>(plan, v);
  const double forward = std::max({worst(got.outputs, want.outputs), worst(got.hidden, want.hidden), worst(got.cell, want.cell)});
  const double backward = std::max({worst(got.parameters, want.parameters), worst(got.fields, want.fields),
                                    worst(got.hidden0, want.hidden0), worst(got.cell0, want.cell0)});
  if (!(forward <= tolerance)) report("forward", forward);
  if (!(backward <= tolerance)) report("backward", backward);
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
  for (i64 steps = 1; steps <= spec.steps && !plan.layer_major; steps++) {  // sums of weights are cut otherwise, all else is the same
    NetworkSpec again = spec;
    again.recompute = steps;
    Results<T> parts = run_fused<Cuda, T>(plan_network(again, bytes, 1), v);
    const double error = worst(parts.parameters, want.parameters);
    if (!(error <= tolerance)) report("weights of segments", error);
    parts.parameters = got.parameters;
    if (!(parts == got)) report("segments differ", double(steps));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  const int count = argc > 2 ? std::atoi(argv[2]) : 20;
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  for (int k = 0; k < count; k++) {
    const NetworkSpec s = random_network(rng);
    const unsigned own = unsigned(rng());
    try {
      check<double>(s, own, 1e-11);
      check<float>(s, own, 2e-5);
    } catch (const Error& e) {
      failures++;
      std::printf("FAIL %s %s\n", e.code(), e.what());
    }
  }
  std::printf("%d networks, %d failures\n", count, failures);
  return failures != 0;
}
