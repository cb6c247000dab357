// How many processors there are to use, the threads, and how a call is cut into chunks.
#include "pool.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <chrono>
#include <limits>
#if defined(__linux__)
#include <sched.h>
#endif

namespace mg {
namespace {

thread_local bool inside = false;  // this thread runs a chunk: a nested call stays on it
thread_local int most_workers = std::numeric_limits<int>::max();  // see Pool::Limit

// As long as JavaScript takes from the end of one step to the next: a helper that sleeps is often woken on the core of its
// waker, and waits there for the whole of a short step.
constexpr auto spin_time = std::chrono::microseconds(200);

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Processors of the set that the process may run on (taskset, docker --cpuset-cpus, SLURM), of which the control group grants
// this many at a time (docker --cpus). At least 1.
int usable_processors() {
  int count = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
  double quota = 0, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {  // version 2: "max 100000" without a bound
    if (std::fscanf(file, "%lf %lf", &quota, &period) != 2) quota = 0;
    std::fclose(file);
  } else {
    if (std::FILE* q = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {  // version 1: -1 without a bound
      if (std::fscanf(q, "%lf", &quota) != 1) quota = 0;
      std::fclose(q);
    }
    if (std::FILE* p = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(p, "%lf", &period) != 1) period = 0;
      std::fclose(p);
    }
  }
  if (quota > 0 && period > 0) count = std::min(count, int(std::ceil(quota / period)));
#endif
  return std::max(count, 1);
}

}  // namespace

Pool& Pool::get() {
  static Pool* const pool = new Pool;
  static const bool sized = [] {  // tried again at the next call where it throws
    pool->resize(usable_processors());
    return true;
  }();
  static_cast<void>(sized);
  return *pool;
}

Pool::Limit::Limit(int workers) { most_workers = workers; }
Pool::Limit::~Limit() { most_workers = std::numeric_limits<int>::max(); }

void Pool::resize(int threads) {
  std::lock_guard<std::mutex> own(owner_);
  stop_helpers();
  size_.store(1);
  const unsigned seen = epoch_.load();
  try {
    for (int w = 1; w < threads; w++) helpers_.emplace_back([this, w, seen] { helper(w, seen); });
  } catch (...) {
    stop_helpers();
    throw;
  }
  size_.store(threads);
}

void Pool::stop_helpers() {
  {
    std::lock_guard<std::mutex> lock(park_);
    stop_.store(true);
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& t : helpers_) t.join();
  helpers_.clear();
  stop_.store(false);
}

void Pool::work(const Call& call, int worker) {
  inside = true;
  for (i64 c; (c = next_.fetch_add(1, std::memory_order_relaxed)) < call.chunks;) call.invoke(call.fn, c, worker);
  inside = false;
}

void Pool::run(const Call& call) {
  if (call.chunks <= 0) return;
  bool stays = inside || call.chunks == 1 || size() == 1 || !owner_.try_lock();
  if (!stays && size() > most_workers) {  // the size is ours to read: resize needs the same lock
    owner_.unlock();
    stays = true;
  }
  if (stays) {
    const bool before = inside;
    inside = true;
    for (i64 c = 0; c < call.chunks; c++) call.invoke(call.fn, c, 0);
    inside = before;
    return;
  }
  std::lock_guard<std::mutex> own(owner_, std::adopt_lock);
  call_ = call;
  next_.store(0, std::memory_order_relaxed);
  open_.store(true);  // publishes the call
  epoch_.fetch_add(1);
  if (parked_.load() > 0) {
    {
      std::lock_guard<std::mutex> lock(park_);
    }
    wake_.notify_all();
  }
  work(call, 0);
  open_.store(false);
  for (int spins = 0; active_.load() != 0; spins++) {
    if (spins < 4096) pause();
    else std::this_thread::yield();
  }
}

void Pool::helper(int worker, unsigned seen) {
  for (;;) {
    const auto start = std::chrono::steady_clock::now();
    int spins = 0;
    while (epoch_.load() == seen) {
      pause();
      if (++spins % 64 == 0 && std::chrono::steady_clock::now() - start > spin_time) {
        std::unique_lock<std::mutex> lock(park_);
        parked_.fetch_add(1);
        wake_.wait(lock, [&] { return epoch_.load() != seen; });
        parked_.fetch_sub(1);
      }
    }
    seen = epoch_.load();
    if (stop_.load()) return;
    active_.fetch_add(1);
    if (open_.load()) work(call_, worker);
    active_.fetch_sub(1);
  }
}

}  // namespace mg
