#!/bin/sh
# All CUDA kernels on the host: plain, under the address and undefined-behaviour sanitizers, and, on small shapes, under the
# thread sanitizer; and planted faults, in a small kernel and in the sources of the fused engine, each of which must be found.
# Arguments: which of plain, asan, tsan, faults (all); faults needs plain.
set -eu
cd "$(dirname "$0")/../.."
out=build/shim
jobs=${MG_JOBS:-2}
seed=${MG_SEED:-$(date +%s)}
base="-std=c++17 -ffp-contract=off -Wall -Wextra -pthread"
fused=""
grep -q ' fma ' /proc/cpuinfo 2>/dev/null && fused=-mfma

# compile OBJECT FLAGS… SOURCE: prints the command, unless the object is newer than all it was made from
compile() {
  object=$1
  shift
  mkdir -p "$(dirname "$object")"
  if [ -e "$object" ] && [ -e "$object.d" ] && [ "$0" -ot "$object" ]; then
    stale=""
    for part in $(sed -e 's/^[^:]*://' -e 's/\\$//' "$object.d"); do [ "$part" -ot "$object" ] || stale=$part; done
    [ -n "$stale" ] || return 0
  fi
  echo "g++ $* -MMD -MF $object.d -o $object"
}

# The name of a source's object: native/ops/dnc/cuda/dnc.cu is dnc_cuda_dnc.o.
object() { echo "${1%.c[cu]}.o" | sed -e 's|^native/[a-z]*/||' -e 's|/|_|g'; }

# The CPU twins are the reference: compiled once, without sanitizers.
reference() {
  for source in native/base/*/*.cc native/ops/*/*.cc native/ops/*/*/*.cc; do
    case $source in
      */network/cpu/*) continue ;;
      *_avx2.cc) flags="-mavx2 -mfma" ;;
      *_avx512.cc) flags="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma" ;;
      *) flags="" ;;
    esac
    compile "$out/reference/$(object "$source")" $base $flags -O2 -c "$source"
  done
}

# The shim itself must not carry the thread sanitizer: it tells it about fibers instead.
kernels() {
  kind=$1 flags=$2 shim_flags=$3
  for source in native/ops/*/*.cu native/ops/*/*/*.cu; do
    compile "$out/$kind/kernels/$(object "$source")" $base $fused $flags -Itest/native/shim -x c++ -c "$source"
  done
  compile "$out/$kind/planted.o" $base $fused $flags -Itest/native/shim -x c++ -c test/native/shim/planted.cu
  for source in test/native/cuda_check*.cc test/native/network_cuda_check.cc; do
    compile "$out/$kind/$(basename "$source" .cc).o" $base $flags -c "$source"
  done
  compile "$out/$kind/cuda_shim.o" $base $shim_flags -c test/native/shim/cuda_shim.cc
  compile "$out/$kind/device.o" $base $flags -Itest/native/shim -x c++ -c native/device/cuda_device.cu
  compile "$out/$kind/device_check.o" $base $flags -c test/native/device_check.cc
}

must_fail() {
  if "$@" >"$out/planted.log" 2>&1; then
    echo "FAIL: not found: $*"
    exit 1
  fi
  echo "found: $(grep -m1 -E 'cuda shim:|ERROR: AddressSanitizer|WARNING: ThreadSanitizer|wrong' "$out/planted.log")"
}

check() {
  kind=$1 flags=$2 size=$3 networks=$4 most=$5 faults=$6
  for program in cuda_check network_cuda_check; do
    g++ -pthread $flags "$out"/reference/*.o "$out/$kind"/kernels/*.o "$out/$kind/$program"*.o "$out/$kind/cuda_shim.o" \
      -o "$out/${program}_$kind"
  done
  g++ -pthread $flags "$out/$kind/planted.o" "$out/$kind/cuda_shim.o" -o "$out/planted_$kind"
  g++ -pthread $flags "$out"/reference/host_alloc.o "$out/$kind/device.o" "$out/$kind/device_check.o" -o "$out/device_check_$kind"
  echo "== $kind"
  "$out/device_check_$kind"
  "$out/device_check_$kind" no-driver 'no NVIDIA driver is installed'
  "$out/device_check_$kind" old-driver 'the NVIDIA driver is too old: it serves CUDA 12.4, needed is 13.0'
  "$out/device_check_$kind" none 'there is an NVIDIA driver, but no GPU'
  "$out/device_check_$kind" old-gpu 'Shim is too old: compute capability 7.0, needed is 8.0'
  "$out/planted_$kind"
  for fault in $faults; do must_fail "$out/planted_$kind" "$fault"; done
  MG_SHIM_SEED=$seed "$out/cuda_check_$kind" "$seed" "$size"
  MG_SHIM_SEED=$seed "$out/network_cuda_check_$kind" "$seed" "$networks" "$most"
}

export ASAN_OPTIONS=detect_stack_use_after_return=0 TSAN_OPTIONS=halt_on_error=1
wanted=${*:-plain asan tsan faults}
asan="-O1 -g -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
tsan="-O1 -g -Wno-maybe-uninitialized -fsanitize=thread"
{
  reference
  for kind in $wanted; do
    case $kind in
      plain) kernels plain -O1 -O2 ;;
      asan) kernels asan "$asan" "$asan" ;;
      tsan) kernels tsan "$tsan" "-O2 -DMG_SHIM_TSAN" ;;
    esac
  done
} >"$out.commands" 2>/dev/null || { mkdir -p build; exec "$0" "$@"; }
xargs -P "$jobs" -I{} sh -c '{} || exit 255' <"$out.commands"
for kind in $wanted; do
  case $kind in
    plain) check plain "" large 20 1000 "1 2 3 5 6 7" ;;
    asan) check asan "$asan" full 8 50 "1 2 4 5 6 7" ;;
    tsan) check tsan -fsanitize=thread small 4 1 "2 3 5 6 7" ;;
    # shellcheck disable=SC2086
    faults) echo "== faults" && node test/native/faults.mjs "$out" plain "$seed" g++ $base $fused -O1 ;;
  esac
done
