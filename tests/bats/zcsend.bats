#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only

load common

@test "zcsend: what is sent arrives, and the report adds up" {
    receiver --bytes 64M
    run -0 --separate-stderr zcdma zcsend "$TO" sim: --bytes 64M --json
    received
    jq -e '.sent_bytes == 67108864
        and .sent_bytes == .zerocopy_bytes + .fell_back_bytes + .copied_bytes
        and .outstanding_bytes == 0 and .path == "zerocopy" and .exit_status == 0' <<<"$output"
}

@test "zcsend: options of the address, at both ends, and what was granted of them" {
    LISTEN=127.0.0.1:0,mss=1000 receiver --bytes 4M
    run -0 --separate-stderr zcdma zcsend "$TO,pace=100M,sndbuf=100K,mss=900,congestion=reno,bind=127.0.0.2" sim: --bytes 4M --json
    received
    jq -e '.send_buffer_bytes == 204800 and .mss_bytes <= 900 and .congestion_control == "reno"
        and .pace_bytes_per_second == 104857600' <<<"$output"
    run -2 zcdma zcsend "$TO,buffer=1M" sim: --bytes 1M
    assert_output --partial 'buffer= is not for TCP'
    assert_output --partial 'leave it out'
}

@test "zcsend: over loopback it goes over to plain sends, and says so once with the reason" {
    receiver
    run -0 --separate-stderr zcdma zcsend "$TO" sim: --bytes 512M
    received
    [ "$(grep -c 'sending plainly' <<<"$stderr")" -eq 1 ]
    [[ $stderr == *loopback* ]]
    [[ $output == *"zero-copied   0 B in 0 sends"* ]]
    [[ $output == *"outstanding   0 B in 0 sends"* ]]
}

@test "zcsend: --fallback=keep goes on with MSG_ZEROCOPY" {
    receiver
    run -0 --separate-stderr zcdma zcsend "$TO" sim: --bytes 64M --fallback=keep --json
    received
    jq -e '.fell_back_bytes == 67108864 and .copied_bytes == 0 and .plain_reason == null' <<<"$output"
}

@test "zcsend: --expect is a test of what was copied" {
    receiver --streams 2
    run -0 zcdma zcsend "$TO" sim: --bytes 16M --expect=copied
    run -1 zcdma zcsend "$TO" sim: --bytes 16M --expect=zerocopy
    [[ $output == *"--expect=zerocopy: 0 B were zero-copied, 16.00 MiB were copied"* ]]
    received
}

@test "zcsend: from standard input, with the bytes as they are" {
    head -c 5000001 /dev/urandom >data
    nc -l 127.0.0.1 0 -v >got 2>nc.err 3>&- &
    PIDS+=($!)
    until_true 10 grep -q Listening nc.err || skip "this nc does not tell its port"
    cat data | zcdma zcsend "127.0.0.1:$(grep -oE '[0-9]+$' nc.err)" -q
    wait_exit "${PIDS[0]}"
    cmp data got
}

@test "zcsend: a file, every path" {
    zcdma capture sim: --bytes 10000001 -o run.bin -q
    receiver --streams 6 --bytes 10000001
    for path in copy zerocopy vmsplice splice sendfile; do
        zcdma zcsend "$TO" file:run.bin --path=$path -q
    done
    zcdma zcsend "$TO" run.bin -q
    received
}

@test "zcsend: standard input, every path that takes a pipe, and a redirected file" {
    zcdma capture sim: --bytes 10000001 -o run.bin -q
    receiver --streams 8 --bytes 10000001
    for path in copy zerocopy vmsplice splice; do
        cat run.bin | zcdma zcsend "$TO" --path=$path -q
    done
    for path in copy splice sendfile zerocopy; do
        zcdma zcsend "$TO" --path=$path -q <run.bin
    done
    received
    run -2 zcdma zcsend "$TO" --path=sendfile < <(cat run.bin)
}

