// Size classes, lists of free blocks, the counts of what is used, and the planted faults of tests.
#include "alloc.h"

#include <cstdlib>
#include <limits>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../check.h"

namespace mg {
namespace {

constexpr std::size_t kAlignment = 64;

// Under the address sanitizer each block has the bytes that were asked for and goes back to the system at once: in the unused
// part of a block, and in a block that waits in a list, it would see no fault.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kExact = true;
#else
constexpr bool kExact = false;
#endif

// Eight classes per doubling, so at most an eighth of a block is unused.
std::size_t size_class(std::size_t bytes) {
  if (kExact) return bytes;
  std::size_t step = kAlignment;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

// Large blocks begin at a huge page and ask for such pages: the first touch of a small page is a fault each, and walking a window
// of hundreds of megabytes in small pages misses the address cache again and again.
void* new_block(std::size_t size) {
#if defined(__linux__)
  constexpr std::size_t huge_page = 2u << 20;
  const bool is_large = !kExact && size >= 2 * huge_page;
  void* block = nullptr;
  if (posix_memalign(&block, is_large ? huge_page : kAlignment, size) != 0) return nullptr;
  if (is_large) madvise(block, size, MADV_HUGEPAGE);  // advice: where it is not taken, small pages do
  return block;
#else
  return std::aligned_alloc(kAlignment, size);
#endif
}

struct Arena {
  std::mutex mutex;
  std::unordered_map<std::size_t, std::vector<void*>> cache;
  double live = 0, cached = 0, peak = 0, limit = std::numeric_limits<double>::infinity(), allocations = 0;
  long long fault = -1;
};

// Never destroyed: buffers may still be freed by finalizers while the process ends.
Arena& arena() {
  static Arena* const the_arena = new Arena;
  return *the_arena;
}

void release_cache(Arena& a) {
  for (auto& entry : a.cache)
    for (void* block : entry.second) std::free(block);
  a.cache.clear();
  a.cached = 0;
}

[[noreturn]] void out_of_memory(const Arena& a, std::size_t bytes) {
  fail("ERR_MG_MEMORY", "allocate: expected " + std::to_string(bytes) + " bytes, got none; live " +
                            std::to_string(static_cast<long long>(a.live)) + " bytes, cached " +
                            std::to_string(static_cast<long long>(a.cached)) + " bytes");
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes == 0) bytes = 1;
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  if (a.fault == 0) out_of_memory(a, bytes);
  const bool possible = bytes <= std::numeric_limits<std::size_t>::max() / 2;
  if (!possible || a.live + double(bytes) > a.limit) out_of_memory(a, bytes);
  const std::size_t size = size_class(bytes);
  void* block = nullptr;
  const auto found = a.cache.find(size);
  if (found != a.cache.end() && !found->second.empty()) {
    block = found->second.back();
    found->second.pop_back();
    a.cached -= double(size);
  } else {
    // Windows of ever other lengths ask for ever other sizes: more than one and a half times what was ever in use is not kept.
    if (a.cached > 1.5 * a.peak) release_cache(a);
    block = new_block(size);
    if (block == nullptr) {
      release_cache(a);
      block = new_block(size);
    }
    if (block == nullptr) out_of_memory(a, bytes);
  }
  if (a.fault > 0) a.fault--;
  a.live += double(bytes);
  a.allocations += 1;
  if (a.live > a.peak) a.peak = a.live;
  return block;
}

void deallocate(void* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  if (bytes == 0) bytes = 1;
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  const std::size_t size = size_class(bytes);
  a.live -= double(bytes);
  if (kExact) return std::free(data);
  try {
    a.cache[size].push_back(data);
    a.cached += double(size);
  } catch (...) {
    std::free(data);
  }
}

MemoryStats memory_stats() {
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  return {a.live, a.cached, a.peak, a.limit, a.allocations};
}

void empty_cache() {
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  release_cache(a);
}

void set_memory_limit(double bytes) {
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  a.limit = bytes;
}

void set_allocation_fault(long long successes) {
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  a.fault = successes;
}

}  // namespace mg
