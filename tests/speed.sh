#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Speed, as ratios within one run on loopback: every pair of commands is run by turns, and the medians
# are compared. Not a test: a slow day is no failure. Wants iperf3 and nc for what they are compared to.
#
#     tests/speed.sh [GIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
export GIB=${1:-8} REPEATS=${2:-5}
make -s all tests-build || exit 2
ZCDMA=$PWD/zcdma
TOOLS=$PWD/build/tools
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT
BYTES=$((GIB << 30))

"$TOOLS/sink" >"$dir/port" &
pids+=($!)
until [[ -s $dir/port ]]; do sleep 0.05; done
PORT=$(<"$dir/port")

# Print "SECONDS CPU_SECONDS" of a command; the CPU's is user and system, of all its processes.
TIMEFORMAT='%R %U %S'
timed() {
    { time "$@" >"$dir/out" 2>&1 || { echo "failed: $*"; cat "$dir/out"; } >&2; } 2>&1 |
        awk '{ print $1, $2 + $3 }'
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# compare NAME GOAL A B: the throughput of command A against B's, and its CPU; both are functions.
compare() {
    # shellcheck disable=SC2034 # a and b are used by name
    local name=$1 goal=$2 a=$3 b=$4 i which
    rm -f "$dir"/[ab].*
    for ((i = 0; i <= REPEATS; i++)); do
        for which in a b; do
            read -r wall cpu < <(timed "${!which}")
            ((i == 0)) && continue # a warm-up
            echo "$wall" >>"$dir/$which.wall"
            echo "$cpu" >>"$dir/$which.cpu"
        done
    done
    awk -v name="$name" -v goal="$goal" -v aw="$(median "$dir/a.wall")" -v bw="$(median "$dir/b.wall")" \
        -v ac="$(median "$dir/a.cpu")" -v bc="$(median "$dir/b.cpu")" 'BEGIN {
        printf "%-44s throughput %5.2f (goal %s)   sender CPU %5.2f\n", name, bw / aw, goal, ac / bc }'
}

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
