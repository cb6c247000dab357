// Every CUDA kernel under the shim against its CPU twin, float and double, twice with threads in another order: the same bits.
// Started by test/native/shim.sh; argument: a seed, then `small` for shapes that suit the thread sanitizer.
#include "../../native/base/host/pool.h"
#include "../../native/ops/add_channels/add_channels.h"
#include "../../native/ops/batch_norm/batch_norm.h"
#include "../../native/ops/clip/clip.h"
#include "../../native/ops/conv/conv.h"
#include "../../native/ops/elementwise/elementwise.h"
#include "../../native/ops/gather/gather.h"
#include "../../native/ops/grid_up/grid_up.h"
#include "../../native/ops/layout/layout.h"
#include "../../native/ops/loss/loss.h"
#include "../../native/ops/lstm_cell/lstm_cell.h"
#include "../../native/ops/matmul/matmul.h"
#include "../../native/ops/max_pool/max_pool.h"
#include "../../native/ops/optimizer/optimizer.h"
#include "../../native/ops/reduce/reduce.h"
#include "../../native/ops/softmax/softmax.h"

#include "cuda_check.h"

using namespace check;

namespace {

template <class T>
void check_elementwise() {
  for (int k = 0; k < int(Unary::count); k++) {
    const Unary kind = Unary(k);
    const i64 n = pick({0, 1, 31, 257, 1000});
    const bool positive = kind == Unary::log || kind == Unary::sqrt;
    Array<T> x = noise<T>(n, positive ? 0.1 : -6, 6);
    if (n > 2) x[1] = std::numeric_limits<T>::quiet_NaN(), x[2] = std::numeric_limits<T>::infinity();
    const Array<T> dy = noise<T>(n);
    compare<T>(name("unary", {k, n}), {n, n}, rounding<T>, [&](bool gpu, auto& out) {
      either(gpu, unary_forward<T>, cuda::unary_forward<T>, kind, n, x.data(), out[0].data());
      either(gpu, unary_backward<T>, cuda::unary_backward<T>, kind, n, dy.data(), x.data(), out[0].data(), out[1].data());
    });
  }
  const std::vector<BroadcastDims> shapes = {{{}, {}, {}},
                                             {{5}, {1}, {0}},
                                             {{3, 4, 5}, {20, 5, 1}, {0, 0, 1}},
                                             {{3, 4, 5}, {20, 5, 1}, {20, 5, 1}},
                                             {{2, 1, 7, 3}, {0, 0, 3, 1}, {7, 7, 1, 0}},
                                             {{0, 4}, {4, 1}, {0, 1}},
                                             {{40, 33}, {1, 0}, {33, 1}}};
  for (const BroadcastDims& d : shapes)
    for (int k = 0; k < int(Binary::count); k++) {
      const Array<T> a = noise<T>(1500, 0.5, 2), b = noise<T>(1500, 0.5, 2);
      compare<T>(name("binary", {k, d.count()}), {d.count()}, rounding<T>, [&](bool gpu, auto& out) {
        either(gpu, binary_forward<T>, cuda::binary_forward<T>, Binary(k), d, a.data(), b.data(), out[0].data());
      });
    }
  for (const bool normal : {false, true})
    compare<T>("random", {777}, normal ? rounding<T> : 0, [&](bool gpu, auto& out) {
      either(gpu, fill_random<T>, cuda::fill_random<T>, normal, 777, 12345, 6, -1, 2, out[0].data());
    });
  compare<T>("fill", {300}, 0, [&](bool gpu, auto& out) { either(gpu, fill<T>, cuda::fill<T>, 300, T(1.5), out[0].data()); });
  const DType from = sizeof(T) == 4 ? DType::float32 : DType::float64;
  const Array<T> x = noise<T>(300, 0, 200);
  for (int to = 0; to < 4; to++)
    compare<T>(name("cast", {to}), {300}, 0, [&](bool gpu, auto& out) {
      Array<double> between(300);
      either(gpu, cast, cuda::cast, 300, from, x.data(), DType(to), between.data());
      either(gpu, cast, cuda::cast, 300, DType(to), between.data(), from, out[0].data());
    });
}

template <class T>
void check_reduce() {
  std::vector<ReduceDims> all = {{1, 0, 3}, {0, 4, 2}, {1, 1, 1}, {3, 40, 1}, {2, 7, 33}, {1, 300, 5}};
  if (!small) all.insert(all.end(), {{1, 9000, 1}, {2, 1500, 7}, {5, 3, 4100}});
  for (const ReduceDims& d : all) {
    Array<T> x = noise<T>(d.outer * d.length * d.inner);
    for (T& v : x) v = std::round(v * 8) / 8;  // ties
    if (x.size() > 50) x[49] = std::numeric_limits<T>::quiet_NaN();
    Array<double> partials(std::size_t(d.workspace_bytes() / 8));
    const Array<T> dy = noise<T>(d.outer * d.inner);
    for (const Reduce kind : {Reduce::sum, Reduce::max})
      compare<T>(name("reduce", {int(kind), d.outer, d.length, d.inner}), {d.outer * d.inner}, rounding<T>,
                 [&](bool gpu, auto& out) {
                   either(gpu, reduce_forward<T>, cuda::reduce_forward<T>, kind, d, x.data(), out[0].data(), partials.data());
                 });
    Array<T> y(dy.size());
    reduce_forward<T>(Reduce::max, d, x.data(), y.data(), partials.data());
    compare<T>(name("max backward", {d.outer, d.length, d.inner}), {i64(x.size())}, 0, [&](bool gpu, auto& out) {
      either(gpu, max_backward<T>, cuda::max_backward<T>, d, dy.data(), x.data(), y.data(), out[0].data());
    });
  }
}

template <class T>
void check_levels() {
  for (int k = 0; k < (small ? 4 : 12); k++) {
    const bool line = k % 3 == 2;
    const i64 batch = pick({0, 1, 3}), height = line ? 1 : 2 * pick({1, 3, 4}), width = 2 * pick({1, 2, 5}),
              channels = pick({1, 3, 8});
    const PoolDims p{batch, height, width, channels, line};
    Array<T> x = noise<T>(p.x_count());
    for (T& v : x) v = std::round(v * 4) / 4;
    if (x.size() > 5) x[4] = std::numeric_limits<T>::quiet_NaN();
    const Array<T> dy = noise<T>(p.y_count());
    compare<T>(name("max pool", {batch, height, width, channels, line}), {p.y_count(), p.x_count()}, 0, [&](bool gpu, auto& out) {
      either(gpu, max_pool_forward<T>, cuda::max_pool_forward<T>, p, x.data(), out[0].data());
      either(gpu, max_pool_backward<T>, cuda::max_pool_backward<T>, p, dy.data(), x.data(), out[1].data());
    });
    const UpDims u{batch, height, width, channels, line};
    const Array<T> up = noise<T>(u.y_count());
    compare<T>(name("grid up", {batch, height, width, channels, line}), {u.y_count(), u.x_count()}, 0, [&](bool gpu, auto& out) {
      either(gpu, grid_up_forward<T>, cuda::grid_up_forward<T>, u, x.data(), out[0].data());
      either(gpu, grid_up_backward<T>, cuda::grid_up_backward<T>, u, up.data(), out[1].data());
    });
    const AddChannelsDims a{pick({0, 1, 70}), channels, pick({0, 1, channels}) % (channels + 1)};
    const Array<T> y = noise<T>(a.rows * channels), shortcut = noise<T>(a.rows * a.shared);
    compare<T>(name("add channels", {a.rows, channels, a.shared}), {a.rows * channels, a.rows * a.shared}, 0,
               [&](bool gpu, auto& out) {
                 either(gpu, add_channels<T>, cuda::add_channels<T>, a, y.data(), shortcut.data(), out[0].data());
                 either(gpu, first_channels<T>, cuda::first_channels<T>, a, y.data(), out[1].data());
               });
  }
}

template <class T>
void check_norm() {
  std::vector<NormDims> all = {{0, 3}, {1, 1}, {70, 5}, {150, 40}};
  if (!small) all.push_back({5000, 8});
  for (const NormDims& d : all) {
    const i64 n = d.columns, size = d.rows * n;
    const Array<T> x = noise<T>(size, 1, 3), dy = noise<T>(size), gamma = noise<T>(n), beta = noise<T>(n);
    for (const bool own : {true, false})
      compare<T>(name("norm", {d.rows, n, own}), {size, n, n, size, n, n}, rounding<T>, [&](bool gpu, auto& out) {
        Array<double> statistics(std::size_t(2 * n)), space(std::size_t(d.workspace_bytes() / 8));
        const auto run = [&](auto statistics_of, auto given, auto forward, auto backward) {
          statistics_of(d, x.data(), 1e-3, statistics.data(), out[1].data(), out[2].data(), space.data());
          if (!own) given(n, gamma.data(), out[2].data(), 1e-3, statistics.data());
          forward(d, x.data(), statistics.data(), gamma.data(), beta.data(), out[0].data());
          backward(d, own, dy.data(), x.data(), statistics.data(), gamma.data(), out[3].data(), out[4].data(), out[5].data(),
                   space.data());
        };
        const auto on_gpu = [](auto f) { return [f](auto... a) { f(stream, a...); }; };
        if (gpu)
          run(on_gpu(cuda::norm_statistics<T>), on_gpu(cuda::norm_given<T>), on_gpu(cuda::norm_forward<T>),
              on_gpu(cuda::norm_backward<T>));
        else run(norm_statistics<T>, norm_given<T>, norm_forward<T>, norm_backward<T>);
      });
  }
}

template <class T>
void check_gather() {
  for (const GatherDims d : {GatherDims{5, 3, 9}, GatherDims{1, 1, 1}, GatherDims{7, 4, 0}, GatherDims{40, 6, 100}}) {
    Array<std::int32_t> indices(d.picks);
    for (auto& i : indices) i = std::int32_t(rng() % std::size_t(d.rows));
    if (d.picks > 3) indices[2] = -1, indices[3] = std::int32_t(d.rows);
    const Array<T> x = noise<T>(d.rows * d.width), dy = noise<T>(d.picks * d.width);
    compare<T>(name("gather", {d.rows, d.width, d.picks}), {d.picks * d.width, d.rows * d.width, d.picks * 6}, 0,
               [&](bool gpu, auto& out) {
                 if (gpu) {
                   cuda::gather_forward<T>(stream, d, x.data(), indices.data(), out[0].data());
                   cuda::gather_backward<T>(stream, d, dy.data(), indices.data(), out[1].data());
                   cuda::one_hot<T>(stream, d.picks, 6, indices.data(), out[2].data());
                 } else {
                   gather_forward<T>(d, x.data(), indices.data(), out[0].data());
                   gather_backward<T>(d, dy.data(), indices.data(), out[1].data());
                   one_hot<T>(d.picks, 6, indices.data(), out[2].data());
                 }
               });
  }
}

template <class E>
void check_layout() {
  for (const StridedDims& d : {StridedDims{0, {4, 5}, {1, 4}}, StridedDims{3, {2, 3, 4}, {40, 6, 1}}, StridedDims{0, {}, {}},
                               StridedDims{7, {0, 3}, {3, 1}}, StridedDims{1, {2, 2, 2, 2}, {1, 20, 4, 50}}}) {
    Array<E> x(200);
    for (E& e : x) e = E(rng());
    const i64 n = d.count();
    const auto exact = [&](const char* what, i64 count, auto f) {
      Array<E> want = poison<E>(count), got = poison<E>(count);
      f(false, want.data()), f(true, got.data());
      comparisons++;
      if (want != got) failures++, std::printf("FAIL %s, %zu-byte\n", what, sizeof(E));
    };
    exact("strided read", n,
          [&](bool gpu, E* y) { gpu ? cuda::strided_read<E>(stream, d, x.data(), y) : strided_read<E>(d, x.data(), y); });
    exact("strided write", 200, [&](bool gpu, E* y) {
      gpu ? cuda::strided_write<E>(stream, d, x.data(), 200, y) : strided_write<E>(d, x.data(), 200, y);
    });
    const JoinDims j{10, {3, 0, 1, 5}};
    const std::vector<const char*> xs = {reinterpret_cast<const char*>(x.data()), nullptr,
                                         reinterpret_cast<const char*>(x.data() + 50),
                                         reinterpret_cast<const char*>(x.data() + 100)};
    exact("join", 90, [&](bool gpu, E* y) {
      gpu ? cuda::join(stream, j, sizeof(E), xs, reinterpret_cast<char*>(y)) : join(j, sizeof(E), xs, reinterpret_cast<char*>(y));
    });
  }
}

template <class T>
void check_losses() {
  for (const i64 n : {i64(0), i64(12), small ? i64(300) : i64(9000)}) {
    const BceDims d{n, 3};
    const Array<T> logits = noise<T>(n, -30, 30), target = noise<T>(n, 0, 1), dloss = noise<T>(1);
    Array<T> mask = noise<T>(n / 3, 0, 1);
    for (T& m : mask) m = m < 0.3 ? T(0) : m;
    for (const T* const m : {static_cast<const T*>(nullptr), static_cast<const T*>(mask.data())})
      compare<T>(name("bce", {n}), {1, n}, rounding<T>, [&](bool gpu, auto& out) {
        Array<double> partials(d.blocks());
        either(gpu, bce_forward<T>, cuda::bce_forward<T>, d, logits.data(), target.data(), m, out[0].data(), partials.data());
        either(gpu, bce_backward<T>, cuda::bce_backward<T>, d, dloss.data(), logits.data(), target.data(), m, out[1].data());
      });
  }
  for (const ClassDims d : {ClassDims{0, 5}, ClassDims{1, 1}, ClassDims{150, 10}, ClassDims{3, 159}, ClassDims{2, 1100}}) {
    Array<T> logits = noise<T>(d.rows * d.classes, -9, 9), mask = noise<T>(d.rows, 0, 1);
    if (logits.size() > 40) logits[31] = std::numeric_limits<T>::infinity();
    for (T& m : mask) m = m < 0.3 ? T(0) : m;
    Array<std::int32_t> classes(d.rows);
    for (auto& c : classes) c = std::int32_t(rng() % std::size_t(d.classes));
    const Array<T> dloss = noise<T>(1);
    for (const T* const m : {static_cast<const T*>(nullptr), static_cast<const T*>(mask.data())})
      compare<T>(name("cross entropy", {d.rows, d.classes}), {1, d.rows * d.classes}, rounding<T>, [&](bool gpu, auto& out) {
        Array<double> partials(d.blocks());
        either(gpu, cross_entropy_forward<T>, cuda::cross_entropy_forward<T>, d, logits.data(), classes.data(), m, out[0].data(),
               partials.data());
        either(gpu, cross_entropy_backward<T>, cuda::cross_entropy_backward<T>, d, dloss.data(), logits.data(), classes.data(), m,
               out[1].data());
      });
    for (const bool logarithm : {false, true}) {
      const SoftmaxDims s{logarithm, d.rows, d.classes};
      compare<T>(name("softmax", {logarithm, d.rows, d.classes}), {d.rows * d.classes, d.rows * d.classes}, rounding<T>,
                 [&](bool gpu, auto& out) {
                   either(gpu, softmax_forward<T>, cuda::softmax_forward<T>, s, logits.data(), out[0].data());
                   either(gpu, softmax_backward<T>, cuda::softmax_backward<T>, s, logits.data(), out[0].data(), out[1].data());
                 });
    }
  }
}

template <class T>
void check_cell() {
  for (const LstmCellDims d :
       {LstmCellDims{6, 4, 0}, LstmCellDims{0, 4, 4}, LstmCellDims{90, 8, 8}, LstmCellDims{12, 3, 9}, LstmCellDims{1, 1, 1}}) {
    const i64 n = d.cells();
    const Array<T> sums = noise<T>(4 * n, -4, 4), before = noise<T>(n), p = noise<T>(3 * d.period), dh = noise<T>(n),
                   dc = noise<T>(n);
    for (const int given : {0, 1, 2, 3})
      compare<T>(name("lstm cell", {d.rows, d.channels, d.period, given}), {n, n, 4 * n, 4 * n, n, 3 * d.period}, rounding<T>,
                 [&](bool gpu, auto& out) {
                   Array<double> space(std::size_t(d.workspace_bytes() / 8));
                   const T* const h = given & 1 ? dh.data() : nullptr;
                   const T* const c = given & 2 ? dc.data() : nullptr;
                   const T* const w = d.period == 0 ? nullptr : p.data();
                   T* const dp = d.period == 0 ? nullptr : out[5].data();
                   if (gpu) {
                     cuda::lstm_cell_forward<T>(stream, d, sums.data(), before.data(), w, T(1), out[0].data(), out[1].data(),
                                                out[2].data());
                     cuda::lstm_cell_backward<T>(stream, d, h, c, out[2].data(), out[1].data(), before.data(), w, out[3].data(),
                                                 out[4].data(), dp, space.data());
                   } else {
                     lstm_cell_forward<T>(d, sums.data(), before.data(), w, T(1), out[0].data(), out[1].data(), out[2].data());
                     lstm_cell_backward<T>(d, h, c, out[2].data(), out[1].data(), before.data(), w, out[3].data(), out[4].data(),
                                           dp, space.data());
                   }
                 });
  }
}

void* aligned(Array<char>& space) { return space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64); }

