// Window norm on the GPU: the equations of base/norm.h, sums in double over blocks of norm_rows cells, then over the blocks in
// order.
#pragma once
#include "../../../base/cuda/strips.h"
#include "../../../base/norm.h"
#include "tables.h"

namespace mg {
namespace cuda {

// store(o, i, total of load(o, r, i)); the partial sums lie where the tables say.
template <class T, class Load, class Store>
void sum_rows(Stream stream, const Tables<T>* tables, i64 outer, i64 rows, i64 columns, Load load, Store store) {
  const StripDims d{outer, rows, columns, norm_rows};
  const i64 blocks = d.blocks();
  if (blocks > 0)
    launch_strips<AddUp>(stream, d, blocks, load, [=] MG_DEVICE(i64 o, i64 b, i64 i, double total) {
      tables->strip_sums[(o * blocks + b) * columns + i] = total;
    });
  launch_strips<AddUp>(
      stream, StripDims{outer, blocks, columns, blocks > 0 ? blocks : 1}, 1,
      [=] MG_DEVICE(i64 o, i64 b, i64 i) { return tables->strip_sums[(o * blocks + b) * columns + i]; },
      [=] MG_DEVICE(i64 o, i64, i64 i, double total) { store(o, i, total); });
}

// Value i of a grid's activation, of channel c.
template <class T>
MG_DEVICE double normed(const GridRow<T>& g, i64 i, i64 c) {
  return normalized(g.activation.base[i], g.statistics[c], g.statistics[g.channels + c]);
}

template <class T>
class WindowNorm {
 public:
  WindowNorm(Stream stream, const Tables<T>* tables, const Plan& plan, int grid)
      : stream(stream), tables(tables), grid(grid), cells(plan.steps * plan.batch * plan.grids[std::size_t(grid)].area()),
        channels(plan.grids[std::size_t(grid)].channels) {}

  // activation -> y, with the shortcut added.
  void forward() const {
    const auto* const t = tables;
    const int k = grid;
    const i64 C = channels, n = cells;
    sum_rows(
        stream, t, 1, n, C, [=] MG_DEVICE(i64, i64 r, i64 c) { return double(t->grids[k].activation.base[r * C + c]); },
        [=] MG_DEVICE(i64, i64 c, double total) { t->grids[k].statistics[c] = total / double(n); });
    sum_rows(
        stream, t, 1, n, C,
        [=] MG_DEVICE(i64, i64 r, i64 c) {
          const GridRow<T>& g = t->grids[k];
          const double d = double(g.activation.base[r * C + c]) - g.statistics[c];
          return d * d;
        },
        [=] MG_DEVICE(i64, i64 c, double total) {
          const GridRow<T>& g = t->grids[k];
          g.statistics[C + c] = norm_scale(total / double(n), g.epsilon);
        });
    each_element(stream, n * C, [=] MG_DEVICE(i64 i) {
      const GridRow<T>& g = t->grids[k];
      const i64 c = i % C;
      T y = T(norm_value(normed(g, i, c), g.gamma[c], g.beta[c]));
      for (int s = g.shortcut; s < g.shortcut + g.shortcuts; s++) {
        const ShortcutRow<T>& from = t->shortcuts[s];
        if (c >= from.first && c < from.first + from.channels) y += from.value.base[i / C * from.channels + c - from.first];
      }
      g.y.base[i] = y;
    });
  }

  // grad -> activation_grad
  void backward() const {
    const auto* const t = tables;
    const int k = grid;
    const i64 C = channels, n = cells;
    sum_rows(
        stream, t, 2, n, C,
        [=] MG_DEVICE(i64 o, i64 r, i64 c) {
          const GridRow<T>& g = t->grids[k];
          const double dy = double(g.grad.base[r * C + c]);
          return o == 0 ? dy : dy * normed(g, r * C + c, c);
        },
        [=] MG_DEVICE(i64 o, i64 c, double total) {
          (o == 0 ? t->grids[k].dbeta : t->grids[k].dgamma)[c] = T(total);
          t->norm_shift[o * C + c] = total / double(n);
        });
    each_element(stream, n * C, [=] MG_DEVICE(i64 i) {
      const GridRow<T>& g = t->grids[k];
      const i64 c = i % C;
      g.activation_grad.base[i] = T(norm_gradient(g.grad.base[i], normed(g, i, c), g.statistics[C + c], g.gamma[c],
                                                  t->norm_shift[c], t->norm_shift[C + c]));
    });
  }

 private:
  Stream stream;
  const Tables<T>* tables;
  int grid;
  i64 cells, channels;
};

}  // namespace cuda
}  // namespace mg
