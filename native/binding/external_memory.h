// What the JavaScript collector is told of the bytes that storages hold outside its heap.
#pragma once
#include <napi.h>

#include "../base/platform.h"

namespace mg {

// A training step takes and gives back the same hundred megabytes each time, at once and by name. Telling the collector of
// every byte would make it collect at every step; it is told the high-water mark, so that only growth (a tensor that
// nobody disposes) sets it to work. The mark sinks when memory in use has long been less than half of it.
class ExternalMemory {
 public:
  void add(Napi::Env env, i64 bytes) {
    live_ += bytes;
    if (2 * live_ > told_) low_ = 0;
    else if (bytes < 0) low_++;
    if (live_ <= told_ && low_ < kPatience) return;
    low_ = 0;
    const i64 change = live_ - told_;
    told_ = live_;
    Napi::MemoryManagement::AdjustExternalMemory(env, change);
  }

 private:
  static constexpr int kPatience = 1000;  // releases; a training step has a few hundred
  i64 live_ = 0, told_ = 0;
  int low_ = 0;
};

}  // namespace mg
