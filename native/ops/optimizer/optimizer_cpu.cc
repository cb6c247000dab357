// Steps of the optimizers on the CPU.
#include "optimizer.h"

#include <algorithm>

#include "../../base/host/pool.h"

namespace mg {
namespace {

// f(tensor, begin, end) for every block, unless the norm forbids the step; f gets the scale too.
template <class T, class F>
void over_blocks(const StepLists<T>& s, F&& f) {
  const double scale = step_scale(s.norm, s.max_norm);
  if (scale != scale) return;
  Pool::get().parallel_for(s.list->count(), [&](i64 c, int) {
    const ListBlocks::Block& block = s.list->blocks[std::size_t(c)];
    f(block.tensor, block.begin, block.end, T(scale));
  });
}

}  // namespace

ListBlocks::ListBlocks(const std::vector<i64>& counts) {
  for (std::size_t j = 0; j < counts.size(); j++)
    for (i64 begin = 0; begin < counts[j]; begin += kBlock) blocks.push_back({j, begin, std::min(counts[j], begin + kBlock)});
}

template <class T>
void global_norm(const ListBlocks& list, const std::vector<const T*>& tensors, T* norm, double* partials) {
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[std::size_t(c)];
    const T* x = tensors[block.tensor];
    double sum = 0;
    for (i64 i = block.begin; i < block.end; i++) sum += double(x[i]) * double(x[i]);
    partials[c] = sum;
  });
  double total = 0;
  for (i64 c = 0; c < list.count(); c++) total += partials[c];
  *norm = T(std::sqrt(total));
}

template <class T>
void clip_by_norm(const ListBlocks& list, const std::vector<const T*>& xs, const T* norm, double max_norm,
                  const std::vector<T*>& ys) {
  double scale = step_scale(norm, max_norm);
  if (scale != scale) scale = 1;
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[std::size_t(c)];
    const T *x = xs[block.tensor], factor = T(scale);
    T* y = ys[block.tensor];
    for (i64 i = block.begin; i < block.end; i++) y[i] = factor * x[i];
  });
}

template <class T>
void clip_by_value(const ListBlocks& list, const std::vector<const T*>& xs, double limit, const std::vector<T*>& ys) {
  const T high = T(limit);
  Pool::get().parallel_for(list.count(), [&](i64 c, int) {
    const ListBlocks::Block& block = list.blocks[std::size_t(c)];
    const T* x = xs[block.tensor];
    T* y = ys[block.tensor];
    for (i64 i = block.begin; i < block.end; i++) y[i] = x[i] > high ? high : x[i] < -high ? -high : x[i];
  });
}

template <class T>
void sgd_step(const StepLists<T>& s, const std::vector<T*>& momenta, double momentum, bool nesterov) {
  const SgdRule<T> rule{T(s.lr), T(momentum), T(s.weight_decay), nesterov};
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T scale) {
    T *x = (*s.parameters)[j], *buf = momenta.empty() ? nullptr : momenta[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; i++) rule.update(scale * grad[i], x[i], buf ? buf + i : nullptr);
  });
}

template <class T>
void adam_step(const StepLists<T>& s, const std::vector<T*>& firsts, const std::vector<T*>& seconds,
               const std::vector<double*>& steps, double beta1, double beta2, double epsilon, bool decoupled) {
  const double scale = step_scale(s.norm, s.max_norm);
  if (scale != scale) return;
  for (double* t : steps) *t += 1;
  const AdamRule<T> rule(s.lr, s.weight_decay, beta1, beta2, epsilon, decoupled);
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T factor) {
    const T rate = rule.rate(*steps[j]), correction = rule.correction(*steps[j]);
    T *x = (*s.parameters)[j], *m = firsts[j], *v = seconds[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; i++) rule.update(factor * grad[i], rate, correction, x[i], m[i], v[i]);
  });
}

template <class T>
void rmsprop_step(const StepLists<T>& s, RmsPropFlavor flavor, const std::vector<T*>& squares, const std::vector<T*>& means,
                  const std::vector<T*>& momenta, double decay, double epsilon, double momentum) {
  const RmsPropRule<T> rule(flavor, s.lr, s.weight_decay, decay, epsilon, momentum);
  over_blocks(s, [&](std::size_t j, i64 begin, i64 end, T scale) {
    T *x = (*s.parameters)[j], *n = squares[j];
    T *mean = flavor == RmsPropFlavor::graves ? means[j] : nullptr, *buf = momenta.empty() ? nullptr : momenta[j];
    const T* grad = (*s.grads)[j];
    for (i64 i = begin; i < end; i++)
      rule.update(scale * grad[i], x[i], n[i], mean ? mean + i : nullptr, buf ? buf + i : nullptr);
  });
}

#define MG_INSTANTIATE(T)                                                                                                      \
  template void global_norm<T>(const ListBlocks&, const std::vector<const T*>&, T*, double*);                                  \
  template void clip_by_norm<T>(const ListBlocks&, const std::vector<const T*>&, const T*, double, const std::vector<T*>&);    \
  template void clip_by_value<T>(const ListBlocks&, const std::vector<const T*>&, double, const std::vector<T*>&);             \
  template void sgd_step<T>(const StepLists<T>&, const std::vector<T*>&, double, bool);                                        \
  template void adam_step<T>(const StepLists<T>&, const std::vector<T*>&, const std::vector<T*>&, const std::vector<double*>&, \
                             double, double, double, bool);                                                                    \
  template void rmsprop_step<T>(const StepLists<T>&, RmsPropFlavor, const std::vector<T*>&, const std::vector<T*>&,            \
                                const std::vector<T*>&, double, double, double);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
