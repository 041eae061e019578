#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the network sends, stored and relayed: tcp: as a source.

load common

# capturing APPLET...: start it, and wait until it says where it listens, which is FROM then.
capturing() {
    rm -f capture.out capture.err # of an earlier one
    "$ZCDMA" "$@" >capture.out 2>capture.err 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 has_line capture.err 'listening on' || fail "not listening: $(cat capture.err)"
    FROM=$(<capture.err)
    FROM=${FROM#*listening on } FROM=${FROM%%$'\n'*}
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
    local how
    for how in --no-sync --direct; do
        capturing capture tcp:127.0.0.1:0 -o run.bin $how --manifest run.xxh --json
        zcdma zcsend "$FROM" sim: --bytes 5000001 -q
        captured
        report '.captured_bytes == 5000001 and .result == null and (.sender | startswith("127.0.0.1:"))
            and .user_copies < 1 and .kernel_copies >= 1 and .kernel_copied_bytes >= 5000001'
        zcdma verify -q --bytes 5000001 run.bin
        zcdma verify -q --manifest run.xxh run.bin
    done
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
    "$ZCDMA" capture tcp:127.0.0.1:0 --handover=require --json >pipe 2>capture.err 3>&- &
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

@test "receive: a port that is taken, and a spec that is wrong, before a file is emptied" {
    echo keep >run.bin
    receiver
    run -2 --separate-stderr zcdma capture "tcp:$TO" -o run.bin
    # shellcheck disable=SC2154 # run sets it
    [[ $stderr == "zcdma capture: listen on 127.0.0.1 port ${TO##*:}: Address already in use"$'\n'*"ss -ltnp"* ]]
    run -2 --separate-stderr zcdma capture tcp:9000 -o run.bin
    [[ $stderr == "zcdma capture: address '9000': it has no port"$'\n'* ]]
    run -2 --separate-stderr zcdma capture tcp::0 --rate 1M -o run.bin
    [[ $stderr == "zcdma capture: --rate is for sim: and dev:, and the source is tcp::0" ]]
    assert_equal "$(<run.bin)" keep
}
