#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The driver as a source of every command.

load guest

# The ring is small: its blocks go round many times, as soon as the driver lets them.
SMALL=blocks=4,block=256K

setup_file() {
    make_disk
}

teardown_file() {
    remove_disk
}

# Each block goes round four times.
TINY=blocks=4,block=64K

# Send from every model along every path to what `receiver` has started, 1 MiB each. Kernels before 5.19
# take no device for sendfile, those before 6.0 have no SEND_ZC.
PATHS=(copy zerocopy vmsplice splice)
[[ $(uname -r) == 5.10.* ]] || PATHS+=(sendfile uring)
STREAMS=$((3 * ${#PATHS[@]}))

send_all() {
    local model path
    for model in pages compound scatter; do
        for path in "${PATHS[@]}"; do
            zcdma zcsend "$TO" "dev:model=$model,$TINY" --bytes 1M --path="$path" -q || return
        done
    done
}

# passed BLOCKS: the device is more than this many blocks on.
passed() {
    local name value
    while read -r name value; do
        [[ $name == delivered ]] && ((value > $1)) && return
    done </sys/kernel/debug/zcdma/zcdma0/stats
    return 1
}

@test "dev: every model along every path arrives, over loopback" {
    receiver --streams "$STREAMS" --bytes 1M
    send_all
    received
}

@test "dev: the example of libzcdma(3) is right along every path" {
    local path
    receiver --streams ${#PATHS[@]} --bytes 2M
    for path in "${PATHS[@]}"; do
        run -0 "$VM_BIN/examples/ship" "dev:$TINY" "$path" "$TO"
    done
    received
}

@test "dev: every model along every path arrives, over e1000e" {
    receiver_in wire --streams "$STREAMS" --bytes 1M
    send_all
    received
}

@test "dev: every model along every path arrives, under loss and reordering" {
    local lost
    lost=$(lost_packets)
    receiver_in lossy --streams "$STREAMS" --bytes 1M
    send_all
    received
    (($(lost_packets) > lost))
}

@test "dev: from each model with pages every byte is zero-copied over e1000e" {
    receiver_in wire --streams 3 --bytes 16M
    for model in pages compound scatter; do
        run -0 --separate-stderr zcdma zcsend "$TO" dev:model=$model --bytes 16M --expect=zerocopy --json
        jq -e --arg model $model '.model == $model and .zerocopy_bytes == 16777216 and
            .fell_back_bytes == 0 and .copied_bytes == 0 and .ring_blocks == 16 and
            .block_bytes == 1048576 and .overruns == 0' <<<"$output"
    done
    received
}

@test "dev: with uring every byte is zero-copied over e1000e" {
    [[ $(uname -r) != 5.10.* ]] || skip 'this kernel has no SEND_ZC'
    receiver_in wire --streams 3 --bytes 16M
    for model in pages compound scatter; do
        run -0 --separate-stderr zcdma zcsend "$TO" dev:model=$model --bytes 16M --path=uring --json
        # Debian's 6.1 tells, as 6.2 was the first to.
        jq -e '.zerocopy_bytes + .fell_back_bytes == 16777216 and .unknown_bytes == 0 and
            .copied_bytes == 0 and .outstanding_bytes == 0' <<<"$output"
        # From 6.10 on the rest of a block that joins a packet is said to be copied.
        jq -e '.zerocopy_bytes > 15000000 and .fell_back_bytes <= .fell_back_sends * 65536' <<<"$output"
    done
    received
}

@test "dev: its ring is not registered, as the driver would wait for that for ever, nor reused early" {
    receiver
    run -2 zcdma zcsend "$TO" dev:$SMALL --path=uring-fixed
    assert_line --index 0 --partial 'uring-fixed from dev:'
    assert_line --index 1 --partial '--path=uring registers nothing'
    run -2 zcdma vmsplice "$TO" dev: --unsafe-reuse --bytes 1M
    assert_output --partial 'the driver waits for pages in flight'
}

@test "dev: a receiver that sleeps gets the right data, and blocks wait for their pages" {
    for path in "${PATHS[@]:1}"; do
        receiver --bytes 8M
        kill -STOP "$RECEIVER"
        "$ZCDMA" zcsend "$TO" dev:$SMALL --bytes 8M --path="$path" --json >sent 2>&1 3>&- &
        sender=$!
        PIDS+=("$sender")
        # The ring is smaller than what the receiver's kernel takes: it is all in flight at last.
        until_true 20 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^full 0$'
        kill -CONT "$RECEIVER"
        wait_exit "$sender"
        received
        [[ $path == zerocopy || $path == uring ]] || jq -e '.busy_blocks > 0' sent
    done
}

@test "dev: capture into a pipe, and from there to the network" {
    receiver_in wire --bytes 16M
    zcdma capture dev:/dev/zcdma0,model=compound --bytes 16M | zcdma zcsend "$TO"
    received
}

@test "dev: capture by splice into a pipe, which is read late" {
    zcdma capture dev:$SMALL --path=splice --bytes 8M | { sleep 1; zcdma verify -; }
    zcdma capture dev:$SMALL,model=pages --path=vmsplice --bytes 8M | { sleep 1; zcdma verify -; }
}

@test "dev: capture to a file with O_DIRECT, and its manifest" {
    run -0 zcdma capture -o /mnt/disk/run.bin --direct dev:model=pages,blocks=8,block=1M --bytes 32M
    run -0 zcdma verify --bytes 32M /mnt/disk/run.bin
    run -0 zcdma capture -o /mnt/disk/run.bin --direct dev:policy=strict --bytes 8M --manifest run.xxh
    run -0 zcdma verify --bytes 8M --manifest run.xxh /mnt/disk/run.bin
}

@test "dev: coherent memory answers Bad address, and is told from the others" {
    local uring=()
    [[ $(uname -r) == 5.10.* ]] || uring=('zcsend --path=uring')
    receiver --streams $((5 + ${#uring[@]})) --bytes 4M
    for command in zcsend vmsplice "${uring[@]}"; do
        # shellcheck disable=SC2086 # words
        run -2 zcdma $command "$TO" dev:model=coherent --bytes 4M
        assert_output --partial 'from dev:model=coherent: Bad address'
        assert_output --partial 'VM_PFNMAP'
        assert_output --partial 'model=compound'
    done
    run -2 zcdma capture -o /mnt/disk/run.bin --direct dev:model=coherent --bytes 4M
    assert_output --partial 'write from dev:model=coherent: Bad address'
    assert_output --partial 'model=compound'

    # What copies works, and a splice that copies says so.
    run -0 zcdma copysend "$TO" dev:model=coherent --bytes 4M
    run -0 --separate-stderr zcdma vmsplice "$TO" dev:model=coherent --bytes 4M --path=splice --json
    jq -e '.driver_copied_bytes >= 4194304 and .sent_bytes == 4194304' <<<"$output"
    run -0 --separate-stderr zcdma vmsplice "$TO" dev:model=pages --bytes 4M --path=splice --json
    jq -e '.driver_copied_bytes == 0' <<<"$output"
    wait_exit "$RECEIVER" 1 # as two streams were reset
}

@test "dev: what the reader is late for is counted, and a gap of that length" {
    mkfifo stream
    "$ZCDMA" capture dev:$SMALL,rate=64M --json >stream 2>captured 3>&- &
    capture=$!
    PIDS+=("$capture")
    exec 9<stream
    until_true 60 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^overruns [1-9][0-9]'
    "$ZCDMA" verify --json - <&9 >verified 3>&- &
    PIDS+=($!)
    exec 9<&-
    # The gap is behind what the ring and the pipe had.
    lost=$(sed -n 's/^next_seq //p' /sys/kernel/debug/zcdma/zcdma0/stats)
    until_true 60 passed "$lost"
    kill -INT "$capture"
    wait_exit "$capture" 130
    wait_exit $! 1
    jq -e '.overruns > 0 and .lost_bytes == .overruns * 262144' captured
    jq -e --argjson lost "$(jq .lost_bytes captured)" '.missing_bytes > 0 and .missing_bytes <= $lost' verified
}

@test "dev: the device is the default source" {
    run -0 --separate-stderr zcdma capture --bytes 4M -o out.bin
    assert_equal "$stderr" 'zcdma capture: no SOURCE was given: using dev:, /dev/zcdma0'
    run -0 zcdma verify out.bin
    run -0 --separate-stderr zcdma capture /dev/zcdma0 --bytes 1M -o out.bin --json
    jq -e '.model == "compound"' <<<"$output"
}

# mapped FLAGS: the first device is mapped so by the process $pid.
mapped() {
    grep -q "$1 .* /dev/zcdma0\$" /proc/$pid/maps
}

@test "dev: blocks go through the control page, where the device may be written to" {
    "$ZCDMA" capture dev:$TINY,rate=1M -o /dev/null -q 3>&- &
    pid=$!
    PIDS+=("$pid")
    until_true 20 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^running 1$'
    mapped rw-s
    kill "$pid"
    wait "$pid" || :
    "$ZCDMA" capture dev:$TINY,rate=1M,policy=strict -o /dev/null -q 3>&- &
    pid=$!
    PIDS+=("$pid")
    until_true 20 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^running 1$'
    ! mapped rw-s
}

@test "dev: rate and seed are given to the device, whether dev: or its path names it" {
    run -0 zcdma capture dev: --pattern 7 --rate 100M --bytes 1M -o out.bin
    run -0 zcdma verify --pattern 7 out.bin
    run -1 zcdma verify out.bin
    run -0 zcdma capture /dev/zcdma0 --pattern 7 --rate 100M --bytes 1M -o out.bin
    run -0 zcdma verify --pattern 7 out.bin
}

@test "dev: who comes second is told who was first, and finds the device free after kill -9" {
    "$ZCDMA" capture dev: -o /dev/null -q 3>&- &
    PIDS+=($!)
    until_true 20 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^running 1$'
    run -2 zcdma capture dev: -o out.bin
    assert_line --index 0 --partial 'in /dev/zcdma0: Device or resource busy'
    assert_line --index 1 --partial 'fuser -v /dev/zcdma0'
    [ ! -e out.bin ]
    kill -KILL $!
    wait $! || :
    zcdma capture dev: --bytes 1M -o /dev/null -q
    has_line /sys/kernel/debug/zcdma/zcdma0/stats '^ring_blocks 0$'
}

@test "dev: rings that cannot be had say what can" {
    run -2 zcdma capture dev:blocks=1 -o out.bin
    assert_output --partial 'blocks= takes a number from 2 to'
    run -2 zcdma capture dev:block=1000 -o out.bin
    assert_output --regexp 'block= takes a multiple of (64|128) bytes'
    run -2 zcdma capture dev:block=64M,blocks=60000 -o out.bin
    assert_line --index 0 --partial 'set up 60000 blocks of 64.00 MiB in /dev/zcdma0: Cannot allocate memory'
    assert_line --index 1 --regexp 'use blocks=[1-9][0-9]*, which fit into memory$'
    run -2 zcdma capture dev:model=coherent,policy=strict -o out.bin
    assert_output --partial 'policy=strict is not for model=coherent'
    run -3 zcdma capture dev:/dev/zcdma63 -o out.bin
    assert_line --index 1 --partial 'modprobe zcdma'
}

@test "dev: without privilege, the mode of the node and RLIMIT_MEMLOCK decide" {
    copy_for_all
    nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs)
    run -2 "${nobody[@]}" "$ZCDMA" capture dev: --bytes 1M
    assert_line --index 0 --partial 'open /dev/zcdma0: Permission denied'
    assert_line --index 1 --partial 'group zcdma'
    chmod 0666 /dev/zcdma0
    run -2 prlimit --memlock=8388608 "${nobody[@]}" "$ZCDMA" capture dev: --bytes 1M
    assert_line --index 1 --regexp 'RLIMIT_MEMLOCK leaves 8.00 MiB, which is enough for blocks=8'
    run -0 prlimit --memlock=8388608 "${nobody[@]}" "$ZCDMA" capture dev:blocks=8 --bytes 1M -o /dev/null
    chmod 0600 /dev/zcdma0
}

@test "dev: a device that is removed ends the stream with its reason" {
    "$ZCDMA" capture dev:$SMALL,rate=64M -o /dev/null 2>captured 3>&- &
    capture=$!
    PIDS+=("$capture")
    until_true 20 has_line /sys/kernel/debug/zcdma/zcdma0/stats '^running 1$'
    echo zcdma-sim.0 >/sys/bus/platform/drivers/zcdma-sim/unbind
    wait_exit "$capture" 1
    echo zcdma-sim.0 >/sys/bus/platform/drivers/zcdma-sim/bind
    grep -q 'No such device' captured
    grep -q 'removed, or its driver unbound' captured
    zcdma capture dev: --bytes 1M -o /dev/null -q
}

# hand_over DEVICE COMMAND...: capture from a device to a command that takes its ring, and is waited for.
hand_over() {
    local device=$1 consumer
    shift
    rm -f pipe
    mkfifo pipe
    "$ZCDMA" "$@" <pipe >consumed 2>&1 3>&- 9<&- &
    consumer=$!
    PIDS+=("$consumer")
    exec 9>pipe
    until_true 30 has_line /proc/net/unix zcdma-handover
    zcdma capture --json --handover=require --bytes 4M "$device" >&9 2>report
    exec 9>&-
    wait_exit "$consumer" || fail "$(cat consumed)"
    jq -e '.handover and .user_copies == 0 and .kernel_copies == 0' report
}

@test "dev: the ring itself goes through a pipe, from every model" {
    local model
    for model in coherent pages compound scatter; do
        hand_over "dev:model=$model,$SMALL" verify -q --handover=require --bytes 4M -
    done
    receiver --streams 4 --bytes 4M
    hand_over "dev:model=compound,$SMALL" zcsend "$TO" -q --handover=require
    hand_over "dev:model=pages,$SMALL" zcsend "$TO" -q --handover=require --path=splice
    hand_over "dev:model=scatter,$SMALL,policy=strict" vmsplice "$TO" -q --handover=require
    hand_over "dev:model=coherent,$SMALL" copysend "$TO" -q --handover=require
    received
}

@test "dev: only the ring that a file of the driver's has is taken for one" {
    run -0 "$TOOLS/ringcheck" /dev/zcdma0
    assert_output ''
}

@test "dev: a timeout delivers blocks that are not full, and what it cannot do is named" {
    zcdma capture dev:rate=1M,block=1M,timeout=10ms,watermark=2,node=0 --bytes 64K -o out.bin -q
    zcdma verify out.bin
    (($(cat /sys/class/zcdma/zcdma0/statistics/short_blocks) > 0))
    run -2 zcdma capture dev:timeout=1us -o out.bin
    assert_output --partial 'timeout= takes a time from 50us to 3600s'
    run -2 zcdma capture dev:blocks=16,watermark=17 -o out.bin
    assert_output --partial 'the ring has 16 blocks'
    run -2 zcdma capture dev:node=63 -o out.bin
    assert_output --partial '/sys/devices/system/node/has_memory lists the nodes'
    run -2 zcdma capture dev:model=coherent,node=0 -o out.bin
    assert_output --partial 'node= is not for model=coherent'
}
