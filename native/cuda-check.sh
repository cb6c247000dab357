#!/bin/sh
# Compiles every CUDA file for the shipped architectures and reads the compiler's report. No kernel may use more registers or
# spill more bytes than the budget of its file: 128 of each, or what a line "// Budget: 168 registers, 16 bytes spilled" in the
# file says. (Around a call of exp, log or a division, live values are saved on the stack: that counts as spilling too.)
# MG_CUDA_GENCODE="sm_90" narrows the architectures; needs nvcc, no GPU.
set -eu
cd "$(dirname "$0")/.."
archs=${MG_CUDA_GENCODE:-sm_80 sm_90 sm_100 sm_120 compute_80}
out=build/cuda-check/$(echo "$archs" | tr ' ' '+')
mkdir -p "$out"
gencode=""
for arch in $archs; do
  number=${arch#*_}
  gencode="$gencode -gencode arch=compute_$number,code=$arch"
done
flags="-std=c++17 -O3 -fmad=false --extended-lambda --expt-relaxed-constexpr --compress-mode=size"
flags="$flags -Xcompiler=-fPIC,-ffp-contract=off,-fvisibility=hidden"
bad=0 total=0
for source in native/*/*.cu native/ops/*/*.cu native/ops/*/*/*.cu; do
  [ -e "$source" ] || continue
  name=$(echo "${source%.cu}" | sed -e 's|^native/||' -e 's|^ops/||' -e 's|/|_|g')
  stale=$source
  if [ -e "$out/$name.log" ] && [ -e "$out/$name.d" ] && [ "$0" -ot "$out/$name.log" ]; then
    stale=""
    for part in $(sed -e 's/^[^:]*://' -e 's/\\$//' "$out/$name.d"); do
      case $part in native/*) [ "$part" -ot "$out/$name.log" ] || stale=$part ;; esac
    done
  fi
  if [ -n "$stale" ]; then
    # shellcheck disable=SC2086
    nvcc $flags $gencode -MMD -MF "$out/$name.d" -Xptxas -v -c "$source" -o "$out/$name.o" >"$out/$name.part" 2>&1 || {
      cat "$out/$name.part"
      exit 1
    }
    mv "$out/$name.part" "$out/$name.log"
  fi
  registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$out/$name.log" | sort -n | tail -1)
  kernels=$(grep -c "Used [0-9]* registers" "$out/$name.log" || true)
  spilled=$(sed -n 's/.* \([0-9]*\) bytes spill stores.*/\1/p' "$out/$name.log" | sort -n | tail -1)
  budget=$(sed -n 's|^// Budget: \([0-9]*\) registers, \([0-9]*\) bytes spilled.*|\1 \2|p' "$source" | head -1)
  most_registers=${budget% *} most_spilled=${budget#* }
  size=$(wc -c <"$out/$name.o")
  total=$((total + size))
  printf '%-28s %4d compiled kernels, at most %3d registers and %3d bytes spilled, %7d bytes\n' \
    "$name" "$kernels" "${registers:-0}" "${spilled:-0}" "$size"
  if [ "${registers:-0}" -gt "${most_registers:-128}" ] || [ "${spilled:-0}" -gt "${most_spilled:-128}" ]; then
    echo "FAIL: beyond the budget of ${most_registers:-128} registers and ${most_spilled:-128} bytes"
    bad=1
  fi
  if grep -i warning "$out/$name.log"; then bad=1; fi
done
echo "$total bytes of object files for $archs"
exit $bad
