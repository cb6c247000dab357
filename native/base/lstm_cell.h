// The LSTM cell, shared by the ops lstm, conv_lstm and network (Huynh, Maire, Walter 2020, section 3.1; gates i, u, f, o):
//   i = sigmoid(s_i + p_i c')   u = tanh(s_u)   f = sigmoid(s_f + b + p_f c')   c = f c' + i u
//   o = sigmoid(s_o + p_o c)    h = o tanh(c)            s: the four sums, c': the previous cell, b: forget bias, p: peepholes
// T is float, double, or a lane vector (base/host/lanes.h).
#pragma once
#include "math.h"
#include "platform.h"

namespace mg {

template <class T>
struct Gates {
  T i, u, f, o;
};
template <class T>
struct State {
  T h, c;
};
// Per-channel peephole weights; all zero where a cell has none.
template <class T>
struct Peephole {
  T i, f, o;
};

// Four planes, `plane` values apart; load(p) and store(p, value) where a value is not one T, or kept otherwise.
template <class T, class Load>
MG_HD auto load_gates(const T* p, i64 plane, Load&& load) -> Gates<decltype(load(p))> {
  return {load(p), load(p + plane), load(p + 2 * plane), load(p + 3 * plane)};
}
template <class T>
MG_HD Gates<T> load_gates(const T* p, i64 plane) {
  return {p[0], p[plane], p[2 * plane], p[3 * plane]};
}
template <class T, class V, class Store>
MG_HD void store_gates(T* p, i64 plane, const Gates<V>& a, Store&& store) {
  store(p, a.i), store(p + plane, a.u), store(p + 2 * plane, a.f), store(p + 3 * plane, a.o);
}
template <class T>
MG_HD void store_gates(T* p, i64 plane, const Gates<T>& a) {
  p[0] = a.i, p[plane] = a.u, p[2 * plane] = a.f, p[3 * plane] = a.o;
}
template <class T>
MG_HD Peephole<T> load_peephole(const T* p, i64 plane) {
  return {p[0], p[plane], p[2 * plane]};
}

// The first half of a step: `a` holds sums, of which i, u and f become gates; hands back c.
template <class T>
MG_HD T new_cell(Gates<T>& a, T c_prev, T forget_bias) {
  a.i = sigmoid(a.i);
  a.u = mg::tanh(a.u);
  a.f = sigmoid(T(a.f + forget_bias));
  return a.f * c_prev + a.i * a.u;
}
template <class T>
MG_HD T new_cell(Gates<T>& a, T c_prev, T forget_bias, Peephole<T> p) {
  a.i = sigmoid(T(a.i + p.i * c_prev));
  a.u = mg::tanh(a.u);
  a.f = sigmoid(T((a.f + forget_bias) + p.f * c_prev));
  return a.f * c_prev + a.i * a.u;
}
// The second half: the sum o (with a peephole, p_o c added) becomes a gate; hands back h.
template <class T>
MG_HD T new_hidden(T& o, T c) {
  o = sigmoid(o);
  return o * mg::tanh(c);
}

// One step from the four sums; `a` receives the squashed gates, all that backward needs beside c and c'.
template <class T>
MG_HD State<T> cell(Gates<T> sums, T c_prev, T forget_bias, Peephole<T> p, Gates<T>& a) {
  a = sums;
  const T c = new_cell(a, c_prev, forget_bias, p);
  a.o = a.o + p.o * c;
  return {new_hidden(a.o, c), c};
}

template <class T>
MG_HD State<T> cell(Gates<T> sums, T c_prev, T forget_bias, Gates<T>& a) {
  a = sums;
  const T c = new_cell(a, c_prev, forget_bias);
  return {new_hidden(a.o, c), c};
}

// Gradient at the four sums, from dh and dc (both from above and from the next step); hands back dc_prev.
// a: squashed gates. The peephole weights get dp_i += di c', dp_f += df c', dp_o += do c.
template <class T>
MG_HD Gates<T> cell_backward(Gates<T> a, T c, T c_prev, T dh, T dc, Peephole<T> p, T& dc_prev) {
  const T q = mg::tanh(c);
  Gates<T> d;
  d.o = dh * q * (a.o * (1 - a.o));
  const T dcell = dc + dh * a.o * (1 - q * q) + p.o * d.o;
  d.i = dcell * a.u * (a.i * (1 - a.i));
  d.u = dcell * a.i * (1 - a.u * a.u);
  d.f = dcell * c_prev * (a.f * (1 - a.f));
  dc_prev = dcell * a.f + p.i * d.i + p.f * d.f;
  return d;
}

template <class T>
MG_HD Gates<T> cell_backward(Gates<T> a, T c, T c_prev, T dh, T dc, T& dc_prev) {
  const T q = mg::tanh(c);
  Gates<T> d;
  d.o = dh * q * (a.o * (1 - a.o));
  const T dcell = dc + dh * a.o * (1 - q * q);
  d.i = dcell * a.u * (a.i * (1 - a.i));
  d.u = dcell * a.i * (1 - a.u * a.u);
  d.f = dcell * c_prev * (a.f * (1 - a.f));
  dc_prev = dcell * a.f;
  return d;
}

}  // namespace mg
