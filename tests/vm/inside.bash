# SPDX-License-Identifier: GPL-2.0-only
# What the scripts that run inside a VM have in common: they speak TAP on standard output.
# shellcheck shell=bash

ZCDMA=$PWD/$ZCDMA
VM_BIN=$PWD/$VM_BIN
export ZCDMA VM_BIN TOOLS=$VM_BIN/tools

# The kernel loads modules by itself too, and they are not where it looks.
printf '#!/bin/sh\nexec /sbin/modprobe -d %s "$@"\n' "$PWD/$VM_MODULES" >/run/modprobe
chmod +x /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe

# check NAME COMMAND...: a test of one command.
check() {
    local name=$1
    shift
    if "$@" >&2; then echo "ok - $name"; else echo "not ok - $name"; fi
}

# run_tests PROGRAM...: of C, which speak TAP.
run_tests() {
    local program status
    for program; do
        timeout -k 5 300 "$VM_BIN/vm-tests/$program"
        status=$?
        ((status == 0)) || echo "not ok - $program ended with status $status"
    done
}
