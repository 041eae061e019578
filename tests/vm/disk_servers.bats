#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `zcdma disk` of servers that can do little, or fail, and its device in the hands of what others put on disks. guest.sh
# leaves the file out as disk.bats.
# shellcheck disable=SC2154 # bats sets output and stderr

load disk

is_told() {
    has_line disk.name 'it is in use: unmount it'
}

# The command was asked to end, says that the device is in use, and serves it still.
is_kept() {
    kill -INT "$DISK"
    until_true 20 is_told || fail "$(<disk.name)"
    is_right "$@"
}

@test "disk: a server with blocks of 4 KiB and requests of 64 KiB at most gets no others; larger blocks are refused" {
    local policy=(--filter=blocksize-policy file disk.img blocksize-error-policy=error)
    cp "$BATS_FILE_TMPDIR/data" disk.img
    serve "${policy[@]}" blocksize-minimum=4096 blocksize-maximum=64K
    disk
    [[ $(blockdev --getss "$DEV") == 4096 ]]
    is_right dd if="$DEV" iflag=direct bs=1M status=none
    limited dd if=/dev/zero of="$DEV" bs=5000 count=100 conv=notrunc,fsync status=none
    limited blkdiscard -z -o 512K -l 4K "$DEV"
    run ! dd if="$DEV" of=/dev/null iflag=direct bs=512 count=1 status=none
    end_disk
    reported '.block_bytes == 4096 and .failed_requests == 0'
    cmp -n 500000 disk.img /dev/zero
    cmp -n $((24288)) -i 500000 disk.img "$BATS_FILE_TMPDIR/data"
    cmp -n 4096 -i $((512 << 10)):0 disk.img /dev/zero
    cmp -i $((516 << 10)) disk.img "$BATS_FILE_TMPDIR/data"
    kill "$SERVER"
    serve "${policy[@]}" blocksize-minimum=65536 blocksize-preferred=65536
    refused 'its smallest request is 65536 bytes' "$URI"
}

@test "disk: a server that cannot flush, discard or zero: what needs none of them works, and the rest is refused" {
    truncate -s "$SIZE" disk.img
    serve --filter=nozero eval get_size="stat -Lc %s $PWD/disk.img" \
        pread="dd if=$PWD/disk.img iflag=skip_bytes,count_bytes skip=\$4 count=\$3 status=none" \
        pwrite="dd of=$PWD/disk.img oflag=seek_bytes seek=\$4 conv=notrunc status=none" \
        can_write='exit 0'
    disk
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" bs=256K conv=notrunc,fsync status=none
    is_right dd if="$DEV" iflag=direct bs=1M status=none
    run ! limited blkdiscard "$DEV"
    # The kernel writes zeroes instead.
    limited blkdiscard -z -l 64K "$DEV"
    end_disk
    reported '.flushes == 0 and .discards == 0 and .failed_requests == 0'
    cmp -n 65536 disk.img /dev/zero
    cmp -i 65536 disk.img "$BATS_FILE_TMPDIR/data"
}

@test "disk: what the server answers with an error fails by that error, and the device goes on" {
    cp "$BATS_FILE_TMPDIR/data" disk.img
    serve --filter=error file disk.img error-pread=EIO error-pread-rate=100% error-pread-file="$PWD/bad" \
        error-pwrite=ENOSPC error-pwrite-rate=100% error-pwrite-file="$PWD/full"
    disk
    touch bad full
    run ! limited dd if="$DEV" of=/dev/null iflag=direct bs=64K count=1
    [[ $output == *'Input/output error'* ]] || fail "$output"
    run ! limited dd if=/dev/zero of="$DEV" oflag=direct bs=64K count=1
    [[ $output == *'No space left on device'* ]] || fail "$output"
    rm bad full
    is_right dd if="$DEV" iflag=direct bs=1M status=none
    limited dd if=/dev/zero of="$DEV" oflag=direct bs=64K count=1 status=none
    end_disk
    reported '.failed_requests == 2 and .writes == 1 and .written_bytes == 65536'
    cmp -n 65536 disk.img /dev/zero
}

