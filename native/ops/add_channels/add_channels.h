// z[r,c] = y[r,c] + shortcut[r,c] for c < shared, y[r,c] beyond: a shortcut with zero channels appended. Linear; the gradient
// of the shortcut is the first channels of dz.
#pragma once
#include "../../base/cuda/stream.h"
#include "../../base/platform.h"

namespace mg {

struct AddChannelsDims {
  i64 rows, channels, shared;  // shared <= channels
};

template <class T>
void add_channels(const AddChannelsDims& dims, const T* y, const T* shortcut, T* z);
// x[r,c] = y[r,c], c < shared.
template <class T>
void first_channels(const AddChannelsDims& dims, const T* y, T* x);

namespace cuda {
template <class T>
void add_channels(Stream stream, const AddChannelsDims& dims, const T* y, const T* shortcut, T* z);
template <class T>
void first_channels(Stream stream, const AddChannelsDims& dims, const T* y, T* x);
}  // namespace cuda

}  // namespace mg
