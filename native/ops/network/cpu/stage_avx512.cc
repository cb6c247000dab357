// Gathering and the cell for AVX-512.
#if defined(__AVX512F__)
#include "stage_impl.h"

namespace mg {

template <>
const StageTable<float>& stage_table_avx512<float>() { return make_stage_table<float>(); }
template <>
const StageTable<double>& stage_table_avx512<double>() { return make_stage_table<double>(); }

}  // namespace mg
#endif
