#include "../base/check.h"
#include "../ops/matmul/matmul.h"
#include "families.h"

namespace mg {
namespace {

MatmulDims matmul_dims(const Call& c, std::size_t arg, std::size_t length) {
  c.expect_dims(arg, length);
  const std::vector<i64>& d = c.dims(arg);
  return {d[0], d[1], d[2], d[3], length == 5 && d[4] != 0};
}

void call_matmul(Call& c) {
  const MatmulDims d = matmul_dims(c, 3, 5);
  const Storage a = c.in(0), b = c.in(1), bias = c.in(2);
  c.expect_float(a, "a");
  c.expect(a, "a", a.dtype, product({d.batch, d.rows, d.inner}));
  c.expect(b, "b", a.dtype, product({d.batch, d.inner, d.columns}));
  if (c.has(2)) c.expect(bias, "bias", a.dtype, d.columns);
  const Storage y = c.result(a.dtype, product({d.batch, d.rows, d.columns}));
  by_float(a.dtype, [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(c.on_gpu() ? 0 : matmul_forward_bytes<T>(d));
    c.run([=](const Target& on) {
      const T* const added = bias.buffer ? bias.as<T>() : nullptr;
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::matmul_forward<T>(on.stream(), d, a.as<T>(), b.as<T>(), added, y.as<T>());
      }
      static_cast<void>(on);
      matmul_forward<T>(d, a.as<T>(), b.as<T>(), added, y.as<T>(), space.as<void>());
    });
  });
}

void call_matmul_outer(Call& c) {
  const MatmulDims d = matmul_dims(c, 2, 4);
  const Storage a = c.in(0), dy = c.in(1);
  c.expect_float(a, "a");
  c.expect(a, "a", a.dtype, product({d.batch, d.rows, d.inner}));
  c.expect(dy, "dy", a.dtype, product({d.batch, d.rows, d.columns}));
  const Storage g = c.result(a.dtype, product({d.batch, d.inner, d.columns}));
  by_float(a.dtype, [&](auto t) {
    using T = decltype(t);
    i64 bytes = matmul_outer_bytes<T>(d);
    if constexpr (has_cuda && sizeof(T) > 0) bytes = c.on_gpu() ? cuda::matmul_outer_bytes<T>(d) : bytes;
    const Storage space = c.workspace(bytes);
    c.run([=](const Target& on) { MG_ON(on, matmul_outer<T>, d, a.as<T>(), dy.as<T>(), g.as<T>(), space.as<void>()); });
  });
}

}  // namespace

OpRows matmul_ops() {
  return {
      {"matmul", {in("a"), in("b"), in_or_null("bias"), dims("dims")}, "Storage", call_matmul},
      {"matmulOuter", {in("a"), in("dy"), dims("dims")}, "Storage", call_matmul_outer},
  };
}

}  // namespace mg
