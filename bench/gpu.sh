#!/bin/sh
# Benchmarks on the GPU of this machine, of ours and of PyTorch in turn: ops, networks, DNC. Writes JSON to bench/results/.
#
#   bench/gpu.sh [--quick] [--only networks,ops,dnc] [--match TEXT] [--modes eager,compile,graph,strong] [--rounds COUNT]
#     [--limit SECONDS] [--python FILE] [--out FILE]
#
# --match runs the rows whose name has that text; --modes, those modes of PyTorch; --limit ends a program that takes longer. A row
# takes minutes, most of it to compile PyTorch's. The file is written after every row.
# The engine is built first; see native/gpu.sh for what that needs. Without PyTorch for --python (default:
# python3) ours runs alone.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${MG_BINDING:-}" ]; then exec native/gpu.sh "bench/$(basename "$0")" "$@"; fi
exec node bench/gpu/main.mjs "$@"
