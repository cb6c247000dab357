// A window of steps of a memory with an LSTM controller, as every such memory is asked for one. `Dims` has its sizes, `State`
// what is carried from step to step, `Trace` what forward leaves for backward. Batch first; rows of a sample are contiguous.
#pragma once
#include <type_traits>

#include "controller.h"

namespace mg {

using i32 = std::int32_t;

// Indices of a state whose numbers are of type T.
template <class T>
using IndexOf = std::conditional_t<std::is_const<T>::value, const i32, i32>;

// Of per-slot vectors in scratch memory; the padding is zero.
MG_HD i64 slot_pitch(i64 slots) { return (slots + 15) / 16 * 16; }

template <class T, class Dims, template <class> class State, template <class> class Trace>
struct WindowForward {
  Dims dims;
  const i64* lengths;  // [B] steps of each sample, or null for all
  const T* x;  // [T,B,I]
  ControllerWeights<const T> weights;
  State<const T> before;
  State<T> after;
  T *hidden, *words;  // [T,B,H], [T,B,R,W]; zero past a sample's length
  Trace<T> trace;  // null where nothing is recorded
};

// Gradients at outputs may be null for zero; those at inputs are all written, unless the memory says otherwise. `before` and the
// trace are those of forward; `hidden` and `words` its outputs.
template <class T, class Dims, template <class> class State, template <class> class Trace>
struct WindowBackward {
  Dims dims;
  const i64* lengths;
  const T* x;
  ControllerWeights<const T> weights;
  State<const T> before;
  const T *hidden, *words;
  Trace<const T> trace;
  const T *dhidden, *dwords;
  State<const T> dafter;
  T* dx;
  ControllerWeights<T> dweights;
  State<T> dbefore;
};

}  // namespace mg
