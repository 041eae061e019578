#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Several receivers of one sender.

load common

# two_receivers [OPTION...]: start two, and set FIRST, SECOND, TO_FIRST and TO_SECOND.
two_receivers() {
    receiver "$@"
    FIRST=$RECEIVER TO_FIRST=$TO
    receiver "$@"
    SECOND=$RECEIVER TO_SECOND=$TO
}

@test "receivers: each gets everything, over TCP and UDP, and the report says so" {
    # So little that the buffer of the receiver of datagrams has room for it, however late it reads.
    LISTEN=udp:127.0.0.1:0 receiver --bytes 64K
    local udp=$RECEIVER to_udp=$TO
    two_receivers --bytes 64K
    run -0 --separate-stderr zcdma zcsend "$to_udp" "$TO_FIRST" "$TO_SECOND" sim:block=16K --bytes 64K --json
    wait_exit "$udp"
    wait_exit "$FIRST"
    wait_exit "$SECOND"
    jq -e '.sent_bytes == 3 * 65536 and .blocks == 4 and (.receivers | length) == 3
        and all(.receivers[]; .sent_bytes == 65536 and .unsent_bytes == 0 and .ended == "complete")
        and .receivers[0].acknowledged_bytes == null and .receivers[1].acknowledged_bytes == 65536' <<<"$output"
}

@test "receivers: of a file, by every path that takes one" {
    zcdma capture -q sim: --bytes 3M -o data
    for path in copy sendfile splice; do
        two_receivers --bytes 3M
        zcdma copysend -q --path=$path "$TO_FIRST" "$TO_SECOND" file:data
        wait_exit "$FIRST"
        wait_exit "$SECOND"
    done
}

@test "receivers: the death of one is not the end of the other, and status 1" {
    two_receivers
    "$ZCDMA" copysend "$TO_FIRST" "$TO_SECOND" sim: >out 2>err 3>&- &
    local sender=$!
    PIDS+=("$sender")
    RECEIVER=$SECOND
    until_true 20 received_something
    kill -KILL "$SECOND"
    until_true 20 has_line err 'going on with the other$'
    kill -INT "$sender"
    wait_exit "$sender" 1 # and not 130: the receiver died before the signal
    wait_exit "$FIRST"
    grep -qE "^$TO_FIRST .* 0 B +complete$" out
    grep -qE "^$TO_SECOND .* [1-9][0-9.]* ([KMG]i)?B +send to .*: (Connection reset by peer|Broken pipe)$" out
}

@test "receivers: what one that died had acknowledged of a framed stream is unknown, as heads are among it" {
    listen_as first "$ZCDMA" verify --listen 127.0.0.1:0,framed
    local first=$LISTENER to_first=$WHERE,framed
    listen_as second "$ZCDMA" capture tcp:127.0.0.1:0,framed --no-sync -o second
    "$ZCDMA" copysend "$to_first" "$WHERE,framed" sim:block=4K,rate=2M,blocks=4096 >out 2>err 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 test -s second
    kill -KILL "$LISTENER"
    until_true 20 has_line err 'going on with the other$'
    kill -INT "$sender"
    until_true 60 ended "$sender"
    wait_exit "$first"
    grep -qE "^${to_first%,*} .*B +0 B +complete$" out
    grep -qE "^$WHERE +[0-9.]+ [KMG]?i?B +- .* (Connection reset by peer|Broken pipe)$" out
}

@test "receivers: a signal while one of them keeps the last bytes waiting says which" {
    two_receivers
    kill -STOP "$SECOND"
    "$ZCDMA" copysend "$TO_FIRST" "$TO_SECOND" sim:block=64K --bytes 512K >out 2>err 3>&- &
    sender=$!
    PIDS+=("$sender")
    until_true 20 both_have_it
    kill -INT "$sender"
    until_true 20 has_line err "waiting for $TO_SECOND; a second signal ends it at once"
    kill -CONT "$SECOND"
    wait_exit "$sender" 130
    wait_exit "$FIRST"
    wait_exit "$SECOND"
}

