// g++ -std=c++17 -O1 -g -fsanitize=thread -pthread test/native/pool_check.cc native/base/pool.cc -o build/pool_check && build/pool_check
// The pool under ThreadSanitizer: every chunk runs once, worker numbers stay in range, nested and concurrent calls, resizing.
#include <chrono>
#include <cstdio>
#include <vector>

#include "../../native/base/pool.h"

using namespace mg;

std::atomic<int> failures{0};
#define EXPECT(condition) \
  if (!(condition)) failures++, std::printf("FAIL line %d: %s\n", __LINE__, #condition)

// Sums 0..chunks-1 with plain (not atomic) writes to one slot per chunk.
void sum_once(i64 chunks) {
  std::vector<i64> seen(static_cast<size_t>(chunks));
  Pool::get().parallel_for(chunks, [&](i64 c, int worker) {
    EXPECT(worker >= 0 && worker < Pool::get().size());
    seen[size_t(c)] += c + 1;
  });
  for (i64 c = 0; c < chunks; c++) EXPECT(seen[size_t(c)] == c + 1);
}

int main() {
  Pool& pool = Pool::get();
  for (int threads : {1, 2, 4, 3, 1, 4}) {
    pool.resize(threads);
    EXPECT(pool.size() == threads);
    for (i64 chunks : {0, 1, 2, 7, 100}) {
      for (int k = 0; k < 50; k++) sum_once(chunks);
    }
  }
  // scratch by worker number: two chunks with one number never overlap in time
  std::vector<i64> scratch(4);
  pool.parallel_for(1000, [&](i64, int worker) { scratch[size_t(worker)]++; });
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
