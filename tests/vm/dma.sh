#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What runs inside the VMs in which only a device that masters the bus shows whether DMA is done right,
# /dev/zcdma1. VM_DMA says how: "swiotlb", where all of it is bounced, or "iommu", where the device sees
# addresses of its own.
set -u
exec </dev/null
source tests/vm/inside.bash
ip link set lo up
declare -A FAULT=([swiotlb]=sync [iommu]=phys)

# A device whose mask takes in too little is not used, and the kernel log says why.
mask_is_refused() {
    VM_EDU_BITS=16 load "$VM_KMOD" devices=1 || return
    [[ -e /dev/zcdma0 && ! -e /dev/zcdma1 ]] && dmesg | grep -q 'zcdma-edu.*no DMA with bits=16' && unload
}

# The driver that makes the mistake which shows here must have wrong data in every block with pages,
# and there only.
mutant_is_caught() {
    local results
    load "$VM_MUTANT" devices=1 mutant="${FAULT[$VM_DMA]}" || return
    results=$(run_tests edu | grep 'the device fills the block')
    echo "$results"
    unload && [[ $(grep -c '^not ok - ' <<<"$results") == 3 && $results == "ok - coherent"* ]]
}

[[ $VM_DMA == iommu ]] || check "a mask that is too small is refused" mask_is_refused
check "the mutant is caught" mutant_is_caught
check "the module loads" load "$VM_KMOD" devices=1
run_tests edu
run_tests recover
tests/bats/run.sh tests/vm/edu.bats
# Last, as it takes the device away.
run_tests surprise
check "the module goes" unload
leaks_nothing "the module"
count_watches
