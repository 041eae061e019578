#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The PCI device edu, as a user of the commands sees it. It takes 0.2 s for 4 KiB.

load guest

EDU=dev:/dev/zcdma1
SYSFS=/sys/class/zcdma/zcdma1

# Is all of its DMA bounced?
bounced() {
    [[ ${VM_DMA:-} == swiotlb ]]
}

stat_of() {
    sed -n "s/^$1 //p" $SYSFS/stats
}

@test "edu: sysfs names the source and the model" {
    assert_equal "$(cat $SYSFS/source)" edu
    assert_equal "$(cat $SYSFS/model)" none
    assert_equal "$(cat /sys/class/zcdma/zcdma0/source)" sim
    "$ZCDMA" capture $EDU,model=scatter,blocks=2,block=4K -o /dev/null -q 3>&- &
    PIDS+=($!)
    until_true 20 grep -q '^running 1$' $SYSFS/stats
    assert_equal "$(cat $SYSFS/model)" scatter
}

@test "edu: what it captures is right, and whether it was bounced is reported" {
    zcdma capture $EDU,blocks=4,block=8K --bytes 16K | zcdma verify -
    if bounced; then
        (($(stat_of bounced) == $(stat_of blocks)))
    else
        (($(stat_of bounced) == 0))
    fi
    run -0 --separate-stderr zcdma probe /dev/zcdma1 --bytes 4K --json
    bounced && yes=true || yes=false
    jq -e --argjson yes "$yes" '[.mappings[].bounced] == [false, $yes, $yes, $yes]' <<<"$output"
    run -0 zcdma probe /dev/zcdma1 --bytes 4K
    if bounced; then
        assert_output --partial 'bounced, /dev/zcdma1 pages, /dev/zcdma1 compound, /dev/zcdma1 scatter: the'
    else
        refute_output --partial 'bounced'
    fi
}

@test "edu: a pace that it cannot keep is refused" {
    run -2 zcdma capture $EDU,rate=1M -o out.bin
    assert_line --index 0 --partial 'rate=1048576 is not valid'
    assert_line --index 1 --partial 'edu keeps its own pace'
}

@test "edu: a ring beyond what it reaches says how much there is room for" {
    [[ -z ${VM_DMA:-} ]] && ((VM_EDU_BITS < 32)) || skip 'here it reaches all memory'
    run -2 zcdma capture $EDU,blocks=500,block=1M -o out.bin
    assert_line --index 0 --partial 'Cannot allocate memory'
    assert_line --index 1 --regexp 'edu does not reach all of the memory; in what it reaches there was room for [0-9]+$'
    zcdma capture $EDU,blocks=2,block=4K --bytes 4K -o /dev/null -q
}

@test "edu: a device that stops answering ends the stream with an error" {
    "$ZCDMA" capture $EDU,blocks=2,block=4K -o out.bin 2>captured 3>&- &
    capture=$!
    PIDS+=("$capture")
    until_true 20 grep -q '^running 1$' $SYSFS/stats
    until_true 20 grep -q '^delivered [1-9]' $SYSFS/stats
    # Its command register, without the bit that lets it be master of the bus.
    printf '\3\0' | dd of="$(realpath $SYSFS/device)/config" bs=1 seek=4 conv=notrunc status=none
    wait_exit "$capture" 1
    grep -qE "read $EDU,.*could not fill the block at offset [0-9]+: Connection timed out" captured
    assert_equal "$(stat_of failed)" 1
    # All that came before is there, and right; and then it begins anew.
    zcdma verify out.bin
    zcdma capture $EDU,blocks=2,block=4K --bytes 4K | zcdma verify -
}
