// The windows for AVX2 with FMA.
#if defined(__AVX2__)
#include "table_impl.h"

namespace mg {

MG_TABLES_OF(avx2, SamTable, make_sam_table)

}  // namespace mg
#endif
