#!/bin/sh
# The tests of ops, layers, models and training on the GPU of this machine, and each model against the CPU:
#
#   test/gpu.sh [FILE or OPTION of vitest]…
#   test/gpu.sh --sanitize memcheck | racecheck | initcheck | synccheck [FILE or OPTION of vitest]…
#                                                                     takes long; default: each model
#
# The engine is built first; see native/gpu.sh for what that needs, and for MG_SHIM=1.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${MG_BINDING:-}" ]; then exec native/gpu.sh "test/$(basename "$0")" "$@"; fi

# Kernels run one after the other in any case; a hundred times slower under the emulation or a sanitizer.
vitest="node node_modules/vitest/vitest.mjs run --config test/vitest.config.ts --maxWorkers 1"
if [ "${1:-}" = --sanitize ]; then
  tool=${2:-memcheck}
  shift $(($# > 1 ? 2 : 1))
  if ! command -v compute-sanitizer > /dev/null; then
    echo "gpu: expected compute-sanitizer of the CUDA toolkit, got none" >&2
    exit 3
  fi
  [ $# -gt 0 ] || set -- test/models/gpu.test.ts
  exec compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 9 $vitest --testTimeout 3600000 "$@"
fi
[ -z "${MG_SHIM:-}" ] || vitest="$vitest --testTimeout 1200000"
if [ $# -eq 0 ]; then set -- test/tensor test/ops test/optim test/nn test/models test/golden test/train/trainer.test.ts; fi
exec $vitest "$@"
