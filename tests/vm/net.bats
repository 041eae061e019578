#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The networks of the VM, from the simulated source.

load guest

@test "e1000e to the host: every byte is zero-copied" {
    run -0 zcdma zcsend "$VM_OUTSIDE" sim: --bytes 32M --expect=zerocopy --json
    jq -e '.zerocopy_bytes == 33554432 and .fell_back_bytes == 0 and .copied_bytes == 0' <<<"$output"
}

@test "e1000e: every byte is zero-copied, and arrives" {
    receiver_in wire --bytes 32M
    run -0 zcdma zcsend "$TO" sim: --bytes 32M --expect=zerocopy --json
    jq -e '.zerocopy_bytes == 33554432 and .fell_back_bytes == 0' <<<"$output"
    received
}

# answers: the other end of the wire does, if only that nothing listens.
answers() {
    [[ $(bash -c "exec 3<>/dev/tcp/${ADDRESS[wire]}/9" 2>&1) == *'Connection refused'* ]]
}

# set_mtu MTU SEGMENTS: of both ends, whose cards are reset by it and take a while to have a link.
set_mtu() {
    ip link set eth1 mtu "$1" gso_max_segs "$2"
    ip -n wire link set eth2 mtu "$1"
    until_true 60 answers || fail "${ADDRESS[wire]} does not answer with an MTU of $1, after a minute"
}

# map_wire MTU: capture what comes over the wire with receive=map, with the report in $output. The sender cuts its segments
# itself, as the card of QEMU before 8.0 makes fragments of IP out of large ones.
map_wire() {
    set_mtu "$1" 1
    listen_as capture /run/zcdma-in-wire capture "tcp:${ADDRESS[wire]}:0,receive=map" -o mapped.bin --json
    zcdma zcsend "$WHERE" sim: --bytes 32M -q
    wait_exit "$LISTENER"
    set_mtu 1500 65535
    output=$(<capture.out)
    jq -e '.mapped_bytes + .unmapped_bytes == 33554432' <<<"$output"
    zcdma verify -q --bytes 32M mapped.bin
}

@test "e1000e: segments of whole pages are mapped where they lie" {
    [[ $(uname -r) != 5.10.* ]] || skip 'seen on 6.1 and later'
    map_wire 9000
    jq -e '.mapped_bytes > 33554432 * 0.9' <<<"$output"
}

@test "e1000e: with an MTU that has no room for a page nothing is mapped, and the report says which has" {
    map_wire 1500
    jq -e '.mapped_bytes == 0 and (.copies_reason | contains("has an MTU of 1500")) and
        (.copies_hint | contains("mtu 9000"))' <<<"$output"
}

@test "e1000e: in frames every byte of the data is zero-copied too, and its hashes are right" {
    ZCDMA=/run/zcdma-in-wire LISTEN=${ADDRESS[wire]}:0,framed receiver --json
    run -0 --separate-stderr zcdma zcsend "$TO,framed" sim: --bytes 32M --json
    jq -e '.zerocopy_bytes == 33554432 and .fell_back_bytes == 0 and .sent_frames == 32' <<<"$output"
    received
    jq -e '.result == "correct" and .received_frames == 32' receiver.out
}

@test "e1000e: along uring every byte is zero-copied, and small blocks are said to be" {
    [[ $(uname -r) != 5.10.* ]] || skip 'this kernel has no SEND_ZC'
    receiver_in wire --bytes 4M --streams 4
    for path in uring uring-fixed; do
        for size in 4K 1M; do
            run -0 --separate-stderr zcdma zcsend "$TO" sim:block=$size --bytes 4M --path=$path --json
            # From 6.10 on the rest of a block that joins a packet is said to be copied.
            jq -e '.zerocopy_bytes > 3900000 and .zerocopy_bytes + .fell_back_bytes == 4194304 and
                .fell_back_bytes <= .fell_back_sends * 65536' <<<"$output"
        done
    done
    received
}

@test "huge pages of the pool: zerocopy takes them, and uring-fixed leaves them, as it sends little of one at a time" {
    local pages
    [[ $(uname -r) != 5.10.* ]] || skip 'this kernel has no SEND_ZC'
    receiver --bytes 4M --streams 2
    sysctl -qw vm.nr_hugepages=4
    for path in zerocopy uring-fixed; do
        run -0 --separate-stderr zcdma zcsend "$TO" sim:blocks=4 --bytes 4M --path=$path --json
        pages+=" $(jq .page_bytes <<<"$output")"
    done
    sysctl -qw vm.nr_hugepages=0
    assert_equal "$pages" " 2097152 4096"
    received
}

@test "loss and reordering: what is sent with zerocopy and vmsplice arrives" {
    local lost
    lost=$(lost_packets)
    receiver_in lossy --bytes 8M --streams 2
    for path in zerocopy vmsplice; do
        run -0 zcdma zcsend "$TO" sim:blocks=4 --bytes 8M --path=$path
    done
    received
    (($(lost_packets) > lost))
}

@test "loopback with a reader that sleeps: what is sent with zerocopy and vmsplice arrives" {
    for path in zerocopy vmsplice; do
        receiver --bytes 8M
        kill -STOP "$RECEIVER"
        "$ZCDMA" zcsend "$TO" sim:blocks=4 --bytes 8M --path=$path --fallback=keep -q 3>&- &
        PIDS+=($!)
        sleep 1
        kill -CONT "$RECEIVER"
        wait_exit $!
        received
    done
}
