// Where an index of rows lies that are searched by their direction: in short lists that are linked through the rows themselves,
// so that a row joins and leaves one in constant time. All live rows are in it, with what they hold at the moment.
// lsh: hash_tables tables, in each one list of the rows on the same sides of some planes. kdtree: trees, in each one list a leaf.
// What is not used by one of them has no place.
#pragma once
#include "../../../../base/host/arena.h"
#include "../../sam.h"

namespace mg {

constexpr i64 hash_tables = 8, trees = 4;

// Planes of a table.
inline i64 hash_bits(const SamDims& d) {
  i64 bits = 0;
  while ((i64(1) << bits) < d.slots) bits++;
  return bits - 4 > 4 ? bits - 4 : 4;
}
// Lists of a table: one for each pattern of sides, or where these are more than rows, for each last part of one.
inline i64 hash_lists(const SamDims& d) {
  i64 lists = 1;
  while (lists < d.capacity && lists < i64(1) << hash_bits(d)) lists *= 2;
  return lists;
}
// Nodes of all trees together. A tree over C rows takes about C / 2; the rest is for the leaves that part later.
inline i64 tree_nodes(const SamDims& d) { return trees * (d.capacity + 1); }

template <class T>
struct TreeNode {
  i32 child;  // the first of two, which hold less than `at` and the rest; none in a leaf: -1
  i32 dim;  // along which it parts
  T at;
  i32 first, count;  // rows of a leaf
  i32 room;  // it parts where it has more
  i32 tree;
};

// The index of one sample.
template <class T>
struct RowIndex {
  i32 *next, *before;  // [tables or trees][C] neighbours of a row in its list
  i32* list;  // [tables or trees][C] its sides of the planes, or its leaf
  i32* first;  // [tables][lists]
  TreeNode<T>* nodes;  // the first ones are the roots
  T* inverse;  // [C] 1 / |row|, which brings it to unit length
  i64 rows;  // 0 … rows - 1 are listed
  i64 used, joined;  // nodes; rows that joined since the trees were built
};

// A part of a tree that was passed by, and how far it is at least.
template <class T>
struct TreePart {
  T away;
  i32 node;
};

// What the samples of a thread share.
template <class T>
struct IndexScratch {
  T* planes;  // [W][pitch] plane k is the (k / hash_tables)-th of table k % hash_tables
  i64 pitch;
  TreePart<T>* queue;  // as many as nodes
  T *unit, *variance;  // [W]
  i32 *found, *seen;  // [C] rows, and whether they are among them: 0 where not
};

template <class T>
RowIndex<T> take_index(Arena& a, const SamDims& d) {
  const bool lsh = d.index == SamIndex::lsh, tree = d.index == SamIndex::kdtree;
  const i64 links = d.capacity * (lsh ? hash_tables : tree ? trees : 0);
  RowIndex<T> s{};
  for (i32** x : {&s.next, &s.before, &s.list}) *x = a.take<i32>(links);
  s.first = a.take<i32>(lsh ? hash_tables * hash_lists(d) : 0);
  s.nodes = a.take<TreeNode<T>>(tree ? tree_nodes(d) : 0);
  s.inverse = a.take<T>(tree ? d.capacity : 0);
  return s;
}

template <class T>
IndexScratch<T> take_index_scratch(Arena& a, const SamDims& d) {
  const bool lsh = d.index == SamIndex::lsh, tree = d.index == SamIndex::kdtree;
  IndexScratch<T> s{};
  s.pitch = lsh ? (hash_tables * hash_bits(d) + 15) / 16 * 16 : 0;  // whole vectors of any width
  s.planes = a.take<T>(s.pitch * d.word);
  s.queue = a.take<TreePart<T>>(tree ? tree_nodes(d) : 0);
  for (T** x : {&s.unit, &s.variance}) *x = a.take<T>(tree ? d.word : 0);
  for (i32** x : {&s.found, &s.seen}) *x = a.take<i32>(d.indexed() ? d.capacity : 0);
  return s;
}

}  // namespace mg
