#!/bin/sh
# Builds the engine for the GPU of this machine and the TypeScript, then runs a command with both:
#
#   native/gpu.sh COMMAND [ARGUMENT]…
#
# Needs cmake, make or ninja, a C++ compiler and nvcc. Node and the packages are those of the checkout or, where it has none, of
# .offline/. MG_CUDA_ARCHS names other architectures than that of the GPU. MG_SHIM=1 takes the kernels as host code on a made-up
# device instead, to try a command on a machine without a GPU.
set -eu
cd "$(dirname "$0")/.."
fail() { echo "gpu: $*" >&2; exit 3; }

cuda=${CUDA_PATH:-/usr/local/cuda}
command -v nvcc > /dev/null || [ ! -x "$cuda/bin/nvcc" ] || PATH=$PATH:$cuda/bin
if ! command -v node > /dev/null || [ ! -e node_modules/typescript ]; then
  [ -x .offline/run ] ||
    fail "expected Node and node_modules (npm install), or .offline/ (npm run pack:offline elsewhere), got neither"
  exec .offline/run "native/$(basename "$0")" "$@"
fi
PATH=$PWD/node_modules/.bin:$PATH
export PATH
command -v make > /dev/null || export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"

if [ -n "${MG_SHIM:-}" ]; then
  build=build/shim-addon
  cmake -S . -B $build -DMG_CUDA=SHIM >&2
else
  command -v nvcc > /dev/null ||
    fail "expected nvcc on the PATH or in $cuda/bin, got none; install the CUDA toolkit, 13.0 or newer"
  found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | sort -u | tr -d . | sed 's/$/-real/' |
    paste -sd ';') || found=
  archs=${MG_CUDA_ARCHS:-$found}
  [ -n "$archs" ] || fail "expected a GPU that nvidia-smi shows, got none"
  build=build/gpu
  cmake -S . -B $build -DMG_CUDA=ON "-DMG_CUDA_ARCHS=$archs" >&2
fi
cmake --build $build --parallel "${MG_JOBS:-$(getconf _NPROCESSORS_ONLN)}" >&2
tsc -p lib >&2
MG_BINDING=$PWD/$build/multigrid_memory.node
MULTIGRID_MEMORY_DEVICE=cuda
export MG_BINDING MULTIGRID_MEMORY_DEVICE
exec "$@"
