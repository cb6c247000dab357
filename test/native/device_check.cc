// The device layer over the shim's runtime. Arguments: what MG_SHIM_DEVICE pretends, and a piece of the reason that must be given
// for it; without arguments, on the shim's device: memory, its caches, copies, and what holds them alive.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "../../native/base/check.h"
#include "../../native/device/cuda_device.h"
#include "../../native/device/storage.h"

using namespace mg;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (!holds) failures++, std::printf("FAIL %s\n", what);
}

template <class F>
std::string code_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

void check_memory() {
  expect(cuda::probe().devices.size() == 1 && cuda::probe().reason.empty(), "one device, and nothing to explain");
  {
    const Storage x = make_storage(DType::float32, 1000, 0);
    expect(x.on_gpu() && cuda::memory_stats(0).live_bytes == 4000, "memory is counted");
  }
  expect(cuda::memory_stats(0).live_bytes == 0 && cuda::memory_stats(0).cached_bytes >= 4000, "freed memory waits in the cache");
  void* const first = cuda::allocate(0, 3900);  // of the same class
  expect(cuda::memory_stats(0).cached_bytes == 0, "and serves the next request");
  cuda::deallocate(0, first, 3900);
  cuda::empty_cache();
  expect(cuda::memory_stats(0).cached_bytes == 0 && cuda::memory_stats(0).peak_bytes == 4000, "until the cache is emptied");
  expect(code_of([] { cuda::allocate(0, std::size_t(1) << 40); }) == "ERR_MG_MEMORY", "too much is refused");
  expect(code_of([] { make_storage(DType::uint8, 0, 0); }).empty(), "nothing can be had");
}

void check_copies() {
  const Storage from = make_storage(DType::int32, 64, on_cpu_pinned), to = make_storage(DType::int32, 64, on_cpu_pinned);
  const Storage there = make_storage(DType::int32, 64, 0), beside = make_storage(DType::int32, 64, 0);
  for (int k = 0; k < 64; k++) from.as<std::int32_t>()[k] = k * k;
  cuda::copy_in(0, there.as<char>(), from.as<char>(), 256);
  cuda::copy_within(0, beside.as<char>(), there.as<char>(), 256);
  cuda::clear(0, there.as<char>(), 256);
  cuda::copy_out(0, to.as<char>(), beside.as<char>(), 256);
  cuda::wait(0);
  expect(std::memcmp(from.as<char>(), to.as<char>(), 256) == 0, "copies arrive in order");
  const auto witness = std::make_shared<int>(1), other = std::make_shared<int>(2);
  cuda::copy_in(0, there.as<char>(), from.as<char>(), 256);
  cuda::hold_until_passed(0, witness);
  cuda::copy_in(0, beside.as<char>(), to.as<char>(), 256);
  cuda::hold_until_passed(0, other);
  expect(witness.use_count() == 2, "what a copy reads is kept");
  cuda::wait(0);
  expect(other.use_count() == 1, "all of it");
  expect(witness.use_count() == 1, "until the copy has run");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    setenv("MG_SHIM_DEVICE", argv[1], 1);
    const cuda::Probe& probe = cuda::probe();
    expect(probe.devices.empty(), "no device can be used");
    if (probe.reason.find(argv[2]) == std::string::npos) failures++, std::printf("FAIL %s: %s\n", argv[1], probe.reason.c_str());
    cuda::empty_cache();
  } else {
    check_memory();
    check_copies();
  }
  std::printf("device layer%s%s: %d failures\n", argc == 3 ? ", " : "", argc == 3 ? argv[1] : "", failures);
  return failures != 0;
}
