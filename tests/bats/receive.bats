#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the network sends, stored and relayed: tcp: as a source.

load common
load pipe

# capturing APPLET...: start it, and wait until it says where it listens, which is FROM then.
capturing() {
    listen_as capture "$ZCDMA" "$@"
    CAPTURE=$LISTENER FROM=$WHERE
}

# captured [STATUS]: it has ended so.
captured() {
    wait_exit "$CAPTURE" "${1:-0}" || fail "capture: $(cat capture.out capture.err)"
}

# report FILTER: what its report says.
report() {
    jq -e "$1" capture.out || fail "not so: $1"$'\n'"$(cat capture.out capture.err)"
}

@test "receive: what a sender sends is stored, with its manifest" {
    local how copies
    for how in --no-sync --direct; do
        copies='.kernel_copies >= 1 and .kernel_copied_bytes >= 5000001'
        # Its O_DIRECT copies, or not, as it likes; /tmp is one on Debian 13.
        [[ $how != --direct || $(stat -f -c %T .) != tmpfs ]] || copies='.kernel_copies == null and .kernel_copied_bytes == null'
        capturing capture tcp:127.0.0.1:0 -o run.bin $how --manifest run.xxh --json
        zcdma zcsend "$FROM" sim: --bytes 5000001 -q
        captured
        report '.captured_bytes == 5000001 and .result == null and (.sender | startswith("127.0.0.1:"))
            and .user_copies < 1 and '"$copies"
        zcdma verify -q --bytes 5000001 run.bin
        zcdma verify -q --manifest run.xxh run.bin
    done
}

@test "receive: pages are mapped, what cannot be is copied, and the report says why" {
    local send
    for send in 'zcsend --fallback=keep' copysend; do
        capturing capture tcp:127.0.0.1:0,receive=map -o map.bin --no-sync --json
        # shellcheck disable=SC2086 # words
        zcdma $send "$FROM" sim: --bytes 5000001 -q
        captured
        report '.mapped_bytes + .unmapped_bytes == 5000001 and .kernel_copied_bytes >= 5000001'
        zcdma verify -q --bytes 5000001 map.bin
    done
    report '.mapped_bytes == 0 and (.copies_reason | contains("only MSG_ZEROCOPY"))'
    # A path that proves when pages are free has them too.
    receiver --bytes 5M
    capturing zcsend "$TO" tcp:127.0.0.1:0,receive=map --fallback=keep --json
    zcdma zcsend "$FROM" sim: --bytes 5M --fallback=keep -q
    captured
    received
    report '.mapped_bytes > 4000000'
}

@test "receive: a relay copies nothing itself, and what it sends is right" {
    receiver --bytes 20M
    capturing vmsplice "$TO" tcp:127.0.0.1:0 --path=splice --json
    zcdma zcsend "$FROM" sim: --bytes 20M -q
    captured
    received
    report '.user_copies == 0 and .kernel_copies == null and .ring_blocks == 0
        and .copies_reason == "it is unknown whether splice() copies from tcp:127.0.0.1:0"'
}

@test "receive: every applet takes it, through each way to send" {
    local path
    for path in copy zerocopy vmsplice splice; do
        receiver --bytes 3M
        capturing zcsend "$TO" tcp:127.0.0.1:0,receive=copy --path=$path
        zcdma copysend "$FROM" sim: --bytes 3M -q
        captured
        received
    done
    capturing verify tcp:127.0.0.1:0 --bytes 3M --json
    zcdma copysend "$FROM" sim: --bytes 3M -q
    captured
    report '.result == "correct" and .received_bytes == 3145728'
}

