// The thread of a queue.
#include "queue.h"

#include <chrono>
#include <utility>

namespace mg {

void Queue::enqueue(std::function<void()> job) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (stopping_) return;
  progress_.wait(lock, [&] { return jobs_.size() < kMaxPending; });
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });  // first: where it throws, nothing is queued
  jobs_.push_back(std::move(job));
  lock.unlock();
  wake_.notify_one();
}

void Queue::wait_idle() {
  std::unique_lock<std::mutex> lock(mutex_);
  progress_.wait(lock, [&] { return jobs_.empty() && !busy_; });
}

void Queue::stop() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  progress_.notify_all();
}

void Queue::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    {
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      busy_ = true;
      lock.unlock();
      job();
    }  // the job's storages are released here, before it counts as done
    lock.lock();
    busy_ = false;
    progress_.notify_all();
  }
}

}  // namespace mg
