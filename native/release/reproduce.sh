#!/usr/bin/env bash
# Builds the published binaries again, from a copy of this checkout in another folder, and fails unless they have the bytes of
# those in prebuilds/. Takes and needs what debian11.sh does.
set -euo pipefail
cd "$(dirname "$0")/../.."
sums=$PWD/prebuilds/SHA256SUMS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/a-folder-with-another-name
mkdir "$copy"
cp -r CMakeLists.txt binding.d.ts package.json native dist "$copy/"
ln -s "$PWD/node_modules" "$copy/node_modules"
names=$(sed -n 's/.* linux-\([^/]*\).*/\1/p' "$sums")
# shellcheck disable=SC2086
"$copy/native/release/debian11.sh" $names > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cd "$copy/prebuilds"
sha256sum --check "$sums"
