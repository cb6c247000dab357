// Everything that is compiled once per instruction set.
#pragma once
#include "window_impl.h"

namespace mg {
namespace {

template <class T>
const DamTable<T>& make_dam_table() {
  static constexpr DamTable<T> table{window_forward<T>, window_backward<T>, outer<T>};
  return table;
}

}  // namespace
}  // namespace mg
