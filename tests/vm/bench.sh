#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zcdma bench with the driver's memory models: run this inside a VM in which a nanosecond is an
# instruction, over an emulated NIC, to a second VM that receives (make bench-vm). Its table is for people;
# the only test is that there is one.
set -u
source tests/vm/pair.bash
TO=10.9.0.2:9001

join_wire 10.9.0.1
insmod "$VM_KMOD/zcdma.ko" && insmod "$VM_KMOD/zcdma_sim.ko"

reach "$ZCDMA" bench --to $TO --mode=copy --memory=memfd --ring 16M --seconds 0.01 --repeat 1 -q || exit

# Which path is the fastest means nothing here, and so the words below the tables are left out.
set -o pipefail
if "$ZCDMA" bench --to $TO --mode=copy,zerocopy,vmsplice,splice,sendfile,uring,uring-fixed \
    --memory=memfd,coherent,pages,compound,scatter --ring 16M --seconds 0.2 --repeat 3 | sed '/^Over /,$d'; then
    echo "ok - the table is there"
else
    echo "not ok - the table is there"
fi
