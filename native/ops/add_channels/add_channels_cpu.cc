#include "add_channels.h"

#include <algorithm>

#include "../../base/host/pool.h"
#include "../../base/index.h"

namespace mg {
namespace {

template <class F>
void over_rows(const AddChannelsDims& d, F&& f) {
  if (d.channels == 0) return;
  const i64 per_chunk = std::max<i64>(1, 16384 / d.channels);
  Pool::get().parallel_for(ceil_div(d.rows, per_chunk), [&](i64 chunk, int) {
    for (i64 row = chunk * per_chunk; row < std::min(d.rows, (chunk + 1) * per_chunk); ++row) f(row);
  });
}

}  // namespace

template <class T>
void add_channels(const AddChannelsDims& d, const T* y, const T* shortcut, T* z) {
  over_rows(d, [&](i64 row) {
    const T* from = y + row * d.channels;
    T* to = z + row * d.channels;
    for (i64 c = 0; c < d.shared; ++c) to[c] = from[c] + shortcut[row * d.shared + c];
    for (i64 c = d.shared; c < d.channels; ++c) to[c] = from[c];
  });
}

template <class T>
void first_channels(const AddChannelsDims& d, const T* y, T* x) {
  over_rows(d, [&](i64 row) { std::copy(y + row * d.channels, y + row * d.channels + d.shared, x + row * d.shared); });
}

#define MG_INSTANTIATE(T)                                                       \
  template void add_channels<T>(const AddChannelsDims&, const T*, const T*, T*); \
  template void first_channels<T>(const AddChannelsDims&, const T*, T*);
MG_INSTANTIATE(float)
MG_INSTANTIATE(double)

}  // namespace mg
