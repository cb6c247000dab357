// Windows of the DNC under the shim against the CPU, with all outputs, traces and gradients.
#include "../../native/base/host/pool.h"
#include "../../native/ops/dnc/dnc.h"
#include "cuda_check.h"

namespace check {
namespace {

struct DncCase {
  DncDims dims;
  Array<i64> lengths;
  bool has_gradients;  // at all outputs, else at the words alone
  i64 link_budget;
};

DncDims sizes(i64 T, i64 B, i64 I, i64 H, i64 N, i64 W, i64 R, i64 V) {
  DncDims d{};
  d.steps = T, d.batch = B, d.inputs = I, d.hidden = H, d.slots = N, d.word = W, d.reads = R, d.writes = V;
  d.forget_bias = 1, d.epsilon = 1e-6;
  if (H == 0) d.inputs = DncInterface(d).size;
  return d;
}

// In the order of the state: memory, usage, link, precedence, read, write, words, hidden, cell.
Array<i64> state_sizes(const DncDims& d) {
  const i64 B = d.batch, N = d.slots;
  return {B * N * d.word,   B * N,           B * d.writes * d.links(),
          B * d.writes * N, B * d.reads * N, B * d.writes * N,
          B * d.words(),    B * d.hidden,    B * d.hidden};
}
Array<i64> weight_sizes(const DncDims& d) {
  const i64 H = d.hidden, D = H == 0 ? 0 : DncInterface(d).size;
  return {H == 0 ? 0 : d.controller_rows() * 4 * H, 4 * H, H * D, D};
}
Array<i64> trace_sizes(const DncDims& d) {
  const i64 rows = d.steps * d.batch, P = d.pitch();
  return {rows * 4 * d.hidden, rows * d.hidden, rows * DncInterface(d).size, rows * d.writes * P, rows * d.reads * P, rows * P};
}

template <class T, class Lists>
DncState<T> state_of(Lists& v, std::size_t first) {
  const auto at = [&](std::size_t k) { return v[first + k].data(); };
  return {at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8)};
}
template <class T, class Lists>
ControllerWeights<T> weights_of(Lists& v, std::size_t first) {
  return {v[first].data(), v[first + 1].data(), v[first + 2].data(), v[first + 3].data()};
}

// Rows that add up to one, usages between 0 and 1, links without a diagonal: what a window may meet.
template <class T>
std::vector<Array<T>> random_state(const DncDims& d) {
  std::vector<Array<T>> state;
  for (const i64 n : state_sizes(d)) state.push_back(noise<T>(n));
  for (const std::size_t k : {3, 4, 5}) state[k] = noise<T>(i64(state[k].size()), 0, 2.0 / double(d.slots));
  state[1] = noise<T>(i64(state[1].size()), 0, 1);
  state[2] = noise<T>(i64(state[2].size()), 0, 1.0 / double(d.slots));
  for (i64 m = 0; m < d.batch * d.writes; m++)
    for (i64 n = 0; n < d.slots; n++) state[2][std::size_t(m * d.links() + n * d.slots + n)] = 0;
  return state;
}

void* aligned_space(Array<char>& space) { return space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64); }

// Padding of the traces is nobody's.
template <class T>
void drop_padding(const DncDims& d, Array<T>& vectors) {
  for (std::size_t k = 0; k < vectors.size(); k++)
    if (i64(k) % d.pitch() >= d.slots) vectors[k] = 0;
}

