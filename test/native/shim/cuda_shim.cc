// Blocks, barriers, warps and memory of the emulated GPU.
#include "cuda_shim.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

// MG_SHIM_TSAN: the kernels around this file carry the thread sanitizer, this file itself must not.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(MG_SHIM_TSAN)
extern "C" {
void* __tsan_create_fiber(unsigned);
void __tsan_switch_to_fiber(void*, unsigned);
void* __tsan_get_current_fiber();
void __tsan_acquire(void*);
void __tsan_release(void*);
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#endif

#if defined(__x86_64__)
// Saves the registers a callee must keep and the stack pointer, and takes up those of the other side.
extern "C" void mg_shim_switch(void** from, void* to);
asm(R"(
.text
.globl mg_shim_switch
.type mg_shim_switch,@function
mg_shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mg_shim_switch,.-mg_shim_switch
)");
#endif

namespace mg {
namespace shim {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;
constexpr int most_threads = 1024;  // of the blocks that run at once
// Fibers serve again and again, which to the thread sanitizer orders the blocks that share them: several sets take turns.
#if defined(MG_SHIM_TSAN)
constexpr int sets = 4;
#else
constexpr int sets = 1;
#endif
constexpr int most_copies = 256;  // in flight per thread

struct Copy {
  void* to;
  const void* from;
  long group;
};

enum class State { ready, waiting, done };

struct Block;

struct Fiber {
  char* stack = nullptr;
#if defined(__x86_64__)
  void* pointer = nullptr;
#else
  ucontext_t context;
#endif
  void* fake_stack = nullptr;  // of the address sanitizer
  void* tsan = nullptr;
  Block* block = nullptr;
  int thread = 0;
  State state = State::ready;
  Copy copies[most_copies];  // a ring; no container, whose memory the thread sanitizer would watch
  long first_copy = 0, last_copy = 0, group = 0;
};

struct Warp {
  int arrived = 0;
  const char* what = nullptr;
  bool leaving = false;
  alignas(16) unsigned char slots[32][64];
};

// Threads that wait for each other at one place of the source.
struct Meeting {
  int arrived = 0, line = 0;
  const char* file = nullptr;
};

struct Block {
  i64 number = 0;
  int first = 0;  // of its fibers
  void* shared = nullptr;
  Meeting meeting;
  std::vector<Warp> warps;
};

struct Scheduler {
  std::mutex mutex;
  std::vector<Fiber> fibers = std::vector<Fiber>(sets * most_threads);
  int set = 0;
  std::vector<Block> blocks;  // that run at once
  std::vector<int> ready;
  int count = 0, running = 0;  // threads of a block, and of all of them
  int current = -1;
  Meeting meeting;  // of all blocks
  bool together = false;
  Place place{};
  i64 shared_bytes = 0;
  void (*body)(void*) = nullptr;
  void* state = nullptr;
  std::uint64_t random = 0;
  Counts counts{};
#if defined(__x86_64__)
  void* pointer = nullptr;
#else
  ucontext_t context;
#endif
  void* fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
  void* tsan = nullptr;
};

Scheduler& all() {
  static Scheduler* const scheduler = [] {
    auto* s = new Scheduler;
    const char* seed = std::getenv("MG_SHIM_SEED");
    s->random = seed ? std::strtoull(seed, nullptr, 10) * 2654435761u + 1 : 1;
    return s;
  }();
  return *scheduler;
}

unsigned draw(Scheduler& s) {  // xorshift64*
  s.random ^= s.random >> 12;
  s.random ^= s.random << 25;
  s.random ^= s.random >> 27;
  return unsigned(s.random * 2685821657736338717ull >> 33);
}

[[noreturn]] void die(const char* what, const char* detail = "") {
  const Scheduler& s = all();
  std::fprintf(stderr, "cuda shim: %s%s (block %ld, thread %d)\n", what, detail, long(s.place.block), s.place.thread);
  std::abort();
}

Fiber& fiber(int number) { return all().fibers[std::size_t(all().set * most_threads + number)]; }
Fiber& current() { return fiber(all().current); }

void release([[maybe_unused]] void* at) {
#if defined(MG_SHIM_TSAN)
  __tsan_release(at);
#endif
}
void acquire([[maybe_unused]] void* at) {
#if defined(MG_SHIM_TSAN)
  __tsan_acquire(at);
#endif
}

// Back to the scheduler until it chooses this fiber again.
void yield([[maybe_unused]] bool for_good) {
  Scheduler& s = all();
  Fiber& f = current();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &f.fake_stack, s.stack_bottom, s.stack_size);
#endif
#if defined(MG_SHIM_TSAN)
  __tsan_switch_to_fiber(s.tsan, 1);
#endif
#if defined(__x86_64__)
  mg_shim_switch(&f.pointer, s.pointer);
#else
  swapcontext(&f.context, &s.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(f.fake_stack, &s.stack_bottom, &s.stack_size);
#endif
}

void resume(int number) {
  Scheduler& s = all();
  Fiber& f = fiber(number);
  s.current = number;
  s.place.thread = f.thread, s.place.block = f.block->number, s.place.shared = f.block->shared;
  s.counts.switches++;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&s.fake_stack, f.stack, stack_bytes);
#endif
#if defined(MG_SHIM_TSAN)
  __tsan_switch_to_fiber(f.tsan, 1);
#endif
#if defined(__x86_64__)
  mg_shim_switch(&s.pointer, f.pointer);
#else
  swapcontext(&s.context, &f.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(s.fake_stack, nullptr, nullptr);
#endif
}

void enter() {
  Scheduler& s = all();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &s.stack_bottom, &s.stack_size);
#endif
  acquire(&s.body);
  s.body(s.state);
  release(&s.counts);
  if (current().first_copy != current().last_copy) die("a thread ends with asynchronous copies in flight");
  current().state = State::done;
  yield(true);
  std::abort();
}

void wake(int first, int last) {
  Scheduler& s = all();
  for (int n = first; n < last; n++) {
    fiber(n).state = State::ready;
    s.ready.push_back(n);
  }
}

void prepare(Fiber& f, Block& block, int thread) {
  if (!f.stack) {
    void* const memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("no memory for a stack");
    f.stack = static_cast<char*>(memory);
#if defined(MG_SHIM_TSAN)
    f.tsan = __tsan_create_fiber(0);
#endif
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(f.stack, stack_bytes);
#endif
  f.block = &block;
  f.thread = thread;
  f.state = State::ready;
  f.first_copy = f.last_copy = f.group = 0;
  f.fake_stack = nullptr;
#if defined(__x86_64__)
  void** top = reinterpret_cast<void**>(f.stack + stack_bytes);
  *--top = nullptr;  // keeps the stack aligned as after a call
  *--top = reinterpret_cast<void*>(enter);
  for (int k = 0; k < 6; k++) *--top = nullptr;
  f.pointer = top;
#else
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = stack_bytes;
  f.context.uc_link = nullptr;
  makecontext(&f.context, enter, 0);
#endif
}

void* make_shared(i64 bytes) {
  const std::size_t whole = (std::size_t(bytes) + 127) / 128 * 128;
  void* memory = std::aligned_alloc(128, whole == 0 ? 128 : whole);
  std::memset(memory, 0xff, whole == 0 ? 128 : whole);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(static_cast<char*>(memory) + bytes, (whole == 0 ? 128 : whole) - std::size_t(bytes));
#endif
  return memory;
}

void free_shared(void* memory, [[maybe_unused]] i64 bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory, (std::size_t(bytes) + 127) / 128 * 128 + 128);
#endif
  std::free(memory);
}

// Runs blocks to their end, all of them at once, in turns.
void run_blocks(Scheduler& s, const i64* numbers, int count) {
  s.set = (s.set + 1) % sets;
  s.running = count * s.count;
  s.blocks.resize(std::size_t(count));
  s.meeting = Meeting{};
  for (int k = 0; k < count; k++) {
    Block& block = s.blocks[std::size_t(k)];
    block.number = numbers[k], block.first = k * s.count;
    block.shared = make_shared(s.shared_bytes);
    block.meeting = Meeting{};
    block.warps.resize(std::size_t(s.count + 31) / 32);
    for (Warp& w : block.warps) w.arrived = 0, w.leaving = false;
    for (int n = 0; n < s.count; n++) prepare(fiber(block.first + n), block, n);
  }
  s.ready.clear();
  wake(0, s.running);
  while (!s.ready.empty()) {
    const std::size_t pick = draw(s) % s.ready.size();
    const int next = s.ready[pick];
    s.ready[pick] = s.ready.back();
    s.ready.pop_back();
    resume(next);
  }
  for (int n = 0; n < s.running; n++) {
    const Fiber& f = fiber(n);
    if (f.state == State::done) continue;
    s.place.thread = f.thread, s.place.block = f.block->number;
    if (f.block->meeting.arrived > 0) die("a part of the block waits at a barrier that the others never reach");
    die(s.meeting.arrived > 0 ? "a part of the launch waits at a barrier that the others never reach"
                              : "lanes are missing from an exchange");
  }
  for (Block& block : s.blocks) free_shared(block.shared, s.shared_bytes);
}

// Fibers [first, first + count) meet; the last one wakes the others.
void meet_at(Meeting& m, int first, int count, const char* file, int line, const char* fault) {
  Scheduler& s = all();
  if (m.arrived == 0) m.file = file, m.line = line;
  else if (m.line != line || std::strcmp(m.file, file) != 0) die(fault);
  release(&m);
  if (++m.arrived == count) {
    m.arrived = 0;
    for (int n = first; n < first + count; n++)
      if (n != s.current) wake(n, n + 1);
  } else {
    current().state = State::waiting;
    yield(false);
  }
  acquire(&m);
}

// The lanes of a warp meet; the last one wakes the others.
void meet(Warp& w) {
  Scheduler& s = all();
  const int warp = current().thread / 32, lanes = std::min(s.count - warp * 32, 32), first = current().block->first + warp * 32,
            last = first + lanes;
  if (lanes != 32) die("an exchange needs 32 lanes");
  release(&w);
  if (++w.arrived == lanes) {
    w.arrived = 0;
    for (int n = first; n < last; n++)
      if (n != s.current) wake(n, n + 1);
  } else {
    current().state = State::waiting;
    yield(false);
  }
  acquire(&w);
}

}  // namespace

const Place& place() { return all().place; }
Counts counts() { return all().counts; }

void barrier(const char* file, int line) {
  Block& block = *current().block;
  meet_at(block.meeting, block.first, all().count, file, line, "the threads of a block wait at different barriers");
}
void grid_barrier(const char* file, int line) {
  Scheduler& s = all();
  if (!s.together) die("blocks wait for each other, but need not run at the same time");
  meet_at(s.meeting, 0, s.running, file, line, "the threads of a launch wait at different barriers");
}

namespace {
Warp& current_warp() { return current().block->warps[std::size_t(current().thread / 32)]; }
}  // namespace

const unsigned char* exchange(const void* mine, std::size_t bytes, const char* what) {
  Warp& w = current_warp();
  if (w.arrived == 0) w.what = what, w.leaving = false;
  else if (w.leaving || std::strcmp(w.what, what) != 0) die("the lanes of a warp meet in different exchanges: ", what);
  // Byte by byte: the thread sanitizer watches memcpy wherever it is called from.
  for (std::size_t k = 0; k < bytes; k++) w.slots[current().thread % 32][k] = static_cast<const volatile unsigned char*>(mine)[k];
  meet(w);
  return w.slots[0];
}

void leave_exchange() {
  Warp& w = current_warp();
  if (w.arrived == 0) w.leaving = true;
  else if (!w.leaving) die("the lanes of a warp meet in different exchanges");
  meet(w);
}

void expect_aligned(const void* pointer, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0) die("not aligned to 16 bytes: ", what);
}
void start_copy(void* to, const void* from, bool valid) {
  expect_aligned(to, "an asynchronous copy"), expect_aligned(from, "an asynchronous copy");
  Fiber& f = current();
  if (f.last_copy - f.first_copy == most_copies) die("a thread has too many asynchronous copies in flight");
  f.copies[f.last_copy++ % most_copies] = {to, valid ? from : nullptr, f.group};
}
void commit_copies() { current().group++; }
bool next_copy(int groups_in_flight, void** to, const void** from) {
  Fiber& f = current();
  const Copy& copy = f.copies[f.first_copy % most_copies];
  if (f.first_copy == f.last_copy || copy.group >= f.group - groups_in_flight) return false;
  *to = copy.to;
  *from = copy.from;
  f.first_copy++;
  return true;
}

