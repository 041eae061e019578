#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Boot kernels in QEMU and run tests inside: vm.sh [KERNEL[:PART,...]...], with the names of kernel.sh (6.1), and
# debug, which checks itself (debug/). For kernels of arm64 all programs are cross-built, and run in a root of packages for
# it (root.sh).
# Speaks TAP, which alone says what failed. Needs no privilege; what it fetches and builds stays below build/.
#
# VM_ACCEL=kvm|tcg    do not find out which works       VM_RUN=SCRIPT   run this inside
# VM_CPUS=N           processors (2)                    VM_LIMIT=N      seconds for a boot (3600,
#                                                     or 14400 of a kernel that checks itself)
# VM_ICOUNT=1         for measurements: one processor, on which an instruction takes a nanosecond, and
#                     a second VM like it on the other end of its NIC's wire, which runs tests/vm/peer.sh
# VM_BATS='FILE…'     only these of tests/vm           MUTANT=1         the module that must fail, throughout
# VM_PARTS='NAME…'    of those that a kernel does not name: programs (of C, which test the driver), mutants (drivers with
#                     a fault, which those must find), commands (bats files), swiotlb, iommu (DMA with bounce buffers,
#                     and translated), compat (32-bit programs). All but compat, but commands alone where VM_BATS says
#                     which. The first two share a boot, and where memory is short the first three,
#                     but not in a kernel that checks itself.
# VM_COMPAT=1         compat too
# LIMIT_SCALE=N       each time limit of a test inside is N times as long (1; 3 where the machine is
#                     emulated, 8 in a kernel that checks itself)
# REPEAT_CUT=N        tests that repeat something do so N times less often (1; 25 there)
# VM_APPEND=…         more of the kernel's command line
# DISK_KILLS=N        how often disk_kills.bats kills a command or its server (6)
# VM_QEMU=…           more options of QEMU       FUZZ_SECONDS=N  for tests/vm/fuzz.c, where a kernel has KCOV
set -uo pipefail

here=$(realpath "$(dirname "$0")")
# shellcheck source=tests/vm/apt.bash
. "$here/apt.bash"
tree=$(realpath "$here/../..")
build=$tree/build/vm
bin=$tree/${BUILD:-build}
: "${ZCDMA:=$tree/zcdma}" "${VM_RUN:=tests/vm/guest.sh}" "${VM_CPUS:=2}"
if [[ -n ${VM_BATS:-} || $VM_RUN != tests/vm/guest.sh ]]; then
    : "${VM_PARTS:=commands}"
fi
: "${VM_PARTS:=programs mutants commands${VM_COMPAT:+ compat} swiotlb iommu}"
# shellcheck source=tests/vm/cross.bash
source "$here/cross.bash"
cd "$tree" || exit 2
mkdir -p "$build"

# Architectures of kernels: QEMU's program, the machine, its console, its IOMMU, and the architecture of 32-bit
# programs. What edu has is what reaches the memory: that of virt begins at 1 GiB. And of arm64 the processor, one
# with 32-bit programs and pages of 16 KiB, the prefix of the compiler, and how much memory CMA has, which else takes half
# of the second node: it looks free, and a ring cannot have it. Of a PC some memory is beyond 4 GiB, as of most, so the
# kernel has bounce buffers, which edu does not reach. It has no cmpxchg16b, which Linux does without: behind one, QEMU 7.2
# saves flags at an interrupt that the program has not, and the return sets them. The kernel then goes by single steps, and
# warns of that (exc_debug_kernel). What is counted is counted with it.
# shellcheck disable=SC2034,SC2054 # used by their names; commas are part of the words
declare -A x86=([qemu]=qemu-system-x86_64 [machine]=q35,max-ram-below-4g=1G [console]=ttyS0 [append]=intel_iommu=on
    [tcg]="-cpu qemu64,-cx16" [compat]=i386 [iommu]="-machine kernel-irqchip=split -device intel-iommu" [edu]=28)
