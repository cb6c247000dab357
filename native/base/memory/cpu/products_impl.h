// Products of a few vectors, of the samples or of the heads, with a matrix that is read once for several of them.
#pragma once
#include "slots_impl.h"

namespace mg {
namespace {

// c_i[n] += sum_k a_i[k] w[k][n] for P rows i, k in [begin, end) and Q vectors of columns from n on, or `part` lanes of one.
// `ahead`: weights to be fetched meanwhile.
template <class T, int P, int Q>
MG_HD void product_tile(T* const* c, const T* const* a, i64 begin, i64 end, const T* w, i64 columns, i64 n, int part,
                        Ahead& ahead) {
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

}  // namespace
}  // namespace mg
