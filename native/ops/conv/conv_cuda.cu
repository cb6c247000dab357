// A convolution is a matrix product whose left side is gathered: rows are pixels, depth runs over taps, inputs and channels.
// Budget: 168 registers, 128 bytes spilled: a tile of the product lives in registers.
#include "../../base/cuda/gemm.h"
#include "../../base/cuda/strips.h"
#include "conv.h"

namespace mg {
namespace cuda {
namespace {

template <class T>
struct Pointers {
  T* data[conv_max_inputs];
};

struct Pixel {
  i64 number;  // among all pixels of the batch
  i64 row, column;
};

// One column of the patch matrix: a tap of one channel.
template <class T>
struct Tap {
  const T* channel;  // of pixel 0
  i64 stride, rows, columns;
};

template <class T>
struct Patches {
  ConvDims d;
  Pointers<const T> inputs;
  i64 channels;  // of all inputs

  MG_DEVICE Pixel pixel(i64 p) const {
    const i64 line = p / d.width, image = line / d.height;
    return {p, line - image * d.height, p - line * d.width};
  }
  MG_DEVICE Tap<T> tap(i64 k) const {
    const i64 number = k / channels, r = number / d.kernel_width, s = number - r * d.kernel_width;
    i64 c = k - number * channels;
    int j = 0;
    while (c >= d.channels[j]) c -= d.channels[j++];
    return {inputs.data[j] + c, d.channels[j], r - same_padding(d.kernel_height), s - same_padding(d.kernel_width)};
  }
  MG_DEVICE T at(const Pixel& p, const Tap<T>& t) const {
    if (!mg::inside(p.row + t.rows, d.height) || !mg::inside(p.column + t.columns, d.width)) return T(0);
    return t.channel[(p.number + t.rows * d.width + t.columns) * t.stride];
  }
};

// Patches [pixels, taps]: the left side of forward and of the data gradient.
template <class T>
struct PatchRows : Patches<T> {
  using Outer = Pixel;
  using Inner = Tap<T>;
  static constexpr bool inner_fast = true;
  MG_DEVICE Outer outer(i64, i64 p) const { return this->pixel(p); }
  MG_DEVICE Inner inner(i64, i64 k) const { return this->tap(k); }
  MG_DEVICE T load(const Outer& p, const Inner& t) const { return this->at(p, t); }
};

// The same transposed, [taps, pixels]: the left side of the weight gradient.
template <class T>
struct PatchColumns : Patches<T> {
  using Outer = Tap<T>;
  using Inner = Pixel;
  static constexpr bool inner_fast = false;
  MG_DEVICE Outer outer(i64, i64 k) const { return this->tap(k); }
  MG_DEVICE Inner inner(i64, i64 p) const { return this->pixel(p); }
  MG_DEVICE T load(const Outer& t, const Inner& p) const { return this->at(p, t); }
};

// Rows of a dense table [depth, width].
template <class T>
struct Rows {
  using Outer = i64;
  using Inner = i64;
  static constexpr bool inner_fast = false;
  const T* data;
  i64 width;
  MG_DEVICE Outer outer(i64, i64 n) const { return n; }
  MG_DEVICE Inner inner(i64, i64 k) const { return k * width; }
  MG_DEVICE T load(Outer n, Inner k) const { return data[k + n]; }
};

// The kernel turned around in both axes and transposed in channels; its columns are the channels that are wanted.
struct Wanted {
  int count;
  i64 first_column[conv_max_inputs], first_channel[conv_max_inputs], channels[conv_max_inputs];

