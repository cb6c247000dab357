// How a convolution is cut into chunks, and the zero-ringed patch each chunk is computed from. Shapes alone decide.
#pragma once
#include <cstring>

#include "../index.h"
#include "../platform.h"

namespace mg {

// One chunk: whole small images, or a band of rows of one image.
struct Chunk {
  i64 sample, samples;
  i64 row, rows;
};

struct ChunkPlan {
  i64 batch, height, width;
  i64 pad_h, pad_w;
  i64 channels;        // of the patch
  i64 samples_per = 1, rows_per = 1, bands = 1, count = 0;

  i64 row_pixels() const { return width + 2 * pad_w; }
  i64 row_stride() const { return row_pixels() * channels; }
  i64 max_pixels() const { return samples_per * rows_per * width; }
  i64 patch_size() const { return samples_per * (rows_per + 2 * pad_h) * row_stride(); }
  Chunk chunk(i64 c) const {
    if (bands == 1) {
      const i64 first = c * samples_per;
      return {first, batch - first < samples_per ? batch - first : samples_per, 0, height};
    }
    const i64 row = c % bands * rows_per;
    return {c / bands, 1, row, height - row < rows_per ? height - row : rows_per};
  }
};

// About 200 pixels of small images together, or bands of 100 KB at most, beginning at multiples of row_multiple; not fewer
// chunks than `at_least` if the batch has them.
inline ChunkPlan plan_chunks(i64 batch, i64 height, i64 width, i64 kernel_h, i64 kernel_w, i64 channels, i64 element_bytes,
                             i64 at_least = 8, i64 row_multiple = 1) {
  ChunkPlan p{batch, height, width, same_padding(kernel_h), same_padding(kernel_w), channels, 1, 1, 1, 0};
  const i64 area = height * width;
  if (batch * area == 0) return p;
  const i64 row_bytes = p.row_stride() * element_bytes;
  const i64 rows_fit = row_bytes > 0 ? 100 * 1024 / row_bytes - 2 * p.pad_h : 16;
  if (area > 288 && height > 8) {
    i64 rows = rows_fit < 8 ? 8 : rows_fit;
    if (rows > 16 && batch < at_least) rows = 16;
    p.bands = ceil_div(height, rows);
    p.rows_per = round_up(ceil_div(height, p.bands), row_multiple);
    p.bands = ceil_div(height, p.rows_per);
    p.count = batch * p.bands;
  }
  if (p.bands == 1) {
    const i64 fill = 216 / area, spread = ceil_div(batch, at_least);
    const i64 image_bytes = (height + 2 * p.pad_h) * row_bytes;
    i64 n = fill < spread ? fill : spread;
    if (n * image_bytes > 100 * 1024) n = 100 * 1024 / image_bytes;
    p.samples_per = n < 1 ? 1 : n;
    p.rows_per = height;
    p.count = ceil_div(batch, p.samples_per);
  }
  return p;
}

// offset[m] of every output pixel of the largest chunk; smaller chunks use its beginning.
inline void fill_offsets(const ChunkPlan& p, std::int32_t* offset) {
  for (i64 s = 0; s < p.samples_per; s++) {
    for (i64 y = 0; y < p.rows_per; y++) {
      const i64 line = (s * (p.rows_per + 2 * p.pad_h) + y) * p.row_stride();
      for (i64 x = 0; x < p.width; x++) *offset++ = std::int32_t(line + x * p.channels);
    }
  }
}

template <class T, int C>
inline void copy_fixed(T* to, i64 to_stride, const T* from, i64 from_stride, i64 pixels) {
  for (i64 p = 0; p < pixels; p++) std::memcpy(to + p * to_stride, from + p * from_stride, C * sizeof(T));
}

// Copies `channels` values per pixel between arrays whose pixels lie `stride` values apart.
template <class T>
inline void copy_channels(T* to, i64 to_stride, const T* from, i64 from_stride, i64 channels, i64 pixels) {
  if (to_stride == channels && from_stride == channels) {
    std::memcpy(to, from, std::size_t(pixels * channels) * sizeof(T));
    return;
  }
  switch (channels) {
    case 1: return copy_fixed<T, 1>(to, to_stride, from, from_stride, pixels);
    case 2: return copy_fixed<T, 2>(to, to_stride, from, from_stride, pixels);
    case 4: return copy_fixed<T, 4>(to, to_stride, from, from_stride, pixels);
    case 8: return copy_fixed<T, 8>(to, to_stride, from, from_stride, pixels);
    case 16: return copy_fixed<T, 16>(to, to_stride, from, from_stride, pixels);
    case 32: return copy_fixed<T, 32>(to, to_stride, from, from_stride, pixels);
    default:
      for (i64 p = 0; p < pixels; p++) std::memcpy(to + p * to_stride, from + p * from_stride, std::size_t(channels) * sizeof(T));
  }
}

// Fills the patch of a chunk: zeros around the grid, and row(image, row of the grid, where its first pixel goes) for the rest.
template <class T, class Row>
inline void fill_patch(const ChunkPlan& p, const Chunk& c, T* patch, Row&& row) {
  const i64 rows = c.rows + 2 * p.pad_h, side = p.pad_w * p.channels;
  for (i64 s = 0; s < c.samples; s++) {
    T* line = patch + s * (p.rows_per + 2 * p.pad_h) * p.row_stride();
    for (i64 r = 0; r < rows; r++, line += p.row_stride()) {
      const i64 y = c.row + r - p.pad_h;
      if (!inside(y, p.height)) {
        std::memset(line, 0, std::size_t(p.row_stride()) * sizeof(T));
        continue;
      }
      for (i64 k = 0; k < side; k++) line[k] = line[p.row_stride() - side + k] = T(0);
      row(c.sample + s, y, line + side);
    }
  }
}

// From inputs that are joined on channels.
template <class T>
inline void gather(const ChunkPlan& p, const Chunk& c, const T* const* inputs, const i64* channels, int count, T* patch) {
  fill_patch(p, c, patch, [&](i64 image, i64 y, T* to) {
    for (int j = 0; j < count; j++) {
      const T* from = inputs[j] + (image * p.height + y) * p.width * channels[j];
      copy_channels(to, p.channels, from, channels[j], channels[j], p.width);
      to += channels[j];
    }
  });
}

}  // namespace mg
