#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only

load common

@test "copysend: what is sent arrives, over IPv4 and IPv6" {
    receiver --bytes 64M
    zcdma copysend "$TO" sim: --bytes 64M -q
    received
    [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 here"
    LISTEN='[::1]:0' receiver --bytes 64M
    [[ $TO == '[::1]:'* ]]
    zcdma copysend "$TO" sim: --bytes 64M -q
    received
}

@test "copysend: every byte is reported as copied" {
    receiver
    run -0 --separate-stderr zcdma copysend "$TO" sim: --bytes 10000001 --json
    received
    jq -e '.copied_bytes == 10000001 and .sent_bytes == 10000001 and .zerocopy_bytes == 0' <<<"$output"
}

@test "copysend: from a paced capture, which is a pipe" {
    receiver --bytes 20M
    zcdma capture --bytes 20M --rate 200M -q sim:blocks=20 | zcdma copysend "$TO" -q
    received
}

@test "copysend: the null path sends nothing, and says so" {
    receiver
    run -0 --separate-stderr zcdma copysend "$TO" sim: --bytes 64M --path=null --json
    jq -e '.sent_bytes == 0 and .discarded_bytes == 67108864 and .user_copies == null and .kernel_copies == null' <<<"$output"
    received 1
    grep -q 'no data came' receiver.err
}

@test "copysend: --blocks and --seconds end it" {
    receiver
    run -0 --separate-stderr zcdma copysend "$TO" sim:block=64K --blocks 7 --json
    jq -e '.sent_bytes == 7 * 65536 and .blocks == 7 and .last_seq == 6' <<<"$output"
    received
    # On a busy machine less comes in that time, or nothing.
    receiver --json
    run -0 --separate-stderr zcdma copysend "$TO" sim:rate=1M,block=4K,blocks=4096 --seconds 0.2 --json
    until_true 60 ended "$RECEIVER"
    jq -e '.elapsed_seconds >= 0.2' <<<"$output"
    assert_equal "$(jq .received_bytes receiver.out)" "$(jq .sent_bytes <<<"$output")"
}

@test "copysend: a receiver that never sends anything back has its FIN out first" {
    nc -l -N -v 127.0.0.1 0 </dev/null >got 2>nc.err 3>&- &
    PIDS+=($!)
    until_true 10 grep -q Listening nc.err || skip "this nc does not tell its port"
    zcdma copysend "127.0.0.1:$(grep -oE '[0-9]+$' nc.err)" sim: --bytes 64M -q
    wait_exit "${PIDS[0]}"
    zcdma verify -q --bytes 64M got
}

# A sender without an end, $sender, of whose data some has arrived.
start_sending() {
    receiver
    "$ZCDMA" copysend "$TO" sim: >out 2>err 3>&- &
    sender=$!
    PIDS+=("$sender")
    until_true 20 received_something
}

@test "copysend: a receiver that goes away in the middle: one line, status 1" {
    start_sending
    kill -KILL "$RECEIVER"
    wait_exit "$sender" 1
    [ "$(grep -c 'Connection reset by peer\|Broken pipe' err)" -eq 1 ]
    grep -q '^  sent' out
}

@test "copysend: killed in the middle: its receiver does not take that for the end" {
    start_sending
    kill -KILL "$sender"
    received 1
    grep -q 'Connection reset by peer' receiver.err
}

@test "copysend: Ctrl-C drains, reports and exits with 130" {
    start_sending
    kill -INT "$sender"
    wait_exit "$sender" 130
    grep -q '^  sent' out
    received
}

@test "copysend: a second Ctrl-C ends it at once, whatever the receiver does" {
    start_sending
    kill -STOP "$RECEIVER"
    until_true 20 stalled "$sender"
    kill -INT "$sender"
    # Not before a second has passed, as what comes sooner is taken for the same request.
    until_true 20 grep -q 'a second signal ends it' err
    until_true 20 killed_by_another "$sender"
    wait_exit "$sender" 130
    run ! grep -q '^  sent' out
}

@test "copysend: a signal while the receiver keeps the last bytes waiting says so" {
    receiver
    kill -STOP "$RECEIVER"
    "$ZCDMA" copysend "$TO" sim:block=64K --bytes 512K >out 2>err 3>&- &
    sender=$!
    PIDS+=("$sender")
    until_true 20 handed_to_kernel
    kill -INT "$sender"
    until_true 20 grep -q 'waiting for the receiver; a second signal' err
    kill -CONT "$RECEIVER"
    wait_exit "$sender" 130
    grep -q '^  sent' out
    received
}

handed_to_kernel() {
    ask "$sender"
    tail -n 1 err | grep -q '512.00 KiB in'
}

killed_by_another() {
    kill -INT "$1"
    ended "$1"
}

# Statistics on request: nothing has moved since the last, and the kernel waits for the receiver to have room: the timer of
# the connection is that of a probe of its window, 4 (Documentation/networking/proc_net_tcp.rst).
stalled() {
    ask "$1"
    tail -n 1 err | grep -q 'iB in .* 0.00 MB/s' && awk -v port="$(printf ':%04X' "${TO##*:}")" \
        'index($3, port) && $6 ~ /^04:/ { full = 1 } END { exit !full }' /proc/net/tcp
}
