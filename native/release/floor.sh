#!/usr/bin/env bash
# Fails unless every binary named runs on the systems we promise: GLIBC 2.31 or older, no C++ library, no libgomp, no libcudart,
# and every function is either Node's or has a version, that is, was found in a library when the binary was linked.
set -euo pipefail
limit=GLIBC_2.31
[ $# -gt 0 ] || { echo "usage: floor.sh FILE.node…" >&2; exit 2; }
for file in "$@"; do
  floor=$(objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  needed=$(objdump -p "$file" | awk '/NEEDED/ { print $2 }' | sort | tr '\n' ' ')
  echo "$file: $(stat -c %s "$file") bytes, needs $floor and $needed"
  if [ "$(printf '%s\n%s\n' "$floor" $limit | sort -V | tail -1)" != $limit ]; then
    echo "$file: expected at most $limit, got $floor" >&2
    exit 1
  fi
  if grep -qE 'stdc|cudart|gomp' <<< "$needed"; then
    echo "$file: expected only libraries of the C library and libgcc, got $needed" >&2
    exit 1
  fi
  unknown=$(nm -D --undefined-only "$file" | awk '$1 == "U" && $2 !~ /@/ && $2 !~ /^(napi|node_api)_/ { print $2 }' | tr '\n' ' ')
  if [ -n "$unknown" ]; then
    echo "$file: expected every function in a library, got none for $unknown" >&2
    exit 1
  fi
done
