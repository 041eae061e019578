#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What receiving costs: zcdma capture tcp: and udp: beside nc, socat and a plain recvmmsg() loop, by turns, on the
# loopback of a network namespace of its own, which needs no privilege; and recording with O_DIRECT beside fio. The
# last lines are the goals, and what was measured. Not a test: a slow day is no failure.
#
#     tests/netin.sh [GIB [REPEATS]]
set -u

cd "$(dirname "$0")/.." || exit 2
GIB=${1:-2} REPEATS=${2:-3}
BYTES=$((GIB << 30))
ZCDMA=$PWD/zcdma
PORT=9009
DATAGRAM=1400
RATES="100000 200000 300000 400000 500000 600000 700000 800000" # datagrams a second

if [[ -z ${NETIN_INSIDE:-} ]]; then
    make -s all tests-build || exit 2
    NETIN_INSIDE=1 exec unshare --user --map-root-user --net --mount "$0" "$@"
fi
ip link set lo up
sysctl -qw net.ipv4.tcp_congestion_control=reno

# On a tmpfs, so that no disk decides, of huge pages: taking pages of 4 KiB costs more than all that is compared here.
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; umount "$dir"; rm -rf "$dir"' EXIT
pages=huge
mount -t tmpfs -o huge=always tmpfs "$dir" 2>/dev/null || { pages=small; mount -t tmpfs tmpfs "$dir"; } || exit 2

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
echo "TCP, $GIB GiB a run, $REPEATS runs by turns after one to warm up, tmpfs of $pages pages," \
    "Linux $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg)"
for ((n = 0; n <= REPEATS; n++)); do
    for receiver in "${streams[@]}"; do
        once t "$receiver" "$ZCDMA" copysend -q 127.0.0.1:$PORT sim:fill=once --bytes $BYTES >"$dir/now"
        rm -f "$dir/data"
        ((n == 0)) || cat "$dir/now" >>"$dir/tcp.$receiver"
    done
done
for receiver in "${streams[@]}"; do
    wall=$(cut -d' ' -f1 "$dir/tcp.$receiver" | median)
    cpu=$(cut -d' ' -f2 "$dir/tcp.$receiver" | median)
    echo "$wall" >"$dir/wall.$receiver"
    awk -v n="$receiver" -v b=$BYTES -v w="$wall" -v c="$cpu" 'BEGIN {
        printf "  %-12s %6.2f GB/s  receiver CPU %.3f s/GB\n", n, b / w / 1e9, c / b * 1e9 }'
done

# flow RECEIVER RATE SECONDS: datagrams at a rate; print how many came, how many were sent, and what once does.
flow() {
    once u "$1" "$ZCDMA" copysend -q --json "udp:127.0.0.1:$PORT" --datagram $DATAGRAM --seconds "$3" \
        "sim:rate=$(($2 * DATAGRAM)),block=1M,blocks=64" >"$dir/now"
    echo "$(<"$dir/out") $(sed -n 's/.*"datagrams": \([0-9]*\).*/\1/p' "$dir/sent") $(<"$dir/now")"
}

echo "UDP, datagrams of $DATAGRAM bytes for 2 s a run, load $(cut -d' ' -f1-3 /proc/loadavg)"
for rate in $RATES; do
    for ((n = 0; n < REPEATS; n++)); do
        for receiver in udp_capture udp_loop; do
            flow $receiver "$rate" 2 >>"$dir/udp.$receiver.$rate"
        done
    done
    for receiver in udp_capture udp_loop; do
        awk -v n=$receiver -v f="$dir/rates.$receiver" '{ came += $1; sent += $2; wall += $3; cpu += $4 } END {
            printf "  %-12s sent %7.0f a second, lost %5.2f %%, receiver CPU %.2f us a datagram\n",
                n, sent / wall, 100 * (1 - came / sent), cpu / came * 1e6
            print sent / wall, sent - came >>f }' \
            "$dir/udp.$receiver.$rate"
    done
done

# A fixed rate beside four programs that only compute.
busy=()
for ((n = 0; n < 4; n++)); do
    (while :; do :; done) &
    busy+=($!)
