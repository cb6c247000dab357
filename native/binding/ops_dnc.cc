// Rows of the DNC windows.
#include <array>

#include "../base/check.h"
#include "../ops/clip/clip.h"
#include "../ops/dnc/dnc.h"
#include "families.h"

namespace mg {
namespace {

enum Input {
  kX,
  kGates,
  kGatesBias,
  kInterface,
  kInterfaceBias,
  kMemory,
  kUsage,
  kLink,
  kPrecedence,
  kRead,
  kWrite,
  kWords,
  kHidden,
  kCell,
  kInputs
};
enum Output { kHiddenSteps, kWordSteps, kAfter, kOutputs = kAfter + 9 };  // then the state in the order above
enum Trace { kTraceGates, kTraceCell, kTraceInterface, kTraceWrite, kTraceRead, kTraceUsage, kTraces };

const char* const input_names[kInputs] = {"x",
                                          "gates weight",
                                          "gates bias",
                                          "interface weight",
                                          "interface bias",
                                          "memory",
                                          "usage",
                                          "link",
                                          "precedence",
                                          "read",
                                          "write",
                                          "words",
                                          "hidden",
                                          "cell"};

constexpr i64 most_size = i64{1} << 28;  // so that sums and small products of sizes fit into 63 bits

struct DncForwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon");
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded, whether links may be updated in place
};
struct DncBackwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>&inputs = storages("inputs"), &steps = storages("steps"), &trace = storages("trace");
  const std::vector<Storage>& gradients = storages_or_null("gradients");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon");
  const std::vector<i64>& wanted = integers("wanted");  // whether the gradient of the links is
  const double link_budget_bytes = number("linkBudgetBytes");
};

// dims: [T, B, I, H, N, W, R, V, oneplus, usage gradient, content second]
template <class A>
DncDims dnc_dims(const Call& c, const A& a) {
  c.expect_dims(a.dims, 11);
  const std::vector<i64>& n = a.dims;
  DncDims d;
  d.steps = n[0], d.batch = n[1], d.inputs = n[2], d.hidden = n[3];
  d.slots = n[4], d.word = n[5], d.reads = n[6], d.writes = n[7];
  d.oneplus = n[8] != 0, d.usage_gradient = n[9] != 0, d.content_second = n[10] != 0;
  d.forget_bias = a.forget_bias, d.clip = a.clip, d.epsilon = a.epsilon;
  for (const i64 size : {d.steps, d.batch, d.inputs, d.slots, d.word, d.reads, d.writes}) {
    if (size < 1 || size > most_size) c.refuse("ERR_MG_SHAPE", "sizes of 1 to " + std::to_string(most_size), size);
  }
  if (d.hidden > most_size) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_size) + " hidden units", d.hidden);
  const i64 most = product({d.slots + 16, d.slots + 16, d.writes, d.batch});  // throws unless they fit
  product({d.steps + 1, d.batch, d.slots + 16, d.word + d.reads + 3 * d.writes, 8});
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * (d.word + 4) * (d.reads + d.writes), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide});
  product({most, 64});
  if (d.hidden == 0 && d.inputs != DncInterface(d).size)
    c.refuse("ERR_MG_SHAPE", "an interface of " + std::to_string(DncInterface(d).size), d.inputs);
  return d;
}

std::array<i64, kInputs> input_counts(const DncDims& d) {
  const i64 B = d.batch, N = d.slots, D = d.hidden == 0 ? 0 : DncInterface(d).size, H = d.hidden;
  return {product({d.steps, B, d.inputs}),
          product({d.hidden == 0 ? 0 : d.controller_rows(), 4 * H}),
          4 * H,
          H * D,
          D,
          B * N * d.word,
          B * N,
          B * d.writes * d.links(),
          B * d.writes * N,
          B * d.reads * N,
          B * d.writes * N,
          B * d.words(),
          B * H,
          B * H};
}
std::array<i64, kTraces> trace_counts(const DncDims& d) {
  const i64 rows = d.steps * d.batch, pitch = d.pitch();
  return {rows * 4 * d.hidden,     rows * d.hidden,        rows * DncInterface(d).size,
          rows * d.writes * pitch, rows * d.reads * pitch, rows * pitch};
}
i64 output_count(const DncDims& d, int output) {
  if (output == kHiddenSteps) return d.steps * d.batch * d.hidden;
  if (output == kWordSteps) return d.steps * d.batch * d.words();
  return input_counts(d)[std::size_t(kMemory + output - kAfter)];
}

// Empty, or one length for each sample.
std::vector<i64> window_lengths(const Call& c, const std::vector<i64>& lengths, const DncDims& d) {
  if (!lengths.empty() && i64(lengths.size()) != d.batch)
    c.refuse("ERR_MG_SHAPE", std::to_string(d.batch) + " lengths", lengths.size());
  for (const i64 n : lengths) {
    if (n < 0 || n > d.steps) c.refuse("ERR_MG_SHAPE", "lengths of 0 to " + std::to_string(d.steps), n);
  }
  return lengths;
}

