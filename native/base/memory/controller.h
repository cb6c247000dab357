// The LSTM controller of a memory: its weights, what is clipped. z = [x ; words' ; h'] W_g + b_g;  LSTM with gates i, u, f, o;
// h, c clipped to ±clip;  the interface vector is h W_xi + b_xi. `Dims` has the sizes of such a memory (see DncDims).
#pragma once
#include <cmath>

#include "../lstm_cell.h"

namespace mg {

template <class T>
struct ControllerWeights {  // gates [I+RW+H,4H] and [4H], interface [H,D] and [D]
  T *gates, *gates_bias, *interface, *interface_bias;
};

// Where the hidden state and the cell are clipped.
template <class T, class Dims>
MG_HD T controller_limit(const Dims& d) {
  return d.clip > 0 ? T(d.clip) : T(INFINITY);
}
template <class V>
MG_HD V controller_within(V x, V limit) {
  return x > limit ? limit : x < -limit ? V(-limit) : x;
}
// From the gradients at the clipped hidden state and cell: that at the sums of the gates. dcell: out, at the cell before.
template <class T>
MG_HD Gates<T> controller_gradient(const Gates<T>& a, T cell_before, T limit, T dhidden, T& dcell) {
  const T c = a.f * cell_before + a.i * a.u, h = a.o * mg::tanh(c);
  const T dh = std::fabs(h) <= limit ? dhidden : T(0), dc = std::fabs(c) <= limit ? dcell : T(0);
  return cell_backward(a, c, cell_before, dh, dc, dcell);
}

}  // namespace mg
