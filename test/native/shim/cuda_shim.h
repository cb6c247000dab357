// CUDA kernels as host code: native/base/cuda/port.h over fibers. A block's threads are fibers of one host thread, switched only
// where a kernel waits, in an order drawn from a seed (MG_SHIM_SEED). What the hardware leaves undefined ends the program here:
// a barrier reached from two places or by a part of a block, lanes missing from an exchange, a copy still in flight at the end.
// Shared memory is exactly as long as asked for and starts as NaN; so does the target of an asynchronous copy until somebody
// waits for it. cuda_shim.cc is compiled without the thread sanitizer; what kernels do to memory is done here, where it is seen.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "../../../native/base/cuda/stream.h"
#include "../../../native/base/platform.h"

#define MG_KERNEL(...) void
#define MG_DEVICE
#define MG_APART
#define MG_UNROLL
#define MG_BARRIER() mg::shim::barrier(__FILE__, __LINE__)
#define MG_GRID_BARRIER() mg::shim::grid_barrier(__FILE__, __LINE__)

namespace mg {
namespace shim {

struct Place {
  int thread, threads;
  i64 block, blocks;
  void* shared;
};
const Place& place();
void barrier(const char* file, int line);
void grid_barrier(const char* file, int line);
// Every lane hands in up to 64 bytes; gives the 32 slots of 64 bytes, to be read until the lane calls leave_exchange.
const unsigned char* exchange(const void* mine, std::size_t bytes, const char* what);
void leave_exchange();
void expect_aligned(const void* pointer, const char* what);  // to 16 bytes
void start_copy(void* to, const void* from, bool valid);
void commit_copies();
bool next_copy(int groups_in_flight, void** to, const void** from);
void mma(int k, float* d, const unsigned* a, const unsigned* b);
// together: all blocks at once, no more than are resident; otherwise one after the other, in a random order.
void run(void (*body)(void*), void* state, i64 blocks, int threads, i64 shared_bytes, bool together);
i64 resident_blocks(int threads);

struct Counts {
  long launches, blocks, switches;
};
Counts counts();
// Where launches go while a graph is recorded; null: they run at once.
inline thread_local std::vector<std::function<void()>>* recording = nullptr;

template <class T>
T lane_value(const unsigned char* slots, int lane) {
  T value;
  std::memcpy(&value, slots + 64 * (lane & 31), sizeof value);
  return value;
}

}  // namespace shim

namespace port {

inline int thread() { return shim::place().thread; }
inline int threads() { return shim::place().threads; }
inline i64 block() { return shim::place().block; }
inline i64 blocks() { return shim::place().blocks; }

template <class T>
T* shared() {
  return static_cast<T*>(shim::place().shared);
}

template <class T>
T shuffle_xor(T value, int mask) {
  const T got = shim::lane_value<T>(shim::exchange(&value, sizeof value, "shuffle_xor"), (thread() & 31) ^ mask);
  shim::leave_exchange();
  return got;
}
template <class T>
T shuffle(T value, int lane) {
  const T got = shim::lane_value<T>(shim::exchange(&value, sizeof value, "shuffle"), lane);
  shim::leave_exchange();
  return got;
}
inline unsigned ballot(bool flag) {
  const unsigned char* slots = shim::exchange(&flag, sizeof flag, "ballot");
  unsigned bits = 0;
  for (int lane = 0; lane < 32; lane++) bits |= unsigned(shim::lane_value<bool>(slots, lane)) << lane;
  shim::leave_exchange();
  return bits;
}
inline void warp_barrier() {
  shim::exchange(nullptr, 0, "warp_barrier");
  shim::leave_exchange();
}
inline int first_bit(unsigned bits) { return __builtin_ffs(int(bits)) - 1; }

inline float fma(float a, float b, float c) { return std::fma(a, b, c); }
inline double fma(double a, double b, double c) { return std::fma(a, b, c); }

inline void copy_async(void* to, const void* from, bool valid) {
  for (int k = 0; k < 4; k++) static_cast<volatile std::uint32_t*>(to)[k] = 0xffffffffu;
  shim::start_copy(to, from, valid);
}
inline void copy_commit() { shim::commit_copies(); }
template <int N>
void copy_wait() {
  void* to;
  const void* from;
  while (shim::next_copy(N, &to, &from))
    for (int k = 0; k < 4; k++)
      static_cast<volatile std::uint32_t*>(to)[k] = from ? static_cast<const volatile std::uint32_t*>(from)[k] : 0;
}

inline void mma_tf32(float* d, const unsigned* a, const unsigned* b) { shim::mma(8, d, a, b); }
inline void mma_bf16(float* d, const unsigned* a, const unsigned* b) { shim::mma(16, d, a, b); }

inline void load_transposed(unsigned* to, const void* line) {
  shim::expect_aligned(line, "load_transposed");
  const unsigned char* const slots = shim::exchange(&line, sizeof line, "load_transposed");
  const int lane = thread() & 31;
  for (int k = 0; k < 4; k++) {
    const auto value = [&](int of) { return unsigned(shim::lane_value<const std::uint16_t*>(slots, 8 * k + of)[lane / 4]); };
    to[k] = value(lane % 4 * 2) | value(lane % 4 * 2 + 1) << 16;
  }
  shim::leave_exchange();
}

inline unsigned to_tf32(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return std::isfinite(x) ? (bits + 0x1000u) & 0xffffe000u : bits;
}
inline unsigned to_bf16(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return std::isnan(x) ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
inline unsigned to_bf16_pair(float low, float high) { return to_bf16(low) | to_bf16(high) << 16; }

template <class... Parameters, class... Arguments>
void start(bool together, void (*kernel)(Parameters...), i64 blocks, int threads, i64 shared_bytes, Arguments... arguments) {
  if (blocks == 0) return;
  auto body = [=] { kernel(arguments...); };
  auto run = [=]() mutable {
    shim::run([](void* state) { (*static_cast<decltype(body)*>(state))(); }, &body, blocks, threads, shared_bytes, together);
  };
  if (shim::recording != nullptr) shim::recording->push_back(run);
  else run();
}
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), i64 blocks, int threads, i64 shared_bytes, cuda::Stream, Arguments... arguments) {
  start(false, kernel, blocks, threads, shared_bytes, arguments...);
}
template <class... Parameters, class... Arguments>
void launch_together(void (*kernel)(Parameters...), i64 blocks, int threads, i64 shared_bytes, cuda::Stream,
                     Arguments... arguments) {
  start(true, kernel, std::min(blocks, shim::resident_blocks(threads)), threads, shared_bytes, arguments...);
}

class Graph {
 public:
  bool is_recorded() const { return !launches_.empty(); }
  template <class F>
  void record(F&& launches) {
    shim::recording = &launches_;
    launches(nullptr);
    shim::recording = nullptr;
  }
  void replay(cuda::Stream) const {
    for (const auto& launch : launches_) launch();
  }

 private:
  std::vector<std::function<void()>> launches_;
};

}  // namespace port
}  // namespace mg
