// The rows of each family of ops, one file ops_<family>.cc for each.
#pragma once
#include "ops.h"

namespace mg {

OpRows conv_ops();
OpRows dnc_ops();
OpRows elementwise_ops();
OpRows grid_ops();
OpRows layout_ops();
OpRows network_ops();
OpRows loss_ops();
OpRows matmul_ops();
OpRows optimizer_ops();
OpRows reduce_ops();
OpRows sam_ops();
OpRows step_ops();

}  // namespace mg
