#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Speed, as ratios within one run on loopback: every pair of commands is run by turns, and the medians
# are compared. Not a test: a slow day is no failure. Wants iperf3 and nc for what they are compared to.
#
#     tests/speed.sh [GIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
export GIB=${1:-8} REPEATS=${2:-5}
# shellcheck source=tests/compare.bash
. tests/compare.bash

copysend() { "$ZCDMA" copysend "127.0.0.1:$PORT" sim:fill=once --bytes "$BYTES" -q; }
zcsend() { "$ZCDMA" zcsend "127.0.0.1:$PORT" sim:fill=once --bytes "$BYTES" -q; }
# Each path, and the shortest loop of the same system calls.
paths=(copy zerocopy vmsplice splice sendfile)
declare -A calls=([copy]=send [zerocopy]=zerocopy [vmsplice]=vmsplice [splice]=splice [sendfile]=sendfile)
path() { "$ZCDMA" zcsend --path="$way" --fallback=keep "127.0.0.1:$PORT" sim:fill=once,memory=memfd --bytes "$BYTES" -q; }
minimal() { "$TOOLS/minimal" "${calls[$way]}" "$PORT" "$BYTES"; }
iperf() { iperf3 -c 127.0.0.1 -p "$IPERF_PORT" -n "$BYTES"; }
pipeline() { "$ZCDMA" capture sim:fill=once --bytes "$BYTES" -q | "$ZCDMA" zcsend "127.0.0.1:$PORT" -q; }
pipeline_plain() {
    "$ZCDMA" capture sim:fill=once --bytes "$BYTES" -q --handover=never |
        "$ZCDMA" zcsend "127.0.0.1:$PORT" -q
}
# shellcheck disable=SC2002 # as people type it
cat_nc() { cat "$dir/file" | nc -N 127.0.0.1 "$PORT"; }

echo "$GIB GiB a run, $REPEATS repeats, $(uname -r), $(sysctl -n net.ipv4.tcp_congestion_control)"
if command -v iperf3 >/dev/null; then
    IPERF_PORT=$((PORT > 60000 ? PORT - 1 : PORT + 1))
    iperf3 -s -p "$IPERF_PORT" >/dev/null &
    pids+=($!)
    sleep 0.5
    compare 'copysend / iperf3' '>= 0.95' copysend iperf
else
    echo 'copysend / iperf3: skipped, as there is no iperf3'
fi
compare 'zcsend / copysend' '>= 0.98' zcsend copysend
for way in "${paths[@]}"; do
    compare "$way path / minimal loop" '>= 0.95' path minimal
done
compare 'capture | zcsend / zcsend' '>= 0.95, CPU <= 1.05' pipeline zcsend
compare 'capture | zcsend, hand-over / bytes' '> 1, CPU <= 0.67' pipeline pipeline_plain
if command -v nc >/dev/null; then
    BYTES=$((2 << 30)) # the file has to stay in the page cache
    "$ZCDMA" capture sim: --bytes "$BYTES" -o "$dir/file" -q
    compare 'capture | zcsend / cat FILE | nc' '>= 3' pipeline cat_nc
else
    echo 'capture | zcsend / cat FILE | nc: skipped, as there is no nc'
fi
# Recording: to the disk that TMPDIR is on, and synced. tests/netin.sh compares it to fio.
BYTES=$((GIB << 30)) DEPTH=8
record() { rm -f "$dir/rec" && "$ZCDMA" capture sim:fill=once,blocks=32 --bytes "$BYTES" -o "$dir/rec" -q "$@"; }
record_direct() { record --direct --depth "$DEPTH"; }
record_single() { record --direct; }
if dd if=/dev/zero of="$dir/rec" bs=4096 count=1 oflag=direct 2>/dev/null; then
    echo "load $(cut -d' ' -f1-3 /proc/loadavg), recording to $(df --output=fstype "$dir" | tail -n 1)"
    compare "capture --direct --depth $DEPTH / page cache" '> 1' record_direct record
    compare "capture --direct --depth $DEPTH / --depth 1" '> 1' record_direct record_single
else
    echo "capture --direct: skipped, as $dir has no O_DIRECT"
fi
echo 'verify / memcmp over the same bytes:'
"$TOOLS/checkspeed"
