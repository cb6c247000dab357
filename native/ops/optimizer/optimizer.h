// Steps of the optimizers over lists of tensors, in place, and the norm that scales them. One call takes a whole list.
// With a norm, every gradient counts min(1, max_norm / norm) times, and nothing at all is changed when the norm is not finite:
// parameters, averages and step counts stay as they were. The norm stays where it is computed; nobody waits for it.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "../../base/cuda/stream.h"
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
  i64 count() const { return i64(blocks.size()); }
};

// √Σ g² over the whole list, in double, block by block in order. partials [list.count()].
template <class T>
void global_norm(const ListBlocks& list, const std::vector<const T*>& tensors, T* norm, double* partials);

// What a gradient is multiplied with; not a number when the step must be left out. A null norm means 1.
template <class T>
MG_HD double step_scale(const T* norm, double max_norm) {
  if (!norm) return 1;
  const double n = double(*norm);
  if (!std::isfinite(n)) return std::numeric_limits<double>::quiet_NaN();
  return n > max_norm ? max_norm / n : 1;
}

// y[i] = x[i] · step_scale; copies when the norm is not finite, so that the fault stays visible.
template <class T>
void clip_by_norm(const ListBlocks& list, const std::vector<const T*>& xs, const T* norm, double max_norm,
                  const std::vector<T*>& ys);

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

// One element of a step, shared by every device. g: the scaled gradient.
template <class T>
struct SgdRule {
  T lr, momentum, weight_decay;
  bool nesterov;

  // buf: null without momentum.
  MG_HD void update(T g, T& x, T* buf) const {
    g += weight_decay * x;
    T step = g;
    if (buf) {
      *buf = momentum * *buf + g;
      step = nesterov ? g + momentum * *buf : *buf;
    }
    x -= lr * step;
  }
};

template <class T>
struct AdamRule {
  double lr, beta1, beta2;
  T epsilon, shrink, weight_decay;  // θ ← shrink θ first; weight_decay θ goes into g

  AdamRule(double rate, double decay, double b1, double b2, double eps, bool decoupled)
      : lr(rate), beta1(b1), beta2(b2), epsilon(T(eps)), shrink(T(decoupled ? 1 - rate * decay : 1)),
        weight_decay(T(decoupled ? 0 : decay)) {}
  // The rate and the correction of the root at step t.
  MG_HD T rate(double t) const { return T(lr / (1 - std::pow(beta1, t))); }
  MG_HD T correction(double t) const { return T(1 / std::sqrt(1 - std::pow(beta2, t))); }
  MG_HD void update(T g, T rate, T correction, T& x, T& m, T& v) const {
    g += weight_decay * x;
    m = T(beta1) * m + T(1 - beta1) * g;
    v = T(beta2) * v + T(1 - beta2) * g * g;
    x = shrink * x - rate * m / (std::sqrt(v) * correction + epsilon);
  }
};

// buf ← μ buf + g; θ ← θ − lr·buf, or lr·(g + μ buf) with nesterov. Without momentum θ ← θ − lr·g and `momenta` is empty.
template <class T>
void sgd_step(const StepLists<T>& s, const std::vector<T*>& momenta, double momentum, bool nesterov);

// m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − lr·m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ) (Kingma, Ba 2015, algorithm 1).
// `decoupled` (Loshchilov, Hutter 2019): θ ← (1 − lr·λ)θ first, instead
// of λθ in g. steps[j] is t of the j-th tensor; it is counted up.
template <class T>
void adam_step(const StepLists<T>& s, const std::vector<T*>& firsts, const std::vector<T*>& seconds,
               const std::vector<double*>& steps, double beta1, double beta2, double epsilon, bool decoupled);

// n ← ρn + (1−ρ)g². The order is that of `flavors` in lib/optim/rmsprop.ts; buf is kept only with momentum, i only by graves.
//   tensorflow: buf ← μ buf + lr·g/√(n + ε);               θ ← θ − buf
//   pytorch:    buf ← μ buf + g/(√n + ε);                  θ ← θ − lr·buf
//   graves:     i ← ρi + (1−ρ)g; buf ← μ buf + lr·g/√(n − i² + ε); θ ← θ − buf      (Graves 2013, equations 38 to 41)
enum class RmsPropFlavor : int { tensorflow, pytorch, graves, count };

template <class T>
struct RmsPropRule {
  T decay, rest, epsilon, momentum, inner_rate, outer_rate, weight_decay;
  bool outside;  // ε outside the root, lr on the buffer

  RmsPropRule(RmsPropFlavor flavor, double lr, double lambda, double rho, double eps, double mu)
      : decay(T(rho)), rest(T(1 - rho)), epsilon(T(eps)), momentum(T(mu)), weight_decay(T(lambda)),
        outside(flavor == RmsPropFlavor::pytorch) {
    inner_rate = outside ? T(1) : T(lr);
    outer_rate = outside ? T(lr) : T(1);
  }
  // mean: null unless graves; buf: null without momentum.
  MG_HD void update(T g, T& x, T& n, T* mean, T* buf) const {
    g += weight_decay * x;
    n = decay * n + rest * g * g;
    T variance = n;
    if (mean) {
      *mean = decay * *mean + rest * g;
      variance -= *mean * *mean;
    }
    T step = inner_rate * g / (outside ? std::sqrt(variance) + epsilon : std::sqrt(variance + epsilon));
    if (buf) step = *buf = momentum * *buf + step;
    x -= outer_rate * step;
  }
};

template <class T>
void rmsprop_step(const StepLists<T>& s, RmsPropFlavor flavor, const std::vector<T*>& squares, const std::vector<T*>& means,
                  const std::vector<T*>& momenta, double decay, double epsilon, double momentum);

// The same on a GPU; a list goes in launches of as many tensors as fit into the arguments of a kernel.
namespace cuda {
template <class T>
void global_norm(Stream stream, const ListBlocks& list, const std::vector<i64>& counts, const std::vector<const T*>& tensors,
                 T* norm, double* partials);
template <class T>
void clip_by_norm(Stream stream, const std::vector<i64>& counts, const std::vector<const T*>& xs, const T* norm, double max_norm,
                  const std::vector<T*>& ys);
template <class T>
void clip_by_value(Stream stream, const std::vector<i64>& counts, const std::vector<const T*>& xs, double limit,
                   const std::vector<T*>& ys);
template <class T>
void sgd_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, const std::vector<T*>& momenta,
              double momentum, bool nesterov);
template <class T>
void adam_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, const std::vector<T*>& firsts,
               const std::vector<T*>& seconds, const std::vector<double*>& steps, double beta1, double beta2, double epsilon,
               bool decoupled);
template <class T>
void rmsprop_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, RmsPropFlavor flavor,
                  const std::vector<T*>& squares, const std::vector<T*>& means, const std::vector<T*>& momenta, double decay,
                  double epsilon, double momentum);
}  // namespace cuda

}  // namespace mg
