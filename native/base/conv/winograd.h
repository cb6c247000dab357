// 3x3 convolutions with fewer multiplications: Winograd's F(2x2, 3x3), 16 for a tile of 2x2 outputs instead of 36, and
// F(4x4, 3x3), 36 for a tile of 4x4 instead of 144; in the letters of Lavin, Gray 2016. For the cells d under a tile with a ring
// of one, the taps g, and its outputs Y, with * point by point,
//
//   Y = A' [sum over channels of U * V] A    U = G g G'    V = B' d B
//
//        | 1  0 -1  0 |        |  1    0    0  |
//   B' = | 0  1  1  0 |    G = | 1/2  1/2  1/2 |    A' = | 1  1  1  0 |
//        | 0 -1  1  0 |        | 1/2 -1/2  1/2 |         | 0  1 -1 -1 |
//        | 0  1  0 -1 |        |  0    0    1  |
//
// so that each of the points is a product of matrices, [tiles][channels] with [channels][columns]. Gradients are its
// transposes: dg = G' [sum over tiles of V * (A dY A')] G, and the cells' by the same algorithm with the taps turned and
// transposed.
//
// F(4x4, 3x3) is Toom and Cook's algorithm at the points 0, b, -b, a, -a and infinity with a = 3/2, b = 5/8; rows of B' are the
// polynomials that are zero at all other points, those of A and G are powers of the points, G's over the product of distances:
//
//        | aabb   0   -aa-bb   0     1  0 |        | 1/n0    0     0   |  n0 = aabb
//        |  0   -aab  -aa      b     1  0 |        | 1/nb   b/nb bb/nb |  nb = 2 bb (bb - aa)
//   B' = |  0    aab  -aa     -b     1  0 |    G = | 1/nb  -b/nb bb/nb |  na = 2 aa (aa - bb)
//        |  0   -abb  -bb      a     1  0 |        | 1/na   a/na aa/na |
//        |  0    abb  -bb     -a     1  0 |        | 1/na  -a/na aa/na |
//        |  0    aabb  0   -aa-bb    0  1 |        |  0      0     1   |
//
//        | 1  1   1   1   1   0 |
//   A' = | 0  b  -b   a  -a   0 |
//        | 0  bb  bb  aa  aa  0 |
//        | 0 bbb -bbb aaa -aaa 1 |
//
// Errors in float32 are three times those of F(2x2, 3x3), which are twice those of the definition; with the usual points 1 and 2
// they are six times as large.
//
// Cells that are doubled from a coarser grid are equal at d1 and d2. In F(2x2, 3x3), row 2 of B' makes zero of them, and the
// gradient of the coarse cell, the sum of the tile, has no use for what A' makes of point 2: seven of 16 products fall away.
#pragma once
#include "../platform.h"

namespace mg {

constexpr i64 most_winograd_points = 36;
// tile: 2 or 4, outputs along each axis.
MG_HD int winograd_points(int tile) { return (tile + 2) * (tile + 2); }
// Tiles taken together at most: what is made of them stays in the second-level cache.
MG_HD i64 most_tiles(int tile) { return tile == 4 ? 48 : 96; }
MG_HD i64 most_lines(int tile, i64 across) { return across < most_tiles(tile) ? most_tiles(tile) / across : 1; }

// Values from one point to the next: whole pages and four cache lines, or, of few values, whole cache lines and one, so that
// they do not meet in the same cache sets.
MG_HD i64 winograd_plane(i64 values, i64 element_bytes) {
  const i64 page = 4096 / element_bytes, line = 64 / element_bytes;
  if (values < page) return (values + 2 * line - 1) / (2 * line) * (2 * line) + line;
  return (values + page - 1) / page * page + 256 / element_bytes;
}

// Whether doubled cells have a product at this point. Point (tile + 2) i + j has rows i and j of the matrices above.
MG_HD bool point_of_doubled(int tile, int point) { return tile == 4 || (point / 4 != 2 && point % 4 != 2); }

// Rows of cells under a line of tiles: cell x of row i begins at at[i] + x * stride[i]; rows outside the grid have zeros.
template <class T>
struct CellRows {
  const T* at[6];
  i64 stride[6];
};

// A line is `across` tiles side by side. v, m, d, u: points, `plane` values apart, of [lines * across][channels or columns].
template <class T>
struct WinogradTable {
  // kernel [3][3][values] -> u = G kernel G'; turned: of the kernel turned by half a turn
  void (*weights)(const T* kernel, i64 values, bool turned, T* u);
  // One line: v = B' cells B, tiles `stride` values apart, of tile + 2 rows. The columns beside the grid are zeros and not read.
  void (*cells)(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane);
  // The same of cells doubled from coarse rows, tile / 2 + 2 of them, at the points of doubled cells.
  void (*doubled_cells)(const CellRows<T>& rows, i64 across, i64 channels, T* v, i64 stride, i64 plane);
  // out [tile lines][tile across][columns] = bias (null: 0) + A' m A
  void (*outputs)(const T* m, i64 plane, i64 lines, i64 across, i64 columns, const T* bias, T* out);
  // out [tile/2 lines][tile/2 across][columns]: sums of 2x2 outputs, without bias
  void (*coarse_sums)(const T* m, i64 plane, i64 lines, i64 across, i64 columns, T* out);
  // dy [tile lines][tile across][columns] -> d = A dy A'
  void (*gradients)(const T* dy, i64 lines, i64 across, i64 columns, T* d, i64 plane);
  // du [points][values]: dkernel [3][3][values] += G' du G
  void (*weight_gradient)(const T* du, i64 values, T* dkernel);
};

}  // namespace mg
