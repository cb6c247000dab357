// The interface vector of sparse and dense access memories: each head writes and reads.
#pragma once
#include "../platform.h"

namespace mg {

// Where each part of the interface vector begins.
struct AccessInterface {
  i64 queries, adds, alpha, gamma, strengths, modes, size;
  template <class Dims>
  MG_HD explicit AccessInterface(const Dims& d) {
    queries = 0;
    adds = queries + d.words();
    alpha = adds + d.words();
    gamma = alpha + d.heads;
    strengths = gamma + d.heads;
    modes = strengths + (d.strength ? d.heads : 0);  // backward, content, forward of each head
    size = modes + (d.links > 0 ? 3 * d.heads : 0);
  }
};

}  // namespace mg
