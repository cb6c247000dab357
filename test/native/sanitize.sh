#!/bin/sh
# The addon under the sanitizers of the compiler, in an ordinary Node: npm run test:sanitize -- [asan] [tsan] [faults]
#   asan    addresses, undefined behaviour and leaks: the tests of the addon, and trainings of every kind of model
#   tsan    threads: trainings of every kind on four threads, with evaluations beside them
#   faults  faults planted in the addon's sources, one at a time: each must be reported (needs the builds of both)
# TESTS: some of the tests of the addon, or others. What was green is not run again until tests, library or addon are newer.
# What was shown is kept as rows S1, S2 and S3.
set -eu
cd "$(dirname "$0")/../.."
ALL='test/ops test/nn test/optim test/binding test/tensor test/models test/faults/memory.test.ts'
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

# Where what a kind has shown of a folder of tests, or of the workload, is kept.
shown() { echo "build/$1/shown/$(echo "$2" | tr / -)"; }

# The workload under the sanitizer of a kind; its lines are kept.
work() {
  mkdir -p "build/$1/shown"
  lines=$(shown "$1" workload)
  rm -f "$lines"
  if with "$1" node test/native/workload.mjs > "$lines.begun"; then mv "$lines.begun" "$lines"; else
    cat "$lines.begun"
    exit 1
  fi
}

# Tests of the addon under the sanitizer of a kind.
try() {
  report=$(shown "$1" "$2")
  if [ -e "$report" ] && [ -z "$(find "$2" lib "build/$1/multigrid_memory.node" -newer "$report")" ]; then return; fi
  rm -f "$report"
  with "$1" npx vitest run --config test/vitest.config.ts --testTimeout 3600000 --reporter=default --reporter=json \
    --outputFile="$report.begun" "$2"
  mv "$report.begun" "$report"
}

for wanted in ${*:-asan tsan faults}; do
  echo "== $wanted"
  case $wanted in
    asan)
      build asan 'address;undefined'
      LEAKS=1 work asan
      for tests in ${TESTS:-$ALL}; do try asan "$tests"; done
      # shellcheck disable=SC2046
      node test/native/sanitized.mjs S1 $(for tests in workload $ALL; do shown asan "$tests"; done)
      ;;
    tsan)
      build tsan thread
      work tsan
      node test/native/sanitized.mjs S2 "$(shown tsan workload)"
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
