// Gathering and the cell for the processor's baseline (SSE2, NEON).
#include "stage_impl.h"

namespace mg {

MG_TABLES_OF(baseline, StageTable, make_stage_table)

}  // namespace mg
