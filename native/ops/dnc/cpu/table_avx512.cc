// The windows for AVX-512.
#if defined(__AVX512F__)
#include "table_impl.h"

namespace mg {

template <>
const DncTable<float>& dnc_table_avx512<float>() { return make_dnc_table<float>(); }
template <>
const DncTable<double>& dnc_table_avx512<double>() { return make_dnc_table<double>(); }

}  // namespace mg
#endif
