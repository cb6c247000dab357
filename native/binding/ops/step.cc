// The LSTM cell and normalization.
#include "../../base/check.h"
#include "../../ops/batch_norm/batch_norm.h"
#include "../../ops/lstm_cell/lstm_cell.h"
#include "families.h"

namespace mg {
namespace {

// From [rows, channels, period].
LstmCellDims lstm_dims(const Call& c, const std::vector<i64>& dims, const Storage& peephole) {
  c.expect_dims(dims, 3);
  const LstmCellDims d{dims[0], dims[1], dims[2]};
  product({4, d.rows, d.channels});
  product({3, d.period});
  const bool divides = d.period == 0 || (d.channels > 0 && d.period % d.channels == 0 && d.cells() % d.period == 0);
  if (d.channels < 1 || !divides || has(peephole) != (d.period > 0))
    c.refuse("ERR_MG_SHAPE", "at least one channel and peepholes that divide the cells",
             std::to_string(d.channels) + " channels and " + std::to_string(d.period) + " peepholes");
  return d;
}

struct LstmForwardArgs : Args {
  using Args::Args;
  const Storage &sums = storage("sums"), &cell = storage("cell"), &peephole = storage_or_null("peephole");
  const std::vector<i64>& dims = integers("dims");
  const double forget_bias = number("forgetBias");
};

void call_lstm_forward(Call& c, const LstmForwardArgs& a) {
  const LstmCellDims d = lstm_dims(c, a.dims, a.peephole);
  const Storage sums = a.sums, before = a.cell, peephole = a.peephole;
  c.expect_float(sums, "sums");
  c.expect(sums, "sums", sums.dtype, 4 * d.cells());
  c.expect(before, "cell", sums.dtype, d.cells());
  if (has(peephole)) c.expect(peephole, "peephole", sums.dtype, 3 * d.period);
  const double forget_bias = a.forget_bias;
  const Storage hidden = c.result(sums.dtype, d.cells()), cell = c.result(sums.dtype, d.cells());
  const Storage gates = c.result(sums.dtype, 4 * d.cells());
  c.run(sums.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, lstm_cell_forward<T>, d, sums.as<T>(), before.as<T>(), or_null<T>(peephole), T(forget_bias), hidden.as<T>(),
          cell.as<T>(), gates.as<T>());
  });
}

struct LstmBackwardArgs : Args {
  using Args::Args;
  const Storage &dhidden = storage_or_null("dhidden"), &dcell = storage_or_null("dcell");
  const Storage &gates = storage("gates"), &cell = storage("cell"), &before = storage("before");
  const Storage& peephole = storage_or_null("peephole");
  const std::vector<i64>& dims = integers("dims");
};

void call_lstm_backward(Call& c, const LstmBackwardArgs& a) {
  const LstmCellDims d = lstm_dims(c, a.dims, a.peephole);
  const Storage dh = a.dhidden, dc = a.dcell, gates = a.gates, cell = a.cell, before = a.before, peephole = a.peephole;
  c.expect_float(gates, "gates");
  c.expect(gates, "gates", gates.dtype, 4 * d.cells());
  c.expect(cell, "cell", gates.dtype, d.cells());
  c.expect(before, "before", gates.dtype, d.cells());
  if (has(dh)) c.expect(dh, "dhidden", gates.dtype, d.cells());
  if (has(dc)) c.expect(dc, "dcell", gates.dtype, d.cells());
  if (has(peephole)) c.expect(peephole, "peephole", gates.dtype, 3 * d.period);
  const Storage dsums = c.result(gates.dtype, 4 * d.cells()), dbefore = c.result(gates.dtype, d.cells());
  Storage dpeephole;
  if (has(peephole)) dpeephole = c.result(gates.dtype, 3 * d.period);
  const Storage space = c.workspace(d.workspace_bytes());
  c.run(gates.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, lstm_cell_backward<T>, d, or_null<T>(dh), or_null<T>(dc), gates.as<T>(), cell.as<T>(), before.as<T>(),
          or_null<T>(peephole), dsums.as<T>(), dbefore.as<T>(), or_null<T>(dpeephole), space.as<double>());
  });
}

NormDims norm_dims(const Call& c, const std::vector<i64>& dims, std::size_t length) {
  c.expect_dims(dims, length);
  const NormDims d{dims[0], dims[1]};
  product({8, d.rows, d.columns});
  return d;
}

