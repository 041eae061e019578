#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Datagrams: what the senders cut blocks into, and what verify makes of those that come, or do not.

load common

LISTEN=udp:127.0.0.1:0

# listen [OPTION...]: a receiver that reports as JSON.
listen() {
    receiver --json "$@"
    PORT=${TO##*:}
}

# told FILTER: what the receiver's report says.
told() {
    jq -e "$1" receiver.out || fail "not so: $1"$'\n'"$(cat receiver.out receiver.err)"
}

# So little that it fits into the receiver's buffer, however late it reads: nothing is lost.
LITTLE=(sim:block=64K --bytes 64K)

# namespace SCRIPT: run it in a network of its own, or skip.
namespace() {
    unshare -rn true 2>/dev/null || skip "no user and network namespaces here"
    PATH=$PATH:/sbin:/usr/sbin
    # shellcheck disable=SC2016 # for the shell inside
    ZCDMA=$ZCDMA run unshare -rn bash -c 'ip link set lo up || exit 77
        trap "kill \$(jobs -p) 2>/dev/null" EXIT
        await() { for ((n = 0; n < 1000; n++)); do grep -qs "$1" "$2" && return; sleep 0.02; done; exit 1; }
        '"$1"
    # shellcheck disable=SC2154 # bats sets status
    ((status != 77)) || skip "not possible in a namespace here: $output"
}

@test "udp: every path that sends, and the report counts datagrams" {
    for path in copy zerocopy vmsplice splice sendfile; do
        listen --bytes 64K
        run -0 --separate-stderr zcdma copysend "$TO" "${LITTLE[@]}" --path=$path --datagram 1000 --json
        jq -e '.datagrams == 66 and .datagram_bytes == 1000 and .sent_bytes == 65536' <<<"$output"
        jq -e '.calls < .datagrams' <<<"$output"
        received
        told '.datagrams == 66 and .lost_bytes == 0 and .late_datagrams == 0 and .end == "mark"
            and .result == "correct" and .received_bytes == 65536'
    done
}

@test "udp: each applet, with the size that the way has room for" {
    for applet in copysend zcsend vmsplice; do
        listen --bytes 64K
        run -0 --separate-stderr zcdma $applet "$TO" "${LITTLE[@]}" --json
        jq -e '.datagrams == 2 and .datagram_bytes == 65504' <<<"$output"
        received
        told '.datagrams == 2 and .lost_bytes == 0'
    done
}

@test "udp: from a file and from a pipe, of odd lengths" {
    zcdma capture --bytes 60001 -o run.bin -q sim:
    for path in copy zerocopy vmsplice splice sendfile; do
        listen --bytes 60001
        zcdma zcsend "$TO" run.bin --path=$path --datagram 999 -q
        received
        told '.datagrams == 61 and .lost_bytes == 0'
    done
    listen --bytes 60001
    cat run.bin | zcdma zcsend "$TO" --datagram 999 -q
    received
    told '.lost_bytes == 0'
}

@test "udp: how a pipe holds its bytes cannot decide where datagrams end" {
    listen
    run -2 --separate-stderr zcdma vmsplice "$TO" < <(head -c 60000 /dev/zero)
    [[ $stderr == *"what comes from a pipe has no datagrams"*"--path=copy"* ]]
}

@test "udp: IPv6" {
    [[ -e /proc/net/if_inet6 ]] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 here"
    # shellcheck disable=SC2034 # for the receiver
    LISTEN='udp:[::1]:0'
    for path in copy zerocopy; do
        listen --bytes 64K
        zcdma copysend "$TO" "${LITTLE[@]}" --path=$path --datagram 1001 -q
        received
        told '.lost_bytes == 0 and (.from | startswith("[::1]:"))'
    done
}

@test "udp: a receiver that does not read loses data, which is counted and no fault: status 4" {
    listen --bytes 64M --idle 0.5
    kill -STOP "$RECEIVER"
    zcdma copysend "$TO" sim: --bytes 64M -q
    kill -CONT "$RECEIVER"
    received 4
    told '.lost_bytes > 0 and .lost_datagrams > 0 and .socket_drops > 0 and .faults == 0
        and .received_bytes + .lost_bytes == 67108864 and .exit_status == 4 and .result == "lossy"'
    grep -q rmem_max receiver.out
}

@test "udp: nobody there" {
    listen
    kill "$RECEIVER"
    wait_exit "$RECEIVER" 143
    for path in copy zerocopy vmsplice splice sendfile; do
        run -1 --separate-stderr zcdma copysend "$TO" sim: --bytes 1M --path=$path
        [[ $stderr == *"to $TO: Connection refused"*"zcdma verify --listen udp::${TO##*:}" ]] || fail "$stderr"
    done
    # The only datagram was sent: only its end finds out.
    run -1 --separate-stderr zcdma copysend "$TO" sim: --bytes 1000
    [[ $stderr == *"Connection refused"* ]]
}

@test "udp: datagrams that do not fit, and options that do not belong" {
    listen
    run -2 --separate-stderr zcdma copysend "$TO" sim: --datagram 65508
    [[ $stderr == *"datagrams of 65508 bytes do not fit its MTU"*"--datagram=65507"* ]]
    run -2 zcdma copysend "$TO" sim: --datagram 0
    run -2 --separate-stderr zcdma copysend 127.0.0.1:9 sim: --datagram 1000
    [[ $stderr == *"--datagram is for udp:HOST:PORT"* ]]
    run -2 --separate-stderr zcdma verify --idle 1 - </dev/null
    [[ $stderr == *"--idle is for --listen"* ]]
    run -2 --separate-stderr zcdma verify --listen udp::0 --manifest any
    [[ $stderr == *"--manifest is for whole streams"* ]]
    run -2 --separate-stderr zcdma verify --listen "$TO"
    [[ $stderr == *"Address already in use"*"ss -lunp"* ]]
}

@test "udp: several senders at once" {
    listen --streams 3 --bytes 64K
    for _ in 1 2 3; do
        zcdma copysend "$TO" "${LITTLE[@]}" -q
    done
    received
    told '(.streams | length) == 3 and all(.streams[]; .result == "correct" and .lost_bytes == 0)
        and ([.streams[].from] | unique | length) == 3'
}

@test "udp: lost, late and twice, as they come" {
    listen --bytes 10000
    "$TOOLS/udp" "$PORT" 0+1000 2000+1000 1000+1000 1000+1000 5000+1000 .
    received 4
    told '.datagrams == 5 and .lost_bytes == 6000 and .lost_datagrams == 6 and .late_datagrams == 1
        and .duplicate_datagrams == 1 and .duplicate_bytes == 1000 and .result == "lossy"
        and (.error.message | endswith(": 6 datagrams (5.86 KiB) did not come"))'
}

@test "udp: wrong content is wrong" {
    listen
    "$TOOLS/udp" "$PORT" 0+1000 !1000 2000+1000 .
    received 1
    told '.result == "wrong" and .garbage_bytes == 1000 and .lost_bytes == 1000 and .first_offset == 1000'
    listen --pattern 7
    "$TOOLS/udp" "$PORT" 0+1000 .
    received 1
    grep -q 'another seed: --pattern 0' receiver.out
    listen --bytes 5000
    "$TOOLS/udp" "$PORT" 0+5008 .
    received 1
    grep -q 'more came than the 5000 bytes' receiver.out
    listen
    "$TOOLS/udp" "$PORT" 5000+7 .
    received 1
    grep -q 'nothing was verified' receiver.out
}

@test "udp: what was not placed was not checked" {
    listen
    "$TOOLS/udp" "$PORT" 0+16 !16 !16 !16 .
    received 1
    told '.result == "incomplete" and .unplaced_datagrams == 3 and .faults == 0
        and (.error.message | endswith(": 3 of 4 datagrams do not show where they belong, and were not checked"))'
    # Of 12 bytes: two that follow on each other tell where they belong, after one that was lost.
    listen
    "$TOOLS/udp" "$PORT" 0+12 12+12 36+12 48+12 60+12 .
    received 4
    told '.unplaced_datagrams == 0 and .lost_bytes == 12'
}

@test "udp: a sender that says no end is believed to have ended after a silence" {
    listen --idle 0.2
    "$TOOLS/udp" "$PORT" 0+1000
    received
    told '.end == "silence" and .received_bytes == 1000'
}

@test "udp: a signal ends the receiver, with its report" {
    listen
    "$TOOLS/udp" "$PORT" 0+1000 1000+500
    kill -INT "$RECEIVER"
    wait_exit "$RECEIVER" 130
    told '.end == "signal" and .received_bytes == 1500 and .exit_status == 130'
}

@test "udp: what strangers send is no stream, and nothing waits for them" {
    listen --bytes 2000
    # The last word of an earlier stream, then ours, then some that come in between.
    "$TOOLS/udp" "$PORT" . /
    exec 5>"/dev/udp/127.0.0.1/$PORT"
    zcdma capture sim: --bytes 2000 -q -o run.bin
    dd if=run.bin bs=1000 count=1 status=none >&5
    for _ in {1..20}; do
        "$TOOLS/udp" "$PORT" !1 / !100 / . / 0+1000 / !65507
        until_true 20 read_all # its buffer has room for a few of these
    done
    dd if=run.bin bs=1000 count=1 skip=1 status=none >&5
    exec 5>&-
    zcdma copysend "$TO" sim: --bytes 2000 -q
    kill -INT "$RECEIVER"
    # No signal explains data that was skipped.
    wait_exit "$RECEIVER" 1
    told '.received_bytes == 2000 and .faults == 0 and .ignored_datagrams >= 50 and .exit_status == 1
        and (.error.message | test("of others were skipped, and not checked"))'
}

# read_all: the receiver has read all that has come.
read_all() {
    awk -v port="$(printf ':%04X' "$PORT")" '$2 ~ port && $5 !~ /:0+$/ { left = 1 } END { exit left }' /proc/net/udp
}

@test "udp: data of another sender, which is not checked, is status 1" {
    listen --idle 1
    kill -STOP "$RECEIVER" # so that it sees no silence in between
    exec 5>"/dev/udp/127.0.0.1/$PORT"
    zcdma capture sim: --bytes 2000 -q -o run.bin
    dd if=run.bin bs=1000 count=1 status=none >&5
    "$TOOLS/udp" "$PORT" 0+1000 1000+1000 /
    dd if=run.bin bs=1000 count=1 skip=1 status=none >&5
    exec 5>&-
    kill -CONT "$RECEIVER"
    received 1
    told '.result == "correct" and .received_bytes == 2000 and .ignored_datagrams == 2
        and .error.message == "datagrams of more than 1 sender came: 2 of others were skipped, and not checked"
        and (.error.hint | test("--streams=2"))'
}

@test "udp: source= names the sender, and what others send is not asked for" {
    local from
    for from in 127.0.0.2 127.0.0.3; do
        LISTEN=udp:127.0.0.1:0,source=$from listen --bytes 64K
        "$TOOLS/udp" "$PORT" 0+1000 .
        zcdma copysend "udp:127.0.0.1:$PORT,bind=$from" "${LITTLE[@]}" -q
        received
        told ".result == \"correct\" and .received_bytes == 65536 and .ignored_datagrams >= 2
            and (.from | startswith(\"$from:\")) and (.notes | length == 1) and (.notes[0] |
            test(\"^what 127.0.0.1:[0-9]+ sends is ignored, as source= names another sender\"))"
    done
    LISTEN="udp:[::1]:0,source=0:0:0::1" listen --bytes 64K
    zcdma copysend "$TO" "${LITTLE[@]}" -q
    received
    told '.result == "correct" and .ignored_datagrams <= 2' # marks after the first
}

@test "udp: source= names a sender of IPv4 as one of IPv6, where both are received" {
    LISTEN="udp:[::]:0,source=::ffff:127.0.0.1" listen --bytes 64K
    zcdma copysend "udp:127.0.0.1:$PORT" "${LITTLE[@]}" -q
    received
    told '.result == "correct" and (.from | startswith("127.0.0.1:"))'
    listen_as capture "$ZCDMA" capture "udp:[::]:0,source=::ffff:127.0.0.1" --bytes 64K -o got
    zcdma copysend "udp:127.0.0.1:${WHERE##*:}" "${LITTLE[@]}" -q
    wait_exit "$LISTENER"
    [[ $(stat -c %s got) == 65536 ]]
}

@test "udp: data that was skipped is status 1 also where datagrams were lost" {
    listen --idle 1 --bytes 3000
    "$TOOLS/udp" "$PORT" 0+1000 2000+1000 / 0+1000 1000+1000
    received 1
    told '.result == "lossy" and .lost_bytes == 1000 and .exit_status == 1
        and (.error.message | test("2 of others were skipped"))'
}

@test "udp: --expect=complete that is not met is status 1, also after a signal" {
    listen --bytes 3000 --expect=complete
    "$TOOLS/udp" "$PORT" 0+1000
    kill -INT "$RECEIVER"
    wait_exit "$RECEIVER" 1
    told '.end == "signal" and .received_bytes == 1000 and .exit_status == 1'
}

@test "udp: hostile datagrams are lived through" {
    listen --streams 4 --idle 0.5
    # Offsets that leap back and forth, holes without end, words that lie.
    "$TOOLS/udp" "$PORT" 0+100 1152921504606842880+100 18446744073709547520+100 !1 !7 !8 !15 !16 !23 \
        0+1 1+2 3+65507 !65507 / !3 / 8+8 7+9 . / 5000000000+16 4000000000+16 3000000000+16 @300
    received 1
    told '.exit_status == 1'
}

@test "udp: behind a blackhole zerocopy is truly zero-copy, in datagrams of any size" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'tc qdisc add dev lo root blackhole || exit 77
        for size in 1464 8968 60000; do
            "$ZCDMA" zcsend udp:127.0.0.1:9 sim: --bytes 64M --datagram $size --expect=zerocopy --json || exit
        done'
    [ "$status" -eq 0 ] || fail "$output $(cat out err 2>&1)"
    jq -es 'length == 3 and all(.[]; .zerocopy_bytes == 67108864 and .fell_back_bytes == 0
        and .datagrams >= 67108864 / .datagram_bytes)' <<<"$output"
}

@test "udp: limits on pinned memory make calls smaller, and leave datagrams whole" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace '"$ZCDMA" verify --listen udp:127.0.0.1:9000 --bytes 64K --json >out 2>err & v=$!
        await "listening on" err
        # Other processes of the user may have used it up, and then copies go: whole ones too.
        ulimit -l 48
        "$ZCDMA" zcsend udp:127.0.0.1:9000 sim:block=64K --bytes 64K --datagram 1000 --json || exit
        wait $v'
    [ "$status" -eq 0 ] || fail "$output $(cat out err 2>&1)"
    jq -e ".enobufs > 0 and .datagrams == 66" <<<"$output"
    jq -e ".datagrams == 66 and .datagram_bytes == 1000 and .lost_bytes == 0" out
}

@test "udp: a line that loses, repeats and shuffles" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'tc qdisc add dev lo root netem delay 1ms loss 5% duplicate 5% reorder 10% || exit 77
        "$ZCDMA" verify --listen udp:127.0.0.1:9000 --bytes 32M --idle 2 --json >out 2>err & v=$!
        await "listening on" err
        "$ZCDMA" copysend udp:127.0.0.1:9000 sim: --bytes 32M --datagram 8000 -q || exit
        wait $v'
    [ "$status" -eq 4 ] || fail "$output $(cat out err 2>&1)"
    jq -e '.lost_bytes > 0 and .duplicate_datagrams > 0 and .late_datagrams > 0 and .faults == 0
        and .received_bytes - .duplicate_bytes + .lost_bytes == 33554432 and .result == "lossy"' out ||
        fail "$(cat out err)"
}

