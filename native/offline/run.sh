#!/bin/sh
# Runs a command in this checkout with the packed Node and packages.
#
#   .offline/run [--build [-D NAME=VALUE]…] COMMAND [ARGUMENT]…
#
#   .offline/run --build vitest run --config test/vitest.config.ts --exclude 'test/install/**'
#   .offline/run --build -D MG_CUDA=ON node dist/cli/main.js doctor
#
# --build compiles the native module with cmake and the TypeScript first; -D sets an option of CMake. The packages are unpacked
# once, into OFFLINE_DIR (default: TMPDIR or /tmp).
set -eu
sum=@SUM@
platform=@PLATFORM@
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
fail() { echo "offline: $*" >&2; exit 1; }

build='' options=''
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=1; shift ;;
    -D) [ $# -ge 2 ] || fail "expected NAME=VALUE after -D"; options="$options -D$2"; shift 2 ;;
    -h | --help) sed -n '2,/^set/p' "$0" | sed -e '/^set/d' -e 's/^# \{0,1\}//'; exit 0 ;;
    -*) fail "expected --build, -D or a command, got $1" ;;
    *) break ;;
  esac
done
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) this=linux-x64 ;;
  Linux-aarch64) this=linux-arm64 ;;
  *) this=$(uname -s)-$(uname -m) ;;
esac
[ "$this" = "$platform" ] || fail "expected a machine of $platform, for which this was packed, got $this"

# Unpacked beside the final name and renamed, so that a call that is stopped leaves nothing half done.
store=${OFFLINE_DIR:-${TMPDIR:-/tmp}}/multigrid-memory-$(id -u)-$(printf %.16s "$sum")
if [ ! -x "$store/node/bin/node" ]; then
  [ "$(sha256sum < "$here/bundle.tar.xz" | cut -d' ' -f1)" = "$sum" ] ||
    fail "bundle.tar.xz is damaged: its checksum is not the recorded one"
  mkdir -p "$(dirname -- "$store")"
  part=$(mktemp -d "$store.XXXXXX")
  trap 'rm -rf "$part"' EXIT INT TERM
  if command -v xz > /dev/null; then
    xz -dc "$here/bundle.tar.xz" | tar -x --no-same-owner -f - -C "$part"
  else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$here/bundle.tar.xz" "$part" \
      || fail "unpacking needs xz or python3"
  fi
  chmod 755 "$part"
  mv -T "$part" "$store" 2> /dev/null || [ -x "$store/node/bin/node" ] || fail "could not make $store"
  rm -rf "$part"
  trap - EXIT INT TERM
fi

if [ -L "$root/node_modules" ] || [ ! -e "$root/node_modules" ]; then
  ln -sfn "$store/node_modules" "$root/node_modules"
else
  echo "offline: using the node_modules of this checkout" >&2
fi
PATH=$store/node/bin:$root/node_modules/.bin:$PATH
cuda=${CUDA_PATH:-/usr/local/cuda}
command -v nvcc > /dev/null || [ ! -x "$cuda/bin/nvcc" ] || PATH=$PATH:$cuda/bin
export PATH
cd "$root"

if [ -n "$build" ]; then
  # A cache made in another folder, or by another generator, is of no use here.
  rm -rf build/CMakeCache.txt build/CMakeFiles
  # shellcheck disable=SC2086
  { cmake -S . -B build $options && cmake --build build --parallel "$(getconf _NPROCESSORS_ONLN)" && tsc -p lib; } >&2
fi
[ $# -gt 0 ] || exit 0
exec "$@"
