#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The machine at the other end of the wire, for measurements: receives and discards until it is ended.
set -u
exec </dev/null
/sbin/modprobe -d "$PWD/$VM_MODULES" e1000e
ip link set lo up
ip addr add 10.9.0.2/24 dev eth0
ip link set eth0 up
"$PWD/$ZCDMA" bench --serve 10.9.0.2:9001 &
exec "$VM_BIN/tools/sink" 10.9.0.2 9000
