#!/bin/sh
# Builds a program of test/native or bench/kernels with the kernels it checks (no Node, no CMake) and runs it:
#   test/native/run.sh test/native/conv_check.cc [arguments]        CXX and CXXFLAGS are heeded
# Objects are kept in build/native-check, a folder for each compiler and its flags, and made again where a source is newer.
set -e
cd "$(dirname "$0")/../.."
main=$1
shift
flags="-std=c++17 -O3 -ffp-contract=off -fvisibility=hidden -Wall -Wextra -pthread ${CXXFLAGS:-}"
out=build/native-check/$(echo "${CXX:-g++} $flags" | cksum | cut -d' ' -f1)
mkdir -p "$out"
objects= commands=
for source in native/base/host/alloc.cc native/base/host/pool.cc native/base/host/simd.cc native/base/conv/*.cc \
  native/ops/conv/*.cc native/ops/network/*/*.cc "$main"; do
  case $source in
    *_avx2.cc) target="-mavx2 -mfma" ;;
    *_avx512.cc) target="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma" ;;
    *) target= ;;
  esac
  case $(uname -m) in x86_64) ;; *) target= ;; esac
  object=$out/$(echo "$source" | tr / _).o
  objects="$objects $object"
  stale=yes
  if [ -e "$object" ] && [ -e "$object.d" ] && [ "$0" -ot "$object" ]; then
    stale=
    for part in $(sed -e 's/^[^:]*://' -e 's/\\$//' "$object.d"); do [ "$part" -ot "$object" ] || stale=yes; done
  fi
  [ -z "$stale" ] || commands="$commands${CXX:-g++} $flags $target -MMD -MF $object.d -c $source -o $object
"
done
printf %s "$commands" | xargs -P "${MG_JOBS:-2}" -I{} sh -c '{} || exit 255'
program=$out/$(basename "$main" .cc)
${CXX:-g++} $flags $objects -o "$program"
exec "$program" "$@"