# shellcheck disable=SC2034,SC2054
declare -A arm64=([qemu]=qemu-system-aarch64 [machine]=virt,gic-version=3 [console]=ttyAMA0 [compat]=armhf
    [iommu]="-machine iommu=smmuv3" [edu]=32 [cpu]=cortex-a76 [cross]=aarch64-linux-gnu-
    [cma]=cma=0)
root=/
compat_root= # of 32-bit programs, where they run
native=$ZCDMA # for the host's side

children=()
# shellcheck disable=SC2317 # called by the trap
end_children() {
    ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null
}
trap end_children EXIT

# A root needs modules: Debian's kernels have nothing of this built in.
build_initramfs() {
    local release=$1 dir=$2 out=$3 n=100 word module name
    rm -rf "$out.d"
    mkdir -p "$out.d/modules" "$out.d/root"
    cp "$bin/vm-tests/init" "$out.d/" || return
    for word in virtio_pci virtio_console 9pnet_virtio 9p; do
        PATH=$PATH:/sbin:/usr/sbin modprobe -d "$dir" -S "$release" --show-depends "$word" || return
    done >"$out.modules"
    while read -r word module; do
        [[ $word == insmod ]] || continue
        name=$out.d/modules/$((n++))-${module##*/}
        case $module in
        *.xz) xz -dc "$module" >"${name%.xz}" ;;
        *) cp "$module" "$name" ;;
        esac
    done < <(awk '!seen[$0]++' "$out.modules")
    (cd "$out.d" && find . | cpio -o -H newc --quiet -R 0:0) >"$out"
}

# unpack_kernel FROM TO: what a compressed kernel of x86 holds, whose places Documentation/arch/x86/boot.rst has, and which
# QEMU starts where it has an entry for that (PVH). To unpack itself is 3 to 4 of the 9 s that it boots in emulation.
unpack_kernel() {
    local from=$1 to=$2 sectors offset length unpack=zstd
    read -r sectors < <(od -An -tu1 -j 497 -N 1 "$from")
    read -r offset length < <(od -An -tu4 -j 584 -N 8 "$from")
    ((offset += (sectors + 1) * 512, length -= 4)) # the size of what is unpacked comes last
    [[ $(od -An -tx1 -j "$offset" -N 4 "$from") != ' fd 37 7a 58' ]] || unpack=xz
    head -c "$((offset + length))" "$from" | tail -c "$length" | "$unpack" -dc >"$to" 2>/dev/null &&
        readelf -n "$to" | grep 'Xen .*(0x0*12)' >/dev/null
}

