// Numbers too small for a normal one, for which processors are many times slower than for others.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mg {

// While it lives, this thread takes them for zero and makes zeros of them (x86: DAZ and FTZ; ARM: FZ).
class FlushDenormals {
 public:
  FlushDenormals() : before(control()) { set(before | flush); }
  ~FlushDenormals() { set(before); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__x86_64__)
  using Control = unsigned;
  static constexpr Control flush = 0x8040;
  static Control control() { return _mm_getcsr(); }
  static void set(Control c) { _mm_setcsr(c); }
#elif defined(__aarch64__)
  using Control = std::uint64_t;
  static constexpr Control flush = Control{1} << 24;
  static Control control() {
    Control c;
    asm volatile("mrs %0, fpcr" : "=r"(c));
    return c;
  }
  static void set(Control c) { asm volatile("msr fpcr, %0" : : "r"(c)); }
#else
  using Control = unsigned;
  static constexpr Control flush = 0;
  static Control control() { return 0; }
  static void set(Control) {}
#endif
  const Control before;
};

}  // namespace mg
