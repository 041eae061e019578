#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Datagrams on the networks of the VM: over a NIC, and where they are lost, repeated and shuffled.

load guest

# udp_receiver_in NETWORK [OPTION...]: as receiver_in, of datagrams.
udp_receiver_in() {
    local network=$1
    shift
    ZCDMA=/run/zcdma-in-$network LISTEN=udp:${ADDRESS[$network]}:0 receiver --json "$@"
}

# told STATUS FILTER: the receiver's report, and that its status is so too.
told() {
    jq -e --argjson status "$1" ".exit_status == \$status and ($2)" receiver.out ||
        fail "status $1, or not so: $2"$'\n'"$(cat receiver.out receiver.err)"
}

# received_right FILTER: all that came is right, and the report is so; whether datagrams were lost is the emulated
# card's and the moment's.
received_right() {
    local status=0
    until_true 60 ended "$RECEIVER" || fail "the receiver still runs after a minute"
    wait "$RECEIVER" || status=$?
    forget "$RECEIVER"
    told $status "\$status == (if .lost_datagrams > 0 then 4 else 0 end) and $1"
}

@test "udp: e1000e: every byte is zero-copied, in datagrams that fill its packets" {
    udp_receiver_in wire --bytes 4M
    run -0 zcdma zcsend "$TO" sim: --bytes 4M --rate 8M --expect=zerocopy --json
    jq -e '.zerocopy_bytes == 4194304 and .datagram_bytes == 1472 and .calls < .datagrams' <<<"$output"
    received_right '.faults == 0 and .datagrams > 0 and .received_bytes + .lost_bytes == 4194304'
}

@test "udp: e1000e: every path, from the driver and from memory" {
    local source path
    for source in sim: dev:; do
        for path in copy zerocopy vmsplice splice sendfile; do
            # Before Linux 5.19 sendfile() takes no device.
            [[ $source$path == dev:sendfile ]] && continue
            udp_receiver_in wire --bytes 2M
            zcdma zcsend "$TO" $source --bytes 2M --rate 8M --path=$path -q
            received_right '.faults == 0 and .datagram_bytes == 1472 and .received_bytes + .lost_bytes == 2097152'
        done
    done
}

@test "udp: a line that loses: counted, and no fault" {
    local path
    for path in copy zerocopy vmsplice; do
        udp_receiver_in lossy --bytes 4M
        zcdma zcsend "$TO" sim: --bytes 4M --rate 8M --datagram 1000 --path=$path -q
        # Each 50th packet is lost, and one has 65 datagrams at most. Whether any comes late is the moment's.
        received_right '.faults == 0 and .result == "lossy" and .lost_bytes > 0
            and .received_bytes - .duplicate_bytes + .lost_bytes == 4194304'
    done
}

@test "udp: before Linux 6.5 splicing to IPv6 is refused, and after it datagrams are whole" {
    local major minor
    IFS=.- read -r major minor _ < <(uname -r)
    LISTEN='udp:[::1]:0' receiver --json --bytes 64K
    if ((major * 100 + minor < 605)); then
        for path in vmsplice splice sendfile; do
            run -3 zcdma zcsend "$TO" sim: --path=$path
            [[ $output == *"before Linux 6.5 splice() cuts"* ]]
        done
        zcdma zcsend "$TO" sim:block=64K --bytes 64K -q
    else
        zcdma vmsplice "$TO" sim:block=64K --bytes 64K -q
    fi
    received
    told 0 '.datagrams == 2 and .lost_bytes == 0'
}
