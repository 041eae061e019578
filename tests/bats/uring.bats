#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The paths of io_uring, as zcsend takes them.

load common
load pipe

BOTH=(uring uring-fixed)
# A ring that may be registered within 8 MiB, which is what an ordinary user has: some of them, as the kernel
# lets go of a ring some time after its process has ended.
SIM=sim:blocks=4,block=256K

# Is there an io_uring here? A container's profile may forbid it.
need_uring() {
    receiver
    run "$ZCDMA" zcsend "$TO" sim: --bytes 1M --path=uring --fallback=keep -q
    # shellcheck disable=SC2154 # bats sets status and output
    ((status != 3)) || skip "$output"
    received
}

# need_memlock: this user may register the ring of standard input, and that of the reader's side of a pipe.
need_memlock() {
    local kib
    kib=$(ulimit -l)
    # Root of the machine has no limit. Root of a user namespace has.
    [[ $EUID == 0 && $(</proc/self/uid_map) == *4294967295 ]] || [[ $kib == unlimited || $kib -ge 65536 ]] ||
        skip "RLIMIT_MEMLOCK is $kib KiB"
}

# From Linux 6.2 on completions say what was copied.
tells() {
    local major minor
    IFS=.- read -r major minor _ < <(uname -r)
    ((major > 6 || (major == 6 && minor >= 2)))
}

@test "uring: what is sent arrives, and the report adds up" {
    need_uring
    receiver --streams 2 --bytes 64M
    for path in "${BOTH[@]}"; do
        run -0 --separate-stderr zcdma zcsend "$TO" "$SIM" --bytes 64M --path="$path" --json
        jq -e --arg path "$path" '.path == $path and .sent_bytes == 67108864 and .copied_bytes == 0
            and .sent_bytes == .zerocopy_bytes + .fell_back_bytes + .unknown_bytes
            and .outstanding_bytes == 0 and .outstanding_sends == 0 and .exit_status == 0' <<<"$output"
        ! tells || jq -e '.unknown_bytes == 0 and .fell_back_bytes == 67108864
            and .kernel_copies == 1' <<<"$output"
    done
    received
}

@test "uring: the report has the lines of completions" {
    need_uring
    tells || skip 'before Linux 6.2 the completions do not tell'
    receiver
    run -0 zcdma zcsend "$TO" sim: --bytes 4M --path=uring
    assert_line --partial 'zero-copied   0 B in 0 sends'
    assert_line --partial 'fell back     4.00 MiB in'
    assert_line --partial 'outstanding   0 B in 0 sends'
    refute_line --partial unknown
    received
}

@test "uring: --expect is a test of what was copied" {
    need_uring
    tells || skip 'before Linux 6.2 the completions do not tell'
    receiver --streams 4
    for path in "${BOTH[@]}"; do
        run -0 zcdma zcsend "$TO" "$SIM" --bytes 16M --path="$path" --expect=copied
        run -1 zcdma zcsend "$TO" "$SIM" --bytes 16M --path="$path" --expect=zerocopy
        assert_line --partial '--expect=zerocopy: 0 B were zero-copied, 16.00 MiB were copied'
    done
    received
    run -2 zcdma zcsend "$TO" sim: --path=vmsplice --expect=copied
    assert_output --partial '--expect is for paths with completions'
}

@test "uring: a receiver that stalls holds the ring, and no block is written to meanwhile" {
    need_uring
    for path in "${BOTH[@]}"; do
        receiver --bytes 64M
        kill -STOP "$RECEIVER"
        "$ZCDMA" zcsend "$TO" sim:blocks=64,block=64K --bytes 64M --path="$path" -q 2>err 3>&- &
        PIDS+=($!)
        until_true 20 stalled $!
        kill -CONT "$RECEIVER"
        wait_exit $!
        received
    done
}

# Statistics on request: something was sent, blocks are in flight, and nothing moved since the last.
stalled() {
    ask "$1"
    tail -n 1 err | grep -q 'iB in .* 0.00 MB/s, .* in flight [1-9]'
}

@test "uring: Ctrl-C drains, and what was sent is right" {
    need_uring
    for path in "${BOTH[@]}"; do
        receiver
        "$ZCDMA" zcsend "$TO" "$SIM" --path="$path" --json >sent 3>&- &
        sender=$!
        PIDS+=("$sender")
        until_true 20 handles "$sender" INT
        kill -INT "$sender"
        wait_exit "$sender" 130
        jq -e '.outstanding_bytes == 0' sent
        [[ $(jq .sent_bytes sent) == 0 ]] || received
        rm sent
    done
}

@test "uring: a receiver that goes away" {
    need_uring
    for path in "${BOTH[@]}"; do
        receiver
        "$ZCDMA" zcsend "$TO" "$SIM" --path="$path" -q 2>err 3>&- &
        sender=$!
        PIDS+=("$sender")
        until_true 20 moving "$sender"
        kill -KILL "$RECEIVER"
        wait_exit "$sender" 1
        grep -q "io_uring SEND_ZC to $TO: \(Connection reset by peer\|Broken pipe\)" err
        wait "$RECEIVER" || :
        forget "$RECEIVER"
    done
}

moving() {
    ask "$1"
    grep -q 'iB in ' err
}

