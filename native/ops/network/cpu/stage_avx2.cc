// Gathering and the cell for AVX2 with FMA.
#if defined(__AVX2__)
#include "stage_impl.h"

namespace mg {

template <>
const StageTable<float>& stage_table_avx2<float>() { return make_stage_table<float>(); }
template <>
const StageTable<double>& stage_table_avx2<double>() { return make_stage_table<double>(); }

}  // namespace mg
#endif
