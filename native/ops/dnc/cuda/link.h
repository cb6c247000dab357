// The passes over the link matrices on the GPU, cut into tiles of 128 columns: a warp walks over its rows, a lane over four
// columns of them. Sums along rows and columns leave each tile as partial sums, which the kernels behind add in order.
#pragma once
#include "parts.h"

namespace mg {
namespace cuda {

constexpr int link_threads = 256, link_warps = link_threads / 32, link_batch = 8, link_lane_columns = 4,
              link_columns = 32 * link_lane_columns;
constexpr i64 link_most_reads = 4;  // read heads that share a walk

// Rows of a warp: the higher the tiles, the fewer partial sums, as long as there are tiles for the whole machine.
MG_HD i64 link_warp_rows(const DncDims& d) {
  return d.slots < 2048 ? link_batch : d.slots < 4096 ? 2 * link_batch : 4 * link_batch;
}
MG_HD i64 link_tiles_down(const DncDims& d) { return ceil_div(d.slots, link_warps * link_warp_rows(d)); }
MG_HD i64 link_tiles_across(const DncDims& d) { return ceil_div(d.slots, link_columns); }

// [B] groups of vectors over slots: `heads` to a sample, `pitch` apart.
template <class T>
struct DncVectors {
  const T* data;
  i64 heads, pitch;

  MG_DEVICE const T* at(i64 b, i64 head) const { return data + (b * heads + head) * pitch; }
};

template <class T>
struct DncLinkPass {
  DncDims d;
  const i64* lengths;
  i64 t, first_read;                         // heads first_read … of this walk
  const T* before;                           // [B][V][N][N]
  T* after;                                  // may be `before`
  DncVectors<T> write, precedence, reads;    // precedence and reads of the step before
  T *along, *against;                        // [B][V][tiles across or down][R][N]: L r and L^T r
};

struct LinkTile {
  i64 b, v, down, across, row, column;       // row of the warp, column of the lane

  MG_DEVICE LinkTile(const DncDims& d, i64 block) {
    const i64 wide = link_tiles_across(d), high = link_tiles_down(d);
    across = block % wide, block /= wide;
    down = block % high, block /= high;
    v = block % d.writes, b = block / d.writes;
    row = (down * link_warps + port::thread() / 32) * link_warp_rows(d);
    column = across * link_columns + port::thread() % 32;
  }
};

// Sums over the warps of a block, of K values for each column of the tile; store(k, column, sum).
template <class T, int K, class Store>
MG_DEVICE void link_column_sums(const T (&sums)[link_lane_columns][K], i64 columns, i64 first, Store store) {
  T* const parts = port::shared<T>();
  for (int k = 0; k < K; k++) {
  MG_UNROLL for (int c = 0; c < link_lane_columns; c++)
      parts[port::thread() / 32 * link_columns + port::thread() % 32 + 32 * c] = sums[c][k];
    MG_BARRIER();
    by_thread(link_columns, [&](i64 column) {
      T sum = parts[column];
      for (int w = 1; w < link_warps; w++) sum += parts[w * link_columns + column];
      if (first + column < columns) store(k, first + column, sum);
    });
    MG_BARRIER();
  }
}

// R heads; without Update the new matrix is there already. The first blocks do, each, what goes on beside the links. In float,
// two blocks share a processor: one computes while the other one waits for memory.
template <class T, int R, bool Update, class Beside>
MG_KERNEL(link_threads, sizeof(T) == 4 ? 2 : 1) dnc_link_kernel(DncLinkPass<T> job, i64 besides, Beside beside) {
  constexpr int batch = sizeof(T) == 4 && R < 3 ? link_batch : link_batch / 2, heads = R ? R : 1;
  if (port::block() < besides) return beside(port::block());
  const DncDims& d = job.d;
  const i64 N = d.slots, rows = link_warp_rows(d);
  const LinkTile tile(d, port::block() - besides);
  if (past_end(job.lengths, tile.b, job.t)) return;
  const int lane = port::thread() % 32;
  const T *const write = job.write.at(tile.b, tile.v), *const precedence = job.precedence.at(tile.b, tile.v);
  const i64 head = tile.b * d.writes + tile.v, links = head * d.links();
  T w[link_lane_columns], p[link_lane_columns], old[link_lane_columns][heads], column_sums[link_lane_columns][heads] = {};
  MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
    const i64 j = tile.column + 32 * c;
    w[c] = j < N ? write[j] : T(0);
    p[c] = j < N ? precedence[j] : T(0);
    MG_UNROLL for (int r = 0; r < R; r++) old[c][r] = j < N ? job.reads.at(tile.b, job.first_read + r)[j] : T(0);
  }
  for (i64 first = 0; first < rows; first += batch) {
    T link[batch][link_lane_columns];
    MG_UNROLL for (int q = 0; q < batch; q++) {
      MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
        const i64 i = tile.row + first + q, j = tile.column + 32 * c;
        link[q][c] = i < N && j < N ? (Update ? job.before : job.after)[links + i * N + j] : T(0);
      }
    }
    MG_UNROLL for (int q = 0; q < batch; q++) {
      const i64 i = tile.row + first + q;
      if (i >= N) break;
      const T weight = write[i];
      T read[heads], sums[heads] = {};
      MG_UNROLL for (int r = 0; r < R; r++) read[r] = job.reads.at(tile.b, job.first_read + r)[i];
      MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
        const i64 j = tile.column + 32 * c;
        T next = link[q][c];
        if (Update && j < N) {
          next = i == j ? T(0) : dnc_link(next, T(1) - weight, weight, w[c], p[c], PortFma<T>());
          job.after[links + i * N + j] = next;
        }
        MG_UNROLL for (int r = 0; r < R; r++) {
          sums[r] = port::fma(next, old[c][r], sums[r]);
          column_sums[c][r] = port::fma(next, read[r], column_sums[c][r]);
        }
      }
      MG_UNROLL for (int r = 0; r < R; r++) {
        const T sum = warp_sum(sums[r]);
        if (lane == 0) job.along[((head * link_tiles_across(d) + tile.across) * d.reads + job.first_read + r) * N + i] = sum;
      }
    }
  }
  if (R > 0)
    link_column_sums(column_sums, N, tile.across * link_columns, [&](int r, i64 j, T sum) {
      job.against[((head * link_tiles_down(d) + tile.down) * d.reads + job.first_read + r) * N + j] = sum;
    });
}

