// The inner loops for AVX-512.
#if defined(__AVX512F__)
#include "tile_impl.h"

namespace mg {

MG_TABLES_OF(avx512, ConvTable, make_conv_table)

}  // namespace mg
#endif
