#include "../base/check.h"
#include "../ops/reduce/reduce.h"
#include "families.h"

namespace mg {
namespace {

void call_reduce(Call& c) {
  c.expect_dims(1, 4);
  const Storage x = c.in(0);
  c.expect_float(x, "x");
  if (c.dims(1)[0] >= static_cast<i64>(Reduce::count)) c.refuse("ERR_MG_ARGUMENT", "a known kind", c.dims(1)[0]);
  const Reduce kind = static_cast<Reduce>(c.dims(1)[0]);
  const ReduceDims d{c.dims(1)[1], c.dims(1)[2], c.dims(1)[3]};
  c.expect(x, "x", x.dtype, product({d.outer, d.length, d.inner}));
  const Storage y = c.result(x.dtype, d.outer * d.inner), partials = c.workspace(d.workspace_bytes());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, reduce_forward<T>, kind, d, x.as<T>(), y.as<T>(), partials.as<double>());
    });
  });
}

void call_max_backward(Call& c) {
  c.expect_dims(3, 3);
  const ReduceDims d{c.dims(3)[0], c.dims(3)[1], c.dims(3)[2]};
  const Storage dy = c.in(0), x = c.in(1), y = c.in(2);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, product({d.outer, d.length, d.inner}));
  c.expect(dy, "dy", x.dtype, d.outer * d.inner);
  c.expect(y, "y", x.dtype, d.outer * d.inner);
  const Storage dx = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, max_backward<T>, d, dy.as<T>(), x.as<T>(), y.as<T>(), dx.as<T>());
    });
  });
}

}  // namespace

OpRows reduce_ops() {
  return {
      {"reduce", {in("x"), dims("dims")}, "Storage", call_reduce},
      {"maxBackward", {in("dy"), in("x"), in("y"), dims("dims")}, "Storage", call_max_backward},
  };
}

}  // namespace mg
