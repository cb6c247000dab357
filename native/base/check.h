// The one exception type of the native code. The binding turns it into an MgError with the same code.
#pragma once
#include <exception>
#include <string>
#include <utility>

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

}  // namespace mg
