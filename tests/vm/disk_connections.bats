#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `zcdma disk` with several connections, each for a queue of the device. guest.sh leaves the file out as disk.bats.
# shellcheck disable=SC2154 # bats sets output and stderr

load disk

# connections_made: print how often the server was connected to, where its log is in server.log.
connections_made() {
    grep -c ' Connect ' server.log
}

# use_all: read and write all of the device from each processor at once, so that each queue has requests.
use_all() {
    local cpu pids=()
    for cpu in 0 1; do
        limited taskset -c $cpu dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct,seek_bytes bs=64K \
            seek=$((cpu * SIZE)) conv=notrunc,fsync status=none 3>&- &
        pids+=("$!")
    done
    for cpu in 0 1; do wait_exit "${pids[cpu]}"; done
    for cpu in 0 1; do
        is_right taskset -c $cpu dd if="$DEV" iflag=direct,skip_bytes,count_bytes bs=64K skip=$((cpu * SIZE)) \
            count="$SIZE" status=none
    done
}

@test "disk: several connections, each with a queue: contents are right, and each is used" {
    local depth copy
    for depth in 1 32; do
        for copy in user auto; do
            rm -f server.log
            truncate -s $((2 * SIZE)) disk.img
            serve --filter=log file disk.img logfile=server.log
            disk --connections=2 --depth=$depth --copy=$copy
            use_all
            end_disk
            reported ".connections == 2 and .depth == $depth and .connections_reason == null and
                .failed_requests == 0 and .written_bytes >= $((2 * SIZE)) and .read_bytes >= $((2 * SIZE)) and .flushes > 0"
            [[ $(connections_made) == 2 ]] || fail "$(<server.log)"
            cmp -n "$SIZE" disk.img "$BATS_FILE_TMPDIR/data"
            cmp -n "$SIZE" -i "$SIZE:0" disk.img "$BATS_FILE_TMPDIR/data"
            # The log names the connection of each request.
            [[ $(sed -n 's/.*connection=\([0-9]*\) Write .*/\1/p' server.log | sort -u | wc -l) == 2 ]] ||
                fail "$(<server.log)"
            kill "$SERVER"
        done
    done
}

@test "disk: no more connections than the server, or the number of processors, allows, and why is said" {
    serve --filter=multi-conn memory 1M multi-conn-mode=disable
    disk --connections=2
    end_disk
    reported '.connections == 1 and (.connections_reason | contains("NBD_FLAG_CAN_MULTI_CONN"))'
    keys_are_told
    kill "$SERVER"
    serve memory 1M
    disk --connections=16
    end_disk
    reported ".connections == $(nproc) and (.connections_reason | contains(\"processors\"))"
    kill "$SERVER"
    serve --filter=limit memory 1M limit=1
    refused 'negotiate with' --connections=2 "$URI"
    [[ ! -e /dev/ublkc0 ]] || fail 'a device is left'
}

# write_from_each: a direct write from each processor to a half of the device, with their pids in WRITERS.
write_from_each() {
    local cpu
    WRITERS=()
    for cpu in 0 1; do
        taskset -c $cpu dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct,seek_bytes bs=16K \
            seek=$((cpu * SIZE)) conv=notrunc,fsync status=none 2>dd.err.$cpu 3>&- &
        WRITERS+=("$!")
    done
    PIDS+=("${WRITERS[@]}")
}

# serve_twice_the_size [DELAY]: and each write takes as long, so that it is under way as something ends.
serve_twice_the_size() {
    [[ -e disk.img ]] || truncate -s $((2 * SIZE)) disk.img
    serve --filter=delay file disk.img wdelay="${1:-100ms}"
}

# Each half of what the server has is the data.
halves_are_right() {
    cmp -n "$SIZE" disk.img "$BATS_FILE_TMPDIR/data"
    cmp -n "$SIZE" -i "$SIZE:0" disk.img "$BATS_FILE_TMPDIR/data"
}

wrote_some() {
    ! cmp -s -n 65536 disk.img /dev/zero
}

@test "disk: several connections, and the server comes back: with --recover=reissue nothing is noticed" {
    serve_twice_the_size
    TEXT='' disk --connections=2 --recover=reissue
    write_from_each
    until_true 20 wrote_some
    kill -KILL "$SERVER"
    until_true 20 has_line disk.name '; requests wait until it is back$' || fail "$(<disk.name)"
    serve_twice_the_size 0
    until_true 20 has_line disk.name ': it is back$' || fail "$(<disk.name)"
    wait_exit "${WRITERS[0]}"
    wait_exit "${WRITERS[1]}"
    end_disk
    halves_are_right
    has_line disk.json '^ *connections +2 with 64 requests at a time$' || fail "$(<disk.json)"
}

@test "disk: several connections, and the server is gone: all requests fail, and the command ends" {
    serve_twice_the_size
    disk --connections=2
    write_from_each
    until_true 20 wrote_some
    kill -KILL "$SERVER"
    wait_exit "${WRITERS[0]}" 1
    wait_exit "${WRITERS[1]}" 1
    wait_exit "$DISK" 1
    reported '.failed_requests > 0 and .connections == 2'
    [[ ! -e $DEV ]] || fail "$DEV is still there"
}

@test "disk: several connections, killed, --recover=reissue: another command goes on with as many" {
    serve_twice_the_size
    disk --connections=2 --depth=8 --recover=reissue
    write_from_each
    until_true 20 wrote_some
    kill -KILL "$DISK"
    wait_exit "$DISK" 137
    disk --id=0
    wait_exit "${WRITERS[0]}"
    wait_exit "${WRITERS[1]}"
    end_disk
    reported '.recovered and .connections == 2 and .depth == 8'
    halves_are_right
}
