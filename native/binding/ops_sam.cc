// Rows of the SAM and SDNC windows.
#include <array>
#include <limits>

#include "../base/check.h"
#include "../ops/sam/sam.h"
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
  kRing,
  kCounts,
  kSlots,
  kWeights,
  kWords,
  kHidden,
  kCell,
  kLinkSlots,
  kLinkWeights,
  kPrecedenceSlots,
  kPrecedenceWeights,
  kInputs
};
enum Output { kHiddenSteps, kWordSteps, kAfter, kOutputs = kAfter + kInputs - kMemory };  // then the state in the order above
enum Trace {
  kTraceGates,
  kTraceCell,
  kTraceRows,
  kTraceChanged,
  kTraceSlots,
  kTraceWeights,
  kTraceMixedSlots,
  kTraceMixed,
  kTraces
};

const char* const input_names[kInputs] = {"x",
                                          "gates weight",
                                          "gates bias",
                                          "interface weight",
                                          "interface bias",
                                          "memory",
                                          "ring",
                                          "counts",
                                          "slots",
                                          "weights",
                                          "words",
                                          "hidden",
                                          "cell",
                                          "link slots",
                                          "link weights",
                                          "precedence slots",
                                          "precedence weights"};

constexpr i64 most_size = i64{1} << 28;  // so that sums and small products of sizes fit into 63 bits, and slots into 32

struct SamForwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon"), delta = number("delta");
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded, whether rows may be reused
};
struct SamBackwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>&inputs = storages("inputs"), &steps = storages("steps"), &trace = storages("trace");
  const std::vector<Storage>& gradients = storages_or_null("gradients");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon"), delta = number("delta");
  const std::vector<i64>& wanted = integers("wanted");  // whether the gradients of the memory and of its start are
};

// dims: [T, B, I, H, N, W, R, K, K_L, capacity before, capacity, live bound, strength, links as printed, linear]
template <class A>
SamDims sam_dims(const Call& c, const A& a) {
  c.expect_dims(a.dims, 15);
  const std::vector<i64>& n = a.dims;
  SamDims d;
  d.steps = n[0], d.batch = n[1], d.inputs = n[2], d.hidden = n[3];
  d.slots = n[4], d.word = n[5], d.heads = n[6], d.kept = n[7];
  d.links = n[8], d.capacity_before = n[9], d.capacity = n[10], d.live_bound = n[11];
  d.strength = n[12] != 0, d.paper_links = n[13] != 0, d.linear = n[14] != 0;
  d.forget_bias = a.forget_bias, d.clip = a.clip, d.epsilon = a.epsilon, d.delta = a.delta;
  for (const i64 size : {d.steps, d.batch, d.inputs, d.slots, d.word, d.heads, d.kept, d.capacity_before, d.capacity}) {
    if (size < 1 || size > most_size) c.refuse("ERR_MG_SHAPE", "sizes of 1 to " + std::to_string(most_size), size);
  }
  if (d.hidden > most_size) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_size) + " hidden units", d.hidden);
  if (d.kept > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many reads as slots", d.kept);
  if (d.heads > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many heads as slots", d.heads);
  if (d.links > most_links) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_links) + " links of a slot", d.links);
  product({d.steps, d.batch, product({d.heads, d.kept + 1, d.word + 2 + 16 * d.links}), 64});  // throw unless they fit
  product({d.steps, d.batch, d.heads, d.mixed(), 64});
  if (product({d.capacity, 2 * d.heads, d.links}) > std::numeric_limits<i32>::max())
    c.refuse("ERR_MG_SHAPE", "fewer than 2^31 links", d.capacity);
  product({d.batch, d.capacity + d.capacity_before, 2 * d.heads, d.links + 1, 64});
  product({d.batch, d.capacity + d.capacity_before, d.word + 2, 64});
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * product({d.word + 4, d.heads}), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide, 8});
  if (d.live_bound > d.capacity_before) c.refuse("ERR_MG_SHAPE", "at most as many live rows as there are", d.live_bound);
  if (d.capacity < d.most_live()) c.refuse("ERR_MG_SHAPE", "a capacity of " + std::to_string(d.most_live()), d.capacity);
  if (d.hidden == 0 && d.inputs != interface_size(d))
    c.refuse("ERR_MG_SHAPE", "an interface of " + std::to_string(interface_size(d)), d.inputs);
  return d;
}

bool is_index(int input) {
  return input == kRing || input == kCounts || input == kSlots || input == kLinkSlots || input == kPrecedenceSlots;
}
bool is_constant(int input) { return is_index(input) || input == kLinkWeights || input == kPrecedenceWeights; }  // no gradient