double checked_epsilon(const Call& c, double epsilon) {
  if (!(epsilon >= 0)) c.refuse("ERR_MG_ARGUMENT", "epsilon of at least 0", epsilon);
  return epsilon;
}

struct BatchNormArgs : Args {
  using Args::Args;
  const Storage &x = storage("x"), &gamma = storage("gamma"), &beta = storage("beta");
  const std::vector<i64>& dims = integers("dims");
  const double epsilon = number("epsilon");
};

void call_batch_norm(Call& c, const BatchNormArgs& a) {
  const NormDims d = norm_dims(c, a.dims, 2);
  const Storage x = a.x, gamma = a.gamma, beta = a.beta;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  c.expect(gamma, "gamma", x.dtype, d.columns);
  c.expect(beta, "beta", x.dtype, d.columns);
  const double epsilon = checked_epsilon(c, a.epsilon);
  const Storage y = c.result(x.dtype, x.count), mean = c.result(x.dtype, d.columns), variance = c.result(x.dtype, d.columns);
  const Storage statistics = c.result(DType::float64, 2 * d.columns), space = c.workspace(d.workspace_bytes());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, norm_statistics<T>, d, x.as<T>(), epsilon, statistics.as<double>(), mean.as<T>(), variance.as<T>(),
          space.as<double>());
    MG_ON(on, norm_forward<T>, d, x.as<T>(), statistics.as<double>(), gamma.as<T>(), beta.as<T>(), y.as<T>());
  });
}

struct NormalizeArgs : Args {
  using Args::Args;
  const Storage &x = storage("x"), &mean = storage("mean"), &variance = storage("variance");
  const Storage &gamma = storage("gamma"), &beta = storage("beta");
  const std::vector<i64>& dims = integers("dims");
  const double epsilon = number("epsilon");
};

void call_normalize(Call& c, const NormalizeArgs& a) {
  const NormDims d = norm_dims(c, a.dims, 2);
  const Storage x = a.x, mean = a.mean, variance = a.variance, gamma = a.gamma, beta = a.beta;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  c.expect(mean, "mean", x.dtype, d.columns);
  c.expect(variance, "variance", x.dtype, d.columns);
  c.expect(gamma, "gamma", x.dtype, d.columns);
  c.expect(beta, "beta", x.dtype, d.columns);
  const double epsilon = checked_epsilon(c, a.epsilon);
  const Storage y = c.result(x.dtype, x.count), statistics = c.result(DType::float64, 2 * d.columns);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, norm_given<T>, d.columns, mean.as<T>(), variance.as<T>(), epsilon, statistics.as<double>());
    MG_ON(on, norm_forward<T>, d, x.as<T>(), statistics.as<double>(), gamma.as<T>(), beta.as<T>(), y.as<T>());
  });
}

struct NormalizeBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &x = storage("x"), &statistics = storage("statistics"), &gamma = storage("gamma");
  const std::vector<i64>& dims = integers("dims");  // rows, columns, whether mean and variance came from x
};

void call_normalize_backward(Call& c, const NormalizeBackwardArgs& a) {
  const NormDims d = norm_dims(c, a.dims, 3);
  const bool own = a.dims[2] != 0;
  const Storage dy = a.dy, x = a.x, statistics = a.statistics, gamma = a.gamma;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.columns);
  c.expect(dy, "dy", x.dtype, x.count);
  c.expect(statistics, "statistics", DType::float64, 2 * d.columns);
  c.expect(gamma, "gamma", x.dtype, d.columns);
  const Storage dx = c.result(x.dtype, x.count), dgamma = c.result(x.dtype, d.columns), dbeta = c.result(x.dtype, d.columns);
  const Storage space = c.workspace(d.workspace_bytes());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, norm_backward<T>, d, own, dy.as<T>(), x.as<T>(), statistics.as<double>(), gamma.as<T>(), dx.as<T>(), dgamma.as<T>(),
          dbeta.as<T>(), space.as<double>());
  });
}

}  // namespace

OpRows step_ops() {
  return {
      op<call_lstm_forward>("lstmCellForward", "Storage[]"),
      op<call_lstm_backward>("lstmCellBackward", "Storage[]"),
      op<call_batch_norm>("batchNorm", "Storage[]"),
      op<call_normalize>("normalize", "Storage[]"),
      op<call_normalize_backward>("normalizeBackward", "Storage[]"),
  };
}

}  // namespace mg
