// Parts of a DNC step for one sample by one block of threads. Vectors over slots are [N], memory lies transposed, [W][N]; a
// thread keeps its slots through all loops, so that barriers are needed only where slots meet.
#pragma once
#include "../../../base/memory/cuda/content.h"
#include "../dnc_math.h"

namespace mg {
namespace cuda {

constexpr i64 dnc_shared_sort = 4096;         // slots that are sorted in shared memory, 48 KB; more are in global memory

inline i64 dnc_sort_size(i64 slots) {
  i64 size = 1;
  while (size < slots) size *= 2;
  return size;
}
inline i64 dnc_shared_bytes(i64 slots) {
  const i64 size = dnc_sort_size(slots);
  return block_scratch + (size <= dnc_shared_sort ? size * 12 : 0);
}

// Where a block sorts: its shared memory behind the scratch, or its part of the workspace.
struct DncSort {
  std::uint64_t* keys;  // workspace of all samples
  i64 size;

  struct Place {
    std::uint64_t* keys;
    std::int32_t* order;
  };
  MG_DEVICE Place place(i64 sample) const {
    std::uint64_t* const at = size <= dnc_shared_sort
                                  ? reinterpret_cast<std::uint64_t*>(port::shared<unsigned char>() + block_scratch)
                                  : keys + sample * (size + size / 2);
    return {at, reinterpret_cast<std::int32_t*>(at + size)};
  }
};

// ---- interface

// act(k) in: the raw values. Gates squashed, modes normalized, strengths made positive.
template <class T>
MG_DEVICE void dnc_activate(const DncDims& d, T* act) {
  const DncInterface at(d);
  by_thread(at.size, [&](i64 k) {
    if (at.is_gate(k)) act[k] = sigmoid(act[k]);
    else if (at.is_strength(k)) act[k] = positive_strength(d, act[k]);
  });
  MG_BARRIER();
  by_thread(d.reads, [&](i64 r) { softmax_few(act + at.read_modes + r * d.modes(), d.modes()); });
  MG_BARRIER();
}

// From gradients at the activations to those at the raw values.
template <class T>
MG_DEVICE void dnc_activate_backward(const DncDims& d, const T* raw, const T* act, const T* dact, T* draw) {
  const DncInterface at(d);
  MG_BARRIER();
  by_thread(at.size, [&](i64 k) {
    if (at.is_gate(k)) draw[k] = gate_gradient(act[k], dact[k]);
    else if (at.is_strength(k)) draw[k] = strength_gradient(raw[k], dact[k]);
    else if (!at.is_mode(k)) draw[k] = dact[k];
    else {
      const i64 first = at.read_modes + (k - at.read_modes) / d.modes() * d.modes();
      draw[k] = act[k] * (dact[k] - mean_mode_gradient(act + first, dact + first, d.modes()));
    }
  });
}

// ---- allocation

template <class T>
MG_DEVICE void dnc_sort(const DncDims& d, const T* usage, const DncSort::Place& place, i64 size) {
  by_thread(size, [&](i64 n) {
    place.keys[n] = n < d.slots ? dnc_falling_key(double(usage[n]), d.epsilon) : ~std::uint64_t(0);
    place.order[n] = std::int32_t(n);
  });
  block_sort(place.keys, place.order, size);
}

// The part of the sorted slots that one thread walks over.
struct DncRun {
  i64 begin, end;
  MG_DEVICE DncRun(i64 slots, int part) {
    const i64 each = ceil_div(slots, port::threads());
    begin = part * each < slots ? part * each : slots;
    end = begin + each < slots ? begin + each : slots;
  }
};

// Product of the usages before this thread's run.
template <class T>
MG_DEVICE T dnc_free_before(const DncDims& d, const T* usage, const std::int32_t* order, const DncRun& run, void* shared) {
  Line<T> product{T(0), T(1)};
  for (i64 k = run.begin; k < run.end; k++) product.mul *= dnc_in_use(d.epsilon, usage[order[k]]);
  return block_prefix(product, shared).mul;
}

template <class T>
MG_DEVICE void dnc_allocate(const DncDims& d, const T* usage, const DncSort::Place& place, i64 size, T* allocation,
                            void* shared) {
  dnc_sort(d, usage, place, size);
  const DncRun run(d.slots, port::thread());
  T free = dnc_free_before(d, usage, place.order, run, shared);
  for (i64 k = run.begin; k < run.end; k++) {
    const i64 n = place.order[k];
    const T s = dnc_in_use(d.epsilon, usage[n]);
    allocation[n] = dnc_allocation(s, free);
    free *= s;
  }
  MG_BARRIER();
}

// dusage += the gradient through dnc_allocate; the order itself passes none. before: scratch [N].
template <class T>
MG_DEVICE void dnc_allocate_backward(const DncDims& d, const T* usage, const T* dallocation, const DncSort::Place& place,
                                     i64 size, T* before, T* dusage, void* shared) {
  dnc_sort(d, usage, place, size);
  const DncRun run(d.slots, port::thread());
  T free = dnc_free_before(d, usage, place.order, run, shared);
  for (i64 k = run.begin; k < run.end; k++) {
    before[k] = free;
    free *= dnc_in_use(d.epsilon, usage[place.order[k]]);
  }
  MG_BARRIER();
  // dfree of a place from that of the next one: da (1 - s) + s dfree; the last run comes first.
  const DncRun back(d.slots, port::threads() - 1 - port::thread());
  const auto line = [&](i64 k) {
    const T s = dnc_in_use(d.epsilon, usage[place.order[k]]);
    return Line<T>{dallocation[place.order[k]] * (T(1) - s), s};
  };
  Line<T> lines{T(0), T(1)};
  for (i64 k = back.end - 1; k >= back.begin; k--) lines = after(lines, line(k));
  T dfree = block_prefix(lines, shared).add;
  for (i64 k = back.end - 1; k >= back.begin; k--) {
    const i64 n = place.order[k];
    dusage[n] += dnc_allocation_gradient(d.epsilon, dfree, dallocation[n], before[k]);
    const Line<T> step = line(k);
    dfree = step.add + step.mul * dfree;
  }
  MG_BARRIER();
}

// Content and allocation of every write head on the memory before; simulated [V][N] is the usage that each head sees.
template <class T>
MG_DEVICE void dnc_write_addresses(const DncDims& d, const T* act, const T* memory, const T* usage, const DncSort::Place& place,
                                   i64 size, T* score, T* content, T* allocation, T* simulated, void* shared) {
  const DncInterface at(d);
  const i64 N = d.slots;
  content_weights(d, memory, act + at.write_keys, act + at.write_strengths, d.writes, score, content, shared);
  by_thread(N, [&](i64 n) { simulated[n] = usage[n]; });
  for (i64 v = 0; v < d.writes; v++) {
    const T* const seen = simulated + v * N;
    const T gate = act[at.allocation_gates + v] * act[at.write_gates + v];
    dnc_allocate(d, seen, place, size, allocation + v * N, shared);
    if (v + 1 < d.writes)
      by_thread(N, [&](i64 n) { simulated[(v + 1) * N + n] = dnc_simulated_usage(seen[n], gate, allocation[v * N + n]); });
  }
}

// One element of the memory after erasing and writing; weights [V] lie `pitch` apart.
template <class T>
MG_DEVICE T dnc_written_at(const DncDims& d, const DncInterface& at, const T* act, const T* write, i64 pitch, i64 w, T m) {
  return dnc_written(
      d.writes, m, [&](i64 v) { return write[v * pitch]; }, [&](i64 v) { return act[at.erase_vectors + v * d.word + w]; },
      [&](i64 v) { return act[at.write_vectors + v * d.word + w]; }, PortFma<T>());
}

}  // namespace cuda
}  // namespace mg
