// Rows in lists that are linked through them, and the rows that a search comes upon.
#pragma once
#include "index.h"
#include "../rows_impl.h"

namespace mg {
namespace {

// One row of each list number k: those of tables or trees.
template <class T>
struct RowLists {
  const SamDims& d;
  RowIndex<T>& own;

  i64 at(i64 k, i32 row) const { return k * d.capacity + row; }
  i32 next(i64 k, i32 row) const { return own.next[at(k, row)]; }

  void enter(i64 k, i32 row, i32& first) const {
    own.before[at(k, row)] = -1, own.next[at(k, row)] = first;
    if (first >= 0) own.before[at(k, first)] = row;
    first = row;
  }
  void leave(i64 k, i32 row, i32& first) const {
    const i32 before = own.before[at(k, row)], next = own.next[at(k, row)];
    if (before >= 0) own.next[at(k, before)] = next;
    else first = next;
    if (next >= 0) own.before[at(k, next)] = before;
  }
};

// Distinct rows in the order in which a search comes upon them; `seen` is 0 again once they were taken.
struct FoundRows {
  i32 *rows, *seen;
  i64 count = 0;

  void add(i32 row) {
    if (seen[row]) return;
    seen[row] = 1, rows[count++] = row;
  }
  void forget() {
    for (i64 k = 0; k < count; k++) seen[rows[k]] = 0;
  }
};

}  // namespace
}  // namespace mg
