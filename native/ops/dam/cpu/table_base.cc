// The windows for the baseline of each processor.
#include "table_impl.h"

namespace mg {

MG_TABLES_OF(baseline, DamTable, make_dam_table)

}  // namespace mg
