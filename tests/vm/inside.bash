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

# load FOLDER [PARAMETER...]: the driver that is there, for the PCI device edu of this VM.
load() {
    insmod "$1/zcdma.ko" edu_bits="${VM_EDU_BITS:-28}" "${@:2}"
}

# check NAME COMMAND...: a test of one command.
check() {
    local name=$1
    shift
    if "$@" >&2; then echo "ok - $name"; else echo "not ok - $name"; fi
}

# wants_fault TEXT COMMAND...: run a command that must put a fault with this text into the kernel log.
wants_fault() {
    local text=$1 status
    shift
    dmesg -C
    echo "zcdma-vm: a fault is wanted" >/dev/kmsg
    "$@"
    status=$?
    echo "zcdma-vm: no fault is wanted" >/dev/kmsg
    ((status == 0)) && dmesg | grep -F "$text"
}

# leaks_nothing NAME: look for memory that nothing refers to any more, where the kernel can. What it finds is in
# its log, with the function that allocated it, which makes of this "ok" a "not ok". It leaves out what was allocated
# in the last 5 s. A scan takes up to a minute, so there is one for several programs.
leaks_nothing() {
    [[ -w /sys/kernel/debug/kmemleak ]] || return 0
    sleep 6
    echo scan >/sys/kernel/debug/kmemleak
    cat /sys/kernel/debug/kmemleak >&2
    echo clear >/sys/kernel/debug/kmemleak
    echo "ok - $1: nothing for kmemleak"
}

# took NAME SINCE: print how long a part took, from a time in $EPOCHREALTIME's form on.
took() {
    awk -v name="$1" -v since="$2" -v now="$EPOCHREALTIME" 'BEGIN { printf "# %6.1f s  %s\n", now - since, name }'
}

# run_tests PROGRAM...: of C, which speak TAP. Each test in them has a limit of its own, of a minute. All limits are
# for a machine of the usual speed: on others they are times LIMIT_SCALE.
run_tests() {
    local program status limit=$((1800 * ${LIMIT_SCALE:-1})) since
    for program; do
        since=$EPOCHREALTIME
        timeout -k 5 "$limit" "$VM_BIN/vm-tests/$program"
        status=$?
        case $status in
        0) ;;
        124 | 137) echo "not ok - $program: stopped after $limit seconds, the limit of tests/vm/inside.bash" ;;
        *) echo "not ok - $program ended with status $status" ;;
        esac
        took "$program" "$since"
    done
}
