// Which instruction set the vector kernels use: chosen when the library is loaded, from what the processor can do.
// The environment variable MG_SIMD (baseline, avx2, avx512) lowers the choice; a name the machine lacks is ignored.
#pragma once

namespace mg {

enum class SimdPath { baseline = 0, avx2 = 1, avx512 = 2 };

SimdPath simd_path();
// "avx512", "avx2", "sse2" or "neon": the last two are the baselines of their processors.
const char* simd_path_name();
// Forces a path, for tests and measurements; false (and no change) when the processor lacks it. Not while kernels run.
bool set_simd_path(SimdPath path);
bool simd_supported(SimdPath path);

}  // namespace mg
