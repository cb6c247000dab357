// The part of the CUDA runtime that native/device/cuda_device.cu calls, over host memory: one device.
// Fresh memory is NaN. MG_SHIM_DEVICE picks what is found: `none`, `no-driver`, `old-driver`, `old-gpu`, or a device (default);
// with MG_SHIM_FAULT set, all work turns out to have failed.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "../../../native/base/cuda/stream.h"

#define CUDART_VERSION 13000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700
};
enum { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaHostAllocDefault = 0, cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
using cudaStream_t = CUstream_st*;

struct cudaDeviceProp {
  char name[64];
  int major, minor;
  std::size_t totalGlobalMem;
};

inline std::string shim_device() {
  const char* kind = std::getenv("MG_SHIM_DEVICE");
  return kind ? kind : "";
}
inline const char* cudaGetErrorName(cudaError_t) { return "cudaError"; }
inline const char* cudaGetErrorString(cudaError_t) { return "a fault of the shim"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = shim_device() == "no-driver" ? 0 : shim_device() == "old-driver" ? 12040 : 13000;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  if (shim_device() == "no-driver" || shim_device() == "old-driver") return cudaErrorInsufficientDriver;
  if (shim_device() == "none") return cudaErrorNoDevice;
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  std::strcpy(p->name, "Shim");
  p->major = shim_device() == "old-gpu" ? 7 : 9;
  p->minor = 0;
  p->totalGlobalMem = std::size_t(8) << 30;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  if (bytes > std::size_t(8) << 30) return cudaErrorMemoryAllocation;
  *data = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (*data == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*data, 0xff, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** data, std::size_t bytes, int) { return cudaMalloc(data, bytes); }
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return *free = *total = std::size_t(8) << 30, cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, int) {
  return *stream = reinterpret_cast<cudaStream_t>(8), cudaSuccess;
}

// Kernels and copies on the device run at once, copies between it and the host when somebody waits for them, as late as the real
// ones may: until then what the host gets is NaN, and what it gave must stay as it is.
struct ShimCopy {
  char* host;
  std::vector<char> bytes;
  bool to_host;
};
struct ShimStream {
  std::mutex mutex;
  std::deque<ShimCopy> copies;
  long issued = 0;  // the youngest copy
};
inline ShimStream& shim_stream() {
  static ShimStream* const stream = new ShimStream;
  return *stream;
}
struct ShimEvent {
  long after = 0;
  bool was_asked = false;
};
using cudaEvent_t = ShimEvent*;

// Ends copy number `last` and those before. The mutex is held.
inline void shim_finish(ShimStream& s, long last) {
  for (; s.issued - long(s.copies.size()) < last; s.copies.pop_front()) {
    const ShimCopy& copy = s.copies.front();
    if (copy.to_host) std::memcpy(copy.host, copy.bytes.data(), copy.bytes.size());
    else if (std::memcmp(copy.host, copy.bytes.data(), copy.bytes.size()) != 0) {
      std::fprintf(stderr, "cuda shim: memory changed before a copy to the device had read it\n");
      std::abort();
    }
  }
}
inline void shim_finish_all() {
  ShimStream& s = shim_stream();
  const std::lock_guard<std::mutex> lock(s.mutex);
  shim_finish(s, s.issued);
}

inline cudaError_t cudaFree(void* data) { return shim_finish_all(), std::free(data), cudaSuccess; }
inline cudaError_t cudaFreeHost(void* data) { return shim_finish_all(), std::free(data), cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
  shim_finish_all();
  return std::getenv("MG_SHIM_FAULT") ? cudaErrorIllegalAddress : cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, int kind, cudaStream_t) {
  if (kind == cudaMemcpyDeviceToDevice) return std::memcpy(to, from, bytes), cudaSuccess;
  ShimStream& s = shim_stream();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const char* const source = static_cast<const char*>(from);
  const bool to_host = kind == cudaMemcpyDeviceToHost;
  s.copies.push_back(
      {const_cast<char*>(to_host ? static_cast<char*>(to) : source), std::vector<char>(source, source + bytes), to_host});
  s.issued++;
  if (to_host) std::memset(to, 0xff, bytes);
  else std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  return std::memset(to, value, bytes), cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, int) { return *event = new ShimEvent, cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  ShimStream& s = shim_stream();
  const std::lock_guard<std::mutex> lock(s.mutex);
  *event = {s.issued, false};
  return cudaSuccess;
}
// The first time, no, unless somebody has waited since.
inline cudaError_t cudaEventQuery(cudaEvent_t event) {
  ShimStream& s = shim_stream();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const bool passed = s.issued - long(s.copies.size()) >= event->after;
  if (!passed && !event->was_asked) return event->was_asked = true, cudaErrorNotReady;
  shim_finish(s, event->after);
  return cudaSuccess;
}