done
for ((n = 0; n < REPEATS; n++)); do
    flow udp_capture 100000 10 >>"$dir/busy"
done
awk -v load="$(cut -d' ' -f1-3 /proc/loadavg)" '{ sent += $2; lost += $2 - $1 } END {
    printf "  beside four busy loops: of %d datagrams at 100000 a second %d lost, load %s\n", sent, lost, load
}' "$dir/busy"
kill "${busy[@]}"
wait "${busy[@]}" 2>/dev/null

# A disk of its own is what TMPDIR names, as for tests/speed.sh.
disk=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; umount "$dir"; rm -rf "$dir" "$disk"' EXIT
DEPTH=8

record() {
    rm -f "$disk/rec" && "$ZCDMA" capture -q sim:fill=once,blocks=32 --bytes $BYTES -o "$disk/rec" --direct --depth $DEPTH
}
record_fio() {
    rm -f "$disk/rec" && fio --name=rec --filename="$disk/rec" --rw=write --bs=1M --size=$BYTES --direct=1 \
        --ioengine=io_uring --iodepth=$DEPTH --end_fsync=1 --thread --output-format=terse >/dev/null
}

recorders=(record)
command -v fio >/dev/null && recorders+=(record_fio) || echo 'record_fio is left out: there is no fio'
echo "Recording $GIB GiB with O_DIRECT, $DEPTH writes in flight, and synced, load $(cut -d' ' -f1-3 /proc/loadavg)"
if dd if=/dev/zero of="$disk/rec" bs=1M count=1 oflag=direct 2>/dev/null; then
    for ((n = 0; n < REPEATS; n++)); do
        for recorder in "${recorders[@]}"; do
            { time "$recorder"; } 2>"$dir/now"
            cut -d' ' -f1 "$dir/now" | tail -n 1 >>"$dir/rec.$recorder"
        done
    done
    for recorder in "${recorders[@]}"; do
        median <"$dir/rec.$recorder" >"$dir/wall.$recorder"
        awk -v n="$recorder" -v b=$BYTES '{ printf "  %-12s %6.2f GB/s\n", n, b / $1 / 1e9 }' "$dir/wall.$recorder"
    done
else
    echo "  left out: $disk has no O_DIRECT; name another folder by TMPDIR"
fi

# goal WHAT LEAST VALUE: one line with the figure that is wanted, and the one that was measured.
goal() {
    awk -v what="$1" -v least="$2" -v value="$3" 'BEGIN {
        printf("  %-62s %10.2f, wanted %s: %s\n", what, value, least, value >= least ? "reached" : "not reached") }'
}

# faster WHAT LEAST SLOW FAST: how many times the throughput of SLOW does FAST have? Not told without both.
faster() {
    if [[ -s $dir/wall.$3 && -s $dir/wall.$4 ]]; then
        goal "$1" "$2" "$(awk 'NR == FNR { slow = $1; next } { print slow / $1 }' "$dir/wall.$3" "$dir/wall.$4")"
    else
        echo "  $1: not measured"
    fi
}

# most_without_loss RECEIVER: the highest rate at which not one was lost, or 0.
most_without_loss() { awk '$2 == 0 && $1 > most { most = $1 } END { print most + 0 }' "$dir/rates.$1"; }

echo "Goals, as times of the throughput of the other:"
faster 'TCP, stored to tmpfs / received into memory' 0.95 memory capture
faster 'TCP, stored to tmpfs / nc -l >file' 1.5 nc_file capture
faster 'TCP, stored to tmpfs / socat' 1.5 socat_file capture
mine=$(most_without_loss udp_capture)
loop=$(most_without_loss udp_loop)
# Senders of a rate are a little slower than it.
goal 'UDP, datagrams a second without one lost' 99000 "$mine"
if [[ $loop == 0 ]]; then
    echo "  UDP, without loss / recvmmsg loop: the loop lost some at each rate; ${mine%.*} a second without loss"
else
    goal 'UDP, datagrams a second without loss / recvmmsg loop' 2 "$(awk -v a="$mine" -v b="$loop" 'BEGIN { print a / b }')"
fi
faster 'Recording with --direct / fio of the same depth' 0.95 record_fio record
