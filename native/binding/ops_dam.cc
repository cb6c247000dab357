// Rows of the DAM windows.
#include <array>

#include "../base/check.h"
#include "../ops/dam/dam.h"
#include "families.h"

namespace mg {
namespace {

enum Input { kX, kGates, kGatesBias, kInterface, kInterfaceBias, kMemory, kUsage, kRead, kWords, kHidden, kCell, kInputs };
enum Output { kHiddenSteps, kWordSteps, kAfter, kOutputs = kAfter + kInputs - kMemory };  // then the state in the order above
enum Trace { kTraceGates, kTraceCell, kTraceInterface, kTraceRead, kTracePopped, kTraces };

const char* const input_names[kInputs] = {
    "x",     "gates weight", "gates bias", "interface weight", "interface bias", "memory", "usage", "read",
    "words", "hidden",       "cell"};

constexpr i64 most_size = i64{1} << 28;  // so that sums and small products of sizes fit into 63 bits, and slots into 32

struct DamForwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon"),
               discount = number("discount");
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded
};
struct DamBackwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>&inputs = storages("inputs"), &steps = storages("steps"), &trace = storages("trace");
  const std::vector<Storage>& gradients = storages_or_null("gradients");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon"),
               discount = number("discount");
};

// dims: [T, B, I, H, N, W, R, strength]
template <class A>
DamDims dam_dims(const Call& c, const A& a) {
  c.expect_dims(a.dims, 8);
  const std::vector<i64>& n = a.dims;
  DamDims d;
  d.steps = n[0], d.batch = n[1], d.inputs = n[2], d.hidden = n[3];
  d.slots = n[4], d.word = n[5], d.heads = n[6], d.strength = n[7] != 0;
  d.forget_bias = a.forget_bias, d.clip = a.clip, d.epsilon = a.epsilon, d.discount = a.discount;
  for (const i64 size : {d.steps, d.batch, d.inputs, d.slots, d.word, d.heads}) {
    if (size < 1 || size > most_size) c.refuse("ERR_MG_SHAPE", "sizes of 1 to " + std::to_string(most_size), size);
  }
  if (d.hidden > most_size) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_size) + " hidden units", d.hidden);
  if (d.heads > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many heads as slots", d.heads);
  product({d.steps + 1, product({d.batch, d.slots + 16, d.word + 3 * d.heads, 8})});  // throw unless they fit
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * product({d.word + 4, d.heads}), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide, 8});
  product({d.steps + 3, product({8 * (d.slots + 16), d.word + 4 * d.heads + 8, 64})});
  if (d.hidden == 0 && d.inputs != interface_size(d))
    c.refuse("ERR_MG_SHAPE", "an interface of " + std::to_string(interface_size(d)), d.inputs);
  return d;
}

std::array<i64, kInputs> input_counts(const DamDims& d) {
  const i64 B = d.batch, N = d.slots, D = d.hidden == 0 ? 0 : interface_size(d), H = d.hidden;
  return {d.steps * B * d.inputs,
          d.hidden == 0 ? 0 : d.controller_rows() * 4 * H,
          4 * H,
          H * D,
          D,
          B * N * d.word,
          B * N,
          B * d.heads * N,
          B * d.words(),
          B * H,
          B * H};
}
std::array<i64, kTraces> trace_counts(const DamDims& d) {
  const i64 rows = d.steps * d.batch;
  return {rows * 4 * d.hidden, rows * d.hidden, rows * interface_size(d), rows * d.heads * d.pitch(), rows * d.heads};
}
DType trace_dtype(int k, DType dtype) { return k == kTracePopped ? DType::int32 : dtype; }
i64 output_count(const DamDims& d, int output) {
  if (output == kHiddenSteps) return d.steps * d.batch * d.hidden;
  if (output == kWordSteps) return d.steps * d.batch * d.words();
  return input_counts(d)[std::size_t(kMemory + output - kAfter)];
}

// Empty, or one length for each sample.
std::vector<i64> window_lengths(const Call& c, const std::vector<i64>& lengths, const DamDims& d) {
  if (!lengths.empty() && i64(lengths.size()) != d.batch)
    c.refuse("ERR_MG_SHAPE", std::to_string(d.batch) + " lengths", lengths.size());
  for (const i64 n : lengths) {
    if (n < 0 || n > d.steps) c.refuse("ERR_MG_SHAPE", "lengths of 0 to " + std::to_string(d.steps), n);
  }
  return lengths;
}

void expect_inputs(const Call& c, const std::vector<Storage>& inputs, const DamDims& d) {
  if (inputs.size() != kInputs) c.refuse("ERR_MG_SHAPE", std::to_string(int(kInputs)) + " inputs", inputs.size());
  c.expect_float(inputs[kX], "x");
  const auto counts = input_counts(d);
  for (std::size_t i = 0; i < kInputs; i++) c.expect(inputs[i], input_names[i], inputs[kX].dtype, counts[i]);
}

