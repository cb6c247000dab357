// Windows of SAM and SDNC under the shim against the CPU, with all outputs, traces and gradients; slots and rings must be equal.
#include "../../native/base/host/pool.h"
#include "../../native/ops/sam/sam.h"
#include "cuda_check.h"

namespace check {
namespace {

struct SamCase {
  SamDims dims;
  Array<i64> lengths;
  bool has_gradients;   // at all outputs, else at the words alone
  bool damaged;         // one sample's ring leads out of it
};

SamDims sizes(i64 T, i64 B, i64 I, i64 H, i64 N, i64 W, i64 R, i64 K, i64 links) {
  SamDims d{};
  d.steps = T, d.batch = B, d.inputs = I, d.hidden = H, d.slots = N, d.word = W, d.heads = R, d.kept = K, d.links = links;
  d.strength = true, d.forget_bias = 1, d.clip = 20, d.epsilon = 1e-6, d.delta = 0.005;
  return d;
}

// Numbers and indices of a state in the order of the state; what is of the other kind is empty.
template <class T>
struct State {
  Array<T> numbers[12];
  Array<i32> indices[12];

  static bool is_index(std::size_t k) { return k == 1 || k == 2 || k == 3 || k == 8 || k == 10; }
  static Array<i64> counts(const SamDims& d, i64 C) {
    const i64 B = d.batch, links = B * C * 2 * d.linked(), last = B * d.linked();
    return {B * C * d.word, B * (C + 1) * 2, B * 2, B * d.read(), B * d.read(), B * d.words(),
            B * d.hidden,   B * d.hidden,    links, links,        last,         last};
  }
  // Of zeros, or of what nothing is known.
  State(const SamDims& d, i64 capacity, bool is_poison) {
    const Array<i64> n = counts(d, capacity);
    for (std::size_t k = 0; k < n.size(); k++) {
      if (is_index(k)) indices[k] = is_poison ? poison<i32>(n[k]) : Array<i32>(n[k]);
      else numbers[k] = is_poison ? poison<T>(n[k]) : Array<T>(n[k]);
    }
  }
  template <class V>
  SamState<V> pointers() {
    const auto x = [&](std::size_t k) -> V* { return numbers[k].data(); };
    const auto i = [&](std::size_t k) -> IndexOf<V>* { return indices[k].data(); };
    return {x(0), i(1), i(2), i(3), x(4), x(5), x(6), x(7), i(8), x(9), i(10), x(11)};
  }
};

template <class T>
void append(Array<T>& to, const Array<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}
template <class T>
void append(Array<T>& to, const Array<i32>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

template <class T>
struct Trace {
  Array<T> gates, cell, rows, weights, mixed;
  Array<i32> changed, slots, mixed_slots;
  explicit Trace(const SamDims& d)
      : gates(poison<T>(d.steps * d.batch * 4 * d.hidden)), cell(poison<T>(d.steps * d.batch * d.hidden)),
        rows(poison<T>(d.steps * d.batch * d.written() * d.word)), weights(poison<T>(d.steps * d.batch * d.read())),
        mixed(poison<T>(d.steps * d.batch * 3 * d.heads * d.mixed())), changed(poison<i32>(d.steps * d.batch * d.written())),
        slots(poison<i32>(d.steps * d.batch * d.read())), mixed_slots(poison<i32>(d.steps * d.batch * d.heads * d.mixed())) {}
  template <class V>
  SamTrace<V> pointers() {
    return {gates.data(), cell.data(),    rows.data(),        changed.data(),
            slots.data(), weights.data(), mixed_slots.data(), mixed.data()};
  }
};

void* aligned_space(Array<char>& space) { return space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64); }

template <class T>
void run_forward(bool gpu, const SamForward<T>& job) {
  const int workers = Pool::get().size();
  const i64 bytes = gpu ? cuda::sam_forward_bytes<T>(job.dims) : sam_forward_workspace<T>(job.dims, workers);
  Array<char> space(std::size_t(bytes + 64), char(0xff));
  if (gpu) cuda::sam_forward<T>(stream, job, aligned_space(space));
  else sam_forward<T>(job, aligned_space(space), workers);
}
template <class T>
void run_backward(bool gpu, const SamBackward<T>& job) {
  const int workers = Pool::get().size();
  const i64 bytes = gpu ? cuda::sam_backward_bytes<T>(job.dims) : sam_backward_workspace<T>(job.dims, workers);
  Array<char> space(std::size_t(bytes + 64), char(0xff));
  if (gpu) cuda::sam_backward<T>(stream, job, aligned_space(space));
  else sam_backward<T>(job, aligned_space(space), workers);
}

template <class T>
ControllerWeights<const T> weights_of(const Array<T>* w) {
  return {w[0].data(), w[1].data(), w[2].data(), w[3].data()};
}

// All that a window leaves, one behind the other: what a step past a sample's length leaves in the trace is nobody's.
template <class T>
struct Outputs {
  Array<T> all;
  const SamDims& d;
  const i64* lengths;

