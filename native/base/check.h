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
template <class Sizes = std::initializer_list<i64>>
i64 product(const Sizes& sizes) {
  i64 result = 1;
  bool fits = true;
  for (const i64 size : sizes) {
    if (size == 0) return 0;
    fits = fits && !__builtin_mul_overflow(result, size, &result);
  }
  if (!fits) fail("ERR_MG_SHAPE", "shape: expected fewer than 2^63 elements, got more");
  return result;
}

// One past the furthest element of a range of this shape and these strides, all at least 0; ERR_MG_SHAPE when it does not fit.
template <class Sizes>
i64 reach_of(i64 offset, const Sizes& shape, const Sizes& strides) {
  if (product(shape) == 0) return 0;
  i64 last = offset, step = 0;
  for (std::size_t axis = 0; axis < shape.size(); axis++)
    if (__builtin_mul_overflow(shape[axis] - 1, strides[axis], &step) || __builtin_add_overflow(last, step, &last))
      fail("ERR_MG_SHAPE", "shape: expected a range of fewer than 2^63 elements, got more");
  return last + 1;
}

}  // namespace mg
