// Everything that is compiled once per instruction set.
#pragma once
#include "window_backward_impl.h"

namespace mg {
namespace {

template <class T>
const DncTable<T>& make_dnc_table() {
  static constexpr DncTable<T> table{window_forward<T>, window_backward<T>, outer<T>};
  return table;
}

}  // namespace
}  // namespace mg
