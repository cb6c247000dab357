// Gathering and the cell for AVX-512.
#if defined(__AVX512F__)
#include "stage_impl.h"

namespace mg {

MG_TABLES_OF(avx512, StageTable, make_stage_table)

}  // namespace mg
#endif
