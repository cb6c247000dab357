// Devices, memory, streams and copies of CUDA, with one sentence for each thing that may be wrong with a driver.
#include "cuda_device.h"

#include <deque>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "../base/check.h"
#include "../base/cuda/port.h"
#if !defined(__CUDACC__)
#include "cuda_runtime_shim.h"
#endif

namespace mg {
namespace cuda {
namespace {

void expect_success(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  fail("ERR_MG_CUDA", std::string(what) + ": expected success on the CUDA device, got " + cudaGetErrorName(status) + ", " +
                          cudaGetErrorString(status));
}

// Blocks of memory by size class, eight classes per doubling.
class Cache {
 public:
  Cache(cudaError_t (*take)(void**, std::size_t), cudaError_t (*give)(void*)) : take_(take), give_(give) {}

  void* allocate(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t size = size_class(bytes);
    std::vector<void*>& waiting = cached_[size];
    void* block = nullptr;
    if (!waiting.empty()) {
      block = waiting.back();
      waiting.pop_back();
      stats_.cached_bytes -= double(size);
    } else if (take_(&block, size) != cudaSuccess) {
      cudaGetLastError();
      release();
      if (take_(&block, size) != cudaSuccess) {
        cudaGetLastError();
        return nullptr;
      }
    }
    stats_.live_bytes += double(bytes);
    stats_.allocations += 1;
    if (stats_.live_bytes > stats_.peak_bytes) stats_.peak_bytes = stats_.live_bytes;
    return block;
  }
  void deallocate(void* data, std::size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t size = size_class(bytes);
    stats_.live_bytes -= double(bytes);
    try {
      cached_[size].push_back(data);
      stats_.cached_bytes += double(size);
    } catch (...) {
      give_(data);
    }
  }
  void empty() {
    const std::lock_guard<std::mutex> lock(mutex_);
    release();
  }
  MemoryStats stats() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
  }

 private:
  static std::size_t size_class(std::size_t bytes) {
    std::size_t step = 512;
    while (step * 16 < bytes) step *= 2;
    return bytes == 0 ? step : (bytes + step - 1) / step * step;
  }
  void release() {
    for (auto& entry : cached_)
      for (void* block : entry.second) give_(block);
    cached_.clear();
    stats_.cached_bytes = 0;
  }

  cudaError_t (*take_)(void**, std::size_t);
  cudaError_t (*give_)(void*);
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<void*>> cached_;
  MemoryStats stats_{0, 0, 0, std::numeric_limits<double>::infinity(), 0};
};

cudaError_t take_device(void** block, std::size_t bytes) { return cudaMalloc(block, bytes); }
cudaError_t give_device(void* block) { return cudaFree(block); }  // waits for the device by itself
cudaError_t take_pinned(void** block, std::size_t bytes) { return cudaHostAlloc(block, bytes, cudaHostAllocDefault); }
cudaError_t give_pinned(void* block) { return cudaFreeHost(block); }

struct Held {
  cudaEvent_t event;
  std::shared_ptr<void> what;
};

struct Device {
  int index = 0;
  cudaStream_t stream = nullptr;
  Cache cache{take_device, give_device};
  std::mutex mutex;  // of `held` and `events`
  std::deque<Held> held;
  std::vector<cudaEvent_t> events;

