// Workspace of a window of sparse access memories on the GPU, and where in it one sample has its share.
#pragma once
#include "../../../base/cuda/block.h"
#include "../../../base/memory/cuda/controller.h"
#include "../access.h"
#include "../../../base/memory/cuda/access_interface.h"

namespace mg {
namespace cuda {

constexpr int sam_threads = 256, sam_warps = sam_threads / 32;
constexpr i64 sam_rows_of_warp = 64, sam_most_groups = 128;  // rows that a warp scans at least; blocks of a sample at most

// Blocks that scan up to `rows` rows of one sample. No value depends on it.
inline i64 sam_groups(i64 rows) {
  const i64 groups = ceil_div(rows, sam_rows_of_warp * sam_warps);
  return groups < 1 ? 1 : groups > sam_most_groups ? sam_most_groups : groups;
}
// Slots that one step can access, named more than once or not.
MG_HD i64 sam_accessed(const SamDims& d) { return d.written() + d.heads * (d.mixed() > d.kept ? d.mixed() : d.kept); }

template <class T>
MG_HD T* sam_row(T* x, i64 row, i64 size) {
  return x == nullptr ? nullptr : x + row * size;
}

template <class T>
struct SamForwardSpace : ControllerForwardSpace<T> {
  i32* sound;                      // [B] whether the indices of the state are ones that a state can have
  i32* changed_count;              // [B]
  SamTemps<T> temps;               // of all samples; what a head needs for itself, of all heads
  i32* mixed_count;                // [B][R]
  i32 *column, *next, *before;     // links: see SamSample
  T* alike;                        // [B][groups][warps][R][K] what each warp found
  i32* found;

  SamForwardSpace(Arena& a, const SamDims& d) : ControllerForwardSpace<T>(a, d) {
    const i64 B = d.batch, R = d.heads, C = d.capacity, E = d.mixed(), linked = d.links > 0 ? 1 : 0;
    const i64 candidates = B * sam_groups(d.most_live()) * sam_warps * d.read(), cut = 2 * d.links + d.kept + 1;
    sound = a.take<i32>(B), changed_count = a.take<i32>(B);
    temps.act = a.take<T>(B * interface_size(d));
    temps.untouched = nullptr;
    temps.alike = a.take<T>(B * d.read()), temps.best = a.take<i32>(B * d.read()), temps.content = a.take<T>(B * d.read());
    temps.mark = a.take<i32>(B * C);
    temps.changed = a.take<i32>(B * d.written());
    temps.accessed = a.take<i32>(B * sam_accessed(d)), temps.order = a.take<i32>(B * sam_accessed(d));
    temps.total = a.take<T>(B * sam_accessed(d)), temps.read = a.take<T>(B * sam_accessed(d));
    temps.own_slots = a.take<i32>(linked * B * R * (d.kept + 1)), temps.own_weights = a.take<T>(linked * B * R * (d.kept + 1));
    temps.cut_slots = a.take<i32>(linked * B * R * cut), temps.cut_weights = a.take<T>(linked * B * R * cut);
    temps.mixed = a.take<SamMixed<T>>(B * R * E);
    temps.mixed_mark = a.take<i32>(linked * B * R * C);
    mixed_count = a.take<i32>(B * R);
    column = a.take<i32>(linked * B * 2 * R * C);
    next = a.take<i32>(B * C * 2 * d.linked()), before = a.take<i32>(B * C * 2 * d.linked());
    alike = a.take<T>(candidates), found = a.take<i32>(candidates);
  }

  // Scratch of sample b, with that of its head h.
  MG_DEVICE SamTemps<T> temps_of(const SamDims& d, i64 b, i64 h) const {
    const i64 head = b * d.heads + h, cut = 2 * d.links + d.kept + 1, accessed = b * sam_accessed(d);
    SamTemps<T> t = temps;
    t.act += b * interface_size(d);
    t.alike += b * d.read(), t.best += b * d.read(), t.content += b * d.read();
    t.mark += b * d.capacity, t.changed += b * d.written();
    t.accessed += accessed, t.order += accessed, t.total += accessed, t.read += accessed;
    if (d.links == 0) return t;
    t.own_slots += head * (d.kept + 1), t.own_weights += head * (d.kept + 1);
    t.cut_slots += head * cut, t.cut_weights += head * cut;
    t.mixed += head * d.mixed(), t.mixed_mark += head * d.capacity;
    return t;
  }
  // Sample b, which lives in the state after the window.
  MG_DEVICE SamSample<T> sample(const SamDims& d, const SamState<T>& to, i64 b) const {
    const i64 links = d.capacity * 2 * d.linked();
    return {to.memory + b * d.capacity * d.word,
            to.ring + b * 2 * (d.capacity + 1),
            to.counts + b * 2,
            to.slots + b * d.read(),
            to.weights + b * d.read(),
            to.words + b * d.words(),
            sam_row(to.hidden, b, d.hidden),
            sam_row(to.cell, b, d.hidden),
            sam_row(to.link_slots, b, links),
            sam_row(to.link_weights, b, links),
            sam_row(to.precedence_slots, b, d.linked()),
            sam_row(to.precedence_weights, b, d.linked()),
            sam_row(column, b, 2 * d.heads * d.capacity),
            sam_row(next, b, links),
            sam_row(before, b, links),
            sound[b] != 0};
  }
};

// Insertion: lists are short, and one thread sorts.
struct SamSort {
  template <class V, class Before>
  MG_DEVICE void operator()(V* first, i64 count, Before&& before) const {
    for (i64 i = 1; i < count; i++) {
      const V value = first[i];
      i64 k = i;
      for (; k > 0 && before(value, first[k - 1]); k--) first[k] = first[k - 1];
      first[k] = value;
    }
  }
};

// Sums along a row by the lanes of a warp, the same bits in each: Q products with queries `word` apart, and the square. The row's
// place does not matter.
template <class T, int Q>
struct RowSums {
  T product[Q], square;

  template <class Row>
  MG_DEVICE RowSums(i64 word, const T* queries, int lane, Row&& row) {
    T sums[Q] = {}, own = 0;
    for (i64 w = lane; w < word; w += 32) {
      const T m = row(w);
      own = port::fma(m, m, own);
    MG_UNROLL for (int q = 0; q < Q; q++) sums[q] = port::fma(m, queries[q * word + w], sums[q]);
    }
    square = warp_sum(own);
    MG_UNROLL for (int q = 0; q < Q; q++) product[q] = warp_sum(sums[q]);
  }
};
template <class T>
MG_DEVICE T row_norm(const SamDims& d, const T* x, int lane) {
  return std::sqrt(RowSums<T, 1>(d.word, x, lane, [&](i64 w) { return x[w]; }).square + T(d.epsilon));
}
template <class T>
MG_DEVICE T row_dot(const SamDims& d, const T* a, const T* b, int lane) {
  T sum = 0;
  for (i64 w = lane; w < d.word; w += 32) sum = port::fma(a[w], b[w], sum);
  return warp_sum(sum);
}

}  // namespace cuda
}  // namespace mg