namespace {

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Element (m, k) of a, from the fragments of the lane that holds it; (k, n) of b alike. PTX manual, mma.m16n8k8 and m16n8k16.
float a_element(const Warp& w, int depth, int m, int k) {
  unsigned words[4];
  if (depth == 8) {
    std::memcpy(words, w.slots[m % 8 * 4 + k % 4], 16);
    return from_bits(words[m / 8 + k / 4 * 2] & 0xffffe000u);
  }
  std::memcpy(words, w.slots[m % 8 * 4 + k % 8 / 2], 16);
  return from_bits(words[m / 8 + k / 8 * 2] >> (k % 2 * 16) << 16);
}
float b_element(const Warp& w, int depth, int k, int n) {
  unsigned words[2];
  if (depth == 8) {
    std::memcpy(words, w.slots[n * 4 + k % 4] + 16, 8);
    return from_bits(words[k / 4] & 0xffffe000u);
  }
  std::memcpy(words, w.slots[n * 4 + k % 8 / 2] + 16, 8);
  return from_bits(words[k / 8] >> (k % 2 * 16) << 16);
}

}  // namespace

void mma(int depth, float* d, const unsigned* a, const unsigned* b) {
  unsigned char mine[24];
  std::memcpy(mine, a, 16);
  std::memcpy(mine + 16, b, 8);
  exchange(mine, sizeof mine, depth == 8 ? "mma_tf32" : "mma_bf16");
  const Warp& w = current_warp();
  const int lane = current().thread % 32;
  float sums[4];
  for (int q = 0; q < 4; q++) {
    double sum = d[q];
    for (int k = 0; k < depth; k++)
      sum += double(a_element(w, depth, lane / 4 + q / 2 * 8, k)) * b_element(w, depth, k, lane % 4 * 2 + q % 2);
    sums[q] = float(sum);
  }
  leave_exchange();
  for (int q = 0; q < 4; q++) d[q] = sums[q];
}

