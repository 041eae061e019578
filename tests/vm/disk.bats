#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `zcdma disk` with nbdkit as its server: contents, file systems, and what is left when either of them goes away.
# guest.sh leaves the file out where the kernel has no ublk_drv, and probe.bats has what is said then.
# shellcheck disable=SC2154 # bats sets output and stderr

load disk

@test "disk: what is read is right: past the page cache, through it, and mapped; and the page has each key" {
    best_way
    serve_data
    disk
    is_right dd if="$DEV" iflag=direct bs=1M status=none
    is_right dd if="$DEV" bs=4K status=none
    # Not those of the machine, which has its programs there, too.
    blockdev --flushbufs "$DEV"
    is_right python3 -c 'import mmap, sys
with open(sys.argv[1], "rb") as f:
    sys.stdout.buffer.write(mmap.mmap(f.fileno(), f.seek(0, 2), prot=mmap.PROT_READ))' "$DEV"
    end_disk
    reported ".copy == \"$WAY\" and .read_copies == (if \"$WAY\" == \"fixed\" then 1 else 2 end) and
        .failed_requests == 0 and .write_copies == null and .writes == 0"
    keys_are_told
}

@test "disk: what is written arrives, by direct writes, through the page cache, and when the device ends" {
    best_way
    truncate -s "$SIZE" disk.img
    serve file disk.img
    disk --copy="$WAY"
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=1M count=1 status=none
    cmp -n $((1 << 20)) disk.img "$BATS_FILE_TMPDIR/data"
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" bs=12K seek=256K skip=256K count=$((512 << 10)) iflag=skip_bytes,count_bytes \
        oflag=seek_bytes conv=fsync,notrunc status=none
    # What the page cache still has is written back as the device ends.
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" bs=64K seek=16 skip=16 conv=notrunc status=none
    end_disk
    cmp disk.img "$BATS_FILE_TMPDIR/data"
    reported ".write_copies == (if \"$WAY\" == \"fixed\" then 1 else 2 end) and .flushes > 0 and .failed_requests == 0"
}

@test "disk: the way that copies twice reads and writes the same" {
    can_lend || skip 'ublk of this kernel has no other way'
    serve_data
    disk --copy=user
    is_right dd if="$DEV" iflag=direct bs=12K status=none
    limited dd if=/dev/zero of="$DEV" oflag=direct bs=12K count=40 status=none
    end_disk
    reported '.copy == "user" and .read_copies == 2 and .write_copies == 2 and .failed_requests == 0'
    cmp -n $((480 << 10)) disk.img /dev/zero
    cmp -i $((480 << 10)) disk.img "$BATS_FILE_TMPDIR/data"
}

is_told() {
    has_line disk.name 'it is in use: unmount it'
}

@test "disk: an ext4 on it; while it is mounted the device stays, and ends when it is free" {
    mkdir -p /mnt/ublk
    serve memory 16M
    TEXT='' disk
    limited mkfs.ext4 -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    cp "$BATS_FILE_TMPDIR/data" /mnt/ublk/a
    cp -R "$TOP/completions" /mnt/ublk/b
    limited sync /mnt/ublk/a
    kill -INT "$DISK"
    until_true 20 is_told || fail "$(<disk.name)"
    dd of=/mnt/ublk/a oflag=nocache conv=notrunc count=0 status=none
    cmp /mnt/ublk/a "$BATS_FILE_TMPDIR/data"
    limited umount /mnt/ublk
    wait_exit "$DISK" 130
    # Another command finds what this one left at the server.
    disk
    limited fsck.ext4 -fn "$DEV"
    limited mount -o ro "$DEV" /mnt/ublk
    cmp /mnt/ublk/a "$BATS_FILE_TMPDIR/data"
    diff -r "$TOP/completions" /mnt/ublk/b
    limited umount /mnt/ublk
    end_disk
}

@test "disk: discarded and zeroed ranges are so at the server" {
    serve_data
    disk
    limited blkdiscard -z -o 512K -l 512K "$DEV"
    limited blkdiscard -o 1M -l 512K "$DEV"
    end_disk
    reported '.discards >= 2 and .discarded_bytes == 1048576 and .failed_requests == 0'
    cmp -n $((1 << 20)) -i $((512 << 10)):0 disk.img /dev/zero
    cmp -n $((512 << 10)) disk.img "$BATS_FILE_TMPDIR/data"
}

@test "disk: read-only by the server, or by the option; an odd size loses its last bytes, and that is said" {
    serve -r memory 1M
    disk
    run ! dd if=/dev/zero of="$DEV" bs=4K count=1 oflag=direct status=none
    end_disk
    reported '.read_only and (.notes[0] | contains("read-only, as its server has it so"))'
    kill "$SERVER"
    serve memory 1000001
    disk --read-only
    run ! dd if=/dev/zero of="$DEV" bs=4K count=1 oflag=direct status=none
    end_disk
    reported '.read_only and .device_bytes == 999936 and (.notes | length) == 1 and
        (.notes[0] | contains("lacks the last 65 bytes"))'
}

