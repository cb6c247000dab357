// The LSTM cell and normalization.
#include "../base/check.h"
#include "../ops/batch_norm/batch_norm.h"
#include "../ops/lstm_cell/lstm_cell.h"
#include "families.h"

namespace mg {
namespace {

template <class T>
T* or_null(const Storage& s) {
  return s.buffer ? s.as<T>() : nullptr;
}

// From [rows, channels, period], argument `at` of the call; the peephole is argument `peephole`.
LstmCellDims lstm_dims(const Call& c, std::size_t at, std::size_t peephole) {
  c.expect_dims(at, 3);
  const LstmCellDims d{c.dims(at)[0], c.dims(at)[1], c.dims(at)[2]};
  product({4, d.rows, d.channels});
  product({3, d.period});
  const bool divides = d.period == 0 || (d.channels > 0 && d.period % d.channels == 0 && d.cells() % d.period == 0);
  if (d.channels < 1 || !divides || c.has(peephole) != (d.period > 0))
    c.refuse("ERR_MG_SHAPE", "at least one channel and peepholes that divide the cells",
             std::to_string(d.channels) + " channels and " + std::to_string(d.period) + " peepholes");
  return d;
}

void call_lstm_forward(Call& c) {
  const LstmCellDims d = lstm_dims(c, 3, 2);
  const Storage sums = c.in(0), before = c.in(1), peephole = c.in(2);
  c.expect_float(sums, "sums");
  c.expect(sums, "sums", sums.dtype, 4 * d.cells());
  c.expect(before, "cell", sums.dtype, d.cells());
  if (c.has(2)) c.expect(peephole, "peephole", sums.dtype, 3 * d.period);
  const double forget_bias = c.number(4);
  const Storage hidden = c.result(sums.dtype, d.cells()), cell = c.result(sums.dtype, d.cells());
  const Storage gates = c.result(sums.dtype, 4 * d.cells());
  c.run([=](const Target& on) {
    by_float(sums.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, lstm_cell_forward<T>, d, sums.as<T>(), before.as<T>(), or_null<T>(peephole), static_cast<T>(forget_bias),
            hidden.as<T>(), cell.as<T>(), gates.as<T>());
    });
  });
}

void call_lstm_backward(Call& c) {
  const LstmCellDims d = lstm_dims(c, 6, 5);
  const Storage dh = c.in(0), dc = c.in(1), gates = c.in(2), cell = c.in(3), before = c.in(4), peephole = c.in(5);
  c.expect_float(gates, "gates");
  c.expect(gates, "gates", gates.dtype, 4 * d.cells());
  c.expect(cell, "cell", gates.dtype, d.cells());
  c.expect(before, "before", gates.dtype, d.cells());
  if (c.has(0)) c.expect(dh, "dhidden", gates.dtype, d.cells());
  if (c.has(1)) c.expect(dc, "dcell", gates.dtype, d.cells());
  if (c.has(5)) c.expect(peephole, "peephole", gates.dtype, 3 * d.period);
  const Storage dsums = c.result(gates.dtype, 4 * d.cells()), dbefore = c.result(gates.dtype, d.cells());
  Storage dpeephole;
  if (c.has(5)) dpeephole = c.result(gates.dtype, 3 * d.period);
  const Storage space = c.workspace(d.workspace_bytes());
  c.run([=](const Target& on) {
    by_float(gates.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, lstm_cell_backward<T>, d, or_null<T>(dh), or_null<T>(dc), gates.as<T>(), cell.as<T>(), before.as<T>(),
            or_null<T>(peephole), dsums.as<T>(), dbefore.as<T>(), or_null<T>(dpeephole), space.as<double>());
    });
  });
}

NormDims norm_dims(const Call& c, std::size_t i, std::size_t length) {
  c.expect_dims(i, length);
  const NormDims d{c.dims(i)[0], c.dims(i)[1]};
  product({8, d.rows, d.columns});
  return d;
}

// Arguments first … of the call, one number per column each.
void expect_columns(const Call& c, std::size_t first, std::initializer_list<const char*> names, DType dtype, i64 columns) {
  for (const char* name : names) c.expect(c.in(first++), name, dtype, columns);
}