template <class T>
void check_products() {
  std::vector<MatmulDims> all = {{1, 0, 3, 2},    {2, 3, 0, 4},         {1, 1, 1, 1},        {3, 5, 17, 9},
                                 {1, 70, 33, 40}, {1, 20, 5, 70, true}, {2, 9, 20, 18, true}};
  if (!small) all.insert(all.end(), {{1, 1100, 6, 10}, {1, 130, 40, 130}});
  for (const MatmulDims& d : all) {
    const Array<T> a = noise<T>(d.batch * d.rows * d.inner), b = noise<T>(d.batch * d.inner * d.columns),
                   bias = noise<T>(d.columns), dy = noise<T>(d.batch * d.rows * d.columns);
    for (const T* const added : {static_cast<const T*>(nullptr), static_cast<const T*>(bias.data())})
      compare<T>(name("matmul", {d.batch, d.rows, d.inner, d.columns, d.transposed}),
                 {i64(dy.size()), d.batch * d.inner * d.columns}, rounding<T>, [&](bool gpu, auto& out) {
                   Array<char> space(std::size_t(std::max({matmul_forward_bytes<T>(d), matmul_outer_bytes<T>(d),
                                                           cuda::matmul_outer_bytes<T>(d)})) +
                                     64);
                   if (gpu)
                     cuda::matmul_forward<T>(stream, d, a.data(), b.data(), added, out[0].data()),
                         cuda::matmul_outer<T>(stream, d, a.data(), dy.data(), out[1].data(), aligned(space));
                   else
                     matmul_forward<T>(d, a.data(), b.data(), added, out[0].data(), aligned(space)),
                         matmul_outer<T>(d, a.data(), dy.data(), out[1].data(), aligned(space));
                 });
  }
}

