// What forward and backward share on a GPU: the tables of a call, brought to the device, and launches over the rows of a work
// list. A stage is one launch, or, where the stages are so small that they would wait for each other most of the time, all of
// them are one launch. A window norm needs all steps of a layer before the next layer, in a launch each.
#pragma once
#include <algorithm>

#include "forward.h"
#include "norm.h"
#include "pack.h"

namespace mg {
namespace cuda {

struct TableChunk {
  unsigned words[4096];  // the arguments of a launch may take 32,764 bytes
};
template <int>  // as other kernels, one copy in all
MG_KERNEL(256) store_kernel(TableChunk chunk, unsigned* to, int count) {
  for (int k = port::thread(); k < count; k += 256) to[k] = chunk.words[k];
}

// Arguments of a launch are copied when it is queued: no host memory has to stay as it is.
inline void upload(Stream stream, const std::vector<char>& bytes, char* to) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(TableChunk)) {
    TableChunk chunk{};
    const std::size_t n = std::min(sizeof chunk, bytes.size() - at);
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
    const int first = rows.first[std::size_t(low)], end = rows.first[std::size_t(high) + 1];
    if (rows.blocks(first, end) > 0) launch(first, end, rows.blocks(first, end));
  }

  int skew() const { return p.layer_major ? 0 : 1; }
  Stages stages(i64 t0, i64 t1) const { return {t0, t1, layers()}; }
  // Blocks of the stage that has most.
  i64 fullest(Work kind) const {
    const WorkRows& rows = built.work[int(kind)];
    if (p.steps > 1) return rows.before.back();
    i64 most = 0;
    for (std::size_t l = 0; l < std::size_t(layers()); l++) most = std::max(most, rows.blocks(rows.first[l], rows.first[l + 1]));
    return most;
  }

  // Compiled with the forward pass.
  void pack_forward() const;
  void forward_stage(const Stage& stage, GateUse gates) const;
  void forward_range(i64 t0, i64 t1, GateUse gates) const {
    const Stages all = stages(t0, t1);
    for (i64 k = 0; k < all.count(); k++) forward_stage(all.at(k), gates);
  }
  void forward_window(GateUse gates) const;

  template <class Math>
  static i64 shared_bytes(const std::vector<Product>& products) {
    return shared_bytes<Math>(products, 0, int(products.size()));
  }
  template <class Math>
  static i64 shared_bytes(const std::vector<Product>& products, int first, int end) {
    i64 most = 0;
    for (int k = first; k < end; k++) most = std::max(most, TileMemory<Math>::bytes(products[std::size_t(k)]));
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
