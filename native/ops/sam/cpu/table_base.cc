// The windows for the baseline of each processor.
#include "table_impl.h"

namespace mg {

MG_TABLES_OF(baseline, SamTable, make_sam_table)

}  // namespace mg