void expect_inputs(const Call& c, const std::vector<Storage>& inputs, const DncDims& d) {
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
DncState<T> state_at(const std::vector<Storage>& s, int first) {
  return {at<T>(s, first),     at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3), at<T>(s, first + 4),
          at<T>(s, first + 5), at<T>(s, first + 6), at<T>(s, first + 7), at<T>(s, first + 8)};
}
template <class T>
ControllerWeights<T> weights_at(const std::vector<Storage>& s, int first) {
  return {at<T>(s, first), at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3)};
}
template <class T>
DncTrace<T> trace_at(const std::vector<Storage>& s) {
  return {at<T>(s, kTraceGates), at<T>(s, kTraceCell), at<T>(s, kTraceInterface),
          at<T>(s, kTraceWrite), at<T>(s, kTraceRead), at<T>(s, kTraceUsage)};
}

void call_forward(Call& c, const DncForwardArgs& a) {
  const DncDims d = dnc_dims(c, a);
  const std::vector<Storage> inputs = a.inputs;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  c.expect_dims(a.mode, 2);
  const bool recorded = a.mode[0] != 0, in_place = a.mode[1] != 0;
  if (recorded && in_place) c.refuse("ERR_MG_SHAPE", "links to be reused only where nothing is recorded", "both");
  const DType dtype = inputs[kX].dtype;
  std::vector<Storage> outputs, trace;
  for (int k = 0; k < kOutputs; k++) {
    const bool reused = in_place && kMemory + k - kAfter == kLink;
    outputs.push_back(reused ? c.result(inputs[kLink]) : c.result(dtype, output_count(d, k)));
  }
  for (const i64 count : trace_counts(d)) trace.push_back(c.result(dtype, recorded ? count : 0));
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dnc_forward_bytes<T>(d), dnc_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      const DncForward<T> job{d,
                              lengths.empty() ? nullptr : lengths.data(),
                              at<const T>(inputs, kX),
                              weights_at<const T>(inputs, kGates),
                              state_at<const T>(inputs, kMemory),
                              state_at<T>(outputs, kAfter),
                              at<T>(outputs, kHiddenSteps),
                              at<T>(outputs, kWordSteps),
                              trace_at<T>(trace)};
      MG_EITHER(on.on_gpu(), cuda::dnc_forward<T>(on.stream(), job, space.as<void>()),
                dnc_forward<T>(job, space.as<void>(), workers));
    });
  });
}

void call_backward(Call& c, const DncBackwardArgs& a) {
  const DncDims d = dnc_dims(c, a);
  const std::vector<Storage> inputs = a.inputs, steps = a.steps, trace = a.trace, gradients = a.gradients;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  c.expect_dims(a.wanted, 1);
  const bool wants_link = a.wanted[0] != 0;
  const DType dtype = inputs[kX].dtype;
  const auto counts = input_counts(d);
  const auto traced = trace_counts(d);
  if (steps.size() != 2 || trace.size() != kTraces || gradients.size() != kOutputs)
    c.refuse("ERR_MG_SHAPE", "the tensors of forward", "another number");
  for (int k = 0; k < 2; k++) c.expect(steps[std::size_t(k)], "steps", dtype, output_count(d, k));
  for (std::size_t k = 0; k < kTraces; k++) c.expect(trace[k], "trace", dtype, traced[k]);
  for (int k = 0; k < kOutputs; k++) {
    const Storage& gradient = gradients[std::size_t(k)];
    if (gradient.buffer) c.expect(gradient, "gradient", dtype, output_count(d, k));
  }
  const i64 budget = budget_bytes(c.op(), a.link_budget_bytes);
  std::vector<Storage> results(kInputs);
  for (std::size_t k = 0; k < kInputs; k++) {
    if (k != kLink || wants_link) results[k] = c.result(dtype, counts[k]);
  }
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dnc_backward_bytes<T>(d, budget, wants_link),
                                                dnc_backward_workspace<T>(d, budget, wants_link, workers)));
    c.run([=](const Target& on) {
      const DncBackward<T> job{d,
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
                               state_at<T>(results, kMemory),
                               budget};
      MG_EITHER(on.on_gpu(), cuda::dnc_backward<T>(on.stream(), job, space.as<void>()),
                dnc_backward<T>(job, space.as<void>(), workers));
    });
  });
}

struct ClipArgs : Args {
  using Args::Args;
  const Storage& x = storage("x");
  const double limit = number("limit");
};

void call_clip(Call& c, const ClipArgs& a) {
  const Storage x = a.x;
  c.expect_float(x, "x");
  const Storage y = c.result(x.dtype, x.count);
  const double limit = a.limit;
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, clip_forward<T>, x.count, x.as<T>(), T(limit), y.as<T>());
  });
}

struct ClipBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &x = storage("x");
  const double limit = number("limit");
};

void call_clip_backward(Call& c, const ClipBackwardArgs& a) {
  const Storage dy = a.dy, x = a.x;
  c.expect_float(x, "x");
  c.expect(dy, "dy", x.dtype, x.count);
  const Storage dx = c.result(x.dtype, x.count);
  const double limit = a.limit;
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, clip_backward<T>, x.count, dy.as<T>(), x.as<T>(), T(limit), dx.as<T>());
  });
}

}  // namespace

OpRows dnc_ops() {
  return {
      op<call_forward>("dncForward", "Storage[]"),
      op<call_backward>("dncBackward", "Storage[]"),
      op<call_clip>("clip", "Storage"),
      op<call_clip_backward>("clipBackward", "Storage"),
  };
}

}  // namespace mg
