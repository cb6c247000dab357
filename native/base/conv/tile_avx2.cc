// The inner loops for AVX2 with FMA.
#if defined(__AVX2__)
#include "tile_impl.h"

namespace mg {

template <>
const ConvTable<float>& conv_table_avx2<float>() { return make_conv_table<float>(); }
template <>
const ConvTable<double>& conv_table_avx2<double>() { return make_conv_table<double>(); }

}  // namespace mg
#endif
