#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zcdma beside the programs that people use: iperf3, nc, socat and pv next to the zcdma command that does
# the same, by turns, on loopback and on a veth pair, and the ratios of the medians. Needs no privilege:
# it makes a user and two network namespaces. Not a test: a slow day is no failure.
#
#     tests/peers.sh [GIB [REPEATS [NET...]]]
set -u

cd "$(dirname "$0")/.." || exit 2
export GIB=${1:-4} REPEATS=${2:-5}
BYTES=$((GIB << 30))
ZCDMA=$PWD/zcdma
SINK=$PWD/build/tools/sink

if [[ -z ${PEERS_INSIDE:-} ]]; then
    make -s all tests-build || exit 2
    PEERS_INSIDE=1 exec unshare --user --map-root-user --net "$0" "$@"
fi

# The namespaces are new: both get the control that every one has, and not what this machine prefers.
sysctl -qw net.ipv4.tcp_congestion_control=reno

dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT

# The receivers on veth have a network namespace of their own, which lives as long as this sleep.
ip link set lo up
unshare --net sleep 86400 &
OTHER=$!
until [[ $(readlink /proc/$OTHER/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.02; done
ip link add left type veth peer name right netns $OTHER
ip addr add 10.9.8.1/24 dev left
ip link set left up
nsenter --net=/proc/$OTHER/ns/net ip addr add 10.9.8.2/24 dev right
nsenter --net=/proc/$OTHER/ns/net ip link set right up

# A network: the address of the receiver, and what runs a command where that is.
declare -A ADDRESS=([loopback]=127.0.0.1 [veth]=10.9.8.2)
declare -A WHERE=([loopback]=env [veth]="nsenter --net=/proc/$OTHER/ns/net")

# Receivers, run by "$@": each takes one stream, and ends.
PORT=9009
sink() { "$@" "$SINK" "$TO" $PORT 1; }
iperf3_server() { "$@" iperf3 -s -1 -B "$TO" -p $PORT; }
nc_listen() { "$@" nc -l "$TO" $PORT; }
socat_listen() { "$@" socat -u "TCP-LISTEN:$PORT,bind=$TO,reuseaddr" -; }

# Senders. The ring of zcdma is written once, as iperf3's buffer is; 16 MiB are more than most caches have
# for one core, and iperf3's 128 KiB are not. So there are rows with 1 MiB, the most that iperf3 takes, and 128 KiB for
# both.
RING=sim:fill=once
iperf3_plain() { iperf3 -c "$TO" -p $PORT -n "$BYTES"; }
iperf3_zerocopy() { iperf3 -Z -c "$TO" -p $PORT -n "$BYTES"; }
iperf3_zerocopy_1M() { iperf3 -Z -l 1M -c "$TO" -p $PORT -n "$BYTES"; }
# shellcheck disable=SC2002 # as people type it
cat_nc() { cat "$dir/file" | nc -N "$TO" $PORT; }
pv_nc() { pv -q "$dir/file" | nc -N "$TO" $PORT; }
socat_file() { socat -u "OPEN:$dir/file" "TCP:$TO:$PORT"; }
copysend() { "$ZCDMA" copysend "$TO:$PORT" $RING --bytes "$BYTES" -q; }
zcsend() { "$ZCDMA" zcsend "$TO:$PORT" $RING --bytes "$BYTES" -q; }
vmspliced() { "$ZCDMA" vmsplice --path=vmsplice "$TO:$PORT" $RING --bytes "$BYTES" -q; }
vmspliced_1M() { "$ZCDMA" vmsplice --path=vmsplice "$TO:$PORT" $RING,block=256K,blocks=4 --bytes "$BYTES" -q; }
vmspliced_128K() { "$ZCDMA" vmsplice --path=vmsplice "$TO:$PORT" $RING,block=32K,blocks=4 --bytes "$BYTES" -q; }
spliced() { "$ZCDMA" vmsplice --path=splice "$TO:$PORT" $RING --bytes "$BYTES" -q; }
pipeline() { "$ZCDMA" capture $RING --bytes "$BYTES" -q | "$ZCDMA" vmsplice --path=vmsplice "$TO:$PORT" -q; }
sendfile() { "$ZCDMA" vmsplice --path=sendfile "$TO:$PORT" "$dir/file" -q; }

# sender, receiver, and the program without which there is none
ROWS=(
    "iperf3_plain iperf3_server iperf3" "iperf3_zerocopy iperf3_server iperf3" "iperf3_zerocopy_1M iperf3_server iperf3"
    "cat_nc nc_listen nc" "pv_nc nc_listen pv" "socat_file socat_listen socat"
    "copysend sink cat" "zcsend sink cat" "vmspliced sink cat" "vmspliced_1M sink cat" "vmspliced_128K sink cat"
    "spliced sink cat" "pipeline sink cat" "sendfile sink cat"
)

# cpu FILE COMMAND...: run it, and write user and system time of all its processes to FILE. In a shell of its
# own, as bash counts every child that ends meanwhile: the receiver does.
TIMEFORMAT='%R %U %S'
cpu() (
    out=$1
    shift
    { time "$@" >/dev/null 2>"$dir/err" || { echo "failed: $*"; cat "$dir/err"; } >&3; } 3>&2 2>"$out"
)

# shellcheck disable=SC2086 # a list of words
listens() { [[ -n $(${WHERE[$net]} ss -Htln "sport = :$PORT") ]]; }

# once SENDER RECEIVER: "SECONDS SENDER_CPU RECEIVER_CPU" of one run.
once() {
    # shellcheck disable=SC2086 # a list of words
    cpu "$dir/receiver" "$2" ${WHERE[$net]} &
    local receiver=$!
    until listens; do sleep 0.02; done
    cpu "$dir/sender" "$1"
    wait $receiver
    awk '{ cpu[NR] = $2 + $3 } NR == 1 { wall = $1 } END { print wall, cpu[1], cpu[2] }' \
        "$dir/sender" "$dir/receiver"
}

# Print the median of a column, the least and the most.
spread() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[1], v[NR] }'; }

# measure NET: every row by turns, the first round being the warm-up.
measure() {
    local round row sender receiver program
    for ((round = 0; round <= REPEATS; round++)); do
        for row in "${ROWS[@]}"; do
            read -r sender receiver program <<<"$row"
            command -v "$program" >/dev/null || continue
            once "$sender" "$receiver" >"$dir/now"
            ((round == 0)) || cat "$dir/now" >>"$dir/$net.$sender"
        done
    done
}

# figures NET SENDER: throughput in GB/s, CPU seconds per GB of the sender, and of both sides, with the spread of each.
figures() {
    awk -v b="$BYTES" '{ print b / 1e9 / $1 }' "$dir/$1.$2" | spread
    awk -v b="$BYTES" '{ print $2 / b * 1e9 }' "$dir/$1.$2" | spread
    awk -v b="$BYTES" '{ print ($2 + $3) / b * 1e9 }' "$dir/$1.$2" | spread
}

show() {
    local row sender
    printf '\n%-20s %18s %20s %20s\n' "$net" 'GB/s' 'sender CPU s/GB' 'both CPU s/GB'
    for row in "${ROWS[@]}"; do
        sender=${row%% *}
        if [[ -s $dir/$net.$sender ]]; then
            figures "$net" "$sender" | tr '\n' ' ' |
                awk -v n="$sender" '{ printf "  %-18s %5.2f (%.2f-%.2f)  %.3f (%.3f-%.3f)  %.3f (%.3f-%.3f)\n", n,
                    $1, $2, $3, $4, $5, $6, $7, $8, $9 }'
        else
            printf '  %-18s skipped, as there is no %s\n' "$sender" "${row##* }"
        fi
    done
}

# ratio A B GOAL...: the median throughput of A against B's, the sender's CPU for a byte, and that of both sides.
ratio() {
    local a=$1 b=$2
    shift 2
    [[ -s $dir/$net.$a && -s $dir/$net.$b ]] || return
    { figures "$net" "$a"; figures "$net" "$b"; } | tr '\n' ' ' |
        awk -v a="$a / $b" -v g="$*" '{
            printf "  %-35s throughput %5.2f  sender CPU %5.2f  both %5.2f   goal %s\n",
                a, $1/$10, $4/$13, $7/$16, g }'
}

ratios() {
    printf '%s, ratios:\n' "$net"
    ratio vmspliced_1M iperf3_zerocopy_1M '>= 1.0, <= 0.6, <= 0.8'
    ratio vmspliced_128K iperf3_zerocopy ''
    ratio vmspliced iperf3_zerocopy ''
    ratio vmspliced copysend '>= 1.5, <= 0.25'
    ratio vmspliced cat_nc '>= 4, <= 0.1'
    ratio pipeline cat_nc '>= 3'
    ratio pipeline pv_nc '>= 3'
    ratio sendfile socat_file ''
    ratio copysend iperf3_plain '>= 0.95'
    ratio zcsend copysend '>= 0.98'
}

echo "$GIB GiB a run, $REPEATS repeats after a warm-up, Linux $(uname -r), $(nproc) CPUs," \
    "congestion control $(sysctl -n net.ipv4.tcp_congestion_control)"
"$ZCDMA" capture sim: --bytes "$BYTES" -o "$dir/file" -q # stays in the page cache
for net in $([[ $# -gt 2 ]] && echo "${@:3}" || echo loopback veth); do
    TO=${ADDRESS[$net]}
    measure
    show
    ratios
done
