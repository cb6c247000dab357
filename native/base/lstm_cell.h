// The LSTM cell, shared by the ops lstm, conv_lstm and mg_layer (Huynh, Maire, Walter 2020, section 3.1; gates i, u, f, o):
//   i = sigmoid(s_i + p_i c')   u = tanh(s_u)   f = sigmoid(s_f + b + p_f c')   c = f c' + i u
//   o = sigmoid(s_o + p_o c)    h = o tanh(c)            s: the four sums, c': the previous cell, b: forget bias, p: peepholes
// T is float, double, or a lane vector (base/lanes.h).
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

// One step from the four sums; `a` receives the squashed gates, all that backward needs beside c and c'.
template <class T>
MG_HD State<T> cell(Gates<T> sums, T c_prev, T forget_bias, Peephole<T> p, Gates<T>& a) {
  a.i = sigmoid(T(sums.i + p.i * c_prev));
  a.u = mg::tanh(sums.u);
  a.f = sigmoid(T((sums.f + forget_bias) + p.f * c_prev));
  const T c = a.f * c_prev + a.i * a.u;
  a.o = sigmoid(T(sums.o + p.o * c));
  return {a.o * mg::tanh(c), c};
}

template <class T>
MG_HD State<T> cell(Gates<T> sums, T c_prev, T forget_bias, Gates<T>& a) {
  a.i = sigmoid(sums.i);
  a.u = mg::tanh(sums.u);
  a.f = sigmoid(T(sums.f + forget_bias));
  const T c = a.f * c_prev + a.i * a.u;
  a.o = sigmoid(sums.o);
  return {a.o * mg::tanh(c), c};
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
