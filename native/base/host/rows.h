// Rows that do not need each other, on all threads: f(row) for each of `rows`, some thousand values of them to a chunk.
#pragma once
#include <algorithm>

#include "../index.h"
#include "pool.h"

namespace mg {

template <class F>
void each_row(i64 rows, i64 row_values, F&& f) {
  const i64 per_chunk = std::max<i64>(1, 8192 / std::max<i64>(1, row_values));
  Pool::get().parallel_for(ceil_div(rows, per_chunk), [&](i64 chunk, int) {
    for (i64 row = chunk * per_chunk; row < std::min(rows, (chunk + 1) * per_chunk); row++) f(row);
  });
}

}  // namespace mg
