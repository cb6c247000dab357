#include <algorithm>
#include <array>
#include <limits>

#include "../base/check.h"
#include "../base/conv/patch.h"
#include "../ops/add_channels/add_channels.h"
#include "../ops/conv/conv.h"
#include "../ops/grid_up/grid_up.h"
#include "../ops/max_pool/max_pool.h"
#include "families.h"

namespace mg {
namespace {

// ---- convolution

// From [B, H, W, KH, KW, C, C1, C2, …], argument i of the call.
ConvDims conv_dims(const Call& c, std::size_t i) {
  const std::vector<i64>& d = c.dims(i);
  if (d.size() < 7 || d.size() > 6 + conv_max_inputs)
    c.refuse("ERR_MG_SHAPE", "dims of 1 to " + std::to_string(conv_max_inputs) + " inputs",
             std::to_string(d.size()) + " numbers");
  c.expect_dims(i, d.size());
  ConvDims dims;
  dims.batch = d[0], dims.height = d[1], dims.width = d[2];
  dims.kernel_height = d[3], dims.kernel_width = d[4], dims.outputs = d[5];
  dims.inputs = static_cast<int>(d.size()) - 6;
  for (int j = 0; j < dims.inputs; ++j) {
    dims.channels[j] = d[6 + static_cast<std::size_t>(j)];
    if (dims.channels[j] < 1) c.refuse("ERR_MG_SHAPE", "at least one channel of each input", "none");
  }
  if (dims.outputs < 1) c.refuse("ERR_MG_SHAPE", "at least one output channel", "none");
  if (dims.kernel_height % 2 == 0 || dims.kernel_width % 2 == 0)
    c.refuse("ERR_MG_SHAPE", "odd kernel sides", std::to_string(dims.kernel_height) + " × " + std::to_string(dims.kernel_width));
  const i64 channels = std::max(dims.in_channels(), dims.outputs);
  product({dims.batch, dims.height, dims.width, channels});  // throws unless they fit
  product({dims.height + dims.kernel_height, dims.width + dims.kernel_width, channels, 8});
  const i64 patch = plan_chunks(1, dims.height, dims.width, dims.kernel_height, dims.kernel_width, channels, 4).patch_size();
  if (!c.on_gpu() && patch > std::numeric_limits<std::int32_t>::max())  // places in a patch are 32-bit numbers
    c.refuse("ERR_MG_SHAPE", "fewer than 2^31 values in a band of rows with all channels joined", patch);
  return dims;
}

i64 kernel_count(const ConvDims& d) { return product({d.kernel_height, d.kernel_width, d.in_channels(), d.outputs}); }

void expect_inputs(const Call& c, std::size_t i, const ConvDims& d, DType dtype) {
  const std::vector<Storage>& inputs = c.ins(i);
  if (static_cast<int>(inputs.size()) != d.inputs)
    c.refuse("ERR_MG_SHAPE", std::to_string(d.inputs) + " inputs", inputs.size());
  for (int j = 0; j < d.inputs; ++j) c.expect(inputs[static_cast<std::size_t>(j)], "inputs", dtype, d.pixels() * d.channels[j]);
}

template <class T>
using InputPointers = std::array<T*, conv_max_inputs>;

template <class T>
InputPointers<const T> pointers(const std::vector<Storage>& inputs) {
  InputPointers<const T> result{};
  for (std::size_t j = 0; j < inputs.size(); ++j) result[j] = inputs[j].as<T>();
  return result;
}

Storage conv_workspace(const Call& c, const ConvDims& d, DType dtype, int workers) {
  if (d.pixels() == 0 || c.on_gpu()) return c.workspace(0);
  const bool single = dtype == DType::float32;
  return c.workspace(single ? conv_workspace_bytes<float>(d, workers) : conv_workspace_bytes<double>(d, workers));
}

void call_conv_forward(Call& c) {
  const ConvDims d = conv_dims(c, 3);
  const Storage kernel = c.in(1), bias = c.in(2);
  c.expect_float(kernel, "kernel");
  c.expect(kernel, "kernel", kernel.dtype, kernel_count(d));
  if (c.has(2)) c.expect(bias, "bias", kernel.dtype, d.outputs);
  expect_inputs(c, 0, d, kernel.dtype);
  const int workers = c.workers();
  const Storage y = c.result(kernel.dtype, d.pixels() * d.outputs), space = conv_workspace(c, d, kernel.dtype, workers);
  c.run([=, inputs = c.ins(0)](const Target& on) {
    by_float(kernel.dtype, [&](auto t) {
      using T = decltype(t);
      const T* b = bias.buffer ? bias.as<T>() : nullptr;
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::conv_forward<T>(on.stream(), d, pointers<T>(inputs).data(), kernel.as<T>(), b, y.as<T>());
      }
      static_cast<void>(on);
      conv_forward<T>(d, pointers<T>(inputs).data(), kernel.as<T>(), b, y.as<T>(), space.as<void>(), workers);
    });
  });
}

void call_conv_backward_data(Call& c) {
  const ConvDims d = conv_dims(c, 2);
  c.expect_dims(3, static_cast<std::size_t>(d.inputs));
  const Storage dy = c.in(0), kernel = c.in(1);
  c.expect_float(kernel, "kernel");
  c.expect(kernel, "kernel", kernel.dtype, kernel_count(d));
  c.expect(dy, "dy", kernel.dtype, d.pixels() * d.outputs);
  const int workers = c.workers();
  std::vector<Storage> gradients(static_cast<std::size_t>(d.inputs));
  for (int j = 0; j < d.inputs; ++j) {
    const auto at = static_cast<std::size_t>(j);
    if (c.dims(3)[at] != 0) gradients[at] = c.result(kernel.dtype, d.pixels() * d.channels[j]);
  }
  const Storage space = conv_workspace(c, d, kernel.dtype, workers);
  c.run([=](const Target& on) {
    by_float(kernel.dtype, [&](auto t) {
      using T = decltype(t);
      InputPointers<T> dx{};
      for (std::size_t j = 0; j < gradients.size(); ++j) dx[j] = gradients[j].buffer ? gradients[j].as<T>() : nullptr;
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::conv_backward_data<T>(on.stream(), d, dy.as<T>(), kernel.as<T>(), dx.data());
      }
      static_cast<void>(on);
      conv_backward_data<T>(d, dy.as<T>(), kernel.as<T>(), dx.data(), space.as<void>(), workers);
    });
  });
}