@test "zcsend: a redirected file is taken from where it stands, and left where it ends" {
    zcdma capture sim: --bytes 3M -o run.bin -q
    for path in copy splice sendfile; do
        receiver --bytes 3M
        # One stream, read by two processes in turn, through a pipe to one connection.
        { zcdma capture --bytes 1000001 --path=$path -q -; zcdma capture --path=$path -q -; } <run.bin |
            zcdma zcsend "$TO" -q
        received
    done
}

@test "zcsend: the name of the link chooses the applet" {
    ln -s "$ZCDMA" zcsend
    receiver
    ./zcsend "$TO" sim: --bytes 1M -q
    received
}

@test "zcsend: a seccomp profile against MSG_ZEROCOPY: one line, and copies that are called copies" {
    receiver --streams 2
    for what in so-zerocopy msg-zerocopy; do
        run -0 --separate-stderr "$TOOLS/deny" $what "$ZCDMA" zcsend "$TO" sim: --bytes 32M
        [ "$(grep -c 'Operation not permitted; sending plainly from here on (a seccomp' <<<"$stderr")" -eq 1 ]
        [[ $output == *"copied        32.00 MiB"* ]]
    done
    received
}

@test "zcsend: the same with --fallback=keep is an error, with its own status" {
    receiver --streams 2
    run -3 "$TOOLS/deny" so-zerocopy "$ZCDMA" zcsend "$TO" sim: --bytes 32M --fallback=keep
    run -3 "$TOOLS/deny" msg-zerocopy "$ZCDMA" zcsend "$TO" sim: --bytes 32M --fallback=keep
    [[ $output == *"Operation not permitted"*"seccomp"* ]]
}

@test "zcsend: RLIMIT_MEMLOCK 0: one line with the limit and the hint" {
    unshare -Ur true || skip "no user namespaces, and root's privilege hides the limit"
    receiver --streams 2
    run -0 --separate-stderr unshare -Ur sh -c "ulimit -l 0; exec '$ZCDMA' zcsend $TO sim: --bytes 32M"
    [ "$(grep -c 'No buffer space available.*RLIMIT_MEMLOCK is 0 B.*ulimit -l' <<<"$stderr")" -eq 1 ]
    [[ $output == *"copied        32.00 MiB"* ]]
    run -2 unshare -Ur sh -c "ulimit -l 0; exec '$ZCDMA' zcsend $TO sim: --bytes 32M --fallback=keep"
    [[ $output == *"RLIMIT_MEMLOCK is 0 B"* ]]
}

# sent_within_limit: the limit left room for one send at least. What other processes of an ordinary user have pinned
# meanwhile counts too.
sent_within_limit() {
    receiver
    run --separate-stderr unshare -Ur sh -c \
        "ulimit -l 256; exec '$ZCDMA' zcsend $TO sim: --bytes 64M --fallback=keep --json"
    [[ $(jq -r .error.errno <<<"$output") == ENOBUFS ]] || return 0
    kill "$RECEIVER" 2>/dev/null || :
    wait "$RECEIVER" || :
    forget "$RECEIVER"
    return 1
}

@test "zcsend: a small RLIMIT_MEMLOCK or optmem_max only makes it wait for completions" {
    unshare -Ur true || skip "no user namespaces, and root's privilege hides the limit"
    until_true 60 sent_within_limit || fail "no send in a minute: $output"
    assert_success
    received
    jq -e '.fell_back_bytes == 67108864 and .enobufs > 0' <<<"$output"
}

@test "zcsend: a receiver that stalls holds the ring, and no block is written to meanwhile" {
    receiver --bytes 64M
    kill -STOP "$RECEIVER"
    "$ZCDMA" zcsend "$TO" sim:blocks=4,block=64K --bytes 64M --fallback=keep -q 2>err 3>&- &
    sender=$!
    PIDS+=("$sender")
    until_true 20 stalled "$sender"
    kill -CONT "$RECEIVER"
    wait_exit "$sender"
    received
}

# Statistics on request: something was sent, blocks are in flight, and nothing moved since the last.
stalled() {
    ask "$1"
    tail -n 1 err | grep -q 'iB in .* 0.00 MB/s, .* in flight [1-4],'
}