double epsilon_of(const Call& c, std::size_t i) {
  const double epsilon = c.number(i);
  if (!(epsilon >= 0))
    c.refuse("ERR_MG_ARGUMENT", "epsilon of at least 0", epsilon);
  return epsilon;
}

void call_batch_norm(Call& c) {
  const NormDims d = norm_dims(c, 3, 2);
  const Storage x = c.in(0), gamma = c.in(1), beta = c.in(2);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  expect_columns(c, 1, {"gamma", "beta"}, x.dtype, d.columns);
  const double epsilon = epsilon_of(c, 4);
  const Storage y = c.result(x.dtype, x.count), mean = c.result(x.dtype, d.columns), variance = c.result(x.dtype, d.columns);
  const Storage statistics = c.result(DType::float64, 2 * d.columns), space = c.workspace(d.workspace_bytes());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, norm_statistics<T>, d, x.as<T>(), epsilon, statistics.as<double>(), mean.as<T>(), variance.as<T>(),
            space.as<double>());
      MG_ON(on, norm_forward<T>, d, x.as<T>(), statistics.as<double>(), gamma.as<T>(), beta.as<T>(), y.as<T>());
    });
  });
}

void call_normalize(Call& c) {
  const NormDims d = norm_dims(c, 5, 2);
  const Storage x = c.in(0), mean = c.in(1), variance = c.in(2), gamma = c.in(3), beta = c.in(4);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  expect_columns(c, 1, {"mean", "variance", "gamma", "beta"}, x.dtype, d.columns);
  const double epsilon = epsilon_of(c, 6);
  const Storage y = c.result(x.dtype, x.count), statistics = c.result(DType::float64, 2 * d.columns);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, norm_given<T>, d.columns, mean.as<T>(), variance.as<T>(), epsilon, statistics.as<double>());
      MG_ON(on, norm_forward<T>, d, x.as<T>(), statistics.as<double>(), gamma.as<T>(), beta.as<T>(), y.as<T>());
    });
  });
}

void call_normalize_backward(Call& c) {
  const NormDims d = norm_dims(c, 4, 3);
  const bool own = c.dims(4)[2] != 0;
  const Storage dy = c.in(0), x = c.in(1), statistics = c.in(2), gamma = c.in(3);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  c.expect(dy, "dy", x.dtype, x.count);
  c.expect(statistics, "statistics", DType::float64, 2 * d.columns);
  expect_columns(c, 3, {"gamma"}, x.dtype, d.columns);
  const Storage dx = c.result(x.dtype, x.count), dgamma = c.result(x.dtype, d.columns), dbeta = c.result(x.dtype, d.columns);
  const Storage space = c.workspace(d.workspace_bytes());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, norm_backward<T>, d, own, dy.as<T>(), x.as<T>(), statistics.as<double>(), gamma.as<T>(), dx.as<T>(),
            dgamma.as<T>(), dbeta.as<T>(), space.as<double>());
    });
  });
}

}  // namespace

OpRows step_ops() {
  return {
      {"lstmCellForward",
       {in("sums"), in("cell"), in_or_null("peephole"), dims("dims"), number("forgetBias")},
       "Storage[]",
       call_lstm_forward},
      {"lstmCellBackward",
       {in_or_null("dhidden"), in_or_null("dcell"), in("gates"), in("cell"), in("before"), in_or_null("peephole"), dims("dims")},
       "Storage[]",
       call_lstm_backward},
      {"batchNorm", {in("x"), in("gamma"), in("beta"), dims("dims"), number("epsilon")}, "Storage[]", call_batch_norm},
      {"normalize",
       {in("x"), in("mean"), in("variance"), in("gamma"), in("beta"), dims("dims"), number("epsilon")},
       "Storage[]",
       call_normalize},
      {"normalizeBackward",
       {in("dy"), in("x"), in("statistics"), in("gamma"), dims("dims")},
       "Storage[]",
       call_normalize_backward},
  };
}

}  // namespace mg
