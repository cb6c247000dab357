// Dense access memory over a window of steps: the dense counterpart of the sparse one (Rae et al., NIPS 2016), with its
// controller and its interface (base/memory/access_interface.h). One step, for each head h of R:
//   w_h = alpha (gamma r'_h + (1 - gamma) 1_u)     u: the slot of the h-th smallest usage U', the lower one first
//   M   = M' with all rows u zero, + sum_h w_h a_h^T
//   r_h = softmax_i beta_h cos(q_h, M_i) over all N slots       words_h = sum_i r_h(i) M_i
//   U   = discount U' + sum_h (w_h + r_h)           no gradient passes through U and the choice of u
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/memory/access_interface.h"
#include "../../base/memory/window.h"

namespace mg {

struct DamDims {
  i64 steps, batch, inputs, hidden;  // hidden 0: no controller, the inputs are the interface
  i64 slots, word, heads;            // N, W, R
  bool strength;                     // each head has a strength, else it is 1
  double forget_bias, clip, epsilon, discount;
  static constexpr i64 links = 0;
  static constexpr bool oneplus = true;

  MG_HD i64 words() const { return heads * word; }
  MG_HD i64 controller_rows() const { return inputs + words() + hidden; }
  MG_HD i64 pitch() const { return slot_pitch(slots); }
};
MG_HD i64 interface_size(const DamDims& d) { return AccessInterface(d).size; }

// memory [B,N,W], usage [B,N], read [B,R,N], words [B,R,W], hidden and cell [B,H].
template <class T>
struct DamState {
  T *memory, *usage, *read, *words, *hidden, *cell;
};

// Per step and sample: squashed gates [4H], cell [H], raw interface [D], read weights [R][pitch] and popped slots [R]. Null where
// nothing is recorded.
template <class T>
struct DamTrace {
  T *gates, *cell, *interface, *read;
  IndexOf<T>* popped;
};

template <class T>
using DamForward = WindowForward<T, DamDims, DamState, DamTrace>;

// The gradient at the usage is zero. The memory of each step is made again.
template <class T>
using DamBackward = WindowBackward<T, DamDims, DamState, DamTrace>;

template <class T>
i64 dam_forward_workspace(const DamDims& d, int workers);
template <class T>
i64 dam_backward_workspace(const DamDims& d, int workers);

// Same bits for every number of threads. Samples are independent until the weight gradients, which add up in time order.
template <class T>
void dam_forward(const DamForward<T>& job, void* workspace, int workers);
template <class T>
void dam_backward(const DamBackward<T>& job, void* workspace, int workers);

// The same on a GPU; `lengths` of a job lies on the host there too.
namespace cuda {
template <class T>
i64 dam_forward_bytes(const DamDims& d);
template <class T>
void dam_forward(Stream stream, const DamForward<T>& job, void* workspace);
template <class T>
i64 dam_backward_bytes(const DamDims& d);
template <class T>
void dam_backward(Stream stream, const DamBackward<T>& job, void* workspace);
}  // namespace cuda

}  // namespace mg