@test "uring: a RLIMIT_MEMLOCK that is too small: one line with the limit and the hint" {
    need_uring
    unshare -Ur true || skip "no user namespaces, and root's privilege hides the limit"
    receiver --streams 4
    for limit in 0 32; do
        run -2 unshare -Ur sh -c "ulimit -l $limit; exec '$ZCDMA' zcsend $TO sim: --bytes 32M -q --path=uring"
        assert_line --index 0 --partial "no memory for an io_uring: RLIMIT_MEMLOCK is $limit"
        assert_line --index 1 --partial 'raise it: ulimit -l'
    done
    for limit in 0 4096; do
        run -2 unshare -Ur sh -c "ulimit -l $limit; exec '$ZCDMA' zcsend $TO sim: --bytes 32M -q --path=uring-fixed"
        assert_line --index 1 --partial 'raise it'
    done
    assert_line --index 0 --partial 'register the ring of sim: with io_uring: Cannot allocate memory'
    assert_line --index 1 --partial 'RLIMIT_MEMLOCK is 4.00 MiB: raise it (ulimit -l)'
}

@test "uring: a small RLIMIT_MEMLOCK only makes it wait for notifications" {
    need_uring
    unshare -Ur true || skip "no user namespaces, and root's privilege hides the limit"
    receiver --bytes 64M
    run -0 --separate-stderr unshare -Ur sh -c \
        "ulimit -l 256; exec '$ZCDMA' zcsend $TO sim: --bytes 64M --path=uring --json"
    received
    # Each wait ends with a notification, and is not a loop.
    jq -e '.sent_bytes == 67108864 and .enobufs > 0 and .calls > 256 and .enobufs < 2 * .calls' <<<"$output"
}

@test "uring: a profile that forbids it is told, with its own status" {
    receiver --streams 2
    for path in "${BOTH[@]}"; do
        run -3 "$TOOLS/deny" io-uring "$ZCDMA" zcsend "$TO" sim: --path="$path" -q
        assert_output --regexp 'io_uring is (switched off|refused, by a seccomp profile)'
    done
    # A sender that cannot begin resets the connection: its end is no end of a stream.
    received 1
    assert_equal "$(grep -c 'Connection reset' receiver.err)" 1
}

@test "uring: a file, a pipe" {
    need_uring
    zcdma capture sim: --bytes 10000001 -o run.bin -q
    receiver --streams 3 --bytes 10000001
    zcdma zcsend "$TO" file:run.bin --path=uring -q
    cat run.bin | zcdma zcsend "$TO" --path=uring -q
    zcdma zcsend "$TO" --path=uring -q <run.bin
    received
}

@test "uring: a file, a pipe, with the ring registered" {
    need_uring
    need_memlock
    zcdma capture sim: --bytes 10000001 -o run.bin -q
    receiver --streams 2 --bytes 10000001
    cat run.bin | zcdma zcsend "$TO" --path=uring-fixed -q
    zcdma zcsend "$TO" --path=uring-fixed -q <run.bin
    received
    run -2 zcdma zcsend "$TO" file:run.bin --path=uring-fixed
    assert_line --index 0 --partial 'uring-fixed from file:run.bin: registered buffers pin a ring'
    assert_line --index 1 --partial '--path=uring registers nothing'
}

@test "uring: a ring is taken over to be sent" {
    need_uring
    receiver --bytes 32M
    lead sim: --bytes 32M -q | zcdma zcsend "$TO" --path=uring --handover=require --json >sent
    jq -e '.handover' sent
    received
}

@test "uring: a ring is not taken over to be registered" {
    need_uring
    need_memlock
    receiver --bytes 32M
    zcdma capture sim: --bytes 32M -q | zcdma zcsend "$TO" --path=uring-fixed --json -v >sent
    jq -e '.handover == false and .user_copies == 0 and .kernel_copied_bytes >= .sent_bytes
        and any(.notes[]; test("registered buffers need a ring of this process"))' sent
    received
    run -3 zcdma zcsend "$TO" --path=uring-fixed --handover=require -q < <(zcdma capture sim: --bytes 1M -q)
    assert_output --partial 'registered buffers need a ring of this process'
}

@test "uring: only to sockets" {
    run -2 zcdma capture sim: --bytes 1M --path=uring -o out
    assert_output --partial 'it is not a socket'
}

@test "uring: a build without liburing says so" {
    command -v "${CC:-cc}" >/dev/null || skip "${CC:-cc} is not installed"
    # What includes no file that knows of liburing is the same without it.
    local with without=(SAN= BUILD="$PWD/build" ZCDMA="$PWD/zcdma" CFLAGS=-O0 HAVE_LIBURING=0)
    make_ordinary all >&2
    make -s -C "$TOP" "${without[@]}" "$PWD/build/flags"
    cp -R "$TOP/build/lib" "$TOP/build/cmd" build/
    mapfile -t with < <(cd "$TOP" && grep -rl HAVE_LIBURING lib cmd)
    mapfile -t with < <(grep -rlF --include='*.d' "${with[@]/#/-e}" build)
    rm "${with[@]/%.d/.o}"
    # One file at a time is enough of a load.
    run -0 env -u MAKEFLAGS make -C "$TOP" all "${without[@]}"
    ((${#with[@]} == $(grep -cE '^ +CC ' <<<"$output")))
    refute_output --partial warning
    receiver --streams 4
    for path in "${BOTH[@]}"; do
        run -3 ./zcdma zcsend "$TO" sim: --path="$path"
        assert_output --partial 'this zcdma was built without liburing'
        run -3 ./zcdma zcsend "$TO" sim: "--path=$path" --fallback=keep --json
        jq -e '.error.sentence // .error | tostring | test("without liburing")' <<<"$output"
    done
    run -0 ./zcdma probe --json
    jq -e '[.. | objects | .registered? // empty | .text] | any(test("without liburing"))' <<<"$output"
}
