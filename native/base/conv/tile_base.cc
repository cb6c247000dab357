// The inner loops for the processor's baseline (SSE2, NEON).
#include "tile_impl.h"

namespace mg {

MG_TABLES_OF(baseline, ConvTable, make_conv_table)

}  // namespace mg
