// The inner loops of the convolution, compiled once per instruction set and chosen at load time. They work on a *patch*:
// rows of pixels with all input channels of a pixel side by side and a ring of zeros, [rows][row pixels][Cin], so that for
// each kernel row the KW*Cin values under a pixel are contiguous and every tap is a plain load.
#pragma once
#include "../host/dispatch.h"
#include "../platform.h"
#include "winograd.h"

namespace mg {

// out[m][n] = bias[n] + sum over kernel rows r and k < run of patch[offset[m] + r*row_stride + k] * weight[r*run + k][n].
// Without offsets, a product of matrices: out[m][n] = bias[n] + sum over k of patch[m*row_stride + k] * weight[k][n].
template <class T>
struct TileJob {
  const T* patch;
  const std::int32_t* offset = nullptr;  // of each output pixel's first tap
  i64 kernel_rows, row_stride, run;
  const T* weight;         // as pack_weight lays it out
  int kernel_columns = 0;  // `run` is so many taps side by side; 0: unknown
  int narrow = 0;          // narrow_columns
  i64 row = 0;             // output pixels of a row; 0: unknown
  i64 pixels;
  const T* bias;           // [padded_columns(columns)] or null
  i64 columns;
  T* out;                  // [pixels][out_stride]
  i64 out_stride;
};

// grad[r*run + k][n] (+)= sum over pixels m of patch[offset[m] + r*row_stride + k] * dy[m][n], rows in [begin, end); without
// offsets, patch[m*row_stride + k] with k < run.
template <class T>
struct OuterJob {
  const T* patch;
  const std::int32_t* offset = nullptr;
  i64 pixels;
  i64 row_stride, run;
  i64 begin, end;     // of the kernel_rows*run rows of grad; whole taps
  const T* dy;        // [pixels][padded_columns(columns)]
  i64 columns;
  T* grad;            // [.][columns]
  bool accumulate;
};

template <class T>
struct ConvTable {
  int lanes, narrow_lanes;
  void (*tiles)(const TileJob<T>&);
  void (*outer)(const OuterJob<T>&);
  // sum[n] (+)= sum over pixels of dy[m][n], rows of `stride`. Compensated unless low is null: low[n] (+)= what rounding took
  void (*column_sums)(const T* dy, i64 pixels, i64 stride, i64 columns, T* sum, T* low, bool accumulate);
  // `rounds` times 24 (or 12) independent fused multiply-adds on the widest registers: the peak a benchmark compares with.
  i64 (*spin)(i64 rounds);  // hands back the floating-point operations done
  WinogradTable<T> winograd2, winograd4;  // tiles of 2x2 and of 4x4 outputs
  const WinogradTable<T>& winograd(int tile) const { return tile == 4 ? winograd4 : winograd2; }
};

// Columns as stored for the tiles: whole vectors, then one of a half or a quarter where that holds the rest.
inline i64 padded_columns(i64 columns, i64 lanes) {
  const i64 rest = columns % lanes, full = columns - rest;
  if (rest == 0) return full;
  if (lanes >= 16 && rest <= lanes / 4) return full + lanes / 4;
  if (lanes >= 8 && rest <= lanes / 2) return full + lanes / 2;
  return full + lanes;
}

// With few columns a vector of sums holds `narrow` of them for narrow_lanes / narrow neighbouring k each, added up at the end;
// that needs runs of whole groups of k (`run`: of one job, or run_a | run_b of two). 0: a column per lane.
template <class T>
int narrow_columns(const ConvTable<T>& table, i64 columns, i64 run) {
  if (columns == 1 && run % table.narrow_lanes == 0) return 1;
  if (columns <= 4 && table.narrow_lanes > 4 && run % (table.narrow_lanes / 4) == 0) return 4;
  return 0;
}

// Columns of a row as pack_weight stores it.
template <class T>
i64 packed_columns(const ConvTable<T>& table, i64 columns, int narrow) {
  return narrow ? narrow : padded_columns(columns, table.lanes);
}
// Whether the tiles can read a kernel [rows][columns] where it lies.
template <class T>
bool reads_in_place(const ConvTable<T>& table, i64 columns, int narrow) {
  return narrow == 0 && padded_columns(columns, table.lanes) == columns;
}

// Lays out rows of `columns` values (rows `stride` apart) for the tiles: [row][padded_columns] with zeros behind, or, narrow,
// [group of k][column][k in the group]. At most rows * round_up(columns, 16) values.
template <class T>
void pack_weight(const ConvTable<T>& table, const T* from, i64 stride, i64 rows, i64 columns, int narrow, T* to) {
  const i64 width = packed_columns(table, columns, narrow), group = narrow ? table.narrow_lanes / narrow : 1;
  for (i64 r = 0; r < rows; r++) {
    T* const row = to + r / group * group * width + r % group;
    for (i64 n = 0; n < width; n++) row[n * group] = n < columns ? from[r * stride + n] : T(0);
  }
}

MG_TABLES(ConvTable)

template <class T>
const ConvTable<T>& conv_table() {
  return table_in_use<ConvTable<T>>();
}

}  // namespace mg
