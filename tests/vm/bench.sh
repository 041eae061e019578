#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zcdma bench with the driver's memory models: run this inside a VM in which a nanosecond is an
# instruction, over an emulated NIC, to a second VM that receives (make bench-vm). Its table is for people;
# the only test is that there is one.
set -u
exec </dev/null
ZCDMA=$PWD/$ZCDMA TO=10.9.0.2:9001

/sbin/modprobe -d "$PWD/$VM_MODULES" e1000e
ip link set lo up
ip addr add 10.9.0.1/24 dev eth0
ip link set eth0 up
insmod "$VM_KMOD/zcdma.ko"

# The other VM may still be on its way.
for ((i = 0; i < 60; i++)); do
    "$ZCDMA" bench --to $TO --mode=copy --memory=memfd --ring 16M --seconds 0.01 --repeat 1 -q 2>/tmp/error && break
    sleep 1
done
if ((i == 60)); then
    sed 's/^/# /' /tmp/error
    echo "not ok - the other VM cannot be reached"
    exit
fi

if "$ZCDMA" bench --to $TO --mode=copy,zerocopy,vmsplice,splice,sendfile,uring,uring-fixed \
    --memory=memfd,coherent,pages,compound,scatter --ring 16M --seconds 0.2 --repeat 3; then
    echo "ok - the table is there"
else
    echo "not ok - the table is there"
fi