// Lists longer than one launch, a tensor without elements, and a norm that forbids the step.
template <class T>
void check_optimizers() {
  std::vector<i64> counts(small ? 5 : 45, 7);
  counts[1] = 0, counts[2] = small ? 300 : 17000, counts[3] = 1;
  const ListBlocks list(counts);
  const i64 n = i64(counts.size());
  std::vector<Array<T>> x, g, states[3];
  for (const i64 count : counts) {
    x.push_back(noise<T>(count)), g.push_back(noise<T>(count));
    for (auto& state : states) state.push_back(noise<T>(count, 1, 2));
  }
  std::vector<const T*> grads;
  for (const auto& each : g) grads.push_back(each.data());
  for (const T norm_value : {T(0.5), T(40), std::numeric_limits<T>::infinity()}) {
    const T norm = norm_value;
    const auto step = [&](const char* what, auto&& run) {
      std::vector<i64> sizes;
      for (int k = 0; k < 4; k++) sizes.insert(sizes.end(), counts.begin(), counts.end());
      sizes.push_back(n);
      compare<T>(name(what, {i64(norm)}), sizes, rounding<T>, [&](bool gpu, auto& out) {
        std::vector<T*> lists[4];
        for (int k = 0; k < 4; k++)
          for (i64 j = 0; j < n; j++) {
            out[std::size_t(k * n + j)] = k == 0 ? x[std::size_t(j)] : states[k - 1][std::size_t(j)];
            lists[k].push_back(out[std::size_t(k * n + j)].data());
          }
        Array<double> times(std::size_t(n), 3);
        std::vector<double*> steps;
        for (double& t : times) steps.push_back(&t);
        const StepLists<T> s{&list, &lists[0], &grads, &norm, 2, 0.01, 0.1};
        run(gpu, s, lists, steps);
        for (i64 j = 0; j < n; j++) out[std::size_t(4 * n)][std::size_t(j)] = T(times[std::size_t(j)]);
      });
    };
    step("sgd", [&](bool gpu, const StepLists<T>& s, auto& l, auto&) {
      if (gpu) cuda::sgd_step<T>(stream, counts, s, l[1], 0.9, true), cuda::sgd_step<T>(stream, counts, s, {}, 0, false);
      else sgd_step<T>(s, l[1], 0.9, true), sgd_step<T>(s, {}, 0, false);
    });
    step("adam", [&](bool gpu, const StepLists<T>& s, auto& l, auto& steps) {
      for (const bool apart : {false, true})
        if (gpu) cuda::adam_step<T>(stream, counts, s, l[1], l[2], steps, 0.9, 0.99, 1e-6, apart);
        else adam_step<T>(s, l[1], l[2], steps, 0.9, 0.99, 1e-6, apart);
    });
    for (int flavor = 0; flavor < int(RmsPropFlavor::count); flavor++)
      step("rmsprop", [&](bool gpu, const StepLists<T>& s, auto& l, auto&) {
        for (auto& values : l[1])  // Σ g² is never less than (Σ g)²
          if (values) values[0] = T(9);
        if (gpu) cuda::rmsprop_step<T>(stream, counts, s, RmsPropFlavor(flavor), l[1], l[2], l[3], 0.9, 9, 0.5);
        else rmsprop_step<T>(s, RmsPropFlavor(flavor), l[1], l[2], l[3], 0.9, 9, 0.5);
      });
    std::vector<i64> sizes(counts.begin(), counts.end());
    sizes.insert(sizes.end(), counts.begin(), counts.end());
    sizes.insert(sizes.end(), {1, counts[2], counts[2]});
    compare<T>(name("clips", {i64(norm)}), sizes, rounding<T>, [&](bool gpu, auto& out) {
      std::vector<T*> a, b;
      for (i64 j = 0; j < n; j++) a.push_back(out[std::size_t(j)].data()), b.push_back(out[std::size_t(n + j)].data());
      Array<double> partials(list.count());
      T *const total = out[std::size_t(2 * n)].data(), *const y = out[std::size_t(2 * n + 1)].data(),
               *const dx = out[std::size_t(2 * n + 2)].data();
      if (gpu) {
        cuda::clip_by_norm<T>(stream, counts, grads, &norm, 1, a), cuda::clip_by_value<T>(stream, counts, grads, 0.5, b);
        cuda::global_norm<T>(stream, list, counts, grads, total, partials.data());
        cuda::clip_forward<T>(stream, counts[2], grads[2], T(0.5), y),
            cuda::clip_backward<T>(stream, counts[2], y, grads[2], T(0.5), dx);
      } else {
        clip_by_norm<T>(list, grads, &norm, 1, a), clip_by_value<T>(list, grads, 0.5, b);
        global_norm<T>(list, grads, total, partials.data());
        clip_forward<T>(counts[2], grads[2], T(0.5), y), clip_backward<T>(counts[2], y, grads[2], T(0.5), dx);
      }
    });
  }
}

