// The CUDA devices of a build without CUDA: none.
#if !defined(MG_HAVE_CUDA)
#include "../base/check.h"
#include "cuda_device.h"

namespace mg {
namespace cuda {
namespace {

[[noreturn]] void none() { fail("ERR_MG_NO_DEVICE", "cuda: expected a CUDA device, got none: " + probe().reason); }

}  // namespace

const Probe& probe() {
  static const Probe* const nothing = new Probe{{}, "this binary was built without CUDA"};
  return *nothing;
}

void* allocate(int, std::size_t) { none(); }
void deallocate(int, void*, std::size_t) noexcept {}
MemoryStats memory_stats(int) { none(); }
double free_bytes(int) { none(); }
void empty_cache() {}
void* allocate_pinned(std::size_t) { none(); }
void deallocate_pinned(void*, std::size_t) noexcept {}
Stream stream(int) { none(); }
void copy_in(int, void*, const void*, std::size_t) { none(); }
void copy_out(int, void*, const void*, std::size_t) { none(); }
void copy_within(int, void*, const void*, std::size_t) { none(); }
void clear(int, void*, std::size_t) { none(); }
void hold_until_passed(int, std::shared_ptr<void>) { none(); }
void wait(int) { none(); }

}  // namespace cuda
}  // namespace mg
#endif