@test "zcsend: --path names what the library has" {
    run -2 zcdma zcsend "$TO" --path=nonesuch sim:
    names=$(sed -n 's/.*must be one of //p' <<<"$output")
    run -0 zcdma zcsend --complete
    assert_line --partial "--path=${names//, /|}"
}

@test "zcsend: from memory without pages: Bad address, without a driver" {
    grep -q "\[vvar\]$" /proc/self/maps || skip "this kernel gives its processes no [vvar]"
    receiver --streams 2
    run -2 zcdma zcsend "$TO" sim:memory=vvar
    assert_line --index 0 "zcdma zcsend: send(MSG_ZEROCOPY) from sim:memory=vvar: Bad address"
    assert_line --index 1 --partial VM_PFNMAP
    run -0 zcdma copysend "$TO" sim:memory=vvar --bytes 40K
}

# shellcheck disable=SC2016 # scripts for another shell
@test "zcsend: --expect=zerocopy fails where it is unknown whether the kernel copies" {
    unshare -Urn tc qdisc add dev lo root blackhole 2>/dev/null || skip 'no blackhole qdisc here'
    # Completions say "not copied" in both, but a route with a smaller MTU may lead through IPsec.
    run -0 unshare -Urn sh -c 'ip link set lo up && tc qdisc add dev lo root blackhole &&
        exec "$0" zcsend udp:127.0.0.1:9 sim:block=32K --bytes 1M --expect=zerocopy --json' "$ZCDMA"
    jq -e '.zerocopy_bytes == .sent_bytes and .kernel_copies == 0 and .copies_reason == null' <<<"$output"
    run -1 unshare -Urn sh -c 'ip link set lo up && tc qdisc add dev lo root blackhole &&
        ip route change local 127.0.0.1 dev lo table local mtu 1400 &&
        exec "$0" zcsend udp:127.0.0.1:9 sim:block=32K --bytes 1M --expect=zerocopy --json' "$ZCDMA"
    jq -e '.zerocopy_bytes == 0 and .unknown_bytes == .sent_bytes and .kernel_copies == null and
        (.copies_reason | test("MTU")) and (.error.message | test("MTU"))' <<<"$output"
}

@test "zcsend: of nothing there are no latencies and no copies" {
    receiver
    run -0 --separate-stderr zcdma zcsend --json "$TO" - </dev/null
    received 1 # no data is nothing to be verified
    jq -e '[.latency_p50_ns, .latency_p99_ns, .latency_max_ns, .user_copies, .kernel_copies] |
        all(. == null)' <<<"$output"
}

@test "zcsend: a call that this kernel does not have: its own status, and what to use instead" {
    local call errno
    receiver --streams 12 --bytes 1M
    for call in vmsplice splice sendfile; do
        for errno in 1 38 95; do # EPERM, ENOSYS, EOPNOTSUPP
            run -3 --separate-stderr "$TOOLS/deny" $call:$errno "$ZCDMA" zcsend "$TO" sim: --bytes 1M --path=$call -q
            [[ $stderr == *"$call "*$'\n'*'use --path=copy'* ]] || fail "$call, errno $errno: $stderr"
        done
    done
    for errno in 1 38 95; do
        run -3 --separate-stderr "$TOOLS/deny" io-uring:$errno "$ZCDMA" zcsend "$TO" sim: --path=uring -q
        [[ $stderr == *io_uring*$'\n'*'use --path=zerocopy'* || $stderr == *'without liburing'* ]] ||
            fail "io_uring_setup, errno $errno: $stderr"
    done
}

@test "zcsend: a socket that does not take MSG_ZEROCOPY, as with kTLS" {
    receiver
    run -0 --separate-stderr "$TOOLS/deny" msg-zerocopy:95 "$ZCDMA" zcsend "$TO" sim: --bytes 2M
    [[ $stderr == *'send(MSG_ZEROCOPY): Operation not supported; sending plainly'*kTLS* ]]
    received
}
