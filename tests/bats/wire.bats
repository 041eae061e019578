#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# verify -i and -r: streams that were on the wire, live and from captures that other programs made.

load common

DATA=$TOP/tests/data/wire

# namespace SCRIPT: run it in a network of its own, or skip.
namespace() {
    unshare -rn true 2>/dev/null || skip "no user and network namespaces here"
    PATH=$PATH:/sbin:/usr/sbin
    # shellcheck disable=SC2016 # for the shell inside
    ZCDMA=$ZCDMA run timeout 60 unshare -rn bash -c 'ip link set lo up || exit 77
        trap "kill \$(jobs -p) 2>/dev/null" EXIT
        await() { for ((n = 0; n < 1000; n++)); do grep -qs "$1" "$2" && return; sleep 0.02; done; exit 1; }
        watch() { rm -f wire.err; "$ZCDMA" verify -i "$1" --port 9000 --json "${@:2}" >wire.json 2>wire.err & w=$!; await capturing wire.err; }
        listen() { "$ZCDMA" verify --listen "$1:9000" -q >received 2>&1 & v=$!
            for ((n = 0; n < 1000; n++)); do grep -q ":2328 0*:0000 0A" /proc/net/tcp && return; sleep 0.02; done; }
        '"$1"
    # shellcheck disable=SC2154 # bats sets status
    ((status != 77)) || skip "not possible in a namespace here: $output"
}

# told FILTER: what the report in wire.json says.
told() {
    jq -e "$1" wire.json || fail "not so: $1"$'\n'"$(cat wire.json wire.err received 2>/dev/null)"
}

# A wire to a router that drops what its bucket does not hold, and the receiver behind it. The sender's end, on
# which is captured, is before the loss: all that is sent again is seen twice.
# shellcheck disable=SC2016 # for the shell inside
LOSSY='
    other() { unshare -n sleep 60 & pid=$!
        until [[ $(readlink /proc/$pid/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.02; done; }
    other; router=$pid; other; far=$pid
    at() { nsenter --net="/proc/$1/ns/net" "${@:2}"; }
    ip link add near type veth peer name in netns $router
    at $router ip link add out type veth peer name far netns $far
    ip addr add 10.1.0.1/24 dev near && ip link set near up && ip route add default via 10.1.0.2
    for dev in "in 10.1.0.2" "out 10.2.0.1"; do
        at $router ip addr add ${dev#* }/24 dev ${dev% *}; at $router ip link set ${dev% *} up; done
    at $router bash -c "echo 1 >/proc/sys/net/ipv4/ip_forward" || exit 77
    at $router tc qdisc add dev out root tbf rate 100mbit burst 10k limit 40k || exit 77
    at $far ip addr add 10.2.0.2/24 dev far; at $far ip link set far up
    at $far ip route add default via 10.2.0.1
    # through COMMAND...: a stream to a receiver there.
    through() { watch near
        rm -f listening # of the one before
        at $far "$ZCDMA" verify --listen 10.2.0.2:9000 >received 2>listening & v=$!
        await "listening on" listening
        "$ZCDMA" "$@" -q; sent=$?
        wait $v; received=$?; wait $w; }
    '

@test "wire: live, a stream over loopback" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'watch lo --bytes 16M; listen 127.0.0.1
        "$ZCDMA" copysend 127.0.0.1:9000 sim: --bytes 16M -q && wait $v && wait $w'
    [ "$status" -eq 0 ] || fail "$output $(cat wire.json wire.err)"
    told '.result == "correct" and .streams_count == 1 and .streams[0].stream_bytes == 16777216
        and .streams[0].end == "end" and .streams[0].from_start and .connections == 1
        and .differing_packets == 0 and .checksums_wrong == 0 and .checksums_offloaded > 0
        and .exit_status == 0'
}

@test "wire: live, IPv6 and several connections" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace '[[ -e /proc/net/if_inet6 ]] || exit 77
        watch any --streams 2
        "$ZCDMA" verify --listen "[::1]:9000" --streams 2 >received 2>listening & v=$!
        await "listening on" listening
        for i in 1 2; do "$ZCDMA" zcsend "[::1]:9000" sim: --bytes 2M -q || exit; done
        wait $v && wait $w'
    [ "$status" -eq 0 ] || fail "$output $(cat wire.json wire.err)"
    told '.result == "correct" and .streams_count == 2 and all(.streams[]; .stream_bytes == 2097152)
        and (.streams[0].from | startswith("[::1]:"))'
}

@test "wire: live, datagrams" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'watch lo
        "$ZCDMA" verify --listen udp:127.0.0.1:9000 --bytes 64K >received 2>listening & v=$!
        await "listening on" listening
        "$ZCDMA" copysend udp:127.0.0.1:9000 sim: --bytes 64K --datagram 1000 -q && wait $v && wait $w'
    [ "$status" -eq 0 ] || fail "$output $(cat wire.json wire.err)"
    told '.result == "correct" and .streams[0].protocol == "udp" and .streams[0].stream_bytes == 65536
        and .streams[0].lost_bytes == 0 and .streams[0].end == "end"'
}

@test "wire: a buffer that is written to in flight is caught when it is sent again" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace "$LOSSY"'
        through vmsplice --unsafe-reuse 10.2.0.2:9000 sim:blocks=2,block=64K --bytes 4M'
    told '.result == "wrong" and .differing_packets > 0 and .retransmitted_packets >= .differing_packets
        and .exit_status == 1 and (.overwritten | length) > 0
        and all(.overwritten[]; .was != .is and .block == (.offset / 65536 / 16 | floor))
        and (.error.message | contains("overwritten in flight: retransmitted with other data at offset"))'
}

