// Kernels that are compiled once per instruction set: a table of functions for each set and dtype, chosen when one is called.
//   in the header of a table, such as ConvTable<T>    MG_TABLES(ConvTable)
//   in its file for an instruction set                MG_TABLES_OF(avx2, ConvTable, make_conv_table)
//   where the kernels are called                      table_in_use<ConvTable<T>>()
// All three within the namespace mg.
#pragma once
#include "simd.h"

namespace mg {

template <class Table, SimdPath path>
const Table& table_of();

template <class Table>
const Table& table_in_use() {
#if defined(__x86_64__)
  if (simd_path() == SimdPath::avx512) return table_of<Table, SimdPath::avx512>();
  if (simd_path() == SimdPath::avx2) return table_of<Table, SimdPath::avx2>();
#endif
  return table_of<Table, SimdPath::baseline>();
}

}  // namespace mg

#define MG_TABLE(Table, T, path) \
  template <>                    \
  const Table<T>& table_of<Table<T>, SimdPath::path>()

#define MG_TABLES(Table)             \
  MG_TABLE(Table, float, baseline);  \
  MG_TABLE(Table, double, baseline); \
  MG_TABLE(Table, float, avx2);      \
  MG_TABLE(Table, double, avx2);     \
  MG_TABLE(Table, float, avx512);    \
  MG_TABLE(Table, double, avx512);

#define MG_TABLES_OF(path, Table, make)                  \
  MG_TABLE(Table, float, path) { return make<float>(); } \
  MG_TABLE(Table, double, path) { return make<double>(); }
