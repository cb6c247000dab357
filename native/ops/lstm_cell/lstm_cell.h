// One LSTM step on its own, from the four sums of each cell; the equations are in base/lstm_cell.h. Cells [rows, channels],
// sums and squashed gates [rows, 4 · channels] in the order i, u, f, o. Peephole weights [3, period] for i, f, o, shared by all
// cells of equal index modulo `period`: channels for one weight per channel, more for one per position. Backward needs the
// squashed gates and both cells.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/host/column_sums.h"
#include "../../base/platform.h"

namespace mg {

struct LstmCellDims {
  i64 rows, channels;
  i64 period;  // peephole weights per gate, a multiple of channels that divides cells(); 0: no peepholes

  i64 cells() const { return rows * channels; }
  ColumnSums peephole_sums() const { return {period == 0 ? 0 : cells() / period, 3 * period}; }
  i64 workspace_bytes() const { return peephole_sums().workspace_bytes() + 3 * period * i64(sizeof(double)); }
};

template <class T>
void lstm_cell_forward(const LstmCellDims& dims, const T* sums, const T* c_prev, const T* peephole, T forget_bias, T* hidden,
                       T* cell, T* gates);

// dh or dc may be null (zero), dpeephole too (not wanted); peephole is null exactly when period is 0.
template <class T>
void lstm_cell_backward(const LstmCellDims& dims, const T* dh, const T* dc, const T* gates, const T* cell, const T* c_prev,
                        const T* peephole, T* dsums, T* dc_prev, T* dpeephole, double* workspace);

namespace cuda {
template <class T>
void lstm_cell_forward(Stream stream, const LstmCellDims& dims, const T* sums, const T* c_prev, const T* peephole, T forget_bias,
                       T* hidden, T* cell, T* gates);
template <class T>
void lstm_cell_backward(Stream stream, const LstmCellDims& dims, const T* dh, const T* dc, const T* gates, const T* cell,
                        const T* c_prev, const T* peephole, T* dsums, T* dc_prev, T* dpeephole, double* workspace);
}  // namespace cuda

}  // namespace mg