  template <class V>
  void add(const Array<V>& x) {
    append(all, x);
  }
  template <class V>
  void add_trace(Array<V> x) {
    const i64 width = i64(x.size()) / (d.steps * d.batch);
    for (i64 t = 0; t < d.steps; t++)
      for (i64 b = 0; lengths != nullptr && b < d.batch; b++)
        if (t >= lengths[b]) std::fill_n(x.begin() + (t * d.batch + b) * width, width, V(0));
    append(all, x);
  }
};

// A window from `before` on one side: everything that it leaves, and its gradients.
template <class T>
Array<T> window(bool gpu, const SamCase& c, const Array<T>& x, const Array<T>* weights, State<T> before, State<T> dafter,
                const Array<T>& dhidden, const Array<T>& dwords, bool in_place) {
  const SamDims& d = c.dims;
  const i64* const lengths = c.lengths.empty() ? nullptr : c.lengths.data();
  State<T> after(d, d.capacity, true);
  Trace<T> trace(d);
  Array<T> hidden = poison<T>(d.steps * d.batch * d.hidden), words = poison<T>(d.steps * d.batch * d.words());
  SamForward<T> forward{d,
                        lengths,
                        x.data(),
                        weights_of(weights),
                        before.template pointers<const T>(),
                        after.template pointers<T>(),
                        hidden.data(),
                        words.data(),
                        trace.template pointers<T>()};
  Outputs<T> out{{}, d, lengths};
  if (in_place) {
    forward.trace = {};
    forward.after.memory = before.numbers[0].data(), forward.after.ring = before.indices[1].data();
    forward.after.link_slots = before.indices[8].data(), forward.after.link_weights = before.numbers[9].data();
    run_forward<T>(gpu, forward);
    for (const std::size_t k : {0, 9}) after.numbers[k] = before.numbers[k];
    for (const std::size_t k : {1, 8}) after.indices[k] = before.indices[k];
  } else {
    run_forward<T>(gpu, forward);
  }
  out.add(hidden), out.add(words);
  for (std::size_t k = 0; k < 12; k++) {
    if (!c.damaged || k != 7) out.add(after.numbers[k]), out.add(after.indices[k]);
  }
  if (in_place) return out.all;
  if (!c.damaged) {
    for (const Array<T>& part : {trace.gates, trace.cell, trace.rows, trace.weights, trace.mixed}) out.add_trace(part);
  }
  for (const Array<i32>& part : {trace.changed, trace.slots, trace.mixed_slots}) out.add_trace(part);
  if (c.damaged) return out.all;

  Array<T> dx = poison<T>(i64(x.size())), dweights[4], start = poison<T>(d.batch * d.capacity * d.word);
  for (std::size_t k = 0; k < 4; k++) dweights[k] = poison<T>(i64(weights[k].size()));
  State<T> dbefore(d, d.capacity_before, true);
  const SamState<const T> none{};
  const SamBackward<T> backward{d,
                                lengths,
                                x.data(),
                                forward.weights,
                                forward.before,
                                hidden.data(),
                                words.data(),
                                trace.template pointers<const T>(),
                                c.has_gradients ? dhidden.data() : nullptr,
                                dwords.data(),
                                c.has_gradients ? dafter.template pointers<const T>() : none,
                                dx.data(),
                                {dweights[0].data(), dweights[1].data(), dweights[2].data(), dweights[3].data()},
                                dbefore.template pointers<T>(),
                                after.numbers[0].data(),
                                start.data()};
  run_backward<T>(gpu, backward);
  out.add(dx), out.add(start);
  for (const Array<T>& g : dweights) out.add(g);
  for (const std::size_t k : {0, 4, 5, 6, 7}) out.add(dbefore.numbers[k]);
  return out.all;
}

// Two windows, the second from what the first left: from an empty memory to one with live rows, links and a ring that was turned.
template <class T>
void check_window(SamCase c) {
  SamDims& d = c.dims;
  if (d.hidden == 0) d.inputs = interface_size(d);
  const i64 D = d.hidden == 0 ? 0 : interface_size(d), H = d.hidden;
  const Array<T> weights[4] = {noise<T>(H == 0 ? 0 : d.controller_rows() * 4 * H, -0.5, 0.5), noise<T>(4 * H),
                               noise<T>(H * D, -1.5, 1.5), noise<T>(D)};
  d.capacity_before = d.linear() ? d.slots : std::min(d.slots, d.heads + d.kept), d.live_bound = 0;
  State<T> before(d, d.capacity_before, false);
  for (int round = 0; round < 3; round++) {
    const bool in_place = round == 2;  // nothing recorded, and the rows reused
    d.capacity = in_place ? d.capacity_before : d.most_live();
    if (d.capacity < d.most_live()) return;
    if (c.damaged && round == 1) before.indices[1][std::size_t(2 * (d.capacity_before + 1))] = -7;  // sample 1
    const Array<T> x = noise<T>(d.steps * d.batch * d.inputs, -2, 2);
    const Array<T> dhidden = noise<T>(d.steps * d.batch * H), dwords = noise<T>(d.steps * d.batch * d.words());
    State<T> dafter(d, d.capacity, false);
    for (const std::size_t k : {0, 4, 5, 6, 7}) dafter.numbers[k] = noise<T>(i64(dafter.numbers[k].size()));
    const std::string what = name("sam", {d.steps, d.batch, d.inputs, H, d.slots, d.word, d.heads, d.kept, d.links, i64(d.index),
                                          i64(d.paper_links), i64(c.lengths.size()), i64(c.damaged), round});
    const auto run = [&](bool gpu) { return window<T>(gpu, c, x, weights, before, dafter, dhidden, dwords, in_place); };
    const i64 count = i64(run(false).size());
    // Steps of sums of sums: the rounding of one op, some times over; near the constant rows, whose norm is 1e-3, a thousandfold
    // gradient, which stands in the largest value.
    compare<T>(what, {count}, (sizeof(T) == 4 ? 20 : 100) * rounding<T>,
               [&](bool gpu, std::vector<Array<T>>& out) { out[0] = run(gpu); });
    State<T> after(d, d.capacity, true);
    Array<T> hidden(d.steps * d.batch * H), words(d.steps * d.batch * d.words());
    run_forward<T>(false, SamForward<T>{d,
                                        c.lengths.empty() ? nullptr : c.lengths.data(),
                                        x.data(),
                                        weights_of(weights),
                                        before.template pointers<const T>(),
                                        after.template pointers<T>(),
                                        hidden.data(),
                                        words.data(),
                                        {}});
    before = after;
    d.live_bound = d.most_live(), d.capacity_before = d.capacity;
  }
}

template <class T>
void check_windows() {
  const auto with = [](SamDims d, bool linear, bool paper) {
    d.index = linear ? SamIndex::linear : SamIndex::live, d.paper_links = paper, d.strength = !linear;
    return d;
  };
  std::vector<SamCase> all = {{sizes(2, 1, 2, 3, 1, 1, 1, 1, 0), {}, true, false},
                              {with(sizes(3, 2, 3, 5, 9, 3, 2, 2, 2), false, false), {3, 1}, true, false},
                              {with(sizes(4, 3, 0, 0, 7, 2, 1, 3, 0), true, false), {0, 4, 2}, false, false},
                              {with(sizes(2, 2, 0, 0, 12, 4, 2, 2, 3), false, true), {}, true, true}};
  if (!small) {
    for (int k = 0; k < 4; k++) {
      const SamDims d = sizes(pick({2, 4}), pick({1, 2}), pick({1, 4}), pick({0, 3, 9}), pick({13, 40, 300}), pick({1, 4, 33}),
                              pick({1, 2, 5}), pick({1, 3, 4}), pick({0, 1, 4}));
      all.push_back({with(d, pick({0, 1, 2}) == 1, pick({0, 1, 2}) == 1), {}, pick({0, 1}) == 1, false});
    }
    all.push_back({with(sizes(6, 2, 4, 8, 16, 5, 4, 3, 4), false, false), {6, 3}, true, false});  // the ring turns over
    all.push_back({with(sizes(2, 2, 4, 130, 1500, 6, 4, 4, 0), true, false), {}, false, false});  // several blocks search
  }
  for (const SamCase& c : all) check_window<T>(c);
}

}  // namespace

void check_sam() {
  check_windows<float>();
  if (!small) check_windows<double>();
}

}  // namespace check
