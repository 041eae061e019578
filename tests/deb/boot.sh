#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Boot systemd in a folder: boot.sh ROOT UNIT. It is the first process of namespaces of its own, with a cgroup and a
# loopback of its own, and ends when UNIT does. As root; no virtual machine is needed.
set -eu

root=$1
unit=$2
groups=$(mktemp -d)
mount -t cgroup2 none "$groups"
group=$groups/zcdma-$$
mkdir "$group"

# shellcheck disable=SC2317 # called by the trap
end() {
    echo 1 >"$group/cgroup.kill" 2>/dev/null || :
    for ((i = 0; i < 50; i++)); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    umount "$groups" && rmdir "$groups"
}
trap end EXIT

# shellcheck disable=SC2016 # for the shell in the namespaces
timeout -k 5 "${BOOT_LIMIT:-300}" bash -ec 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' enter "$group" \
    unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child --propagation private bash -ec '
    root=$1
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t cgroup2 none "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    mount -t tmpfs tmpfs "$root/dev/shm"
    for device in null zero full random urandom tty; do
        : >"$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    ip link set lo up
    cd "$root"
    pivot_root . mnt
    umount -l /mnt
    exec env -i container=zcdma PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        /lib/systemd/systemd --show-status=no "systemd.unit=$2"' boot "$root" "$unit" </dev/null