std::array<i64, kInputs> input_counts(const SamDims& d, i64 capacity) {
  const i64 B = d.batch, D = d.hidden == 0 ? 0 : interface_size(d), H = d.hidden;
  return {d.steps * B * d.inputs,
          d.hidden == 0 ? 0 : d.controller_rows() * 4 * H,
          4 * H,
          H * D,
          D,
          B * capacity * d.word,
          B * (capacity + 1) * 2,
          B * 2,
          B * d.read(),
          B * d.read(),
          B * d.words(),
          B * H,
          B * H,
          B * capacity * 2 * d.linked(),
          B * capacity * 2 * d.linked(),
          B * d.linked(),
          B * d.linked()};
}
std::array<i64, kTraces> trace_counts(const SamDims& d) {
  const i64 rows = d.steps * d.batch;
  return {rows * 4 * d.hidden, rows * d.hidden, rows * d.written() * d.word, rows * d.written(),
          rows * d.read(),     rows * d.read(), rows * d.heads * d.mixed(),  3 * rows * d.heads * d.mixed()};
}
DType trace_dtype(int k, DType dtype) {
  return k == kTraceChanged || k == kTraceSlots || k == kTraceMixedSlots ? DType::int32 : dtype;
}
i64 output_count(const SamDims& d, int output) {
  if (output == kHiddenSteps) return d.steps * d.batch * d.hidden;
  if (output == kWordSteps) return d.steps * d.batch * d.words();
  return input_counts(d, d.capacity)[std::size_t(kMemory + output - kAfter)];
}

// Empty, or one length for each sample.
std::vector<i64> window_lengths(const Call& c, const std::vector<i64>& lengths, const SamDims& d) {
  if (!lengths.empty() && i64(lengths.size()) != d.batch)
    c.refuse("ERR_MG_SHAPE", std::to_string(d.batch) + " lengths", lengths.size());
  for (const i64 n : lengths) {
    if (n < 0 || n > d.steps) c.refuse("ERR_MG_SHAPE", "lengths of 0 to " + std::to_string(d.steps), n);
  }
  return lengths;
}

void expect_inputs(const Call& c, const std::vector<Storage>& inputs, const SamDims& d) {
  if (inputs.size() != kInputs) c.refuse("ERR_MG_SHAPE", std::to_string(int(kInputs)) + " inputs", inputs.size());
  c.expect_float(inputs[kX], "x");
  const auto counts = input_counts(d, d.capacity_before);
  for (std::size_t i = 0; i < kInputs; i++)
    c.expect(inputs[i], input_names[i], is_index(int(i)) ? DType::int32 : inputs[kX].dtype, counts[i]);
}

template <class T>
T* at(const std::vector<Storage>& storages, int i) {
  const Storage& s = storages[std::size_t(i)];
  return s.buffer && s.count > 0 ? s.as<std::remove_const_t<T>>() : nullptr;
}
template <class T>
SamState<T> state_at(const std::vector<Storage>& s, int first) {
  using I = IndexOf<T>;
  return {at<T>(s, first),     at<I>(s, first + 1), at<I>(s, first + 2),  at<I>(s, first + 3),
          at<T>(s, first + 4), at<T>(s, first + 5), at<T>(s, first + 6),  at<T>(s, first + 7),
          at<I>(s, first + 8), at<T>(s, first + 9), at<I>(s, first + 10), at<T>(s, first + 11)};
}
template <class T>
ControllerWeights<T> weights_at(const std::vector<Storage>& s, int first) {
  return {at<T>(s, first), at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3)};
}
template <class T>
SamTrace<T> trace_at(const std::vector<Storage>& s) {
  using I = IndexOf<T>;
  return {at<T>(s, kTraceGates), at<T>(s, kTraceCell),    at<T>(s, kTraceRows),       at<I>(s, kTraceChanged),
          at<I>(s, kTraceSlots), at<T>(s, kTraceWeights), at<I>(s, kTraceMixedSlots), at<T>(s, kTraceMixed)};
}

