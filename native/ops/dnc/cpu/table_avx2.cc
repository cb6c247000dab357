// The windows for AVX2 with FMA.
#if defined(__AVX2__)
#include "table_impl.h"

namespace mg {

template <>
const DncTable<float>& dnc_table_avx2<float>() { return make_dnc_table<float>(); }
template <>
const DncTable<double>& dnc_table_avx2<double>() { return make_dnc_table<double>(); }

}  // namespace mg
#endif
