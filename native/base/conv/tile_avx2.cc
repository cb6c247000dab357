// The inner loops for AVX2 with FMA.
#if defined(__AVX2__)
#include "tile_impl.h"

namespace mg {

MG_TABLES_OF(avx2, ConvTable, make_conv_table)

}  // namespace mg
#endif
