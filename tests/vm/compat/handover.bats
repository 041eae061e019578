#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A ring that goes from a program of 32 bits to one of 64, and the other way round.

load ../../bats/common
load ../../bats/pipe

NATIVE=$ZCDMA
COMPAT=/run/32/zcdma

# Its blocks go round many times.
SMALL=blocks=4,block=256K

# hand SOURCE WRITER READER: 8 MiB of it, of which no byte goes through the pipe.
hand() {
    ZCDMA=$2 lead "$1" --bytes 8M --handover=require --json 2>first | "$3" verify - --bytes 8M --json >second
    assert_equal "$(keys first handover path user_copies captured_bytes)" 'true handover 0 8388608'
    assert_equal "$(keys second handover result)" 'true correct'
}

@test "compat: the driver's ring, from 32 bits to 64" {
    for model in pages compound scatter; do
        hand "dev:model=$model,$SMALL" "$COMPAT" "$NATIVE"
    done
}

@test "compat: the driver's ring, from 64 bits to 32" {
    for model in pages compound scatter; do
        hand "dev:model=$model,$SMALL" "$NATIVE" "$COMPAT"
    done
}

@test "compat: a simulated ring, from 32 bits to 64, and back" {
    hand "sim:$SMALL" "$COMPAT" "$NATIVE"
    hand "sim:$SMALL" "$NATIVE" "$COMPAT"
}

@test "compat: 32 bits send the driver's blocks along every path" {
    receiver --streams 5 --bytes 4M
    for path in copy zerocopy vmsplice splice sendfile; do
        "$COMPAT" zcsend "$TO" "dev:$SMALL" --bytes 4M --path=$path -q
    done
    received
}
