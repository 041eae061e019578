#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What runs inside the VM, below init.c and in the tree: TAP on standard output, the rest to the
# console. The networks are those that guest.bash tells of.
set -u
exec </dev/null
echo "# up after $(cut -d' ' -f1 /proc/uptime) s"
source tests/vm/inside.bash

# carrier IN...: wait until the network interface is up, where IN says how to run a command there.
carrier() {
    local dev=$1
    shift
    for ((i = 0; i < 300; i++)); do
        [[ "$("$@" ip -o link show dev "$dev")" != *LOWER_UP* ]] || return 0
        sleep 0.1
    done
    return 1
}

# A namespace, and how to run something there.
namespace() {
    ip netns add "$1" && ip -n "$1" link set lo up
    printf '#!/bin/sh\nexec ip netns exec %s %s "$@"\n' "$1" "$ZCDMA" >"/run/zcdma-in-$1"
    chmod +x "/run/zcdma-in-$1"
}

networks() {
    /run/modprobe -a e1000e veth sch_netem sch_ingress cls_matchall act_gact || return
    hostname zcdma-vm
    namespace wire
    namespace lossy

    ip link set eth2 netns wire
    ip link add lossy type veth peer name lossy0 netns lossy
    ip addr add 10.0.2.15/24 dev eth0
    ip addr add 10.1.0.1/24 dev eth1
    ip addr add 10.2.0.1/24 dev lossy
    ip -n wire addr add 10.1.0.2/24 dev eth2
    ip -n lossy addr add 10.2.0.2/24 dev lossy0
    for dev in eth0 eth1 lossy; do ip link set $dev up; done
    ip -n wire link set eth2 up
    ip -n lossy link set lossy0 up
    tc qdisc add dev lossy root netem delay 2ms reorder 20% 50% || return
    # Chance decides what is late, but not what is lost: each 50th packet, when the sender has seen it go.
    ip netns exec lossy tc qdisc add dev lossy0 clsact &&
        ip netns exec lossy tc filter add dev lossy0 ingress protocol ip matchall \
            action pass random determ drop 50 || return
    carrier eth0 && carrier eth1 && carrier eth2 ip netns exec wire && carrier lossy
}

# is_there FILE: wait until a device is there, or something in a file.
is_there() {
    for ((i = 0; i < 300; i++)); do
        [[ ! -c $1 && ! -s $1 ]] || return 0
        sleep 0.1
    done
    echo "after 30 s, there is no $1"
    return 1
}

# A capture ends before a block that the device could not fill, which is the second.
capture_ends() {
    load "$VM_MUTANT" devices=1 sinks=1 mutant=fail || return
    "$ZCDMA" capture dev:blocks=4,block=64K -o /run/captured 2>&1 | tee /run/report
    [[ ${PIPESTATUS[0]} == 1 ]] && grep -q 'could not fill the block at offset 65536: Input/output error' /run/report &&
        "$ZCDMA" verify --bytes 64K /run/captured
}

# A device that could not be added after all is gone for the file that had opened it meanwhile.
late_failure_is_told() {
    local capture insmod status
    rm -f /run/captured # of an earlier one
    insmod "$VM_MUTANT/zcdma.ko" mutant=add || return
    insmod "$VM_MUTANT/zcdma_sim.ko" devices=1 &
    insmod=$!
    is_there /dev/zcdma0 || return
    timeout "$((60 * ${LIMIT_SCALE:-1}))" "$ZCDMA" capture dev:/dev/zcdma0 -q -o /run/captured 2>/run/report &
    capture=$!
    is_there /run/captured && kill "$insmod" || return
    wait "$capture"
    status=$?
    wait "$insmod"
    cat /run/report
    [[ $status == 1 && ! -e /dev/zcdma0 && $(</run/report) == *"No such device"* ]] && unload
}

