// Steps of the optimizers on the GPU, all parameters in one launch.
#include "../../base/cuda/strips.h"
#include "optimizer.h"

namespace mg {
namespace cuda {
namespace {

constexpr int most_tensors = 40;  // of one launch: their pointers travel as kernel arguments, 4 KB at most
constexpr int most_lists = 5;
constexpr i64 per_block = 4096;   // elements

// Tensors [0, count) of up to five lists of equal sizes; list[l][j] is null where a list is not there.
struct Batch {
  int count = 0, first = 0;
  i64 first_block[most_tensors + 1] = {}, sizes[most_tensors] = {};
  void* list[most_lists][most_tensors] = {};

  template <class T>
  MG_HD T* at(int l, int j) const {
    return static_cast<T*>(list[l][j]);
  }
  MG_HD int tensor_of(i64 block) const {
    int j = 0;
    while (block >= first_block[j + 1]) j++;
    return j;
  }
};
static_assert(sizeof(Batch) < 3500, "a kernel's arguments");

// f(batch, j, i) for every element i of tensor j.
template <class F>
MG_KERNEL(loop_threads) list_kernel(Batch batch, F f) {
  const int j = batch.tensor_of(port::block());
  const i64 begin = (port::block() - batch.first_block[j]) * per_block,
            end = begin + per_block < batch.sizes[j] ? begin + per_block : batch.sizes[j];
  for (i64 i = begin + port::thread(); i < end; i += loop_threads) f(batch, j, i);
}

// fill(batch, j, number) puts the pointers of tensor `number` at place j; run(batch) uses them.
template <class Fill, class Run>
void over_batches(const std::vector<i64>& counts, Fill fill, Run run) {
  for (std::size_t first = 0; first < counts.size(); first += most_tensors) {
    Batch batch;
    batch.first = int(first);
    for (std::size_t k = first; k < counts.size() && k < first + most_tensors; k++) {
      batch.sizes[batch.count] = counts[k];
      batch.first_block[batch.count + 1] = batch.first_block[batch.count] + ceil_div(counts[k], per_block);
      fill(batch, batch.count, k);
      batch.count++;
    }
    run(batch);
  }
}

template <class F>
void each_of_list(Stream stream, const Batch& batch, F f) {
  port::launch(list_kernel<F>, batch.first_block[batch.count], loop_threads, 0, stream, batch, f);
}

template <class P>
void* or_null(const std::vector<P>& list, std::size_t k) {
  return list.empty() ? nullptr : const_cast<void*>(static_cast<const void*>(list[k]));
}

}  // namespace

template <class T>
void global_norm(Stream stream, const ListBlocks& list, const std::vector<i64>& counts, const std::vector<const T*>& tensors,
                 T* norm, double* partials) {
  i64 done = 0;
  for (std::size_t j = 0; j < counts.size(); j++) {
    const T* const x = tensors[j];
    const i64 blocks = ceil_div(counts[j], ListBlocks::kBlock);
    double* const to = partials + done;
    if (blocks > 0)
      launch_strips<AddUp>(
          stream, StripDims{1, counts[j], 1, ListBlocks::kBlock}, blocks,
          [=] MG_DEVICE(i64, i64 i, i64) { return double(x[i]) * double(x[i]); },
          [=] MG_DEVICE(i64, i64 block, i64, double total) { to[block] = total; });
    done += blocks;
  }
  const i64 blocks = list.count();
  launch_strips<AddUp>(
      stream, StripDims{1, blocks, 1, blocks > 0 ? blocks : 1}, 1, [=] MG_DEVICE(i64, i64 block, i64) { return partials[block]; },
      [=] MG_DEVICE(i64, i64, i64, double total) { *norm = T(std::sqrt(total)); });
}

template <class T>
void clip_by_norm(Stream stream, const std::vector<i64>& counts, const std::vector<const T*>& xs, const T* norm, double max_norm,
                  const std::vector<T*>& ys) {
  over_batches(
      counts, [&](Batch& b, int j, std::size_t k) { b.list[0][j] = or_null(xs, k), b.list[1][j] = ys[k]; },
      [&](const Batch& batch) {
        each_of_list(stream, batch, [=] MG_DEVICE(const Batch& b, int j, i64 i) {
          const double scale = step_scale(norm, max_norm);
          b.at<T>(1, j)[i] = T(scale == scale ? scale : 1) * b.at<T>(0, j)[i];
        });
      });
}

template <class T>
void clip_by_value(Stream stream, const std::vector<i64>& counts, const std::vector<const T*>& xs, double limit,
                   const std::vector<T*>& ys) {
  const T high = T(limit);
  over_batches(
      counts, [&](Batch& b, int j, std::size_t k) { b.list[0][j] = or_null(xs, k), b.list[1][j] = ys[k]; },
      [&](const Batch& batch) {
        each_of_list(stream, batch, [=] MG_DEVICE(const Batch& b, int j, i64 i) {
          const T x = b.at<T>(0, j)[i];
          b.at<T>(1, j)[i] = x > high ? high : x < -high ? -high : x;
        });
      });
}

template <class T>
void sgd_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, const std::vector<T*>& momenta,
              double momentum, bool nesterov) {
  const SgdRule<T> rule{T(s.lr), T(momentum), T(s.weight_decay), nesterov};
  const T* const norm = s.norm;
  const double max_norm = s.max_norm;
  over_batches(
      counts,
      [&](Batch& b, int j, std::size_t k) {
        b.list[0][j] = (*s.parameters)[k], b.list[1][j] = or_null(*s.grads, k), b.list[2][j] = or_null(momenta, k);
      },
      [&](const Batch& batch) {
        each_of_list(stream, batch, [=] MG_DEVICE(const Batch& b, int j, i64 i) {
          const double scale = step_scale(norm, max_norm);
          if (scale != scale) return;
          T* const buf = b.at<T>(2, j);
          rule.update(T(scale) * b.at<T>(1, j)[i], b.at<T>(0, j)[i], buf ? buf + i : nullptr);
        });
      });
}

template <class T>
void adam_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, const std::vector<T*>& firsts,
               const std::vector<T*>& seconds, const std::vector<double*>& steps, double beta1, double beta2, double epsilon,
               bool decoupled) {
  const AdamRule<T> rule(s.lr, s.weight_decay, beta1, beta2, epsilon, decoupled);
  const T* const norm = s.norm;
  const double max_norm = s.max_norm;
  over_batches(
      counts,
      [&](Batch& b, int j, std::size_t k) {
        b.list[0][j] = (*s.parameters)[k], b.list[1][j] = or_null(*s.grads, k), b.list[2][j] = firsts[k],
        b.list[3][j] = seconds[k];
        b.list[4][j] = steps[k];
      },
      [&](const Batch& batch) {
        each_element(stream, batch.count, [=] MG_DEVICE(i64 j) {
          const double scale = step_scale(norm, max_norm);
          if (scale == scale) *batch.at<double>(4, int(j)) += 1;
        });
        each_of_list(stream, batch, [=] MG_DEVICE(const Batch& b, int j, i64 i) {
          const double scale = step_scale(norm, max_norm), t = *b.at<double>(4, j);
          if (scale != scale) return;
          rule.update(T(scale) * b.at<T>(1, j)[i], rule.rate(t), rule.correction(t), b.at<T>(0, j)[i], b.at<T>(2, j)[i],
                      b.at<T>(3, j)[i]);
        });
      });
}

