// A patch from the grids around, doubled, equal and pooled, and its transpose.
#pragma once
#include "../../../base/maximum.h"
#include "stage_lanes_impl.h"

namespace mg {
namespace {

// One row of a patch from one source. to: first real pixel; row: of the target grid, in [0, H).
template <class T>
void gather_row(const ChunkPlan& p, int dimensions, const SourceView<T>& s, i64 image, i64 row, T* to) {
  const i64 step = p.channels, W = p.width;
  with_channels<T>(s.channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    if (!s.value) {
      for (i64 x = 0; x < W; x++) std::memset(to + x * step, 0, std::size_t(C) * sizeof(T));
    } else if (s.map == Map::same) {
      const T* from = s.value + (image * p.height + row) * W * s.stride;
      for (i64 x = 0; x < W; x++) copy_run(to + x * step, from + x * s.stride, C);
    } else if (s.map == Map::up) {
      const i64 height = dimensions == 1 ? 1 : p.height / 2, y = dimensions == 1 ? 0 : up_source(row), width = W / 2;
      const T* from = s.value + (image * height + y) * width * C;
      for (i64 x = 0; x < width; x++) {
        copy_run(to + up_first(x) * step, from + x * C, C);
        copy_run(to + (up_first(x) + 1) * step, from + x * C, C);
      }
    } else {
      const i64 height = dimensions == 1 ? 1 : p.height * 2, y = dimensions == 1 ? 0 : pool_first(row), width = W * 2;
      const T* a = s.value + (image * height + y) * width * C;
      const T* b = dimensions == 1 ? a : a + width * C;
      for (i64 x = 0; x < W; x++, a += 2 * C, b += 2 * C) {
        for (i64 c = 0; c < C; c += lanes) {
          const auto a0 = S::load(a + c), a1 = S::load(a + C + c), b0 = S::load(b + c), b1 = S::load(b + C + c);
          S::store(to + x * step + c, larger(larger(a0, a1), larger(b0, b1)));
        }
      }
    }
  });
}

template <class T>
void gather(const ChunkPlan& p, const Chunk& chunk, int dimensions, const SourceView<T>* sources, int count, T* patch) {
  fill_patch(p, chunk, patch, [&](i64 image, i64 y, T* to) {
    for (int j = 0; j < count; j++) {
      gather_row(p, dimensions, sources[j], image, y, to);
      to += sources[j].channels;
    }
  });
}

// The transpose of gather_row: a doubled cell collects from its fine cells, a pooled one sends to the first maximum.
template <class T>
void scatter_row(const ChunkPlan& p, int dimensions, const SourceView<T>& s, i64 image, i64 row, const T* dx, i64 stride) {
  const i64 W = p.width;
  with_channels<T>(s.channels, [&](auto lanes, auto C) {
    using S = Simd<T, decltype(lanes)::value>;
    using V = typename S::V;
    auto more = [](T* to, V d) { S::store(to, S::load(to) + d); };
    if (s.map == Map::same) {
      T* to = s.grad + (image * p.height + row) * W * C;
      for (i64 x = 0; x < W; x++, to += C, dx += stride) {
        if (s.assign) copy_run(to, dx, C);
        else
          for (i64 c = 0; c < C; c += lanes) more(to + c, S::load(dx + c));
      }
    } else if (s.map == Map::up) {
      const i64 height = dimensions == 1 ? 1 : p.height / 2, y = dimensions == 1 ? 0 : up_source(row), width = W / 2;
      T* to = s.grad + (image * height + y) * width * C;
      for (i64 x = 0; x < width; x++, to += C, dx += 2 * stride) {
        for (i64 c = 0; c < C; c += lanes) more(to + c, S::load(dx + c) + S::load(dx + stride + c));
      }
    } else {
      const bool two = dimensions == 2;
      const i64 height = two ? p.height * 2 : 1, y = two ? pool_first(row) : 0, width = W * 2;
      const i64 at = (image * height + y) * width * C, below = two ? width * C : 0;
      const T* a = s.value + at;
      T* to = s.grad + at;
      const V zero{};
      for (i64 x = 0; x < W; x++, a += 2 * C, to += 2 * C, dx += stride) {
        for (i64 c = 0; c < C; c += lanes) {
          const V a0 = S::load(a + c), a1 = S::load(a + C + c), d = S::load(dx + c);
          const auto left = stays_maximum(a0, a1);
          const V d_left = left ? d : zero, d_right = left ? zero : d;
          if (!two) {
            more(to + c, d_left), more(to + C + c, d_right);
            continue;
          }
          const V b0 = S::load(a + below + c), b1 = S::load(a + below + C + c);
          const auto lower_left = stays_maximum(b0, b1), top = stays_maximum(larger(a0, a1), larger(b0, b1));
          const V e_left = lower_left ? d : zero, e_right = lower_left ? zero : d;
          more(to + c, top ? d_left : zero), more(to + C + c, top ? d_right : zero);
          more(to + below + c, top ? zero : e_left), more(to + below + C + c, top ? zero : e_right);
        }
      }
    }
  });
}

template <class T>
void scatter(const ChunkPlan& p, const Chunk& chunk, int dimensions, const SourceView<T>* sources, int count, const T* dx,
             i64 stride) {
  for (i64 s = 0; s < chunk.samples; s++) {
    for (i64 r = 0; r < chunk.rows; r++) {
      const T* from = dx + (s * chunk.rows + r) * p.width * stride;
      for (int j = 0; j < count; j++) {
        if (!sources[j].grad) continue;
        scatter_row(p, dimensions, sources[j], chunk.sample + s, chunk.row + r, from, stride);
        from += sources[j].channels;
      }
    }
  }
}

}  // namespace
}  // namespace mg