@test "wire: the same in a capture: where, and what stood there" {
    run -1 --separate-stderr zcdma verify -r "$DATA/overwritten.pcap" --block 4K --json
    # tshark counts 28 retransmissions with 67192 bytes.
    jq -e '.retransmitted_packets == 28 and .retransmitted_bytes == 67192 and .differing_packets == 8
        and .overwritten[0] == {from: "10.1.0.1:53948", to: "10.2.0.2:9000", offset: 12289, block: 3,
            sequence: 1114440998, was: 6, is: 50, differing_bytes: 181}
        and (.overwritten | length) == 8' <<<"$output"
    # Whatever the stream is.
    run -1 --separate-stderr zcdma verify -r "$DATA/overwritten.pcap" --pattern none -q
    [[ $stderr == *"overwritten in flight"*"written to before its data had been acknowledged"* ]]
}

@test "wire: what is sent again along safe paths is the same" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace "$LOSSY"'
        for path in copy zerocopy vmsplice splice; do
            through copysend --path=$path 10.2.0.2:9000 sim:blocks=4,block=64K --bytes 4M
            echo "$path $sent $received"
            mv wire.json $path.json
        done'
    for path in copy zerocopy vmsplice splice; do
        [[ $output == *"$path 0 0"* ]] || fail "$path: $output"
        mv $path.json wire.json
        told '.result == "correct" and .retransmitted_packets > 0 and .differing_packets == 0
            and .uncompared_bytes == 0 and .streams[0].stream_bytes == 4194304'
    done
}

@test "wire: live ends after its time, and by a signal" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'watch lo --seconds 0.2; wait $w; echo "time $?"
        watch lo; kill -INT $w; wait $w; echo "signal $?"
        watch lo --expect=complete; kill -INT $w; wait $w; echo "complete $?."'
    [[ $output == *"time 1"*"signal 130"*"complete 1."* ]] || fail "$output"
    told '.result == "incomplete" and (.error.message | contains("nothing was verified"))'
}

@test "wire: captures of other programs, and what tshark says of them" {
    local file connections retransmissions bytes
    while read -r file connections retransmissions bytes; do
        # What the snap length cut off is lost to the capture.
        local result=followed status_expected=0
        [[ $file != *receiver* ]] || result=lossy status_expected=4
        run -$status_expected --separate-stderr zcdma verify -r "$DATA/$file" --pattern none --json
        echo "$output" >wire.json
        told ".connections == $connections and .result == \"$result\" and .differing_packets == 0
            and .retransmitted_packets + .out_of_order_packets == $retransmissions
            and (.retransmitted_packets == 0 or .retransmitted_bytes == $bytes)
            and .uncompared_bytes == 0 and .checksums_wrong == 0 and .malformed_packets == 0"
    done < <(grep -v '^#' "$DATA/expected.txt")
    # Cut by the snap length, and said to be.
    run -4 --separate-stderr zcdma verify -r "$DATA/iperf3-receiver.pcap" --pattern none --json
    jq -e '.cut_bytes > 900000 and .unseen_bytes == .cut_bytes
        and (.error.message | contains("were not captured"))' <<<"$output"
    run -1 --separate-stderr zcdma verify -r "$DATA/iperf3-receiver.pcap" --pattern none --expect=complete -q
}

# record_end FILE N: where the Nth record of a pcap file ends.
record_end() {
    local at=24 n
    for ((n = 0; n < $2; n++)); do
        at=$((at + 16 + $(od -A n -t u4 -j $((at + 8)) -N 4 "$1")))
    done
    echo "$at"
}

