// The part of the CUDA runtime that native/device/cuda_device.cu calls, over host memory: one device whose work runs at once.
// Fresh memory is NaN. MG_SHIM_DEVICE picks what is found: `none`, `no-driver`, `old-driver`, `old-gpu`, or a device (default);
// with MG_SHIM_FAULT set, all work turns out to have failed.
#pragma once
#include <cstdlib>
#include <cstring>
#include <string>

#include "../../../native/base/stream.h"

#define CUDART_VERSION 13000

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorInsufficientDriver = 35, cudaErrorNoDevice = 100, cudaErrorIllegalAddress = 700 };
enum { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaHostAllocDefault = 0, cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
using cudaStream_t = CUstream_st*;
using cudaEvent_t = void*;

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
inline cudaError_t cudaFree(void* data) { return std::free(data), cudaSuccess; }
inline cudaError_t cudaHostAlloc(void** data, std::size_t bytes, int) { return cudaMalloc(data, bytes); }
inline cudaError_t cudaFreeHost(void* data) { return std::free(data), cudaSuccess; }
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) { return *free = *total = std::size_t(8) << 30, cudaSuccess; }
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, int) { return *stream = reinterpret_cast<cudaStream_t>(8), cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return std::getenv("MG_SHIM_FAULT") ? cudaErrorIllegalAddress : cudaSuccess; }
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, int, cudaStream_t) { return std::memcpy(to, from, bytes), cudaSuccess; }
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) { return std::memset(to, value, bytes), cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, int) { return *event = nullptr, cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
