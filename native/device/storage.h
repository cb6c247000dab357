// Where tensor bytes live. A Buffer is counted memory; a Storage is a typed range of one, so that slices share bytes.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "../base/check.h"
#include "../base/host/alloc.h"
#include "../base/platform.h"
#include "cuda_device.h"

namespace mg {

enum class DType : std::int32_t { float32 = 0, float64 = 1, int32 = 2, uint8 = 3 };

inline i64 dtype_bytes(DType t) { return t == DType::float64 ? 8 : t == DType::uint8 ? 1 : 4; }
inline const char* dtype_name(DType t) {
  constexpr const char* names[] = {"float32", "float64", "int32", "uint8"};
  return names[int(t)];
}

// Where memory is: on the CPU, on the CPU and locked for copies to a GPU, or on CUDA device 0, 1, ….
constexpr int on_cpu = -1, on_cpu_pinned = -2;

inline std::string place_name(int place) { return place < 0 ? "cpu" : "cuda:" + std::to_string(place); }

class Buffer {
 public:
  explicit Buffer(i64 bytes, int place = on_cpu) : bytes_(std::size_t(bytes)), place_(place) {
    if (place == on_cpu) data_ = allocate(bytes_);
    else data_ = place == on_cpu_pinned ? cuda::allocate_pinned(bytes_) : cuda::allocate(place, bytes_);
  }
  ~Buffer() {
    if (place_ == on_cpu) deallocate(data_, bytes_);
    else if (place_ == on_cpu_pinned) cuda::deallocate_pinned(data_, bytes_);
    else cuda::deallocate(place_, data_, bytes_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  char* data() const { return static_cast<char*>(data_); }
  int place() const { return place_; }

 private:
  std::size_t bytes_;
  int place_;
  void* data_;
};

struct Storage {
  std::shared_ptr<Buffer> buffer;  // null once released
  i64 offset_bytes = 0;
  i64 count = 0;
  DType dtype = DType::float32;

  i64 bytes() const { return count * dtype_bytes(dtype); }
  int place() const { return buffer->place(); }
  bool on_gpu() const { return place() >= 0; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(buffer->data() + offset_bytes);
  }
};

// Uninitialised memory for `count` elements. Throws ERR_MG_MEMORY.
inline Storage make_storage(DType dtype, i64 count, int place = on_cpu) {
  i64 bytes = 0;
  if (__builtin_mul_overflow(count, dtype_bytes(dtype), &bytes))
    fail("ERR_MG_MEMORY",
         "allocate: expected fewer than 2^63 bytes, got " + std::to_string(count) + " elements of " + dtype_name(dtype));
  return {std::make_shared<Buffer>(bytes, place), 0, count, dtype};
}

}  // namespace mg