template <class T, int R, bool Update, class Beside>
void launch_link(Stream stream, const DncLinkPass<T>& job, i64 besides, Beside beside) {
  const DncDims& d = job.d;
  port::launch(dnc_link_kernel<T, R, Update, Beside>, besides + d.batch * d.writes * link_tiles_down(d) * link_tiles_across(d),
               link_threads, link_warps * link_columns * i64(sizeof(T)), stream, job, besides, beside);
}

template <class T, bool Update, class Beside>
void launch_link_heads(Stream stream, const DncLinkPass<T>& job, i64 heads, i64 besides, Beside beside) {
  if (heads >= 4) launch_link<T, 4, Update>(stream, job, besides, beside);
  else if (heads == 3) launch_link<T, 3, Update>(stream, job, besides, beside);
  else if (heads == 2) launch_link<T, 2, Update>(stream, job, besides, beside);
  else if (heads == 1) launch_link<T, 1, Update>(stream, job, besides, beside);
  else if (Update) launch_link<T, 0, Update>(stream, job, besides, beside);
}

struct NothingBeside {
  MG_DEVICE void operator()(i64) const {}
};

// The new links and, for each of `reads` heads, L r and L^T r;
// beside(k) for k in [0, besides), by a block each, at the same time.
template <class T, class Beside = NothingBeside>
void link_forward(Stream stream, DncLinkPass<T> job, i64 reads, i64 besides = 0, Beside beside = {}) {
  static_assert(link_warps * link_columns * sizeof(T) >= block_scratch,
                "shared memory of the tiles is scratch of what goes on beside");
  job.first_read = 0;
  launch_link_heads<T, true>(stream, job, reads, besides, beside);
  for (job.first_read = link_most_reads; job.first_read < reads; job.first_read += link_most_reads)
    launch_link_heads<T, false>(stream, job, reads - job.first_read, 0, NothingBeside{});
}

// With G = dL + sum_r dread_r (pi_f r'_r)^T + (pi_b r'_r) dread_r^T, off the diagonal:
//   along = L dread, against = L^T dread, row_i = sum_j G_ij (p'_j - L'_ij), column_j = sum_i G_ij L'_ij, dp'_j = sum_i w_i G_ij,
//   dL' = (1 - w_i - w_j) G
template <class T>
struct DncLinkBackwardPass {
  DncDims d;
  const i64* lengths;
  i64 t, first_read;
  const T* before;                                 // L' [B][V][N][N]
  T* grad;                                         // in: dL, out: dL'
  DncVectors<T> write, precedence, dread, reads;   // precedence and reads of the step before; dread at this step's reads
  const T* act;                                    // [B][D]: the modes
  T *along, *against;                              // as in DncLinkPass
  T *row, *column, *dprecedence;                   // [B][V][tiles across], [B][V][tiles down] twice, each [N]
};

