#!/bin/sh
# The addon under the sanitizers of the compiler, in an ordinary Node: npm run test:sanitize -- [asan] [tsan] [faults]
#   asan    addresses, undefined behaviour and leaks: the tests of the addon, and trainings of every kind of model
#   tsan    threads: trainings of every kind on four threads, with evaluations beside them
#   faults  faults planted in the addon's sources, one at a time: each must be reported (needs the builds of both)
# TESTS: other test files than those of the addon.
set -eu
cd "$(dirname "$0")/../.."
TESTS=${TESTS:-test/ops test/nn test/optim test/binding test/tensor test/models test/faults/memory.test.ts}
library() { "${CXX:-c++}" -print-file-name="lib$1.so"; }

# Makefiles leave the commands behind by which planted faults are compiled and linked.
build() {
  cmake -S . -B "build/$1" -G 'Unix Makefiles' -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DMG_SANITIZE="$2" > /dev/null
  cmake --build "build/$1" --parallel "${MG_JOBS:-2}"
}

# Runs a command with the addon of a build and its sanitizer's library, which must come first. MG_ADDON: another such addon.
with() {
  kind=$1
  shift
  binding=${MG_ADDON:-$PWD/build/$kind/multigrid_memory.node}
  case $kind in
    asan)
      MG_BINDING=$binding LD_PRELOAD=$(library asan) \
        ASAN_OPTIONS="detect_leaks=${LEAKS:-0}:exitcode=66:allocator_may_return_null=1" \
        LSAN_OPTIONS="suppressions=$PWD/test/native/lsan.supp:print_suppressions=0" UBSAN_OPTIONS=print_stacktrace=1 "$@"
      ;;
    tsan)
      MG_BINDING=$binding LD_PRELOAD=$(library tsan) \
        TSAN_OPTIONS=ignore_noninstrumented_modules=1:ignore_interceptors_accesses=1:halt_on_error=1:exitcode=66 \
        setarch -R "$@"
      ;;
  esac
}

for wanted in ${*:-asan tsan faults}; do
  echo "== $wanted"
  case $wanted in
    asan)
      build asan 'address;undefined'
      LEAKS=1 with asan node test/native/workload.mjs
      # shellcheck disable=SC2086
      with asan npx vitest run --config test/vitest.config.ts --testTimeout 3600000 $TESTS
      ;;
    tsan)
      build tsan thread
      with tsan node test/native/workload.mjs
      ;;
    faults) node test/native/sanitizer-faults.mjs ;;
    run) # run KIND: the workload alone, for planted faults
      LEAKS=1 with "$2" node test/native/workload.mjs
      exit
      ;;
    *)
      echo "expected asan, tsan or faults, got $wanted" >&2
      exit 2
      ;;
  esac
done
