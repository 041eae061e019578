#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The driver's ring, handed over through a pipe, and what a plain pipe gets of it.
# shellcheck disable=SC2016 # scripts for another shell

load guest
load ../bats/pipe

# Its blocks go round many times, as soon as the driver lets them.
SMALL=blocks=4,block=256K
STATS=/sys/kernel/debug/zcdma/zcdma0/stats

PATHS=(copy zerocopy vmsplice splice)

# Each block goes round four times.
TINY=blocks=4,block=64K

# hand_all MODEL...: to what `receiver` has started, 1 MiB each.
hand_all() {
    local model path
    for model; do
        for path in "${PATHS[@]}"; do
            lead -q --handover=require "dev:model=$model,$TINY" --bytes 1M |
                zcdma zcsend "$TO" --path="$path" --json >>senders ||
                fail "$model, $path: exit statuses ${PIPESTATUS[*]}: $(jq -cs last senders)"
        done
    done
    jq -se "length == $# * ${#PATHS[@]} and all(.handover and .user_copies == 0)" senders || fail "$(cat senders)"
}

# streams: the device has given out blocks of the ring that it has now.
streams() {
    has_line $STATS '^running 1$' && has_line $STATS '^delivered [1-9][0-9]'
}

# stalled: every block is in flight, which a path with completions holds, and the others have put.
stalled() {
    local name value running=0 flying=0
    while read -r name value; do
        case $name in
        running) running=$value ;;
        held | draining) ((flying += value)) ;;
        esac
    done <$STATS
    ((running == 1 && flying == 4))
}

# The ring is gone, with all that was in flight.
device_is_free() {
    until_true 30 has_line $STATS '^ring_blocks 0$'
    zcdma capture dev:$SMALL --bytes 1M -o /dev/null -q
}

@test "handover: the ring of every model with pages, along every path, over loopback" {
    receiver --streams $((3 * ${#PATHS[@]})) --bytes 1M
    hand_all pages compound scatter
    received
}

@test "handover: the driver's ring under loss and reordering" {
    receiver_in lossy --streams ${#PATHS[@]} --bytes 1M
    hand_all compound
    received
}

@test "handover: over e1000e nobody copies a byte, in either process" {
    receiver_in wire --streams 2 --bytes 16M
    for path in zerocopy splice; do
        lead dev: --bytes 16M --json 2>first | zcdma zcsend "$TO" --path=$path --json >second
        assert_equal "$(keys first handover path user_copies kernel_copies captured_bytes)" \
            'true handover 0 0 16777216'
        assert_equal "$(keys second handover path user_copies kernel_copies driver_copied_bytes ring_blocks)" \
            "true $path 0 0 0 16"
    done
    received
}

@test "handover: a revoked mapping comes back to the process that has the block" {
    zcdma_takes() { lead -q "dev:policy=strict,$SMALL" --bytes 8M | zcdma "$@"; }
    zcdma_takes verify -q --handover=require --bytes 8M -
    receiver --bytes 8M
    zcdma_takes zcsend "$TO" --handover=require -q
    received
}

@test "handover: a receiver that sleeps: blocks wait for their pages, whoever sent them" {
    for path in "${PATHS[@]:1}"; do
        receiver --bytes 32M
        kill -STOP "$RECEIVER"
        mkfifo pipe
        "$ZCDMA" zcsend "$TO" --path="$path" --json <pipe >second 3>&- &
        sender=$!
        PIDS+=("$sender")
        {
            await_reader 7>&1
            exec "$ZCDMA" capture dev:$SMALL --bytes 32M --json
        } >pipe 2>first 3>&- &
        capture=$!
        PIDS+=("$capture")
        until_true 30 stalled
        kill -CONT "$RECEIVER"
        wait_exit "$sender" || fail "$path: $(cat second)"
        wait_exit "$capture"
        received
        assert_equal "$(keys first handover) $(keys second handover)" 'true true'
        rm pipe
    done
}

@test "handover: coherent memory answers Bad address in the reader, with the cure" {
    receiver --bytes 4M
    run -2 eval 'lead -q dev:model=coherent --bytes 4M 2>first | zcdma zcsend "$TO"'
    assert_output --partial 'Bad address'
    assert_output --partial 'VM_PFNMAP'
    assert_output --partial 'model=compound'
    device_is_free
    received 1
}

# killed END: one of two is killed in the middle, with blocks in sockets; the other one ends by itself.
killed() {
    receiver
    mkfifo pipe
    "$ZCDMA" zcsend "$TO" <pipe >second 2>&1 3>&- &
    local -A end=([reader]=$!)
    {
        await_reader 7>&1
        exec "$ZCDMA" capture dev:$SMALL
    } >pipe 2>first 3>&- &
    end[writer]=$!
    PIDS+=("${end[@]}")
    until_true 30 streams
    kill -KILL "${end[$1]}"
    wait_exit "${end[$1]}" 137
    wait_exit "${end[$2]}" 1
    wait_exit "$RECEIVER" "$3"
    device_is_free
}

@test "handover: the writer is killed: the reader ends at once, and the device is free" {
    killed writer reader 1
    grep -q 'its writer ended early' second
    grep -q 'sent  .* to 127' second
}

@test "handover: the reader is killed: the writer ends at once, and the device is free" {
    killed reader writer 1
    grep -q 'its reader ended before it was done' first
    # What arrived is right, and its receiver knows that it is not all.
    grep -q 'result *incomplete' receiver.out
    grep -Eq 'wrong +0 B' receiver.out
}

@test "handover: a device that is removed ends both ends" {
    {
        lead dev:$SMALL,rate=64M 2>first
        echo $? >status
    } | { zcdma verify - >second 2>&1 || echo $? >>status; } 3>&- &
    PIDS+=($!)
    until_true 30 streams
    echo zcdma-sim.0 >/sys/bus/platform/drivers/zcdma-sim/unbind
    wait_exit $!
    echo zcdma-sim.0 >/sys/bus/platform/drivers/zcdma-sim/bind
    assert_equal "$(sort -u status)" 1
    grep -q 'No such device' first || fail "$(cat first second)"
    device_is_free
}

@test "plain pipe: from the device by splice, without a copy, whoever reads it" {
    zcdma capture dev:$SMALL --bytes 4000001 --json 2>first | cat >out.bin
    zcdma verify -q --bytes 4000001 out.bin
    assert_equal "$(keys first handover path user_copies kernel_copies)" 'false splice 0 0'
    zcdma capture dev:$SMALL --bytes 4M --handover=never | { sleep 1; zcdma verify -q --bytes 4M -; }
    zcdma capture dev:$SMALL --bytes 4M | tee copy.bin | zcdma verify -q --bytes 4M -
    zcdma verify -q --bytes 4M copy.bin
}

@test "plain pipe: coherent memory is copied by the driver, and counted as a copy" {
    zcdma capture dev:model=coherent,$SMALL --bytes 4M --json 2>first | cat >out.bin
    zcdma verify -q --bytes 4M out.bin
    assert_equal "$(keys first path user_copies kernel_copies driver_copied_bytes)" 'splice 0 1 4194304'
}

@test "plain pipe: --handover=require refuses it" {
    run -3 --separate-stderr eval '{ await_program sha256sum && "$ZCDMA" capture dev: --handover=require; } | sha256sum
        exit "${PIPESTATUS[0]}"'
    assert_regex "${stderr_lines[0]}" 'no hand-over through the pipe: .*; the pipe ends at sha256sum'
}
