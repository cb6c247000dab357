// 3x3 convolutions with 16 multiplications for a tile of 2x2 outputs instead of 36: Winograd's F(2x2, 3x3), in the letters of
// Lavin, Gray 2016. For the 4x4 cells d under a tile, the taps g, and its outputs Y, with * point by point,
//
//   Y = A' [sum over channels of U * V] A    U = G g G'    V = B' d B
//
//        | 1  0 -1  0 |        |  1    0    0  |
//   B' = | 0  1  1  0 |    G = | 1/2  1/2  1/2 |    A' = | 1  1  1  0 |
//        | 0 -1  1  0 |        | 1/2 -1/2  1/2 |         | 0  1 -1 -1 |
//        | 0  1  0 -1 |        |  0    0    1  |
//
// so that each of the 16 points is a product of matrices, [tiles][channels] with [channels][columns]. Gradients are its
// transposes: dg = G' [sum over tiles of V * (A dY A')] G, and the cells' by the same algorithm with the taps turned and
// transposed.
//
// Cells that are doubled from a coarser grid are equal at d1 and d2, so that row 2 of B' makes zero of them, and the gradient of
// the coarse cell, the sum of the tile, has no use for what A' makes of point 2: seven of their 16 products fall away.
#pragma once
#include "../platform.h"

namespace mg {

constexpr int winograd_points = 16;
// Lines of tiles taken together at most: what is made of 96 tiles stays in the second-level cache.
MG_HD i64 most_lines(i64 across) { return across < 96 ? 96 / across : 1; }

// Values from one point to the next: whole pages and four cache lines, so that the sixteen do not meet in the same cache sets.
MG_HD i64 winograd_plane(i64 values, i64 element_bytes) {
  const i64 page = 4096 / element_bytes;
  return (values + page - 1) / page * page + 256 / element_bytes;
}

// Point 4 i + j has rows i and j of the matrices above.
MG_HD bool point_of_doubled(int point) { return point / 4 != 2 && point % 4 != 2; }
// U of turned taps is U at this point.
MG_HD int turned_point(int point) {
  const int row = point / 4, column = point % 4;
  return (row % 3 == 0 ? 3 - row : row) * 4 + (column % 3 == 0 ? 3 - column : column);
}

// Rows of cells under a line of tiles: cell x of row i begins at at[i] + x * stride[i]; rows outside the grid have zeros.
template <class T>
struct CellRows {
  const T* at[4];
  i64 stride[4];
};

// A line is `across` tiles side by side. v, m, d, u: 16 points, `plane` values apart, of [lines * across][channels or columns].
template <class T>
struct WinogradTable {
  // kernel [3][3][values] -> u = G kernel G'
  void (*weights)(const T* kernel, i64 values, T* u);
  // One line: v = B' cells B, tiles `stride` values apart. The columns beside the grid are zeros and not read.
  void (*cells)(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane);
  // The same of cells doubled from the three coarse rows at, above and below the tiles, at points of doubled cells.
  void (*doubled_cells)(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane);
  // out [2 lines][2 across][columns] = bias (null: 0) + A' m A
  void (*outputs)(const T* m, i64 plane, i64 lines, i64 across, i64 columns, const T* bias, T* out);
  // out [values]: the sum of each tile's outputs
  void (*tile_sums)(const T* m, i64 plane, i64 values, T* out);
  // dy [2 lines][2 across][columns] -> d = A dy A'
  void (*gradients)(const T* dy, i64 lines, i64 across, i64 columns, T* d, i64 plane);
  // du [16][values] -> dkernel [3][3][values] = G' du G
  void (*weight_gradient)(const T* du, i64 values, T* dkernel);
};

}  // namespace mg
