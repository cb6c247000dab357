// The one exception type of the native code. The binding turns it into an MgError with the same code.
#pragma once
#include <exception>
#include <initializer_list>
#include <string>
#include <utility>

#include "platform.h"

namespace mg {

class Error : public std::exception {
 public:
  Error(const char* code, std::string message) : code_(code), message_(std::move(message)) {}
  const char* code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  const char* code_;  // a string literal: ERR_MG_…
  std::string message_;
};

[[noreturn]] inline void fail(const char* code, std::string message) { throw Error(code, std::move(message)); }

// The product of sizes that are at least 0; ERR_MG_SHAPE when it does not fit into 63 bits.
inline i64 product(std::initializer_list<i64> sizes) {
  i64 result = 1;
  bool fits = true;
  for (const i64 size : sizes) {
    if (size == 0) return 0;
    fits = fits && !__builtin_mul_overflow(result, size, &result);
  }
  if (!fits) fail("ERR_MG_SHAPE", "shape: expected fewer than 2^63 elements, got more");
  return result;
}

}  // namespace mg
