// Chunks of a product on all threads, or on this one where there is little to do.
#pragma once
#include "pool.h"

namespace mg {

constexpr i64 small_work = 200'000;  // multiply-adds below which waking a thread costs more than it brings

template <class F>
void for_chunks(i64 chunks, i64 multiply_adds, F&& fn) {
  if (multiply_adds < small_work) {
    for (i64 c = 0; c < chunks; c++) fn(c, 0);
  } else {
    Pool::get().parallel_for(chunks, fn);
  }
}

}  // namespace mg
