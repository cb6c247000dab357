// The threads that run kernels: one pool per process, our own threads (the four of libuv belong to files and DNS).
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "../platform.h"

namespace mg {

class Pool {
 public:
  // Made at first use with one thread per available core, and never destroyed: call shutdown() before the library goes.
  static Pool& get();

  // Threads that work on a call, the caller included.
  int size() const { return size_.load(std::memory_order_relaxed); }
  // Takes effect between calls; waits for a running one. threads >= 1. Where the system has no more threads, the pool is left
  // with the calling one alone, and std::system_error thrown.
  void resize(int threads);
  // Joins all helpers. The pool still works afterwards, on the calling thread alone.
  void shutdown() { resize(1); }

  // While it lives, calls of this thread stay on it if the pool has more than `workers` threads: the scratch memory of a job
  // was sized when it was queued, and another JavaScript environment may have let the pool grow since.
  class Limit {
   public:
    explicit Limit(int workers);
    ~Limit();
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
  };

  // fn(i64 chunk, int worker) for every chunk in [0, chunks), worker in [0, size()). Chunks are handed out as workers come
  // free, so a result may depend on the chunk but not on the worker; worker numbers scratch memory. Nested and concurrent
  // calls run inline as worker 0. fn must not throw.
  template <class F>
  void parallel_for(i64 chunks, F&& fn) {
    Call call{[](void* f, i64 chunk, int worker) { (*static_cast<std::remove_reference_t<F>*>(f))(chunk, worker); }, &fn, chunks};
    run(call);
  }

 private:
  struct Call {
    void (*invoke)(void*, i64, int);
    void* fn;
    i64 chunks;
  };

  Pool() = default;
  void run(const Call& call);
  void work(const Call& call, int worker);
  void helper(int worker, unsigned seen);
  void stop_helpers();

  std::atomic<int> size_{1};
  std::mutex owner_;  // held by the one call that uses the helpers
  std::vector<std::thread> helpers_;
  Call call_{};
  alignas(64) std::atomic<unsigned> epoch_{0};   // a new value starts a call
  alignas(64) std::atomic<i64> next_{0};         // next chunk
  alignas(64) std::atomic<int> active_{0};       // helpers inside the call
  std::atomic<bool> open_{false};                // helpers may still join; a late one must not hold the caller up
  std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  std::mutex park_;
  std::condition_variable wake_;
};

}  // namespace mg
