// Gathering and the cell for AVX2 with FMA.
#if defined(__AVX2__)
#include "stage_impl.h"

namespace mg {

MG_TABLES_OF(avx2, StageTable, make_stage_table)

}  // namespace mg
#endif
