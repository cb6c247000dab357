// Host memory: a caching allocator. Freed blocks wait in lists by size class, because a training step asks for the same
// sizes again and again, and giving pages back to the system between steps costs more than the arithmetic saves. They go back
// when a size is asked for that none of them has, and they are more than one and a half times the most that was ever in use.
#pragma once
#include <cstddef>

namespace mg {

struct MemoryStats {
  double live_bytes;    // asked for and not yet freed
  double cached_bytes;  // freed, kept for the next request
  double peak_bytes;    // highest live_bytes so far
  double limit_bytes;   // requests beyond it fail; infinity by default
  double allocations;   // successful requests so far
};

// 64-byte aligned. Throws Error ERR_MG_MEMORY with the sizes asked for and held.
void* allocate(std::size_t bytes);
void deallocate(void* data, std::size_t bytes) noexcept;  // bytes as asked for

MemoryStats memory_stats();
void empty_cache();
void set_memory_limit(double bytes);
// Lets `successes` more requests through and fails all after them; a negative number switches the fault off.
void set_allocation_fault(long long successes);

}  // namespace mg
