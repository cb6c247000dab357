#!/usr/bin/env bash
# Builds the binaries that are published: with the GCC of this machine and the C library of a Debian 11 root, so that they are
# fast and load on systems as old as that (GLIBC 2.31).
#
#   native/release/debian11.sh [x64] [arm64]      default: both
#
# Needs root, debootstrap, cmake, g++ and for arm64 g++-aarch64-linux-gnu (12 or newer: older ones compile the convolution to code
# half as fast), and a checkout after `npm install`. The x64 binary gets the CUDA kernels where nvcc is on the PATH, for all
# released architectures unless MG_CUDA_ARCHS names others.
# Writes prebuilds/linux-<arch>/multigrid-memory.glibc.node, checks what they need, and loads the x64 one inside the root.
# The root is kept for the next time: MG_ROOT (default /var/tmp/multigrid-memory-debian11), from MG_MIRROR or debootstrap's own
# mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
export MG_ROOT=${MG_ROOT:-/var/tmp/multigrid-memory-debian11}
jobs=${MG_JOBS:-$(nproc)}
[ $# -gt 0 ] || set -- x64 arm64

if [ ! -e "$MG_ROOT/.complete" ]; then
  rm -rf "$MG_ROOT"
  packages=libc6-dev,libc6-dev-arm64-cross,libstdc++6-arm64-cross
  debootstrap --variant=minbase --include=$packages bullseye "$MG_ROOT" ${MG_MIRROR:+"$MG_MIRROR"}
  # Links to /lib/… would lead out of the root when the linker follows them from here.
  find "$MG_ROOT/usr/lib64" "$MG_ROOT/usr/lib/x86_64-linux-gnu" -maxdepth 1 -type l -lname '/*' -printf '%p %l\n' |
    while read -r link target; do ln -sfnr "$MG_ROOT$target" "$link"; done
  touch "$MG_ROOT/.complete"
fi

# Always the same folder: nvcc makes names with a hash of it.
src=$MG_ROOT/src
build=$MG_ROOT/build
rm -rf "$src" "$build"
mkdir -p "$src/node_modules"
cp -r CMakeLists.txt binding.d.ts package.json native dist "$src/"
for name in node-addon-api node-api-headers node-gyp-build commander; do cp -rL "node_modules/$name" "$src/node_modules/"; done

for arch in "$@"; do
  options=()
  case $arch in
    x64)
      export MG_PROCESSOR=x86_64
      if command -v nvcc > /dev/null; then options=(-DMG_CUDA=ON ${MG_CUDA_ARCHS:+"-DMG_CUDA_ARCHS=$MG_CUDA_ARCHS"}); fi ;;
    arm64) export MG_PROCESSOR=aarch64 ;;
    *) echo "debian11.sh: expected x64 or arm64, got $arch" >&2; exit 2 ;;
  esac
  cmake -S "$src" -B "$build/$arch" -DCMAKE_TOOLCHAIN_FILE="$src/native/release/debian11.cmake" "${options[@]}"
  cmake --build "$build/$arch" --parallel "$jobs"
  mkdir -p "prebuilds/linux-$arch"
  cp "$build/$arch/multigrid_memory.node" "prebuilds/linux-$arch/multigrid-memory.glibc.node"
  native/release/floor.sh "prebuilds/linux-$arch/multigrid-memory.glibc.node"
done
node native/checksums.mjs

if [ -e prebuilds/linux-x64 ]; then
  cp -r prebuilds "$src/"
  install -m 755 "$(readlink -f "$(command -v node)")" "$MG_ROOT/usr/local/bin/node"
  chroot "$MG_ROOT" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp LC_ALL=C PREBUILDS_ONLY=1 \
    sh -euc 'ldd --version | head -1; cd /tmp; node /src/dist/cli/main.js doctor'
fi