# A device that takes no list of pieces refuses blocks that are one, and says how to do without.
pieces_are_refused() {
    load "$VM_MUTANT" devices=1 mutant=one || return
    "$ZCDMA" capture dev:model=scatter,block=48K --bytes 48K -o /run/captured 2>&1 | tee /run/report
    [[ ${PIPESTATUS[0]} == 2 ]] && grep -q 'sim takes at most 1 piece for a block, and with model=scatter there are 2' /run/report &&
        grep -qx 'ring_blocks 0' /sys/kernel/debug/zcdma/zcdma0/stats &&
        "$ZCDMA" capture dev:model=compound,block=64K --bytes 64K -o /run/captured -q && unload
}

# The driver that does not look before it fills a block again: each test of that must fail with it.
mutant_is_caught() {
    local results
    load "$VM_MUTANT" devices=1 mutant=reuse || return
    results=$(run_tests inflight)
    echo "$results"
    unload || return
    [[ $results == *"not ok - "*"is waited for"* ]] && ! grep '^ok ' <<<"$results" | grep -v '# skip'
}

# with_mutant FAULT PROGRAM: run a program with the driver that has the fault, and print its TAP.
with_mutant() {
    load "$VM_MUTANT" devices=1 mutant="$1" || return
    run_tests "$2"
    # A test that fails in the middle may have unbound the device, or let the module go.
    unload
}

# mutant_fails FAULT PROGRAM TEST...: with that fault these tests of a program fail, or the kernel reports it, with the
# module in the backtrace; and the machine goes on.
mutant_fails() {
    local fault=$1 program=$2 results name
    shift 2
    results=$(expect_faults with_mutant "$fault" "$program")
    echo "$results"
    ! dmesg | grep -F '[zcdma]' || return 0
    for name; do
        grep -q "^not ok - $name" <<<"$results" || return
    done
}

# mutant_of_output_fails FAULT PROGRAM TEST: the same of one test of a program that loads the driver itself.
mutant_of_output_fails() {
    local fault=$1 program=$2 name=$3 results
    results=$(VM_KMOD=$VM_MUTANT VM_FAULT=$fault TAP_ONLY=$name expect_faults run_tests "$program")
    echo "$results"
    unload
    dmesg | grep -F '[zcdma]' || grep -q "^not ok - $name" <<<"$results"
}

# one_test_fails FAULT PROGRAM TEST: the same of one test, and the others of the program are left out.
one_test_fails() {
    TAP_ONLY=$3 mutant_fails "$@"
}

leaks_of_mutant() {
    load "$VM_MUTANT" devices=1 mutant=leak && run_tests policy >&2
    find_leaks
    unload
}

# Only the kernel's own search finds that driver, which is a proof of it too.
leaks_are_found() {
    local leaks
    leaks=$(expect_faults leaks_of_mutant)
    echo "$leaks"
    [[ $leaks == *"zcdma_ring_create"*"[zcdma]"* ]]
}

