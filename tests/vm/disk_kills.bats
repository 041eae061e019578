#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `zcdma disk --recover=reissue` and its server, killed at random below a file system. DISK_KILLS=N: how often (6).
# shellcheck disable=SC2154 # bats sets output and stderr

load disk

serve_image() {
    serve file disk.img
}

# write_file NAME: the data, and wait until it is on the device.
write_file() {
    cp "$BATS_FILE_TMPDIR/data" "/mnt/ublk/$1" && sync -f "/mnt/ublk/$1"
}

# kill_one COMMAND|SERVER: and have another take its place.
kill_one() {
    if [[ $1 == COMMAND ]]; then
        kill -KILL "$DISK"
        wait_exit "$DISK" 137
        disk --id=0 --recover=reissue
    else
        kill -KILL "$SERVER"
        wait_exit "$SERVER" 137
        serve_image
    fi
}

# is_whole LAST: the file system, and each of its files.
is_whole() {
    local n
    limited fsck.ext4 -fn "$DEV"
    limited mount -o ro "$DEV" /mnt/ublk
    for ((n = 0; n <= $1; n++)); do
        is_right cat /mnt/ublk/file$((n % 4))
    done
    limited umount /mnt/ublk
}

@test "disk: killed at random below an ext4, the command or the server: it is whole each time, and holds what was synced" {
    local count=${DISK_KILLS:-6} kills which writer
    mkdir -p /mnt/ublk
    truncate -s 32M disk.img
    serve_image
    disk --recover=reissue --connections=2
    limited mkfs.ext4 -q "$DEV"
    for ((kills = 0; kills < count; kills++)); do
        ((kills % 2)) && which=SERVER || which=COMMAND
        limited mount "$DEV" /mnt/ublk
        write_file file$((kills % 4)) 3>&- &
        writer=$!
        # Whenever it comes, the outcome has to be the same.
        sleep 0.$((RANDOM % 10))
        kill_one "$which"
        wait_exit "$writer"
        limited umount /mnt/ublk
        is_whole $((kills < 3 ? kills : 3))
        (((kills + 1) % 50)) || echo "# $((kills + 1)) kills" >&3
    done
    end_disk
    limited fsck.ext4 -fn disk.img
    echo "# $kills kills" >&3
}
