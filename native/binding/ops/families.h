// The rows of each family of ops, one file for each.
#pragma once
#include "../ops.h"

namespace mg {

// Arguments that several ops have.
struct TensorArgs : Args {
  using Args::Args;
  const Storage& x = storage("x");
  const std::vector<i64>& dims = integers("dims");
};
struct GradientArgs : Args {  // of y = f(x)
  using Args::Args;
  const Storage &dy = storage("dy"), &x = storage("x"), &y = storage("y");
  const std::vector<i64>& dims = integers("dims");
};

OpRows conv_ops();
OpRows dam_ops();
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