@test "disk: servers and exports of which no device can be made, and a number that is taken" {
    serve memory 0
    refused 'its size is 0 bytes, and a device has 512 at least' "$URI"
    kill "$SERVER"
    serve -o memory 1M
    refused 'the server speaks oldstyle NBD' "$URI"
    kill "$SERVER"
    serve --filter=exportname memory 1M exportname-strict=true exportname=one
    refused "export 'two': the server has no such export" --export=two "$URI"
    kill "$SERVER"
    echo user:0123456789abcdef0123456789abcdef >psk
    if serve --tls=require --tls-psk=psk memory 1M; then
        refused 'the server wants TLS, which zcdma does not speak' "$URI"
    fi
    refused 'connect to 127.0.0.1 port 1: Connection refused' 127.0.0.1:1
    refused "connect to $PWD/nothing: No such file or directory" "nbd+unix:///?socket=$PWD/nothing"
    [[ ! -e /dev/ublkc0 ]] || fail 'a device is left'
    serve memory 1M
    disk --id=3
    [[ $DEV == /dev/ublkb3 ]]
    refused "/dev/ublkb3: process $DISK serves it" --id=3 "$URI"
    end_disk
}

@test "disk: a device of the driver to a server, and nothing is copied" {
    can_lend || skip 'ublk of this kernel lends no pages'
    truncate -s "$SIZE" disk.img
    ip netns exec wire nbdkit -f -p 10809 file disk.img 3>&- &
    PIDS+=("$!")
    until_true 20 has_line "/proc/$!/net/tcp" ':2A39 0*:0000 0A' || fail 'no server'
    TO=10.1.0.2:10809 disk --send-zerocopy --expect=zerocopy
    limited "$ZCDMA" capture -q dev:blocks=4,block=64K --bytes "$SIZE" -o "$DEV" --direct
    end_disk
    zcdma verify -q --bytes "$SIZE" disk.img
    reported '.write_copies == 0 and .failed_requests == 0'
    # Over loopback the kernel copies, and it is counted.
    nbdkit -f -p 10809 file disk.img 3>&- &
    PIDS+=("$!")
    until_true 20 has_line /proc/net/tcp ':2A39 0*:0000 0A' || fail 'no server'
    TO=127.0.0.1:10809 disk --send-zerocopy --expect=zerocopy
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=1M status=none
    end_disk 1
    reported '.write_copies == 1 and (.error.message | contains("some of it was copied"))'
    cmp disk.img "$BATS_FILE_TMPDIR/data"
}

# reads_in_background: a direct read of all of the device, with its output in got, and its status at the end.
read_in_background() {
    dd if="$DEV" iflag=direct bs=64K status=none >got 2>dd.err 3>&- &
    READER=$!
    PIDS+=("$READER")
}

has_some() {
    [[ -s got ]]
}

@test "disk: the server is gone: requests fail at once, and the command ends" {
    serve_slowly
    disk
    read_in_background
    until_true 20 has_some
    kill -KILL "$SERVER"
    wait_exit "$READER" 1
    wait_exit "$DISK" 1
    reported '.failed_requests > 0 and (.error.message | contains("it closed the connection"))'
    [[ ! -e $DEV ]] || fail "$DEV is still there"
    cmp -n "$(stat -c %s got)" got "$BATS_FILE_TMPDIR/data"
}

@test "disk: the server stands still: it is lost after --timeout" {
    serve_slowly
    disk --timeout=2
    read_in_background
    until_true 20 has_some
    kill -STOP "$SERVER"
    wait_exit "$READER" 1
    wait_exit "$DISK" 1
    reported '.error.message | contains("it has not answered for 2")'
}

@test "disk: a server that comes back: with --recover=reissue nothing is noticed, with wait what was sent fails" {
    local mode
    for mode in reissue wait; do
        serve_slowly
        TEXT='' disk --recover=$mode
        read_in_background
        until_true 20 has_some
        stop_in_read
        kill -KILL "$SERVER"
        until_true 20 has_line disk.name '; requests wait until it is back$' || fail "$(<disk.name)"
        serve_data
        until_true 20 has_line disk.name ': it is back$' || fail "$(<disk.name)"
        if [[ $mode == reissue ]]; then
            wait_exit "$READER"
            cmp got "$BATS_FILE_TMPDIR/data"
        else
            wait_exit "$READER" 1
            is_right dd if="$DEV" iflag=direct bs=1M status=none
        fi
        end_disk
        has_line disk.json '^ *reconnected +1 time$' || fail "$(<disk.json)"
        [[ $(grep -c ' it is back$' disk.name) == 2 ]] || fail "said more than once: $(<disk.name)"
        kill "$SERVER"
        rm -f got server.log
    done
}