# race_of_mutant: read the counters, over and over, while another processor counts.
race_of_mutant() {
    local capture missing=1
    load "$VM_MUTANT" devices=1 mutant=race || return
    "$ZCDMA" capture dev:block=4K -q -o /dev/null &
    capture=$!
    for ((i = 0; missing && i < 5000; i++)); do
        cat /sys/class/zcdma/zcdma0/statistics/* >/dev/null
        dmesg | grep -E 'KCSAN: data-race in .*zcdma_device_get_stats' && missing=0
    done
    kill "$capture"
    wait "$capture"
    unload && ((!missing))
}

# KCSAN watches one access of many, and another processor must come by just then: so the rounds are many.
race_is_found() {
    expect_faults race_of_mutant
}

# A machine whose caches are not coherent with DMA: the zeros of a new ring are written back.
zeros_are_written_back() {
    local results
    load "$VM_MUTANT" devices=1 mutant=cache || return
    results=$(run_tests cold)
    echo "$results"
    unload && ! grep '^not ok' <<<"$results"
}

# A place where data may be missing is reported, and has the exit status of lost data.
gap_is_told() {
    load "$VM_MUTANT" devices=1 mutant=gap || return
    "$ZCDMA" capture dev:blocks=4,block=64K --bytes 256K --json -o /run/captured | tee /run/report
    [[ ${PIPESTATUS[0]} == 4 ]] && jq -e '.discontinuities == 1' /run/report &&
        grep -qx 'gaps [1-9]' /sys/kernel/debug/zcdma/zcdma0/stats && unload
}

# A device that reports more than a block has: the rest would be read from after the block.
block_is_not_exceeded() {
    load "$VM_MUTANT" devices=1 mutant=long || return
    "$ZCDMA" capture dev:blocks=4,block=64K --bytes 256K -o /run/captured -q && unload &&
        [[ $(stat -c %s /run/captured) == 262144 ]] && "$ZCDMA" verify --bytes 256K /run/captured
}

# A device that plays is not taken for a source.
sink_is_no_source() {
    load "$VM_KMOD" devices=0 sinks=1 || return
    "$ZCDMA" capture dev: -o /run/captured 2>&1 | tee /run/report
    [[ ${PIPESTATUS[0]} == 2 && $(</run/report) == *"open /dev/zcdma0: the device plays data, and captures none"* ]] && unload
}

not_simulated() {
    ! grep -qsx sim /sys/class/zcdma/zcdma*/source
}

# stat_is NAME PATTERN: wait until a number of the first device matches.
stat_is() {
    for ((i = 0; i < 300; i++)); do
        ! grep -qx "$1 $2" /sys/kernel/debug/zcdma/zcdma0/stats || return 0
        sleep 0.1
    done
    echo "after 30 s, $1 is not $2:"
    cat /sys/kernel/debug/zcdma/zcdma0/stats
    return 1
}

# The numbers are so large that their sum, with the channels of each, is 1 in 64 bits.
too_many_are_refused() {
    local most=4294967295
    ! insmod "$VM_KMOD/zcdma_sim.ko" devices=$most channels=$most loops=$most sinks=2 && dmesg | grep -F "channels=$most"
}

# A driver is called for whatever device driver_override in sysfs names it for.
foreign_device_is_refused() {
    local device=/sys/bus/platform/devices/zcdma-loop.0
    load "$VM_KMOD" devices=1 loops=1 && echo zcdma-loop.0 >"$device/driver/unbind" &&
        echo zcdma-sim >"$device/driver_override" && [[ ! -e $device/driver ]] || return
    ! echo zcdma-loop.0 >/sys/bus/platform/drivers/zcdma-sim/bind && [[ ! -e $device/driver ]] && unload
}

load_skeleton() {
    insmod "$VM_KMOD/zcdma.ko" && insmod "$VM_KMOD-skeleton/card.ko" && grep -qx card /sys/class/zcdma/zcdma0/source
}

unload_skeleton() {
    rmmod card && rmmod zcdma
}

skeleton_captures() {
    load_skeleton || return
    "$ZCDMA" capture dev:blocks=4,block=4032 --bytes 20160 -q -o /run/captured && [[ $(stat -c %s /run/captured) == 20160 ]]
    stat_is blocks '[5-9]' && unload_skeleton
}

# The module of a device that is in use stays, and its device goes when it is told to.
skeleton_goes_while_busy() {
    local capture device status
    load_skeleton || return
    "$ZCDMA" capture dev:blocks=4,block=4032 -q -o /run/captured 2>/run/report &
    capture=$!
    stat_is blocks '[1-9]*' || return
    ! rmmod card || return
    ! rmmod zcdma || return
    for device in /sys/bus/pci/drivers/card/0000:*; do
        echo "${device##*/}" >/sys/bus/pci/drivers/card/unbind
    done
    wait "$capture"
    status=$?
    cat /run/report
    [[ $status == 1 && ! -e /dev/zcdma0 && $(</run/report) == *"No such device"* ]] && unload_skeleton
}

