#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What is on the wire, captured in the VM: before a router that loses packets, so that each that is sent again
# is seen twice.

load guest

FAR=10.3.0.2

setup_file() {
    /run/modprobe -a veth sch_netem af_packet
    ip netns add far
    ip -n lossy link add out type veth peer name far netns far
    ip -n lossy addr add 10.3.0.1/24 dev out
    ip -n lossy link set out up
    ip -n far addr add $FAR/24 dev far
    ip -n far link set far up
    ip -n far link set lo up
    ip -n far route add default via 10.3.0.1
    ip route add 10.3.0.0/24 via 10.2.0.2
    ip netns exec lossy sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip netns exec lossy tc qdisc add dev out root netem delay 2ms
    # What is late on our own side comes before it is captured.
    tc qdisc del dev lossy root
    # Packets of 64 KiB are so few that none of a stream might be lost.
    ip link set lossy gso_max_segs 1
    printf '#!/bin/sh\nexec ip netns exec far %s "$@"\n' "$ZCDMA" >/run/zcdma-in-far
    chmod +x /run/zcdma-in-far
}

teardown_file() {
    ip netns del far
    ip route del 10.3.0.0/24
    ip link set lossy gso_max_segs 65535
    tc qdisc add dev lossy root netem delay 2ms reorder 20% 50%
}

# watch PORT [OPTION...]: check what is on the wire to it, in the background. The report is in wire.json.
watch() {
    local port=$1
    shift
    rm -f wire.err
    "$ZCDMA" verify -i lossy --port "$port" --json "$@" >wire.json 2>wire.err 3>&- &
    WATCHER=$!
    PIDS+=("$WATCHER")
    until_true 20 has_line wire.err 'capturing on' || fail "no capture: $(cat wire.err)"
}

# watched STATUS FILTER: what it found.
watched() {
    wait_exit "$WATCHER" "$1" || fail "$(cat wire.json wire.err)"
    jq -e "$2" wire.json || fail "not so: $2"$'\n'"$(cat wire.json)"
}

@test "wire: pages that are reused too early are caught when they are sent again" {
    ZCDMA=/run/zcdma-in-far LISTEN=$FAR:0 receiver --json
    watch "${TO##*:}" --block 64K
    zcdma vmsplice --unsafe-reuse -q "$TO" sim:blocks=2,block=64K --bytes 8M
    watched 1 '.result == "wrong" and .differing_packets > 0 and .unseen_bytes == 0
        and (.overwritten | length) > 0 and all(.overwritten[]; .block == (.offset / 65536 | floor))'
    wait_exit "$RECEIVER" 1
}

@test "wire: along every safe path what is sent again is the same" {
    local source path paths=(copy zerocopy vmsplice splice uring) streams
    [[ $(uname -r) != 5.10.* ]] || unset 'paths[-1]'
    streams=$((2 * ${#paths[@]}))
    ZCDMA=/run/zcdma-in-far LISTEN=$FAR:0 receiver --streams $streams --bytes 1M
    watch "${TO##*:}" --streams $streams
    for source in sim:blocks=4,block=64K dev:blocks=4,block=64K; do
        for path in "${paths[@]}"; do
            zcdma zcsend "$TO" $source --bytes 1M --path="$path" -q
        done
    done
    received
    watched 0 '.result == "correct" and (.streams | length) == '$streams' and all(.streams[];
        .result == "correct" and .differing_packets == 0 and .retransmitted_packets > 0 and
        .uncompared_bytes == 0 and .stream_bytes == 1048576)'
}

@test "wire: a capture without privileges goes on to its end" {
    ZCDMA=/run/zcdma-in-far LISTEN=$FAR:0 receiver --bytes 64K
    watch "${TO##*:}" --seconds 60
    grep -q '^Uid:.*65534' "/proc/$WATCHER/status"
    grep -q '^CapEff:.*0000000000000000$' "/proc/$WATCHER/status"
    zcdma copysend "$TO" sim: --bytes 64K -q
    received
    watched 0 '.result == "correct"'
}
