// Sparse access memory over a window of steps: controller, interface and memory access in one call. Rae et al., "Scaling
// memory-augmented neural networks with sparse reads and writes", NIPS 2016. One step, for each head h of R:
//   z = [x ; words' ; h'] W_g + b_g;  LSTM with gates i, u, f, o;  h, c clipped to ±clip;  xi = h W_xi + b_xi
//   w_h = alpha (gamma r'_h + (1 - gamma) 1_u)     alpha, gamma logistic; u: the h-th least recently accessed slot
//   M   = M' with all rows u zero, + sum_h w_h a_h^T                                   at most K + 1 rows of each head
//   r_h = softmax of beta_h cos(q_h, M_i) over the K rows with the greatest cosine     beta = 1 + softplus, or 1
//   words_h = sum_i r_h(i) M_i                     cos(q, m) = q.m / (|q| |m| + eps), |x| = sqrt(x.x + eps)
// Slots whose weights of a step add up to more than delta go to the back of the ring: popped ones, other written ones, read ones
// by rising weight. Ties go to the lower slot. No gradient passes through the choice of slots.
//
// With sparse temporal links (SDNC, links K_L > 0) each head has, of its own writes w, with every row cut to its K_L largest
// entries and no diagonal, p cut likewise:
//   N_ij = (1 - w_i) N'_ij + w_i p'_j     P_ij = (1 - w_j) P'_ij + w_j p'_i     p = (1 - sum w) p' + w
//   f_i = sum_j P_ji r'_j, b_j = sum_i N_ij r'_i  (paper_links: f = N r', b = P r'), divided by their sums if above 1
//   mix = pi_b b + pi_c r + pi_f f,  words = mix M;  the K largest entries of the mix are r' of the next step
// No gradient passes through N, P, p, f and b.
//
// Only slots that were ever touched have a row. At the start all rows are one constant, so slots are first touched in order, and
// the touched ones are 0 … live - 1: they are all that is stored, searched and copied. A slot that was not touched stands in for
// itself with the constant row. The ring is then a circle of live + 1 nodes: node s + 1 is slot s, node 0 all from `live` on.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/memory/access_interface.h"
#include "../../base/memory/window.h"

namespace mg {

// How the rows that are most alike to a query are found: exactly, among the rows that were touched or with all rows live from
// the first step on; or among the rows that an index names, on the CPU alone (cpu/search).
enum class SamIndex { live, linear, lsh, kdtree };

struct SamDims {
  i64 steps, batch, inputs, hidden;  // hidden 0: no controller, the inputs are the interface
  i64 slots, word, heads, kept;      // N, W, R, K
  i64 capacity_before, capacity;     // rows that a state has place for, before and after the window
  i64 links;                         // K_L, 0 without links
  i64 live_bound;                    // at most so many live rows before the window
  bool strength;                     // each head has a strength, else it is 1
  bool paper_links;                  // link reads as printed, not by the rows of the read slots
  SamIndex index;
  i64 checks;                        // rows that an index is asked for; where no more are live, all are searched
  double forget_bias, clip, epsilon, delta;
  static constexpr bool oneplus = true;