@test "udp: multicast: the group is joined, on the interface that is named, and left" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace 'ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 || exit 77
        ip link set v0 up && ip link set v1 up || exit 77
        sysctl -qw net.ipv6.conf.v0.accept_dad=0 2>/dev/null
        for group in 239.1.2.3 ff05::1234; do
            addr=$group%v0
            [[ $group != *:* ]] || addr=[$addr]
            [[ $group != *:* ]] || { [[ -e /proc/net/if_inet6 ]] && ip -6 addr show dev v0 | grep -q fe80; } || continue
            for ((n = 0; n < 500; n++)); do ip addr show dev v0 | grep -q tentative || break; sleep 0.02; done
            rm -f err
            "$ZCDMA" verify --listen "udp:$addr:9001" --bytes 64K --json >out 2>err & v=$!
            await "listening on" err
            ip maddr show dev v0 | grep -q "$group" || { echo "$group: not joined"; exit 1; }
            "$ZCDMA" copysend -q "udp:$addr:9001" sim:block=64K --bytes 64K || exit
            wait $v || exit
            ! ip maddr show dev v0 | grep -q "$group" || { echo "$group: not left"; exit 1; }
        done
        "$ZCDMA" verify --listen udp:239.1.2.3:9001; echo "status $?"
        "$ZCDMA" copysend udp:239.1.2.3:9001 sim: --bytes 1K; echo "status $?"
        "$ZCDMA" verify --listen 239.1.2.3:9001; echo "status $?"
        "$ZCDMA" verify --listen udp:239.1.2.3%nosuch:9001; echo "status $?"; exit 0'
    [ "$status" -eq 0 ] || fail "$output $(cat out err 2>&1)"
    assert_output "zcdma verify: listen on 239.1.2.3 port 9001: No such device
  no route leads to the group: name the interface, as in udp:239.1.2.3%eth0:9001
