// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", 2011. Word n of a stream depends on (key, n) alone, so any thread or device can make any part of it.
// lib/tensor/rng.ts holds the same definition for JavaScript; both give the same bits.
#pragma once
#include <cmath>
#include <cstdint>

#include "platform.h"

namespace mg {

struct PhiloxBlock {
  std::uint32_t word[4];
};

MG_HD PhiloxBlock philox4x32(std::uint64_t counter, std::uint64_t key) {
  std::uint32_t c0 = std::uint32_t(counter), c1 = std::uint32_t(counter >> 32), c2 = 0, c3 = 0;
  std::uint32_t k0 = std::uint32_t(key), k1 = std::uint32_t(key >> 32);
  for (int round = 0; round < 10; round++) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0, p1 = std::uint64_t{0xCD9E8D57u} * c2;
    const std::uint32_t n0 = std::uint32_t(p1 >> 32) ^ c1 ^ k0, n2 = std::uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = std::uint32_t(p1);
    c3 = std::uint32_t(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in [0, 1) with 53 bits, from the stream's words 2·draw and 2·draw + 1.
MG_HD double philox_uniform(std::uint64_t key, std::uint64_t draw) {
  const PhiloxBlock block = philox4x32(draw >> 1, key);
  const int at = int(draw & 1) * 2;
  const double high = double(block.word[at] >> 5), low = double(block.word[at + 1] >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

// Standard normal by Box and Muller from two uniform draws.
MG_HD double philox_normal(std::uint64_t key, std::uint64_t draw) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - philox_uniform(key, draw)));
  return radius * std::cos(6.283185307179586 * philox_uniform(key, draw + 1));
}

}  // namespace mg
