#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The PCI device edu, as a user of the commands sees it. It takes 0.2 s for 4 KiB.

load guest

EDU=dev:/dev/zcdma1
SYSFS=/sys/class/zcdma/zcdma1
STATS=/sys/kernel/debug/zcdma/zcdma1/stats

# Is all of its DMA bounced?
bounced() {
    [[ ${VM_DMA:-} == swiotlb ]]
}

stat_of() {
    cat "$SYSFS/statistics/$1"
}

@test "edu: sysfs names the source and the model" {
    assert_equal "$(cat $SYSFS/source)" edu
    assert_equal "$(cat $SYSFS/model)" none
    assert_equal "$(cat /sys/class/zcdma/zcdma0/source)" sim
    "$ZCDMA" capture $EDU,model=scatter,blocks=2,block=4K -o /dev/null -q 3>&- &
    PIDS+=($!)
    until_true 20 grep -q '^running 1$' $STATS
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
    until_true 20 grep -q '^running 1$' $STATS
    until_true 20 grep -q '^delivered [1-9]' $STATS
    # Its command register, without the bit that lets it be master of the bus.
    printf '\3\0' | dd of="$(realpath $SYSFS/device)/config" bs=1 seek=4 conv=notrunc status=none
    wait_exit "$capture" 1
    grep -qE "read $EDU,.*could not fill the block at offset [0-9]+: Connection timed out" captured
    assert_equal "$(stat_of failed)" 1
    # All that came before is there, and right; and then it begins anew.
    zcdma verify out.bin
    zcdma capture $EDU,blocks=2,block=4K --bytes 4K | zcdma verify -
}

# The other direction, from here on. It is as slow.

# load_edu [PARAMETER]: load its driver anew.
load_edu() {
    rmmod zcdma_edu && (cd "$TOP" && insmod "$VM_KMOD/zcdma_edu.ko" bits="${VM_EDU_BITS:-28}" "$@")
}

teardown_file() {
    load_edu
}

# has_found CHECKED WRONG FIRST: what the device has found.
has_found() {
    local found
    found=$(cd "$(realpath $SYSFS/device)" && cat checked_bytes wrong_bytes first_wrong | tr '\n' ' ')
    assert_equal "$found" "$1 $2 $3 "
}

@test "edu: it plays: it fetches what is in its ring, in pieces, to an odd end" {
    load_edu plays=1
    zcdma capture -q sim: --bytes 30001 -o data
    zcdma play "$EDU,blocks=3,block=12K,model=scatter" data
    has_found 30001 0 none
    printf X | dd of=data bs=1 seek=20000 conv=notrunc status=none
    run -0 zcdma play --json "$EDU,blocks=3,block=12K" data
    jq -e '.played_bytes == 30001 and .underruns == 0 and .user_copies == 0' <<<"$output"
    has_found 30001 1 20000
}

@test "edu: it plays: it fetches the pages of others, or the kernel copies them to where it reaches" {
    run -0 --separate-stderr zcdma play --json "$EDU,blocks=2,block=16K" dev:/dev/zcdma0,blocks=4,block=8K --bytes 20000
    jq -e '.played_bytes == 20000 and .user_copies == 0 and .kernel_copies != null' <<<"$output"
    if bounced || { [[ -z ${VM_DMA:-} ]] && ((VM_EDU_BITS < 32)); }; then
        jq -e '.kernel_copies == 0 or (.copies_reason | test("bounce|reach"))' <<<"$output"
    else
        jq -e '.kernel_copies == 0' <<<"$output"
    fi
    has_found 20000 0 none
}

@test "edu: it plays: a device that stops answering ends it with an error, and plays again" {
    zcdma capture -q sim: --bytes 16K -o data
    "$ZCDMA" play --loop "$EDU,blocks=2,block=4K" data >played 2>&1 3>&- &
    play=$!
    PIDS+=("$play")
    until_true 20 grep -q '^running 1$' $STATS
    printf '\3\0' | dd of="$(realpath $SYSFS/device)/config" bs=1 seek=4 conv=notrunc status=none
    wait_exit "$play" 1
    grep -q "play to $EDU" played || fail "$(<played)"
    assert_equal "$(stat_of failed)" 1
    zcdma play "$EDU,blocks=2,block=4K" data
    has_found 16384 0 none
}

@test "edu: it plays: removed in the middle" {
    zcdma capture -q sim: --bytes 16K -o data
    "$ZCDMA" play "$EDU,blocks=2,block=4K" dev:/dev/zcdma0,blocks=4,block=4K >played 2>&1 3>&- &
    play=$!
    PIDS+=("$play")
    until_true 20 grep -q '^running 1$' $STATS
    name=$(basename "$(realpath $SYSFS/device)")
    echo "$name" >/sys/bus/pci/drivers/zcdma-edu/unbind
    wait_exit "$play" 1
    grep -q 'No such device' played || fail "$(<played)"
    echo "$name" >/sys/bus/pci/drivers/zcdma-edu/bind
    zcdma play -q "$EDU,blocks=2,block=4K" data
}
