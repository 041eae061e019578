# SPDX-License-Identifier: GPL-2.0-only
# What measurements with two machines and a wire between them share.
# shellcheck shell=bash

exec </dev/null
ZCDMA=$PWD/$ZCDMA

# join_wire ADDRESS: have it, at our end of the wire.
join_wire() {
    /sbin/modprobe -d "$PWD/$VM_MODULES" e1000e
    ip link set lo up
    ip addr add "$1/24" dev eth0
    ip link set eth0 up
}

# reach COMMAND...: until it succeeds, as the other machine may still be on its way; for a minute.
reach() {
    for ((i = 0; i < 60; i++)); do
        "$@" 2>/tmp/error && return
        sleep 1
    done
    sed 's/^/# /' /tmp/error
    echo "not ok - the other VM cannot be reached"
    return 1
}