# qemu FOLDER LIMIT ACCEL RUN [OPTION...]: the console goes to FOLDER/console, what is written
# there to FOLDER/result. RUN may be empty: then it boots, says so, and powers off. The second node of memory is
# for tests/vm/sizes.c, which breaks it into pieces.
qemu() {
    local folder=$1 limit=$2 accel=$3 script=$4
    local cpus=$VM_CPUS options=(-accel tcg) memory=2048 pieces=128 scale=${LIMIT_SCALE:-} cut=${REPEAT_CUT:-}
    # A page or an object that was freed does not keep what was there. It takes much of the time of all that allocates,
    # so only the programs, which test the driver, run with it.
    local debug="page_poison=1 slub_debug=FZP"
    # A machine that others use may stand still for a while, which is no stall of the kernel's.
    local patience="rcupdate.rcu_cpu_stall_timeout=300 watchdog_thresh=60 sysctl.kernel.hung_task_timeout_secs=1200"
    shift 4
    # The commands are some thousand programs. Where each lies where the last one did, QEMU finds what it has translated,
    # which is a third of their time.
    [[ ${parts:-} != commands ]] || debug=norandmaps
    case $accel in
    kvm) options=(-accel kvm -cpu host) ;;
    tcg)
        : "${scale:=3}" # what builds beside it takes some of its time
        # shellcheck disable=SC2206 # words
        options+=(${arch[tcg]:-})
        ;;
    icount) cpus=1 options+=(-icount shift=0) debug= ;;
    esac
    [[ -z ${arch[cpu]:-} ]] || options+=(-cpu "${arch[cpu]}")
    if [[ -n $checks_itself ]]; then
        memory=3072
        scale=${LIMIT_SCALE:-8}
        : "${cut:=25}"
        # Only the programs look for leaks. To keep who allocated what takes much of the commands' time.
        if [[ ${parts:-} == commands ]]; then debug+=" kmemleak=off"; else debug="page_owner=on"; fi
        # Its next report says as much as its first.
        debug+=" page_poison=1 kasan_multi_shot"
    fi

    # shellcheck disable=SC2086 # lists of words
    exec timeout -k 5 "$limit" "${arch[qemu]}" -machine "${arch[machine]}" -smp "$cpus" "${options[@]}" \
        -m "$((memory + pieces))M" -object "memory-backend-ram,id=memory,size=${memory}M" \
        -numa "node,memdev=memory,cpus=0-$((cpus - 1))" \
        -object "memory-backend-ram,id=pieces,size=${pieces}M" -numa node,memdev=pieces \
        -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$kernel" -initrd "$folder/initramfs" \
        -append "console=${arch[console]} loglevel=4 panic=-1 printk.devkmsg=on mitigations=off no_timer_check $debug $patience ${arch[cma]:-} ${VM_APPEND:-} \
            ${script:+VM_RUN=$script} VM_MODULES=${dir#"$tree/"} VM_KMOD=$kmod VM_MUTANT=$mutant VM_OUTSIDE=${outside:-} VM_DMA=${dma:-} \
            VM_EDU_BITS=${edu_bits:-${arch[edu]}} ${compat_root:+VM_COMPAT=${arch[compat]}} \
            ${compat_root:+VM_COMPAT_ROOT=${compat_root#"$tree/"} VM_COMPAT_BIN=$cross_bin} \
            VM_BIN=${bin#"$tree/"} ${held:+VM_HELD=${held#"$tree/"}} VM_PARTS=${parts// /,} ZCDMA=${ZCDMA#"$tree/"} ${VM_BATS:+\"VM_BATS=$VM_BATS\"} \
            ${scale:+LIMIT_SCALE=$scale} ${cut:+REPEAT_CUT=$cut} ${FUZZ_SECONDS:+FUZZ_SECONDS=$FUZZ_SECONDS} ${FUZZ_SEED:+FUZZ_SEED=$FUZZ_SEED} ${DISK_KILLS:+DISK_KILLS=$DISK_KILLS}" \
        -serial "file:$folder/console" \
        -device virtio-serial-pci -chardev "file,id=result,path=$folder/result" \
        -device virtserialport,chardev=result,name=result \
        -fsdev "local,id=root,path=$root,security_model=none,readonly=on,multidevs=remap" \
        -device virtio-9p-pci,fsdev=root,mount_tag=root \
        -fsdev "local,id=tree,path=$tree,security_model=none,readonly=on,multidevs=remap" \
        -device virtio-9p-pci,fsdev=tree,mount_tag=tree \
        "$@" ${VM_QEMU:-} </dev/null >"$folder/qemu.log" 2>&1
}

# KVM may be there and yet hang a stock kernel before its first line.
find_accel() {
    local folder=$1
    if [[ -n ${VM_ACCEL:-} ]]; then
        echo "$VM_ACCEL"
        return
    fi
    if [[ ! -s $build/accel ]]; then
        : >"$folder/result"
        [[ ! -w /dev/kvm ]] || (qemu "$folder" 15 kvm '')
        if grep -qs '^# end 0' "$folder/result"; then
            echo kvm >"$build/accel"
        else
            echo tcg >"$build/accel"
        fi
    fi
    cat "$build/accel"
}

# A receiver on this host, which the VM reaches through the emulated NIC at the address in $outside.
start_receiver() {
    local folder=$1
    rm -f "$folder/receiver" # of an earlier run, with its port
    "$native" verify --listen 127.0.0.1:0 --bytes 32M >"$folder/receiver" 2>&1 &
    receiver=$!
    children+=("$receiver")
    for ((i = 0; i < 100; i++)); do
        outside=10.0.2.2:$(grep -oE '[0-9]+$' "$folder/receiver") && return
        sleep 0.1
    done
    echo "not ok - a receiver on this host"
}

end_receiver() {
    local folder=$1 name="the host received what the VM sent through e1000e"
    # Only all of the commands send to it.
    if [[ -n ${VM_BATS:-} || $VM_RUN != tests/vm/guest.sh || $parts != *commands* ]]; then
        kill "$receiver" 2>/dev/null
        return
    fi
    for ((i = 0; i < 50; i++)); do
        kill -0 "$receiver" 2>/dev/null || break
        sleep 0.1
    done
    if kill "$receiver" 2>/dev/null; then
        echo "not ok - $name: it still waits"
    elif wait "$receiver"; then
        echo "ok - $name"
    else
        sed 's/^/# /' "$folder/receiver"
        echo "not ok - $name"
    fi
}

# A second VM, on the other end of the wire of the first one's NIC.
start_peer() {
    local folder=$1 wire=${1#"$tree/"}/wire
    mkdir -p "$folder"
    rm -f "$wire"
    cp "$folder/../initramfs" "$folder/"
    (qemu "$folder" "$vm_limit" icount tests/vm/peer.sh \
        -netdev "stream,id=wire,server=on,addr.type=unix,addr.path=$wire" \
        -device e1000e,netdev=wire,mac=52:54:00:00:00:05) &
    children+=($!)
    # shellcheck disable=SC2054 # commas are part of the words
    nics=(-netdev "stream,id=wire,server=off,addr.type=unix,addr.path=$wire"
        -device e1000e,netdev=wire,mac=52:54:00:00:00:04)
    for ((i = 0; i < 100; i++)); do
        [[ ! -S $wire ]] || return
        sleep 0.1
    done
    echo "not ok - a second VM"
}

# warnings LOG: print those of the compiler. The kernel's Makefile warns of tools of another version too.
warnings() {
    grep 'warning:' "$1" | grep -v 'differs from the one'
}

# build_module FOLDER LOG: the driver for the kernel in $dir.
build_module() {
    local folder=$1 log=$2 kcov=
    [[ -z $checks_itself ]] || kcov=KCOV_INSTRUMENT=y # the driver's own places alone
    if ! make --no-print-directory kmod KDIR="$dir/usr/src/linux-headers-$release" \
        KMOD_BUILD="$folder" ${arch[cross]:+CROSS_COMPILE="${arch[cross]}"} KCC="$cc" $kcov >"$log" 2>&1; then
        sed 's/^/# /' "$log"
        echo "not ok - vm $name: the module does not build"
        rm -f "$folder"/zcdma*.ko # of an earlier build
        return
    fi
    ! warnings "$log" || echo "not ok - vm $name: the module builds with a warning"
    # Each time that a module is loaded, all of its file is read. Most of it is what only debuggers want.
    "${arch[cross]:-}strip" --strip-debug "$folder"/zcdma*.ko
}

# lend_objects FROM TO: a new folder for the driver with faults begins with what was built of the driver without. kbuild
# finds it built, by the very command that it would give, and else builds it: as it does all that knows of faults.
lend_objects() {
    local from=$1 to=$2 sources commands
    [[ -e $from/zcdma.ko && ! -e $to ]] || return 0
    rm -rf "$to.new"
    cp -a "$from" "$to.new"
    mapfile -t sources < <(grep -rl --include='*.[ch]' ZCDMA_MUTANT kmod | sed "s|.*/||")
    mapfile -t commands < <(grep -rlF --include='.*.cmd' "${sources[@]/#/-e}" "$to.new")
    rm -f "${commands[@]}" "$to.new"/zcdma*.{ko,mod,o}
    find "$to.new" -name '.*.cmd' \
        -exec sed -i "s|/${from##*/}\([/ ]\)|/${to##*/}\1|g; s,-I\(\./\.\|[^ ]*/${to##*/}\) ,&-DZCDMA_MUTANT ," {} +
    mv "$to.new" "$to" # last, as it says that all is there
}

# in_manual FIRST: print the file in zcdma-driver(9) whose first line begins so.
in_manual() {
    sed -n "/^$1/,/^\.Ed/p" man/zcdma-driver.9 | sed '/^\.Ed/d; s/\\-/-/g; s/\\e/\\/g'
}

# The module in a page of the manual is built as that page says, with what is installed for it and nothing else of the
# tree.
build_skeleton() {
    local folder=$kmod-skeleton log=$1 zcdma
    mkdir -p "$folder"
    zcdma=$tree/$folder/root/lib/modules/$release/updates/zcdma
    in_manual '\/\* card ' >"$folder/card.c"
    in_manual 'obj-m' >"$folder/Kbuild"
    rm -f "$folder/card.ko"
    if DESTDIR=$tree/$folder/root "$kmod/devel.sh" install "$release" >"$log" 2>&1 &&
        make -s -C "$dir/usr/src/linux-headers-$release" M="$tree/$folder" CC="$cc" W=1 \
            ${arch[cross]:+CROSS_COMPILE="${arch[cross]}"} \
            ZCDMA="$zcdma" KBUILD_EXTRA_SYMBOLS="$zcdma/Module.symvers" >>"$log" 2>&1 && ! warnings "$log"; then
        echo "ok - vm $name: the module in zcdma-driver(9) builds"
    else
        sed 's/^/# /' "$log"
        echo "not ok - vm $name: the module in zcdma-driver(9) builds"
    fi
}

# build_converter LOG: the device of tests/vm/iio, for kernels that have what its buffer is made of.
build_converter() {
    local folder=build/converter-$release log=$1
    [[ -n $(find "$dir" -name 'industrialio-buffer-dma.ko*' -print -quit) ]] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$here"/iio/* "$folder/"
    if ! make -s -C "$dir/usr/src/linux-headers-$release" M="$tree/$folder" CC="$cc" W=1 \
        ${arch[cross]:+CROSS_COMPILE="${arch[cross]}"} >"$log" 2>&1 || warnings "$log"; then
        sed 's/^/# /' "$log"
        echo "not ok - vm $name: the device of tests/vm/iio builds"
    fi
}

# no_packages STATUS LOG WHAT: report why there are no packages. That their host does not answer is no fault of
# ours; anything else is one.
no_packages() {
    sed 's/^/# /' "$2"
    if (($1 == NO_PACKAGES)); then
        echo "ok - vm $name # skip $3 cannot be had: $(tail -n 1 "$2")"
    else
        echo "not ok - vm $name: $3 are fetched"
    fi
}

# cross_build NAME ARCHITECTURE FOLDER: programs for another architecture, for which the tests are compiled with the
# kernel's size of a page, and the root that they are built against and run in: sets $cross_bin and $cross_root.
cross_build() {
    local name=$1 architecture=$2 log=$3/programs-$2.log command pages=
    [[ $name != *-16k ]] || pages=-16k
    cross_bin=build/$architecture$pages
    for command in "${arch[qemu]}" "${triplet[$architecture]}-gcc" ${arch[cross]:+qemu-aarch64}; do
        if ! command -v "$command" >/dev/null; then
            echo "ok - vm $name: programs for $architecture # skip $command is not here"
            return 1
        fi
    done
    cross_root=$("$here/root.sh" "$build" "$architecture" 2>"$log") || {
        no_packages $? "$log" "packages for $architecture"
        return 1
    }
    build_for "$architecture" "$cross_root" "$cross_bin" ${pages:+-DKERNEL_PAGE=16384} >"$log" 2>&1 &&
        ! grep 'warning:' "$log" &&
        echo "ok - vm $name: programs for $architecture build" && return
    tail -n 20 "$log" | sed 's/^/# /'
    echo "not ok - vm $name: programs for $architecture build"
    return 1
}

# build_other_modules FOLDER: those that the programs load beside the driver: one out of tree, and drivers with faults.
build_other_modules() {
    build_skeleton "$1/skeleton.log"
    lend_objects "$kmod" "$mutant"
    MUTANT=1 build_module "$mutant" "$1/mutant.log"
}

# Fetch the kernel, build its module and the initial file system: sets $dir, $release, $kernel, $kmod,
# $mutant, $checks_itself and $vm_limit.
prepare() {
    local name=$1 folder=$2
    checks_itself='' vm_limit=${VM_LIMIT:-3600}
    if [[ -f $here/debug/$name.config ]]; then
        checks_itself=1 vm_limit=${VM_LIMIT:-14400}
        if ! dir=$("$here/debug/build.sh" "$name" "$build" 2>"$folder/kernel.log"); then
            tail -n 30 "$folder/kernel.log" | sed 's/^/# /'
            echo "not ok - vm $name: the kernel builds"
            return 1
        fi
    else
        dir=$("$here/kernel.sh" "$name" "$build" 2>"$folder/kernel.log") || {
            no_packages $? "$folder/kernel.log" "the kernel's packages"
            return 1
        }
    fi
    release=$(<"$dir/release")
    declare -gn arch=x86
    cc=${CC:-gcc}
    if [[ $name == arm64* ]]; then
        declare -gn arch=arm64
        cc=${arch[cross]}gcc
        cross_build "$name" arm64 "$folder" || return
        root=$cross_root
        bin=$tree/$cross_bin
        ZCDMA=$bin/zcdma
    fi
    kmod=build/kmod-$release${MUTANT:+-mutant}
    mutant=build/kmod-$release-mutant
    build_module "$kmod" "$folder/kmod.log"
    [[ $VM_PARTS != *commands* ]] || build_converter "$folder/converter.log"
    kernel=$dir/boot/vmlinuz-$release
    [[ -n ${arch[cross]:-} ]] || ! unpack_kernel "$kernel" "$folder/vmlinux" || kernel=$folder/vmlinux
    if ! build_initramfs "$release" "$dir" "$folder/initramfs"; then
        echo "not ok - vm $name: no initial file system"
        return 1
    fi
}

# held_files: print what the tests of the commands start again and again, with its libraries, for init.c; paths in the
# tree are relative. What another architecture loads cannot be asked for here.
held_files() {
    local name programs=("$ZCDMA")
    [[ $root == / ]] || return 0
    for name in awk basename bash cat chmod cmp cp date dd env grep head ip jq kmod ln mkdir mkfifo mktemp readlink rm \
        sed sh sleep sort stat tail tc tee timeout touch tr uname wc; do
        programs+=("$(PATH=$PATH:/sbin:/usr/sbin type -P "$name")")
    done
    {
        printf '%s\n' "${programs[@]}" /etc/ld.so.cache "$tree"/tests/{bats,vm}/*.bash \
            /usr/libexec/bats-core/* /usr/lib/bats-core/* /usr/lib/bats/*/src/*
        ldd "${programs[@]}" | grep -oE '/[^ :]+'
    } | xargs -d '\n' realpath -qe | sort -u | sed "s|^$tree/||"
}

# machine_folder FOLDER BOOT: print the folder of a boot's own files, with the initial file system in it.
machine_folder() {
    local folder=$1/${2//,/-} # a comma ends a value of QEMU's options
    mkdir -p "$folder"
    cp "$1/initramfs" "$folder/"
    echo "$folder"
}

# broke_at_boot FOLDER: the kernel patches its code with breakpoints while it boots, and QEMU, which runs processors in
# threads, may show one of them such a breakpoint after it is gone. Nothing of ours has run then.
broke_at_boot() {
    [[ ! -s $1/result ]] && grep -q 'Oops: int3' "$1/console"
}

# run_machine FOLDER ACCEL RUN [OPTION...]: boot the kernel, and print what the tests say. Returns QEMU's status.
run_machine() {
    local folder=$1 pid
    : >"$folder/result" # nothing of before counts
    (qemu "$folder" "$vm_limit" "${@:2}") &
    pid=$!
    children+=("$pid")
    tail -n +1 -s 0.1 -f --pid="$pid" "$folder/result" | grep --line-buffered -v '^# end '
    wait "$pid"
}

# in_machine NAME FOLDER ACCEL RUN [OPTION...]: the same, and report a machine that did not come to its end.
in_machine() {
    local name=$1 folder=$2 status
    run_machine "${@:2}"
    status=$?
    if broke_at_boot "$folder"; then
        echo "# vm $name: QEMU broke the kernel while it booted; once more"
        run_machine "${@:2}"
        status=$?
    fi
    [[ $(tail -n 1 "$folder/result") != '# end 0' ]] || return 0
    tail -n 30 "$folder/console" "$folder/qemu.log" | sed 's/^/# /'
    if ((status == 124 || status == 137)); then
        echo "not ok - vm $name: stopped after $vm_limit seconds, the limit VM_LIMIT"
    else
        echo "not ok - vm $name did not come to its end (QEMU's status is $status)"
    fi
}

# The parts programs and commands, or one of them, with networks: run_guest NAME FOLDER ACCEL BOOT.
run_guest() {
    local name=$1 folder accel=$3 parts=${4//,/ } nics=() held=
    folder=$(machine_folder "$2" "$4")
    [[ $parts != *programs* && $parts != *mutants* ]] || build_other_modules "$2"
    if [[ $parts == *commands* ]]; then
        held=$folder/held
        held_files >"$held"
    fi
    if [[ -n ${VM_ICOUNT:-} ]]; then
        start_peer "$folder/peer"
        in_machine "$name" "$folder" icount "$VM_RUN" "${nics[@]}"
        return
    fi
    start_receiver "$folder"
    # shellcheck disable=SC2054 # commas are part of the words
    nics=(-netdev user,id=outside -device e1000e,netdev=outside,mac=52:54:00:00:00:01
        -netdev hubport,id=left,hubid=1 -device e1000e,netdev=left,mac=52:54:00:00:00:02
        -netdev hubport,id=right,hubid=1 -device e1000e,netdev=right,mac=52:54:00:00:00:03)
    in_machine "$name" "$folder" "$accel" "$VM_RUN" "${nics[@]}" \
        -device "edu,dma_mask=$(((1 << arch[edu]) - 1))"
    end_receiver "$folder"
}

# run_dma NAME FOLDER ACCEL PART: what only DMA shows, with the PCI device edu in a slot that it can be
# taken out of, by QEMU's monitor, which the VM itself reaches. QEMU's path of it must be short.
run_dma() {
    local name=$1 folder accel=$3 dma=$4 VM_APPEND=${VM_APPEND:-} options edu_bits monitor
    folder=$(machine_folder "$2" "$4")
    monitor=${folder#"$tree/"}/monitor
    rm -f "$monitor"
    # shellcheck disable=SC2054 # commas are part of the words
    case $dma in
    swiotlb)
        VM_APPEND+=" swiotlb=force"
        # The bounce buffers are beyond what the device reaches by itself.
        edu_bits=32
        options=(-device edu,id=edu,bus=bay,dma_mask=0xffffffff)
        ;;
    iommu)
        VM_APPEND+=" ${arch[append]:-}"
        edu_bits=28
        # shellcheck disable=SC2206 # a list of words
        options=(${arch[iommu]} -device edu,id=edu,bus=bay)
        ;;
    esac
    # shellcheck disable=SC2054
    options=(-device pcie-root-port,id=bay,chassis=1,slot=1 "${options[@]}"
        -chardev "socket,id=monitor,path=$monitor,server=on,wait=off" -mon chardev=monitor
        -chardev "socket,id=to-monitor,path=$monitor"
        -device virtserialport,chardev=to-monitor,name=monitor)
    echo "# $dma"
    in_machine "$name $dma" "$folder" "$accel" tests/vm/dma.sh "${options[@]}"
}

# 32-bit programs on the 64-bit kernel: run_compat NAME FOLDER ACCEL BOOT.
run_compat() {
    local name=$1 folder accel=$3 compat_root
    folder=$(machine_folder "$2" "$4")
    cross_build "$name" "${arch[compat]}" "$folder" || return 0
    compat_root=$cross_root
    echo "# compat"
    in_machine "$name compat" "$folder" "$accel" tests/vm/compat/guest.sh
}

# boot NAME FOLDER ACCEL BOOT...: boot for these one after the other. Each is a part, or parts that share a boot.
boot() {
    local boot
    for boot in "${@:4}"; do
        case $boot in
        programs | mutants | commands | *,*) run_guest "${@:1:3}" "$boot" ;;
        compat) run_compat "${@:1:3}" "$boot" ;;
        swiotlb | iommu) run_dma "${@:1:3}" "$boot" ;;
        *) echo "not ok - vm $1: there is no part $boot" ;;
        esac
    done
}

# Two machines of 2 GiB side by side need as much again for what is built and tested beside them.
has_memory_for_two() {
    (($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) >= 8 << 20))
}

# two_at_a_time NAME FOLDER ACCEL BOOT...: as boot(), with two machines, which leave little of the time of two processors.
# Print what each says after the one before it.
# shellcheck disable=SC2030,SC2031 # what each of them starts is its own to end
two_at_a_time() {
    local boot out printer running=0
    rm -f "$2"/*.{tap,pid}
    (
        trap - EXIT
        for boot in "${@:4}"; do
            out=$2/$boot
            until [[ -s $out.pid ]]; do sleep 0.1; done
            tail -n +1 -s 0.1 -f --pid="$(<"$out.pid")" "$out.tap"
        done
    ) &
    printer=$!
    children+=("$printer")
    for boot in "${@:4}"; do
        ((running++ < 2)) || wait -n
        out=$2/$boot
        (
            children=()
            trap end_children EXIT
            boot "${@:1:3}" "$boot"
        ) >"$out.tap" 2>&1 &
        children+=("$!")
        echo $! >"$out.pid"
    done
    wait "$printer"
}

run_kernel() {
    local name=${1%%:*} parts=$VM_PARTS folder accel lock
    [[ $1 != *:* ]] || parts=${1#*:} parts=${parts//,/ }
    folder=$build/run-$name
    mkdir -p "$folder"
    exec {lock}>"$folder/lock"
    flock --nonblock "$lock" || { echo "# waiting for another run of $name" && flock "$lock"; }
    prepare "$name" "$folder" || return 0
    [[ -n ${arch[cross]:-} ]] && accel=tcg || accel=$(find_accel "$folder")
    echo "# linux $release, $accel"
    parts=${parts/programs mutants/programs,mutants}
    if [[ $parts != *' '* ]] || ! has_memory_for_two; then
        # The commands have another command line where the kernel checks itself: see qemu().
        [[ -n $checks_itself || $parts != programs*" commands"* ]] || parts=${parts/ commands/,commands}
        # shellcheck disable=SC2086 # a list of words
        boot "$name" "$folder" "$accel" $parts
        return
    fi
    # shellcheck disable=SC2086
    two_at_a_time "$name" "$folder" "$accel" $parts
}

for command in qemu-system-x86_64 cpio /sbin/modprobe apt-get dpkg-deb make "${CC:-gcc}"; do
    if ! command -v "$command" >/dev/null; then
        echo "ok - vm # skip $command is not here"
        exit
    fi
done
for name in "${@:-6.1}"; do
    run_kernel "$name"
done
