// Lane vectors for the kernels that are compiled once per instruction set. Include only from files that end in _base.cc,
// _avx2.cc or _avx512.cc (or from headers they share): the widest vector depends on the flags of the file.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "../platform.h"
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Wider vectors than the target's registers only pass between functions that are always inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace mg {

#if defined(__AVX512F__)
constexpr int lane_bytes = 64;
constexpr int vector_registers = 32;
#elif defined(__AVX2__)
constexpr int lane_bytes = 32;
constexpr int vector_registers = 16;
#elif defined(__aarch64__)
constexpr int lane_bytes = 16;
constexpr int vector_registers = 32;
#else
constexpr int lane_bytes = 16;
constexpr int vector_registers = 16;
#endif

template <class T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
// N lanes of T in one register.
template <class T, int N>
using Vec = typename VecOf<T, N>::type;
// Lanes of the widest register of this target.
template <class T>
constexpr int wide = lane_bytes / int(sizeof(T));

// f(0), f(1), … f(N - 1) with constants, so that arrays they index stay in registers.
template <class F, int... I>
MG_HD void repeat(F&& f, std::integer_sequence<int, I...>) {
  (f(std::integral_constant<int, I>{}), ...);
}
template <int N, class F>
MG_HD void repeat(F&& f) {
  repeat(f, std::make_integer_sequence<int, N>{});
}

// Lanes I of a followed by b. The result may be narrower than a, or wider; then all I are lanes of a.
template <class R, class V, int... I>
MG_HD R pick(V a, V b, std::integer_sequence<int, I...>) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, I...);
#else
  using Index = std::conditional_t<sizeof(R) / sizeof...(I) == 4, std::int32_t, std::int64_t>;
  const Vec<Index, int(sizeof...(I))> lanes = {I...};
  if constexpr (sizeof(R) == sizeof(V)) {
    return __builtin_shuffle(a, b, lanes);
  } else if constexpr (sizeof(R) < sizeof(V)) {
    constexpr int n = int(sizeof(V) / sizeof(Index)), from[] = {I...};
    R some;
    for (int k = 0; k < int(sizeof...(I)); k++) some[k] = from[k] < n ? a[from[k]] : b[from[k] - n];
    return some;
  } else {
    R wide_a = {};
    std::memcpy(&wide_a, &a, sizeof a);
    return __builtin_shuffle(wide_a, lanes);
  }
#endif
}

// N lanes and N vectors change places: entry (i, l) becomes (l, i).
template <class T, int N>
struct Turn {
  using V = Vec<T, N>;
  static MG_HD void all(V (&v)[N]) { half<1>(v, std::make_integer_sequence<int, N>{}); }

 private:
  template <int H, int... L>
  static MG_HD void half(V (&v)[N], std::integer_sequence<int, L...> lanes) {
    if constexpr (H < N) {
#pragma GCC unroll 16
      for (int i = 0; i < N; i++) {
        if (i & H) continue;
        const V a = v[i], b = v[i + H];
        v[i] = pick<V>(a, b, std::integer_sequence<int, (L & H ? N + L - H : L)...>{});
        v[i + H] = pick<V>(a, b, std::integer_sequence<int, (L & H ? N + L : L + H)...>{});
      }
      half<2 * H>(v, lanes);
    }
  }
};

// One set of functions for every lane count; `Simd<T, N>::fma(a, b, c)` = a b + c, fused where the target can.
template <class T, int N>
struct Simd {
  using V = Vec<T, N>;
  static MG_HD V load(const T* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static MG_HD void store(T* p, V v) { std::memcpy(p, &v, sizeof v); }
  // The first n of N lanes, 0 <= n <= N; the others load as zero and are not written.
  static MG_HD V load_part(const T* p, int n) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
    else if constexpr (sizeof(V) == 64) return (V)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
    else
#endif
    {
      T t[N] = {};
      for (int k = 0; k < n; k++) t[k] = p[k];
      return load(t);
    }
  }
  static MG_HD void store_part(T* p, V v, int n) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
    else if constexpr (sizeof(V) == 64) return _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
    else
#endif
    {
      T t[N];
      store(t, v);
      for (int k = 0; k < n; k++) p[k] = t[k];
    }
  }
  // clang-format off: a chain of else if over sets of instructions, of which the preprocessor leaves some links out
  static MG_HD V splat(T x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_set1_ps(x);
    else if constexpr (sizeof(V) == 64) return (V)_mm512_set1_pd(x);
    else
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_set1_ps(x);
    else if constexpr (sizeof(V) == 32) return (V)_mm256_set1_pd(x);
    else
#endif
#if defined(__x86_64__)
    if constexpr (sizeof(V) == 16 && sizeof(T) == 4) return (V)_mm_set1_ps(x);
    else if constexpr (sizeof(V) == 16) return (V)_mm_set1_pd(x);
    else
#elif defined(__aarch64__)
    if constexpr (sizeof(V) == 16 && sizeof(T) == 4) return (V)vdupq_n_f32(x);
    else if constexpr (sizeof(V) == 16) return (V)vdupq_n_f64(x);
    else
#endif
    {
      V v;
      for (int k = 0; k < N; k++) v[k] = x;
      return v;
    }
  }
  // x where it is at least (at most) a, else a; NaN stays. GCC makes a comparison and a choice of the plain form.
  static MG_HD V at_least(V x, V a) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_max_ps((__m512)a, (__m512)x);
    else
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_max_ps((__m256)a, (__m256)x);
    else
#endif
    return x < a ? a : x;
  }
  static MG_HD V at_most(V x, V a) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_min_ps((__m512)a, (__m512)x);
    else
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_min_ps((__m256)a, (__m256)x);
    else
#endif
    return x > a ? a : x;
  }
  static MG_HD V fma(V a, V b, V c) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
    else if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
    else
#endif
#if defined(__FMA__)
    if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    else if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
    else if constexpr (sizeof(V) < 16) return each_fma(a, b, c);
    else if constexpr (sizeof(T) == 4) return (V)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
    else return (V)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
#elif defined(__aarch64__)
    if constexpr (sizeof(V) < 16) return each_fma(a, b, c);
    else if constexpr (sizeof(T) == 4) return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
    else return (V)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    return a * b + c;
#endif
  }
  // clang-format on

 private:
  static MG_HD V each_fma(V a, V b, V c) {  // vectors that fill no register
    for (int k = 0; k < N; k++) {
      if constexpr (sizeof(T) == 4) c[k] = __builtin_fmaf(a[k], b[k], c[k]);
      else c[k] = __builtin_fma(a[k], b[k], c[k]);
    }
    return c;
  }
};

}  // namespace mg
