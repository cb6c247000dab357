#!/bin/sh
# Compiles every CUDA file for the shipped architectures and reads the compiler's report: no kernel may use more than 255 registers
# or spill more than 128 bytes, what calls to library functions like exp save. Prints registers by file and the size of the code.
# MG_CUDA_GENCODE="sm_90" narrows the architectures; needs nvcc, no GPU.
set -eu
cd "$(dirname "$0")/.."
out=build/cuda-check
mkdir -p $out
gencode=""
for arch in ${MG_CUDA_GENCODE:-sm_80 sm_90 sm_100 sm_120 compute_80}; do
  number=${arch#*_}
  gencode="$gencode -gencode arch=compute_$number,code=$arch"
done
flags="-std=c++17 -O3 -fmad=false --extended-lambda --expt-relaxed-constexpr --compress-mode=size -Xcompiler=-fPIC,-ffp-contract=off,-fvisibility=hidden"
bad=0
for source in native/*/*.cu native/ops/*/*.cu; do
  [ -e "$source" ] || continue
  name=$(basename "$source" .cu)
  if [ ! -e "$out/$name.log" ] || [ -n "$(find native test/native/shim "$0" \( -name '*.h' -o -name '*.sh' -o -path "$source" \) -newer "$out/$name.log" | head -1)" ]; then
    # shellcheck disable=SC2086
    nvcc $flags $gencode -Xptxas -v -c "$source" -o "$out/$name.o" >"$out/$name.part" 2>&1 || { cat "$out/$name.part"; exit 1; }
    mv "$out/$name.part" "$out/$name.log"
  fi
  registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$out/$name.log" | sort -n | tail -1)
  kernels=$(grep -c "Used [0-9]* registers" "$out/$name.log" || true)
  spilled=$(sed -n 's/.* \([0-9]*\) bytes spill stores.*/\1/p' "$out/$name.log" | sort -n | tail -1)
  printf '%-28s %4d compiled kernels, at most %3d registers and %2d bytes spilled, %7d bytes\n' "$name" "$kernels" "${registers:-0}" "${spilled:-0}" "$(wc -c <"$out/$name.o")"
  if [ "${spilled:-0}" -gt 128 ] || [ "${registers:-0}" -gt 255 ] || grep -q -i 'warning' "$out/$name.log"; then
    grep -i warning "$out/$name.log" || true
    bad=1
  fi
done
exit $bad
