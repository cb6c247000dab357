// The search for the rows that are most alike to a query: among all that are live, or those that an index names.
#pragma once
#include <algorithm>

#include "kdtree_impl.h"
#include "lsh_impl.h"

namespace mg {
namespace {

// What the indexes of all samples of a thread have alike.
template <class T>
void start_search(const SamDims& d, const IndexScratch<T>& scratch) {
  if (!d.indexed()) return;
  std::fill(scratch.seen, scratch.seen + d.capacity, 0);
  if (d.index == SamIndex::lsh) Lsh<T>::prepare(d, scratch);
}

// The search in the memory of one sample.
template <class T>
struct RowSearch {
  const SamDims& d;
  const T* memory;
  RowIndex<T>& own;
  const IndexScratch<T>& scratch;

  template <class F>
  void with_index(F&& f) const {
    if (d.index == SamIndex::lsh) f(Lsh<T>{d, memory, own, scratch});
    if (d.index == SamIndex::kdtree) f(KdTree<T>{d, memory, own, scratch});
  }

  // A window begins with so many rows.
  void begin(i64 live) const {
    own.rows = live;
    with_index([](const auto& index) { index.build(); });
  }
  // These rows hold something else, and all from the listed ones up to `live` are new.
  void changed(const i32* rows, i64 count, i64 live) const {
    with_index([&](const auto& index) {
      for (i64 k = 0; k < count; k++) {
        if (rows[k] < own.rows) index.remove(rows[k]), index.insert(rows[k]);
      }
      for (; own.rows < live; own.rows++) index.insert(i32(own.rows));
      if (index.is_worn()) index.build();
    });
  }

  // The K best rows of each head. All live ones are searched where these are no more than the checks, and for a head whose index
  // names fewer than K.
  void best(const T* queries, i64 live, const T* untouched, T* alike, i32* slots) const {
    const auto all = [](i64 k) { return k; };
    const SearchedRows<T, decltype(all)> every{memory, untouched, live, live, all};
    if (!d.indexed() || live <= d.checks) return best_rows(d, every, d.heads, queries, alike, slots);
    with_index([&](const auto& index) {
      for (i64 h = 0; h < d.heads; h++) {
        const T* query = queries + h * d.word;
        FoundRows found{scratch.found, scratch.seen};
        index.find(query, found);
        found.forget();
        std::sort(found.rows, found.rows + found.count);
        const auto named = [&](i64 k) { return i64(found.rows[k]); };
        const SearchedRows<T, decltype(named)> some{memory, untouched, found.count, live, named};
        if (found.count < d.kept) best_rows(d, every, 1, query, alike + h * d.kept, slots + h * d.kept);
        else best_rows(d, some, 1, query, alike + h * d.kept, slots + h * d.kept);
      }
    });
  }
};

}  // namespace
}  // namespace mg
