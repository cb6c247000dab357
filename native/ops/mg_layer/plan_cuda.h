// What the plan of a CUDA engine has beside the tensors: products and their tiles, packed weights, and what passes between kernels.
#pragma once
#include "plan.h"

namespace mg {

// The next `bytes` of an area of which `used` are taken, aligned to 64.
inline i64 take_bytes(i64& used, i64 bytes) {
  const i64 at = used;
  used += round_up(bytes, 64);
  return at;
}

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
  Place in_workspace(i64& work, i64 slots, i64 image, i64 bytes) const;

  Plan& p;
  bool narrow = false;
};

}  // namespace mg
