// Rows of the ops that move elements, and of rows chosen by number.
#include "../../ops/gather/gather.h"
#include "../../ops/layout/layout.h"
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
StridedDims strided_dims(const Call& c, const std::vector<i64>& d, std::size_t first, i64 limit) {
  if (d.size() <= first || (d.size() - first) % 2 != 1)
    c.refuse("ERR_MG_SHAPE", "an offset, a shape and as many strides", std::to_string(d.size()) + " dims");
  c.expect_dims(d, d.size());
  const auto shape = d.begin() + std::ptrdiff_t(first) + 1;
  const auto strides = shape + std::ptrdiff_t((d.size() - first) / 2);
  const StridedDims dims{d[first], {shape, strides}, {strides, d.end()}};
  const i64 reach = reach_of(dims.offset, dims.shape, dims.strides);
  if (reach > limit)
    c.refuse("ERR_MG_SHAPE", "a range inside " + std::to_string(limit) + " elements", "one of " + std::to_string(reach));
  return dims.merged();
}

void call_strided_read(Call& c, const TensorArgs& a) {
  const Storage x = a.x;
  const StridedDims dims = strided_dims(c, a.dims, 0, x.count);
  const Storage y = c.result(x.dtype, dims.count());
  c.run([=](const Target& on) {
    by_size(x.dtype, [&](auto e) {
      using E = decltype(e);
      MG_ON(on, strided_read<E>, dims, x.as<E>(), y.as<E>());
    });
  });
}

void call_strided_write(Call& c, const TensorArgs& a) {
  const Storage x = a.x;
  if (a.dims.empty() || a.dims[0] < 0) c.refuse("ERR_MG_SHAPE", "dims that begin with a count", "none");
  const i64 count = a.dims[0];
  const StridedDims dims = strided_dims(c, a.dims, 1, count);
  c.expect(x, "x", x.dtype, dims.count());
  const Storage y = c.result(x.dtype, count);
  c.run([=](const Target& on) {
    by_size(x.dtype, [&](auto e) {
      using E = decltype(e);
      MG_ON(on, strided_write<E>, dims, x.as<E>(), count, y.as<E>());
    });
  });
}

struct JoinArgs : Args {
  using Args::Args;
  const std::vector<Storage>& xs = storages("xs");
  const std::vector<i64>& dims = integers("dims");  // outer, then the width of each
};

void call_join(Call& c, const JoinArgs& a) {
  const std::vector<Storage> xs = a.xs;
  c.expect_dims(a.dims, xs.size() + 1);
  if (xs.empty()) c.refuse("ERR_MG_ARGUMENT", "at least one storage", "none");
  JoinDims dims{a.dims[0], {a.dims.begin() + 1, a.dims.end()}};
  std::vector<const char*> sources;
  for (std::size_t j = 0; j < xs.size(); j++) {
    c.expect(xs[j], "xs", xs[0].dtype, dims.outer * dims.widths[j]);
    sources.push_back(xs[j].as<char>());
  }
  const Storage y = c.result(xs[0].dtype, dims.outer * dims.total());
  c.run([xs, dims, sources, y](const Target& on) {  // xs keeps the sources alive
    MG_ON(on, join, dims, dtype_bytes(y.dtype), sources, y.as<char>());
  });
}

GatherDims gather_dims(const Call& c, const std::vector<i64>& d, const Storage& indices) {
  c.expect_dims(d, 3);
  const GatherDims dims{d[0], d[1], d[2]};
  c.expect(indices, "indices", DType::int32, dims.picks);
  return dims;
}

struct GatherArgs : Args {
  using Args::Args;
  const Storage &x = storage("x"), &indices = storage("indices");
  const std::vector<i64>& dims = integers("dims");
};

void call_gather(Call& c, const GatherArgs& a) {
  const Storage x = a.x, indices = a.indices;
  c.expect_float(x, "x");
  const GatherDims dims = gather_dims(c, a.dims, indices);
  c.expect(x, "x", x.dtype, dims.rows * dims.width);
  const Storage y = c.result(x.dtype, dims.picks * dims.width);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, gather_forward<T>, dims, x.as<T>(), indices.as<std::int32_t>(), y.as<T>());
  });
}

struct GatherBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &indices = storage("indices");
  const std::vector<i64>& dims = integers("dims");
};

void call_gather_backward(Call& c, const GatherBackwardArgs& a) {
  const Storage dy = a.dy, indices = a.indices;
  c.expect_float(dy, "dy");
  const GatherDims dims = gather_dims(c, a.dims, indices);
  c.expect(dy, "dy", dy.dtype, dims.picks * dims.width);
  const Storage dx = c.result(dy.dtype, dims.rows * dims.width);
  c.run(dy.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, gather_backward<T>, dims, dy.as<T>(), indices.as<std::int32_t>(), dx.as<T>());
  });
}

struct OneHotArgs : Args {
  using Args::Args;
  const Storage& indices = storage("indices");
  const std::vector<i64>& dims = integers("dims");  // dtype, depth
};

void call_one_hot(Call& c, const OneHotArgs& a) {
  c.expect_dims(a.dims, 2);
  const Storage indices = a.indices;
  c.expect(indices, "indices", DType::int32, indices.count);
  const i64 dtype = a.dims[0], depth = a.dims[1];
  if (dtype > 1) c.refuse("ERR_MG_DTYPE", "a dtype code of 0 or 1", dtype);
  const Storage y = c.result(DType(dtype), indices.count * depth);
  c.run(y.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, one_hot<T>, indices.count, depth, indices.as<std::int32_t>(), y.as<T>());
  });
}

}  // namespace

OpRows layout_ops() {
  return {
      op<call_strided_read>("stridedRead", "Storage"),
      op<call_strided_write>("stridedWrite", "Storage"),
      op<call_join>("join", "Storage"),
      op<call_gather>("gather", "Storage"),
      op<call_gather_backward>("gatherBackward", "Storage"),
      op<call_one_hot>("oneHot", "Storage"),
  };
}

}  // namespace mg
