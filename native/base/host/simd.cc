// Asks the processor what it can do.
#include "simd.h"

#include <cstdlib>
#include <cstring>

namespace mg {

bool simd_supported(SimdPath path) {
#if defined(__x86_64__)
  if (path == SimdPath::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (path == SimdPath::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
#endif
  return path == SimdPath::baseline;
}

namespace {

SimdPath best_path() {
  const char* wish = std::getenv("MG_SIMD");
  SimdPath most = SimdPath::avx512;
  if (wish && !std::strcmp(wish, "avx2")) most = SimdPath::avx2;
  if (wish && !std::strcmp(wish, "baseline")) most = SimdPath::baseline;
  for (int p = int(most); p > 0; p--) {
    if (simd_supported(SimdPath(p))) return SimdPath(p);
  }
  return SimdPath::baseline;
}

SimdPath& current() {
  static SimdPath path = best_path();
  return path;
}

}  // namespace

SimdPath simd_path() { return current(); }

bool set_simd_path(SimdPath path) {
  if (!simd_supported(path)) return false;
  current() = path;
  return true;
}

const char* simd_path_name() {
  switch (simd_path()) {
    case SimdPath::avx512: return "avx512";
    case SimdPath::avx2: return "avx2";
    default: break;
  }
#if defined(__aarch64__)
  return "neon";
#else
  return "sse2";
#endif
}

}  // namespace mg
