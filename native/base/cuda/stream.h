// A CUDA stream, named without any CUDA header: what the hosts of kernels pass on.
#pragma once

struct CUstream_st;

namespace mg {
namespace cuda {

using Stream = CUstream_st*;  // the same type as cudaStream_t

}  // namespace cuda
}  // namespace mg
