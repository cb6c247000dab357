// Sums and cuts of channels on the CPU.
#include "add_channels.h"

#include <algorithm>

#include "../../base/host/rows.h"

namespace mg {

template <class T>
void add_channels(const AddChannelsDims& d, const T* y, const T* shortcut, T* z) {
  each_row(d.rows, 2 * d.channels, [&](i64 row) {
    const T* from = y + row * d.channels;
    T* to = z + row * d.channels;
    for (i64 c = 0; c < d.shared; c++) to[c] = from[c] + shortcut[row * d.shared + c];
    for (i64 c = d.shared; c < d.channels; c++) to[c] = from[c];
  });
}

template <class T>
void first_channels(const AddChannelsDims& d, const T* y, T* x) {
  each_row(d.rows, 2 * d.shared,
           [&](i64 row) { std::copy(y + row * d.channels, y + row * d.channels + d.shared, x + row * d.shared); });
}

#define MG_INSTANTIATE(T)                                                        \
  template void add_channels<T>(const AddChannelsDims&, const T*, const T*, T*); \
  template void first_channels<T>(const AddChannelsDims&, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
