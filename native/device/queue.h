// The in-order queue of one device in one JavaScript environment: jobs run one after the other on a thread of its own.
// Arguments are checked and memory is allocated before a job is queued, so a job has no reason to fail.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mg {

class Queue {
 public:
  Queue() = default;
  ~Queue() { stop(); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Starts the thread at the first call. Waits while more than kMaxPending jobs are queued.
  void enqueue(std::function<void()> job);
  void wait_idle();
  // Lets the running job end, drops the others and joins the thread. Later jobs are dropped at once.
  void stop();

 private:
  static constexpr std::size_t kMaxPending = 8192;
  void run();

  std::mutex mutex_;
  std::condition_variable wake_, progress_;
  std::deque<std::function<void()>> jobs_;
  bool busy_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace mg
