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

# The file of a kernel that looks for data races (Documentation/dev-tools/kcsan.rst).
KCSAN=/sys/kernel/debug/kcsan

# A kernel that checks how DMA is done reports the first fault alone, unless it is told to report each.
[[ ! -e /sys/kernel/debug/dma-api/all_errors ]] || echo 1 >/sys/kernel/debug/dma-api/all_errors

# It also looks for leaks every ten minutes, which takes it two. Here that is done when a test asks for it: find_leaks().
[[ ! -e /sys/kernel/debug/kmemleak ]] || echo scan=off 2>/dev/null >/sys/kernel/debug/kmemleak # or there is none

# load FOLDER [devices=N] [sinks=N] [mutant=FAULT]: the driver that is there, with simulated devices, or none, and the
# PCI device edu of this VM. Either the core or the simulated device has the fault.
load() {
    local word mutant='' devices=()
    for word in "${@:2}"; do
        case $word in
        mutant=*) mutant=$word ;;
        *) devices+=("$word") ;;
        esac
    done
    insmod "$1/zcdma.ko" ${mutant:+"$mutant"} || return
    ((${#devices[@]} == 0)) || insmod "$1/zcdma_sim.ko" "${devices[@]}" ${mutant:+"$mutant"} || return
    insmod "$1/zcdma_edu.ko" bits="${VM_EDU_BITS:-28}"
}

# unload: remove all that load() loads, or fail where something is in use.
unload() {
    local module
    for module in zcdma_edu zcdma_sim zcdma; do
        [[ ! -e /sys/module/$module ]] || rmmod "$module" || return
    done
}

# check NAME COMMAND...: a test of one command.
check() {
    local name=$1
    shift
    if "$@" >&2; then echo "ok - $name"; else echo "not ok - $name"; fi
}

# expect_faults COMMAND...: run a command that may put faults into the kernel log, which begins there. init.c names
# the first, and leaves it to the caller what it means.
expect_faults() {
    local status
    dmesg -C
    echo "zcdma-vm: faults are expected from here on" >/dev/kmsg
    "$@"
    status=$?
    echo "zcdma-vm: faults are expected no more" >/dev/kmsg
    return "$status"
}

# wants_fault TEXT COMMAND...: run a command that must put a fault with this text into the kernel log.
wants_fault() {
    expect_faults "${@:2}" && dmesg | grep -F "$1"
}

# find_leaks: print the memory that nothing refers to any more, with the functions that allocated it, by kmemleak
# (Documentation/dev-tools/kmemleak.rst). What is found is counted in the log, too. The first scan takes no object that
# is new to it, and none one that is younger than 5 s: kmemleak_scan() and unreferenced_object() in mm/kmemleak.c.
find_leaks() {
    local leaks=/sys/kernel/debug/kmemleak
    echo scan >$leaks && sleep 6 && echo scan >$leaks && cat $leaks && echo clear >$leaks
}

# leaks_nothing NAME: look for leaks, where the kernel can: in its log they make of this "ok" a "not ok". It takes a
# while, so there is one for several programs.
leaks_nothing() {
    local since=$EPOCHREALTIME
    [[ -e /sys/kernel/debug/kmemleak ]] || return 0
    check "$1: nothing for kmemleak" find_leaks
    took kmemleak "$since"
}

# count_watches: print how many accesses of the driver's KCSAN has watched for another processor's, and the races that it
# has found, also the expected ones.
count_watches() {
    [[ ! -e $KCSAN ]] || sed -nE 's/^(setup_watchpoints|data_races): (.*)/# KCSAN: \1 \2/p' $KCSAN
}

# disks: have RAM disks, and the device mapper for writes that wait (tests/vm/shared/disk.c).
disks() {
    /run/modprobe brd rd_nr=2 rd_size=65536 && /run/modprobe dm-mod
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