@test "receivers: one that leaves after a signal does not have everything, and the status is the signal's" {
    local signal
    for signal in INT:130 TERM:143; do
        two_receivers
        kill -STOP "$SECOND"
        "$ZCDMA" copysend "$TO_FIRST" "$TO_SECOND" sim:block=64K >out 2>err 3>&- &
        sender=$!
        PIDS+=("$sender")
        until_true 20 has_sent
        kill "-${signal%:*}" "$sender"
        until_true 20 has_line err "waiting for $TO_SECOND; a second signal ends it at once"
        kill -KILL "$SECOND"
        wait_exit "$sender" "${signal#*:}"
        has_line err 'going on with the other$' || fail "$(cat err)"
        wait_exit "$FIRST"
    done
}

# has_sent: the kernel has taken some of it.
has_sent() {
    ask "$sender"
    tail -n 1 err | grep -q 'MiB in'
}

# both_have_it: the sender has handed all to the kernel, and waits.
both_have_it() {
    ask "$sender"
    tail -n 1 err | grep -q '1.00 MiB in'
}

@test "receivers: --drop-slow drops the one that does not read, and the others get everything" {
    two_receivers
    kill -STOP "$SECOND"
    run -1 --separate-stderr zcdma copysend --drop-slow 3 "$TO_FIRST" "$TO_SECOND" sim: --bytes 64M --json
    wait_exit "$FIRST"
    kill -CONT "$SECOND"
    wait_exit "$SECOND" 1
    jq -e '.receivers[0].ended == "complete"
        and (.receivers[1].ended | test("^dropped: it held [0-9]+ blocks more than the fastest$"))' <<<"$output"
    jq -e '.error.message == "1 of 2 receivers did not get everything"' <<<"$output"
}

@test "receivers: what cannot be is one error, before anything is sent" {
    local to
    run -2 --separate-stderr zcdma zcsend 127.0.0.1:9 127.0.0.1:9 sim:
    assert_equal "${stderr%%$'\n'*}" 'zcdma zcsend: receiver 127.0.0.1:9: it is named twice'
    mapfile -t to < <(seq -f '127.0.0.1:%.0f' 1 65)
    run -2 --separate-stderr zcdma zcsend "${to[@]}" sim:
    assert_equal "$stderr" 'zcdma zcsend: receiver 127.0.0.1:65: at most 64 are possible'
    run -2 --separate-stderr zcdma zcsend 127.0.0.1:9 127.0.0.1: sim:
    assert_equal "${stderr%%$'\n'*}" "zcdma zcsend: address '127.0.0.1:': it has no port"
    run -2 --separate-stderr zcdma zcsend --drop-slow 4 127.0.0.1:9 sim:
    assert_equal "$stderr" 'zcdma zcsend: --drop-slow is for several receivers
  leave it out: one alone is waited for'
    run -2 --separate-stderr zcdma zcsend --drop-slow 8 127.0.0.1:9 127.0.0.1:10 sim:blocks=8
    assert_equal "${stderr%%$'\n'*}" 'zcdma zcsend: --drop-slow 8: the ring has 8 blocks, and no receiver can hold more'
    receiver
    run -2 --separate-stderr zcdma zcsend "$TO" 127.0.0.1:1 sim:
    [[ $stderr == 'zcdma zcsend: connect to 127.0.0.1 port 1: Connection refused'* ]]
    received 1
}

@test "receivers: what a pipe carries is not spliced to several" {
    two_receivers
    run -2 --separate-stderr bash -c "echo data | '$ZCDMA' vmsplice '$TO_FIRST' '$TO_SECOND'"
    [[ $stderr == *'share a block of standard input: what comes from a pipe can be taken once'* ]]
    wait_exit "$FIRST" 1
    wait_exit "$SECOND" 1
}
