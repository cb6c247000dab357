// Gathering and the cell for the processor's baseline (SSE2, NEON).
#include "stage_impl.h"

namespace mg {

template <>
const StageTable<float>& stage_table_base<float>() { return make_stage_table<float>(); }
template <>
const StageTable<double>& stage_table_base<double>() { return make_stage_table<double>(); }

}  // namespace mg
