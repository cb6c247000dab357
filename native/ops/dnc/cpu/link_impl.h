// The passes over a link matrix, the only part of a step whose cost grows with the square of the slots. Forward writes the
// new matrix and gathers both directional reads in one walk; backward walks once over the matrix before and its gradient.
#pragma once
#include "../../../base/memory/cpu/slots_impl.h"
#include "../dnc_math.h"

namespace mg {
namespace {

template <class T>
struct LinkPass {
  i64 slots, pitch;             // pitch of all vectors
  const T* before;              // [N][N]
  T* after;                     // may be `before`
  const T *write, *precedence;  // [pitch]; precedence of the step before
  const T* reads;               // [R][pitch] of the step before
  T *along, *against;           // [R][pitch]: L r and L^T r
};

template <class T>
struct LinkBackwardPass {
  i64 slots, pitch;
  const T* before;
  T* grad;                      // in: dL, out: dL of the step before (last group of heads only)
  const T *write, *precedence;
  const T* dread;               // [R][pitch]
  const T *scaled, *broadcast;  // [R][pitch]: pi_f r' and pi_b r'
  T *along, *against;           // [R][pitch]: L dread and L^T dread
  T *dwrite_row, *dwrite_column, *dprecedence;  // [pitch] each, written by the last group of heads
};

constexpr int link_group = 4;   // read heads that share a walk
constexpr i64 link_block = 12;  // rows that stay in the first cache between the walks by columns and by rows
constexpr int link_vectors = vector_registers == 32 ? 4 : 2;   // of columns, or rows, at once

// x with 0 in one lane, if there is such a lane.
template <class T, int N>
MG_HD Vec<T, N> without_lane(Vec<T, N> x, i64 lane) {
  using S = Simd<T, N>;
  Vec<T, N> number;
  for (int k = 0; k < N; k++) number[k] = T(k);
  return number == S::splat(T(lane)) ? S::splat(T(0)) : x;
}

// Calls body(first column, lanes or 0 for all, whether the diagonal of rows [row, row + P) crosses) for every vector of a row.
template <int P, int N, class Body>
MG_HD void walk_columns(i64 slots, i64 row, Body&& body) {
  const i64 whole = slots / N, tail = slots % N, first = row / N, last = (row + P - 1) / N;
  i64 j = 0;
  for (; j < first; j++) body(j * N, 0, false);
  for (; j <= last && j < whole; j++) body(j * N, 0, true);
  for (; j < whole; j++) body(j * N, 0, false);
  if (tail) body(whole * N, int(tail), true);
}

// How a tile of columns meets the rest: off the diagonal and within
// the row, within the row, or with a last vector that ends with it.
enum class Tile { plain, diagonal, last };

// Rows [row, row + rows), Q vectors of columns from j on: the new links, and what they add to against.
template <class T, int R, bool Update, Tile Kind, int Q>
inline void link_columns(const LinkPass<T>& job, i64 row, i64 rows, i64 j, Ahead ahead) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  using V = typename S::V;
  // Copies, because the compiler must expect a store of a vector to change any field of the job.
  const i64 pitch = job.pitch, slots = job.slots;
  const int lanes = Kind == Tile::last ? int(slots - j) - (Q - 1) * N : N;  // of the last vector
  const T* from = (Update ? job.before : job.after) + row * slots + j;
  const T *const write = job.write + row, *const reads = R ? job.reads + row : nullptr;
  T *to = job.after + row * slots + j, *const against = R ? job.against + j : nullptr;
  const auto is_part = [](int q) { return Kind == Tile::last && q == Q - 1; };
  const auto load = [&](const T* x, int q) { return is_part(q) ? S::load_part(x + q * N, lanes) : S::load(x + q * N); };
  const auto store = [&](T* x, int q, V v) { is_part(q) ? S::store_part(x + q * N, v, lanes) : S::store(x + q * N, v); };
  V sum[R ? R : 1][Q], w[Q], p[Q], link[Q];
  for (int q = 0; q < Q; q++) {
    for (int r = 0; r < R; r++) sum[r][q] = load(against + r * pitch, q);
    if (Update) w[q] = load(job.write + j, q), p[q] = load(job.precedence + j, q);
  }
  for (i64 i = 0; i < rows; i++) {
    ahead.fetch();
    if (R == 0) ahead.fetch();
    for (int q = 0; q < Q; q++) link[q] = load(from, q);
    if constexpr (Update) {
      const V weight = S::splat(write[i]), rest = S::splat(T(1) - write[i]);
      for (int q = 0; q < Q; q++) {
        link[q] = dnc_link(link[q], rest, weight, w[q], p[q], S::fma);
        if (Kind != Tile::plain) link[q] = without_lane<T, N>(link[q], row + i - (j + q * N));
        store(to, q, link[q]);
      }
    }
    for (int r = 0; r < R; r++) {
      const V read = S::splat(reads[r * pitch + i]);
      for (int q = 0; q < Q; q++) sum[r][q] = S::fma(link[q], read, sum[r][q]);
    }
    from += slots;
    to += slots;
  }
  for (int r = 0; r < R; r++) {
    for (int q = 0; q < Q; q++) store(against + r * pitch, q, sum[r][q]);
  }
}

// The same for the columns from j on that fill no tile.
template <class T, int R, bool Update, int Q = link_vectors>
void link_last_columns(const LinkPass<T>& job, i64 row, i64 rows, i64 j, Ahead ahead) {
  if constexpr (Q > 1) {
    if (job.slots - j <= (Q - 1) * wide<T>) return link_last_columns<T, R, Update, Q - 1>(job, row, rows, j, ahead);
  }
  link_columns<T, R, Update, Tile::last, Q>(job, row, rows, j, ahead);
}

// along of rows [row, row + P) for R heads, from the new links.
template <class T, int P, int R>
inline void link_rows(const LinkPass<T>& job, i64 row, Ahead ahead) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  const i64 slots = job.slots, pitch = job.pitch;
  const T *const reads = job.reads, *const link = job.after + row * slots;
  typename S::V sum[P * R];
  for (auto& x : sum) x = S::splat(T(0));
  const auto add = [&](i64 j, int part) __attribute__((always_inline)) {
    typename S::V x[P];
    ahead.fetch();
    for (int i = 0; i < P; i++) x[i] = part ? S::load_part(link + i * slots + j, part) : S::load(link + i * slots + j);
    for (int r = 0; r < R; r++) {
      const auto read = S::load(reads + r * pitch + j);
      for (int i = 0; i < P; i++) sum[r * P + i] = S::fma(x[i], read, sum[r * P + i]);
    }
  };
  i64 j = 0;
  for (; j + N <= slots; j += N) add(j, 0);
  if (j < slots) add(j, int(slots - j));
  T total[P * R];
  lane_sums<T, N, P * R>(sum, total);
  for (int r = 0; r < R; r++) copy(job.along + r * pitch + row, total + r * P, P);
}

