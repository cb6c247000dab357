// Everything that is compiled once per instruction set.
#pragma once
#include "window_backward_impl.h"

namespace mg {
namespace {

template <class T>
const SamTable<T>& make_sam_table() {
  static constexpr SamTable<T> table{window_forward<T>, window_backward<T>, outer<T>};
  return table;
}

}  // namespace
}  // namespace mg
