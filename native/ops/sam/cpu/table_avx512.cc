// The windows for AVX-512.
#if defined(__AVX512F__)
#include "table_impl.h"

namespace mg {

template <>
const SamTable<float>& sam_table_avx512<float>() { return make_sam_table<float>(); }
template <>
const SamTable<double>& sam_table_avx512<double>() { return make_sam_table<double>(); }

}  // namespace mg
#endif
