// Ops between grids: pooling, doubling, shortcuts.
#include "../../base/check.h"
#include "../../ops/add_channels/add_channels.h"
#include "../../ops/grid_up/grid_up.h"
#include "../../ops/max_pool/max_pool.h"
#include "families.h"

namespace mg {
namespace {

// From [B, H, W, C] and 1 for a line, of x; every product fits.
template <class Dims>
Dims grid_dims(const Call& c, const std::vector<i64>& d) {
  c.expect_dims(d, 5);
  if (d[4] > 1) c.refuse("ERR_MG_SHAPE", "0 for a grid or 1 for a line", d[4]);
  product({4, d[0], d[1], d[2], d[3]});
  return {d[0], d[1], d[2], d[3], d[4] == 1};
}

PoolDims pool_dims(const Call& c, const std::vector<i64>& dims) {
  const PoolDims d = grid_dims<PoolDims>(c, dims);
  if (d.width % 2 != 0 || (!d.line && d.height % 2 != 0))
    c.refuse("ERR_MG_SHAPE", "even sides", std::to_string(d.height) + " × " + std::to_string(d.width));
  return d;
}

void call_max_pool(Call& c, const TensorArgs& a) {
  const PoolDims d = pool_dims(c, a.dims);
  const Storage x = a.x;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  const Storage y = c.result(x.dtype, d.y_count());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, max_pool_forward<T>, d, x.as<T>(), y.as<T>());
  });
}

struct MaxPoolBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &x = storage("x");
  const std::vector<i64>& dims = integers("dims");
};

void call_max_pool_backward(Call& c, const MaxPoolBackwardArgs& a) {
  const PoolDims d = pool_dims(c, a.dims);
  const Storage dy = a.dy, x = a.x;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  c.expect(dy, "dy", x.dtype, d.y_count());
  const Storage dx = c.result(x.dtype, d.x_count());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, max_pool_backward<T>, d, dy.as<T>(), x.as<T>(), dx.as<T>());
  });
}

void call_grid_up(Call& c, const TensorArgs& a) {
  const UpDims d = grid_dims<UpDims>(c, a.dims);
  const Storage x = a.x;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  const Storage y = c.result(x.dtype, d.y_count());
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, grid_up_forward<T>, d, x.as<T>(), y.as<T>());
  });
}

struct GridUpBackwardArgs : Args {
  using Args::Args;
  const Storage& dy = storage("dy");
  const std::vector<i64>& dims = integers("dims");
};

void call_grid_up_backward(Call& c, const GridUpBackwardArgs& a) {
  const UpDims d = grid_dims<UpDims>(c, a.dims);
  const Storage dy = a.dy;
  c.expect_float(dy, "dy");
  c.expect(dy, "dy", dy.dtype, d.y_count());
  const Storage dx = c.result(dy.dtype, d.x_count());
  c.run(dy.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, grid_up_backward<T>, d, dy.as<T>(), dx.as<T>());
  });
}

// ---- shortcuts

AddChannelsDims shortcut_dims(const Call& c, const std::vector<i64>& dims) {
  c.expect_dims(dims, 3);
  const AddChannelsDims d{dims[0], dims[1], dims[2]};
  if (d.shared > d.channels) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(d.channels) + " channels", d.shared);
  product({d.rows, d.channels});
  return d;
}

struct AddChannelsArgs : Args {
  using Args::Args;
  const Storage &y = storage("y"), &shortcut = storage("shortcut");
  const std::vector<i64>& dims = integers("dims");
};

void call_add_channels(Call& c, const AddChannelsArgs& a) {
  const AddChannelsDims d = shortcut_dims(c, a.dims);
  const Storage y = a.y, shortcut = a.shortcut;
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.channels);
  c.expect(shortcut, "shortcut", y.dtype, d.rows * d.shared);
  const Storage z = c.result(y.dtype, y.count);
  c.run(y.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, add_channels<T>, d, y.as<T>(), shortcut.as<T>(), z.as<T>());
  });
}

struct FirstChannelsArgs : Args {
  using Args::Args;
  const Storage& y = storage("y");
  const std::vector<i64>& dims = integers("dims");
};

void call_first_channels(Call& c, const FirstChannelsArgs& a) {
  const AddChannelsDims d = shortcut_dims(c, a.dims);
  const Storage y = a.y;
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.channels);
  const Storage x = c.result(y.dtype, d.rows * d.shared);
  c.run(y.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, first_channels<T>, d, y.as<T>(), x.as<T>());
  });
}

}  // namespace

OpRows grid_ops() {
  return {
      op<call_max_pool>("maxPool", "Storage"),         op<call_max_pool_backward>("maxPoolBackward", "Storage"),
      op<call_grid_up>("gridUp", "Storage"),           op<call_grid_up_backward>("gridUpBackward", "Storage"),
      op<call_add_channels>("addChannels", "Storage"), op<call_first_channels>("firstChannels", "Storage"),
  };
}

}  // namespace mg