struct ConvCase {
  i64 batch, height, width, kernel_height, kernel_width;
  std::vector<i64> channels;
  i64 outputs;
};

template <class T>
void check_conv() {
  std::vector<ConvCase> all = {{0, 3, 3, 3, 3, {4}, 16},
                               {1, 1, 1, 3, 3, {1}, 1},
                               {2, 3, 3, 3, 3, {4, 4, 4}, 16},
                               {1, 1, 12, 1, 3, {9}, 20},
                               {3, 4, 5, 5, 3, {3, 2}, 40}};
  if (!small)
    all.insert(
        all.end(),
        {{2, 12, 12, 3, 3, {8, 8}, 64}, {5, 16, 14, 3, 3, {3}, 7}, {1, 9, 4, 1, 1, {5}, 24}, {1, 6, 7, 3, 3, {2, 30}, 48}});
  for (const ConvCase& c : all) {
    ConvDims d{c.batch, c.height, c.width, c.kernel_height, c.kernel_width, int(c.channels.size()), {}, c.outputs};
    std::copy(c.channels.begin(), c.channels.end(), d.channels);
    std::vector<Array<T>> x;
    std::vector<const T*> inputs;
    std::vector<i64> sizes = {d.pixels() * d.outputs, d.kernel_size(), d.outputs};
    for (const i64 channels : c.channels) x.push_back(noise<T>(d.pixels() * channels)), sizes.push_back(d.pixels() * channels);
    for (const Array<T>& each : x) inputs.push_back(each.data());
    const Array<T> kernel = noise<T>(d.kernel_size()), bias = noise<T>(d.outputs), dy = noise<T>(d.pixels() * d.outputs);
    for (int wanted = 1; wanted < 1 << d.inputs; wanted += 2) {
      std::vector<i64> out_sizes = sizes;
      for (int j = 0; j < d.inputs; j++) out_sizes[std::size_t(3 + j)] *= wanted >> j & 1;
      const bool biased = wanted % 4 == 1;
      compare<T>(
          name("conv", {c.batch, c.height, c.width, c.kernel_height, c.kernel_width, d.in_channels(), c.outputs, wanted}),
          out_sizes, rounding<T>, [&](bool gpu, auto& out) {
            Array<char> space(std::size_t(std::max(conv_workspace_bytes<T>(d, 2), cuda::conv_backward_weight_bytes<T>(d))) + 64);
            T* dx[conv_max_inputs] = {};
            for (int j = 0; j < d.inputs; j++) dx[j] = wanted >> j & 1 ? out[std::size_t(3 + j)].data() : nullptr;
            const T* const b = biased ? bias.data() : nullptr;
            if (gpu) {
              cuda::conv_forward<T>(stream, d, inputs.data(), kernel.data(), b, out[0].data());
              cuda::conv_backward_weight<T>(stream, d, inputs.data(), dy.data(), out[1].data(), out[2].data(), aligned(space));
              cuda::conv_backward_data<T>(stream, d, dy.data(), kernel.data(), dx);
            } else {
              conv_forward<T>(d, inputs.data(), kernel.data(), b, out[0].data(), aligned(space), 2);
              conv_backward_weight<T>(d, inputs.data(), dy.data(), out[1].data(), out[2].data(), aligned(space), 2);
              conv_backward_data<T>(d, dy.data(), kernel.data(), dx, aligned(space), 2);
            }
          });
    }
  }
}

