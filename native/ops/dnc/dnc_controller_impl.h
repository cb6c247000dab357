// The LSTM controller: products of a few rows with weights that are read once for all of them, and the cell.
#pragma once
#include "../../base/lstm_cell.h"
#include "dnc_access_impl.h"

namespace mg {
namespace {

constexpr i64 controller_rows = 4;  // rows that share a walk over the weights

// c_i[n] += sum_k a_i[k] w[k][n] for P rows i, k in [begin, end) and Q vectors of columns from n on, or `part` lanes of one.
// `ahead`: weights to be fetched meanwhile.
template <class T, int P, int Q>
MG_HD void product_tile(T* const* c, const T* const* a, i64 begin, i64 end, const T* w, i64 columns, i64 n, int part, Ahead& ahead) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  typename S::V sum[P][Q], row[Q];
  for (int i = 0; i < P; i++) {
    for (int q = 0; q < Q; q++) sum[i][q] = part ? S::load_part(c[i] + n, part) : S::load(c[i] + n + q * N);
  }
  Ahead lines = ahead;
  for (i64 k = begin; k < end; k++) {
    const T* from = w + k * columns + n;
    lines.fetch();
    for (int q = 0; q < Q; q++) row[q] = part ? S::load_part(from, part) : S::load(from + q * N);
    for (int i = 0; i < P; i++) {
      const auto x = S::splat(a[i][k]);
      for (int q = 0; q < Q; q++) sum[i][q] = S::fma(x, row[q], sum[i][q]);
    }
  }
  for (int i = 0; i < P; i++) {
    for (int q = 0; q < Q; q++) {
      if (part) S::store_part(c[i] + n, sum[i][q], part);
      else S::store(c[i] + n + q * N, sum[i][q]);
    }
  }
  ahead = lines;
}

template <class T, int P>
void products_of(T* const* c, const T* const* a, i64 begin, i64 end, const T* w, i64 columns, Ahead& ahead) {
  constexpr int N = wide<T>, Q = vector_registers == 32 ? 4 : 2;
  i64 n = 0;
  for (; n + Q * N <= columns; n += Q * N) product_tile<T, P, Q>(c, a, begin, end, w, columns, n, 0, ahead);
  for (; n + N <= columns; n += N) product_tile<T, P, 1>(c, a, begin, end, w, columns, n, 0, ahead);
  if (n < columns) product_tile<T, P, 1>(c, a, begin, end, w, columns, n, int(columns - n), ahead);
}

constexpr i64 weight_block_bytes = 128 << 10;  // rows of the weights that stay in the cache while all samples use them

// c_i += a_i W for `rows` rows, W [depth][columns]. The sums of a row do not depend on the others.
template <class T>
void products(i64 rows, T* const* c, const T* const* a, i64 depth, const T* w, i64 columns) {
  const i64 fitting = weight_block_bytes / (columns * i64(sizeof(T)) + 1), block = fitting < 4 ? 4 : fitting / 4 * 4;
  for (i64 begin = 0; begin < depth; begin += block) {
    const i64 end = begin + block < depth ? begin + block : depth;
    Ahead ahead{reinterpret_cast<const char*>(w + end * columns)};
    i64 i = 0;
    for (; i + 4 <= rows; i += 4) products_of<T, 4>(c + i, a + i, begin, end, w, columns, ahead);
    if (i + 2 <= rows) products_of<T, 2>(c + i, a + i, begin, end, w, columns, ahead), i += 2;
    if (i < rows) products_of<T, 1>(c + i, a + i, begin, end, w, columns, ahead);
  }
}

// c_i[k] (+)= d_i . w[k] for P rows i and Q consecutive k.
template <class T, int P, int Q>
MG_HD void transposed_rows(T* const* c, const T* const* d, i64 k, const T* w, i64 columns, bool add) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  typename S::V sum[P][Q] = {};
  for (i64 n = 0; n < columns; n += N) {
    const int part = columns - n < N ? int(columns - n) : 0;
    typename S::V row[Q];
    for (int q = 0; q < Q; q++) row[q] = part ? S::load_part(w + q * columns + n, part) : S::load(w + q * columns + n);
    for (int i = 0; i < P; i++) {
      const auto x = part ? S::load_part(d[i] + n, part) : S::load(d[i] + n);
      for (int q = 0; q < Q; q++) sum[i][q] = S::fma(x, row[q], sum[i][q]);
    }
  }
  for (int i = 0; i < P; i++) {
    for (int q = 0; q < Q; q++) {
      const T s = lane_sum<T, N>(sum[i][q]);
      c[i][k + q] = add ? c[i][k + q] + s : s;
    }
  }
}

template <class T, int P>
void transposed_of(T* const* c, const T* const* d, i64 depth, const T* w, i64 columns, bool add) {
  constexpr int Q = vector_registers == 32 ? 4 : 2;
  i64 k = 0;
  for (; k + Q <= depth; k += Q) transposed_rows<T, P, Q>(c, d, k, w + k * columns, columns, add);
  for (; k < depth; k++) transposed_rows<T, P, 1>(c, d, k, w + k * columns, columns, add);
}

