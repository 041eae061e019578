#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Cross-build everything for 32-bit ARM, boot Debian's armmp kernel on an emulated Exynos 4210 board, which
# has PL330 DMA controllers, and run tests there. Speaks TAP. Needs no privilege; what it fetches and
# builds stays below build/. The board shares nothing with the host: it gets all in its initramfs.
#
# VM_RUN=SCRIPT   run this inside      VM_BATS='FILE…'   only these of tests/vm/arm
# VM_LIMIT=N      seconds (3600)       VM_APPEND=…       more of the kernel's command line
# VM_QEMU=…       more options of QEMU
# LIMIT_SCALE=N   each time limit of a test inside is N times as long (3)
# REPEAT_CUT=N    tests that repeat something do so N times less often (1)
set -uo pipefail

here=$(realpath "$(dirname "$0")")
tree=$(realpath "$here/../..")
build=$tree/build/vm
folder=$build/run-armmp
bin=build/armhf
dtb=$folder/board.dtb
: "${ZCDMA:=$tree/zcdma}" "${VM_RUN:=tests/vm/arm/guest.sh}" "${VM_LIMIT:=3600}"
# shellcheck source=tests/vm/cross.bash
source "$here/cross.bash"
cd "$tree" || exit 2
mkdir -p "$folder"

children=()
# shellcheck disable=SC2317 # called by the trap
end_children() {
    ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null
}
trap end_children EXIT

# logged NAME LOG COMMAND...: one test.
logged() {
    local name=$1 log=$2
    shift 2
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" | sed 's/^/# /'
        echo "not ok - $name"
        return 1
    elif grep 'warning:' "$log" | sed 's/^/# /' | grep .; then
        echo "not ok - $name: with a warning"
    else
        echo "ok - $name"
    fi
}

build_module() {
    make --no-print-directory kmod KDIR="$dir/usr/src/linux-headers-$release" \
        KMOD_BUILD="$kmod" CROSS_COMPILE="${triplet[armhf]}-" KCC="${triplet[armhf]}-gcc"
}

archive() {
    cpio -o -H newc --quiet -R 0:0
}

# The root that every run has: the packages, without what only compilers and people read.
build_root() {
    [[ ! -s $build/armhf.cpio ]] || return 0
    (cd "$root" && find . \( -path ./usr/include -o -path './usr/share/perl*' -o -path '*/perl*' \
        -o -path '*/gconv' -o -name '*.a' -o -path ./usr/share/zoneinfo \) -prune -o -print | archive) \
        >"$build/armhf.cpio.part" && mv "$build/armhf.cpio.part" "$build/armhf.cpio"
}