template <class T>
void rmsprop_step(Stream stream, const std::vector<i64>& counts, const StepLists<T>& s, RmsPropFlavor flavor,
                  const std::vector<T*>& squares, const std::vector<T*>& means, const std::vector<T*>& momenta, double decay,
                  double epsilon, double momentum) {
  const RmsPropRule<T> rule(flavor, s.lr, s.weight_decay, decay, epsilon, momentum);
  const bool has_mean = flavor == RmsPropFlavor::graves;
  const T* const norm = s.norm;
  const double max_norm = s.max_norm;
  over_batches(
      counts,
      [&](Batch& b, int j, std::size_t k) {
        b.list[0][j] = (*s.parameters)[k], b.list[1][j] = or_null(*s.grads, k), b.list[2][j] = squares[k];
        b.list[3][j] = has_mean ? means[k] : nullptr, b.list[4][j] = or_null(momenta, k);
      },
      [&](const Batch& batch) {
        each_of_list(stream, batch, [=] MG_DEVICE(const Batch& b, int j, i64 i) {
          const double scale = step_scale(norm, max_norm);
          if (scale != scale) return;
          T *const mean = b.at<T>(3, j), *const buf = b.at<T>(4, j);
          rule.update(T(scale) * b.at<T>(1, j)[i], b.at<T>(0, j)[i], b.at<T>(2, j)[i], mean ? mean + i : nullptr,
                      buf ? buf + i : nullptr);
        });
      });
}

#define MG_INSTANTIATE(T)                                                                                                        \
  template void global_norm<T>(Stream, const ListBlocks&, const std::vector<i64>&, const std::vector<const T*>&, T*, double*);   \
  template void clip_by_norm<T>(Stream, const std::vector<i64>&, const std::vector<const T*>&, const T*, double,                 \
                                const std::vector<T*>&);                                                                         \
  template void clip_by_value<T>(Stream, const std::vector<i64>&, const std::vector<const T*>&, double, const std::vector<T*>&); \
  template void sgd_step<T>(Stream, const std::vector<i64>&, const StepLists<T>&, const std::vector<T*>&, double, bool);         \
  template void adam_step<T>(Stream, const std::vector<i64>&, const StepLists<T>&, const std::vector<T*>&,                       \
                             const std::vector<T*>&, const std::vector<double*>&, double, double, double, bool);                 \
  template void rmsprop_step<T>(Stream, const std::vector<i64>&, const StepLists<T>&, RmsPropFlavor, const std::vector<T*>&,     \
                                const std::vector<T*>&, const std::vector<T*>&, double, double, double);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
