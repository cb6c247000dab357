// SAME convolution of stride 1 over inputs that are joined on channels without a copy in memory, channels last:
//   y[b,p,q,n] = bias[n] + sum over taps (r,s), inputs j, channels c of
//                x_j[b, p + r - (KH-1)/2, q + s - (KW-1)/2, c] * kernel[r, s, first_j + c, n],   cells outside are zero
// first_j: channels of the inputs before j. 1-D grids are H = 1, KH = 1. Kernel [KH,KW,sum of Cin,Cout]; KH and KW odd.
// Backward needs the inputs and the kernel, nothing else is saved. Results do not depend on the thread count: the work is
// cut by shape alone and weight gradients go to a fixed number of partial sums, added in order.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/index.h"
#include "../../base/platform.h"

namespace mg {

constexpr int conv_max_inputs = 16;

struct ConvDims {
  i64 batch = 0, height = 1, width = 1;
  i64 kernel_height = 1, kernel_width = 1;
  int inputs = 0;
  i64 channels[conv_max_inputs] = {};  // of each input
  i64 outputs = 0;

  i64 in_channels() const {
    i64 sum = 0;
    for (int j = 0; j < inputs; j++) sum += channels[j];
    return sum;
  }
  i64 kernel_size() const { return kernel_height * kernel_width * in_channels() * outputs; }
  i64 pixels() const { return batch * height * width; }
};

// Bytes the caller provides as workspace (aligned to 64) for `workers` threads: conv_workspace_bytes covers all three calls.
template <class T>
i64 conv_workspace_bytes(const ConvDims& dims, int workers);

// inputs[j] [B,H,W,Cj], kernel, bias [Cout] or null -> y [B,H,W,Cout]. y must not overlap anything else.
template <class T>
void conv_forward(const ConvDims& dims, const T* const* inputs, const T* kernel, const T* bias, T* y, void* workspace,
                  int workers);

// dy [B,H,W,Cout], kernel -> dinputs[j] [B,H,W,Cj]; a null dinputs[j] is not computed.
template <class T>
void conv_backward_data(const ConvDims& dims, const T* dy, const T* kernel, T* const* dinputs, void* workspace, int workers);

// inputs, dy -> dkernel, and dbias unless null.
template <class T>
void conv_backward_weight(const ConvDims& dims, const T* const* inputs, const T* dy, T* dkernel, T* dbias, void* workspace,
                          int workers);

// The same on a GPU; only the weight gradient needs workspace there.
namespace cuda {
template <class T>
void conv_forward(Stream stream, const ConvDims& dims, const T* const* inputs, const T* kernel, const T* bias, T* y);
template <class T>
void conv_backward_data(Stream stream, const ConvDims& dims, const T* dy, const T* kernel, T* const* dinputs);
template <class T>
i64 conv_backward_weight_bytes(const ConvDims& dims);
template <class T>
void conv_backward_weight(Stream stream, const ConvDims& dims, const T* const* inputs, const T* dy, T* dkernel, T* dbias,
                          void* workspace);
}  // namespace cuda

}  // namespace mg