# The tree, as far as tests need it, and modules of the kernel.
build_initramfs() {
    local top=$folder/initramfs.d modules=${dir#"$tree/"}/lib/modules/$release word
    rm -rf "$top"
    mkdir -p "$top/mnt/zcdma/$modules" || return
    cp "$bin/vm-tests/init" "$top/" || return
    # Of the packages that make it, none is installed here.
    mkdir "$top/etc" && printf '127.0.0.1 localhost\n::1 localhost\n' >"$top/etc/hosts" || return
    for word in brd dm-mod veth sch_netem; do
        PATH=$PATH:/sbin:/usr/sbin modprobe -d "$dir" -S "$release" --show-depends "$word" || return
    done >"$folder/modules"
    {
        # shellcheck disable=SC2086 # lists of words
        find tests man/zcdma.7 -type f && find $bin -type f -perm -u+x -print && ls "$kmod"/zcdma*.ko $modules/modules.* &&
            awk -v tree="$tree/" '$1 == "insmod" && !seen[$2]++ { sub(tree, "", $2); print $2 }' "$folder/modules"
    } | cpio -p -d --quiet "$top/mnt/zcdma" && [[ -x $top/mnt/zcdma/$bin/zcdma ]] || return
    build_root && (cd "$top" && find . | archive) | cat "$build/armhf.cpio" - >"$folder/initramfs"
}

# device NAME COMPATIBLE UART REGISTER WIDTH DMA-NAME DMA CHANNEL: a device at the register of a UART, which loses its driver.
device() {
    local node=/soc/$1
    fdtput -c "$dtb" "$node" &&
        fdtput -t s "$dtb" "/soc/serial@$3" status disabled &&
        fdtput -t s "$dtb" "$node" compatible "$2" &&
        fdtput -t x "$dtb" "$node" reg "$4" 1 &&
        fdtput -t x "$dtb" "$node" reg-io-width "$5" &&
        fdtput -t s "$dtb" "$node" dma-names "$6" &&
        fdtput -t x "$dtb" "$node" dmas "$7" "$8"
}

# capture NAME WIDTH BURST [DMA-NAME [CHANNEL]]: a device that captures what the first UART receives, by the
# channel that the driver of the UART would have taken, or another one.
capture() {
    local uart=13800000 dmas
    read -ra dmas < <(fdtget -t x "$dtb" "/soc/serial@$uart" dmas)
    device "$1" zcdma,dmaengine-capture $uart 13800024 "$2" "${4:-rx}" "${dmas[0]}" "${5:-${dmas[1]}}" &&
        fdtput -t x "$dtb" "/soc/$1" zcdma,burst "$3"
}

# play NAME WIDTH [CHANNEL]: a device that plays to the second UART, by the channel that its driver would have taken, or
# another one.
play() {
    local uart=13810000 dmas
    read -ra dmas < <(fdtget -t x "$dtb" "/soc/serial@$uart" dmas)
    device "$1" zcdma,dmaengine-playback $uart 13810020 "$2" tx "${dmas[2]}" "${3:-${dmas[3]}}"
}

# Three devices, and several that cannot be. What is made last is found first.
build_devices() {
    cp "$dir/usr/lib/linux-image-$release/exynos4210-smdkv310.dtb" "$dtb" &&
        play tooplay 3 1 && play player 1 &&
        capture nowidth 0 1 rx 1 && capture width 3 1 rx 1 && capture burst 1 3 rx 1 && capture bursts 1 20 rx 1 &&
        capture unnamed 1 1 tx 1 && capture taken 1 1 && capture second 1 1 rx 2 && capture uart 1 1 &&
        "$ZCDMA" capture sim: --bytes 1M -q -o "$folder/pattern"
}

prepare() {
    if ! dir=$("$here/kernel.sh" armmp "$build" 2>"$folder/fetch.log") ||
        ! root=$("$here/root.sh" "$build" 2>>"$folder/fetch.log"); then
        sed 's/^/# /' "$folder/fetch.log"
        echo "ok - arm # skip packages for it cannot be had"
        return 1
    fi
    release=$(<"$dir/release")
    kmod=build/kmod-$release
    logged "arm: the programs build" "$folder/programs.log" build_for armhf "$root" $bin || return
    logged "arm: the module builds for linux $release" "$folder/kmod.log" build_module || return
    logged "arm: the device tree" "$folder/dtb.log" build_devices || return
    logged "arm: the initial file system" "$folder/initramfs.log" build_initramfs
}

qemu() {
    # shellcheck disable=SC2086 # a list of words
    exec timeout -k 5 "$VM_LIMIT" qemu-system-arm -machine smdkc210 -m 1G -smp 2 -accel tcg \
        -nodefaults -no-user-config -display none -no-reboot -echr 256 \
        -kernel "$dir/boot/vmlinuz-$release" -initrd "$folder/initramfs" \
        -dtb "$dtb" \
        -append "console=ttySAC2 loglevel=4 panic=-1 printk.devkmsg=on ${VM_APPEND:-} VM_RUN=$VM_RUN \
VM_RESULT=/dev/ttySAC3 VM_MODULES=${dir#"$tree/"} VM_KMOD=$kmod VM_BIN=$bin ZCDMA=$bin/zcdma \
VM_CLOCK=$EPOCHSECONDS LIMIT_SCALE=${LIMIT_SCALE:-3} ${REPEAT_CUT:+REPEAT_CUT=$REPEAT_CUT} \
${VM_BATS:+\"VM_BATS=$VM_BATS\"}" \
        -chardev "pipe,id=uart,path=$folder/uart,mux=on" -serial chardev:uart -serial "file:$folder/played" \
        -serial "file:$folder/console" -serial "file:$folder/result" \
        ${VM_QEMU:-} </dev/null >"$folder/qemu.log" 2>&1
}

# What the UART receives: parts of the pattern, for which the board asks there, by a line with an offset and
# a length. QEMU takes a FIFO that is full for one that is empty, so nothing comes unasked, and its mux
# makes it come byte by byte.
feed() {
    local offset bytes
    while read -r offset bytes; do
        tail -c "+$((offset + 1))" "$folder/pattern" | head -c "$bytes"
    done <"$folder/uart.out" >"$folder/uart.in"
}

# What the UART sent has to be the pattern from its beginning on, and then this line with its length.
check_played() {
    local bytes
    grep -q '^ok .* the second UART sent all' "$folder/result" || return 0 # nothing was to be sent
    bytes=$(tail -n 1 "$folder/played" | sed -n 's/^end of \([1-9][0-9]*\)$/\1/p')
    if [[ -n $bytes ]] && { head -c "$bytes" "$folder/pattern" && echo && echo "end of $bytes"; } |
        cmp - "$folder/played"; then
        echo "ok - arm: the host got what was played, $bytes bytes"
    else
        echo "not ok - arm: the host got what was played"
    fi
}

run() {
    local pid status
    rm -f "$folder/played"
    : >"$folder/result" # nothing of before counts
    rm -f "$folder"/uart.{in,out}
    mkfifo "$folder"/uart.{in,out} || return
    feed {lock}>&- &
    children+=($!)
    (qemu) &
    pid=$!
    children+=("$pid")
    tail -n +1 -s 0.1 -f --pid="$pid" "$folder/result" | grep --line-buffered -v '^# end '
    wait "$pid"
    status=$?
    if [[ $(tail -n 1 "$folder/result") != '# end 0' ]]; then
        tail -n 30 "$folder/console" "$folder/qemu.log" | sed 's/^/# /'
        if ((status == 124 || status == 137)); then
            echo "not ok - arm: stopped after $VM_LIMIT seconds, the limit VM_LIMIT"
        else
            echo "not ok - arm did not come to its end (QEMU's status is $status)"
        fi
    fi
    check_played
}

for command in qemu-system-arm "${triplet[armhf]}-gcc" cpio /sbin/modprobe fdtput apt-get dpkg-deb make; do
    if ! command -v "$command" >/dev/null; then
        echo "ok - arm # skip $command is not here"
        exit
    fi
done
exec {lock}>"$folder/lock"
flock "$lock"
prepare || exit
if [[ -n ${VM_BATS:-} || $VM_RUN != tests/vm/arm/guest.sh ]]; then
    run
    exit
fi
# What is only slow on the board, meanwhile.
RUNNER="qemu-arm -L $root" tests/unit/run.sh $bin/unit/test_{check,ring} >"$folder/unit.log" {lock}>&- &
unit=$!
children+=("$unit")
run
wait "$unit"
cat "$folder/unit.log"
echo "# built, booted and tested in $SECONDS s"
