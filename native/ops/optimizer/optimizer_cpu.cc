#include "optimizer.h"

#include <algorithm>

#include "../../base/pool.h"

namespace mg {
namespace {

// f(tensor, begin, end) for every block, unless the norm forbids the step; f gets the scale too.
template <class T, class F>
void over_blocks(const StepLists<T>& s, F&& f) {
  const double scale = step_scale(s.norm, s.max_norm);
  if (scale != scale) return;
  Pool::get().parallel_for(s.list->count(), [&](i64 c, int) {
    const ListBlocks::Block& block = s.list->blocks[static_cast<std::size_t>(c)];
    f(block.tensor, block.begin, block.end, static_cast<T>(scale));
  });
}

}  // namespace

ListBlocks::ListBlocks(const std::vector<i64>& counts) {
  for (std::size_t j = 0; j < counts.size(); ++j)
    for (i64 begin = 0; begin < counts[j]; begin += kBlock) blocks.push_back({j, begin, std::min(counts[j], begin + kBlock)});
}

template <class T>
void global_norm(const ListBlocks& list, const std::vector<const T*>& tensors, T* norm, double* partials) {
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[static_cast<std::size_t>(c)];
    const T* x = tensors[block.tensor];
    double sum = 0;
    for (i64 i = block.begin; i < block.end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    partials[c] = sum;
  });
  double total = 0;
  for (i64 c = 0; c < list.count(); ++c) total += partials[c];
  *norm = static_cast<T>(std::sqrt(total));
}

template <class T>
void clip_by_norm(const ListBlocks& list, const std::vector<const T*>& xs, const T* norm, double max_norm, const std::vector<T*>& ys) {
  double scale = step_scale(norm, max_norm);
  if (scale != scale) scale = 1;
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[static_cast<std::size_t>(c)];
    const T *x = xs[block.tensor], factor = static_cast<T>(scale);
    T* y = ys[block.tensor];
    for (i64 i = block.begin; i < block.end; ++i) y[i] = factor * x[i];
  });
}

template <class T>
void clip_by_value(const ListBlocks& list, const std::vector<const T*>& xs, double limit, const std::vector<T*>& ys) {
  const T high = static_cast<T>(limit);
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[static_cast<std::size_t>(c)];
    const T* x = xs[block.tensor];
    T* y = ys[block.tensor];
    for (i64 i = block.begin; i < block.end; ++i) y[i] = x[i] > high ? high : x[i] < -high ? -high : x[i];
  });
}

template <class T>
void sgd_step(const StepLists<T>& s, const std::vector<T*>& momenta, double momentum, bool nesterov) {
  const T lr = static_cast<T>(s.lr), mu = static_cast<T>(momentum), decay = static_cast<T>(s.weight_decay);
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T scale) {
    T *x = (*s.parameters)[j], *buf = momenta.empty() ? nullptr : momenta[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; ++i) {
      const T g = scale * grad[i] + decay * x[i];
      T step = g;
      if (buf) {
        buf[i] = mu * buf[i] + g;
        step = nesterov ? g + mu * buf[i] : buf[i];
      }
      x[i] -= lr * step;
    }
  });
}

template <class T>
void adam_step(const StepLists<T>& s, const std::vector<T*>& firsts, const std::vector<T*>& seconds, const std::vector<double*>& steps,
               double beta1, double beta2, double epsilon, bool decoupled) {
  const double scale = step_scale(s.norm, s.max_norm);
  if (scale != scale) return;
  for (double* t : steps) *t += 1;
  const T b1 = static_cast<T>(beta1), b2 = static_cast<T>(beta2), rest1 = static_cast<T>(1 - beta1), rest2 = static_cast<T>(1 - beta2);
  const T shrink = static_cast<T>(decoupled ? 1 - s.lr * s.weight_decay : 1), decay = static_cast<T>(decoupled ? 0 : s.weight_decay);
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T factor) {
    const T rate = static_cast<T>(s.lr / (1 - std::pow(beta1, *steps[j]))), correction = static_cast<T>(1 / std::sqrt(1 - std::pow(beta2, *steps[j])));
    T *x = (*s.parameters)[j], *m = firsts[j], *v = seconds[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; ++i) {
      const T g = factor * grad[i] + decay * x[i];
      m[i] = b1 * m[i] + rest1 * g;
      v[i] = b2 * v[i] + rest2 * g * g;
      x[i] = shrink * x[i] - rate * m[i] / (std::sqrt(v[i]) * correction + static_cast<T>(epsilon));
    }
  });
}

template <class T>
void rmsprop_step(const StepLists<T>& s, RmsPropFlavor flavor, const std::vector<T*>& squares, const std::vector<T*>& means,
                  const std::vector<T*>& momenta, double decay, double epsilon, double momentum) {
  const T rho = static_cast<T>(decay), rest = static_cast<T>(1 - decay), eps = static_cast<T>(epsilon), mu = static_cast<T>(momentum);
  const T lr = static_cast<T>(s.lr), weight_decay = static_cast<T>(s.weight_decay);
  const bool outside = flavor == RmsPropFlavor::pytorch;  // ε outside the root, lr on the buffer
  const T inner_rate = outside ? T(1) : lr, outer_rate = outside ? lr : T(1);
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T scale) {
    T *x = (*s.parameters)[j], *n = squares[j];
    T *mean = flavor == RmsPropFlavor::graves ? means[j] : nullptr, *buf = momenta.empty() ? nullptr : momenta[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; ++i) {
      const T g = scale * grad[i] + weight_decay * x[i];
      n[i] = rho * n[i] + rest * g * g;
      T variance = n[i];
      if (mean) {
        mean[i] = rho * mean[i] + rest * g;
        variance -= mean[i] * mean[i];
      }
      T step = inner_rate * g / (outside ? std::sqrt(variance) + eps : std::sqrt(variance + eps));
      if (buf) step = buf[i] = mu * buf[i] + step;
      x[i] -= outer_rate * step;
    }
  });
}

#define MG_INSTANTIATE(T)                                                                                                        \
  template void global_norm<T>(const ListBlocks&, const std::vector<const T*>&, T*, double*);                                    \
  template void clip_by_norm<T>(const ListBlocks&, const std::vector<const T*>&, const T*, double, const std::vector<T*>&);      \
  template void clip_by_value<T>(const ListBlocks&, const std::vector<const T*>&, double, const std::vector<T*>&);                \
  template void sgd_step<T>(const StepLists<T>&, const std::vector<T*>&, double, bool);                                          \
  template void adam_step<T>(const StepLists<T>&, const std::vector<T*>&, const std::vector<T*>&, const std::vector<double*>&,   \
                             double, double, double, bool);                                                                      \
  template void rmsprop_step<T>(const StepLists<T>&, RmsPropFlavor, const std::vector<T*>&, const std::vector<T*>&,              \
                                const std::vector<T*>&, double, double, double);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
