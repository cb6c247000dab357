// How the values of which a cell has four, gates and the gradients of sums, are kept between forward and backward: they are most
// of what a training window reads and writes.
//   Whole    as they are
//   Halves   in 16 bits, beside products of bfloat16 factors. Gradients are bfloat16, which the products make of them in
//            any case. Gates lie in [-1, 1] and are kept in steps of 1/32767: bfloat16 has no number between 0.996 and 1,
//            and a forget gate rounded to 1 would make of a memory that fades one that does not.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "../../../base/cuda/port.h"

namespace mg {
namespace cuda {

template <class T>
struct Whole {
  using Value = T;
  using Gate = T;
  using Gradient = T;
  static MG_DEVICE T keep_gate(T x) { return x; }
  static MG_DEVICE T gate(T kept) { return kept; }
  static MG_DEVICE T keep_gradient(T x) { return x; }
  static MG_DEVICE T gradient(T kept) { return kept; }
};

struct Halves {
  using Value = float;
  using Gate = std::int16_t;
  using Gradient = std::uint16_t;
  static MG_DEVICE Gate keep_gate(float x) {
    if (!(x >= -1 && x <= 1)) return -32768;  // NaN
    return Gate(x * 32767 + (x < 0 ? -0.5f : 0.5f));
  }
  static MG_DEVICE float gate(Gate kept) { return kept == -32768 ? NAN : float(kept) / 32767; }
  static MG_DEVICE Gradient keep_gradient(float x) { return Gradient(port::to_bf16_pair(x, 0)); }
  static MG_DEVICE float gradient(Gradient kept) {
    const unsigned bits = unsigned(kept) << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
  }
};

}  // namespace cuda
}  // namespace mg
