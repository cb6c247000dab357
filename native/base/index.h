// Which cell of one grid sees which cell of another: nearest doubling, 2-wide pooling, SAME padding.
// Huynh, Maire, Walter 2020, section 3.1. A backward pass calls the same maps as its forward pass.
#pragma once
#include "platform.h"

namespace mg {

// Nearest doubling: the coarse cell that a fine cell copies, and the first of the two fine cells of a coarse one (per axis).
MG_HD i64 up_source(i64 fine) { return fine >> 1; }
MG_HD i64 up_first(i64 coarse) { return 2 * coarse; }

// Max pooling, window 2, stride 2: the first fine cell under a coarse one, the coarse cell over a fine one, the pooled side.
MG_HD i64 pool_first(i64 coarse) { return 2 * coarse; }
MG_HD i64 pool_target(i64 fine) { return fine >> 1; }
MG_HD i64 pooled_side(i64 side) { return side / 2; }

// SAME padding of an odd kernel, stride 1: output cell o reads input cell o + tap - same_padding(kernel).
MG_HD i64 same_padding(i64 kernel) { return (kernel - 1) / 2; }
MG_HD i64 same_source(i64 out, i64 tap, i64 kernel) { return out + tap - same_padding(kernel); }
MG_HD bool inside(i64 cell, i64 side) { return cell >= 0 && cell < side; }

// Rows of equal size: the first item of part p when n items are cut into parts as even as possible.
MG_HD i64 part_begin(i64 n, i64 parts, i64 p) { return n / parts * p + (n % parts < p ? n % parts : p); }
MG_HD i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }
MG_HD i64 round_up(i64 a, i64 b) { return ceil_div(a, b) * b; }

}  // namespace mg
