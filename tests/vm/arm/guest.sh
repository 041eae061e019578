#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What runs on the ARM board, below init.c: TAP on standard output, the rest to the console.
set -u
exec </dev/null
echo "# up after $(cut -d' ' -f1 /proc/uptime) s"
# shellcheck source=tests/vm/inside.bash
source tests/vm/inside.bash
export VM_KMOD=$PWD/$VM_KMOD
shopt -s extglob

disks() {
    /run/modprobe brd rd_nr=2 rd_size=65536 && /run/modprobe dm-mod
}

if [[ -z ${VM_BATS:-} ]]; then
    check "the module loads" load "$VM_KMOD" devices=1
    # While there is no other network yet: it is about what happens where no packet comes by.
    check "loopback is up" ip link set lo up
    run_tests park
    check "there are disks" disks
    run_tests abi limits stream policy refs inflight splice hostile mappings death unplug
    check "the module goes" unload
    # The two need minutes here, and nothing of the kernel: see arm.sh.
    tests/unit/run.sh "$VM_BIN"/unit/test_!(check|ring)
fi
ip link set lo up

# shellcheck disable=SC2086 # a list of files
tests/bats/run.sh ${VM_BATS:-tests/vm/arm/*.bats}
