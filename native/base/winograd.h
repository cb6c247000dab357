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
// so that each of the 16 points is a product of matrices, [tiles][channels] with [channels][columns]. Gradients are its transposes:
// dg = G' [sum over tiles of V * (A dY A')] G, and the cells' by the same algorithm with the taps turned and transposed.
//
// Cells that are doubled from a coarser grid are equal at d1 and d2, so that row 2 of B' makes zero of them, and the gradient of
// the coarse cell, the sum of the tile, has no use for what A' makes of point 2: seven of their 16 products fall away.
#pragma once
#include "platform.h"

namespace mg {

constexpr int winograd_points = 16;
constexpr i64 winograd_tiles = 64;  // taken together at most: what is made of them stays in the second-level cache

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

template <class T>
struct WinogradTable {
  // kernel [3][3][values] -> u [16][values]
  void (*weights)(const T* kernel, i64 values, T* u);
  // Cells [4][4][channels] from patch + offset[t], rows row_stride apart -> v [16][plane]: [tiles][channels] each
  void (*cells)(const T* patch, i64 row_stride, const std::int32_t* offset, i64 tiles, i64 channels, T* v, i64 plane);
  // m [16][plane]: [tiles][columns] each -> out[place[t] + (0, 1, width, width + 1)][columns] = bias (null: 0) + A' m A
  void (*outputs)(const T* m, i64 plane, i64 tiles, i64 columns, const T* bias, const std::int32_t* place, i64 width, T* out);
  // The same for the sum of each tile: out [tiles][columns]
  void (*tile_sums)(const T* m, i64 plane, i64 tiles, i64 columns, T* out);
  // dy[place[t] + (0, 1, width, width + 1)][columns] -> d [16][plane] = A dy A': [tiles][columns] each
  void (*gradients)(const T* dy, const std::int32_t* place, i64 width, i64 tiles, i64 columns, T* d, i64 plane);
  // du [16][values] -> dkernel [3][3][values] = G' du G
  void (*weight_gradient)(const T* du, i64 values, T* dkernel);
};

}  // namespace mg
