// Randomised k-d trees (Silpa-Anan and Hartley, CVPR 2008; Muja and Lowe, VISAPP 2009) over rows of unit length: each node parts
// its rows at their mean along one of the five numbers that vary most, drawn by chance, so that the trees part the same rows
// differently. A search goes down all of them, then on to the nearest part that it passed by in any.
#pragma once
#include <algorithm>

#include "../../../../base/philox.h"
#include "lists_impl.h"

namespace mg {
namespace {

constexpr std::uint64_t tree_key = 0x6B647472656573;
constexpr i64 leaf_rows = 8, most_sampled = 100, widest = 5;

template <class T>
struct KdTree {
  const SamDims& d;
  const T* memory;
  RowIndex<T>& own;
  const IndexScratch<T>& scratch;
  RowLists<T> lists{d, own};

  T unit(i32 row, i64 w) const { return memory[i64(row) * d.word + w] * own.inverse[row]; }
  // A leaf without rows.
  void clear_leaf(i64 node, i64 tree) const { own.nodes[node] = {-1, 0, T(0), -1, 0, leaf_rows, i32(tree)}; }
  void enter(i32 row, i64 leaf) const {
    TreeNode<T>& node = own.nodes[leaf];
    lists.enter(node.tree, row, node.first);
    node.count++;
    own.list[lists.at(node.tree, row)] = i32(leaf);
  }

  // The first rows of a leaf, of which it is told where it parts.
  template <class F>
  void sample(const TreeNode<T>& leaf, F&& f) const {
    i64 left = most_sampled;
    for (i32 row = leaf.first; row >= 0 && left > 0; row = lists.next(leaf.tree, row), left--) f(row);
  }
  // A number along which the rows of a leaf part, and where; -1 where they cannot be told apart.
  i64 draw_dim(const TreeNode<T>& leaf, T& at) const {
    T *mean = scratch.unit, *variance = scratch.variance;
    i64 sampled = 0, below = 0;
    clear(mean, d.word), clear(variance, d.word);
    sample(leaf, [&](i32 row) {
      sampled++;
      for (i64 w = 0; w < d.word; w++) mean[w] += unit(row, w);
    });
    for (i64 w = 0; w < d.word; w++) mean[w] /= T(sampled);
    sample(leaf, [&](i32 row) {
      for (i64 w = 0; w < d.word; w++) variance[w] += (unit(row, w) - mean[w]) * (unit(row, w) - mean[w]);
    });
    i32 dims[widest];
    T most[widest];
    LargestFirst<T> largest{dims, most, 0, widest};
    for (i64 w = 0; w < d.word; w++) {
      if (variance[w] > 0) largest.offer(i32(w), variance[w]);
    }
    if (largest.count == 0) return -1;
    const i64 dim = dims[philox4x32(std::uint64_t(own.used), tree_key).word[0] % std::uint32_t(largest.count)];
    at = mean[dim];
    sample(leaf, [&](i32 row) { below += unit(row, dim) < at; });
    return below == 0 || below == sampled ? -1 : dim;  // a mean that was rounded may lie past all of them
  }
  // Parts a leaf that has more rows than room. One whose rows cannot be told apart gets more room.
  void part(i64 leaf) const {
    TreeNode<T>& node = own.nodes[leaf];
    if (node.count <= node.room || own.used + 2 > tree_nodes(d)) return;
    const i64 dim = draw_dim(node, node.at);
    if (dim < 0) {
      node.room *= 2;
      return;
    }
    node.child = i32(own.used), node.dim = i32(dim);
    own.used += 2;
    for (i64 side = 0; side < 2; side++) clear_leaf(node.child + side, node.tree);
    for (i32 row = node.first; row >= 0;) {
      const i32 next = lists.next(node.tree, row);
      enter(row, child(node, unit(row, dim)));
      row = next;
    }
  }
  i32 child(const TreeNode<T>& node, T x) const { return x < node.at ? node.child : node.child + 1; }
  // The same with what it parts into: one side to its end before the other, so that caches hold the rows of small parts.
  void part_all(i64 leaf) const {
    TreePart<T>* const waiting = scratch.queue;
    i64 count = 0;
    waiting[count++].node = i32(leaf);
    while (count > 0) {
      const TreeNode<T>& node = own.nodes[waiting[--count].node];
      part(&node - own.nodes);
      for (i64 side = 0; node.child >= 0 && side < 2; side++) waiting[count++].node = i32(node.child + side);
    }
  }

  void build() const {
    own.used = trees, own.joined = 0;
    for (i64 row = 0; row < own.rows; row++) measure(i32(row));
    for (i64 tree = 0; tree < trees; tree++) {
      clear_leaf(tree, tree);
      for (i64 row = 0; row < own.rows; row++) enter(i32(row), tree);
      part_all(tree);
    }
  }
  void measure(i32 row) const { own.inverse[row] = T(1) / row_norm(d, memory + i64(row) * d.word); }
  void insert(i32 row) const {
    measure(row);
    own.joined++;
    for (i64 tree = 0; tree < trees; tree++) {
      i64 node = tree;
      while (own.nodes[node].child >= 0) node = child(own.nodes[node], unit(row, own.nodes[node].dim));
      enter(row, node);
      part_all(node);
    }
  }
  void remove(i32 row) const {
    for (i64 tree = 0; tree < trees; tree++) {
      TreeNode<T>& leaf = own.nodes[own.list[lists.at(tree, row)]];
      lists.leave(tree, row, leaf.first);
      leaf.count--;
    }
  }
  // After N rows that joined, or as many as half of all where no node is left.
  bool is_worn() const {
    const bool is_full = own.used + 2 > tree_nodes(d);
    return own.joined >= d.slots || (is_full && 2 * own.joined >= own.rows);
  }

  // Row by row until `checks` were found.
  void find(const T* query, FoundRows& found) const {
    T* const q = scratch.unit;
    const T inverse = T(1) / row_norm(d, query);
    for (i64 w = 0; w < d.word; w++) q[w] = query[w] * inverse;
    TreePart<T>* const queue = scratch.queue;
    i64 waiting = 0;
    const auto later = [](const TreePart<T>& a, const TreePart<T>& b) {
      return a.away > b.away || (a.away == b.away && a.node > b.node);
    };
    for (i64 root = 0; root < trees; root++) queue[waiting++] = {T(0), i32(root)};
    while (waiting > 0 && found.count < d.checks) {
      std::pop_heap(queue, queue + waiting, later);
      const T away = queue[--waiting].away;
      const TreeNode<T>* node = own.nodes + queue[waiting].node;
      while (node->child >= 0) {
        const T across = q[node->dim] - node->at;
        const i32 side = child(*node, q[node->dim]);
        queue[waiting++] = {away + across * across, 2 * node->child + 1 - side};
        std::push_heap(queue, queue + waiting, later);
        node = own.nodes + side;
      }
      for (i32 row = node->first; row >= 0 && found.count < d.checks; row = lists.next(node->tree, row)) found.add(row);
    }
  }
};

}  // namespace
}  // namespace mg