// The made-up device has room for few blocks at a time, so that those of a launch share its work unevenly.
i64 resident_blocks(int threads) { return std::min<i64>(6, most_threads / threads); }

void run(void (*body)(void*), void* state, i64 blocks, int threads, i64 shared_bytes, bool together) {
  Scheduler& s = all();
  const std::lock_guard<std::mutex> lock(s.mutex);
  if (threads < 1 || threads > most_threads || blocks < 1 || blocks > 2147483647 || shared_bytes < 0 ||
      shared_bytes > 99 * 1024 || (together && blocks > resident_blocks(threads)))
    die("a launch asks for more than a GPU has");
#if defined(MG_SHIM_TSAN)
  AnnotateIgnoreReadsBegin("", 0);
  AnnotateIgnoreWritesBegin("", 0);
  s.tsan = __tsan_get_current_fiber();
#endif
  s.body = body;
  s.state = state;
  s.count = threads;
  s.shared_bytes = shared_bytes;
  s.place.threads = threads;
  s.place.blocks = blocks;
  s.together = together;
  s.counts.launches++;
  s.counts.blocks += blocks;
  std::vector<i64> order(blocks);
  std::iota(order.begin(), order.end(), i64(0));
  for (std::size_t k = order.size(); k > 1; k--) std::swap(order[k - 1], order[draw(s) % k]);
  release(&s.body);
  if (together) run_blocks(s, order.data(), int(blocks));
  else
    for (const i64& number : order) run_blocks(s, &number, 1);
  s.current = -1;
#if defined(MG_SHIM_TSAN)
  AnnotateIgnoreWritesEnd("", 0);
  AnnotateIgnoreReadsEnd("", 0);
#endif
  acquire(&s.counts);
}

}  // namespace shim
}  // namespace mg