@test "receive: the ring is handed over to what is at the other end of a pipe" {
    mkfifo pipe
    "$ZCDMA" verify --json --bytes 3M <pipe >verify.out 3>&- &
    local verify=$!
    {
        await_reader 7>&1
        exec "$ZCDMA" capture tcp:127.0.0.1:0 --handover=require --json
    } >pipe 2>capture.err 3>&- &
    CAPTURE=$!
    PIDS+=("$verify" "$CAPTURE")
    until_true 20 has_line capture.err 'listening on' || fail "not listening: $(cat capture.err)"
    FROM=$(<capture.err)
    FROM=${FROM#*listening on } FROM=${FROM%%$'\n'*}
    zcdma copysend "$FROM" sim: --bytes 3M -q
    captured
    wait_exit $verify
    jq -e '.handover and .result == "correct"' verify.out
}

@test "receive: a sender that is killed leaves what came, and status 1" {
    capturing capture tcp:127.0.0.1:0 -o run.bin --json
    "$ZCDMA" zcsend "$FROM" sim:rate=50M -q 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 test -s run.bin || fail 'nothing came'
    kill -KILL $sender
    captured 1
    report '.captured_bytes > 0 and .exit_status == 1 and (.error.message | test("receive from 127.0.0.1:[0-9]+: Connection reset by peer"))'
    zcdma verify -q --bytes "$(stat -c %s run.bin)" run.bin
}

@test "receive: a signal keeps what came, and the sender is told" {
    capturing capture tcp:127.0.0.1:0 -o run.bin --json
    "$ZCDMA" copysend "$FROM" sim:rate=50M -q 2>sender.err 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 test -s run.bin || fail 'nothing came'
    kill -INT "$CAPTURE"
    captured 130
    wait_exit $sender 1
    grep -q 'Connection reset\|Broken pipe' sender.err
    zcdma verify -q --bytes "$(stat -c %s run.bin)" run.bin
    # Without a sender there is nothing to keep.
    capturing capture tcp:127.0.0.1:0 -o other.bin --json
    kill -INT "$CAPTURE"
    captured 130
    report '.captured_bytes == 0'
}

# numbered NUMBER TEXT: a datagram to descriptor 5 with that number in 4 bytes, big endian, and text after it.
numbered() {
    local hex
    printf -v hex '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255))
    printf '%b' "$hex$2" >&5
}

# sender: open descriptor 5 to where the capture listens.
sender() {
    exec 5>"/dev/udp/127.0.0.1/${FROM##*:}"
}

@test "receive: datagrams are stored, to the mark of their end" {
    capturing capture udp:127.0.0.1:0 -o run.bin --manifest run.xxh --json
    zcdma zcsend "$FROM" sim:block=64K --bytes 64K --datagram 1000 -q
    captured
    report '.received_datagrams == 66 and .captured_bytes == 65536 and .lost_datagrams == null
        and .socket_drops == 0 and .socket_buffer_bytes > 0 and .kernel_copies == 2
        and .sender != null and .ignored_datagrams == 0 and .lost_bytes == null and .missing_bytes == null
        and (.loss_reason | test("without numbers"))'
    zcdma verify -q --bytes 64K run.bin
    zcdma verify -q --manifest run.xxh run.bin
    # Without --bytes, at which it would leave before the marks of the end have come.
    capturing verify udp:127.0.0.1:0 --json
    zcdma zcsend "$FROM" sim:block=64K --bytes 64K --datagram 1000 -q
    captured
    report '.result == "correct" and .received_bytes == 65536'
}

@test "receive: numbers find what is lost, and put the rest in order" {
    capturing capture udp:127.0.0.1:0,skip=4,seq=0:4be -o run.bin --json
    sender
    numbered 7 a
    numbered 9 c
    numbered 8 b
    numbered 12 f
    printf '' | "$TOOLS/udp" "${FROM##*:}" . # of another, which is not the end
    until_true 20 test -s run.bin || fail 'nothing came'
    kill -INT "$CAPTURE"
    captured 130
    assert_equal "$(<run.bin)" abcf
    report '.lost_datagrams == 2 and (.notes[0] | startswith("lost data: 2 datagrams did not arrive, by their numbers"))'
    capturing capture udp:127.0.0.1:0,skip=4,seq=0:4be -o run.bin --bytes 2 --json
    sender
    numbered 7 a
    numbered 9 c
    captured 4
    report '.lost_datagrams == 1 and .reordered_datagrams == 1'
}

@test "receive: where nothing numbers datagrams it is unknown whether all came" {
    capturing capture udp:127.0.0.1:0 -o run.bin --bytes 3000 --manifest run.xxh --expect=complete --json
    "$TOOLS/udp" "${FROM##*:}" 0+1000 1000+1000 3000+1000
    captured 1
    report '.captured_bytes == 3000 and .lost_datagrams == null and .lost_bytes == null
        and (.error.message | test("unknown what was lost")) and (.error.hint | test("seq="))'
    refute grep -q '^# end' run.xxh
    capturing capture udp:127.0.0.1:0,skip=4,size=1,seq=0:4be -o run.bin --bytes 2 --expect=complete --json
    sender
    numbered 7 a
    numbered 8 b
    captured
    report '.lost_datagrams == 0 and .lost_bytes == 0 and .loss_reason == null'
}

@test "receive: a second sender, and datagrams that are too short, are skipped, and status 1" {
    capturing capture udp:127.0.0.1:0 -o run.bin --bytes 6 --json
    sender
    printf abc >&5
    until_true 20 test -s run.bin || fail 'nothing came'
    "$TOOLS/udp" "${FROM##*:}" !10
    printf def >&5
    captured 1
    assert_equal "$(<run.bin)" abcdef
    report '.ignored_datagrams == 1 and (.error.message | startswith("datagrams of more than one sender came: 1 "))'
    capturing capture udp:127.0.0.1:0,size=3 -o run.bin --bytes 6 --json
    sender
    printf abc >&5
    printf de >&5
    printf fghTAIL >&5
    captured 1
    assert_equal "$(<run.bin)" abcfgh
    report '.undersized_datagrams == 1 and .shortened_datagrams == 1'
}

@test "receive: a sender that source= does not name is ignored, as a note says" {
    capturing capture udp:127.0.0.1:0,source=127.0.0.9 -o run.bin --bytes 6
    sender
    printf abc >&5
    until_true 20 has_line capture.err 'capture: what comes is ignored, as source= names another sender$'
    printf abc >&5
    kill -TERM "$CAPTURE"
    captured 143
    has_line capture.out '^  received .* 2 unwanted,' || fail "$(<capture.out)"
}

@test "receive: datagrams that are missing are lost, for verify too: status 4" {
    capturing verify udp:127.0.0.1:0 --json
    "$TOOLS/udp" "${FROM##*:}" 0+1000 2000+1000 .
    captured 4
    report '.result == "lossy" and .missing_bytes == 1000'
}

@test "receive: a service that is stopped has status 0" {
    capturing capture udp:127.0.0.1:0 -o run.bin --json
    "$TOOLS/udp" "${FROM##*:}" 0+1000
    until_true 20 test -s run.bin || fail 'nothing came'
    kill -TERM "$CAPTURE"
    captured
    report '.captured_bytes == 1000'
}

@test "receive: a time is counted from the first data on" {
    local spec
    for spec in tcp udp; do
        capturing capture "$spec:127.0.0.1:0" -o run.bin --seconds 0.1 --json
        sleep 0.3 # longer than that: without data it goes on
        exec 5>"/dev/$spec/127.0.0.1/${FROM##*:}"
        printf abc >&5
        captured # though the sender goes on
        report '.captured_bytes == 3 and .elapsed_seconds >= 0.1'
        exec 5>&-
    done
}

@test "receive: a group, on an interface, of one source" {
    unshare -rn true 2>/dev/null || skip "no user and network namespaces here"
    # shellcheck disable=SC2016 # for the shell inside
    ZCDMA=$ZCDMA PATH=$PATH:/sbin:/usr/sbin run unshare -rn bash -c 'ip link set lo up || exit 77
        ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 || exit 77
        ip addr add 10.9.0.2/24 dev v0
        ip link set v0 up && ip link set v1 up || exit 77
        trap "kill \$(jobs -p) 2>/dev/null" EXIT
        # What is of one link takes its interface from the option, too.
        "$ZCDMA" capture "udp:[ff02::1:5]:9001,iface=v0" -o run.bin --bytes 64K --json >out 2>err & c=$!
        for ((n = 0; n < 1000; n++)); do grep -qs "listening on" err && break; sleep 0.02; done
        kill -INT $c
        wait $c
        [ $? = 130 ] || { cat err; exit 1; }
        for spec in iface=v0 iface=v0,source=10.9.0.1; do
            rm -f err
            "$ZCDMA" capture "udp:239.1.2.3:9001,$spec" -o run.bin --bytes 64K --json >out 2>err & c=$!
            for ((n = 0; n < 1000; n++)); do grep -qs "listening on" err && break; sleep 0.02; done
            ip maddr show dev v0 | grep -q 239.1.2.3 || { echo "$spec: not joined"; exit 1; }
            [[ $spec != *source* ]] || grep -q "0xef010203 *0x0a090001" /proc/net/mcfilter || { cat /proc/net/mcfilter; exit 1; }
            "$ZCDMA" copysend -q "udp:239.1.2.3%v0:9001" sim:block=64K --bytes 64K || exit
            wait $c || { cat out; exit 1; }
            "$ZCDMA" verify -q --bytes 64K run.bin || exit
            ! ip maddr show dev v0 | grep -q 239.1.2.3 || { echo "$spec: not left"; exit 1; }
        done'
    ((status != 77)) || skip "not possible in a namespace here: $output"
    [ "$status" -eq 0 ] || fail "$output $(cat out err 2>&1)"
}

@test "receive: --expect=zerocopy finds the copy on the way in" {
    capturing capture tcp:127.0.0.1:0 --path=null --expect=zerocopy --json -o run.bin
    zcdma copysend "$FROM" sim: --bytes 1M -q
    captured 1
    report '.kernel_copies == null and .user_copies == null and .kernel_copied_bytes == 1048576
        and .captured_bytes == 0 and .discarded_bytes == 1048576 and .copies_reason == "it was read into the ring, which copies"
        and .error.message == "--expect=zerocopy: 0 B were copied by user space, 1.00 MiB by the kernel: it was read into the ring, which copies"'
    # Nothing of sim: is copied before it is sent.
    zcdma capture sim: --path=null --bytes 1M --expect=zerocopy -q
    receiver --bytes 1M --json
    zcdma copysend "$TO" sim: --bytes 1M -q
    received
    jq -e '.user_copies == 0 and .kernel_copies == 1 and .kernel_copied_bytes == 1048576' receiver.out
}

@test "receive: a port that is taken, and a spec that is wrong, before a file is emptied" {
    echo keep >run.bin
    receiver
    run -2 --separate-stderr zcdma capture "tcp:$TO" -o run.bin
    # shellcheck disable=SC2154 # run sets it
    [[ $stderr == "zcdma capture: listen on 127.0.0.1 port ${TO##*:}: Address already in use"$'\n'*"ss -ltnp"* ]]
    run -2 --separate-stderr zcdma capture tcp:9000 -o run.bin
    [[ $stderr == "zcdma capture: address '9000': it has no port"$'\n'* ]]
    run -2 --separate-stderr zcdma capture tcp::0 --rate 1M -o run.bin
    [[ $stderr == "zcdma capture: --rate is for sim: and dev:, and the source is tcp::0"$'\n'* ]]
    assert_equal "$(<run.bin)" keep
}

@test "receive: a relay to itself is one error" {
    local where
    receiver
    where=$TO
    kill -KILL "$RECEIVER"
    wait "$RECEIVER" || :
    run -2 --separate-stderr zcdma zcsend "$where" "tcp:$where"
    [[ $stderr == *"source tcp:$where: its sender is this program itself"* ]]
}

@test "receive: with --json standard error is the document, but for a port that the kernel chose" {
    capturing capture tcp:127.0.0.1:0 --json
    echo data >"/dev/tcp/127.0.0.1/${FROM##*:}"
    captured
    # The port is free again: nobody else was told of it.
    local port=${FROM##*:}
    "$ZCDMA" capture "tcp:127.0.0.1:$port" --json >data 2>document 3>&- &
    PIDS+=("$!")
    until_true 20 send_data "$port"
    wait_exit "${PIDS[-1]}"
    assert_equal "$(cat data)" data
    jq -e '.captured_bytes == 5 and .exit_status == 0' document
    # Beside a document on standard output it is there for each port.
    "$ZCDMA" capture "tcp:127.0.0.1:$port" --json -o data >document 2>err 3>&- &
    PIDS+=("$!")
    until_true 20 has_line err "^zcdma capture: listening on 127.0.0.1:$port$"
    send_data "$port"
    wait_exit "${PIDS[-1]}"
    jq -e '.captured_bytes == 5' document
}

# send_data PORT: to who listens there.
send_data() {
    { echo data >"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null
}
