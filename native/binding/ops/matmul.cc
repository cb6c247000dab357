// Rows of the matrix product.
#include "../../base/check.h"
#include "../../ops/matmul/matmul.h"
#include "families.h"

namespace mg {
namespace {

MatmulDims matmul_dims(const Call& c, const std::vector<i64>& dims, std::size_t length) {
  c.expect_dims(dims, length);
  return {dims[0], dims[1], dims[2], dims[3], length == 5 && dims[4] != 0};
}

struct MatmulArgs : Args {
  using Args::Args;
  const Storage &a = storage("a"), &b = storage("b"), &bias = storage_or_null("bias");
  const std::vector<i64>& dims = integers("dims");
};

void call_matmul(Call& c, const MatmulArgs& args) {
  const MatmulDims d = matmul_dims(c, args.dims, 5);
  const Storage a = args.a, b = args.b, bias = args.bias;
  c.expect_float(a, "a");
  c.expect(a, "a", a.dtype, product({d.batch, d.rows, d.inner}));
  c.expect(b, "b", a.dtype, product({d.batch, d.inner, d.columns}));
  if (has(bias)) c.expect(bias, "bias", a.dtype, d.columns);
  const Storage y = c.result(a.dtype, product({d.batch, d.rows, d.columns}));
  by_float(a.dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(c.on_gpu() ? 0 : matmul_forward_bytes<T>(d));
    c.run([=](const Target& on) {
      const T* const added = or_null<T>(bias);
      MG_EITHER(on.on_gpu(), cuda::matmul_forward<T>(on.stream(), d, a.as<T>(), b.as<T>(), added, y.as<T>()),
                matmul_forward<T>(d, a.as<T>(), b.as<T>(), added, y.as<T>(), space.as<void>()));
    });
  });
}

struct MatmulOuterArgs : Args {
  using Args::Args;
  const Storage &a = storage("a"), &dy = storage("dy");
  const std::vector<i64>& dims = integers("dims");
};

void call_matmul_outer(Call& c, const MatmulOuterArgs& args) {
  const MatmulDims d = matmul_dims(c, args.dims, 4);
  const Storage a = args.a, dy = args.dy;
  c.expect_float(a, "a");
  c.expect(a, "a", a.dtype, product({d.batch, d.rows, d.inner}));
  c.expect(dy, "dy", a.dtype, product({d.batch, d.rows, d.columns}));
  const Storage g = c.result(a.dtype, product({d.batch, d.inner, d.columns}));
  by_float(a.dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::matmul_outer_bytes<T>(d), matmul_outer_bytes<T>(d)));
    c.run([=](const Target& on) { MG_ON(on, matmul_outer<T>, d, a.as<T>(), dy.as<T>(), g.as<T>(), space.as<void>()); });
  });
}

}  // namespace

OpRows matmul_ops() {
  return {
      op<call_matmul>("matmul", "Storage"),
      op<call_matmul_outer>("matmulOuter", "Storage"),
  };
}

}  // namespace mg
