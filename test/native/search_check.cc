// test/native/run.sh test/native/search_check.cc [seed]             with CXXFLAGS="-fsanitize=address,undefined" as well
// The indexes of sparse access memories while rows come, go and change: what their lists hold against an index built from
// scratch, and what a search finds against the lists.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

#include "../../native/ops/sam/cpu/search/search_impl.h"

using namespace mg;

namespace {

int failures = 0;
void expect(bool holds, int line, const char* condition) {
  if (!holds) failures++, std::printf("FAIL line %d: %s\n", line, condition);
}
#define EXPECT(condition) expect(condition, __LINE__, #condition)

SamDims sizes(SamIndex index, i64 slots, i64 word) {
  SamDims d{};
  d.batch = d.steps = 1, d.heads = 2, d.kept = 3;
  d.slots = d.capacity = slots, d.word = word, d.index = index, d.checks = 20, d.epsilon = 1e-6;
  return d;
}

// A memory and its index, with which it began or in which its rows changed.
template <class T>
struct Searched {
  SamDims d;
  std::vector<T> memory;
  std::vector<char> bytes;
  RowIndex<T> own;
  IndexScratch<T> scratch;

  explicit Searched(const SamDims& of) : d(of), memory(std::size_t(of.capacity * of.word)) {
    Arena counted(nullptr);
    take(counted);
    bytes.resize(std::size_t(counted.used_bytes() + 64), char(0x5A));  // nothing counts on zeros
    char* base = bytes.data();
    Arena arena(base + (64 - std::uintptr_t(base) % 64));
    take(arena);
    start_search<T>(d, scratch);
  }
  Searched(const Searched&) = delete;
  void take(Arena& a) { own = take_index<T>(a, d), scratch = take_index_scratch<T>(a, d); }
  RowSearch<T> search() { return {d, memory.data(), own, scratch}; }
  T* row(i64 k) { return memory.data() + k * d.word; }

  std::vector<i32> find(const T* query) {
    FoundRows found{scratch.found, scratch.seen};
    search().with_index([&](const auto& index) { index.find(query, found); });
    found.forget();
    std::vector<i32> rows(found.rows, found.rows + found.count);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
};

template <class T>
void draw(std::mt19937& rng, T* row, i64 word) {
  const unsigned kind = rng() % 8;
  std::normal_distribution<double> normal;
  for (i64 w = 0; w < word; w++) row[w] = kind == 0 ? T(0) : kind == 1 ? T(sam_start) : T(normal(rng));
}

// Every row is in each list where it belongs, once, and links lead back.
template <class T>
void check_lists(Searched<T>& s) {
  const bool lsh = s.d.index == SamIndex::lsh;
  const RowLists<T> lists{s.d, s.own};
  for (i64 k = 0; k < (lsh ? hash_tables : trees); k++) {
    std::vector<int> seen(std::size_t(s.own.rows));
    const auto walk = [&](i32 first) {
      i64 count = 0;
      for (i32 before = -1, row = first; row >= 0; before = row, row = lists.next(k, row), count++) {
        if (row >= s.own.rows || seen[std::size_t(row)]++) {
          std::printf("row %d of list %d: ", row, int(k));
          EXPECT(!"a row is listed twice, or is not live");
          return count;
        }
        EXPECT(s.own.before[lists.at(k, row)] == before);
      }
      return count;
    };
    if (lsh) {
      for (i64 n = 0; n < hash_lists(s.d); n++) walk(s.own.first[k * hash_lists(s.d) + n]);
    } else {
      for (i64 n = 0; n < s.own.used; n++) {
        const TreeNode<T>& node = s.own.nodes[n];
        if (node.tree == k && node.child < 0) EXPECT(walk(node.first) == node.count);
      }
      const KdTree<T> tree{s.d, s.memory.data(), s.own, s.scratch};
      for (i32 row = 0; row < s.own.rows; row++) {
        i64 n = k;
        while (s.own.nodes[n].child >= 0) n = tree.child(s.own.nodes[n], tree.unit(row, s.own.nodes[n].dim));
        EXPECT(n == s.own.list[lists.at(k, row)]);
      }
    }
    for (const int times : seen) EXPECT(times == 1);
  }
}

// 1,000 steps in which rows change and more become live. lsh finds what a new index finds; a search without an end finds all.
template <class T>
void check_changes(SamIndex index, i64 slots, i64 word, unsigned seed) {
  std::mt19937 rng(seed);
  const SamDims d = sizes(index, slots, word);
  Searched<T> s(d);
  std::vector<T> query(std::size_t(word), T(0));
  i64 live = i64(rng() % std::uint32_t(slots));
  for (i64 k = 0; k < live; k++) draw(rng, s.row(k), word);
  s.search().begin(live);
  for (int step = 0; step < 1000; step++) {
    std::set<i32> changed;
    if (rng() % 4 == 0) live = std::min(slots, live + i64(rng() % 3));
    for (i64 k = s.own.rows; k < live; k++) changed.insert(i32(k));
    for (int k = 0; live > 0 && k < 6; k++) changed.insert(i32(rng() % std::uint32_t(live)));
    for (const i32 k : changed) draw(rng, s.row(k), word);
    const std::vector<i32> rows(changed.begin(), changed.end());
    s.search().changed(rows.data(), i64(rows.size()), live);
    EXPECT(s.own.rows == live);
    EXPECT(s.own.used <= tree_nodes(d));
    if (step % 50 > 0) continue;
    check_lists(s);
    Searched<T> fresh(d);
    fresh.memory = s.memory;
    fresh.search().begin(live);
    check_lists(fresh);
    draw(rng, query.data(), word);
    if (index == SamIndex::lsh) EXPECT(s.find(query.data()) == fresh.find(query.data()));
    else EXPECT(i64(s.find(query.data()).size()) == std::min(live, d.checks));
    s.d.checks = slots + 1;
    if (index == SamIndex::kdtree) EXPECT(i64(s.find(query.data()).size()) == live);
    s.d.checks = d.checks;
    for (i64 k = 0; k < slots; k++) EXPECT(s.scratch.seen[k] == 0);
  }
}

// Rows that are all alike are one leaf, and joining it again and again costs no nodes.
template <class T>
void check_alike(i64 slots) {
  const SamDims d = sizes(SamIndex::kdtree, slots, 4);
  Searched<T> s(d);
  s.search().begin(slots);
  std::vector<i32> all(std::size_t(slots), 0);
  for (i64 k = 0; k < slots; k++) all[std::size_t(k)] = i32(k);
  s.search().changed(all.data(), slots / 2, slots);
  EXPECT(s.own.used == trees);
  check_lists(s);
  const T query[4] = {1, 2, 3, 4}, wrong[4] = {1, 2, T(NAN), 4};
  EXPECT(i64(s.find(query).size()) == std::min(slots, d.checks));
  EXPECT(i64(s.find(wrong).size()) == std::min(slots, d.checks));
}

template <class T>
void check_all(unsigned seed) {
  for (const SamIndex index : {SamIndex::lsh, SamIndex::kdtree}) {
    for (const auto& [slots, word] : {std::pair<i64, i64>{1, 1}, {9, 3}, {100, 2}, {700, 33}, {5000, 8}})
      check_changes<T>(index, slots, word, seed++);
  }
  for (const i64 slots : {7, 500}) check_alike<T>(slots);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  std::printf("seed %u\n", seed);
  check_all<float>(seed);
  check_all<double>(seed + 100);
  std::printf("%d failures\n", failures);
  return failures != 0;
}
