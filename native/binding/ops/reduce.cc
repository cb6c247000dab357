// Rows of the reductions.
#include "../../base/check.h"
#include "../../ops/reduce/reduce.h"
#include "families.h"

namespace mg {
namespace {

// dims: kind, outer, length, inner
void call_reduce(Call& c, const TensorArgs& a) {
  c.expect_dims(a.dims, 4);
  const Storage x = a.x;
  c.expect_float(x, "x");
  if (a.dims[0] >= i64(Reduce::count)) c.refuse("ERR_MG_ARGUMENT", "a known kind", a.dims[0]);
  const Reduce kind = Reduce(a.dims[0]);
  const ReduceDims d{a.dims[1], a.dims[2], a.dims[3]};
  c.expect(x, "x", x.dtype, product({d.outer, d.length, d.inner}));
  const Storage y = c.result(x.dtype, d.outer * d.inner), partials = c.workspace(d.workspace_bytes());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, reduce_forward<T>, kind, d, x.as<T>(), y.as<T>(), partials.as<double>());
  });
}

// dims: outer, length, inner
void call_max_backward(Call& c, const GradientArgs& a) {
  c.expect_dims(a.dims, 3);
  const ReduceDims d{a.dims[0], a.dims[1], a.dims[2]};
  const Storage dy = a.dy, x = a.x, y = a.y;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, product({d.outer, d.length, d.inner}));
  c.expect(dy, "dy", x.dtype, d.outer * d.inner);
  c.expect(y, "y", x.dtype, d.outer * d.inner);
  const Storage dx = c.result(x.dtype, x.count);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, max_backward<T>, d, dy.as<T>(), x.as<T>(), y.as<T>(), dx.as<T>());
  });
}

}  // namespace

OpRows reduce_ops() {
  return {
      op<call_reduce>("reduce", "Storage"),
      op<call_max_backward>("maxBackward", "Storage"),
  };
}

}  // namespace mg