# What must come first: park is about what happens where no packet comes by, so there is no network yet.
programs_without_network() {
    check "the zeros of a new ring are written back" zeros_are_written_back
    # The others come last, where the card has no driver.
    ! has_part mutants || check "a mutant that does not write zeros back is caught" mutant_fails dirty cold \
        "compound: a ring that was not filled is all zeros"
    check "the module loads" load "$VM_KMOD"
    check "no device is simulated unless it is asked for" not_simulated
    check "a sum of devices that wraps is refused" too_many_are_refused
    check "the module goes" unload
    check "a device that is none of the simulated ones is refused" foreign_device_is_refused
    check "the module in zcdma-driver(9) captures" skeleton_captures
    check "the module in zcdma-driver(9) goes while it is busy" skeleton_goes_while_busy
    check "the module loads" load "$VM_KMOD" devices=1
    run_tests park
}

programs() {
    run_tests abi limits timeout control stream policy refs inflight splice hostile mappings stall starve death
    leaks_nothing "abi to death"
    run_tests sizes edu cold pinned latency
    # What only kernels of debug/ have.
    if [[ -e /sys/kernel/debug/kcov || -e $KCSAN ]]; then
        check "the module goes" unload
        [[ ! -e $KCSAN ]] || check "a mutant with a data race is caught" race_is_found
        check "the module loads, with two channels and a device that plays" load "$VM_KMOD" devices=1 channels=2 sinks=1
        programs_that_shake
        check "the module goes" unload
        check "the module loads" load "$VM_KMOD" devices=1
    fi
}

# What lets calls fail, and what makes them at random. The device that plays is the third.
programs_that_shake() {
    if [[ -e /sys/kernel/debug/kcov ]]; then
        run_tests nth
        leaks_nothing "sizes to nth"
        echo "# $(objdump -dr "$VM_KMOD"/zcdma*.ko | grep -c __sanitizer_cov_trace_pc) places in the modules"
    fi
    run_tests fuzz
    leaks_nothing "fuzz"
}

# lacks FILE: print what the kernel lacks without which each test of the file would be skipped: that takes as long as
# others take to run.
lacks() {
    [[ $1 == tests/vm/disk*.bats ]] || return
    /run/modprobe -q ublk_drv
    [[ ! -e /dev/ublk-control ]] && echo "this kernel has no ublk_drv"
}

