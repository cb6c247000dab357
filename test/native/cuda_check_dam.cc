// Windows of DAM under the shim against the CPU, with all outputs, traces and gradients; popped slots must be equal.
#include "../../native/base/host/pool.h"
#include "../../native/ops/dam/dam.h"
#include "cuda_check.h"

namespace check {
namespace {

struct DamCase {
  DamDims dims;
  Array<i64> lengths;
  bool has_gradients;  // at all outputs, else at the words alone
};

DamDims sizes(i64 T, i64 B, i64 I, i64 H, i64 N, i64 W, i64 R, bool strength) {
  DamDims d{};
  d.steps = T, d.batch = B, d.inputs = I, d.hidden = H, d.slots = N, d.word = W, d.heads = R, d.strength = strength;
  d.forget_bias = 1, d.clip = 20, d.epsilon = 1e-6, d.discount = 0.9;
  if (H == 0) d.inputs = interface_size(d);
  return d;
}

// In the order of the state: memory, usage, read, words, hidden, cell.
Array<i64> state_sizes(const DamDims& d) {
  const i64 B = d.batch, N = d.slots;
  return {B * N * d.word, B * N, B * d.heads * N, B * d.words(), B * d.hidden, B * d.hidden};
}
Array<i64> weight_sizes(const DamDims& d) {
  const i64 H = d.hidden, D = H == 0 ? 0 : interface_size(d);
  return {H == 0 ? 0 : d.controller_rows() * 4 * H, 4 * H, H * D, D};
}
// Gates, cell, interface, read.
Array<i64> trace_sizes(const DamDims& d) {
  const i64 rows = d.steps * d.batch;
  return {rows * 4 * d.hidden, rows * d.hidden, rows * interface_size(d), rows * d.heads * d.pitch()};
}

template <class T, class Lists>
DamState<T> state_of(Lists& v, std::size_t first) {
  const auto at = [&](std::size_t k) { return v[first + k].data(); };
  return {at(0), at(1), at(2), at(3), at(4), at(5)};
}
template <class T, class Lists>
ControllerWeights<T> weights_of(Lists& v, std::size_t first) {
  return {v[first].data(), v[first + 1].data(), v[first + 2].data(), v[first + 3].data()};
}

void* aligned_space(Array<char>& space) { return space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64); }

template <class T>
void check_window(const DamCase& c) {
  const DamDims& d = c.dims;
  const int workers = Pool::get().size();
  const i64* const lengths = c.lengths.empty() ? nullptr : c.lengths.data();
  const Array<T> x = noise<T>(d.steps * d.batch * d.inputs);
  std::vector<Array<T>> weights, before, dafter;
  for (const i64 n : weight_sizes(d)) weights.push_back(noise<T>(n, -0.5, 0.5));
  for (const i64 n : state_sizes(d)) before.push_back(noise<T>(n)), dafter.push_back(noise<T>(n));
  before[1] = noise<T>(i64(before[1].size()), 0, 1);
  for (T& usage : before[1]) usage = usage < T(0.6) ? T(0) : usage;  // slots that are used alike
  before[2] = noise<T>(i64(before[2].size()), 0, 2.0 / double(d.slots));
  const Array<T> dhidden = noise<T>(d.steps * d.batch * d.hidden), dwords = noise<T>(d.steps * d.batch * d.words());

  // hidden, words, popped slots, state, trace; then the gradients of x, weights and state.
  Array<i64> outputs = {i64(dhidden.size()), i64(dwords.size()), d.steps * d.batch * d.heads};
  const auto append = [&](const Array<i64>& more) { outputs.insert(outputs.end(), more.begin(), more.end()); };
  append(state_sizes(d)), append(trace_sizes(d));
  append({i64(x.size())}), append(weight_sizes(d)), append(state_sizes(d));
  constexpr std::size_t after = 3, trace = 9, gradients = 13;
  const std::string what =
      name("dam", {d.steps, d.batch, d.inputs, d.hidden, d.slots, d.word, d.heads, i64(d.strength), i64(c.lengths.size())});

  // A few steps of sums of sums: the rounding of one op, some times over.
  compare<T>(what, outputs, (sizeof(T) == 4 ? 20 : 100) * rounding<T>, [&](bool gpu, std::vector<Array<T>>& out) {
    Array<i32> popped = poison<i32>(d.steps * d.batch * d.heads);
    const DamTrace<T> made{out[trace].data(), out[trace + 1].data(), out[trace + 2].data(), out[trace + 3].data(), popped.data()};
    const DamForward<T> forward{d,
                                lengths,
                                x.data(),
                                weights_of<const T>(weights, 0),
                                state_of<const T>(before, 0),
                                state_of<T>(out, after),
                                out[0].data(),
                                out[1].data(),
                                made};
    Array<char> space(std::size_t((gpu ? cuda::dam_forward_bytes<T>(d) : dam_forward_workspace<T>(d, workers)) + 64), char(0xff));
    if (gpu) cuda::dam_forward<T>(stream, forward, aligned_space(space));
    else dam_forward<T>(forward, aligned_space(space), workers);

    const DamTrace<const T> seen{made.gates, made.cell, made.interface, made.read, made.popped};
    const DamBackward<T> backward{d,
                                  lengths,
                                  x.data(),
                                  forward.weights,
                                  forward.before,
                                  out[0].data(),
                                  out[1].data(),
                                  seen,
                                  c.has_gradients ? dhidden.data() : nullptr,
                                  dwords.data(),
                                  c.has_gradients ? state_of<const T>(dafter, 0) : DamState<const T>{},
                                  out[gradients].data(),
                                  weights_of<T>(out, gradients + 1),
                                  state_of<T>(out, gradients + 5)};
    Array<char> more(std::size_t((gpu ? cuda::dam_backward_bytes<T>(d) : dam_backward_workspace<T>(d, workers)) + 64),
                     char(0xff));
    if (gpu) cuda::dam_backward<T>(stream, backward, aligned_space(more));
    else dam_backward<T>(backward, aligned_space(more), workers);
    std::copy(popped.begin(), popped.end(), out[2].begin());
    for (std::size_t k = 0; k < out[trace + 3].size(); k++)  // padding is nobody's
      if (i64(k) % d.pitch() >= d.slots) out[trace + 3][k] = 0;
    for (i64 t = 0; t < d.steps; t++)  // a trace ends where its sample does
      for (i64 b = 0; lengths != nullptr && b < d.batch; b++)
        for (const std::size_t k : {std::size_t(2), trace, trace + 1, trace + 2, trace + 3}) {
          const i64 width = i64(out[k].size()) / (d.steps * d.batch);
          if (t >= lengths[b]) std::fill_n(out[k].begin() + (t * d.batch + b) * width, width, T(0));
        }
  });
}

template <class T>
void check_windows() {
  std::vector<DamCase> all = {{sizes(2, 1, 2, 3, 1, 1, 1, true), {}, true},
                              {sizes(3, 2, 3, 5, 7, 3, 2, true), {3, 1}, true},
                              {sizes(4, 3, 0, 0, 5, 2, 3, false), {0, 4, 2}, false}};
  if (!small) {
    for (int k = 0; k < 3; k++)
      all.push_back({sizes(pick({1, 3}), pick({1, 2}), pick({1, 4}), pick({0, 3, 9}), pick({13, 64, 65, 300}), pick({1, 4, 16}),
                           pick({1, 2, 4, 6}), pick({0, 1}) == 1),
                     {},
                     pick({0, 1}) == 1});
    all.push_back({sizes(5, 2, 4, 130, 600, 6, 3, true), {}, true});
  }
  for (const DamCase& c : all) check_window<T>(c);
}

}  // namespace

void check_dam() {
  check_windows<float>();
  if (!small) check_windows<double>();
}

}  // namespace check
