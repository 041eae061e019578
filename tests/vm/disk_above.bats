#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the kernel puts above a device of `zcdma disk`: other file systems, a loop device, and a page cache with little
# memory. guest.sh leaves the file out as disk.bats.
# shellcheck disable=SC2154 # bats sets output and stderr

load disk

ABOVE=/mnt/above
CGROUP=/run/cgroup

# What a failed test left on top comes off first.
teardown() {
    ! has_line /proc/mounts " $ABOVE " || umount "$ABOVE"
    [[ -z ${LOOP:-} ]] || losetup -d "$LOOP" || :
    end_disks
}

# fill FOLDER: files, and wait until they are on the device.
fill() {
    cp "$BATS_FILE_TMPDIR/data" "$1/a"
    cp -R "$TOP/completions" "$1/b"
    limited sync -f "$1/a"
}

# is_filled FOLDER: the files in it are right.
is_filled() {
    cmp "$1/a" "$BATS_FILE_TMPDIR/data"
    diff -r "$TOP/completions" "$1/b"
}

@test "disk: an XFS on it: xfs_repair finds nothing, and its files are right" {
    /run/modprobe -q xfs || :
    has_line /proc/filesystems '[[:space:]]xfs$' || skip 'this kernel has no XFS' # those of debug/
    mkdir -p /mnt/ublk
    # It wants 300 MiB.
    serve memory 320M
    disk
    limited mkfs.xfs -q "$DEV"
    limited mount "$DEV" /mnt/ublk
    fill /mnt/ublk
    limited umount /mnt/ublk
    end_disk
    reported '.failed_requests == 0'
    disk
    limited xfs_repair -n "$DEV"
    limited mount -o ro "$DEV" /mnt/ublk
    is_filled /mnt/ublk
    limited umount /mnt/ublk
    end_disk
    reported '.failed_requests == 0'
}

# attach DIRECT [OPTION...]: have the loop device $LOOP, of a file on the device.
attach() {
    LOOP=$(losetup --find --show --direct-io="$1" "${@:2}" /mnt/ublk/image) || fail 'no loop device'
}

detach() {
    limited losetup -d "$LOOP"
    LOOP=
}

@test "disk: an ext4 on a loop device on an ext4 on it, by the page cache and by direct I/O: both are whole" {
    local direct
    local -A is_direct=([off]=0 [on]=1)
    mkdir -p /mnt/ublk $ABOVE
    /run/modprobe loop
    serve memory 48M
    for direct in off on; do
        disk
        limited mkfs.ext4 -q "$DEV"
        limited mount "$DEV" /mnt/ublk
        truncate -s 24M /mnt/ublk/image
        attach $direct
        [[ $(losetup -n -O DIO "$LOOP") == *"${is_direct[$direct]}" ]] || fail "$(losetup -l)"
        limited mkfs.ext4 -q "$LOOP"
        limited mount "$LOOP" $ABOVE
        fill $ABOVE
        limited umount $ABOVE
        detach
        limited umount /mnt/ublk
        end_disk
        reported '.failed_requests == 0'
        # Nothing of it is in a page cache any more.
        disk
        limited fsck.ext4 -fn "$DEV"
        limited mount -o ro "$DEV" /mnt/ublk
        attach $direct -r
        limited fsck.ext4 -fn "$LOOP"
        limited mount -o ro "$LOOP" $ABOVE
        is_filled $ABOVE
        limited umount $ABOVE
        detach
        limited umount /mnt/ublk
        end_disk
    done
}

# small_cgroup: make $SMALL, a cgroup of 40 MiB.
small_cgroup() {
    mkdir -p $CGROUP
    has_line /proc/mounts " $CGROUP " || mount -t cgroup2 cgroup $CGROUP
    echo +memory >$CGROUP/cgroup.subtree_control
    SMALL=$CGROUP/disk
    mkdir -p $SMALL
    echo 40M >$SMALL/memory.max
}

# in_small COMMAND...: run it in that cgroup, in place of this shell.
in_small() {
    echo "$BASHPID" >$SMALL/cgroup.procs && exec "$@"
}

@test "disk: a writer and a reader through the page cache, in a cgroup of 40 MiB with less memory than either needs" {
    local mib=48 reader writer
    small_cgroup
    head -c ${mib}M /dev/urandom >big
    cp big disk.img
    truncate -s $((2 * mib))M disk.img
    serve file disk.img
    disk --connections=2
    (in_small cmp -n $((mib << 20)) big "$DEV") 3>&- &
    reader=$!
    (in_small dd if=big of="$DEV" bs=64K oflag=seek_bytes seek=${mib}M conv=notrunc,fsync status=none) 3>&- &
    writer=$!
    PIDS+=("$reader" "$writer")
    wait_exit "$reader"
    wait_exit "$writer"
    (in_small cmp -i 0:$((mib << 20)) big "$DEV") 3>&- &
    PIDS+=("$!")
    wait_exit "$!"
    end_disk
    reported '.failed_requests == 0'
    cmp -n $((mib << 20)) disk.img big
    cmp -i $((mib << 20)):0 disk.img big
    # It was short of memory, and nothing was killed for that.
    has_line $SMALL/memory.events '^max [1-9]' || fail "$(<$SMALL/memory.events)"
    has_line $SMALL/memory.events '^oom_kill 0$' || fail "$(<$SMALL/memory.events)"
    rmdir $SMALL
}
