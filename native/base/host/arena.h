// Cuts one block of caller-provided bytes into aligned arrays. With a null base it only counts: the same lines of code say
// how much is needed and hand it out.
#pragma once
#include "../platform.h"

namespace mg {

class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}

  template <class T>
  T* take(i64 count) {
    char* p = base_ ? base_ + used_ : nullptr;
    used_ += (count * i64(sizeof(T)) + 63) / 64 * 64;
    return reinterpret_cast<T*>(p);
  }
  i64 used_bytes() const { return used_; }

 private:
  char* base_;
  i64 used_ = 0;
};

}  // namespace mg
