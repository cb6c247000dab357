// The arithmetic of a product's tile, 128 cells by 16, 32 or 64 columns, in registers: exact multiply-adds, or matrix units with
// factors rounded to tf32 or bfloat16. Each has:
//   Factor, stride           what lies in shared memory, and from one cell to the next: 16 channels, a gap against bank conflicts
//   weight_words(columns)    32-bit words of the packed weights of 16 channels
//   weight_place(k, n, blocks)    factor k, n among them
//   column_channel, column_gate   which channel and gate (i, u, f, o) of an LSTM a packed column holds: one thread has all four
//   Kept                     how gates and gradients of sums lie in memory (kept.h)
//   Sums                     one thread's sums; origins: where the cells of the tile begin in the patch
#pragma once
#include "../../../base/lstm_cell.h"
#include "../plan/product.h"
#include "kept.h"

namespace mg {
namespace cuda {

template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Run {
  T at[N];
};

// Warp w has cells 32 w to 32 w + 31 of the tile, and columns of 8
// to a thread: block b of columns lies with lanes l, l % blocks = b.
template <class T>
struct ExactMath {
  using Value = T;
  using Factor = T;
  using Kept = Whole<T>;
  static constexpr bool copies = true;  // gathered values go to shared memory as they are
  static constexpr int stride = chunk_channels + 16 / int(sizeof(T)), step = sizeof(T) == 4 ? 4 : 2;
  static MG_HD int weight_words(int columns) { return chunk_channels * columns * int(sizeof(T)) / 4; }
  static MG_HD int weight_place(int k, int n, int blocks) { return k * 8 * blocks + n; }
  static MG_HD int column_channel(int n) { return n / 8 * 2 + n % 2; }
  static MG_HD int column_gate(int n) { return n % 8 / 2; }
  static MG_DEVICE T factor(T x) { return x; }

  struct Sums {
    static constexpr int most_blocks = sizeof(T) == 4 ? 8 : 4;
    T at[most_blocks][8] = {};

    template <int Blocks>
    static MG_DEVICE int cell(int k) {
      return port::thread() / 32 * 32 + port::thread() % 32 / Blocks + k * (32 / Blocks);
    }

    // += patch cells times weights [16][8 Blocks], over the first `depth` channels (a multiple of 4, or all 16).
    template <int Blocks>
    MG_DEVICE void add(const T* patch, const int* origins, int tap, const void* weights, int depth) {
      const T* w = static_cast<const T*>(weights) + port::thread() % Blocks * 8;
      const T* from[Blocks];
      MG_UNROLL for (int m = 0; m < Blocks; m++) from[m] = patch + (origins[cell<Blocks>(m)] + tap) * stride;
      for (int k = 0; k < depth; k += step) {
        Run<T, step> a[Blocks];
        MG_UNROLL for (int m = 0; m < Blocks; m++) a[m] = *reinterpret_cast<const Run<T, step>*>(from[m] + k);
        MG_UNROLL for (int j = 0; j < step; j++, w += 8 * Blocks) {
          const auto b = *reinterpret_cast<const Run<T, 8>*>(w);
          MG_UNROLL for (int m = 0; m < Blocks; m++) {
            MG_UNROLL for (int n = 0; n < 8; n++) at[m][n] = port::fma(a[m].at[j], b.at[n], at[m][n]);
          }
        }
      }
    }
    // f(cell of the tile, packed column, sum)
    template <int Blocks, class F>
    MG_DEVICE void each(F&& f) const {
      MG_UNROLL for (int m = 0; m < Blocks; m++) {
        MG_UNROLL for (int n = 0; n < 8; n++) f(cell<Blocks>(m), port::thread() % Blocks * 8 + n, at[m][n]);
      }
    }
  };
};

// Warp w has two blocks of 16 cells; fragments as the PTX manual lays them out for mma.m16n8k8 (tf32) and m16n8k16 (bf16).
template <bool Bf16>
struct MatrixMath {
  using Value = float;
  using Factor = std::conditional_t<Bf16, std::uint16_t, float>;
  using Kept = std::conditional_t<Bf16, Halves, Whole<float>>;
  static constexpr bool copies = !Bf16;
  static constexpr int stride = chunk_channels + (Bf16 ? 8 : 4), depth_step = Bf16 ? 16 : 8;
  static MG_HD int weight_words(int columns) { return chunk_channels * columns / (Bf16 ? 2 : 1); }
  // Two blocks of 8 columns lie together, so that a lane reads its four words at once.
  static MG_HD int weight_place(int k, int n, int blocks) {
    const int pair = n / 16, second = n / 8 % 2;
    if (Bf16) return ((pair * 32 + n % 8 * 4 + k % 8 / 2) * 4 + second * 2 + k / 8) * 2 + k % 2;
    return ((k / 8 * (blocks / 2) + pair) * 32 + n % 8 * 4 + k % 4) * 4 + second * 2 + k % 8 / 4;
  }
  static MG_HD int column_channel(int n) { return n / 32 * 8 + n % 8; }
  static MG_HD int column_gate(int n) { return n / 8 % 4; }
  static MG_DEVICE std::uint16_t factor(std::uint16_t kept) { return kept; }  // a gradient
  static MG_DEVICE Factor factor(float x) {
    if constexpr (Bf16) {
      return std::uint16_t(port::to_bf16_pair(x, 0));
    } else {
      const unsigned bits = port::to_tf32(x);
      float y;
      memcpy(&y, &bits, 4);
      return y;
    }
  }