  // The wanted input that owns a column.
  MG_DEVICE int owner(i64 column) const {
    int w = count - 1;
    while (column < first_column[w]) w--;
    return w;
  }
};
template <class T>
struct TurnedKernel {
  using Outer = i64;
  using Inner = i64;
  static constexpr bool inner_fast = true;
  const T* kernel;
  i64 taps, channels, outputs;
  Wanted wanted;
  MG_DEVICE Outer outer(i64, i64 column) const {
    const int w = wanted.owner(column);
    return (wanted.first_channel[w] + column - wanted.first_column[w]) * outputs;
  }
  MG_DEVICE Inner inner(i64, i64 k) const {
    const i64 tap = k / outputs;
    return (taps - 1 - tap) * channels * outputs + (k - tap * outputs);
  }
  MG_DEVICE T load(Outer channel, Inner k) const { return kernel[channel + k]; }
};

template <class T>
Pointers<const T> inputs_of(const ConvDims& d, const T* const* inputs) {
  Pointers<const T> result{};
  for (int j = 0; j < d.inputs; j++) result.data[j] = inputs[j];
  return result;
}

i64 taps_of(const ConvDims& d) { return d.kernel_height * d.kernel_width; }
i64 weight_slices(const ConvDims& d) { return gemm_slices(d.pixels(), d.kernel_size()); }
StripDims bias_strips(const ConvDims& d) { return {1, d.pixels(), d.outputs, 1024}; }

}  // namespace

template <class T>
void conv_forward(Stream stream, const ConvDims& d, const T* const* inputs, const T* kernel, const T* bias, T* y) {
  const i64 outputs = d.outputs;
  PatchRows<T> patches;
  patches.d = d, patches.inputs = inputs_of(d, inputs), patches.channels = d.in_channels();
  gemm<T>(stream, GemmDims{1, d.pixels(), outputs, taps_of(d) * d.in_channels(), 1}, patches, Rows<T>{kernel, outputs},
          [=] MG_DEVICE(i64, i64, i64 pixel, i64 n, T sum) { y[pixel * outputs + n] = bias == nullptr ? sum : bias[n] + sum; });
}

// The data gradient is the convolution of dy with the turned kernel.
template <class T>
void conv_backward_data(Stream stream, const ConvDims& d, const T* dy, const T* kernel, T* const* dinputs) {
  Wanted wanted{};
  Pointers<T> dx{};
  i64 columns = 0, channel = 0;
  for (int j = 0; j < d.inputs; j++) {
    if (dinputs[j] != nullptr) {
      wanted.first_column[wanted.count] = columns, wanted.first_channel[wanted.count] = channel,
      wanted.channels[wanted.count] = d.channels[j];
      dx.data[wanted.count++] = dinputs[j];
      columns += d.channels[j];
    }
    channel += d.channels[j];
  }
  if (columns == 0) return;
  PatchRows<T> patches;
  patches.d = d;
  patches.d.inputs = 1, patches.d.channels[0] = d.outputs;
  patches.inputs.data[0] = dy, patches.channels = d.outputs;
  const TurnedKernel<T> turned{kernel, taps_of(d), d.in_channels(), d.outputs, wanted};
  gemm<T>(stream, GemmDims{1, d.pixels(), columns, taps_of(d) * d.outputs, 1}, patches, turned,
          [=] MG_DEVICE(i64, i64, i64 pixel, i64 column, T sum) {
            const int w = wanted.owner(column);
            dx.data[w][pixel * wanted.channels[w] + column - wanted.first_column[w]] = sum;
          });
}

template <class T>
i64 conv_backward_weight_bytes(const ConvDims& d) {
  const i64 slices = weight_slices(d), bias = bias_strips(d).blocks() * d.outputs * i64(sizeof(double));
  return bias + (slices == 1 ? 0 : slices * d.kernel_size() * i64(sizeof(T)));
}

template <class T>
void conv_backward_weight(Stream stream, const ConvDims& d, const T* const* inputs, const T* dy, T* dkernel, T* dbias,
                          void* workspace) {
  const i64 slices = weight_slices(d), size = d.kernel_size(), outputs = d.outputs;
  double* const partials = static_cast<double*>(workspace);
  T* const sums = slices == 1 ? dkernel : reinterpret_cast<T*>(partials + bias_strips(d).blocks() * outputs);
  PatchColumns<T> patches;
  patches.d = d, patches.inputs = inputs_of(d, inputs), patches.channels = d.in_channels();
  gemm<T>(stream, GemmDims{1, taps_of(d) * d.in_channels(), outputs, d.pixels(), slices}, patches, Rows<T>{dy, outputs},
          [=] MG_DEVICE(i64, i64 slice, i64 k, i64 n, T sum) { sums[slice * size + k * outputs + n] = sum; });
  if (slices > 1) add_slices(stream, slices, size, sums, dkernel);
  if (dbias == nullptr) return;
  reduce_strips<AddUp>(
      stream, bias_strips(d), partials, [=] MG_DEVICE(i64, i64 pixel, i64 n) { return double(dy[pixel * outputs + n]); },
      [=] MG_DEVICE(i64, i64 n, double total) { dbias[n] = T(total); });
}

#define MG_INSTANTIATE(T)                                                                          \
  template void conv_forward<T>(Stream, const ConvDims&, const T* const*, const T*, const T*, T*); \
  template void conv_backward_data<T>(Stream, const ConvDims&, const T*, const T*, T* const*);     \
  template i64 conv_backward_weight_bytes<T>(const ConvDims&);                                     \
  template void conv_backward_weight<T>(Stream, const ConvDims&, const T* const*, const T*, T*, T*, void*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
