# SPDX-License-Identifier: GPL-2.0-only
# What bats files that run inside the VM load: receivers on its networks, besides loopback.
# shellcheck shell=bash
#
# wire   10.1.0.2, a namespace behind two e1000e NICs with a wire between them: the way of a packet
#        ends in the memory of the sender's NIC, so that zero-copy sends are that indeed
# lossy  10.2.0.2, a namespace behind a veth pair that delays and reorders packets, and loses each 50th
# The host is at 10.0.2.2; VM_OUTSIDE is the address of a receiver there, which takes one stream of
# 32 MiB, and whose verdict is among the results.

load ../bats/common

declare -gA ADDRESS=([wire]=10.1.0.2 [lossy]=10.2.0.2)

# receiver_in NETWORK [OPTION...]: as `receiver`, on one of them.
receiver_in() {
    local network=$1
    shift
    ZCDMA=/run/zcdma-in-$network LISTEN=${ADDRESS[$network]}:0 receiver "$@"
}

# lost_packets: print how many packets the lossy network has lost.
lost_packets() {
    ip netns exec lossy tc -s filter show dev lossy0 ingress | sed -n 's/.*(dropped \([0-9]*\),.*/\1/p;T;q'
}

# A file system at /mnt/disk that really takes O_DIRECT, which a tmpfs does not.
make_disk() {
    /run/modprobe ext4
    mkfs.ext4 -q /dev/ram1
    mkdir -p /mnt/disk
    mount /dev/ram1 /mnt/disk
}

remove_disk() {
    umount /mnt/disk
}

# whole COMMAND...: it succeeds, but frames may be lost where this machine is slower than the device.
whole() {
    run --separate-stderr "$@"
    # shellcheck disable=SC2154 # run sets them
    [[ $status == [04] ]] || fail "status $status of $*: $output $stderr"
}

# received_whole COUNT: that number of frames has arrived as they were; others may be lost, as above.
received_whole() {
    local got=0
    until_true 60 ended "$RECEIVER" || fail "the receiver still runs after a minute" || return
    wait "$RECEIVER" || got=$?
    forget "$RECEIVER"
    [[ $got == [04] ]] || fail "receiver: $(cat receiver.out receiver.err)"
    jq -e ".received_frames == $1 and .wrong_frames == 0 and .unhashed_frames == 0" receiver.out
}