  // Lets go of what the stream has passed. `mutex` is held. A query's "not
  // ready" is an answer: the next launch must not take it for its own.
  void release_passed() {
    for (; !held.empty() && cudaEventQuery(held.front().event) == cudaSuccess; held.pop_front())
      events.push_back(held.front().event);
    cudaGetLastError();
  }
};

// None of these is ever destroyed: finalizers may still free buffers while the process ends, and the driver may be gone by then.
Device& device_at(int number) {
  static auto* const all = [] {
    auto* list = new std::vector<std::unique_ptr<Device>>;
    for (const DeviceInfo& info : probe().devices) {
      list->push_back(std::make_unique<Device>());
      list->back()->index = info.index;
    }
    return list;
  }();
  return *all->at(std::size_t(number));
}

Device& use(int number) {
  Device& d = device_at(number);
  expect_success(cudaSetDevice(d.index), "cudaSetDevice");
  return d;
}

Cache& pinned() {
  static Cache* const cache = new Cache(take_pinned, give_pinned);
  return *cache;
}

Probe look() {
  Probe found;
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  const auto version = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
  if (status == cudaErrorInsufficientDriver && driver == 0) found.reason = "no NVIDIA driver is installed";
  else if (status == cudaErrorInsufficientDriver)
    found.reason = "the NVIDIA driver is too old: it serves CUDA " + version(driver) + ", needed is " + version(CUDART_VERSION) +
                   " or newer";
  else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    found.reason = "there is an NVIDIA driver, but no GPU";
  else if (status != cudaSuccess) found.reason = std::string("the CUDA runtime does not start: ") + cudaGetErrorString(status);
  else
    for (int index = 0; index < count; index++) {
      cudaDeviceProp p;
      if (cudaGetDeviceProperties(&p, index) != cudaSuccess) continue;
      if (p.major >= 8) found.devices.push_back({index, p.name, p.major, p.minor, double(p.totalGlobalMem)});
      else
        found.reason += std::string(found.reason.empty() ? "" : "; ") + p.name + " is too old: compute capability " +
                        std::to_string(p.major) + "." + std::to_string(p.minor) + ", needed is 8.0 or newer";
    }
  cudaGetLastError();
  return found;
}

}  // namespace

const Probe& probe() {
  static const Probe* const found = new Probe(look());
  return *found;
}

void* allocate(int device, std::size_t bytes) {
  Device& d = use(device);
  void* const block = d.cache.allocate(bytes);
  if (block == nullptr) {
    const MemoryStats stats = d.cache.stats();
    fail("ERR_MG_MEMORY", "allocate: expected " + std::to_string(bytes) + " bytes on cuda:" + std::to_string(device) +
                              ", got none; live " + std::to_string(static_cast<long long>(stats.live_bytes)) + " bytes");
  }
  return block;
}
void deallocate(int device, void* data, std::size_t bytes) noexcept { device_at(device).cache.deallocate(data, bytes); }
MemoryStats memory_stats(int device) { return device_at(device).cache.stats(); }

double free_bytes(int device) {
  use(device);
  std::size_t free = 0, total = 0;
  expect_success(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return double(free);
}

void empty_cache() {
  pinned().empty();
  for (std::size_t n = 0; n < probe().devices.size(); n++) use(int(n)).cache.empty();
}

void* allocate_pinned(std::size_t bytes) {
  void* const block = pinned().allocate(bytes);
  if (block == nullptr)
    fail("ERR_MG_MEMORY", "allocate: expected " + std::to_string(bytes) + " bytes of page-locked memory, got none");
  return block;
}
void deallocate_pinned(void* data, std::size_t bytes) noexcept { pinned().deallocate(data, bytes); }

Stream stream(int device) {
  Device& d = use(device);
  const std::lock_guard<std::mutex> lock(d.mutex);
  if (d.stream == nullptr) expect_success(cudaStreamCreateWithFlags(&d.stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return d.stream;
}

void copy_in(int device, void* to, const void* from, std::size_t bytes) {
  const Stream s = stream(device);
  if (bytes > 0) expect_success(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, s), "copy to the device");
}
void copy_out(int device, void* to, const void* from, std::size_t bytes) {
  const Stream s = stream(device);
  if (bytes > 0) expect_success(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, s), "copy from the device");
}
void copy_within(int device, void* to, const void* from, std::size_t bytes) {
  const Stream s = stream(device);
  if (bytes > 0) expect_success(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, s), "copy on the device");
}
void clear(int device, void* data, std::size_t bytes) {
  const Stream s = stream(device);
  if (bytes > 0) expect_success(cudaMemsetAsync(data, 0, bytes, s), "clear memory of the device");
}

void hold_until_passed(int device, std::shared_ptr<void> what) {
  const Stream s = stream(device);
  Device& d = device_at(device);
  const std::lock_guard<std::mutex> lock(d.mutex);
  d.release_passed();
  cudaEvent_t event = nullptr;
  if (!d.events.empty()) {
    event = d.events.back();
    d.events.pop_back();
  } else {
    expect_success(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  }
  expect_success(cudaEventRecord(event, s), "cudaEventRecord");
  d.held.push_back({event, std::move(what)});
}

void wait(int device) {
  expect_success(cudaStreamSynchronize(stream(device)), "the queued work");
  Device& d = device_at(device);
  const std::lock_guard<std::mutex> lock(d.mutex);
  d.release_passed();
}

}  // namespace cuda
}  // namespace mg
