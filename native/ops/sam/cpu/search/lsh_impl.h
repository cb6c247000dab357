// Locality-sensitive hashing by random planes through zero (Charikar, STOC 2002): two directions at an angle of a lie on the same
// side of one of them with probability 1 - a / pi. A table's list holds the rows that are on the same sides of all its planes.
#pragma once
#include "../../../../base/philox.h"
#include "lists_impl.h"

namespace mg {
namespace {

constexpr std::uint64_t plane_key = 0x6C7368706C616E65;

template <class T>
struct Lsh {
  const SamDims& d;
  const T* memory;
  RowIndex<T>& own;
  const IndexScratch<T>& scratch;
  RowLists<T> lists{d, own};
  i64 planes = hash_bits(d), size = hash_lists(d);  // of a table

  // Each number of a plane is normal, so that its direction is uniform.
  static void prepare(const SamDims& d, const IndexScratch<T>& scratch) {
    const i64 planes = hash_tables * hash_bits(d);
    for (i64 w = 0; w < d.word; w++) {
      for (i64 k = 0; k < scratch.pitch; k++) {
        const double at = k < planes ? philox_normal(plane_key, std::uint64_t(2 * (k * d.word + w))) : 0;
        scratch.planes[w * scratch.pitch + k] = T(at);
      }
    }
  }

  // The sides on which x lies in each table, a bit for each plane.
  void sides(const T* x, i32* bits) const {
    constexpr int N = wide<T>;
    using S = Simd<T, N>;
    for (i64 t = 0; t < hash_tables; t++) bits[t] = 0;
    for (i64 k = 0; k < scratch.pitch; k += N) {
      typename S::V sum{};
      for (i64 w = 0; w < d.word; w++) sum = S::fma(S::splat(x[w]), S::load(scratch.planes + w * scratch.pitch + k), sum);
      for (int lane = 0; lane < N; lane++) bits[(k + lane) % hash_tables] |= i32(sum[lane] > 0) << ((k + lane) / hash_tables);
    }
  }
  i32& first(i64 table, i32 bits) const { return own.first[table * size + (bits & (size - 1))]; }

  void build() const {
    for (i64 k = 0; k < hash_tables * size; k++) own.first[k] = -1;
    for (i64 row = 0; row < own.rows; row++) insert(i32(row));
  }
  void insert(i32 row) const {
    i32 bits[hash_tables];
    sides(memory + i64(row) * d.word, bits);
    for (i64 t = 0; t < hash_tables; t++) lists.enter(t, row, first(t, own.list[lists.at(t, row)] = bits[t]));
  }
  void remove(i32 row) const {
    for (i64 t = 0; t < hash_tables; t++) lists.leave(t, row, first(t, own.list[lists.at(t, row)]));
  }
  bool is_worn() const { return false; }

  // The list of the query in every table, then those on the other side of one plane; whole lists, so that what is found does not
  // depend on the order of their rows.
  void find(const T* query, FoundRows& found) const {
    i32 bits[hash_tables];
    sides(query, bits);
    for (i64 probe = 0; probe <= planes; probe++) {
      for (i64 t = 0; t < hash_tables; t++) {
        if (found.count >= d.checks) return;
        const i32 wanted = probe == 0 ? bits[t] : bits[t] ^ (i32(1) << (probe - 1));
        for (i32 row = first(t, wanted); row >= 0; row = lists.next(t, row)) {
          if (own.list[lists.at(t, row)] == wanted) found.add(row);
        }
      }
    }
  }
};

}  // namespace
}  // namespace mg
