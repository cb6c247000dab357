// CXXFLAGS=-fsanitize=thread test/native/run.sh test/native/pool_check.cc
// The pool under ThreadSanitizer: every chunk runs once, worker numbers stay in range, nested and concurrent calls, resizing.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <system_error>
#include <vector>

#include "../../native/base/host/pool.h"

using namespace mg;

std::atomic<int> failures{0};
#define EXPECT(condition) \
  if (!(condition)) failures++, std::printf("FAIL line %d: %s\n", __LINE__, #condition)

// Sums 0..chunks-1 with plain (not atomic) writes to one slot per chunk.
void sum_once(i64 chunks) {
  std::vector<i64> seen(chunks);
  Pool::get().parallel_for(chunks, [&](i64 c, int worker) {
    EXPECT(worker >= 0 && worker < Pool::get().size());
    seen[std::size_t(c)] += c + 1;
  });
  for (i64 c = 0; c < chunks; c++) EXPECT(seen[std::size_t(c)] == c + 1);
}

// Memory for a few stacks only: the pool is refused, and works as before with the calling thread. Sanitizers need all addresses.
void too_many_threads(Pool& pool) {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit tight{rlim_t{1} << 30, before.rlim_max};
  setrlimit(RLIMIT_AS, &tight);
  bool refused = false;
  try {
    pool.resize(1024);  // stacks of 8 MB each
  } catch (const std::system_error&) {
    refused = true;
  }
  setrlimit(RLIMIT_AS, &before);
  EXPECT(refused);
  EXPECT(pool.size() == 1);
  sum_once(100);
  pool.resize(4);
  EXPECT(pool.size() == 4);
  sum_once(100);
#endif
}

int main() {
  Pool& pool = Pool::get();
  too_many_threads(pool);
  for (int threads : {1, 2, 4, 3, 1, 4}) {
    pool.resize(threads);
    EXPECT(pool.size() == threads);
    for (i64 chunks : {0, 1, 2, 7, 100}) {
      for (int k = 0; k < 50; k++) sum_once(chunks);
    }
  }
  // scratch by worker number: two chunks with one number never overlap in time
  std::vector<i64> scratch(4);
  pool.parallel_for(1000, [&](i64, int worker) { scratch[std::size_t(worker)]++; });
  EXPECT(scratch[0] + scratch[1] + scratch[2] + scratch[3] == 1000);
  // nested calls stay on their thread
  pool.parallel_for(8, [&](i64, int) {
    const auto self = std::this_thread::get_id();
    pool.parallel_for(8, [&](i64, int worker) { EXPECT(worker == 0 && std::this_thread::get_id() == self); });
  });
  // calls from several threads at once, helpers parked in between
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; t++) {
    callers.emplace_back([] {
      for (int k = 0; k < 200; k++) {
        sum_once(20);
        if (k % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  for (auto& c : callers) c.join();
  pool.shutdown();
  sum_once(10);
  std::printf("%d failures\n", failures.load());
  return failures != 0;
}
