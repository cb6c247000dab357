// The inner loops for AVX-512.
#if defined(__AVX512F__)
#include "tile_impl.h"

namespace mg {

template <>
const ConvTable<float>& conv_table_avx512<float>() { return make_conv_table<float>(); }
template <>
const ConvTable<double>& conv_table_avx512<double>() { return make_conv_table<double>(); }

}  // namespace mg
#endif
