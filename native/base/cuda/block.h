// What the threads of one block do together: sums, prefixes, sorting. Every order is fixed, so the bits depend on the shape
// alone. `shared` is scratch of block_scratch bytes; after each call it may be used again.
#pragma once
#include "loops.h"

namespace mg {
namespace cuda {

constexpr i64 block_scratch = 32 * 32;  // four doubles for each warp of the largest block

// f(i) for i in [0, n), neighbours side by side. The same thread gets the same i every time.
template <class F>
MG_DEVICE void by_thread(i64 n, F&& f) {
  for (i64 i = port::thread(); i < n; i += port::threads()) f(i);
}
// f(k, lane) for k in [0, n), a warp for each k.
template <class F>
MG_DEVICE void by_warp(i64 n, F&& f) {
  for (i64 k = port::thread() / 32; k < n; k += port::threads() / 32) f(k, port::thread() % 32);
}

// Replaces each of the K values by what join(a, b), which gives the same for (b, a), makes of it over the block.
template <class T, int K, class Join>
MG_DEVICE void block_join(T (&values)[K], void* shared, Join&& join) {
  static_assert(K <= 4, "block_scratch holds four for each warp");
  T* const parts = static_cast<T*>(shared);
  const int warp = port::thread() / 32, warps = port::threads() / 32;
  MG_UNROLL for (int k = 0; k < K; k++) {
    for (int mask = 16; mask > 0; mask /= 2) values[k] = join(values[k], port::shuffle_xor(values[k], mask));
    if (port::thread() % 32 == 0) parts[k * warps + warp] = values[k];
  }
  MG_BARRIER();
  MG_UNROLL for (int k = 0; k < K; k++) {
    values[k] = parts[k * warps];
    for (int w = 1; w < warps; w++) values[k] = join(values[k], parts[k * warps + w]);
  }
  MG_BARRIER();
}
template <class T, int K>
MG_DEVICE void block_sums(T (&values)[K], void* shared) {
  block_join(values, shared, [](T a, T b) { return a + b; });
}
template <class T, int K>
MG_DEVICE void block_maxima(T (&values)[K], void* shared) {
  block_join(values, shared, [](T a, T b) { return a > b ? a : b; });
}
template <class T>
MG_DEVICE T block_sum(T value, void* shared) {
  T values[1] = {value};
  block_sums(values, shared);
  return values[0];
}

// x -> add + mul x; the steps of a linear recurrence, and with add 0 a product.
template <class T>
struct Line {
  T add, mul;
};
template <class T>
MG_DEVICE Line<T> after(Line<T> first, Line<T> second) {
  return {second.add + second.mul * first.add, second.mul * first.mul};
}

// The lines of all threads before this one, one after the other.
template <class T>
MG_DEVICE Line<T> block_prefix(Line<T> mine, void* shared) {
  Line<T>* const parts = static_cast<Line<T>*>(shared);
  const int warp = port::thread() / 32, lane = port::thread() % 32;
  const auto from = [&](int other) { return Line<T>{port::shuffle(mine.add, other), port::shuffle(mine.mul, other)}; };
  for (int step = 1; step < 32; step *= 2) {
    const Line<T> other = from((lane - step) & 31);
    if (lane >= step) mine = after(other, mine);
  }
  if (lane == 31) parts[warp] = mine;
  MG_BARRIER();
  Line<T> before{T(0), T(1)};
  for (int w = 0; w < warp; w++) before = after(before, parts[w]);
  MG_BARRIER();
  const Line<T> left = from((lane - 1) & 31);
  return lane > 0 ? after(before, left) : before;
}

// Sorts `size` (a power of two) pairs by key, then by item: a bitonic network, in shared or global memory. Pairs at most 32 apart
// lie within 64 places that one warp keeps from round to round, so that only the wider rounds need the whole block.
inline MG_DEVICE void block_sort(std::uint64_t* keys, std::int32_t* items, i64 size) {
  i64 last = size;
  for (i64 run = 2; run <= size; run *= 2)
    for (i64 apart = run / 2; apart > 0; last = apart, apart /= 2) {
      if (apart > 32 || last > 32) MG_BARRIER();
      else port::warp_barrier();
      by_thread(size / 2, [&](i64 pair) {
        const i64 low = 2 * pair - (pair & (apart - 1)), high = low + apart;
        const bool rising = (low & run) == 0;
        const bool falls = keys[low] != keys[high] ? keys[low] > keys[high] : items[low] > items[high];
        if (falls != rising) return;
        const std::uint64_t key = keys[low];
        keys[low] = keys[high], keys[high] = key;
        const std::int32_t item = items[low];
        items[low] = items[high], items[high] = item;
      });
    }
  MG_BARRIER();
}

}  // namespace cuda
}  // namespace mg
