// What differs between compilers: the function attribute shared by host and device code, and the size type.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define MG_HD __host__ __device__ __forceinline__
#else
// Always inlined: a copy compiled for a wider instruction set must never be the one the linker keeps for all.
#define MG_HD inline __attribute__((always_inline))
#endif

namespace mg {

using i64 = std::int64_t;

}  // namespace mg
