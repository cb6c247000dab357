// What forward and backward share on a GPU: the tables of a call, brought to the device, and launches over the rows of a work list.
// Layers run as a wavefront: with stage s = t + layer, all grids of all layers at one stage depend on earlier stages alone
// (Appleyard, Kocisky, Blunsom 2016), so each stage is one launch. A window norm needs all steps of a layer: then t = stage.
#pragma once
#include <algorithm>

#include "forward_cuda.h"
#include "norm_cuda.h"
#include "pack_cuda.h"

namespace mg {
namespace cuda {

struct TableChunk {
  unsigned words[896];  // as much as fits into the arguments of a launch, with room to spare
};
template <int>  // as other kernels, one copy in all
MG_KERNEL(256) store_kernel(TableChunk chunk, unsigned* to, int count) {
  for (int k = port::thread(); k < count; k += 256) to[k] = chunk.words[k];
}

// Arguments of a launch are copied when it is queued: no host memory has to stay as it is.
inline void upload(Stream stream, const std::vector<char>& bytes, char* to) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(TableChunk)) {
    TableChunk chunk{};
    const size_t n = std::min(sizeof chunk, bytes.size() - at);
    std::memcpy(chunk.words, bytes.data() + at, n);
    port::launch(store_kernel<0>, 1, 256, 0, stream, chunk, reinterpret_cast<unsigned*>(to + at), int((n + 3) / 4));
  }
}

class RecordedPass {
 public:
  explicit RecordedPass(char* tables) : tables(tables) {}
  char* const tables;
  std::vector<char> uploaded;
  port::Graph graph;
  bool was_called = false;
};

// Brings the tables to the device and runs launches(stream), from a recording where there is one.
template <class T, class F>
void run_pass(Stream stream, const BuiltTables<T>& built, char* tables, RecordedPass* recorded, F&& launches) {
  if (!recorded) {
    upload(stream, built.bytes, tables);
    return launches(stream);
  }
  if (recorded->uploaded != built.bytes) {
    upload(stream, built.bytes, tables);
    recorded->uploaded = built.bytes;
  }
  if (!recorded->was_called) {
    recorded->was_called = true;
    return launches(stream);
  }
  if (!recorded->graph.is_recorded()) recorded->graph.record(launches);
  recorded->graph.replay(stream);
}

// f(math): how the products of a plan are computed.
template <class T, class F>
void with_math(Precision precision, F&& f) {
  if constexpr (sizeof(T) == 4) {
    if (precision == Precision::tf32) return f(MatrixMath<false>{});
    if (precision == Precision::bfloat16) return f(MatrixMath<true>{});
  }
  f(ExactMath<T>{});
}

template <class T>
class CudaEngine {
 public:
  CudaEngine(Stream stream, const Plan& plan, const BuiltTables<T>& built, char* device)
      : stream(stream), p(plan), built(built), tables(reinterpret_cast<const Tables<T>*>(device)) {}

  int layers() const { return int(p.layer_first.size()) - 1; }

  // launch(first row, end, blocks) for the rows of layers [low, high], if there are any.
  template <class F>
  void each_rows(Work kind, int low, int high, F&& launch) const {
    const WorkRows& rows = built.work[int(kind)];
    const int first = rows.first[size_t(low)], end = rows.first[size_t(high) + 1];
    if (rows.blocks(first, end) > 0) launch(first, end, rows.blocks(first, end));
  }

  // stage(s, lowest layer, highest layer) of the steps [t0, t1), in order.
  template <class F>
  void wavefront(i64 t0, i64 t1, F&& stage) const {
    for (i64 s = t0; s < t1 + layers() - 1; s++) {
      const i64 low = std::max<i64>(0, s - t1 + 1), high = std::min<i64>(layers() - 1, s - t0);
      stage(s, int(low), int(high));
    }
  }

  // Compiled with the forward pass.
  void pack_forward() const;
  // Grids of layers [low, high] at steps s - skew * layer.
  void forward_stage(int low, int high, i64 s, int skew, GateUse gates) const;
  void forward_range(i64 t0, i64 t1, GateUse gates) const {
    wavefront(t0, t1, [&](i64 s, int low, int high) { forward_stage(low, high, s, 1, gates); });
  }

  template <class Math>
  static i64 shared_bytes(const std::vector<Product>& products, int first, int end) {
    i64 most = 0;
    for (int k = first; k < end; k++) most = std::max(most, TileMemory<Math>::bytes(products[size_t(k)]));
    return most;
  }

  template <bool Data>
  void pack(const std::vector<Product>& products) const {
    with_math<T>(p.spec.precision, [&](auto math) {
      port::launch(pack_kernel<decltype(math), Data>, i64(products.size()) * pack_blocks, 256, 0, stream, tables);
    });
  }

  Stream stream;
  const Plan& p;
  const BuiltTables<T>& built;
  const Tables<T>* tables;
};

}  // namespace cuda
}  // namespace mg
