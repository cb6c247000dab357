// Sums over the rows of a table, column by column, in double: block by block of fixed size on all threads, then over the
// blocks in order, so that their bits depend on the shape alone.
#pragma once
#include <algorithm>

#include "../platform.h"
#include "pool.h"

namespace mg {

struct ColumnSums {
  i64 rows, columns;

  i64 rows_per_block() const { return std::max<i64>(64, 8192 / std::max<i64>(1, columns)); }
  i64 blocks() const { return columns == 0 ? 0 : (rows + rows_per_block() - 1) / rows_per_block(); }
  i64 workspace_bytes() const { return blocks() * columns * i64(sizeof(double)); }

  // add(row, sums) adds one row to sums[0 … columns).
  template <class F>
  void run(double* partials, double* out, F&& add) const {
    const i64 per_block = rows_per_block(), count = blocks();
    Pool::get().parallel_for(count, [&](i64 block, int) {
      double* sums = partials + block * columns;
      std::fill(sums, sums + columns, 0.0);
      const i64 end = std::min(rows, (block + 1) * per_block);
      for (i64 row = block * per_block; row < end; row++) add(row, sums);
    });
    std::fill(out, out + columns, 0.0);
    for (i64 block = 0; block < count; block++)
      for (i64 k = 0; k < columns; k++) out[k] += partials[block * columns + k];
  }
};

}  // namespace mg
