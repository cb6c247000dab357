// Weights as the tiles of a product read them (plan/product.h, product_math.h), packed at the head of every call: columns in
// tiles, rows in chunks of 16 channels by tap, rounded for the matrix units, doubled sources folded.
#pragma once
#include "product.h"

namespace mg {
namespace cuda {

// Row r of a product's packed weights: a channel and a tap; where it is folded, one of four taps and the parity of the fine cell.
struct PackedRow {
  bool folded;
  i64 channel;
  int tap, parity;
};
MG_DEVICE inline PackedRow packed_row(const Product& p, i64 r) {
  const i64 k = r % chunk_channels, step = r / chunk_channels, folded_steps = 16 * i64(p.folded_chunks());
  if (step < folded_steps) {
    const i64 channel = step / 16 * chunk_channels + k;
    return {true, channel < p.folded ? channel : -1, int(step / 4 % 4), int(step % 4)};
  }
  const i64 chunk = (step - folded_steps) / p.taps(), channel = chunk * chunk_channels + k;
  return {false, channel < p.channels ? p.folded + channel : -1, int((step - folded_steps) % p.taps()), 0};
}

// The output behind a packed column; -1: none.
template <class Math>
MG_DEVICE i64 output_of(const Product& p, i64 column_tile, int n) {
  if (!p.cell) {
    const i64 output = column_tile * p.tile_columns() + n;
    return output < p.outputs ? output : -1;
  }
  const i64 channels = p.outputs / 4, channel = column_tile * (p.tile_columns() / 4) + Math::column_channel(n);
  return channel < channels ? Math::column_gate(n) * channels + channel : -1;
}

// The sum of the 3x3 taps that fold into one (plan/plan.h). row, column: folded tap; parity of the fine cell.
template <class T>
MG_DEVICE T folded_weight(const GridRow<T>& g, i64 channel, i64 output, int parity, int tap) {
  T sum = 0;
  for (int ky = 0; ky < 3; ky++) {
    for (int kx = 0; kx < 3; kx++) {
      if (folded_tap(parity / 2, ky) == tap / 2 && folded_tap(parity % 2, kx) == tap % 2)
        sum += g.kernel[((ky * 3 + kx) * g.in_channels + channel) * g.outputs + output];
    }
  }
  return sum;
}

template <class T>
MG_DEVICE T forward_weight(const GridRow<T>& g, const PackedRow& row, i64 output) {
  if (row.channel < 0 || output < 0) return T(0);
  if (row.folded) return folded_weight(g, row.channel, output, row.parity, row.tap);
  return g.kernel[(row.tap * g.in_channels + row.channel) * g.outputs + output];
}

// The kernel turned and transposed: from output `channel` back to the joined channel that data column n stands for.
template <class T>
MG_DEVICE T data_weight(const Tables<T>& tables, const GridRow<T>& g, bool is_folded, int taps, const PackedRow& row, i64 n) {
  if (row.channel < 0 || n < 0) return T(0);
  for (int j = g.source; j < g.source + g.sources; j++) {
    const SourceRow<T>& s = tables.sources[j];
    if (s.column < 0 || s.folded != is_folded || n < s.column || n >= s.column + s.channels) continue;
    const i64 channel = s.first + n - s.column;
    if (!is_folded) return g.kernel[((taps - 1 - row.tap) * g.in_channels + channel) * g.outputs + row.channel];
    // The fine cell at 2Y - 1 + j has parity (j + 1) % 2 and holds Y at its folded tap j < 2.
    const int y = row.tap / 4, x = row.tap % 4;
    return folded_weight(g, channel, row.channel, (y + 1) % 2 * 2 + (x + 1) % 2, (y < 2) * 2 + (x < 2));
  }
  return T(0);
}

constexpr int pack_blocks = 32;  // of each product

// Part `block` of the pack_blocks of each product.
template <class Math, bool Data, class T = typename Math::Value>
MG_DEVICE void pack_block(const Tables<T>& tables, i64 block) {
  const i64 k = block / pack_blocks;
  const Product& p = Data ? tables.data[k] : tables.forward[k];
  const GridRow<T>& g = tables.grids[p.grid];
  auto* const packed = reinterpret_cast<typename Math::Factor*>(tables.workspace + p.packed);
  const int columns = p.tile_columns();
  for (i64 i = block % pack_blocks * port::threads() + port::thread(); i < p.packed_values();
       i += pack_blocks * port::threads()) {
    const i64 line = i / columns, tile = line / p.packed_rows(), r = line - tile * p.packed_rows();
    const int n = int(i - line * columns);
    const i64 output = output_of<Math>(p, tile, n);
    const PackedRow row = packed_row(p, r);
    const T w = Data ? data_weight(tables, g, tables.data_folded[k], p.taps(), row, output) : forward_weight(g, row, output);
    packed[(line - r % chunk_channels) * columns + Math::weight_place(int(r % chunk_channels), n, p.column_blocks)] =
        Math::factor(w);
  }
}
template <class Math, bool Data, class T = typename Math::Value>
MG_KERNEL(256) pack_kernel(const Tables<T>* tables) {
  pack_block<Math, Data>(*tables, port::block());
}

// In a launch that runs all stages: what this block of threads packs.
template <class Math, bool Data, class T = typename Math::Value>
MG_DEVICE void pack_share(const Tables<T>& tables) {
  const i64 blocks = i64(tables.first[int(Data ? Work::data : Work::forward)][tables.layers]) * pack_blocks;
  for (i64 block = port::block(); block < blocks; block += port::blocks()) pack_block<Math, Data>(tables, block);
}

}  // namespace cuda
}  // namespace mg