void call_conv_backward_weight(Call& c) {
  const ConvDims d = conv_dims(c, 2);
  const Storage dy = c.in(1);
  c.expect_float(dy, "dy");
  c.expect(dy, "dy", dy.dtype, d.pixels() * d.outputs);
  expect_inputs(c, 0, d, dy.dtype);
  const int workers = c.workers();
  const Storage dkernel = c.result(dy.dtype, kernel_count(d)), dbias = c.result(dy.dtype, d.outputs);
  Storage space = conv_workspace(c, d, dy.dtype, workers);
  if constexpr (has_cuda) {
    const bool single = dy.dtype == DType::float32;
    if (c.on_gpu())
      space = c.workspace(single ? cuda::conv_backward_weight_bytes<float>(d) : cuda::conv_backward_weight_bytes<double>(d));
  }
  c.run([=, inputs = c.ins(0)](const Target& on) {
    by_float(dy.dtype, [&](auto t) {
      using T = decltype(t);
      const InputPointers<const T> x = pointers<T>(inputs);
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu())
          return cuda::conv_backward_weight<T>(on.stream(), d, x.data(), dy.as<T>(), dkernel.as<T>(), dbias.as<T>(),
                                               space.as<void>());
      }
      static_cast<void>(on);
      conv_backward_weight<T>(d, x.data(), dy.as<T>(), dkernel.as<T>(), dbias.as<T>(), space.as<void>(), workers);
    });
  });
}

// ---- pooling and doubling

// From [B, H, W, C] and 1 for a line, of x; every product fits.
template <class Dims>
Dims grid_dims(const Call& c, std::size_t i) {
  c.expect_dims(i, 5);
  const std::vector<i64>& d = c.dims(i);
  if (d[4] > 1) c.refuse("ERR_MG_SHAPE", "0 for a grid or 1 for a line", d[4]);
  product({4, d[0], d[1], d[2], d[3]});
  return {d[0], d[1], d[2], d[3], d[4] == 1};
}

