// The only door of kernels to the machine: thread numbers, shared memory, barriers, exchanges inside a warp, asynchronous copies,
// matrix units and launches. Under nvcc each is the real thing; every other compiler finds `cuda_shim.h` on its include path,
// which runs the same kernels on the host. Kernels use one-dimensional blocks, dynamic shared memory only, and nothing else.
#pragma once
#include "../platform.h"
#include "stream.h"

#if defined(__CUDACC__)

#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "../check.h"

// Kernels: MG_KERNEL(256) name(…) {…} for blocks of at most 256 threads; MG_KERNEL(256, 2), where registers must do for two such
// blocks on a processor. Functions and lambdas of the device: MG_DEVICE; MG_APART where they are to be called, with registers of
// their own, instead of becoming part of a kernel.
#define MG_KERNEL(...) __global__ void __launch_bounds__(__VA_ARGS__)
#define MG_DEVICE __device__
#define MG_APART __device__ __noinline__
#define MG_UNROLL _Pragma("unroll")
// All threads of a block wait for each other; memory written before is seen after.
#define MG_BARRIER() __syncthreads()
// The same for all blocks of launch_together.
#define MG_GRID_BARRIER() cooperative_groups::this_grid().sync()

namespace mg {
namespace port {

__device__ __forceinline__ int thread() { return int(threadIdx.x); }
__device__ __forceinline__ int threads() { return int(blockDim.x); }
__device__ __forceinline__ i64 block() { return i64(blockIdx.x); }
__device__ __forceinline__ i64 blocks() { return i64(gridDim.x); }

// The block's shared memory, as many bytes as the launch said, aligned to 128, with undefined contents.
template <class T>
__device__ __forceinline__ T* shared() {
  extern __shared__ __align__(128) unsigned char mg_shared_memory[];
  return reinterpret_cast<T*>(mg_shared_memory);
}

// All 32 lanes of the warp take part in each of these.
template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <class T>
__device__ __forceinline__ T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
__device__ __forceinline__ unsigned ballot(bool flag) { return __ballot_sync(0xffffffffu, flag); }
__device__ __forceinline__ void warp_barrier() { __syncwarp(); }
__device__ __forceinline__ int first_bit(unsigned bits) { return __ffs(int(bits)) - 1; }

__device__ __forceinline__ float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ double fma(double a, double b, double c) { return __fma_rn(a, b, c); }

// 16 bytes from global to shared memory, zeros unless `valid`; both aligned to 16. Arrives at the latest when the thread waits
// for its group: copy_wait<n>() leaves the n youngest groups in flight. Other threads see it after a barrier behind the wait.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid) {
  const unsigned at = unsigned(__cvta_generic_to_shared(to));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// d [16,8] += a [16,8] b [8,8], tf32 operands (their low 13 bits are not looked at), float sums; fragments as in the PTX manual.
__device__ __forceinline__ void mma_tf32(float* d, const unsigned* a, const unsigned* b) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// d [16,8] += a [16,16] b [16,8], bfloat16 operands, two to a word, float sums.
__device__ __forceinline__ void mma_bf16(float* d, const unsigned* a, const unsigned* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four matrices [8,8] of 16-bit values in shared memory, transposed: lane l names line l % 8 of matrix l / 8, 16 bytes aligned to
// 16; word k is for matrix k the values in column l / 4 of lines 2 (l % 4), low, and 2 (l % 4) + 1.
__device__ __forceinline__ void load_transposed(unsigned* to, const void* line) {
  const unsigned at = unsigned(__cvta_generic_to_shared(line));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(at)
               : "memory");
}

// The nearest tf32, ties away from zero; a pair of the nearest bfloat16, ties to even, the first one low.
__device__ __forceinline__ unsigned to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
__device__ __forceinline__ unsigned to_bf16_pair(float low, float high) {
  unsigned bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

inline void expect_success(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  fail(status == cudaErrorMemoryAllocation ? "ERR_MG_MEMORY" : "ERR_MG_CUDA",
       std::string(what) + ": expected success on the CUDA device, got " + cudaGetErrorName(status) + ", " +
           cudaGetErrorString(status));
}

template <class... Parameters>
void allow_shared(void (*kernel)(Parameters...), i64 shared_bytes) {
  if (shared_bytes > 48 * 1024)
    expect_success(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)), "launch");
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), i64 blocks, int threads, i64 shared_bytes, cuda::Stream stream,
            Arguments... arguments) {
  if (blocks == 0) return;
  allow_shared(kernel, shared_bytes);
  kernel<<<dim3(unsigned(blocks)), dim3(unsigned(threads)), std::size_t(shared_bytes), stream>>>(arguments...);
  expect_success(cudaGetLastError(), "launch");
}

// `blocks` blocks, or as many as the device can run at the same time if those are fewer: they may wait for each other.
template <class... Parameters, class... Arguments>
void launch_together(void (*kernel)(Parameters...), i64 blocks, int threads, i64 shared_bytes, cuda::Stream stream,
                     Arguments... arguments) {
  if (blocks == 0) return;
  allow_shared(kernel, shared_bytes);
  int device = 0, processors = 0, each = 0;
  expect_success(cudaGetDevice(&device), "launch");
  expect_success(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "launch");
  expect_success(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel, threads, std::size_t(shared_bytes)), "launch");
  const auto start = [&](Parameters... parameters) {
    void* list[] = {&parameters...};
    return cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel),
                                       dim3(unsigned(std::min(blocks, i64(processors) * each))), dim3(unsigned(threads)), list,
                                       std::size_t(shared_bytes), stream);
  };
  expect_success(start(arguments...), "launch");
}

// A sequence of launches with their arguments, recorded once and replayed as one.
class Graph {
 public:
  Graph() = default;
  ~Graph() {
    if (graph_) cudaGraphExecDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  bool is_recorded() const { return graph_ != nullptr; }
  // launches(stream) only launches, and all of it to that stream.
  template <class F>
  void record(F&& launches) {
    cudaStream_t stream = nullptr;
    cudaGraph_t recorded = nullptr;
    expect_success(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
    cudaError_t status = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (status == cudaSuccess) {
      try {
        launches(stream);
      } catch (...) {
        cudaStreamEndCapture(stream, &recorded);
        cudaStreamDestroy(stream);
        if (recorded) cudaGraphDestroy(recorded);
        throw;
      }
      status = cudaStreamEndCapture(stream, &recorded);
    }
    if (status == cudaSuccess) status = cudaGraphInstantiate(&graph_, recorded, 0);
    if (recorded) cudaGraphDestroy(recorded);
    cudaStreamDestroy(stream);
    expect_success(status, "recording a graph");
  }
  void replay(cuda::Stream stream) const { expect_success(cudaGraphLaunch(graph_, stream), "cudaGraphLaunch"); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace port
}  // namespace mg

#else
#include "cuda_shim.h"
#endif
