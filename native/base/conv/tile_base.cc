// The inner loops for the processor's baseline (SSE2, NEON).
#include "tile_impl.h"

namespace mg {

template <>
const ConvTable<float>& conv_table_base<float>() { return make_conv_table<float>(); }
template <>
const ConvTable<double>& conv_table_base<double>() { return make_conv_table<double>(); }

}  // namespace mg