template <class T>
void check_window(const DncCase& c) {
  const DncDims& d = c.dims;
  const int workers = Pool::get().size();
  const i64* const lengths = c.lengths.empty() ? nullptr : c.lengths.data();
  const Array<T> x = noise<T>(d.steps * d.batch * d.inputs);
  std::vector<Array<T>> weights, before = random_state<T>(d), dafter;
  for (const i64 n : weight_sizes(d)) weights.push_back(noise<T>(n, -0.5, 0.5));
  for (const i64 n : state_sizes(d)) dafter.push_back(noise<T>(n));
  const Array<T> dhidden = noise<T>(d.steps * d.batch * d.hidden), dwords = noise<T>(d.steps * d.batch * d.words());

  // hidden, words, state, trace; then the gradients of x, weights and state.
  Array<i64> outputs = {i64(dhidden.size()), i64(dwords.size())};
  const auto append = [&](const Array<i64>& more) { outputs.insert(outputs.end(), more.begin(), more.end()); };
  append(state_sizes(d)), append(trace_sizes(d));
  append({i64(x.size())}), append(weight_sizes(d)), append(state_sizes(d));
  constexpr std::size_t after = 2, trace = 11, gradients = 17;
  const std::string what = name("dnc", {d.steps, d.batch, d.inputs, d.hidden, d.slots, d.word, d.reads, d.writes, i64(d.oneplus),
                                        c.link_budget, i64(c.lengths.size())});

  // Six steps of sums of sums: the rounding of one op, some times over.
  compare<T>(what, outputs, (sizeof(T) == 4 ? 20 : 100) * rounding<T>, [&](bool gpu, std::vector<Array<T>>& out) {
    const DncTrace<T> made{out[trace].data(),     out[trace + 1].data(), out[trace + 2].data(),
                           out[trace + 3].data(), out[trace + 4].data(), out[trace + 5].data()};
    const DncForward<T> forward{d,
                                lengths,
                                x.data(),
                                weights_of<const T>(weights, 0),
                                state_of<const T>(before, 0),
                                state_of<T>(out, after),
                                out[0].data(),
                                out[1].data(),
                                made};
    Array<char> space(std::size_t((gpu ? cuda::dnc_forward_bytes<T>(d) : dnc_forward_workspace<T>(d, workers)) + 64), char(0xff));
    if (gpu) cuda::dnc_forward<T>(stream, forward, aligned_space(space));
    else dnc_forward<T>(forward, aligned_space(space), workers);

    const bool wants_link = c.has_gradients;
    const DncTrace<const T> seen{made.gates, made.cell, made.interface, made.write, made.read, made.usage};
    DncState<T> dbefore = state_of<T>(out, gradients + 5);
    if (!wants_link) dbefore.link = nullptr, std::fill(out[gradients + 7].begin(), out[gradients + 7].end(), T(0));
    const T* const dh = c.has_gradients ? dhidden.data() : nullptr;
    const DncState<const T> dlast = c.has_gradients ? state_of<const T>(dafter, 0) : DncState<const T>{};
    const DncBackward<T> backward{d,
                                  lengths,
                                  x.data(),
                                  forward.weights,
                                  forward.before,
                                  out[0].data(),
                                  out[1].data(),
                                  seen,
                                  dh,
                                  dwords.data(),
                                  dlast,
                                  out[gradients].data(),
                                  weights_of<T>(out, gradients + 1),
                                  dbefore,
                                  c.link_budget};
    const i64 bytes = gpu ? cuda::dnc_backward_bytes<T>(d, c.link_budget, wants_link)
                          : dnc_backward_workspace<T>(d, c.link_budget, wants_link, workers);
    Array<char> more(std::size_t(bytes + 64), char(0xff));
    if (gpu) cuda::dnc_backward<T>(stream, backward, aligned_space(more));
    else dnc_backward<T>(backward, aligned_space(more), workers);
    for (std::size_t k = 3; k < 6; k++) drop_padding(d, out[trace + k]);
    for (i64 t = 0; t < d.steps; t++)  // a trace ends where its sample does
      for (i64 b = 0; lengths != nullptr && b < d.batch; b++)
        for (std::size_t k = 0; t >= lengths[b] && k < 6; k++) {
          const i64 width = i64(out[trace + k].size()) / (d.steps * d.batch);
          std::fill_n(out[trace + k].begin() + (t * d.batch + b) * width, width, T(0));
        }
  });
}

template <class T>
void check_windows() {
  const auto with = [](DncDims d, double clip, bool paper) {
    d.clip = clip, d.oneplus = d.usage_gradient = d.content_second = paper;
    if (paper) d.epsilon = 0;
    return d;
  };
  const i64 plenty = i64(1) << 30;
  std::vector<DncCase> all = {{sizes(2, 1, 2, 3, 1, 1, 1, 1), {}, true, plenty},
                              {with(sizes(3, 2, 3, 5, 7, 3, 2, 2), 0.3, false), {3, 1}, true, 0},
                              {with(sizes(4, 3, 0, 0, 5, 2, 1, 1), 0, true), {0, 4, 2}, false, plenty},
                              {sizes(2, 3, 1, 2, 200, 2, 1, 1), {}, true, plenty}};
  if (!small) {
    for (int k = 0; k < 3; k++) {
      DncDims d = sizes(pick({1, 2}), pick({1, 2}), pick({1, 4}), pick({0, 3, 9}), pick({2, 13, 64, 65, 129}), pick({1, 4, 16}),
                        pick({1, 2, 3, 4, 6}), pick({1, 2}));
      all.push_back({with(d, pick({0, 20}), pick({0, 1}) == 1), {}, pick({0, 1}) == 1, pick({0, plenty})});
    }
    all.push_back({with(sizes(6, 2, 4, 8, 70, 5, 5, 1), 20, false), {}, true, 0});
    all.push_back({with(sizes(3, 2, 4, 130, 150, 4, 4, 2), 20, true), {}, false, plenty});
    all.push_back({with(sizes(2, 1, 4, 8, 600, 6, 3, 1), 20, false), {}, true, plenty});
  }
  for (const DncCase& c : all) check_window<T>(c);
  if (large && sizeof(T) == 4)  // high tiles, and a sort that shared memory does not hold
    check_window<T>({with(sizes(1, 1, 2, 3, 4100, 1, 1, 1), 20, false), {}, false, plenty});
}

}  // namespace

void check_dnc() {
  check_windows<float>();
  if (!small) check_windows<double>();
}

}  // namespace check
