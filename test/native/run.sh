#!/bin/sh
# Builds a program of test/native or bench/kernels with the kernels it checks (no Node, no CMake) and runs it:
#   test/native/run.sh test/native/conv_check.cc [arguments]        CXX and CXXFLAGS are heeded
set -e
cd "$(dirname "$0")/../.."
main=$1
shift
out=build/native-check
mkdir -p "$out"
flags="-std=c++17 -O3 -ffp-contract=off -fvisibility=hidden -Wall -Wextra -pthread ${CXXFLAGS:-}"
objects=
for source in native/base/host/pool.cc native/base/host/simd.cc native/base/conv/*.cc native/ops/conv/*.cc \
  native/ops/network/*/*.cc "$main"; do
  case $source in
    *_avx2.cc) target="-mavx2 -mfma" ;;
    *_avx512.cc) target="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma" ;;
    *) target= ;;
  esac
  case $(uname -m) in x86_64) ;; *) target= ;; esac
  object=$out/$(echo "$source" | tr / _).o
  ${CXX:-g++} $flags $target -c "$source" -o "$object"
  objects="$objects $object"
done
${CXX:-g++} $flags $objects -o "$out/program"
exec "$out/program" "$@"
