// The windows for AVX-512.
#if defined(__AVX512F__)
#include "table_impl.h"

namespace mg {

MG_TABLES_OF(avx512, SamTable, make_sam_table)

}  // namespace mg
#endif