commands() {
    local file since why
    for file in ${VM_BATS:-tests/vm/*.bats}; do
        if why=$(lacks "$file"); then
            echo "ok - $file # skip $why"
            continue
        fi
        since=$EPOCHREALTIME
        tests/bats/run.sh "$file"
        took "$file" "$since"
    done
}

# video_nodes: have a video driver without a device, with a node that captures and one that shows.
video_nodes() {
    /run/modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0 num_outputs=1 output_types=0 && return
    echo "ok - blocks as buffers of a video driver # skip this kernel has no vivid"
    return 1
}

# What programs expect that load the driver themselves: numbers that the card edu would take, and what imports blocks; they
# skip their tests where the kernel has no such driver.
drivers_of_programs() {
    local device
    for device in /sys/bus/pci/devices/*; do
        [[ $(<"$device/device") != 0x11e8 ]] || echo none >"$device/driver_override"
    done
    /run/modprobe -q vgem
}

# What must come last, as what fails here may leave no device.
programs_that_unload() {
    drivers_of_programs
    run_tests unplug dmabuf play splice_write group
    check "the module goes" unload
    check "the module loads, with a device that plays and a loop" load "$VM_KMOD" devices=1 sinks=1 loops=1
    run_tests import
    check "the module goes" unload
    if video_nodes; then
        check "the module loads, with a loop" load "$VM_KMOD" devices=1 loops=1
        run_tests vivid
        check "the module goes" unload
    fi
    leaks_nothing "the module"
    check "a capture ends before a block that the device could not fill" capture_ends
    run_tests fail
    check "the module goes" unload
    check "more pieces than a device takes are refused" pieces_are_refused
    check "a device that was opened before it could not be added is gone" late_failure_is_told
    check "a gap of unknown length is reported" gap_is_told
    check "a device that plays is no source" sink_is_no_source
    check "what a device reports beyond a block is cut off" \
        wants_fault "sim: 69632 bytes in a block of 65536" block_is_not_exceeded
    check "the module loads" load "$VM_MUTANT" devices=1 mutant=nap
    VM_KMOD=$VM_MUTANT VM_FAULT=none run_tests nap
    check "the module goes" unload
    check "the module loads" load "$VM_MUTANT" devices=0 sinks=1 mutant=linger
    run_tests linger
    check "the module goes" unload
    check "the module loads" load "$VM_MUTANT" devices=0 sinks=1 mutant=late
    run_tests late
    check "the module goes" unload
    VM_KMOD=$VM_MUTANT VM_FAULT=none run_tests detain
    check "the module goes" unload
    check "the module loads" load "$VM_MUTANT" devices=1 mutant=pieces
    run_tests pieces
    check "the module goes" unload
}

# A test that cannot fail proves nothing: with each of these faults the driver fails the test that is for it. Where that
# is a wait for what never comes, its limit is that of a machine of the usual speed, or 2,000 rounds: that is a second at the
# least, and in it the driver looks ten times.
mutants() {
    drivers_of_programs
    check "a mutant that does not wait is caught" mutant_is_caught
    check "a mutant without a get is caught" mutant_fails get stall \
        "compound: a block stays as it is while a pread() stalls"
    LIMIT_SCALE=1 check "a mutant without a put is caught" one_test_fails put pinned \
        "compound: what comes home is freed"
    check "a mutant that trusts the control page is caught" one_test_fails trust control \
        "compound: what is not held is refused"
    check "a mutant that does not ask for what was given back is caught" one_test_fails kick control \
        "compound: poll() waits for the next block, and wakes"
    check "a mutant that does not keep what is imported is caught" one_test_fails map dmabuf \
        "compound: a block is not filled while it is mapped through a dma-buf"
    TAP_ROUNDS=2000 check "a mutant that keeps it for ever is caught" one_test_fails unmap dmabuf \
        "compound: a block is not filled while it is mapped through a dma-buf"
    check "a mutant that forgets what was sent from the whole ring is caught" one_test_fails whole dmabuf \
        "compound: what is sent from a dma-buf of the whole ring is waited for"
    check "a mutant without a lock is caught" mutant_fails lock stall \
        "compound: readers keep their order while one of them stalls"
    check "a mutant that swaps blocks is caught" mutant_of_output_fails order play \
        "compound: blocks are played in order"
    check "a mutant that does not hold pages is caught" mutant_of_output_fails hold splice_write \
        "compound: what is queued is held"
    check "a mutant that does not uncharge pages is caught" mutant_of_output_fails charge splice_write \
        "compound: pages are charged while they are held"
    check "a mutant that starts some of a group is caught" mutant_of_output_fails some group \
        "compound: where one runs, none starts"
    check "a mutant that keeps what it dropped is caught" mutant_of_output_fails keep splice_write \
        "compound: a block goes from device to device"
    [[ ! -e /sys/kernel/debug/kmemleak ]] || check "a mutant that frees too little is caught" leaks_are_found
}

has_part() {
    [[ ,$VM_PARTS, == *,$1,* ]]
}

check "loopback is up" ip link set lo up
if has_part programs; then
    programs_without_network
else
    check "the module loads" load "$VM_KMOD" devices=1
fi
check "the networks are there" networks
check "there are disks" disks
! has_part programs || programs
! has_part commands || commands
if has_part programs; then
    programs_that_unload
else
    check "the module goes" unload
fi
! has_part mutants || mutants
count_watches
