// The passes over a link matrix, the only part of a step whose cost grows with the square of the slots. Forward writes the
// new matrix and gathers both directional reads in one walk; backward walks once over the matrix before and its gradient.
#pragma once
#include "dnc_slots_impl.h"

namespace mg {
namespace {

template <class T>
struct LinkPass {
  i64 slots, pitch;             // pitch of all vectors
  const T* before;              // [N] rows of before_pitch
  i64 before_pitch;
  T* after;                     // may be `before`
  i64 after_pitch;
  const T *write, *precedence;  // [pitch]; precedence of the step before
  const T* reads;               // [R][pitch] of the step before
  T *along, *against;           // [R][pitch]: L r and L^T r
};

template <class T>
struct LinkBackwardPass {
  i64 slots, pitch;
  const T* before;
  i64 before_pitch;
  T* grad;                      // in: dL, out: dL of the step before (last group of heads only); rows of grad_pitch
  i64 grad_pitch;
  const T *write, *precedence;
  const T *dread;               // [R][pitch]
  const T *scaled, *broadcast;  // [R][pitch]: pi_f r' and pi_b r'
  T *along, *against;           // [R][pitch]: L dread and L^T dread
  T *dwrite_row, *dwrite_column, *dprecedence;  // [pitch] each, written by the last group of heads
};

constexpr int link_group = 4;   // read heads that share a walk

// Calls body(first column, lanes or 0 for all, whether the diagonal of rows [row, row + P) crosses) for every vector of a row.
template <int P, int N, class Body>
MG_HD void walk_columns(i64 slots, i64 row, Body&& body) {
  const i64 whole = slots / N, tail = slots % N, first = row / N, last = (row + P - 1) / N;
  i64 j = 0;
  for (; j < first; j++) body(j * N, 0, false);
  for (; j <= last && j < whole; j++) body(j * N, 0, true);
  for (; j < whole; j++) body(j * N, 0, false);
  if (tail) body(whole * N, int(tail), last >= whole);
}

template <class T, int P, int R, bool Update>
inline void link_rows(const LinkPass<T>& job, i64 row) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  // Copies, because the compiler must expect a store of a vector to change any field of the job.
  const i64 pitch = job.pitch, before_pitch = job.before_pitch, after_pitch = job.after_pitch;
  const T *const write = job.write, *const precedence = job.precedence, *const reads = job.reads;
  T* const against = job.against;
  V sum[P][R ? R : 1] = {}, weight[P], rest[P], read[P][R ? R : 1];
  for (int i = 0; i < P; i++) {
    weight[i] = S::splat(job.write[row + i]);
    rest[i] = S::splat(T(1) - job.write[row + i]);
    for (int r = 0; r < R; r++) read[i][r] = S::splat(job.reads[r * job.pitch + row + i]);
  }
  const T* const from = job.before + row * before_pitch;
  T* const to = job.after + row * after_pitch;
  walk_columns<P, N>(job.slots, row, [&](i64 j, int part, bool diagonal) __attribute__((always_inline)) {
    V next[P];
    const V w = S::load(write + j), p = S::load(precedence + j);
    for (int i = 0; i < P; i++) {
      if constexpr (Update) {
        const T* const at = from + i * before_pitch + j;
        __builtin_prefetch(at + P * before_pitch);
        next[i] = dnc_link(part ? S::load_part(at, part) : S::load(at), rest[i], weight[i], w, p, S::fma);
        if (diagonal && row + i >= j && row + i < j + N) next[i][row + i - j] = T(0);
        if (part) S::store_part(to + i * after_pitch + j, next[i], part);
        else S::store(to + i * after_pitch + j, next[i]);
      } else {
        next[i] = part ? S::load_part(to + i * after_pitch + j, part) : S::load(to + i * after_pitch + j);
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const V old = S::load(reads + r * pitch + j);
      V column = S::load(against + r * pitch + j);
      for (int i = 0; i < P; i++) {
        sum[i][r] = S::fma(next[i], old, sum[i][r]);
        column = S::fma(next[i], read[i][r], column);
      }
      S::store(against + r * pitch + j, column);
    }
  });
  for (int i = 0; i < P; i++) {
    for (int r = 0; r < R; r++) job.along[r * job.pitch + row + i] = lane_sum<T, N>(sum[i][r]);
  }
}

template <class T, int R, bool Update>
void link_group_pass(const LinkPass<T>& job) {
  constexpr int P = vector_registers == 32 ? 4 : 2;
  for (i64 k = 0; k < R * job.pitch; k++) job.along[k] = job.against[k] = T(0);
  i64 row = 0;
  for (; row + P <= job.slots; row += P) link_rows<T, P, R, Update>(job, row);
  for (; row < job.slots; row++) link_rows<T, 1, R, Update>(job, row);
}

template <class T, bool Update>
void link_heads(const LinkPass<T>& job, i64 reads) {
  if (reads >= 4) link_group_pass<T, 4, Update>(job);
  else if (reads == 3) link_group_pass<T, 3, Update>(job);
  else if (reads == 2) link_group_pass<T, 2, Update>(job);
  else if (reads == 1) link_group_pass<T, 1, Update>(job);
  else if (Update) link_group_pass<T, 0, Update>(job);
}

// The new links and, for each of `reads` heads, L r and L^T r.
template <class T>
void link_forward(LinkPass<T> job, i64 reads) {
  link_heads<T, true>(job, reads);
  for (i64 done = link_group; done < reads; done += link_group) {
    job.reads += link_group * job.pitch, job.along += link_group * job.pitch, job.against += link_group * job.pitch;
    link_heads<T, false>(job, reads - done);
  }
}

// With G = dL + sum_r dread_r (pi_f r'_r)^T + (pi_b r'_r) dread_r^T, off the diagonal:
//   along = L dread, against = L^T dread, dw_i += sum_j G_ij (p'_j - L'_ij) - sum_j G_ji L'_ji, dp'_j = sum_i w_i G_ij,
//   dL' = (1 - w_i - w_j) G
template <class T, int P, int R, bool Last>
inline void link_backward_rows(const LinkBackwardPass<T>& job, i64 row) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  const i64 pitch = job.pitch, before_pitch = job.before_pitch, grad_pitch = job.grad_pitch;
  const T *const write = job.write, *const precedence = job.precedence, *const scaled_reads = job.scaled, *const dreads = job.dread;
  T *const against = job.against, *const dcolumn = job.dwrite_column, *const dprecedence = job.dprecedence;
  V sum[P][R ? R : 1] = {}, row_sum[P] = {}, weight[P], rest[P], dread[P][R ? R : 1], read[P][R ? R : 1];
  for (int i = 0; i < P; i++) {
    weight[i] = S::splat(job.write[row + i]);
    rest[i] = S::splat(T(1) - job.write[row + i]);
    for (int r = 0; r < R; r++) {
      dread[i][r] = S::splat(job.dread[r * job.pitch + row + i]);
      read[i][r] = S::splat(job.broadcast[r * job.pitch + row + i]);
    }
  }
  const T* const from = job.before + row * before_pitch;
  T* const grad = job.grad + row * grad_pitch;
  walk_columns<P, N>(job.slots, row, [&](i64 j, int part, bool diagonal) __attribute__((always_inline)) {
    const V w = S::load(write + j), p = S::load(precedence + j);
    V before[P], next[P], g[P];
    for (int i = 0; i < P; i++) {
      __builtin_prefetch(from + (P + i) * before_pitch + j);
      __builtin_prefetch(grad + (P + i) * grad_pitch + j, 1);
      before[i] = part ? S::load_part(from + i * before_pitch + j, part) : S::load(from + i * before_pitch + j);
      g[i] = part ? S::load_part(grad + i * grad_pitch + j, part) : S::load(grad + i * grad_pitch + j);
      next[i] = dnc_link(before[i], rest[i], weight[i], w, p, S::fma);
      if (diagonal && row + i >= j && row + i < j + N) next[i][row + i - j] = T(0);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const V scaled = S::load(scaled_reads + r * pitch + j), down = S::load(dreads + r * pitch + j);
      V column = S::load(against + r * pitch + j);
      for (int i = 0; i < P; i++) {
        g[i] = S::fma(dread[i][r], scaled, g[i]);
        g[i] = S::fma(read[i][r], down, g[i]);
        sum[i][r] = S::fma(next[i], down, sum[i][r]);
        column = S::fma(next[i], dread[i][r], column);
      }
      S::store(against + r * pitch + j, column);
    }
    if constexpr (Last) {
      V column = S::load(dcolumn + j), dp = S::load(dprecedence + j);
      for (int i = 0; i < P; i++) {
        if (diagonal && row + i >= j && row + i < j + N) g[i][row + i - j] = T(0);
        row_sum[i] = S::fma(g[i], p - before[i], row_sum[i]);
        column = S::fma(g[i], before[i], column);
        dp = S::fma(weight[i], g[i], dp);
        g[i] = (rest[i] - w) * g[i];
      }
      S::store(dcolumn + j, column);
      S::store(dprecedence + j, dp);
    }
    for (int i = 0; i < P; i++) {
      if (part) S::store_part(grad + i * grad_pitch + j, g[i], part);
      else S::store(grad + i * grad_pitch + j, g[i]);
    }
  });
  for (int i = 0; i < P; i++) {
    for (int r = 0; r < R; r++) job.along[r * job.pitch + row + i] = lane_sum<T, N>(sum[i][r]);
    if (Last) job.dwrite_row[row + i] = lane_sum<T, N>(row_sum[i]);
  }
}

template <class T, int R, bool Last>
void link_backward_group(const LinkBackwardPass<T>& job) {
  constexpr int P = vector_registers == 32 ? 2 : 1;
  for (i64 k = 0; k < R * job.pitch; k++) job.along[k] = job.against[k] = T(0);
  for (i64 k = 0; Last && k < job.pitch; k++) job.dwrite_row[k] = job.dwrite_column[k] = job.dprecedence[k] = T(0);
  i64 row = 0;
  for (; row + P <= job.slots; row += P) link_backward_rows<T, P, R, Last>(job, row);
  for (; row < job.slots; row++) link_backward_rows<T, 1, R, Last>(job, row);
}

template <class T>
void link_backward(LinkBackwardPass<T> job, i64 reads) {
  for (; reads > link_group; reads -= link_group) {
    link_backward_group<T, link_group, false>(job);
    const i64 step = link_group * job.pitch;
    job.dread += step, job.scaled += step, job.broadcast += step, job.along += step, job.against += step;
  }
  if (reads == 4) link_backward_group<T, 4, true>(job);
  else if (reads == 3) link_backward_group<T, 3, true>(job);
  else if (reads == 2) link_backward_group<T, 2, true>(job);
  else if (reads == 1) link_backward_group<T, 1, true>(job);
  else link_backward_group<T, 0, true>(job);
}

}  // namespace
}  // namespace mg