  MG_HD i64 words() const { return heads * word; }
  MG_HD i64 controller_rows() const { return inputs + words() + hidden; }
  MG_HD i64 written() const { return heads * (kept + 1); }  // rows that a step changes at most
  MG_HD i64 read() const { return heads * kept; }
  MG_HD i64 linked() const { return heads * links; }
  // Entries that a head's mix of content and links can have; its content comes first.
  MG_HD i64 mixed() const {
    if (links == 0) return 0;
    const i64 named = kept + 2 * kept * links, all = capacity + kept;
    return paper_links || all < named ? all : named;
  }
  MG_HD bool linear() const { return index == SamIndex::linear; }
  MG_HD bool indexed() const { return index == SamIndex::lsh || index == SamIndex::kdtree; }
  // Rows that can be live after a window: a step touches those that it pops and the first of those that it reads.
  MG_HD i64 most_live() const { return most_live_after(steps); }
  MG_HD i64 most_live_after(i64 of_steps) const {
    const i64 most = linear() ? slots : live_bound + of_steps * (heads + kept);
    return most < slots ? most : slots;
  }
  // Rows that a window can touch.
  MG_HD i64 most_places() const {
    const i64 named = steps * (written() + read() + heads * mixed()) + read();
    return named < capacity ? named : capacity;
  }
};

constexpr i64 most_links = 64;                  // K_L at most
constexpr i64 most_indexed = (i64(1) << 29) - 2;  // rows of an index at most

// What a row holds before anything is written to it.
constexpr double sam_start = 1e-6;

MG_HD i64 interface_size(const SamDims& d) { return AccessInterface(d).size; }

// A state of zeros is that of a new episode. memory [B,C,W], of which `live` rows count; ring [B,C + 1,2]: the nodes before and
// behind a node; counts [B,2]: live, and the node at the front; slots and weights [B,R,K]: what was read at the step before,
// entries of slots that are not live do not count. words [B,R,W], hidden and cell [B,H]. Links
// [B,C,2,R,K_L], N and then P of each slot, and precedence [B,R,K_L], each as slots and weights, a weight of 0 for no entry; null
// without links.
template <class T>
struct SamState {
  T* memory;
  IndexOf<T>*ring, *counts, *slots;
  T *weights, *words, *hidden, *cell;
  IndexOf<T>* link_slots;
  T* link_weights;
  IndexOf<T>* precedence_slots;
  T* precedence_weights;
};

// What backward needs beside inputs and outputs, per step and sample: squashed gates [4H], cell [H], the rows
// [R (K + 1)][W] that the step changed, as they were before; their slots, -1 where there are fewer; slots and weights [R][K]
// read; with links the mix of each head, slots [R][E] (-1: no more) and weights [R][3][E]: backward, content, forward.
// Nothing of it grows with N (but E, with links read as printed). Null where nothing is recorded.
template <class T>
struct SamTrace {
  T *gates, *cell, *rows;
  IndexOf<T>*changed, *slots;
  T* weights;
  IndexOf<T>* mixed_slots;
  T* mixed;
};

// Memory, ring and links after the window may be those before it, where nothing is recorded. Words are NaN for a state whose
// numbers cannot be.
template <class T>
using SamForward = WindowForward<T, SamDims, SamState, SamTrace>;

// The indices of dafter are null; dbefore.memory is null where no gradient at it is wanted.
template <class T>
struct SamBackward : WindowBackward<T, SamDims, SamState, SamTrace> {
  const T* memory_after;  // what forward left; not changed: the rows that the window touched are copied and rolled back
  T* start;  // the memory before the window as the roll-back leaves it, [B,C,W]; null unless wanted
};

template <class T>
i64 sam_forward_workspace(const SamDims& d, int workers);
template <class T>
i64 sam_backward_workspace(const SamDims& d, int workers);

// Same bits for every number of threads. Samples are independent until the weight gradients, which add up in time order.
// `continues`: workspace and state, which is changed in place, are as the same window left them when it ran last, so that index,
// lists of links and marks are still those of the state; then no work depends on its rows.
template <class T>
void sam_forward(const SamForward<T>& job, void* workspace, int workers, bool continues = false);
template <class T>
void sam_backward(const SamBackward<T>& job, void* workspace, int workers);

// The same on a GPU; `lengths` of a job lies on the host there too.
namespace cuda {
template <class T>
i64 sam_forward_bytes(const SamDims& d);
template <class T>
void sam_forward(Stream stream, const SamForward<T>& job, void* workspace);
template <class T>
i64 sam_backward_bytes(const SamDims& d);
template <class T>
void sam_backward(Stream stream, const SamBackward<T>& job, void* workspace);
}  // namespace cuda

}  // namespace mg
