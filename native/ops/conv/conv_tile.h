// The inner loops of the convolution, compiled once per instruction set and chosen at load time. They work on a *patch*:
// rows of pixels with all input channels of a pixel side by side and a ring of zeros, [rows][row pixels][Cin], so that for
// each kernel row the KW*Cin values under a pixel are contiguous and every tap is a plain load.
#pragma once
#include "../../base/platform.h"
#include "../../base/simd.h"

namespace mg {

// Products of one patch: for output pixel m, kernel row r and k < run, patch[offset[m] + r*row_stride + k].
template <class T>
struct Taps {
  const T* patch;
  const std::int32_t* offset;  // of each output pixel's first tap
  i64 kernel_rows, row_stride, run;
  const T* weight;   // [kernel_rows*run][padded_columns(columns)]; the padding is zero
};

// out[place[m]][n] = bias[n] + sum over parts, kernel rows and k of taps(m, r, k) * weight[r*run + k][n]
template <class T>
struct TileJob {
  Taps<T> taps[2];
  int parts = 1;
  const std::int32_t* place = nullptr;  // null: place[m] = m
  i64 pixels;
  const T* bias;     // [padded_columns(columns)] or null
  i64 columns;
  T* out;            // [pixels][out_stride]
  i64 out_stride;
};

// grad[r*run + k][n] (+)= sum over pixels m of patch[offset[m] + r*row_stride + k] * dy[place[m]][n], rows in [begin, end)
template <class T>
struct OuterJob {
  const T* patch;
  const std::int32_t* offset;
  const std::int32_t* place = nullptr;  // null: place[m] = m
  i64 pixels;
  i64 row_stride, run;
  i64 begin, end;     // of the kernel_rows*run rows of grad
  const T* dy;        // [pixels][padded_columns(columns)]
  i64 columns;
  T* grad;            // [.][columns]
  bool accumulate;
};

template <class T>
struct ConvTable {
  int lanes;
  void (*tiles)(const TileJob<T>&);
  void (*outer)(const OuterJob<T>&);
  // sum[n] (+)= sum over pixels of dy[m][n], rows of `stride`
  void (*column_sums)(const T* dy, i64 pixels, i64 stride, i64 columns, T* sum, bool accumulate);
  // `rounds` times 24 (or 12) independent fused multiply-adds on the widest registers: the peak a benchmark compares with.
  i64 (*spin)(i64 rounds);  // hands back the floating-point operations done
};

// Columns as stored for the tiles: whole vectors, then one of a half or a quarter where that holds the rest.
inline i64 padded_columns(i64 columns, i64 lanes) {
  const i64 rest = columns % lanes, full = columns - rest;
  if (rest == 0) return full;
  if (lanes >= 16 && rest <= lanes / 4) return full + lanes / 4;
  if (lanes >= 8 && rest <= lanes / 2) return full + lanes / 2;
  return full + lanes;
}

template <class T>
const ConvTable<T>& conv_table_base();
template <class T>
const ConvTable<T>& conv_table_avx2();
template <class T>
const ConvTable<T>& conv_table_avx512();

template <>
const ConvTable<float>& conv_table_base<float>();
template <>
const ConvTable<double>& conv_table_base<double>();
template <>
const ConvTable<float>& conv_table_avx2<float>();
template <>
const ConvTable<double>& conv_table_avx2<double>();
template <>
const ConvTable<float>& conv_table_avx512<float>();
template <>
const ConvTable<double>& conv_table_avx512<double>();

template <class T>
const ConvTable<T>& conv_table() {
#if defined(__x86_64__)
  if (simd_path() == SimdPath::avx512) return conv_table_avx512<T>();
  if (simd_path() == SimdPath::avx2) return conv_table_avx2<T>();
#endif
  return conv_table_base<T>();
}

}  // namespace mg
