// Steps of the optimizers over lists of tensors, in place, and the norm that scales them. One call takes a whole list.
// With a norm, every gradient counts min(1, max_norm / norm) times, and nothing at all is changed when the norm is not finite:
// parameters, averages and step counts stay as they were. The norm stays where it is computed; nobody waits for it.
#pragma once
#include <cmath>
#include <vector>

#include "../../base/platform.h"

namespace mg {

// A list of tensors cut into blocks of fixed size.
struct ListBlocks {
  static constexpr i64 kBlock = 16384;
  struct Block {
    std::size_t tensor;
    i64 begin, end;
  };
  std::vector<Block> blocks;
  explicit ListBlocks(const std::vector<i64>& counts);
  i64 count() const { return static_cast<i64>(blocks.size()); }
};

// √Σ g² over the whole list, in double, block by block in order. partials [list.count()].
template <class T>
void global_norm(const ListBlocks& list, const std::vector<const T*>& tensors, T* norm, double* partials);

// What a gradient is multiplied with; not a number when the step must be left out. A null norm means 1.
template <class T>
MG_HD double step_scale(const T* norm, double max_norm) {
  if (!norm) return 1;
  const double n = static_cast<double>(*norm);
  if (!std::isfinite(n)) return std::nan("");
  return n > max_norm ? max_norm / n : 1;
}

// y[i] = x[i] · step_scale; copies when the norm is not finite, so that the fault stays visible.
template <class T>
void clip_by_norm(const ListBlocks& list, const std::vector<const T*>& xs, const T* norm, double max_norm, const std::vector<T*>& ys);

// y = max(−limit, min(limit, x)); NaN stays.
template <class T>
void clip_by_value(const ListBlocks& list, const std::vector<const T*>& xs, double limit, const std::vector<T*>& ys);

// Everything all steps have: parameters θ and gradients g of one list. g ← scale·g + weight_decay·θ unless decay is apart.
template <class T>
struct StepLists {
  const ListBlocks* list;
  const std::vector<T*>* parameters;
  const std::vector<const T*>* grads;
  const T* norm;  // or null
  double max_norm, lr, weight_decay;
};

// buf ← μ buf + g; θ ← θ − lr·buf, or lr·(g + μ buf) with nesterov. Without momentum θ ← θ − lr·g and `momenta` is empty.
template <class T>
void sgd_step(const StepLists<T>& s, const std::vector<T*>& momenta, double momentum, bool nesterov);

// m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − lr·m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ) (Kingma, Ba 2015, algorithm 1).
// `decoupled` (Loshchilov, Hutter 2019): θ ← (1 − lr·λ)θ first, instead of λθ in g. steps[j] is t of the j-th tensor; it is counted up.
template <class T>
void adam_step(const StepLists<T>& s, const std::vector<T*>& firsts, const std::vector<T*>& seconds, const std::vector<double*>& steps,
               double beta1, double beta2, double epsilon, bool decoupled);

// n ← ρn + (1−ρ)g². The order is that of `flavors` in lib/optim/rmsprop.ts; buf is kept only with momentum, i only by graves.
//   tensorflow: buf ← μ buf + lr·g/√(n + ε);               θ ← θ − buf
//   pytorch:    buf ← μ buf + g/(√n + ε);                  θ ← θ − lr·buf
//   graves:     i ← ρi + (1−ρ)g; buf ← μ buf + lr·g/√(n − i² + ε); θ ← θ − buf      (Graves 2013, equations 38 to 41)
enum class RmsPropFlavor : int { tensorflow, pytorch, graves, count };

template <class T>
void rmsprop_step(const StepLists<T>& s, RmsPropFlavor flavor, const std::vector<T*>& squares, const std::vector<T*>& means,
                  const std::vector<T*>& momenta, double decay, double epsilon, double momentum);

}  // namespace mg
