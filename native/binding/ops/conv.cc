// Convolution and its gradients as ops.
#include <algorithm>
#include <array>
#include <limits>

#include "../../base/check.h"
#include "../../base/conv/patch.h"
#include "../../ops/conv/conv.h"
#include "families.h"

namespace mg {
namespace {

// From [B, H, W, KH, KW, C, C1, C2, …].
ConvDims conv_dims(const Call& c, const std::vector<i64>& d) {
  if (d.size() < 7 || d.size() > 6 + conv_max_inputs)
    c.refuse("ERR_MG_SHAPE", "dims of 1 to " + std::to_string(conv_max_inputs) + " inputs",
             std::to_string(d.size()) + " numbers");
  c.expect_dims(d, d.size());
  ConvDims dims;
  dims.batch = d[0], dims.height = d[1], dims.width = d[2];
  dims.kernel_height = d[3], dims.kernel_width = d[4], dims.outputs = d[5];
  dims.inputs = int(d.size()) - 6;
  for (int j = 0; j < dims.inputs; j++) {
    dims.channels[j] = d[6 + std::size_t(j)];
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

void expect_inputs(const Call& c, const std::vector<Storage>& inputs, const ConvDims& d, DType dtype) {
  if (int(inputs.size()) != d.inputs) c.refuse("ERR_MG_SHAPE", std::to_string(d.inputs) + " inputs", inputs.size());
  for (int j = 0; j < d.inputs; j++) c.expect(inputs[std::size_t(j)], "inputs", dtype, d.pixels() * d.channels[j]);
}

template <class T>
using InputPointers = std::array<T*, conv_max_inputs>;

template <class T>
InputPointers<const T> pointers(const std::vector<Storage>& inputs) {
  InputPointers<const T> result{};
  for (std::size_t j = 0; j < inputs.size(); j++) result[j] = inputs[j].as<T>();
  return result;
}

Storage conv_workspace(const Call& c, const ConvDims& d, DType dtype, int workers) {
  if (d.pixels() == 0 || c.on_gpu()) return c.workspace(0);
  const bool single = dtype == DType::float32;
  return c.workspace(single ? conv_workspace_bytes<float>(d, workers) : conv_workspace_bytes<double>(d, workers));
}

struct ConvForwardArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const Storage &kernel = storage("kernel"), &bias = storage_or_null("bias");
  const std::vector<i64>& dims = integers("dims");
};

void call_conv_forward(Call& c, const ConvForwardArgs& a) {
  const ConvDims d = conv_dims(c, a.dims);
  const Storage kernel = a.kernel, bias = a.bias;
  c.expect_float(kernel, "kernel");
  c.expect(kernel, "kernel", kernel.dtype, kernel_count(d));
  if (has(bias)) c.expect(bias, "bias", kernel.dtype, d.outputs);
  expect_inputs(c, a.inputs, d, kernel.dtype);
  const int workers = c.workers();
  const Storage y = c.result(kernel.dtype, d.pixels() * d.outputs), space = conv_workspace(c, d, kernel.dtype, workers);
  c.run(kernel.dtype, [=, inputs = a.inputs](const Target& on, auto t) {
    using T = decltype(t);
    const T* b = or_null<T>(bias);
    const InputPointers<const T> x = pointers<T>(inputs);
    MG_EITHER(on.on_gpu(), cuda::conv_forward<T>(on.stream(), d, x.data(), kernel.as<T>(), b, y.as<T>()),
              conv_forward<T>(d, x.data(), kernel.as<T>(), b, y.as<T>(), space.as<void>(), workers));
  });
}

struct ConvBackwardDataArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &kernel = storage("kernel");
  const std::vector<i64>&dims = integers("dims"), &wanted = integers("wanted");  // wanted: of each input, 0 or 1
};

void call_conv_backward_data(Call& c, const ConvBackwardDataArgs& a) {
  const ConvDims d = conv_dims(c, a.dims);
  c.expect_dims(a.wanted, std::size_t(d.inputs));
  const Storage dy = a.dy, kernel = a.kernel;
  c.expect_float(kernel, "kernel");
  c.expect(kernel, "kernel", kernel.dtype, kernel_count(d));
  c.expect(dy, "dy", kernel.dtype, d.pixels() * d.outputs);
  const int workers = c.workers();
  std::vector<Storage> gradients(d.inputs);
  for (int j = 0; j < d.inputs; j++) {
    const auto at = std::size_t(j);
    if (a.wanted[at] != 0) gradients[at] = c.result(kernel.dtype, d.pixels() * d.channels[j]);
  }
  const Storage space = conv_workspace(c, d, kernel.dtype, workers);
  c.run(kernel.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    InputPointers<T> dx{};
    for (std::size_t j = 0; j < gradients.size(); j++) dx[j] = or_null<T>(gradients[j]);
    MG_EITHER(on.on_gpu(), cuda::conv_backward_data<T>(on.stream(), d, dy.as<T>(), kernel.as<T>(), dx.data()),
              conv_backward_data<T>(d, dy.as<T>(), kernel.as<T>(), dx.data(), space.as<void>(), workers));
  });
}

#if defined(MG_HAVE_CUDA)
i64 weight_bytes(const ConvDims& d, DType dtype) {
  return dtype == DType::float32 ? cuda::conv_backward_weight_bytes<float>(d) : cuda::conv_backward_weight_bytes<double>(d);
}
#endif

struct ConvBackwardWeightArgs : Args {
  using Args::Args;
  const std::vector<Storage>& inputs = storages("inputs");
  const Storage& dy = storage("dy");
  const std::vector<i64>& dims = integers("dims");
};

void call_conv_backward_weight(Call& c, const ConvBackwardWeightArgs& a) {
  const ConvDims d = conv_dims(c, a.dims);
  const Storage dy = a.dy;
  c.expect_float(dy, "dy");
  c.expect(dy, "dy", dy.dtype, d.pixels() * d.outputs);
  expect_inputs(c, a.inputs, d, dy.dtype);
  const int workers = c.workers();
  const Storage dkernel = c.result(dy.dtype, kernel_count(d)), dbias = c.result(dy.dtype, d.outputs);
  const Storage space = MG_EITHER(c.on_gpu(), c.workspace(weight_bytes(d, dy.dtype)), conv_workspace(c, d, dy.dtype, workers));
  c.run(dy.dtype, [=, inputs = a.inputs](const Target& on, auto t) {
    using T = decltype(t);
    const InputPointers<const T> x = pointers<T>(inputs);
    MG_EITHER(
        on.on_gpu(),
        cuda::conv_backward_weight<T>(on.stream(), d, x.data(), dy.as<T>(), dkernel.as<T>(), dbias.as<T>(), space.as<void>()),
        conv_backward_weight<T>(d, x.data(), dy.as<T>(), dkernel.as<T>(), dbias.as<T>(), space.as<void>(), workers));
  });
}

}  // namespace

OpRows conv_ops() {
  return {
      op<call_conv_forward>("convForward", "Storage"),
      op<call_conv_backward_data>("convBackwardData", "Storage[]"),
      op<call_conv_backward_weight>("convBackwardWeight", "Storage[]"),
  };
}

}  // namespace mg