@test "wire: what was not captured is a status of its own, and --expect=complete demands all of it" {
    local any=$DATA/any.pcap
    run -0 zcdma verify -r "$any" --pattern none -q --expect=complete
    # Without the fourth packet, which has 16384 of its 20000 bytes.
    { head -c "$(record_end "$any" 3)" "$any" && tail -c +$(($(record_end "$any" 4) + 1)) "$any"; } >lossy.pcap
    run -4 --separate-stderr zcdma verify -r lossy.pcap --pattern none --json
    jq -e '.result == "lossy" and .streams[0].result == "lossy" and .unseen_bytes == 16384
        and .exit_status == 4 and (.error.message | endswith("16.00 KiB of it were not captured"))' <<<"$output"
    run -1 zcdma verify -r lossy.pcap --pattern none -q --expect=complete
    # Without its end, nothing is known to be missing.
    head -c "$(record_end "$any" 7)" "$any" >cut.pcap
    run -0 zcdma verify -r cut.pcap --pattern none -q
    run -1 --separate-stderr zcdma verify -r cut.pcap --pattern none -q --expect=complete
    [[ $stderr == *"it was not captured from its beginning to its end"* ]]
}

@test "wire: a capture on standard input" {
    run -0 --separate-stderr zcdma verify -r - --port 7001 --json <"$DATA/udp.pcap"
    jq -e '.result == "correct" and .streams[0].stream_bytes == 20000' <<<"$output"
    run -0 bash -c "cat '$DATA/udp.pcap' | '$ZCDMA' verify -r -"
    [[ $output == *"result "*"correct"*"127.0.0.1:7001"* ]]
}

@test "wire: a pipe that somebody made non-blocking, and a packet that comes in two parts" {
    run -0 bash -c "(sleep 0.1; head -c 1000 '$DATA/udp.pcap'; sleep 0.1; tail -c +1001 '$DATA/udp.pcap') |
        (dd iflag=nonblock count=0 status=none; exec '$ZCDMA' verify -r -)"
}

@test "wire: a stream that is not the pattern is wrong, and the hint is named" {
    run -1 --separate-stderr zcdma verify -r "$DATA/any.pcap" -q
    [[ $stderr == *"differs at offset 0"*"--pattern none"* ]]
    run -0 zcdma verify -r "$DATA/any.pcap" -q --pattern none
    run -1 --separate-stderr zcdma verify -r "$DATA/any.pcap" -q --pattern none --bytes 19999
    [[ $stderr == *"20000 bytes were sent, 19999 were expected"* ]]
    run -0 zcdma verify -r "$DATA/any.pcap" -q --pattern none --bytes 20000
}

@test "wire: every damaged place is named, of all streams" {
    run -1 --separate-stderr zcdma verify -v -r "$DATA/iperf3-loss.pcap"
    assert_regex "$stderr" '10.2.0.2:5201 to 10.1.0.1:56176: differs at offset 0: garbage of 311 bytes'
    assert_regex "$stderr" '10.1.0.1:56178 to 10.2.0.2:5201: differs at offset 0: garbage of 94157 bytes'
    run -1 --separate-stderr zcdma verify --json -r "$DATA/iperf3-loss.pcap"
    jq -e '(.places | length) == 3 and .places[1].kind == "garbage" and .places[1].length_bytes == 311
        and .places[1].from == "10.2.0.2:5201"' <<<"$output"
}

@test "wire: by a manifest" {
    zcdma capture sim: --bytes 40000 -q -o run.bin --manifest run.xxh
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'watch lo --manifest run.xxh; listen 127.0.0.1
        "$ZCDMA" copysend 127.0.0.1:9000 run.bin -q && wait $v && wait $w'
    [ "$status" -eq 0 ] || fail "$output $(cat wire.json wire.err)"
    told '.result == "correct" and .streams[0].blocks_good == .streams[0].blocks_expected'
    run -1 --separate-stderr zcdma verify -r "$DATA/udp.pcap" --manifest run.xxh -q
    [[ $stderr == *"a manifest cannot place datagrams in the stream"* ]]
    run -1 --separate-stderr zcdma verify -r "$DATA/any.pcap" --manifest run.xxh -q
    [[ $stderr == *"differs at offset"* ]]
    run -2 zcdma verify -r "$DATA/any.pcap" --manifest "$DATA/any.pcap" -q
}

