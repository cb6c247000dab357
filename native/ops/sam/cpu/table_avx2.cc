// The windows for AVX2 with FMA.
#if defined(__AVX2__)
#include "table_impl.h"

namespace mg {

template <>
const SamTable<float>& sam_table_avx2<float>() { return make_sam_table<float>(); }
template <>
const SamTable<double>& sam_table_avx2<double>() { return make_sam_table<double>(); }

}  // namespace mg
#endif
