// The rows of each family of ops, one file ops_<family>.cc for each.
#pragma once
#include "ops.h"

namespace mg {

OpRows elementwise_ops();
OpRows layout_ops();
OpRows loss_ops();
OpRows matmul_ops();
OpRows optimizer_ops();
OpRows reduce_ops();

}  // namespace mg
