#!/usr/bin/env bash
# Builds the binaries that are published, in a Debian 11 root, so that they load on systems as old as that (GLIBC 2.31).
#
#   native/release/debian11.sh [x64] [arm64]      default: both
#
# Needs root, debootstrap, and a checkout after `npm install` (its headers and its compiled TypeScript are used). The x64 binary
# gets the CUDA kernels if the CUDA toolkit is at MG_CUDA_HOME (default: where nvcc is), which the root sees while it builds.
# Writes prebuilds/linux-<arch>/multigrid-memory.glibc.node, checks what they need, and loads the x64 one inside the root.
# The root is kept for the next time: MG_ROOT (default /var/tmp/multigrid-memory-debian11), from MG_MIRROR or debootstrap's own mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=${MG_ROOT:-/var/tmp/multigrid-memory-debian11}
mirror=${MG_MIRROR:-}
jobs=${MG_JOBS:-$(nproc)}
cuda=${MG_CUDA_HOME:-$(nvcc --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' || true)}
[ $# -gt 0 ] || set -- x64 arm64

if [ ! -e "$root/.complete" ]; then
  rm -rf "$root"
  debootstrap --variant=minbase --include=make,cmake,g++,g++-aarch64-linux-gnu bullseye "$root" ${mirror:+"$mirror"}
  touch "$root/.complete"
fi

# Always the same path, so that no path of this machine reaches the binary.
rm -rf "$root/src"
mkdir -p "$root/src/node_modules"
cp -r CMakeLists.txt binding.d.ts package.json native dist "$root/src/"
for name in node-addon-api node-api-headers node-gyp-build commander; do
  cp -rL "node_modules/$name" "$root/src/node_modules/"
done
install -m 755 "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"

inside() { # COMMAND: in the root, with nothing of this machine's environment
  chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp LC_ALL=C PREBUILDS_ONLY=1 sh -euc "$1"
}

if [ -n "$cuda" ]; then
  mkdir -p "$root/usr/local/cuda"
  mount --bind -o ro "$(readlink -f "$cuda")" "$root/usr/local/cuda"
  trap 'umount "$root/usr/local/cuda"' EXIT
fi

for arch in "$@"; do
  case $arch in
    x64)
      tools=${cuda:+'-DMG_CUDA=ON -DCMAKE_CUDA_COMPILER=/usr/local/cuda/bin/nvcc'} strip=strip ;;
    arm64) tools='-DCMAKE_TOOLCHAIN_FILE=/src/native/release/aarch64.cmake' strip=aarch64-linux-gnu-strip ;;
    *) echo "debian11.sh: expected x64 or arm64, got $arch" >&2; exit 2 ;;
  esac
  inside "cd /src && rm -rf /tmp/out && cmake -S . -B /tmp/out $tools && cmake --build /tmp/out --parallel $jobs \
    && $strip --strip-unneeded /tmp/out/multigrid_memory.node"
  mkdir -p "prebuilds/linux-$arch"
  cp "$root/tmp/out/multigrid_memory.node" "prebuilds/linux-$arch/multigrid-memory.glibc.node"
  native/release/floor.sh "prebuilds/linux-$arch/multigrid-memory.glibc.node"
  mkdir -p "$root/src/prebuilds/linux-$arch"
  cp "prebuilds/linux-$arch/multigrid-memory.glibc.node" "$root/src/prebuilds/linux-$arch/"
done
if [ -e "$root/src/prebuilds/linux-$(node -p process.arch)" ]; then
  inside 'ldd --version | head -1; cd /tmp; node /src/dist/cli/main.js doctor'
fi
node native/checksums.mjs
