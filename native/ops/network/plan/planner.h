// The parts of the planner. Areas of memory grow by pieces that start at multiples of 64 bytes.
#pragma once
#include <string>

#include "../../../base/check.h"
#include "plan.h"

namespace mg {

constexpr i64 max_lanes = 16;  // of any vector: sizes must not depend on the instruction set

// The next `bytes` of an area of which `used` are taken.
inline i64 take_bytes(i64& used, i64 bytes) {
  const i64 at = used;
  used += round_up(bytes, 64);
  return at;
}

// `slots` steps of a tensor of `image` values, for the whole batch, or for the images that a worker takes together.
inline Place batch_place(const Plan& p, Place::Where where, i64& used, i64 slots, i64 image, i64 bytes) {
  return {where, take_bytes(used, slots * p.batch * image * bytes), slots, image};
}
inline Place worker_place(const Plan& p, i64& used, i64 slots, i64 image) {
  return {Place::Where::worker, take_bytes(used, slots * p.group * image * p.element_bytes), slots, image};
}

inline bool is_cuda(const Plan& p) { return p.spec.machine == Machine::cuda; }

inline void expect_of_plan(bool holds, const std::string& what) {
  if (!holds) fail("ERR_MG_CONFIG", "planNetwork: expected " + what);
}

// Grids, what each of them gathers and by which algorithm, and parameters; throws where layers do not fit together.
void build_graph(Plan& p);

// What a CPU engine has beside the tensors: chunks, packed kernels, and the scratch memory of each worker.
class CpuPlanner {
 public:
  explicit CpuPlanner(Plan& plan) : p(plan) {}
  // Chunks, kernels and gradients of one grid, after its tensors are placed. mine: per worker.
  void place(Grid& g, i64& work, i64& mine) const;
  // What all grids share.
  void place_shared(i64& work, i64 mine) const;

 private:
  void place_tiles(const Grid& g, i64 pixels, i64 channels, i64 columns) const;
  void count_launches() const;

  Plan& p;
};

// What a CUDA engine has: products and their tiles, packed weights, and what passes between kernels.
class CudaPlanner {
 public:
  // After the plan's grids are connected; throws where a network does not fit the tiles.
  explicit CudaPlanner(Plan& plan);
  // Products and gradients of one grid, after its tensors are placed.
  void place(Grid& g, i64& work) const;
  // What all grids share.
  void place_shared(i64& work) const;

 private:
  Product gathers(const Grid& g) const;
  Product forward_product(const Grid& g) const;
  void cut(Product& q, bool narrow_tiles) const;
  void cut_and_pack(Product& q, i64& work) const;
  void place_gradients(Grid& g, i64& work) const;
  void count_launches() const;

  Plan& p;
  bool narrow = false;
};

}  // namespace mg