// c_i (+)= d_i W^T for `rows` rows, W [depth][columns].
template <class T>
void transposed_products(i64 rows, T* const* c, const T* const* d, i64 depth, const T* w, i64 columns, bool add) {
  for (; rows >= 4; rows -= 4, c += 4, d += 4) transposed_of<T, 4>(c, d, depth, w, columns, add);
  if (rows >= 2) transposed_of<T, 2>(c, d, depth, w, columns, add), rows -= 2, c += 2, d += 2;
  if (rows) transposed_of<T, 1>(c, d, depth, w, columns, add);
}

// Squashes the sums in place; hidden and cell of the step before give way to the clipped new ones.
template <class T>
void controller_cell(const DncDims& d, T* gates, T* hidden, T* cell_state) {
  const i64 H = d.hidden;
  const T limit = d.clip > 0 ? T(d.clip) : T(INFINITY);
  const auto step = [&](i64 j, auto lanes) __attribute__((always_inline)) {
    using S = Simd<T, decltype(lanes)::value>;
    Gates<typename S::V> a;
    const auto next = cell(Gates<typename S::V>{S::load(gates + j), S::load(gates + H + j), S::load(gates + 2 * H + j), S::load(gates + 3 * H + j)},
                           S::load(cell_state + j), S::splat(T(d.forget_bias)), a);
    S::store(gates + j, a.i), S::store(gates + H + j, a.u), S::store(gates + 2 * H + j, a.f), S::store(gates + 3 * H + j, a.o);
    const auto top = S::splat(limit), low = S::splat(-limit);
    const auto h = next.h > top ? top : next.h, c = next.c > top ? top : next.c;
    S::store(hidden + j, h < low ? low : h);
    S::store(cell_state + j, c < low ? low : c);
  };
  i64 j = 0;
  for (; j + wide<T> <= H; j += wide<T>) step(j, std::integral_constant<int, wide<T>>{});
  for (; j < H; j++) {
    Gates<T> a;
    const State<T> next = cell(Gates<T>{gates[j], gates[H + j], gates[2 * H + j], gates[3 * H + j]}, cell_state[j], T(d.forget_bias), a);
    gates[j] = a.i, gates[H + j] = a.u, gates[2 * H + j] = a.f, gates[3 * H + j] = a.o;
    hidden[j] = dnc_within(next.h, limit);
    cell_state[j] = dnc_within(next.c, limit);
  }
}

// dcell in: at the clipped cell, out: at the one before. gates: squashed.
template <class T>
void controller_backward(const DncDims& d, const T* gates, const T* cell_before, const T* dhidden, T* dcell, T* dsums) {
  const i64 H = d.hidden;
  const T limit = d.clip > 0 ? T(d.clip) : T(INFINITY);
  for (i64 j = 0; j < H; j++) {
    const Gates<T> a{gates[j], gates[H + j], gates[2 * H + j], gates[3 * H + j]};
    const T c = a.f * cell_before[j] + a.i * a.u, h = a.o * mg::tanh(c);
    const T dh = std::fabs(h) <= limit ? dhidden[j] : T(0), dc = std::fabs(c) <= limit ? dcell[j] : T(0);
    const Gates<T> g = cell_backward(a, c, cell_before[j], dh, dc, dcell[j]);
    dsums[j] = g.i, dsums[H + j] = g.u, dsums[2 * H + j] = g.f, dsums[3 * H + j] = g.o;
  }
}

// One block of columns of a weight gradient, all rows of the window in order.
template <class T, int K, int C>
MG_HD void outer_block(const DncOuter<T>& job, i64 k, i64 n, int part) {
  constexpr int N = wide<T>;
  using S = Simd<T, N>;
  typename S::V sum[K][C] = {};
  for (i64 m = 0; m < job.rows; m++) {
    const T *a = job.a + m * job.a_pitch + k, *d = job.d + m * job.d_pitch + n;
    typename S::V row[C];
    for (int c = 0; c < C; c++) row[c] = part ? S::load_part(d + c * N, part) : S::load(d + c * N);
    for (int i = 0; i < K; i++) {
      const auto x = S::splat(a[i]);
      for (int c = 0; c < C; c++) sum[i][c] = S::fma(x, row[c], sum[i][c]);
    }
  }
  for (int i = 0; i < K; i++) {
    for (int c = 0; c < C; c++) {
      T* to = job.grad + (k + i) * job.d_pitch + n + c * N;
      if (part) S::store_part(to, sum[i][c], part);
      else S::store(to, sum[i][c]);
    }
  }
}

template <class T, int C>
void outer_columns(const DncOuter<T>& job, i64 n, int part) {
  constexpr int K = vector_registers == 32 ? 4 : 2;
  i64 k = job.begin;
  for (; k + K <= job.end; k += K) outer_block<T, K, C>(job, k, n, part);
  for (; k < job.end; k++) outer_block<T, 1, C>(job, k, n, part);
}

template <class T>
void outer(const DncOuter<T>& job) {
  constexpr int N = wide<T>;
  const i64 end = job.column + job.width;
  i64 n = job.column;
  for (; n + 4 * N <= end; n += 4 * N) outer_columns<T, 4>(job, n, 0);
  for (; n + N <= end; n += N) outer_columns<T, 1>(job, n, 0);
  if (n < end) outer_columns<T, 1>(job, n, int(end - n));
}

}  // namespace
}  // namespace mg
