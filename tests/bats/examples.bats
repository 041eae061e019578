#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The examples of libzcdma(3): built as another program would be, and run with every source and every path
# that accept each other. What arrives is checked.

load common

# As little data as shows a block that is written to too early: the rings are smaller.
BYTES=2M

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    command -v "${CC:-cc}" >/dev/null || skip 'there is no C compiler'
    PATHS=(copy zerocopy vmsplice splice sendfile)
}

# build EXAMPLE: as it was built for the VM, with the tree's library, whichever was built.
build() {
    local library=${BUILD:-build} flags=()
    [[ $library == /* ]] || library=$TOP/$library
    [[ $library != *-san ]] || flags=(-fsanitize=address -fsanitize=undefined)
    cp "$library/examples/$1.c" . && grep -q '[^0-9]2 << 20' "$1.c"
    "${CC:-cc}" -std=c99 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Werror "${flags[@]}" \
        -I "$TOP/lib/include" "$1.c" "$library/libzcdma.so.0" -Wl,-rpath,"$library" -o "$1"
}

# add_uring: its paths too, where this machine has them and may register 16 MiB.
add_uring() {
    receiver
    run "$ZCDMA" zcsend "$TO" sim: --bytes 1M --path=uring --fallback=keep -q
    # shellcheck disable=SC2154 # bats sets status and output
    if ((status != 3)); then
        received
        PATHS+=(uring)
        local kib
        kib=$(ulimit -l)
        [[ $kib != unlimited && $kib -lt 65536 ]] || PATHS+=(uring-fixed)
    fi
}

# sends EXAMPLE SOURCE FEED [REFUSED...]: along every path from the source, whose standard input is what FEED
# leads to; paths of REFUSED say why they do not take it.
sends() {
    local example=$1 source=$2 feed=$3 path count=0
    local refused=" ${*:4} "
    for path in "${PATHS[@]}"; do
        [[ $refused == *" $path "* ]] || ((++count))
    done
    receiver --streams "$count" --bytes "${LENGTH:-$BYTES}" "${CHECK[@]}"
    for path in "${PATHS[@]}"; do
        if [[ $refused == *" $path "* ]]; then
            run -1 bash -c "$feed ./$example $source $path $TO"
            assert_output --regexp "^$example: .+"
        else
            run -0 bash -c "$feed ./$example $source $path $TO"
        fi
    done
    received
}

# listens_at PORT: something does, of IPv4.
listens_at() {
    grep -qE ": [0-9A-F]{8}:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}

free_port() {
    local port=$((20000 + RANDOM % 10000))
    while listens_at $port; do ((++port)); done
    echo $port
}

# every_source EXAMPLE
every_source() {
    zcdma capture -q --bytes $BYTES sim: -o data
    sends "$1" sim:blocks=4,block=64K ''
    sends "$1" sim:blocks=4,block=64K,memory=anon '' splice sendfile
    sends "$1" sim:blocks=4,block=64K,memory=memfd ''
    sends "$1" sim:blocks=4,block=64K,memory=file ''
    sends "$1" data '' uring-fixed
    sends "$1" - '<data'
    sends "$1" - 'cat data |' sendfile
}

@test "example: ship is right for every source and every path that accept each other" {
    build ship
    add_uring
    every_source ship
    # A ring that another process hands over, which cannot be registered, so that bytes go.
    sends ship - "$ZCDMA capture -q --bytes $BYTES sim:blocks=4,block=64K |" sendfile
}

@test "example: ship passes on what a sender sends" {
    local path port
    PATHS=(copy zerocopy vmsplice splice) # a connection is no file for sendfile
    build ship
    add_uring
    receiver --streams ${#PATHS[@]} --bytes $BYTES
    port=$(free_port)
    for path in "${PATHS[@]}"; do
        ./ship "tcp:127.0.0.1:$port" "$path" "$TO" &
        PIDS+=($!)
        until_true 20 listens_at "$port"
        zcdma copysend -q "127.0.0.1:$port" sim: --bytes $BYTES
        wait_exit "${PIDS[-1]}"
    done
    received
}

@test "example: ship sends packets that were captured" {
    local file=$TOP/tests/data/wire/any.pcap
    build ship
    add_uring
    zcdma capture -q -o reference --manifest reference.xxh "pcap:$file"
    LENGTH=$(stat -c %s reference) CHECK=(--manifest reference.xxh)
    ((LENGTH < 2097152))
    sends ship "pcap:$file" ''
}

@test "example: own sends memory that the program allocated and mapped, and writes to it when it is free" {
    build own
    receiver --streams 2 --bytes 2M
    run -0 ./own copy "$TO"
    run -0 ./own zerocopy "$TO"
    received
    for path in vmsplice splice sendfile; do
        run -1 ./own $path "$TO"
        assert_output --regexp '^own: source memory: the path has no proof that pages are free'
    done
}

@test "example: loop lives in an event loop, and is as right" {
    build loop
    add_uring
    every_source loop
}
