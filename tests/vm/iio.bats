#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# iio: with the device of tests/vm/iio, which a kernel can have whose IIO imports dma-bufs.
# shellcheck disable=SC2154 # bats sets output

load guest

DEVICE=/dev/iio:device0 FILES=/sys/bus/iio/devices/iio:device0/buffer0
RING=block=64K,blocks=8 BLOCK=65536

setup_file() {
    local converter=${VM_KMOD/kmod-/converter-}/converter.ko
    [[ -e $converter ]] || {
        export NO_CONVERTER="this kernel's IIO imports no dma-bufs"
        return 0
    }
    /run/modprobe industrialio-buffer-dma && insmod "$converter" period=20 && echo 1 >$FILES/in_voltage0_en
    make_disk
}

teardown_file() {
    [[ -z ${NO_CONVERTER:-} ]] || return 0
    remove_disk
    rmmod converter
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
    [[ -z ${NO_CONVERTER:-} ]] || skip "$NO_CONVERTER"
}

# reported FILTER: it is true of the report in $output.
reported() {
    jq -e "$1" <<<"$output" >/dev/null || fail "not so: $1"$'\n'"$output"
}

# counts FILE: samples follow each other in it.
counts() {
    od -An -v -tu8 -w8 "$1" | awk 'NR > 1 && $1 != last + 1 { print NR, $1, last; exit 1 } { last = $1 }'
}

@test "iio, over e1000e: every byte is zero-copied, and each block arrives as it was" {
    ZCDMA=/run/zcdma-in-wire LISTEN=${ADDRESS[wire]}:0,framed receiver --json
    whole zcdma zcsend "$TO,framed" "iio:$DEVICE,$RING" --blocks 20 --expect=zerocopy --json
    reported ".zerocopy_bytes == 20 * $BLOCK and .fell_back_bytes == 0 and .user_copied_bytes == 0"
    received_whole 20
}

@test "iio, along paths whose pages are replaced: each block arrives as it was" {
    local path
    for path in vmsplice splice; do
        LISTEN=127.0.0.1:0,framed receiver --json
        whole zcdma zcsend "$TO,framed" "iio:$RING" --path=$path --blocks 20 --json
        reported '.replaced_blocks == 20'
        received_whole 20
    done
}

@test "iio, to a disk with O_DIRECT: samples follow each other, and the manifest holds" {
    whole zcdma capture "iio:$RING" --blocks 20 -o /mnt/disk/run.bin --direct --manifest run.json --json
    reported ".captured_bytes == 20 * $BLOCK and .user_copied_bytes == 0"
    counts /mnt/disk/run.bin
    whole zcdma verify --json --manifest run.json /mnt/disk/run.bin
    reported '.result == "correct" and .blocks_good == 20'
}

@test "iio: no channel, no permission, a buffer in use, and options" {
    run -2 zcdma capture "iio:$DEVICE,block=5000" -o frames
    assert_output --partial 'block=5000 is not valid'
    run -2 zcdma capture iio:/dev/null -o frames
    assert_output --partial 'open /dev/null: not an IIO device with a buffer'
    echo 0 >$FILES/in_voltage0_en
    run -2 zcdma capture iio: -o frames
    assert_output --partial "enable the buffer of $DEVICE: Invalid argument"
    assert_output --partial 'enable a channel first: echo 1 >/sys/dev/char/'
    echo 1 >$FILES/in_voltage0_en
    copy_for_all
    run -2 setpriv --reuid=65534 --clear-groups "$ZCDMA" capture iio: -o /dev/null
    assert_output --partial "open $DEVICE: Permission denied"
    chmod 666 $DEVICE /dev/udmabuf
    run -2 setpriv --reuid=65534 --clear-groups "$ZCDMA" capture iio: -o /dev/null
    chmod 600 $DEVICE /dev/udmabuf
    assert_output --partial "enable the buffer of $DEVICE: Permission denied"
    "$ZCDMA" capture "iio:$RING" -o /dev/null 3>&- &
    PIDS+=($!)
    until_true 60 grep -q 1 $FILES/enable
    run -2 zcdma capture iio: -o frames
    assert_output --partial "get the buffer of $DEVICE: Device or resource busy"
    kill -TERM "${PIDS[0]}"
    wait_exit "${PIDS[0]}"
    assert_equal "$(<$FILES/enable)" 0
}

@test "iio: a device that goes in the middle" {
    "$ZCDMA" capture "iio:$RING" -o frames 2>report 3>&- &
    PIDS+=($!)
    until_true 60 test -s frames
    echo converter >/sys/bus/platform/drivers/converter/unbind
    wait_exit "${PIDS[0]}" 1
    run cat report
    assert_output --partial "read $DEVICE: No such device"
    assert_output --partial 'the device was removed'
    counts frames
}
