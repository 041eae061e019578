#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What runs inside the VM with programs of 32 bits, of the architecture VM_COMPAT, on its 64-bit kernel. They are
# started by the loader in the root of packages for it, as the VM's own root has no libraries for them.
set -u
exec </dev/null
# shellcheck source=tests/vm/inside.bash
source tests/vm/inside.bash
# shellcheck source=tests/vm/cross.bash
source tests/vm/cross.bash
ip link set lo up

declare -A LOADER=([i386]=ld-linux.so.2 [armhf]=ld-linux-armhf.so.3)

# start_by_loader PROGRAM...: make commands of these names in /run/32, for those of the build.
start_by_loader() {
    local root=$PWD/$VM_COMPAT_ROOT programs=$PWD/$VM_COMPAT_BIN name
    for name; do
        mkdir -p "/run/32/$(dirname "$name")"
        printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$root/usr/lib/${LOADER[$VM_COMPAT]}" \
            "$root/usr/lib/${libraries[$VM_COMPAT]}:$programs" "$programs/$name" >"/run/32/$name"
        chmod +x "/run/32/$name"
    done
}

# Else all that follows would be of 64 bits.
has_32_bits() {
    local elf
    elf=$(od -An -N5 -tx1 "$VM_COMPAT_BIN/$1")
    [[ $elf == ' 7f 45 4c 46 01' ]] && "/run/32/$1" --version
}

tests=(abi stream refs inflight splice hostile stall dmabuf)
start_by_loader zcdma "${tests[@]/#/vm-tests/}"
check "the program for $VM_COMPAT has 32 bits, and runs" has_32_bits zcdma
check "there are disks" disks
/run/modprobe -q vgem
check "the module loads" load "$VM_KMOD" devices=1
VM_BIN=/run/32 run_tests "${tests[@]}"
tests/bats/run.sh tests/vm/compat/handover.bats
check "the module goes" unload
