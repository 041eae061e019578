#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What small blocks cost, as ratios within one run on loopback: each path that does not copy with blocks of 16 KiB
# beside blocks of 1 MiB, and `zcdma capture | zcdma zcsend` beside one process, for several sizes. A ring has
# 16 MiB in each. Not a test: a slow day is no failure.
#
#     tests/blocks.sh [GIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
export GIB=${1:-4} REPEATS=${2:-5}
# shellcheck source=tests/compare.bash
. tests/compare.bash

# ring KIB: a source whose blocks have that size, and which is written once.
ring() { echo "sim:fill=once,block=$1K,blocks=$((16384 / $1))"; }

path() {
    "$ZCDMA" zcsend --path="$way" --fallback=keep "127.0.0.1:$PORT" "$(ring "$1"),memory=memfd" --bytes "$BYTES" -q
}
small() { path 16; }
large() { path 1024; }
process() { "$ZCDMA" zcsend "127.0.0.1:$PORT" "$(ring "$size")" --bytes "$BYTES" -q; }
pipeline() { "$ZCDMA" capture "$(ring "$size")" --bytes "$BYTES" -q | "$ZCDMA" zcsend "127.0.0.1:$PORT" -q; }

echo "$GIB GiB a run, $REPEATS repeats, $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
for way in zerocopy vmsplice splice sendfile uring uring-fixed; do
    compare "$way path, 16 KiB / 1 MiB" '>= 0.9' small large
done
for size in 64 256 1024 4096; do
    compare "capture | zcsend / zcsend, $size KiB" '>= 0.97, CPU <= 1.03' pipeline process
done