template <class T>
void check_all() {
  check_elementwise<T>();
  check_reduce<T>();
  check_levels<T>();
  check_norm<T>();
  check_gather<T>();
  check_losses<T>();
  check_cell<T>();
  check_products<T>();
  check_conv<T>();
  check_optimizers<T>();
}

void check_ops() {
  check_all<float>();
  if (!small) check_all<double>();
  check_layout<std::uint8_t>();
  check_layout<std::uint32_t>();
  check_layout<std::uint64_t>();
}

}  // namespace

// Arguments: seed (random); small, full or large (full); dnc, sam or dam for these windows alone.
int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::strtoul(argv[1], nullptr, 10)) : std::random_device{}();
  const std::string size = argc > 2 ? argv[2] : "full";
  small = size == "small", large = size == "large";
  rng.seed(seed);
  std::printf("seed %u\n", seed);
  Pool::get().resize(small ? 1 : 2);  // the reference does not carry the thread sanitizer
  const std::string only = argc > 3 ? argv[3] : "";
  if (only.empty()) check_ops();
  if (only.empty() || only == "dnc") check_dnc();
  if (only.empty() || only == "sam") check_sam();
  if (only.empty() || only == "dam") check_dam();
  Pool::get().shutdown();
  std::printf("%d comparisons, %d failures\n", comparisons, failures);
  return failures != 0;
}
