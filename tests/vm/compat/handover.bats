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
    local paths=(copy zerocopy vmsplice splice)
    # Kernels before 5.19 take no device for it.
    [[ $(uname -r) == 5.10.* ]] || paths+=(sendfile)
    receiver --streams "${#paths[@]}" --bytes 4M
    for path in "${paths[@]}"; do
        "$COMPAT" zcsend "$TO" "dev:$SMALL" --bytes 4M --path="$path" -q
    done
    received
    [[ ${paths[*]} != *sendfile ]] || return 0
    receiver --bytes 4M
    run -2 "$COMPAT" zcsend "$TO" "dev:$SMALL" --bytes 4M --path=sendfile
    [[ $output == *"this kernel takes no device for it"* ]]
}