  struct Sums {
    static constexpr int most_blocks = 8;
    float at[2][8][4] = {};

    static MG_DEVICE int cell(int k) { return port::thread() / 32 * 32 + port::thread() % 32 / 4 + k * 8; }

    template <int Blocks>
    MG_DEVICE void add(const Factor* patch, const int* origins, int tap, const void* weights, int depth) {
      const int lane = port::thread() % 32;
      const unsigned* w = static_cast<const unsigned*>(weights) + lane * 4;
      const Factor* from[4];
      MG_UNROLL for (int m = 0; m < 4; m++) from[m] = patch + (origins[cell(m)] + tap) * stride + lane % 4 * (Bf16 ? 2 : 1);
      for (int k = 0; k < depth; k += depth_step, w += depth_step * (Bf16 ? 4 : 8) * Blocks) {
        unsigned a[2][4];
        MG_UNROLL for (int m = 0; m < 4; m++) {
          a[m / 2][m % 2] = word(from[m] + k);
          a[m / 2][m % 2 + 2] = word(from[m] + k + depth_step / 2);
        }
        MG_UNROLL for (int n = 0; n < Blocks; n += 2) {
          const auto b = *reinterpret_cast<const Run<unsigned, 4>*>(w + n / 2 * 128);
          MG_UNROLL for (int m = 0; m < 2; m++) {
            multiply(at[m][n], a[m], b.at);
            multiply(at[m][n + 1], a[m], b.at + 2);
          }
        }
      }
    }
    template <int Blocks, class F>
    MG_DEVICE void each(F&& f) const {
      const int pair = port::thread() % 4 * 2;
      MG_UNROLL for (int m = 0; m < 4; m++) {
        MG_UNROLL for (int n = 0; n < Blocks; n++) {
          MG_UNROLL for (int e = 0; e < 2; e++) f(cell(m), n * 8 + pair + e, at[m / 2][n][m % 2 * 2 + e]);
        }
      }
    }

   private:
    static MG_DEVICE unsigned word(const Factor* at) {
      if constexpr (Bf16) return *reinterpret_cast<const unsigned*>(at);
      else return port::to_tf32(*at);  // copied as it is, so rounded here
    }
    static MG_DEVICE void multiply(float* d, const unsigned* a, const unsigned* b) {
      if constexpr (Bf16) port::mma_bf16(d, a, b);
      else port::mma_tf32(d, a, b);
    }
  };
};

}  // namespace cuda
}  // namespace mg