@test "disk: a server that comes back with another export is not the same" {
    serve_data
    disk --recover=reissue
    kill -KILL "$SERVER"
    serve memory 1M
    wait_exit "$DISK" 1
    reported '.error.message | contains("came back with another export")'
}

@test "disk: Ctrl-C while the server is away ends it" {
    serve_slowly
    disk --recover=reissue
    read_in_background
    until_true 20 has_some
    kill -KILL "$SERVER"
    rm socket
    end_disk 1
    wait_exit "$READER" 1
    reported '.error.message | contains("is away")'
}

@test "disk: SIGTERM while the server is away and the device is mounted: it goes on once the server is back" {
    mkdir -p /mnt/ublk
    truncate -s 16M disk.img
    serve file disk.img
    TEXT='' disk --recover=reissue
    limited mkfs.ext4 -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    cp "$BATS_FILE_TMPDIR/data" /mnt/ublk/a
    kill -KILL "$SERVER"
    rm socket
    kill -TERM "$DISK"
    until_true 20 is_told || fail "$(<disk.name)"
    serve file disk.img
    limited sync -f /mnt/ublk/a
    limited umount /mnt/ublk
    wait_exit "$DISK"
    fsck.ext4 -fn disk.img
}

@test "disk: a flush that fails as another connection answered writes is said, once, and counted" {
    # The filter has no promise that its connections share what they wrote.
    truncate -s 2M disk.img
    serve --filter=multi-conn file disk.img multi-conn-mode=disable
    disk --recover=reissue
    dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=1M count=1 status=none
    kill -KILL "$SERVER"
    serve --filter=multi-conn file disk.img multi-conn-mode=disable
    run ! limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=1M count=1 conv=fsync status=none
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=1M count=1 conv=fsync status=none
    end_disk
    reported '.unsure_flushes == 1 and ([.notes[] | select(contains("failed on purpose"))] | length) == 1'
}

@test "disk: statistics are printed when they are asked for" {
    serve_data
    disk
    dd if="$DEV" of=/dev/null iflag=direct bs=1M count=1 status=none
    kill -USR1 "$DISK"
    until_true 20 has_line disk.name '^zcdma disk: read 1\.[0-9]+ MiB, written 0 B in [0-9.]+ s$' || fail "$(<disk.name)"
    end_disk
}

@test "disk: statistics that are asked for during the start do not end it" {
    cp "$BATS_FILE_TMPDIR/data" disk.img
    serve --filter=delay file disk.img rdelay=1
    : >disk.name
    "$ZCDMA" disk --json "$URI" >disk.json 2>disk.name 3>&- &
    DISK=$!
    PIDS+=("$DISK")
    until_true 20 is_character /dev/ublkc0 || fail "no device: $(<disk.name)"
    kill -USR1 "$DISK"
    until_true 30 has_device
    DEV=$(grep -m1 '^/dev' disk.name) || fail "no device: $(<disk.json)"
    end_disk
}

is_gone() {
    [[ ! -e $DEV ]]
}

@test "disk: killed with requests under way, --recover=fail: they fail, the device goes, and nothing is left" {
    serve_slowly
    disk
    read_in_background
    until_true 20 has_some
    kill -KILL "$DISK"
    wait_exit "$READER" 1
    until_true 20 is_gone || fail "$DEV is still there"
    wait_exit "$DISK" 137
    disk
    [[ $DEV == /dev/ublkb0 ]] || fail "$DEV: what the killed one left is still there"
    end_disk
    [[ ! -e /dev/ublkc0 ]]
}

@test "disk: killed, --recover=wait and reissue: another command goes on" {
    local mode
    for mode in wait reissue; do
        serve_slowly
        disk --recover=$mode
        read_in_background
        until_true 20 has_some
        stop_in_read
        kill -KILL "$DISK"
        kill -CONT "$SERVER"
        wait_exit "$DISK" 137
        disk --id=0
        if [[ $mode == reissue ]]; then
            wait_exit "$READER"
            cmp got "$BATS_FILE_TMPDIR/data"
        else
            wait_exit "$READER" 1
        fi
        is_right dd if="$DEV" iflag=direct bs=1M status=none
        end_disk
        reported '.recovered'
        kill "$SERVER"
        rm -f got server.log
    done
}

@test "disk: killed under a mounted ext4, --recover=reissue: another command goes on, and the file system is whole" {
    mkdir -p /mnt/ublk
    serve memory 16M
    disk --recover=reissue
    limited mkfs.ext4 -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    cp "$BATS_FILE_TMPDIR/data" /mnt/ublk/a
    sync -f /mnt/ublk/a &
    kill -KILL "$DISK"
    wait_exit "$DISK" 137
    disk --id=0
    limited sync -f /mnt/ublk/a
    limited umount /mnt/ublk
    limited fsck.ext4 -fn "$DEV"
    limited mount "$DEV" /mnt/ublk
    cmp /mnt/ublk/a "$BATS_FILE_TMPDIR/data"
    limited umount /mnt/ublk
    end_disk
}
