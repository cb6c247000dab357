// The LSTM controller's cell, and the gradients of its weights.
#pragma once
#include "../controller.h"
#include "gradients.h"
#include "products_impl.h"

namespace mg {
namespace {

// Squashes the sums in place; hidden and cell of the step before give way to the clipped new ones.
template <class T, class Dims>
void controller_cell(const Dims& d, T* gates, T* hidden, T* cell_state) {
  const i64 H = d.hidden;
  const T limit = controller_limit<T>(d);
  const auto step = [&](i64 j, auto lanes) __attribute__((always_inline)) {
    using S = Simd<T, decltype(lanes)::value>;
    Gates<typename S::V> a;
    const auto next = cell(load_gates(gates + j, H, S::load), S::load(cell_state + j), S::splat(T(d.forget_bias)), a);
    store_gates(gates + j, H, a, S::store);
    S::store(hidden + j, controller_within(next.h, S::splat(limit)));
    S::store(cell_state + j, controller_within(next.c, S::splat(limit)));
  };
  i64 j = 0;
  for (; j + wide<T> <= H; j += wide<T>) step(j, std::integral_constant<int, wide<T>>{});
  for (; j < H; j++) {
    Gates<T> a;
    const State<T> next = cell(load_gates(gates + j, H), cell_state[j], T(d.forget_bias), a);
    store_gates(gates + j, H, a);
    hidden[j] = controller_within(next.h, limit);
    cell_state[j] = controller_within(next.c, limit);
  }
}

// dcell in: at the clipped cell, out: at the one before. gates: squashed.
template <class T, class Dims>
void controller_backward(const Dims& d, const T* gates, const T* cell_before, const T* dhidden, T* dcell, T* dsums) {
  const i64 H = d.hidden;
  const T limit = controller_limit<T>(d);
  for (i64 j = 0; j < H; j++) {
    store_gates(dsums + j, H, controller_gradient(load_gates(gates + j, H), cell_before[j], limit, dhidden[j], dcell[j]));
  }
}

// One block of columns of a weight gradient, all rows of the window in order.
template <class T, int K, int C>
MG_HD void outer_block(const OuterBlock<T>& job, i64 k, i64 n, int part) {
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
void outer_columns(const OuterBlock<T>& job, i64 n, int part) {
  constexpr int K = vector_registers == 32 ? 4 : 2;
  i64 k = job.begin;
  for (; k + K <= job.end; k += K) outer_block<T, K, C>(job, k, n, part);
  for (; k < job.end; k++) outer_block<T, 1, C>(job, k, n, part);
}

template <class T>
void outer(const OuterBlock<T>& job) {
  constexpr int N = wide<T>;
  const i64 end = job.column + job.width;
  i64 n = job.column;
  for (; n + 4 * N <= end; n += 4 * N) outer_columns<T, 4>(job, n, 0);
  for (; n + N <= end; n += N) outer_columns<T, 1>(job, n, 0);
  if (n < end) outer_columns<T, 1>(job, n, int(end - n));
}

}  // namespace
}  // namespace mg
