// Rows of the elementwise ops, of copies, casts, fills and random numbers.
#include <cstring>

#include "../../ops/clip/clip.h"
#include "../../ops/elementwise/elementwise.h"
#include "families.h"

namespace mg {
namespace {

template <class Kind>
Kind kind_of(const Call& c, i64 code) {
  if (code < 0 || code >= i64(Kind::count)) c.refuse("ERR_MG_ARGUMENT", "a known kind", code);
  return Kind(code);
}

DType dtype_of(const Call& c, i64 code) {
  if (code < 0 || code > 3) c.refuse("ERR_MG_DTYPE", "a dtype code of 0 to 3", code);
  return DType(code);
}

i64 count_of(const Call& c, double n) {
  if (!(n >= 0 && n <= 9007199254740991.0)) c.refuse("ERR_MG_SHAPE", "a count of 0 to 2^53 - 1", n);
  return i64(n);
}

// dims: kind
void call_unary(Call& c, const TensorArgs& a) {
  c.expect_dims(a.dims, 1);
  const Storage x = a.x;
  c.expect_float(x, "x");
  const Unary kind = kind_of<Unary>(c, a.dims[0]);
  const Storage y = c.result(x.dtype, x.count);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, unary_forward<T>, kind, x.count, x.as<T>(), y.as<T>());
  });
}

// dims: kind
void call_unary_backward(Call& c, const GradientArgs& a) {
  c.expect_dims(a.dims, 1);
  const Storage dy = a.dy, x = a.x, y = a.y;
  c.expect_float(x, "x");
  c.expect(dy, "dy", x.dtype, x.count);
  c.expect(y, "y", x.dtype, x.count);
  const Unary kind = kind_of<Unary>(c, a.dims[0]);
  const Storage dx = c.result(x.dtype, x.count);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, unary_backward<T>, kind, x.count, dy.as<T>(), x.as<T>(), y.as<T>(), dx.as<T>());
  });
}

struct BinaryArgs : Args {
  using Args::Args;
  const Storage &a = storage("a"), &b = storage("b");
  const std::vector<i64>& dims = integers("dims");  // kind, shape, strides of a, strides of b
};

void call_binary(Call& c, const BinaryArgs& args) {
  const std::vector<i64>& d = args.dims;
  if (d.size() % 3 != 1) c.refuse("ERR_MG_SHAPE", "1 + 3·rank dims", d.size());
  c.expect_dims(d, d.size());
  const Storage a = args.a, b = args.b;
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
  c.run(a.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, binary_forward<T>, kind, dims, a.as<T>(), b.as<T>(), y.as<T>());
  });
}

struct CopyArgs : Args {
  using Args::Args;
  const Storage& x = storage("x");
};

void call_copy(Call& c, const CopyArgs& a) {
  const Storage x = a.x, y = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    if (on.on_gpu()) cuda::copy_within(on.place, y.as<char>(), x.as<char>(), std::size_t(x.bytes()));
    else std::memcpy(y.as<char>(), x.as<char>(), std::size_t(x.bytes()));
  });
}

// dims: dtype
void call_cast(Call& c, const TensorArgs& a) {
  c.expect_dims(a.dims, 1);
  const Storage x = a.x, y = c.result(dtype_of(c, a.dims[0]), x.count);
  c.run([=](const Target& on) { MG_ON(on, cast, x.count, x.dtype, x.as<void>(), y.dtype, y.as<void>()); });
}

struct FillArgs : Args {
  using Args::Args;
  const std::vector<i64>& dims = integers("dims");  // dtype
  const double count = number("count"), value = number("value");
};

void call_fill(Call& c, const FillArgs& a) {
  c.expect_dims(a.dims, 1);
  const Storage y = c.result(dtype_of(c, a.dims[0]), count_of(c, a.count));
  const double value = a.value;
  c.run([=](const Target& on) {
    switch (y.dtype) {
      case DType::float32: return MG_ON(on, fill, y.count, float(value), y.as<float>());
      case DType::float64: return MG_ON(on, fill, y.count, value, y.as<double>());
      case DType::int32: return MG_ON(on, fill, y.count, converted<std::int32_t>(value), y.as<std::int32_t>());
      case DType::uint8: return MG_ON(on, fill, y.count, converted<std::uint8_t>(value), y.as<std::uint8_t>());
    }
  });
}

struct RandomArgs : Args {
  using Args::Args;
  const std::vector<i64>& dims = integers("dims");  // dtype, whether normal, both halves of the key
  const double count = number("count"), first = number("first"), a = number("a"), b = number("b");
};

void call_random(Call& c, const RandomArgs& args) {
  const std::vector<i64>& d = args.dims;
  if (d.size() != 4) c.refuse("ERR_MG_SHAPE", "4 dims", d.size());
  const Storage y = c.result(dtype_of(c, d[0]), count_of(c, args.count));
  c.expect_float(y, "dtype");
  const bool normal = d[1] != 0;
  const std::uint64_t key = std::uint32_t(d[2]) | std::uint64_t(std::uint32_t(d[3])) << 32;
  const std::uint64_t first = std::uint64_t(count_of(c, args.first));
  const double a = args.a, b = args.b;
  c.run(y.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, fill_random<T>, normal, y.count, key, first, a, b, y.as<T>());
  });
}

struct ClipArgs : Args {
  using Args::Args;
  const Storage& x = storage("x");
  const double limit = number("limit");
};

void call_clip(Call& c, const ClipArgs& a) {
  const Storage x = a.x;
  c.expect_float(x, "x");
  const Storage y = c.result(x.dtype, x.count);
  const double limit = a.limit;
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, clip_forward<T>, x.count, x.as<T>(), T(limit), y.as<T>());
  });
}

struct ClipBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &x = storage("x");
  const double limit = number("limit");
};

void call_clip_backward(Call& c, const ClipBackwardArgs& a) {
  const Storage dy = a.dy, x = a.x;
  c.expect_float(x, "x");
  c.expect(dy, "dy", x.dtype, x.count);
  const Storage dx = c.result(x.dtype, x.count);
  const double limit = a.limit;
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, clip_backward<T>, x.count, dy.as<T>(), x.as<T>(), T(limit), dx.as<T>());
  });
}

}  // namespace

OpRows elementwise_ops() {
  return {
      op<call_unary>("unary", "Storage"),
      op<call_unary_backward>("unaryBackward", "Storage"),
      op<call_binary>("binary", "Storage"),
      op<call_copy>("copy", "Storage"),
      op<call_cast>("cast", "Storage"),
      op<call_fill>("fill", "Storage"),
      op<call_random>("random", "Storage"),
      op<call_clip>("clip", "Storage"),
      op<call_clip_backward>("clipBackward", "Storage"),
  };
}

}  // namespace mg
