#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a disk of an NBD server costs the machine that has the disk, in instructions: run this inside a VM in which a
# nanosecond is an instruction (make check-disk-speed). `zcdma disk` is compared with nbd.ko and with qemu-storage-daemon,
# whose disk is one of VDUSE. The server is in the same machine, over loopback, so that the one processor is never idle, and
# all that it does is counted: the program that makes the requests, the block layer, the network, and what is between
# them; without what the server's threads run. TAP.
set -u
source tests/vm/pair.bash
PORT=10809

# Size of a request, how many at a time, and how many in all.
SHAPES=("4096 1 2048" "4096 32 4096" "65536 16 512" "1048576 4 64")

module() {
    /sbin/modprobe -q -d "$PWD/$VM_MODULES" "$@"
}

# has_device: it is there, and has its size.
has_device() {
    [[ -b $DEV && $(cat "/sys/block/${DEV#/dev/}/size") != 0 ]]
}

server_answers() {
    : <"/dev/tcp/127.0.0.1/$PORT"
}

# begin WAY: have the disk $DEV.
begin() {
    local words
    case $1 in
    zcdma*)
        read -ra words <<<"${1#zcdma disk}"
        DEV=/dev/ublkb0
        "$ZCDMA" disk -q "${words[@]}" 127.0.0.1:$PORT >/tmp/disk.out 2>&1 &
        PROGRAM=$!
        ;;
    nbd.ko)
        DEV=/dev/nbd0
        nbd-client 127.0.0.1 $PORT $DEV >/tmp/disk.out 2>&1
        ;;
    qemu-storage-daemon)
        DEV=/dev/vda
        qemu-storage-daemon \
            --blockdev driver=nbd,node-name=disk,server.type=inet,server.host=127.0.0.1,server.port=$PORT \
            --export type=vduse-blk,id=disk,node-name=disk,name=disk,writable=on >/tmp/disk.out 2>&1 &
        PROGRAM=$!
        reach vdpa dev add name disk mgmtdev vduse
        ;;
    esac
    reach has_device && return
    sed 's/^/# /' /tmp/disk.out
    echo "not ok - there is a disk by $1"
    exit 1
}

end() {
    case $1 in
    nbd.ko) nbd-client -d "$DEV" >/tmp/disk.out 2>&1 ;;
    qemu-storage-daemon) vdpa dev del disk ;;
    esac
    [[ $1 == nbd.ko ]] || { kill -INT "$PROGRAM" && wait "$PROGRAM"; }
}

declare -A COST

# measure WAY: all shapes, both ways, and print them.
measure() {
    local shape block depth count direction all ran half
    for shape in "${SHAPES[@]}"; do
        read -r block depth count <<<"$shape"
        printf '# %-40s %4d KiB, %2d at a time:' "$1" $((block >> 10)) "$depth"
        for direction in read write; do
            read -r all ran half < <("$VM_BIN/tools/diskload" "$DEV" $direction "$block" "$depth" "$count" "$SERVER")
            COST[$1.$block.$depth.$direction]=$(((all - ran) * 1048576 / (block * count)))
            printf ' %s %9d (%7d)' $direction "${COST[$1.$block.$depth.$direction]}" "$half"
        done
        echo
    done
}

# at_most NAME A FACTOR B: A is no more than FACTOR of B.
at_most() {
    awk -v name="$1" -v a="$2" -v factor="$3" -v b="$4" 'BEGIN {
        good = a > 0 && b > 0 && a <= factor * b
        printf("%s - %s: %d of %d, at most %s\n", good ? "ok" : "not ok", name, a, b, factor) }'
}

ip link set lo up
if ! module ublk_drv; then
    echo "ok - what a disk costs # skip this kernel has no ublk_drv"
    exit
fi
module nbd nbds_max=1
WAYS=("zcdma disk --copy=fixed" nbd.ko "zcdma disk --copy=user" "zcdma disk --copy=fixed --send-zerocopy")
module -a vduse virtio_vdpa virtio_blk && WAYS+=(qemu-storage-daemon)
nbdkit -f -i 127.0.0.1 -p $PORT memory 64M &
SERVER=$!
reach server_answers || exit

echo '# instructions per MiB, without those of the server, and those of half of all requests at most, with them'
for way in "${WAYS[@]}"; do
    begin "$way"
    measure "$way"
    end "$way"
done
kill $SERVER

# One at a time, each wakes the program, which nbd.ko does without.
at_most "4 KiB, 32 at a time, read: cheaper than nbd.ko" \
    "${COST[zcdma disk --copy=fixed.4096.32.read]}" 0.8 "${COST[nbd.ko.4096.32.read]}"
