// The window ops of memories (base/memory/window.h): which tensors they take and give, what is asked of them, and their jobs.
// What a memory adds is its own: sizes, state and trace.
#pragma once
#include <utility>

#include "../../base/check.h"
#include "../../base/memory/window.h"
#include "../ops.h"

namespace mg {

struct WindowArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon");
};
struct WindowGradientArgs : Args {
  using Args::Args;
  const std::vector<Storage>&inputs = storages("inputs"), &steps = storages("steps"), &trace = storages("trace");
  const std::vector<Storage>& gradients = storages_or_null("gradients");
  const std::vector<i64>&lengths = integers("lengths"), &dims = integers("dims");
  const double forget_bias = number("forgetBias"), clip = number("clip"), epsilon = number("epsilon");
};

// A tensor of a window: how many numbers it has, and whether they are indices.
struct WindowTensor {
  const char* name;
  i64 count;
  bool is_index = false;

  DType dtype(DType of_numbers) const { return is_index ? DType::int32 : of_numbers; }
};
using WindowTensors = std::vector<WindowTensor>;

// Inputs: x and the controller's weights, then the state before. Outputs: hidden and words of all steps, then the state after.
enum WindowInput { kX, kGates, kGatesBias, kInterface, kInterfaceBias, kBefore };
enum WindowOutput { kHiddenSteps, kWordSteps, kAfter };

struct WindowShape {
  WindowTensors inputs, outputs, trace;

  template <class Dims>
  WindowShape(const Dims& d, const WindowTensors& before, const WindowTensors& after, WindowTensors recorded)
      : trace(std::move(recorded)) {
    const i64 rows = d.steps * d.batch, H = d.hidden, D = H == 0 ? 0 : interface_size(d);
    inputs = {{"x", rows * d.inputs},
              {"gates weight", H == 0 ? 0 : d.controller_rows() * 4 * H},
              {"gates bias", 4 * H},
              {"interface weight", H * D},
              {"interface bias", D}};
    outputs = {{"hidden", rows * H}, {"words", rows * d.words()}};
    inputs.insert(inputs.end(), before.begin(), before.end());
    outputs.insert(outputs.end(), after.begin(), after.end());
  }
};

constexpr i64 most_size = i64{1} << 28;  // so that sums and small products of sizes fit into 63 bits, and slots into 32

// The first dims: [T, B, I, H, N, W, …].
template <class Dims, class A>
Dims window_dims(const Call& c, const A& a, std::size_t count) {
  c.expect_dims(a.dims, count);
  Dims d{};
  d.steps = a.dims[0], d.batch = a.dims[1], d.inputs = a.dims[2], d.hidden = a.dims[3], d.slots = a.dims[4], d.word = a.dims[5];
  d.forget_bias = a.forget_bias, d.clip = a.clip, d.epsilon = a.epsilon;
  return d;
}
template <class Dims>
void expect_sizes(const Call& c, const Dims& d, std::initializer_list<i64> others) {
  const auto expect = [&](i64 size) {
    if (size < 1 || size > most_size) c.refuse("ERR_MG_SHAPE", "sizes of 1 to " + std::to_string(most_size), size);
  };
  for (const i64 size : {d.steps, d.batch, d.inputs, d.slots, d.word}) expect(size);
  for (const i64 size : others) expect(size);
  if (d.hidden > most_size) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_size) + " hidden units", d.hidden);
}
// Without a controller the inputs are the interface.
template <class Dims>
void expect_interface(const Call& c, const Dims& d) {
  if (d.hidden == 0 && d.inputs != interface_size(d))
    c.refuse("ERR_MG_SHAPE", "an interface of " + std::to_string(interface_size(d)), d.inputs);
}

// The storages of a call, checked; lengths: empty, or one for each sample.
struct WindowStorages {
  std::vector<Storage> inputs, outputs, trace;
  std::vector<i64> lengths;

  DType dtype() const { return inputs[kX].dtype; }
  const i64* lengths_or_null() const { return lengths.empty() ? nullptr : lengths.data(); }

 protected:
  template <class A, class Dims>
  WindowStorages(const Call& c, const A& a, const Dims& d, const WindowShape& shape) : inputs(a.inputs), lengths(a.lengths) {
    if (!lengths.empty() && i64(lengths.size()) != d.batch)
      c.refuse("ERR_MG_SHAPE", std::to_string(d.batch) + " lengths", lengths.size());
    for (const i64 n : lengths) {
      if (n < 0 || n > d.steps) c.refuse("ERR_MG_SHAPE", "lengths of 0 to " + std::to_string(d.steps), n);
    }
    if (inputs.size() != shape.inputs.size())
      c.refuse("ERR_MG_SHAPE", std::to_string(shape.inputs.size()) + " inputs", inputs.size());
    c.expect_float(inputs[kX], "x");
    for (std::size_t i = 0; i < inputs.size(); i++) {
      const WindowTensor& t = shape.inputs[i];
      c.expect(inputs[i], t.name, t.dtype(dtype()), t.count);
    }
  }
};

