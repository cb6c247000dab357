// Plans of fused networks, made once for each description.
#pragma once
#include <memory>
#include <vector>

#include "../ops/mg_layer/plan.h"

namespace mg {

struct NetworkKey {
  std::vector<i64> words;  // as lib/ops/network.ts writes them
  double forget_bias, epsilon, budget_bytes;
  i64 element_bytes;
};
bool operator==(const NetworkKey& a, const NetworkKey& b);

// Throws ERR_MG_ARGUMENT for a description that cannot be read, ERR_MG_CONFIG for a network that cannot be built.
std::shared_ptr<const Plan> network_plan(const char* op, const NetworkKey& key);

}  // namespace mg