@test "disk: the largest device, and data far beyond 4 GiB" {
    serve pattern $(((1 << 63) - 1))
    disk
    [[ $(blockdev --getsize64 "$DEV") == $(((1 << 63) - 512)) ]]
    # It holds the place of each 8 bytes.
    limited python3 -c 'import os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for at in ((1 << 63) - 65536, 1 << 62, (1 << 40) + 4096):
    data = os.pread(fd, 65024, at)
    assert data == b"".join(struct.pack(">Q", n) for n in range(at, at + 65024, 8)), hex(at)' "$DEV"
    end_disk
    reported '.failed_requests == 0'
}

@test "disk: random requests of odd sizes and places, many at a time, with memory that begins in the middle of a page" {
    local options
    can_lend && options=(--copy=fixed --copy=fixed\ --send-zerocopy --copy=user) || options=(--copy=user)
    nbdkit -f -p 10809 memory 8M 3>&- &
    PIDS+=("$!")
    until_true 20 has_line /proc/net/tcp ':2A39 0*:0000 0A' || fail 'no server'
    for way in "${options[@]}"; do
        # shellcheck disable=SC2086 # words
        TO=127.0.0.1:10809 disk $way
        limited fio --name=load --filename="$DEV" --direct=1 --ioengine=io_uring --rw=randwrite --bsrange=512-205312 \
            --blockalign=512 --iodepth=32 --size=8M --verify=crc32c --verify_fatal=1 --mem_align=512 --output=fio.out || fail "$(<fio.out)"
        end_disk
        reported '.failed_requests == 0 and .reads > 0 and .writes > 0'
    done
}

@test "disk: the server is lost below a mounted ext4: the command ends once it is unmounted" {
    mkdir -p /mnt/ublk
    serve memory 16M
    TEXT='' disk
    limited mkfs.ext4 -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    cp "$BATS_FILE_TMPDIR/data" /mnt/ublk/a
    kill -KILL "$SERVER"
    run ! limited sync -f /mnt/ublk/a
    until_true 20 is_told || fail "$(<disk.name)"
    limited umount /mnt/ublk
    wait_exit "$DISK" 1
    [[ ! -e $DEV ]] || fail "$DEV is still there"
}

has_partition() {
    [[ -b ${DEV}p2 ]]
}

@test "disk: partitions are found, and keep the device while one is mounted" {
    mkdir -p /mnt/ublk
    truncate -s 8M fs.img
    limited mkfs.ext4 -q fs.img
    serve partitioning "$BATS_FILE_TMPDIR/data" fs.img
    TEXT='' disk
    until_true 20 has_partition || fail "$(ls /dev/ublk*)"
    is_right dd if="${DEV}p1" bs=64K status=none
    limited mount "${DEV}p2" /mnt/ublk
    cp "$BATS_FILE_TMPDIR/data" /mnt/ublk/a
    is_kept cat /mnt/ublk/a
    limited umount /mnt/ublk
    wait_exit "$DISK" 130
    [[ ! -e ${DEV}p1 ]] || fail "${DEV}p1 is still there"
    limited fsck.ext4 -fn fs.img
}

@test "disk: a second device, whose server has its file on the first" {
    local first first_dev
    mkdir -p /mnt/ublk
    serve memory 32M
    disk
    first=$DISK first_dev=$DEV
    limited mkfs.ext4 -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    truncate -s 16M /mnt/ublk/image
    mv socket lower
    mv disk.json lower.json
    serve file /mnt/ublk/image
    disk
    [[ $DEV != "$first_dev" ]]
    limited mkfs.ext4 -q "$DEV"
    limited dd if="$BATS_FILE_TMPDIR/data" of="$DEV" oflag=direct bs=256K conv=notrunc,fsync status=none
    is_right dd if="$DEV" bs=64K count=$((SIZE >> 16)) status=none
    end_disk
    kill "$SERVER"
    wait_exit "$SERVER"
    is_right head -c "$SIZE" /mnt/ublk/image
    limited umount /mnt/ublk
    DISK=$first DEV=$first_dev end_disk
}

@test "disk: its output is a pipe whose reader goes once it has the name" {
    serve_data
    mkfifo out
    "$ZCDMA" disk "$URI" >out 2>disk.name 3>&- &
    DISK=$!
    PIDS+=("$DISK")
    DEV=$(head -n 1 out)
    is_right dd if="$DEV" iflag=direct bs=1M status=none
    kill -INT "$DISK"
    wait "$DISK" || :
    [[ ! -e $DEV ]] || fail "$DEV is still there"
}