PoolDims pool_dims(const Call& c, std::size_t i) {
  const PoolDims d = grid_dims<PoolDims>(c, i);
  if (d.width % 2 != 0 || (!d.line && d.height % 2 != 0))
    c.refuse("ERR_MG_SHAPE", "even sides", std::to_string(d.height) + " × " + std::to_string(d.width));
  return d;
}

void call_max_pool(Call& c) {
  const PoolDims d = pool_dims(c, 1);
  const Storage x = c.in(0);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  const Storage y = c.result(x.dtype, d.y_count());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, max_pool_forward<T>, d, x.as<T>(), y.as<T>());
    });
  });
}

void call_max_pool_backward(Call& c) {
  const PoolDims d = pool_dims(c, 2);
  const Storage dy = c.in(0), x = c.in(1);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  c.expect(dy, "dy", x.dtype, d.y_count());
  const Storage dx = c.result(x.dtype, d.x_count());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, max_pool_backward<T>, d, dy.as<T>(), x.as<T>(), dx.as<T>());
    });
  });
}

void call_grid_up(Call& c) {
  const UpDims d = grid_dims<UpDims>(c, 1);
  const Storage x = c.in(0);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.x_count());
  const Storage y = c.result(x.dtype, d.y_count());
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, grid_up_forward<T>, d, x.as<T>(), y.as<T>());
    });
  });
}

void call_grid_up_backward(Call& c) {
  const UpDims d = grid_dims<UpDims>(c, 1);
  const Storage dy = c.in(0);
  c.expect_float(dy, "dy");
  c.expect(dy, "dy", dy.dtype, d.y_count());
  const Storage dx = c.result(dy.dtype, d.x_count());
  c.run([=](const Target& on) {
    by_float(dy.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, grid_up_backward<T>, d, dy.as<T>(), dx.as<T>());
    });
  });
}

// ---- shortcuts

AddChannelsDims shortcut_dims(const Call& c, std::size_t i) {
  c.expect_dims(i, 3);
  const AddChannelsDims d{c.dims(i)[0], c.dims(i)[1], c.dims(i)[2]};
  if (d.shared > d.channels) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(d.channels) + " channels", d.shared);
  product({d.rows, d.channels});
  return d;
}

void call_add_channels(Call& c) {
  const AddChannelsDims d = shortcut_dims(c, 2);
  const Storage y = c.in(0), shortcut = c.in(1);
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.channels);
  c.expect(shortcut, "shortcut", y.dtype, d.rows * d.shared);
  const Storage z = c.result(y.dtype, y.count);
  c.run([=](const Target& on) {
    by_float(y.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, add_channels<T>, d, y.as<T>(), shortcut.as<T>(), z.as<T>());
    });
  });
}

void call_first_channels(Call& c) {
  const AddChannelsDims d = shortcut_dims(c, 1);
  const Storage y = c.in(0);
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.channels);
  const Storage x = c.result(y.dtype, d.rows * d.shared);
  c.run([=](const Target& on) {
    by_float(y.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, first_channels<T>, d, y.as<T>(), x.as<T>());
    });
  });
}

}  // namespace

OpRows grid_ops() {
  return {
      {"convForward", {ins("inputs"), in("kernel"), in_or_null("bias"), dims("dims")}, "Storage", call_conv_forward},
      {"convBackwardData", {in("dy"), in("kernel"), dims("dims"), dims("wanted")}, "Storage[]", call_conv_backward_data},
      {"convBackwardWeight", {ins("inputs"), in("dy"), dims("dims")}, "Storage[]", call_conv_backward_weight},
      {"maxPool", {in("x"), dims("dims")}, "Storage", call_max_pool},
      {"maxPoolBackward", {in("dy"), in("x"), dims("dims")}, "Storage", call_max_pool_backward},
      {"gridUp", {in("x"), dims("dims")}, "Storage", call_grid_up},
      {"gridUpBackward", {in("dy"), dims("dims")}, "Storage", call_grid_up_backward},
      {"addChannels", {in("y"), in("shortcut"), dims("dims")}, "Storage", call_add_channels},
      {"firstChannels", {in("y"), dims("dims")}, "Storage", call_first_channels},
  };
}

}  // namespace mg