status 2
zcdma copysend: connect to 239.1.2.3 port 9001: Network is unreachable
  no route leads to the group: name the interface, as in udp:239.1.2.3%eth0:9001
status 2
zcdma verify: address 239.1.2.3: TCP has no multicast
  send datagrams: udp:239.1.2.3:9001
status 2
zcdma verify: look up 239.1.2.3%nosuch: no interface nosuch
  list the interfaces: ip -brief link
status 2"
    jq -e '.result == "correct" and .received_bytes == 65536' out
}

@test "udp: an MTU that shrinks under a sender" {
    # shellcheck disable=SC2016 # for the shell inside
    namespace '"$ZCDMA" verify --listen udp:127.0.0.1:9000 --idle 1 2>err & v=$!
        await "listening on" err
        mkfifo pipe
        "$ZCDMA" copysend udp:127.0.0.1:9000 - -v <pipe >out 2>sender.err & s=$!
        exec 3>pipe
        await "connected from" sender.err
        ip link set lo mtu 1500
        head -c 50000 /dev/zero >&3
        exec 3>&-
        wait $s; echo "sender $?"; kill $v; exit 0'
    [[ $output == *"sender 2"* && $(<out) == *"of at most 65504 bytes"* ]] || fail "$output $(cat out sender.err)"
    grep -A1 "Message too long" sender.err | grep -q -e --datagram
}
