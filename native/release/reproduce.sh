#!/usr/bin/env bash
# Builds this machine's binary twice from nothing, in two folders, and fails unless both have the same bytes.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in first second-with-a-longer-name; do
  mkdir -p "$work/$name"
  cp -r CMakeLists.txt binding.d.ts package.json native "$work/$name/"
  ln -s "$PWD/node_modules" "$work/$name/node_modules"
  cmake -S "$work/$name" -B "$work/$name/out" > "$work/log" || { cat "$work/log"; exit 1; }
  cmake --build "$work/$name/out" --parallel "${MG_JOBS:-$(nproc)}" > "$work/log" || { cat "$work/log"; exit 1; }
  strip --strip-unneeded "$work/$name/out/multigrid_memory.node"
  sha256sum "$work/$name/out/multigrid_memory.node" | tee -a "$work/sums"
done
if [ "$(cut -d' ' -f1 "$work/sums" | sort -u | wc -l)" != 1 ]; then
  echo "reproduce.sh: expected the same bytes twice" >&2
  exit 1
fi