void call_forward(Call& c, const SamForwardArgs& a) {
  const SamDims d = sam_dims(c, a);
  const std::vector<Storage> inputs = a.inputs;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  c.expect_dims(a.mode, 2);
  const bool recorded = a.mode[0] != 0, in_place = a.mode[1] != 0;
  if (recorded && in_place) c.refuse("ERR_MG_SHAPE", "rows to be reused only where nothing is recorded", "both");
  if (in_place && d.capacity != d.capacity_before) c.refuse("ERR_MG_SHAPE", "rows to be reused where they suffice", d.capacity);
  const DType dtype = inputs[kX].dtype;
  std::vector<Storage> outputs, trace;
  for (int k = 0; k < kOutputs; k++) {
    const int input = kMemory + k - kAfter;
    const bool reused = in_place && (input == kMemory || input == kRing || input == kLinkSlots || input == kLinkWeights);
    const DType own = k >= kAfter && is_index(input) ? DType::int32 : dtype;
    outputs.push_back(reused ? c.result(inputs[std::size_t(input)]) : c.result(own, output_count(d, k)));
  }
  const auto counts = trace_counts(d);
  for (int k = 0; k < kTraces; k++) trace.push_back(c.result(trace_dtype(k, dtype), recorded ? counts[std::size_t(k)] : 0));
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::sam_forward_bytes<T>(d), sam_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      const SamForward<T> job{d,
                              lengths.empty() ? nullptr : lengths.data(),
                              at<const T>(inputs, kX),
                              weights_at<const T>(inputs, kGates),
                              state_at<const T>(inputs, kMemory),
                              state_at<T>(outputs, kAfter),
                              at<T>(outputs, kHiddenSteps),
                              at<T>(outputs, kWordSteps),
                              trace_at<T>(trace)};
      MG_EITHER(on.on_gpu(), cuda::sam_forward<T>(on.stream(), job, space.as<void>()),
                sam_forward<T>(job, space.as<void>(), workers));
    });
  });
}

void call_backward(Call& c, const SamBackwardArgs& a) {
  const SamDims d = sam_dims(c, a);
  const std::vector<Storage> inputs = a.inputs, steps = a.steps, trace = a.trace, gradients = a.gradients;
  const std::vector<i64> lengths = window_lengths(c, a.lengths, d);
  expect_inputs(c, inputs, d);
  c.expect_dims(a.wanted, 2);
  const bool wants_memory = a.wanted[0] != 0, wants_start = a.wanted[1] != 0;
  const DType dtype = inputs[kX].dtype;
  const auto counts = input_counts(d, d.capacity_before);
  const auto traced = trace_counts(d);
  if (steps.size() != 3 || trace.size() != kTraces || gradients.size() != kOutputs)
    c.refuse("ERR_MG_SHAPE", "the tensors of forward", "another number");
  for (int k = 0; k < 3; k++) c.expect(steps[std::size_t(k)], "steps", dtype, output_count(d, k));
  for (int k = 0; k < kTraces; k++) c.expect(trace[std::size_t(k)], "trace", trace_dtype(k, dtype), traced[std::size_t(k)]);
  for (int k = 0; k < kOutputs; k++) {
    const Storage& gradient = gradients[std::size_t(k)];
    if (gradient.buffer) c.expect(gradient, "gradient", dtype, output_count(d, k));
  }
  std::vector<Storage> results(kInputs + 1);
  for (int k = 0; k < kInputs; k++) {
    if (!is_constant(k) && (k != kMemory || wants_memory)) results[std::size_t(k)] = c.result(dtype, counts[std::size_t(k)]);
  }
  if (wants_start) results[kInputs] = c.result(dtype, output_count(d, kAfter));
  const int workers = c.workers();
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space =
        c.workspace(MG_EITHER(c.on_gpu(), cuda::sam_backward_bytes<T>(d), sam_backward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      SamState<const T> dafter = state_at<const T>(gradients, kAfter);
      dafter.ring = dafter.counts = dafter.slots = dafter.link_slots = dafter.precedence_slots = nullptr;
      const SamBackward<T> job{d,
                               lengths.empty() ? nullptr : lengths.data(),
                               at<const T>(inputs, kX),
                               weights_at<const T>(inputs, kGates),
                               state_at<const T>(inputs, kMemory),
                               at<const T>(steps, 0),
                               at<const T>(steps, 1),
                               at<const T>(steps, 2),
                               trace_at<const T>(trace),
                               at<const T>(gradients, kHiddenSteps),
                               at<const T>(gradients, kWordSteps),
                               dafter,
                               at<T>(results, kX),
                               weights_at<T>(results, kGates),
                               state_at<T>(results, kMemory),
                               at<T>(results, kInputs)};
      MG_EITHER(on.on_gpu(), cuda::sam_backward<T>(on.stream(), job, space.as<void>()),
                sam_backward<T>(job, space.as<void>(), workers));
    });
  });
}

}  // namespace

OpRows sam_ops() {
  return {
      op<call_forward>("samForward", "Storage[]"),
      op<call_backward>("samBackward", "Storage[]"),
  };
}

}  // namespace mg
