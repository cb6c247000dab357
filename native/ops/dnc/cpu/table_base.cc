// The windows for the baseline of each processor.
#include "table_impl.h"

namespace mg {

template <>
const DncTable<float>& dnc_table_base<float>() { return make_dnc_table<float>(); }
template <>
const DncTable<double>& dnc_table_base<double>() { return make_dnc_table<double>(); }

}  // namespace mg
