// The LSTM cell on the CPU.
#include "../../base/lstm_cell.h"

#include <algorithm>

#include "../../base/host/rows.h"
#include "lstm_cell.h"

namespace mg {
namespace {

// dp_i = Σ di c', dp_f = Σ df c', dp_o = Σ do c over the cells that share a weight.
template <class T>
void peephole_gradient(const LstmCellDims& d, const T* dsums, const T* cell, const T* c_prev, T* dpeephole, double* workspace) {
  double* const totals = workspace;
  d.peephole_sums().run(workspace + 3 * d.period, totals, [&](i64 turn, double* sums) {
    for (i64 k = 0; k < d.period; k++) {
      const i64 n = turn * d.period + k;
      const Gates<T> g = load_gates(dsums + n / d.channels * 4 * d.channels + n % d.channels, d.channels);
      const double before = double(c_prev[n]);
      sums[k] += double(g.i) * before;
      sums[d.period + k] += double(g.f) * before;
      sums[2 * d.period + k] += double(g.o) * double(cell[n]);
    }
  });
  for (i64 k = 0; k < 3 * d.period; k++) dpeephole[k] = T(totals[k]);
}

}  // namespace

template <class T>
void lstm_cell_forward(const LstmCellDims& d, const T* sums, const T* c_prev, const T* peephole, T forget_bias, T* hidden,
                       T* cell, T* gates) {
  each_row(d.rows, 4 * d.channels, [&](i64 row) {
    const T* from = sums + row * 4 * d.channels;
    T* to = gates + row * 4 * d.channels;
    const i64 first = row * d.channels, weight = d.period == 0 ? 0 : first % d.period;
    for (i64 c = 0; c < d.channels; c++) {
      Gates<T> a;
      const Gates<T> s = load_gates(from + c, d.channels);
      State<T> state;
      if (d.period == 0) state = mg::cell(s, c_prev[first + c], forget_bias, a);
      else state = mg::cell(s, c_prev[first + c], forget_bias, load_peephole(peephole + weight + c, d.period), a);
      store_gates(to + c, d.channels, a);
      hidden[first + c] = state.h;
      cell[first + c] = state.c;
    }
  });
}

template <class T>
void lstm_cell_backward(const LstmCellDims& d, const T* dh, const T* dc, const T* gates, const T* cell, const T* c_prev,
                        const T* peephole, T* dsums, T* dc_prev, T* dpeephole, double* workspace) {
  each_row(d.rows, 4 * d.channels, [&](i64 row) {
    const T* from = gates + row * 4 * d.channels;
    T* to = dsums + row * 4 * d.channels;
    const i64 first = row * d.channels, weight = d.period == 0 ? 0 : first % d.period;
    for (i64 c = 0; c < d.channels; c++) {
      const i64 n = first + c;
      const Gates<T> a = load_gates(from + c, d.channels);
      const T up_h = dh == nullptr ? T(0) : dh[n], up_c = dc == nullptr ? T(0) : dc[n];
      Gates<T> g;
      if (d.period == 0) g = cell_backward(a, cell[n], c_prev[n], up_h, up_c, dc_prev[n]);
      else g = cell_backward(a, cell[n], c_prev[n], up_h, up_c, load_peephole(peephole + weight + c, d.period), dc_prev[n]);
      store_gates(to + c, d.channels, g);
    }
  });
  if (dpeephole != nullptr) peephole_gradient(d, dsums, cell, c_prev, dpeephole, workspace);
}

#define MG_INSTANTIATE(T)                                                                                                      \
  template void lstm_cell_forward<T>(const LstmCellDims&, const T*, const T*, const T*, T, T*, T*, T*);                        \
  template void lstm_cell_backward<T>(const LstmCellDims&, const T*, const T*, const T*, const T*, const T*, const T*, T*, T*, \
                                      T*, double*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
