// The LSTM controller's cell, and the gradients of its weights.
#pragma once
#include "../../../base/lstm_cell.h"
#include "products_impl.h"

namespace mg {
namespace {

// Squashes the sums in place; hidden and cell of the step before give way to the clipped new ones.
template <class T, class Dims>
void controller_cell(const Dims& d, T* gates, T* hidden, T* cell_state) {
  const i64 H = d.hidden;
  const T limit = d.clip > 0 ? T(d.clip) : T(INFINITY);
  const auto step = [&](i64 j, auto lanes) __attribute__((always_inline)) {
    using S = Simd<T, decltype(lanes)::value>;
    Gates<typename S::V> a;
    const auto next = cell(
        Gates<typename S::V>{S::load(gates + j), S::load(gates + H + j), S::load(gates + 2 * H + j), S::load(gates + 3 * H + j)},
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
    const State<T> next =
        cell(Gates<T>{gates[j], gates[H + j], gates[2 * H + j], gates[3 * H + j]}, cell_state[j], T(d.forget_bias), a);
    gates[j] = a.i, gates[H + j] = a.u, gates[2 * H + j] = a.f, gates[3 * H + j] = a.o;
    hidden[j] = dnc_within(next.h, limit);
    cell_state[j] = dnc_within(next.c, limit);
  }
}

// dcell in: at the clipped cell, out: at the one before. gates: squashed.
template <class T, class Dims>
void controller_backward(const Dims& d, const T* gates, const T* cell_before, const T* dhidden, T* dcell, T* dsums) {
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
