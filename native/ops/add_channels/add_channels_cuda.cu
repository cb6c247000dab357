// Sums and cuts of channels on the GPU.
#include "../../base/cuda/loops.h"
#include "add_channels.h"

namespace mg {
namespace cuda {

template <class T>
void add_channels(Stream stream, const AddChannelsDims& d, const T* y, const T* shortcut, T* z) {
  const i64 channels = d.channels, shared = d.shared;
  each_element(stream, d.rows * channels, [=] MG_DEVICE(i64 i) {
    const i64 row = i / channels, c = i - row * channels;
    z[i] = c < shared ? y[i] + shortcut[row * shared + c] : y[i];
  });
}

template <class T>
void first_channels(Stream stream, const AddChannelsDims& d, const T* y, T* x) {
  const i64 channels = d.channels, shared = d.shared;
  each_element(stream, d.rows * shared, [=] MG_DEVICE(i64 i) { x[i] = y[i / shared * channels + i % shared]; });
}

#define MG_INSTANTIATE(T)                                                                \
  template void add_channels<T>(Stream, const AddChannelsDims&, const T*, const T*, T*); \
  template void first_channels<T>(Stream, const AddChannelsDims&, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace cuda
}  // namespace mg
