// The convolution on the CPU: chunks of patches, tiles of base/conv, sums of the weight gradient in order.
#include "conv.h"

#include "../../base/conv/patch.h"
#include "../../base/conv/tile.h"
#include "../../base/host/arena.h"
#include "../../base/host/chunks.h"

namespace mg {
namespace {

constexpr i64 max_lanes = 16;        // of any target: workspace sizes must not depend on the one in use

i64 padded_upper(i64 columns) { return round_up(columns, max_lanes); }

template <class T>
ChunkPlan forward_chunks(const ConvDims& d) {
  return plan_chunks(d.batch, d.height, d.width, d.kernel_height, d.kernel_width, d.in_channels(), sizeof(T));
}
template <class T>
ChunkPlan data_chunks(const ConvDims& d) {
  return plan_chunks(d.batch, d.height, d.width, d.kernel_height, d.kernel_width, d.outputs, sizeof(T));
}

// rows x columns, padded with zeros to the columns the tiles read; hands back the source where nothing needs padding.
template <class T>
const T* pad_rows(const T* from, i64 rows, i64 columns, i64 padded, T* to) {
  if (columns == padded) return from;
  for (i64 r = 0; r < rows; r++) {
    std::memcpy(to + r * padded, from + r * columns, std::size_t(columns) * sizeof(T));
    for (i64 n = columns; n < padded; n++) to[r * padded + n] = T(0);
  }
  return to;
}

template <class T>
struct ForwardSpace {
  std::int32_t* offset;
  T *kernel, *bias, *patch;
  i64 used;
  ForwardSpace(const ConvDims& d, const ChunkPlan& p, void* base, int workers) {
    Arena a(base);
    offset = a.take<std::int32_t>(p.max_pixels());
    kernel = a.take<T>(d.kernel_height * d.kernel_width * d.in_channels() * padded_upper(d.outputs));
    bias = a.take<T>(padded_upper(d.outputs));
    patch = a.take<T>(workers * round_up(p.patch_size(), max_lanes));
    used = a.used_bytes();
  }
};

template <class T>
struct DataSpace {
  std::int32_t* offset;
  T *kernel, *patch, *out;
  i64 out_size, used;
  DataSpace(const ConvDims& d, const ChunkPlan& p, void* base, int workers) {
    Arena a(base);
    offset = a.take<std::int32_t>(p.max_pixels());
    kernel = a.take<T>(d.kernel_height * d.kernel_width * d.outputs * padded_upper(d.in_channels()));
    patch = a.take<T>(workers * round_up(p.patch_size(), max_lanes));
    const i64 rows = p.max_pixels() > d.outputs ? p.max_pixels() : d.outputs;
    out_size = round_up(rows * d.in_channels(), max_lanes);
    out = a.take<T>(workers * out_size);
    used = a.used_bytes();
  }
};

// Partial sums of the weight gradient: one per 512 pixels, at most 16; with few of them, large kernels are cut by rows too.
struct WeightSplit {
  i64 partials, pieces;
  explicit WeightSplit(const ConvDims& d, const ChunkPlan& p) {
    partials = d.pixels() / 512;
    if (partials > 16) partials = 16;
    if (partials > p.count) partials = p.count;
    if (partials < 1) partials = 1;
    const i64 most = partials >= 4 ? 1 : d.kernel_height * d.kernel_width;
    pieces = d.pixels() * d.kernel_size() / (partials * 1'000'000);  // each piece gathers its own patches
    pieces = pieces < 1 ? 1 : pieces > most ? most : pieces;
  }
};

template <class T>
struct WeightSpace {
  std::int32_t* offset;
  T *patch, *dy, *kernels, *biases;
  i64 used;
  WeightSpace(const ConvDims& d, const ChunkPlan& p, const WeightSplit& split, void* base, int workers) {
    Arena a(base);
    offset = a.take<std::int32_t>(p.max_pixels());
    patch = a.take<T>(workers * round_up(p.patch_size(), max_lanes));
    dy = a.take<T>(workers * p.max_pixels() * padded_upper(d.outputs));
    kernels = a.take<T>(split.partials * d.kernel_size());
    biases = a.take<T>(split.partials * d.outputs);
    used = a.used_bytes();
  }
};

}  // namespace

template <class T>
i64 conv_workspace_bytes(const ConvDims& d, int workers) {
  const ChunkPlan f = forward_chunks<T>(d), b = data_chunks<T>(d);
  const i64 sizes[] = {ForwardSpace<T>(d, f, nullptr, workers).used, DataSpace<T>(d, b, nullptr, workers).used,
                       WeightSpace<T>(d, f, WeightSplit(d, f), nullptr, workers).used};
  i64 most = 64;
  for (i64 s : sizes) most = s > most ? s : most;
  return most;
}

template <class T>
void conv_forward(const ConvDims& d, const T* const* inputs, const T* kernel, const T* bias, T* y, void* workspace, int workers) {
  if (d.pixels() == 0 || d.outputs == 0) return;
  const ConvTable<T>& table = conv_table<T>();
  const ChunkPlan plan = forward_chunks<T>(d);
  const ForwardSpace<T> space(d, plan, workspace, workers);
  const i64 padded = padded_columns(d.outputs, table.lanes), rows = d.kernel_height * d.kernel_width * plan.channels;
  fill_offsets(plan, space.offset);
  TileJob<T> job{};
  job.offset = space.offset, job.kernel_rows = d.kernel_height, job.row_stride = plan.row_stride();
  job.run = d.kernel_width * plan.channels;
  job.weight = kernel;
  job.kernel_columns = int(d.kernel_width);
  job.row = d.width;
  job.narrow = narrow_columns(table, d.outputs, job.run);
  if (!reads_in_place(table, d.outputs, job.narrow)) {
    pack_weight(table, kernel, d.outputs, rows, d.outputs, job.narrow, space.kernel);
    job.weight = space.kernel;
  }
  job.bias = bias ? pad_rows(bias, 1, d.outputs, padded, space.bias) : nullptr;
  job.columns = job.out_stride = d.outputs;
  for_chunks(plan.count, d.pixels() * rows * d.outputs, [&](i64 c, int worker) {
    const Chunk chunk = plan.chunk(c);
    T* patch = space.patch + worker * round_up(plan.patch_size(), max_lanes);
    gather(plan, chunk, inputs, d.channels, d.inputs, patch);
    TileJob<T> mine = job;
    mine.patch = patch;
    mine.pixels = chunk.samples * chunk.rows * d.width;
    mine.out = y + (chunk.sample * d.height + chunk.row) * d.width * d.outputs;
    table.tiles(mine);
  });
}

// The data gradient is the convolution of dy with the kernel turned around in both axes and transposed in channels.
template <class T>
void conv_backward_data(const ConvDims& d, const T* dy, const T* kernel, T* const* dinputs, void* workspace, int workers) {
  i64 wanted = 0;
  int count = 0;
  for (int j = 0; j < d.inputs; j++) {
    if (dinputs[j] && d.channels[j] > 0) wanted += d.channels[j], count++;
  }
  if (d.pixels() == 0 || wanted == 0) return;
  const ConvTable<T>& table = conv_table<T>();
  const ChunkPlan plan = data_chunks<T>(d);
  const DataSpace<T> space(d, plan, workspace, workers);
  const i64 taps = d.kernel_height * d.kernel_width, in = d.in_channels();
  fill_offsets(plan, space.offset);
  TileJob<T> job{};
  job.offset = space.offset, job.kernel_rows = d.kernel_height, job.row_stride = plan.row_stride();
  job.run = d.kernel_width * d.outputs;
  job.weight = space.kernel;
  job.kernel_columns = int(d.kernel_width);
  job.row = d.width;
  job.narrow = narrow_columns(table, wanted, job.run);
  job.columns = job.out_stride = wanted;
  for_chunks(taps, taps * d.outputs * in * 4, [&](i64 tap, int worker) {
    T* turned = space.out + worker * space.out_size;  // [Cout][wanted]
    i64 column = 0, first = 0;
    for (int j = 0; j < d.inputs; j++) {
      const T* from = kernel + ((taps - 1 - tap) * in + first) * d.outputs;
      for (i64 c = 0; dinputs[j] && c < d.channels[j]; c++, column++) {
        for (i64 n = 0; n < d.outputs; n++) turned[n * wanted + column] = from[c * d.outputs + n];
      }
      first += d.channels[j];
    }
    const i64 width = packed_columns(table, wanted, job.narrow);
    pack_weight(table, turned, wanted, d.outputs, wanted, job.narrow, space.kernel + tap * d.outputs * width);
  });
  for_chunks(plan.count, d.pixels() * taps * d.outputs * wanted, [&](i64 c, int worker) {
    const Chunk chunk = plan.chunk(c);
    T* patch = space.patch + worker * round_up(plan.patch_size(), max_lanes);
    T* out = space.out + worker * space.out_size;
    gather(plan, chunk, &dy, &d.outputs, 1, patch);
    const i64 first_pixel = (chunk.sample * d.height + chunk.row) * d.width;
    TileJob<T> mine = job;
    mine.patch = patch;
    mine.pixels = chunk.samples * chunk.rows * d.width;
    mine.out = out;
    for (int j = 0; count == 1 && j < d.inputs; j++) {
      if (dinputs[j] && d.channels[j] > 0) mine.out = dinputs[j] + first_pixel * d.channels[j];
    }
    table.tiles(mine);
    if (count == 1) return;
    i64 column = 0;
    for (int j = 0; j < d.inputs; j++) {
      if (!dinputs[j]) continue;
      copy_channels(dinputs[j] + first_pixel * d.channels[j], d.channels[j], out + column, wanted, d.channels[j], mine.pixels);
      column += d.channels[j];
    }
  });
}

template <class T>
void conv_backward_weight(const ConvDims& d, const T* const* inputs, const T* dy, T* dkernel, T* dbias, void* workspace,
                          int workers) {
  if (d.pixels() == 0 || d.outputs == 0) {
    for (i64 k = 0; k < d.kernel_size(); k++) dkernel[k] = T(0);
    for (i64 n = 0; dbias && n < d.outputs; n++) dbias[n] = T(0);
    return;
  }
  const ConvTable<T>& table = conv_table<T>();
  const ChunkPlan plan = forward_chunks<T>(d);
  const WeightSplit split(d, plan);
  const WeightSpace<T> space(d, plan, split, workspace, workers);
  const i64 padded = padded_columns(d.outputs, table.lanes), rows = d.kernel_height * d.kernel_width * plan.channels;
  fill_offsets(plan, space.offset);
  T* const kernels = split.partials == 1 ? dkernel : space.kernels;
  T* const biases = split.partials == 1 ? dbias : space.biases;
  for_chunks(split.partials * split.pieces, d.pixels() * rows * d.outputs, [&](i64 unit, int worker) {
    const i64 part = unit / split.pieces, piece = unit % split.pieces;
    T* patch = space.patch + worker * round_up(plan.patch_size(), max_lanes);
    T* wide_dy = space.dy + worker * plan.max_pixels() * padded_upper(d.outputs);
    const i64 begin = part_begin(plan.count, split.partials, part), end = part_begin(plan.count, split.partials, part + 1);
    for (i64 c = begin; c < end; c++) {
      const Chunk chunk = plan.chunk(c);
      gather(plan, chunk, inputs, d.channels, d.inputs, patch);
      const i64 pixels = chunk.samples * chunk.rows * d.width;
      const T* from = dy + (chunk.sample * d.height + chunk.row) * d.width * d.outputs;
      OuterJob<T> job{};
      job.patch = patch;
      job.offset = space.offset;
      job.pixels = pixels;
      job.row_stride = plan.row_stride();
      job.run = d.kernel_width * plan.channels;
      job.begin = part_begin(rows / plan.channels, split.pieces, piece) * plan.channels;
      job.end = part_begin(rows / plan.channels, split.pieces, piece + 1) * plan.channels;
      job.dy = pad_rows(from, pixels, d.outputs, padded, wide_dy);
      job.columns = d.outputs;
      job.grad = kernels + part * d.kernel_size();
      job.accumulate = c > begin;
      table.outer(job);
      if (dbias && piece == 0) {
        table.column_sums(from, pixels, d.outputs, d.outputs, biases + part * d.outputs, nullptr, c > begin);
      }
    }
  });
  if (split.partials == 1) return;
  const i64 size = d.kernel_size(), blocks = ceil_div(size, 4096);
  for_chunks(blocks, size * split.partials, [&](i64 block, int) {
    const i64 end = (block + 1) * 4096 < size ? (block + 1) * 4096 : size;
    for (i64 k = block * 4096; k < end; k++) {
      T sum = kernels[k];
      for (i64 g = 1; g < split.partials; g++) sum += kernels[g * size + k];
      dkernel[k] = sum;
    }
  });
  for (i64 n = 0; dbias && n < d.outputs; n++) {
    T sum = biases[n];
    for (i64 g = 1; g < split.partials; g++) sum += biases[g * d.outputs + n];
    dbias[n] = sum;
  }
}

#define MG_CONV(T)                                                                                     \
  template i64 conv_workspace_bytes<T>(const ConvDims&, int);                                          \
  template void conv_forward<T>(const ConvDims&, const T* const*, const T*, const T*, T*, void*, int); \
  template void conv_backward_data<T>(const ConvDims&, const T*, const T*, T* const*, void*, int);     \
  template void conv_backward_weight<T>(const ConvDims&, const T* const*, const T*, T*, T*, void*, int);
MG_CONV(float)
MG_CONV(double)
#undef MG_CONV

}  // namespace mg