template <class T>
T* at(const std::vector<Storage>& storages, int i) {
  const Storage& s = storages[std::size_t(i)];
  return s.buffer && s.count > 0 ? s.as<std::remove_const_t<T>>() : nullptr;
}
template <class T>
DamState<T> state_at(const std::vector<Storage>& s, int first) {
  return {at<T>(s, first),     at<T>(s, first + 1), at<T>(s, first + 2),
          at<T>(s, first + 3), at<T>(s, first + 4), at<T>(s, first + 5)};
}
template <class T>
ControllerWeights<T> weights_at(const std::vector<Storage>& s, int first) {
  return {at<T>(s, first), at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3)};
}
template <class T>
DamTrace<T> trace_at(const std::vector<Storage>& s) {
  return {at<T>(s, kTraceGates), at<T>(s, kTraceCell), at<T>(s, kTraceInterface), at<T>(s, kTraceRead),
          at<IndexOf<T>>(s, kTracePopped)};
}

void call_forward(Call& c, const DamForwardArgs& a) {
  const DamDims d = dam_dims(c, a);
  const std::vector<Storage> inputs = a.inputs;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  c.expect_dims(a.mode, 1);
  const bool recorded = a.mode[0] != 0;
  const DType dtype = inputs[kX].dtype;
  std::vector<Storage> outputs, trace;
  for (int k = 0; k < kOutputs; k++) outputs.push_back(c.result(dtype, output_count(d, k)));
  const auto counts = trace_counts(d);
  for (int k = 0; k < kTraces; k++) trace.push_back(c.result(trace_dtype(k, dtype), recorded ? counts[std::size_t(k)] : 0));
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dam_forward_bytes<T>(d), dam_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      const DamForward<T> job{d,
                              lengths.empty() ? nullptr : lengths.data(),
                              at<const T>(inputs, kX),
                              weights_at<const T>(inputs, kGates),
                              state_at<const T>(inputs, kMemory),
                              state_at<T>(outputs, kAfter),
                              at<T>(outputs, kHiddenSteps),
                              at<T>(outputs, kWordSteps),
                              trace_at<T>(trace)};
      MG_EITHER(on.on_gpu(), cuda::dam_forward<T>(on.stream(), job, space.as<void>()),
                dam_forward<T>(job, space.as<void>(), workers));
    });
  });
}

void call_backward(Call& c, const DamBackwardArgs& a) {
  const DamDims d = dam_dims(c, a);
  const std::vector<Storage> inputs = a.inputs, steps = a.steps, trace = a.trace, gradients = a.gradients;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  const DType dtype = inputs[kX].dtype;
  const auto counts = input_counts(d);
  const auto traced = trace_counts(d);
  if (steps.size() != 2 || trace.size() != kTraces || gradients.size() != kOutputs)
    c.refuse("ERR_MG_SHAPE", "the tensors of forward", "another number");
  for (int k = 0; k < 2; k++) c.expect(steps[std::size_t(k)], "steps", dtype, output_count(d, k));
  for (int k = 0; k < kTraces; k++) c.expect(trace[std::size_t(k)], "trace", trace_dtype(k, dtype), traced[std::size_t(k)]);
  for (int k = 0; k < kOutputs; k++) {
    const Storage& gradient = gradients[std::size_t(k)];
    if (gradient.buffer) c.expect(gradient, "gradient", dtype, output_count(d, k));
  }
  std::vector<Storage> results;
  for (const i64 count : counts) results.push_back(c.result(dtype, count));
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space =
        c.workspace(MG_EITHER(c.on_gpu(), cuda::dam_backward_bytes<T>(d), dam_backward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      const DamBackward<T> job{d,
                               lengths.empty() ? nullptr : lengths.data(),
                               at<const T>(inputs, kX),
                               weights_at<const T>(inputs, kGates),
                               state_at<const T>(inputs, kMemory),
                               at<const T>(steps, 0),
                               at<const T>(steps, 1),
                               trace_at<const T>(trace),
                               at<const T>(gradients, kHiddenSteps),
                               at<const T>(gradients, kWordSteps),
                               state_at<const T>(gradients, kAfter),
                               at<T>(results, kX),
                               weights_at<T>(results, kGates),
                               state_at<T>(results, kMemory)};
      MG_EITHER(on.on_gpu(), cuda::dam_backward<T>(on.stream(), job, space.as<void>()),
                dam_backward<T>(job, space.as<void>(), workers));
    });
  });
}

}  // namespace

OpRows dam_ops() {
  return {
      op<call_forward>("damForward", "Storage[]"),
      op<call_backward>("damBackward", "Storage[]"),
  };
}

}  // namespace mg
