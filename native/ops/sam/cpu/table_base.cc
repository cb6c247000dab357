// The windows for the baseline of each processor.
#include "table_impl.h"

namespace mg {

template <>
const SamTable<float>& sam_table_base<float>() { return make_sam_table<float>(); }
template <>
const SamTable<double>& sam_table_base<double>() { return make_sam_table<double>(); }

}  // namespace mg