@test "wire: nothing to verify is not correct" {
    run -1 --separate-stderr zcdma verify -r "$DATA/any.pcap" --port 1 -q
    [[ $stderr == *"no data of a connection was captured, so nothing was verified"*"give another --port, interface or file"* ]]
    run -1 --separate-stderr zcdma verify -r "$DATA/any.pcap" --port 1 -q --pattern none
    [[ $stderr == *"nothing was verified"* ]]
}

@test "wire: with more connections than can be followed it is incomplete" {
    # Datagrams, each from a port of its own; nothing tells that these have ended.
    "$TOOLS/flood" udp 16385 >many.pcap
    run -1 --separate-stderr zcdma verify -r many.pcap --json
    jq -e '.result == "incomplete" and .unfollowed_packets == 1 and .streams_count == 16384
        and (.error.message | contains("not followed"))' <<<"$output" >/dev/null || fail "$(jq 'del(.streams)' <<<"$output")"
    run -1 --separate-stderr zcdma verify -r many.pcap --pattern none --json
}

@test "wire: one packet is a packet, and several are packets" {
    local n
    "$TOOLS/flood" udp 3 >fragments.pcap
    for n in 1 2; do
        # The flags of an IP header: more fragments follow.
        printf '\x20' | dd of=fragments.pcap bs=1 seek=$((46 + 60 * n)) conv=notrunc status=none
        run -4 --separate-stderr zcdma verify -r fragments.pcap --pattern none -q
        if ((n == 1)); then
            assert_equal "$stderr" 'zcdma verify: 1 packet is a fragment, or without headers: it is not known whose'
        else
            assert_equal "$stderr" 'zcdma verify: 2 packets are fragments, or without headers: it is not known whose'
        fi
    done
}

@test "wire: a stream that is dropped from the full list keeps its verdict" {
    "$TOOLS/flood" tcp 16500 >many.pcap
    run -1 --separate-stderr zcdma verify -r many.pcap --json
    jq -e '.result == "wrong" and .unlisted_streams == 116 and .streams_count == 16500
        and all(.streams[]; .result == "incomplete")
        and (.error.message | startswith("127.0.0.1:1 to 127.0.0.1:9000: differs at offset 0"))
        ' <<<"$output" >/dev/null || fail "$(jq 'del(.streams)' <<<"$output")"
}

@test "wire: files that are cut short, empty, or no capture" {
    head -c 50000 "$DATA/iperf3-loss.pcap" >cut.pcap
    run -1 --separate-stderr zcdma verify -r cut.pcap --pattern none --json
    # What was before is told of.
    jq -e '.result == "incomplete" and .streams[0].stream_bytes > 0 and (.error.message | contains("cut.pcap"))' <<<"$output"
    : >empty.pcap
    echo 'no capture at all, but some text' >text.pcap
    head -c 24 "$DATA/udp.pcap" >none.pcap
    for file in empty.pcap text.pcap missing.pcap .; do
        run -2 --separate-stderr zcdma verify -r $file
        # shellcheck disable=SC2154 # bats sets stderr
        [[ $stderr == *"open $file"* ]] || fail "$file: $stderr"
    done
    run -1 zcdma verify -r none.pcap -q
    run -2 bash -c "'$ZCDMA' verify -r - <&-"
    run -2 zcdma verify -r - </dev/null
}

@test "wire: interfaces that are not there, and privileges that are not" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace '"$ZCDMA" verify -i nosuch0; echo "status $?"'
    [[ $output == *"capture on nosuch0: No such device"*"status 2"* ]] || fail "$output"
    if ((UID)); then
        run -2 --separate-stderr zcdma verify -i lo
    else
        copy_for_all
        run -2 --separate-stderr setpriv --reuid=65534 --clear-groups "$ZCDMA" verify -i lo
    fi
    [[ $stderr == *"capture on lo: Operation not permitted"*CAP_NET_RAW* ]] || fail "$stderr"
}

@test "wire: options that do not belong" {
    local options
    while read -r options; do
        # shellcheck disable=SC2086 # several
        run -2 --separate-stderr zcdma verify $options </dev/null
        [[ $stderr == *"zcdma verify: -"* || $stderr == *"exclude each other"* ]] || fail "$options: $stderr"
    done <<<"-i lo -r file
-i lo --listen :0
-r file --listen :0
-r file sim:
--port 9000 sim:
--block 4K sim:
--pattern none sim:
--seconds 1 sim:
--seconds 1 -r file
--buffer 1M -r file
-i lo --buffer 4G
--streams 2 -r file
--port 0 -r file
--port 65536 -r file
--port x -r file
--block 0 -r file
--handover=require -r file
--pattern none --manifest x -r file"
}
