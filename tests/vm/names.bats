#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What names a device and its figures: links of udev, files of sysfs, trace events.

load guest

SYSFS=/sys/class/zcdma/zcdma0
EVENTS=/sys/kernel/tracing/events/zcdma

teardown() {
    [[ ! -e $EVENTS ]] || echo 0 >$EVENTS/enable
    rm -f /run/udev/rules.d/60-zcdma.rules
}

@test "names: the udev rule links a device by where it is plugged in" {
    command -v udevadm || skip 'there is no udevadm'
    mkdir -p /run/udev/rules.d
    cp "$TOP/kmod/60-zcdma.rules" /run/udev/rules.d/
    run -0 udevadm test --action=add $SYSFS
    refute_output --regexp '60-zcdma.rules:[0-9]+.*(Invalid|Unknown key|unexpected|missing)'
    assert_output --partial 'DEVLINKS=/dev/zcdma/by-path/platform-zcdma-sim.0-channel0'
    run -0 udevadm test --action=add "$(realpath /sys/class/zcdma/zcdma1)"
    assert_output --regexp 'DEVLINKS=/dev/zcdma/by-path/pci-0000:[0-9a-f:.]+-channel0'
}

@test "names: each counter has a file, with the same value as in debugfs" {
    local name value STATS=/sys/kernel/debug/zcdma/zcdma0/stats
    zcdma capture dev:blocks=4,block=64K --bytes 1M -o /dev/null -q
    while read -r name value; do
        assert_equal "$name $(cat "$SYSFS/statistics/$name")" "$name $value"
    done <$STATS
    local files=("$SYSFS"/statistics/*)
    assert_equal "${#files[@]}" "$(wc -l <$STATS)"
    (($(cat $SYSFS/statistics/blocks) >= 16))
}

# of EVENT: print some of its lines in what was traced, which may be thousands.
of() {
    grep -m 5 " zcdma_$1: " trace
}

@test "names: each step of a block is traced, with how long it took" {
    [[ -d $EVENTS ]] || mount -t tracefs tracefs /sys/kernel/tracing
    [[ -d $EVENTS ]] || skip 'this kernel traces no events'
    echo >/sys/kernel/tracing/trace
    echo 1 >$EVENTS/enable
    zcdma capture dev:blocks=4,block=64K --bytes 512K -o /dev/null -q
    # Nothing takes the blocks of this one, so some are lost.
    timeout -k 5 60 "$ZCDMA" capture dev:blocks=2,block=64K,rate=8M 3>&- | { until_true 20 grep -vqx 0 $SYSFS/statistics/overruns; } || true
    echo 0 >$EVENTS/enable
    cat /sys/kernel/tracing/trace >trace
    for event in filled taken given drained; do
        run -0 of $event
        assert_output --regexp "zcdma0 block=[0-3] seq=[0-9]+ offset=[0-9]+ length=65536 error=0 ns=[1-9][0-9]*"
    done
    run -0 of lost
    assert_output --regexp 'zcdma0 seq=[0-9]+ offset=[0-9]+ bytes=65536'
    # Block 0 goes through its steps in order.
    run -0 sed -nE 's/.* (zcdma_[a-z]+): zcdma0 block=0 seq=0 offset=0 .*/\1/p' trace
    assert_line --index 0 zcdma_filled
    assert_line --index 1 zcdma_taken
    assert_line --index 2 zcdma_given
    assert_line --index 3 zcdma_drained
}
