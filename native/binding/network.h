// Plans of fused networks, made once for each description and kept. A description crosses the border as an Int32Array.
#pragma once
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "../ops/network/network.h"
#include "ops.h"
#include "storage.h"

namespace mg {

struct NetworkKey {
  std::vector<i64> words;  // as lib/ops/network/network-spec.ts writes them
  double forget_bias, epsilon, budget_bytes;
  i64 element_bytes;
};
bool operator==(const NetworkKey& a, const NetworkKey& b);

// On a GPU, the recorded launches of a plan's two passes on each device.
class Recordings {
 public:
  // Made by the thread that calls, which has the memory.
  Storage tables(const Plan& plan, int place, int pass) {
    Storage& found = tables_[{place, pass}];
    if (!found.buffer) found = make_storage(DType::uint8, plan.tables_bytes, place);
    return found;
  }
  // Used by the thread that runs the jobs.
  cuda::RecordedPass* pass(const Storage& tables, int place, int pass) {
    std::shared_ptr<cuda::RecordedPass>& found = passes_[{place, pass}];
#if defined(MG_HAVE_CUDA)
    if (!found) found = cuda::record_pass(tables.as<char>());
#else
    static_cast<void>(tables);
#endif
    return found.get();
  }

 private:
  std::map<std::pair<int, int>, Storage> tables_;
  std::map<std::pair<int, int>, std::shared_ptr<cuda::RecordedPass>> passes_;
};

struct PlannedNetwork {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<Recordings> recordings;
};

// Throws ERR_MG_ARGUMENT for a description that cannot be read, ERR_MG_CONFIG for a network that cannot be built.
PlannedNetwork planned_network(const char* op, const NetworkKey& key, int workers);

}  // namespace mg
