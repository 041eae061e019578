#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zcdma verify -r beside the programs that people follow streams with: tshark and tcpflow, by turns, on the same
# capture of a stream over loopback, which is in the page cache; and live, whether packets are dropped at
# 500 MB/s. Needs tshark, with its dumpcap, and tcpflow, and no privilege. Not a test: a slow day is no failure.
#
#     tests/wirespeed.sh [MIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
MIB=${1:-2048} REPEATS=${2:-3}
ZCDMA=$PWD/zcdma
PORT=9009
TSHARK_PACKETS=200

if [[ -z ${WIRESPEED_INSIDE:-} ]]; then
    make -s all || exit 2
    for program in tshark dumpcap tcpflow; do
        command -v $program >/dev/null || { echo "$program is not installed" >&2 && exit 2; }
    done
    WIRESPEED_INSIDE=1 exec unshare --user --map-root-user --net "$0" "$@"
fi

dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
ip link set lo up

# await FILE TEXT: until it is in there, at most 20 s.
await() {
    for ((i = 0; i < 1000; i++)); do
        grep -qs "$2" "$1" && return
        sleep 0.02
    done
    echo "nothing came: $2" >&2
    exit 1
}

# send [OPTION...]: a stream to a receiver that checks it.
send() {
    "$ZCDMA" verify --listen 127.0.0.1:$PORT -q >"$dir/received" 2>&1 &
    local receiver=$!
    # -q: it does not say when it listens.
    until grep -q "$(printf ':%04X 0*:0000 0A' $PORT)" /proc/net/tcp; do sleep 0.02; done
    "$ZCDMA" copysend 127.0.0.1:$PORT sim:blocks=256 -q --bytes "${MIB}M" "$@" || exit
    wait $receiver || { echo "the receiver: $(<"$dir/received")" >&2 && exit 1; }
}

capture() {
    dumpcap -q -P -i lo -B 512 -f "tcp port $PORT" -w "$dir/run.pcap" 2>"$dir/dumpcap" &
    local dumpcap=$!
    await "$dir/dumpcap" File:
    send
    # What the kernel holds back for a moment is not lost.
    sleep 1
    kill -INT $dumpcap
    wait $dumpcap
    sed -n 's/.*dropped on interface/capture: dropped/p' "$dir/dumpcap"
}

zcdma_verify() { "$ZCDMA" verify -r "$dir/run.pcap" --port $PORT -q; }
# It takes ever longer the more there was before: this is its rate for the first 200 packets.
tshark_follow() { tshark -Q -r "$dir/run.pcap" -c $TSHARK_PACKETS -z follow,tcp,raw,0 >/dev/null 2>&1; }
tcpflow_files() { tcpflow -q -r "$dir/run.pcap" -o "$dir/flows" >/dev/null 2>&1; }

declare -A TIMES
run() {
    local start=$EPOCHREALTIME
    "$1" || { echo "$1 failed" >&2 && exit 1; }
    TIMES[$1]+="$(echo "$start $EPOCHREALTIME" | awk '{ print $2 - $1 }')"$'\n'
    rm -rf "$dir/flows"
}

median() {
    sort -n <<<"${TIMES[$1]%$'\n'}" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

capture
cat "$dir/run.pcap" >/dev/null
bytes=$(stat -c %s "$dir/run.pcap")
for ((n = 0; n < REPEATS; n++)); do
    for program in zcdma_verify tshark_follow tcpflow_files; do run $program; done
done
echo "$((bytes >> 20)) MiB of capture, $REPEATS repeats, medians"
ours=$(median zcdma_verify)
# line PROGRAM BYTES: its rate, beside ours.
line() {
    echo "$1 $(median "$1") $2 $bytes $ours" |
        awk '{ printf "%-15s %8.1f MB/s, verify has %6.1f times that (goal >= 3)\n", $1, $3 / $2 / 1e6, ($4 / $5) / ($3 / $2) }'
}
line zcdma_verify "$bytes"
line tcpflow_files "$bytes"
line tshark_follow "$(tshark -r "$dir/run.pcap" -c $TSHARK_PACKETS -T fields -e frame.len | awk '{ n += $1 } END { print n }')"
rm "$dir/run.pcap"

"$ZCDMA" verify -i lo --port $PORT --json >"$dir/live" 2>"$dir/live.err" &
live=$!
await "$dir/live.err" capturing
send --rate 500M
wait $live
jq -r '"zcdma verify -i at 500 MB/s: \(.result), \(.dropped_packets) of \(.packets) packets dropped"' "$dir/live"
