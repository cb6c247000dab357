#include "../ops/gather/gather.h"
#include "../ops/layout/layout.h"
#include "families.h"

namespace mg {
namespace {

// Calls f with an unsigned integer of the element's size.
template <class F>
void by_size(DType dtype, F&& f) {
  switch (dtype_bytes(dtype)) {
    case 1: return f(std::uint8_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}

// [offset, …shape, …strides] from `first` on, touching no more than `limit` elements.
StridedDims strided_dims(const Call& c, std::size_t arg, std::size_t first, i64 limit) {
  const std::vector<i64>& d = c.dims(arg);
  if (d.size() <= first || (d.size() - first) % 2 != 1)
    c.refuse("ERR_MG_SHAPE", "an offset, a shape and as many strides", std::to_string(d.size()) + " dims");
  c.expect_dims(arg, d.size());
  const auto shape = d.begin() + static_cast<std::ptrdiff_t>(first) + 1;
  const auto strides = shape + static_cast<std::ptrdiff_t>((d.size() - first) / 2);
  const StridedDims dims{d[first], {shape, strides}, {strides, d.end()}};
  const i64 reach = reach_of(dims.offset, dims.shape, dims.strides);
  if (reach > limit)
    c.refuse("ERR_MG_SHAPE", "a range inside " + std::to_string(limit) + " elements", "one of " + std::to_string(reach));
  return dims.merged();
}

void call_strided_read(Call& c) {
  const Storage x = c.in(0);
  const StridedDims dims = strided_dims(c, 1, 0, x.count);
  const Storage y = c.result(x.dtype, dims.count());
  c.run([=](const Target& on) {
    by_size(x.dtype, [&](auto e) {
      using E = decltype(e);
      MG_ON(on, strided_read<E>, dims, x.as<E>(), y.as<E>());
    });
  });
}

void call_strided_write(Call& c) {
  const Storage x = c.in(0);
  if (c.dims(1).empty() || c.dims(1)[0] < 0) c.refuse("ERR_MG_SHAPE", "dims that begin with a count", "none");
  const i64 count = c.dims(1)[0];
  const StridedDims dims = strided_dims(c, 1, 1, count);
  c.expect(x, "x", x.dtype, dims.count());
  const Storage y = c.result(x.dtype, count);
  c.run([=](const Target& on) {
    by_size(x.dtype, [&](auto e) {
      using E = decltype(e);
      MG_ON(on, strided_write<E>, dims, x.as<E>(), count, y.as<E>());
    });
  });
}

void call_join(Call& c) {
  const std::vector<Storage> xs = c.ins(0);
  c.expect_dims(1, xs.size() + 1);
  if (xs.empty()) c.refuse("ERR_MG_ARGUMENT", "at least one storage", "none");
  JoinDims dims{c.dims(1)[0], {c.dims(1).begin() + 1, c.dims(1).end()}};
  std::vector<const char*> sources;
  for (std::size_t j = 0; j < xs.size(); ++j) {
    c.expect(xs[j], "xs", xs[0].dtype, dims.outer * dims.widths[j]);
    sources.push_back(xs[j].as<char>());
  }
  const Storage y = c.result(xs[0].dtype, dims.outer * dims.total());
  c.run([xs, dims, sources, y](const Target& on) {  // xs keeps the sources alive
    MG_ON(on, join, dims, dtype_bytes(y.dtype), sources, y.as<char>());
  });
}

GatherDims gather_dims(const Call& c, std::size_t arg, const Storage& indices) {
  c.expect_dims(arg, 3);
  const GatherDims dims{c.dims(arg)[0], c.dims(arg)[1], c.dims(arg)[2]};
  c.expect(indices, "indices", DType::int32, dims.picks);
  return dims;
}

void call_gather(Call& c) {
  const Storage x = c.in(0), indices = c.in(1);
  c.expect_float(x, "x");
  const GatherDims dims = gather_dims(c, 2, indices);
  c.expect(x, "x", x.dtype, dims.rows * dims.width);
  const Storage y = c.result(x.dtype, dims.picks * dims.width);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, gather_forward<T>, dims, x.as<T>(), indices.as<std::int32_t>(), y.as<T>());
    });
  });
}

void call_gather_backward(Call& c) {
  const Storage dy = c.in(0), indices = c.in(1);
  c.expect_float(dy, "dy");
  const GatherDims dims = gather_dims(c, 2, indices);
  c.expect(dy, "dy", dy.dtype, dims.picks * dims.width);
  const Storage dx = c.result(dy.dtype, dims.rows * dims.width);
  c.run([=](const Target& on) {
    by_float(dy.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, gather_backward<T>, dims, dy.as<T>(), indices.as<std::int32_t>(), dx.as<T>());
    });
  });
}

void call_one_hot(Call& c) {
  c.expect_dims(1, 2);
  const Storage indices = c.in(0);
  c.expect(indices, "indices", DType::int32, indices.count);
  const i64 dtype = c.dims(1)[0], depth = c.dims(1)[1];
  if (dtype > 1) c.refuse("ERR_MG_DTYPE", "a dtype code of 0 or 1", dtype);
  const Storage y = c.result(static_cast<DType>(dtype), indices.count * depth);
  c.run([=](const Target& on) {
    by_float(y.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, one_hot<T>, indices.count, depth, indices.as<std::int32_t>(), y.as<T>());
    });
  });
}

}  // namespace

OpRows layout_ops() {
  return {
      {"stridedRead", {in("x"), dims("dims")}, "Storage", call_strided_read},
      {"stridedWrite", {in("x"), dims("dims")}, "Storage", call_strided_write},
      {"join", {ins("xs"), dims("dims")}, "Storage", call_join},
      {"gather", {in("x"), in("indices"), dims("dims")}, "Storage", call_gather},
      {"gatherBackward", {in("dy"), in("indices"), dims("dims")}, "Storage", call_gather_backward},
      {"oneHot", {in("indices"), dims("dims")}, "Storage", call_one_hot},
  };
}

}  // namespace mg
