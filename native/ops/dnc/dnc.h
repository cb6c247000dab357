// The differentiable neural computer over a window of steps: controller, interface and memory access in one call.
// Graves et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538 (2016), and the code
// that its authors released, which differs in places; DncDims says which form is meant. One step, in the official form:
//   z = [x ; words' ; h'] W_g + b_g;  LSTM with gates i, u, f, o;  h, c clipped to ±clip;  xi = h W_xi + b_xi
//   u  = (u' + (1 - u') (1 - prod_v (1 - w'_v))) prod_r (1 - free_r r'_r)      usage; no gradient into w'
//   w_v = gw_v (ga_v alloc(u) + (1 - ga_v) content(M', key_v, strength_v))      write weights
//   M  = M' prod_v (1 - w_v e_v^T) + sum_v w_v v_v^T                            memory
//   L_v[i,j] = (1 - w_i - w_j) L'_v[i,j] + w_i p'_v[j], diagonal 0               temporal links
//   p_v = (1 - sum w_v) p'_v + w_v                                              precedence
//   r  = sum_v pi_b L_v^T r' + sum_v pi_f L_v r' + pi_c content(M, key, strength);  words = r M
// A prime marks the step before. Primed and new state never share memory, except in the link where a step may work in place.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/memory/window.h"

namespace mg {

struct DncDims {
  i64 steps, batch, inputs, hidden;       // hidden 0: no controller, the inputs are the interface
  i64 slots, word, reads, writes;
  bool oneplus;                           // strengths 1 + softplus (paper) instead of softplus (official)
  bool usage_gradient;                    // usage passes gradient into the write weights of the step before (paper)
  bool content_second;                    // read modes: backward, content, forward (paper); else backward, forward, content
  double forget_bias, clip, epsilon;      // clip 0: none; epsilon under norms, in the cosine and in usage

  MG_HD i64 words() const { return reads * word; }
  MG_HD i64 modes() const { return 1 + 2 * writes; }
  MG_HD i64 controller_rows() const { return inputs + words() + hidden; }
  MG_HD i64 pitch() const { return slot_pitch(slots); }
  MG_HD i64 links() const { return slots * slots; }           // of one write head of one sample
};

// Where each part of the interface vector begins.
struct DncInterface {
  i64 write_vectors, erase_vectors, free_gates, allocation_gates, write_gates, read_modes, write_keys, write_strengths, read_keys,
      read_strengths, size;
  MG_HD explicit DncInterface(const DncDims& d) {
    i64 at = 0;
    const auto next = [&](i64 count) {
      const i64 begin = at;
      at += count;
      return begin;
    };
    write_vectors = next(d.writes * d.word);
    erase_vectors = next(d.writes * d.word);
    free_gates = next(d.reads);
    allocation_gates = next(d.writes);
    write_gates = next(d.writes);
    read_modes = next(d.reads * (1 + 2 * d.writes));
    write_keys = next(d.writes * d.word);
    write_strengths = next(d.writes);
    read_keys = next(d.reads * d.word);
    read_strengths = next(d.reads);
    size = at;
  }
  MG_HD bool is_gate(i64 k) const { return k >= erase_vectors && k < read_modes; }
  MG_HD bool is_mode(i64 k) const { return k >= read_modes && k < write_keys; }
  MG_HD bool is_strength(i64 k) const { return (k >= write_strengths && k < read_keys) || k >= read_strengths; }
};

MG_HD i64 interface_size(const DncDims& d) { return DncInterface(d).size; }

// Places of the modes of one read head: backward of head v, forward of head v, content.
MG_HD i64 dnc_backward_mode(i64 v) { return v; }
MG_HD i64 dnc_forward_mode(const DncDims& d, i64 v) { return d.writes + v + (d.content_second ? 1 : 0); }
MG_HD i64 dnc_content_mode(const DncDims& d) { return d.content_second ? d.writes : 2 * d.writes; }

// ---- state and windows

// cell and hidden [B,H], words [B,R,W], memory [B,N,W], usage [B,N], link [B,V,N,N], precedence and write [B,V,N], read [B,R,N].
template <class T>
struct DncState {
  T *memory, *usage, *link, *precedence, *read, *write, *words, *hidden, *cell;
};
// What backward needs beside inputs and outputs: per step and sample the squashed gates [4H], cell [H], raw interface [D],
// and write [V], read [R] and usage vectors of pitch() each. Null where nothing is recorded.
template <class T>
struct DncTrace {
  T *gates, *cell, *interface, *write, *read, *usage;
};

// The link after a step may be that before it, where nothing is recorded.
template <class T>
using DncForward = WindowForward<T, DncDims, DncState, DncTrace>;

// No gradient is written at the links where dbefore.link is null.
template <class T>
struct DncBackward : WindowBackward<T, DncDims, DncState, DncTrace> {
  i64 link_budget_bytes;  // for the links that are rebuilt; the least that works is used where this is less
};

// Bytes of workspace for at most `workers` threads.
template <class T>
i64 dnc_forward_workspace(const DncDims& d, int workers);
template <class T>
i64 dnc_backward_workspace(const DncDims& d, i64 link_budget_bytes, bool wants_link, int workers);

// Same bits for every number of threads. Samples are independent until the weight gradients, which add up in time order.
template <class T>
void dnc_forward(const DncForward<T>& job, void* workspace, int workers);
template <class T>
void dnc_backward(const DncBackward<T>& job, void* workspace, int workers);

// The same on a GPU; `lengths` of a job lies on the host there too.
namespace cuda {
template <class T>
i64 dnc_forward_bytes(const DncDims& d);
template <class T>
void dnc_forward(Stream stream, const DncForward<T>& job, void* workspace);
template <class T>
i64 dnc_backward_bytes(const DncDims& d, i64 link_budget_bytes, bool wants_link);
template <class T>
void dnc_backward(Stream stream, const DncBackward<T>& job, void* workspace);
}  // namespace cuda

}  // namespace mg
