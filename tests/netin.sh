#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What receiving costs: zcdma capture tcp: and udp: beside nc, socat and a plain recvmmsg() loop, by turns, on the
# loopback of a network namespace of its own, which needs no privilege. Not a test: a slow day is no failure.
#
#     tests/netin.sh [GIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
GIB=${1:-2} REPEATS=${2:-3}
BYTES=$((GIB << 30))
ZCDMA=$PWD/zcdma
PORT=9009
DATAGRAM=1400
RATES="100000 200000 400000 800000" # datagrams a second

if [[ -z ${NETIN_INSIDE:-} ]]; then
    make -s all tests-build || exit 2
    NETIN_INSIDE=1 exec unshare --user --map-root-user --net "$0" "$@"
fi
ip link set lo up
sysctl -qw net.ipv4.tcp_congestion_control=reno

# On tmpfs, so that no disk decides.
dir=$(mktemp -d -p /dev/shm)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT

# Receivers of a stream. Each takes one and ends.
memory() { "$ZCDMA" capture -q tcp:127.0.0.1:$PORT --path=null -o /dev/null; }
capture() { "$ZCDMA" capture -q tcp:127.0.0.1:$PORT -o "$dir/data" --no-sync; }
nc_file() { nc -l 127.0.0.1 $PORT >"$dir/data"; }
socat_file() { socat -u TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr "OPEN:$dir/data,creat,trunc"; }

# Receivers of datagrams. Each prints how many came.
udp_capture() {
    "$ZCDMA" capture --json "udp:127.0.0.1:$PORT" --path=null -o /dev/null 2>/dev/null |
        sed -n 's/.*"received_datagrams": \([0-9]*\).*/\1/p'
}
udp_loop() { build/tools/udpsink $PORT | cut -d' ' -f1; }

TIMEFORMAT='%R %U %S'

# once COMMAND RECEIVER SENDER...: wall time of the sender, and processor time of the receiver.
once() {
    local kind=$1 receiver=$2 pid
    shift 2
    { time "$receiver" >"$dir/out"; } 2>"$dir/cpu" &
    pid=$!
    until [[ -n $(ss -Hln"$kind" "sport = :$PORT") ]]; do sleep 0.02; done
    { time "$@" >"$dir/sent" 2>/dev/null; } 2>"$dir/wall"
    wait $pid
    awk 'NR == FNR { wall = $1; next } { print wall, $2 + $3 }' "$dir/wall" "$dir/cpu"
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

streams=(memory capture nc_file)
command -v socat >/dev/null && streams+=(socat_file) || echo 'socat_file is left out: there is no socat'
echo "TCP, $GIB GiB a run, $REPEATS runs by turns after one to warm up, Linux $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg)"
for ((n = 0; n <= REPEATS; n++)); do
    for receiver in "${streams[@]}"; do
        once t "$receiver" "$ZCDMA" copysend -q 127.0.0.1:$PORT sim:fill=once --bytes $BYTES >"$dir/now"
        rm -f "$dir/data"
        ((n == 0)) || cat "$dir/now" >>"$dir/tcp.$receiver"
    done
done
stored=$(cut -d' ' -f1 "$dir/tcp.capture" | median)
for receiver in "${streams[@]}"; do
    wall=$(cut -d' ' -f1 "$dir/tcp.$receiver" | median)
    cpu=$(cut -d' ' -f2 "$dir/tcp.$receiver" | median)
    awk -v n="$receiver" -v b=$BYTES -v w="$wall" -v c="$cpu" -v s="$stored" 'BEGIN {
        printf "  %-12s %6.2f GB/s  receiver CPU %.3f s/GB  capture has %.2f times that\n",
            n, b / w / 1e9, c / b * 1e9, w / s }'
done
echo "goals: capture has >= 0.95 times memory, and >= 1.5 times nc_file and socat_file"

echo "UDP, datagrams of $DATAGRAM bytes for 2 s a run, load $(cut -d' ' -f1-3 /proc/loadavg)"
for rate in $RATES; do
    for ((n = 0; n < REPEATS; n++)); do
        for receiver in udp_capture udp_loop; do
            once u $receiver "$ZCDMA" copysend -q --json "udp:127.0.0.1:$PORT" --datagram $DATAGRAM --seconds 2 \
                "sim:rate=$((rate * DATAGRAM)),block=1M,blocks=64" >"$dir/now"
            echo "$(<"$dir/out") $(sed -n 's/.*"datagrams": \([0-9]*\).*/\1/p' "$dir/sent") $(<"$dir/now")" \
                >>"$dir/udp.$receiver.$rate"
        done
    done
    for receiver in udp_capture udp_loop; do
        awk -v n=$receiver '{ came += $1; sent += $2; wall += $3; cpu += $4 } END {
            printf "  %-12s sent %7.0f a second, lost %5.2f %%, receiver CPU %.2f us a datagram\n",
                n, sent / wall, 100 * (1 - came / sent), cpu / came * 1e6 }' \
            "$dir/udp.$receiver.$rate"
    done
done
echo "goals: 100000 a second without one lost; twice as many as the loop"