// Last: no further heads; only then is G complete.
template <class T, int R, bool Last>
MG_KERNEL(link_threads) dnc_link_backward_kernel(DncLinkBackwardPass<T> job) {
  constexpr int batch = sizeof(T) == 4 ? link_batch / 2 : link_batch / 4, heads = R ? R : 1;
  const DncDims& d = job.d;
  const DncInterface at(d);
  const i64 N = d.slots, rows = link_warp_rows(d);
  const LinkTile tile(d, port::block());
  if (past_end(job.lengths, tile.b, job.t)) return;
  const int lane = port::thread() % 32;
  const T *const write = job.write.at(tile.b, tile.v), *const precedence = job.precedence.at(tile.b, tile.v);
  const T* const modes = job.act + tile.b * at.size + at.read_modes + job.first_read * d.modes();
  const i64 head = tile.b * d.writes + tile.v, links = head * d.links();
  T w[link_lane_columns], p[link_lane_columns], scaled[link_lane_columns][heads], down[link_lane_columns][heads];
  T against[link_lane_columns][heads] = {}, sides[link_lane_columns][2] = {};
  MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
    const i64 j = tile.column + 32 * c;
    w[c] = j < N ? write[j] : T(0);
    p[c] = j < N ? precedence[j] : T(0);
    MG_UNROLL for (int r = 0; r < R; r++) {
      scaled[c][r] =
          j < N ? modes[r * d.modes() + dnc_forward_mode(d, tile.v)] * job.reads.at(tile.b, job.first_read + r)[j] : T(0);
      down[c][r] = j < N ? job.dread.at(tile.b, job.first_read + r)[j] : T(0);
    }
  }
  for (i64 first = 0; first < rows; first += batch) {
    T before[batch][link_lane_columns], grad[batch][link_lane_columns];
    MG_UNROLL for (int q = 0; q < batch; q++) {
      MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
        const i64 i = tile.row + first + q, j = tile.column + 32 * c;
        const bool valid = i < N && j < N;
        before[q][c] = valid ? job.before[links + i * N + j] : T(0);
        grad[q][c] = valid ? job.grad[links + i * N + j] : T(0);
      }
    }
    MG_UNROLL for (int q = 0; q < batch; q++) {
      const i64 i = tile.row + first + q;
      if (i >= N) break;
      const T weight = write[i];
      T dread[heads], broadcast[heads], sums[heads] = {}, row = 0;
      MG_UNROLL for (int r = 0; r < R; r++) {
        dread[r] = job.dread.at(tile.b, job.first_read + r)[i];
        broadcast[r] = modes[r * d.modes() + dnc_backward_mode(tile.v)] * job.reads.at(tile.b, job.first_read + r)[i];
      }
      MG_UNROLL for (int c = 0; c < link_lane_columns; c++) {
        const i64 j = tile.column + 32 * c;
        if (j >= N) continue;
        const T next = i == j ? T(0) : dnc_link(before[q][c], T(1) - weight, weight, w[c], p[c], PortFma<T>());
        T g = grad[q][c];
        MG_UNROLL for (int r = 0; r < R; r++) {
          g = port::fma(dread[r], scaled[c][r], g);
          g = port::fma(broadcast[r], down[c][r], g);
          sums[r] = port::fma(next, down[c][r], sums[r]);
          against[c][r] = port::fma(next, dread[r], against[c][r]);
        }
        if (Last) {
          if (i == j) g = T(0);
          row = port::fma(g, p[c] - before[q][c], row);
          sides[c][0] = port::fma(g, before[q][c], sides[c][0]);
          sides[c][1] = port::fma(weight, g, sides[c][1]);
          g = (T(1) - weight - w[c]) * g;
        }
        job.grad[links + i * N + j] = g;
      }
      MG_UNROLL for (int r = 0; r < R; r++) {
        const T sum = warp_sum(sums[r]);
        if (lane == 0) job.along[((head * link_tiles_across(d) + tile.across) * d.reads + job.first_read + r) * N + i] = sum;
      }
      if (Last) {
        row = warp_sum(row);
        if (lane == 0) job.row[(head * link_tiles_across(d) + tile.across) * N + i] = row;
      }
    }
  }
  const i64 tiles = head * link_tiles_down(d) + tile.down, first_column = tile.across * link_columns;
  if (R > 0)
    link_column_sums(against, N, first_column,
                     [&](int r, i64 j, T sum) { job.against[(tiles * d.reads + job.first_read + r) * N + j] = sum; });
  if (Last)
    link_column_sums(sides, N, first_column,
                     [&](int k, i64 j, T sum) { (k == 0 ? job.column : job.dprecedence)[tiles * N + j] = sum; });
}

template <class T, int R, bool Last>
void launch_link_backward(Stream stream, const DncLinkBackwardPass<T>& job) {
  const DncDims& d = job.d;
  port::launch(dnc_link_backward_kernel<T, R, Last>, d.batch * d.writes * link_tiles_down(d) * link_tiles_across(d), link_threads,
               link_warps * link_columns * i64(sizeof(T)), stream, job);
}

template <class T>
void link_backward(Stream stream, DncLinkBackwardPass<T> job, i64 reads) {
  for (job.first_read = 0; reads > link_most_reads; reads -= link_most_reads, job.first_read += link_most_reads)
    launch_link_backward<T, 4, false>(stream, job);
  if (reads == 4) launch_link_backward<T, 4, true>(stream, job);
  else if (reads == 3) launch_link_backward<T, 3, true>(stream, job);
  else if (reads == 2) launch_link_backward<T, 2, true>(stream, job);
  else if (reads == 1) launch_link_backward<T, 1, true>(stream, job);
  else launch_link_backward<T, 0, true>(stream, job);
}

}  // namespace cuda
}  // namespace mg
