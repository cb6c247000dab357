#include <algorithm>
#include <array>
#include <cstring>

#include "../base/check.h"
#include "../base/pool.h"
#include "../ops/conv/conv.h"
#include "families.h"

namespace mg {
namespace {

// ---- convolution

// From [B, H, W, KH, KW, C, C1, C2, …], argument i of the call.
ConvDims conv_dims(const Call& c, std::size_t i) {
  const std::vector<i64>& d = c.dims(i);
  if (d.size() < 7 || d.size() > 6 + conv_max_inputs)
    fail("ERR_MG_SHAPE", std::string(c.op()) + ": expected dims of 1 to " + std::to_string(conv_max_inputs) + " inputs, got " +
                             std::to_string(d.size()) + " numbers");
  c.expect_dims(i, d.size());
  ConvDims dims;
  dims.batch = d[0], dims.height = d[1], dims.width = d[2];
  dims.kernel_height = d[3], dims.kernel_width = d[4], dims.outputs = d[5];
  dims.inputs = static_cast<int>(d.size()) - 6;
  for (int j = 0; j < dims.inputs; ++j) {
    dims.channels[j] = d[6 + static_cast<std::size_t>(j)];
    if (dims.channels[j] < 1) fail("ERR_MG_SHAPE", std::string(c.op()) + ": expected at least one channel of each input, got none");
  }
  if (dims.outputs < 1) fail("ERR_MG_SHAPE", std::string(c.op()) + ": expected at least one output channel, got none");
  if (dims.kernel_height % 2 == 0 || dims.kernel_width % 2 == 0)
    fail("ERR_MG_SHAPE", std::string(c.op()) + ": expected kernel sides that are odd, got " + std::to_string(dims.kernel_height) + " × " +
                             std::to_string(dims.kernel_width));
  product({dims.batch, dims.height, dims.width, std::max(dims.in_channels(), dims.outputs)});  // throws unless they fit
  return dims;
}

i64 kernel_count(const ConvDims& d) { return product({d.kernel_height, d.kernel_width, d.in_channels(), d.outputs}); }

void expect_inputs(const Call& c, std::size_t i, const ConvDims& d, DType dtype) {
  const std::vector<Storage>& inputs = c.ins(i);
  if (static_cast<int>(inputs.size()) != d.inputs)
    fail("ERR_MG_SHAPE", std::string(c.op()) + ": expected " + std::to_string(d.inputs) + " inputs, got " + std::to_string(inputs.size()));
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
  if (d.pixels() == 0) return c.workspace(0);
  return c.workspace(dtype == DType::float32 ? conv_workspace_bytes<float>(d, workers) : conv_workspace_bytes<double>(d, workers));
}

void call_conv_forward(Call& c) {
  const ConvDims d = conv_dims(c, 3);
  const Storage kernel = c.in(1), bias = c.in(2);
  c.expect_float(kernel, "kernel");
  c.expect(kernel, "kernel", kernel.dtype, kernel_count(d));
  if (c.has(2)) c.expect(bias, "bias", kernel.dtype, d.outputs);
  expect_inputs(c, 0, d, kernel.dtype);
  const int workers = Pool::get().size();
  const Storage y = c.result(kernel.dtype, d.pixels() * d.outputs), space = conv_workspace(c, d, kernel.dtype, workers);
  c.run([=, inputs = c.ins(0)] {
    by_float(kernel.dtype, [&](auto t) {
      using T = decltype(t);
      conv_forward<T>(d, pointers<T>(inputs).data(), kernel.as<T>(), bias.buffer ? bias.as<T>() : nullptr, y.as<T>(), space.as<void>(), workers);
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
  const int workers = Pool::get().size();
  std::vector<Storage> gradients(static_cast<std::size_t>(d.inputs));
  for (int j = 0; j < d.inputs; ++j) {
    const auto at = static_cast<std::size_t>(j);
    if (c.dims(3)[at] != 0) gradients[at] = c.result(kernel.dtype, d.pixels() * d.channels[j]);
  }
  const Storage space = conv_workspace(c, d, kernel.dtype, workers);
  c.run([=] {
    by_float(kernel.dtype, [&](auto t) {
      using T = decltype(t);
      InputPointers<T> dx{};
      for (std::size_t j = 0; j < gradients.size(); ++j) dx[j] = gradients[j].buffer ? gradients[j].as<T>() : nullptr;
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
  const int workers = Pool::get().size();
  const Storage dkernel = c.result(dy.dtype, kernel_count(d)), dbias = c.result(dy.dtype, d.outputs);
  const Storage space = conv_workspace(c, d, dy.dtype, workers);
  c.run([=, inputs = c.ins(0)] {
    by_float(dy.dtype, [&](auto t) {
      using T = decltype(t);
      conv_backward_weight<T>(d, pointers<T>(inputs).data(), dy.as<T>(), dkernel.as<T>(), dbias.as<T>(), space.as<void>(), workers);
    });
  });
}

}  // namespace

OpRows grid_ops() {
  return {
      {"convForward", {ins("inputs"), in("kernel"), in_or_null("bias"), dims("dims")}, "Storage", call_conv_forward},
      {"convBackwardData", {in("dy"), in("kernel"), dims("dims"), dims("wanted")}, "Storage[]", call_conv_backward_data},
      {"convBackwardWeight", {ins("inputs"), in("dy"), dims("dims")}, "Storage[]", call_conv_backward_weight},
  };
}

}  // namespace mg
