// The LSTM cell on the GPU.
#include "../../base/cuda/strips.h"
#include "../../base/lstm_cell.h"
#include "lstm_cell.h"

namespace mg {
namespace cuda {

template <class T>
void lstm_cell_forward(Stream stream, const LstmCellDims& d, const T* sums, const T* c_prev, const T* peephole, T forget_bias,
                       T* hidden, T* cell, T* gates) {
  const i64 channels = d.channels, period = d.period;
  each_element(stream, d.cells(), [=] MG_DEVICE(i64 n) {
    const i64 row = n / channels, at = row * 4 * channels + n - row * channels;
    const Gates<T> s = load_gates(sums + at, channels);
    Gates<T> a;
    const State<T> state = period == 0 ? mg::cell(s, c_prev[n], forget_bias, a)
                                       : mg::cell(s, c_prev[n], forget_bias, load_peephole(peephole + n % period, period), a);
    store_gates(gates + at, channels, a);
    hidden[n] = state.h;
    cell[n] = state.c;
  });
}

template <class T>
void lstm_cell_backward(Stream stream, const LstmCellDims& d, const T* dh, const T* dc, const T* gates, const T* cell,
                        const T* c_prev, const T* peephole, T* dsums, T* dc_prev, T* dpeephole, double* workspace) {
  const i64 channels = d.channels, period = d.period;
  each_element(stream, d.cells(), [=] MG_DEVICE(i64 n) {
    const i64 row = n / channels, at = row * 4 * channels + n - row * channels;
    const Gates<T> a = load_gates(gates + at, channels);
    const T up_h = dh == nullptr ? T(0) : dh[n], up_c = dc == nullptr ? T(0) : dc[n];
    const Gates<T> g =
        period == 0 ? cell_backward(a, cell[n], c_prev[n], up_h, up_c, dc_prev[n])
                    : cell_backward(a, cell[n], c_prev[n], up_h, up_c, load_peephole(peephole + n % period, period), dc_prev[n]);
    store_gates(dsums + at, channels, g);
  });
  if (dpeephole == nullptr || period == 0) return;
  // dp_i = Σ di c', dp_f = Σ df c', dp_o = Σ do c over the cells that share a weight.
  const ColumnSums table = d.peephole_sums();
  reduce_strips<AddUp>(
      stream, StripDims{1, table.rows, table.columns, table.rows_per_block()}, workspace,
      [=] MG_DEVICE(i64, i64 turn, i64 k) {
        const i64 gate = k / period, n = turn * period + (k - gate * period), row = n / channels;
        const Gates<T> g = load_gates(dsums + row * 4 * channels + n - row * channels, channels);
        const T sum = gate == 0 ? g.i : gate == 1 ? g.f : g.o;
        return double(sum) * double(gate == 2 ? cell[n] : c_prev[n]);
      },
      [=] MG_DEVICE(i64, i64 k, double total) { dpeephole[k] = T(total); });
}

#define MG_INSTANTIATE(T)                                                                                                      \
  template void lstm_cell_forward<T>(Stream, const LstmCellDims&, const T*, const T*, const T*, T, T*, T*, T*);                \
  template void lstm_cell_backward<T>(Stream, const LstmCellDims&, const T*, const T*, const T*, const T*, const T*, const T*, \
                                      T*, T*, T*, double*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
