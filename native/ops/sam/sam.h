// Sparse access memory over a window of steps: controller, interface and memory access in one call. Rae et al., "Scaling
// memory-augmented neural networks with sparse reads and writes", NIPS 2016. One step, for each head h of R:
//   z = [x ; words' ; h'] W_g + b_g;  LSTM with gates i, u, f, o;  h, c clipped to ±clip;  xi = h W_xi + b_xi
//   w_h = alpha (gamma r'_h + (1 - gamma) 1_u)     alpha, gamma logistic; u: the h-th least recently accessed slot
//   M   = M' with all rows u zero, + sum_h w_h a_h^T                                   at most K + 1 rows of each head
//   r_h = softmax of beta_h cos(q_h, M_i) over the K rows with the greatest cosine     beta = 1 + softplus, or 1
//   words_h = sum_i r_h(i) M_i                     cos(q, m) = q.m / (|q| |m| + eps), |x| = sqrt(x.x + eps)
// Slots whose weights of a step add up to more than delta go to the back of the ring: popped ones, other written ones, read ones by
// rising weight. Ties go to the lower slot. No gradient passes through the choice of slots.
//
// Only slots that were ever touched have a row. At the start all rows are one constant, so slots are first touched in order, and the
// touched ones are 0 … live - 1: they are all that is stored, searched and copied. A slot that was not touched stands in for itself
// with the constant row. The ring is then a circle of live + 1 nodes: node s + 1 is slot s, node 0 all slots from `live` on.
#pragma once
#include <limits>
#include <type_traits>

#include "../dnc/dnc.h"

namespace mg {

using i32 = std::int32_t;

struct SamDims {
  i64 steps, batch, inputs, hidden;  // hidden 0: no controller, the inputs are the interface
  i64 slots, word, heads, kept;      // N, W, R, K
  i64 capacity_before, capacity;     // rows that a state has place for, before and after the window
  i64 live_bound;                    // at most so many live rows before the window
  bool strength;                     // each head has a strength, else it is 1
  bool linear;                       // all N rows are live from the first step on
  double forget_bias, clip, epsilon, delta;

  MG_HD i64 words() const { return heads * word; }
  MG_HD i64 controller_rows() const { return inputs + words() + hidden; }
  MG_HD i64 written() const { return heads * (kept + 1); }  // rows that a step changes at most
  MG_HD i64 read() const { return heads * kept; }
  // Rows that can be live after a window: a step touches those that it pops and the first of those that it reads.
  MG_HD i64 most_live() const {
    const i64 most = linear ? slots : live_bound + steps * (heads + kept);
    return most < slots ? most : slots;
  }
};

// What a row holds before anything is written to it.
constexpr double sam_start = 1e-6;

// Where each part of the interface vector begins.
struct SamInterface {
  i64 queries, adds, alpha, gamma, strengths, size;
  MG_HD explicit SamInterface(const SamDims& d) {
    queries = 0;
    adds = queries + d.words();
    alpha = adds + d.words();
    gamma = alpha + d.heads;
    strengths = gamma + d.heads;
    size = strengths + (d.strength ? d.heads : 0);
  }
};
MG_HD i64 interface_size(const SamDims& d) { return SamInterface(d).size; }

template <class T>
using IndexOf = std::conditional_t<std::is_const<T>::value, const i32, i32>;

// A state of zeros is that of a new episode. memory [B,C,W], of which `live` rows count; ring [B,C + 1,2]: the nodes before and behind
// a node; counts [B,2]: live, and the node at the front; slots and weights [B,R,K]: what was read at the step before, entries of slots
// that are not live do not count. words [B,R,W], hidden and cell [B,H].
template <class T>
struct SamState {
  T* memory;
  IndexOf<T>*ring, *counts, *slots;
  T *weights, *words, *hidden, *cell;
};

// What backward needs beside inputs and outputs, per step and sample: squashed gates [4H], cell [H], raw interface [D], the rows
// [R (K + 1)][W] that the step changed, as they were before; their slots, -1 where there are fewer; slots and weights [R][K] read.
// Nothing of it grows with N. Null where nothing is recorded.
template <class T>
struct SamTrace {
  T *gates, *cell, *interface, *rows;
  IndexOf<T>*changed, *slots;
  T* weights;
};

template <class T>
struct SamForward {
  SamDims dims;
  const i64* lengths;  // [B] steps of each sample, or null for all
  const T* x;          // [T,B,I]
  DncWeights<const T> weights;
  SamState<const T> before;
  SamState<T> after;  // memory and ring may be those of `before`, where nothing is recorded
  T *hidden, *words;  // [T,B,H], [T,B,R,W]; zero past a sample's length, NaN for a state whose numbers cannot be
  SamTrace<T> trace;
};

// Gradients at outputs may be null for zero. `memory_after` is what forward left, it is not changed: the rows that the window
// touched are copied and rolled back step by step. Gradients at inputs are all written but dbefore.memory, unless null, and `start`:
// the memory before the window as the roll-back leaves it, [B,C,W], null unless wanted.
template <class T>
struct SamBackward {
  SamDims dims;
  const i64* lengths;
  const T* x;
  DncWeights<const T> weights;
  SamState<const T> before;
  const T *hidden, *words, *memory_after;
  SamTrace<const T> trace;
  const T *dhidden, *dwords;
  SamState<const T> dafter;  // its indices are null
  T* dx;
  DncWeights<T> dweights;
  SamState<T> dbefore;
  T* start;
};

template <class T>
i64 sam_forward_workspace(const SamDims& d, int workers);
template <class T>
i64 sam_backward_workspace(const SamDims& d, int workers);

// Same bits for every number of threads. Samples are independent until the weight gradients, which add up in time order.
template <class T>
void sam_forward(const SamForward<T>& job, void* workspace, int workers);
template <class T>
void sam_backward(const SamBackward<T>& job, void* workspace, int workers);

}  // namespace mg
