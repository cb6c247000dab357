// CUDA devices as the rest of the native code sees them: what is there and why nothing is, memory, one stream for each device,
// copies. No CUDA header is needed here; a build without CUDA has the same functions and no device.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "../base/cuda/stream.h"
#include "../base/host/alloc.h"
#include "../base/platform.h"

namespace mg {
namespace cuda {

struct DeviceInfo {
  int index;  // as the CUDA runtime counts
  std::string name;
  int major, minor;  // compute capability
  double total_bytes;
};

struct Probe {
  std::vector<DeviceInfo> devices;  // those that can be used, in order; cuda:N is the N-th
  std::string reason;               // why there is none, or why some are left out; empty otherwise
};

// Made once per process, at the first call.
const Probe& probe();

// Device memory through a cache by size class, like that of the host. A freed block may be used again at once: all work of a
// device is in one stream, so whatever used the block before comes first. Throws ERR_MG_MEMORY with the sizes asked for and held.
void* allocate(int device, std::size_t bytes);
void deallocate(int device, void* data, std::size_t bytes) noexcept;
MemoryStats memory_stats(int device);
double free_bytes(int device);
void empty_cache();
// Page-locked host memory, cached; what asynchronous copies read and write.
void* allocate_pinned(std::size_t bytes);
void deallocate_pinned(void* data, std::size_t bytes) noexcept;

// The stream of a device, which becomes the current one of the calling thread. Work of all threads goes into it in order.
Stream stream(int device);
// Queue a copy; pinned memory must stay as it is until the stream has passed it (hold_until_passed).
void copy_in(int device, void* to, const void* pinned, std::size_t bytes);
void copy_out(int device, void* pinned, const void* from, std::size_t bytes);
void copy_within(int device, void* to, const void* from, std::size_t bytes);
void clear(int device, void* data, std::size_t bytes);
// Keeps `what` alive until the work queued so far has run.
void hold_until_passed(int device, std::shared_ptr<void> what);
// Waits for all work queued so far; throws ERR_MG_CUDA when some of it failed.
void wait(int device);

}  // namespace cuda
}  // namespace mg