struct ForwardStorages : WindowStorages {
  // `reused`: outputs that lie where the same part of the state before does. Without `recorded` the trace is empty.
  template <class Dims>
  ForwardStorages(Call& c, const WindowArgs& a, const Dims& d, const WindowShape& shape, bool recorded,
                  std::initializer_list<int> reused = {})
      : WindowStorages(c, a, d, shape) {
    for (std::size_t k = 0; k < shape.outputs.size(); k++) {
      bool again = false;
      for (const int output : reused) again = again || std::size_t(output) == k;
      const WindowTensor& t = shape.outputs[k];
      outputs.push_back(again ? c.result(inputs[k - kAfter + kBefore]) : c.result(t.dtype(dtype()), t.count));
    }
    for (const WindowTensor& t : shape.trace) trace.push_back(c.result(t.dtype(dtype()), recorded ? t.count : 0));
  }
};

struct BackwardStorages : WindowStorages {  // outputs: those of forward that backward asks for
  std::vector<Storage> gradients, results;

  // `wants(i)`: whether the gradient at input i is computed.
  template <class Dims, class Wants>
  BackwardStorages(Call& c, const WindowGradientArgs& a, const Dims& d, const WindowShape& shape, std::size_t outputs_needed,
                   Wants&& wants)
      : WindowStorages(c, a, d, shape), gradients(a.gradients) {
    outputs = a.steps, trace = a.trace;
    if (outputs.size() != outputs_needed || trace.size() != shape.trace.size() || gradients.size() != shape.outputs.size())
      c.refuse("ERR_MG_SHAPE", "the tensors of forward", "another number");
    for (std::size_t k = 0; k < outputs.size(); k++) c.expect(outputs[k], "steps", dtype(), shape.outputs[k].count);
    for (std::size_t k = 0; k < trace.size(); k++)
      c.expect(trace[k], "trace", shape.trace[k].dtype(dtype()), shape.trace[k].count);
    for (std::size_t k = 0; k < gradients.size(); k++) {
      if (gradients[k].buffer) c.expect(gradients[k], "gradient", dtype(), shape.outputs[k].count);
    }
    results.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (wants(int(i))) results[i] = c.result(dtype(), shape.inputs[i].count);
    }
  }
};

// Null for a tensor that is not there or empty.
template <class T>
T* at(const std::vector<Storage>& storages, int i) {
  const Storage& s = storages[std::size_t(i)];
  return s.buffer && s.count > 0 ? s.as<std::remove_const_t<T>>() : nullptr;
}
template <class T>
ControllerWeights<T> weights_at(const std::vector<Storage>& s) {
  return {at<T>(s, kGates), at<T>(s, kGatesBias), at<T>(s, kInterface), at<T>(s, kInterfaceBias)};
}

// The job of a window. A memory has read(state, storages, first) and read(trace, storages).
template <class T, class Dims, template <class> class State, template <class> class Trace>
void fill_job(WindowForward<T, Dims, State, Trace>& job, const Dims& d, const ForwardStorages& s) {
  job.dims = d, job.lengths = s.lengths_or_null(), job.x = at<const T>(s.inputs, kX);
  job.weights = weights_at<const T>(s.inputs);
  read(job.before, s.inputs, kBefore), read(job.after, s.outputs, kAfter);
  job.hidden = at<T>(s.outputs, kHiddenSteps), job.words = at<T>(s.outputs, kWordSteps);
  read(job.trace, s.trace);
}
template <class T, class Dims, template <class> class State, template <class> class Trace>
void fill_job(WindowBackward<T, Dims, State, Trace>& job, const Dims& d, const BackwardStorages& s) {
  job.dims = d, job.lengths = s.lengths_or_null(), job.x = at<const T>(s.inputs, kX);
  job.weights = weights_at<const T>(s.inputs);
  read(job.before, s.inputs, kBefore);
  job.hidden = at<const T>(s.outputs, kHiddenSteps), job.words = at<const T>(s.outputs, kWordSteps);
  read(job.trace, s.trace);
  job.dhidden = at<const T>(s.gradients, kHiddenSteps), job.dwords = at<const T>(s.gradients, kWordSteps);
  read(job.dafter, s.gradients, kAfter);
  job.dx = at<T>(s.results, kX), job.dweights = weights_at<T>(s.results);
  read(job.dbefore, s.results, kBefore);
}

}  // namespace mg