template <class T, int R, bool Update>
void link_group_pass(const LinkPass<T>& job) {
  constexpr int P = link_vectors;
  constexpr i64 tile = link_vectors * wide<T>;
  const i64 slots = job.slots;
  for (i64 k = 0; k < R * job.pitch; k++) job.against[k] = job.along[k] = T(0);
  for (i64 begin = 0; begin < slots; begin += link_block) {
    const i64 rows = slots - begin < link_block ? slots - begin : link_block, end = begin + rows;
    const T* next = job.before + end * slots;  // to be fetched, half of it by columns, half by rows if they are walked
    for (i64 j = 0; j < slots; j += tile) {
      const Ahead ahead{reinterpret_cast<const char*>(next + (R ? j / 2 : j) * rows)};
      if (j + tile > slots) link_last_columns<T, R, Update>(job, begin, rows, j, ahead);
      else if (begin < j + tile && j < end) link_columns<T, R, Update, Tile::diagonal, P>(job, begin, rows, j, ahead);
      else link_columns<T, R, Update, Tile::plain, P>(job, begin, rows, j, ahead);
    }
    if constexpr (R > 0) {
      next += rows / 2 * slots;
      const auto ahead = [&](i64 row) { return Ahead{reinterpret_cast<const char*>(next + (row - begin) / 2 * slots)}; };
      i64 row = begin;
      for (; row + P <= end; row += P) link_rows<T, P, R>(job, row, ahead(row));
      for (; row < end; row++) link_rows<T, 1, R>(job, row, ahead(row));
    }
  }
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
  const i64 pitch = job.pitch, slots = job.slots;
  const T *const write = job.write, *const precedence = job.precedence, *const scaled_reads = job.scaled,
                 *const dreads = job.dread;
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
  const T* const from = job.before + row * slots;
  T* const grad = job.grad + row * slots;
  walk_columns<P, N>(job.slots, row, [&](i64 j, int part, bool diagonal) __attribute__((always_inline)) {
    const V w = S::load(write + j), p = S::load(precedence + j);
    V before[P], next[P], g[P];
    for (int i = 0; i < P; i++) {
      __builtin_prefetch(from + (P + i) * slots + j);
      __builtin_prefetch(grad + (P + i) * slots + j, 1);
      before[i] = part ? S::load_part(from + i * slots + j, part) : S::load(from + i * slots + j);
      g[i] = part ? S::load_part(grad + i * slots + j, part) : S::load(grad + i * slots + j);
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
      if (part) S::store_part(grad + i * slots + j, g[i], part);
      else S::store(grad + i * slots + j, g[i]);
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
