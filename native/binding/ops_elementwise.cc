#include <cstring>

#include "../ops/elementwise/elementwise.h"
#include "families.h"

namespace mg {
namespace {

template <class Kind>
Kind kind_of(const Call& c, i64 code) {
  if (code < 0 || code >= static_cast<i64>(Kind::count)) c.refuse("ERR_MG_ARGUMENT", "a known kind", code);
  return static_cast<Kind>(code);
}

DType dtype_at(const Call& c, std::size_t i, std::size_t at) {
  const i64 code = c.dims(i)[at];
  if (code < 0 || code > 3) c.refuse("ERR_MG_DTYPE", "a dtype code of 0 to 3", code);
  return static_cast<DType>(code);
}

i64 count_of(const Call& c, double n) {
  if (!(n >= 0 && n <= 9007199254740991.0)) c.refuse("ERR_MG_SHAPE", "a count of 0 to 2^53 - 1", n);
  return static_cast<i64>(n);
}

void call_unary(Call& c) {
  c.expect_dims(1, 1);
  const Storage x = c.in(0);
  c.expect_float(x, "x");
  const Unary kind = kind_of<Unary>(c, c.dims(1)[0]);
  const Storage y = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, unary_forward<T>, kind, x.count, x.as<T>(), y.as<T>());
    });
  });
}

void call_unary_backward(Call& c) {
  c.expect_dims(3, 1);
  const Storage dy = c.in(0), x = c.in(1), y = c.in(2);
  c.expect_float(x, "x");
  c.expect(dy, "dy", x.dtype, x.count);
  c.expect(y, "y", x.dtype, x.count);
  const Unary kind = kind_of<Unary>(c, c.dims(3)[0]);
  const Storage dx = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, unary_backward<T>, kind, x.count, dy.as<T>(), x.as<T>(), y.as<T>(), dx.as<T>());
    });
  });
}

void call_binary(Call& c) {
  const std::vector<i64>& d = c.dims(2);
  if (d.size() % 3 != 1) c.refuse("ERR_MG_SHAPE", "1 + 3·rank dims", d.size());
  c.expect_dims(2, d.size());
  const Storage a = c.in(0), b = c.in(1);
  c.expect_float(a, "a");
  c.expect(b, "b", a.dtype, b.count);
  const Binary kind = kind_of<Binary>(c, d[0]);
  const std::size_t rank = d.size() / 3;
  const auto part = [&](std::size_t i) { return std::vector<i64>(d.begin() + 1 + i * rank, d.begin() + 1 + (i + 1) * rank); };
  const BroadcastDims dims{part(0), part(1), part(2)};
  if (reach_of(0, dims.shape, dims.a_strides) > a.count || reach_of(0, dims.shape, dims.b_strides) > b.count)
    c.refuse("ERR_MG_SHAPE", "operands that cover the result's shape",
             std::to_string(a.count) + " and " + std::to_string(b.count) + " elements");
  const Storage y = c.result(a.dtype, dims.count());
  c.run([=](const Target& on) {
    by_float(a.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, binary_forward<T>, kind, dims, a.as<T>(), b.as<T>(), y.as<T>());
    });
  });
}

void call_copy(Call& c) {
  const Storage x = c.in(0), y = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    if (on.on_gpu()) cuda::copy_within(on.place, y.as<char>(), x.as<char>(), static_cast<std::size_t>(x.bytes()));
    else std::memcpy(y.as<char>(), x.as<char>(), static_cast<std::size_t>(x.bytes()));
  });
}

void call_cast(Call& c) {
  c.expect_dims(1, 1);
  const Storage x = c.in(0), y = c.result(dtype_at(c, 1, 0), x.count);
  c.run([=](const Target& on) { MG_ON(on, cast, x.count, x.dtype, x.as<void>(), y.dtype, y.as<void>()); });
}

void call_fill(Call& c) {
  c.expect_dims(0, 1);
  const Storage y = c.result(dtype_at(c, 0, 0), count_of(c, c.number(1)));
  const double value = c.number(2);
  c.run([=](const Target& on) {
    switch (y.dtype) {
      case DType::float32: return MG_ON(on, fill, y.count, static_cast<float>(value), y.as<float>());
      case DType::float64: return MG_ON(on, fill, y.count, value, y.as<double>());
      case DType::int32: return MG_ON(on, fill, y.count, static_cast<std::int32_t>(value), y.as<std::int32_t>());
      case DType::uint8: return MG_ON(on, fill, y.count, static_cast<std::uint8_t>(value), y.as<std::uint8_t>());
    }
  });
}

void call_random(Call& c) {
  const std::vector<i64>& d = c.dims(0);
  if (d.size() != 4) c.refuse("ERR_MG_SHAPE", "4 dims", d.size());
  const Storage y = c.result(dtype_at(c, 0, 0), count_of(c, c.number(1)));
  c.expect_float(y, "dtype");
  const bool normal = d[1] != 0;
  const std::uint64_t key = static_cast<std::uint32_t>(d[2]) | static_cast<std::uint64_t>(static_cast<std::uint32_t>(d[3])) << 32;
  const std::uint64_t first = static_cast<std::uint64_t>(count_of(c, c.number(2)));
  const double a = c.number(3), b = c.number(4);
  c.run([=](const Target& on) {
    by_float(y.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, fill_random<T>, normal, y.count, key, first, a, b, y.as<T>());
    });
  });
}

}  // namespace

OpRows elementwise_ops() {
  return {
      {"unary", {in("x"), dims("dims")}, "Storage", call_unary},
      {"unaryBackward", {in("dy"), in("x"), in("y"), dims("dims")}, "Storage", call_unary_backward},
      {"binary", {in("a"), in("b"), dims("dims")}, "Storage", call_binary},
      {"copy", {in("x")}, "Storage", call_copy},
      {"cast", {in("x"), dims("dims")}, "Storage", call_cast},
      {"fill", {dims("dims"), number("count"), number("value")}, "Storage", call_fill},
      {"random", {dims("dims"), number("count"), number("first"), number("a"), number("b")}, "Storage", call_random},
  };
}

}  // namespace mg
