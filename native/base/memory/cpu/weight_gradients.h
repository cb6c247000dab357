// Gradients of a controller's weights over a whole window, from those at its sums; shared by all memories with such a controller.
#pragma once
#include <cstring>

#include "../../host/pool.h"
#include "../../index.h"
#include "gradients.h"

namespace mg {
namespace {

// What the controller saw at every step, [T,B,I + RW + H]; zero past a sample's length.
template <class T, class Job>
void gather_inputs(const Job& job, T* rows) {
  const auto& d = job.dims;
  const i64 K = d.controller_rows(), R = d.words(), H = d.hidden;
  Pool::get().parallel_for(d.steps, [&](i64 t, int) {
    for (i64 b = 0; b < d.batch; b++) {
      const i64 at = t * d.batch + b;
      T* to = rows + at * K;
      if (job.lengths && t >= job.lengths[b]) {
        std::memset(to, 0, std::size_t(K) * sizeof(T));
        continue;
      }
      std::memcpy(to, job.x + at * d.inputs, std::size_t(d.inputs) * sizeof(T));
      std::memcpy(to + d.inputs, t ? job.words + (at - d.batch) * R : job.before.words + b * R, std::size_t(R) * sizeof(T));
      std::memcpy(to + d.inputs + R, t ? job.hidden + (at - d.batch) * H : job.before.hidden + b * H, std::size_t(H) * sizeof(T));
    }
  });
}

// weight [K][columns] = a^T d and bias = column sums of d, by blocks of 64 columns and a quarter of the rows.
template <class T>
void weight_gradient(void (*outer)(const OuterBlock<T>&), const T* a, i64 K, const T* d, i64 columns, i64 rows, T* weight,
                     T* bias) {
  static constexpr T one = 1;
  const i64 blocks = ceil_div(columns, 64), parts = K < 16 ? 1 : 4;
  Pool::get().parallel_for(blocks * parts, [&](i64 unit, int) {
    const i64 column = unit / parts * 64, part = unit % parts, width = columns - column < 64 ? columns - column : 64;
    outer(
        OuterBlock<T>{a, d, rows, K, columns, part_begin(K, parts, part), part_begin(K, parts, part + 1), column, width, weight});
    if (part == 0) outer(OuterBlock<T>{&one, d, rows, 0, columns, 0, 1, column, width, bias});
  });
}

// All weights of a job; `rows` is scratch for its controller's inputs, [T,B,I + RW + H].
template <class T, class Job>
void controller_weight_gradients(const Job& job, const ControllerGradients<T>& grads, T* rows,
                                 void (*outer)(const OuterBlock<T>&)) {
  const auto& d = job.dims;
  const i64 M = d.steps * d.batch;
  gather_inputs(job, rows);
  weight_gradient(outer, rows, d.controller_rows(), grads.gates, 4 * d.hidden, M, job.dweights.gates, job.dweights.gates_bias);
  weight_gradient(outer, job.hidden, d.hidden, grads.interface, interface_size(d), M, job.dweights.interface,
                  job.dweights.interface_bias);
}

}  // namespace
}  // namespace mg
