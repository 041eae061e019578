#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Blocks that DMA fills: through channels of PL330, from a UART that receives the pattern, and from memory; and blocks and
# pages that it fetches for another UART, whose output the host verifies: see arm.sh.
# QEMU has no caches, so a sync that is missing does not show here.

load ../../bats/common

DRIVER=/sys/bus/platform/drivers/zcdma-dmaengine
UART=/dev/zcdma0 # of the device tree, as zcdma1, which has another channel of the same controller
PLAYER=/dev/zcdma2 # of the device tree: the second UART sends what is played
COPY=/dev/zcdma3 # from memory
CHANNEL=dma1chan0

setup_file() {
    dmesg --clear
    insmod "$VM_KMOD/zcdma.ko"
    insmod "$VM_KMOD/zcdma_dmaengine.ko" channels=$CHANNEL
    dmesg >"$BATS_FILE_TMPDIR/loading"
    # Its FIFO is used, and what it receives goes to DMA: reading makes it see that there is nothing yet.
    "$VM_BIN/vm-tests/poke" 0x13800004 6 0x13800008 1 0x13800024 -
}

teardown_file() {
    rmmod zcdma_dmaengine zcdma
}

stat_of() {
    cat "/sys/class/zcdma/${1##*/}/statistics/$2"
}

is() {
    [[ $(stat_of "$1" "$2") == "$3" ]]
}

@test "dma: the devices are there, and say what fills them" {
    for n in 0 1 2 3; do
        [ "$(cat /sys/class/zcdma/zcdma$n/source)" = dmaengine ]
    done
    [ ! -e /dev/zcdma4 ]
}

# controller DEVICE: of its channel "rx".
controller() {
    realpath "/sys/class/zcdma/${1##*/}/device/dma:rx/device"
}

@test "dma: two devices on one controller are told apart by their nodes" {
    local tree=/sys/firmware/devicetree/base/soc
    assert_equal "$(realpath /sys/class/zcdma/zcdma0/of_node)" $tree/uart
    assert_equal "$(realpath /sys/class/zcdma/zcdma1/of_node)" $tree/second
    assert_equal "$(realpath /sys/class/zcdma/zcdma2/of_node)" $tree/player
    assert_equal "$(controller $UART)" "$(controller /dev/zcdma1)"
    [ ! -e /sys/class/zcdma/${COPY##*/}/of_node ]
}

# receive OFFSET BYTES: have the UART receive that part of the pattern.
receive() {
    local text="$1 $2"$'\n' args=() i
    for ((i = 0; i < ${#text}; i++)); do
        args+=(0x13800020 "$(printf %d "'${text:i:1}")")
    done
    "$VM_BIN/vm-tests/poke" "${args[@]}"
}

# capture_uart BYTES OPTIONS: four blocks, one after the other, so that nothing comes between two of them.
capture_uart() {
    "$ZCDMA" capture "dev:$UART,blocks=4,block=$1,$2" --bytes $((4 * $1)) -o out.bin -q 3>&- &
    PIDS+=($!)
    until_true 30 is $UART filling 4
    for ((i = 0; i < 4; i++)); do
        receive $((i * $1)) "$1"
        until_true 60 is $UART blocks $((i + 1))
    done
    wait_exit $!
    run -0 zcdma verify --bytes $((4 * $1)) out.bin
    is $UART gaps 0
}

@test "dma: from a device, to blocks of one piece" {
    capture_uart 4096 model=compound
}

@test "dma: from a device, to blocks of two pieces" {
    # 8 KiB and what the FIFO has room for, whenever the second one begins.
    capture_uart 8320 model=scatter
}

# dry DEVICE: its channel has nothing to fill, as all blocks are full and their pages are elsewhere.
dry() {
    is "$1" filling 0 && is "$1" full 0 && is "$1" ring_blocks 4
}

@test "dma: from a device, the first block after its channel had none reports a gap" {
    local i
    mkfifo pipe
    exec 9<>pipe
    # Nobody reads: the pipe keeps the pages of all four blocks.
    "$ZCDMA" capture "dev:$UART,blocks=4,block=4K" --path=splice --bytes 20K --json 2>report >&9 3>&- &
    PIDS+=($!)
    until_true 30 is $UART filling 4
    for i in 0 4096 8192 12288; do
        receive $i 4096
        until_true 60 is $UART blocks $((i / 4096 + 1))
    done
    until_true 60 dry $UART
    is $UART gaps 0
    head -c 16K <&9 >out.bin
    until_true 60 is $UART filling 4
    receive 16384 4096
    wait_exit $! 4
    head -c 4K <&9 >>out.bin
    exec 9>&-
    is $UART gaps 1
    assert_equal "$(jq -c '[.captured_bytes, .blocks, .discontinuities, .overruns, .lost_bytes]' report)" '[20480,5,1,0,0]'
    zcdma verify -q --bytes 20K out.bin
}

# The ring is small: its blocks go round many times, as soon as the driver lets them.
SMALL=blocks=4,block=64K

@test "dma: from memory, into every model" {
    for model in coherent pages compound scatter; do
        zcdma capture dev:$COPY,model=$model,$SMALL --bytes 2M -o out.bin -q
        zcdma verify -q --bytes 2M out.bin
        zcdma capture dev:$COPY,model=$model,blocks=3,block=1089600 --bytes 6537600 -o out.bin -q
        zcdma verify -q --bytes 6537600 out.bin
    done
}

@test "dma: every model with pages along every path arrives" {
    receiver --streams 15 --bytes 1M
    for model in pages compound scatter; do
        for path in copy zerocopy vmsplice splice sendfile; do
            zcdma zcsend "$TO" dev:$COPY,model=$model,$SMALL --bytes 1M --path=$path -q
        done
    done
    received
}

@test "dma: a receiver that sleeps gets the right data, and blocks wait for their pages" {
    for path in zerocopy vmsplice splice; do
        receiver --bytes 8M
        kill -STOP "$RECEIVER"
        "$ZCDMA" zcsend "$TO" dev:$COPY,$SMALL --bytes 8M --path=$path -q 3>&- &
        PIDS+=($!)
        until_true 60 dry $COPY
        kill -CONT "$RECEIVER"
        wait_exit $!
        received
        is $COPY gaps 0 # memory waits
    done
}

@test "dma: coherent memory answers Bad address" {
    receiver --streams 2 --bytes 1M
    for command in zcsend vmsplice; do
        run -2 zcdma $command "$TO" dev:$COPY,model=coherent,$SMALL --bytes 1M
        assert_output --partial "from dev:$COPY,model=coherent,$SMALL: Bad address"
    done
    wait_exit "$RECEIVER" 1
}

# All that is played, by one test after the other, is the pattern from its beginning on. How much, $BATS_FILE_TMPDIR/played has.

# next_part BYTES: make the file part of what comes next, and count it.
next_part() {
    local from=0
    [[ ! -e $BATS_FILE_TMPDIR/played ]] || from=$(<"$BATS_FILE_TMPDIR/played")
    zcdma capture -q sim: --bytes $((from + $1)) -o whole
    tail -c "$1" whole >part
    echo $((from + $1)) >"$BATS_FILE_TMPDIR/played"
}

# played BYTES FILTER: the report is about so many, and that is true of it.
played() {
    jq -e ".played_bytes == $1 and ($2)" report || fail "$(<report)"
}

@test "dma: to a device, the pages of another device's ring" {
    "$ZCDMA" capture -q dev:$COPY,$SMALL --bytes 128K 3>&- | "$ZCDMA" play --json dev:$PLAYER,$SMALL >report 3>&-
    echo 131072 >"$BATS_FILE_TMPDIR/played"
    played 131072 '.user_copies == 0 and .kernel_copies == 0'
}

@test "dma: to a device, what was read into its ring, in blocks of one piece and of two, and of any length" {
    local options
    for options in block=4K,model=compound block=8320,model=scatter block=8320,model=coherent; do
        next_part 50001
        zcdma play --json "dev:$PLAYER,blocks=4,$options" part >report
        played 50001 '.user_copies == 0 and .kernel_copies == 1 and .failed_blocks == 0'
    done
}

@test "dma: to a device, pages of a file's" {
    next_part 100000
    zcdma play --json --path=splice dev:$PLAYER,$SMALL part >report
    played 100000 '.user_copies == 0 and .kernel_copies == 0'
    is $PLAYER splice_bytes 100000
    is $PLAYER splice_copied_bytes 0
}

@test "dma: to a device, after its channel had nothing it is not known whether the device lacked data" {
    next_part 40960
    mkfifo pipe
    "$ZCDMA" play --json dev:$PLAYER,blocks=4,block=4K - <pipe >report 3>&- &
    PIDS+=($!)
    exec 9>pipe
    head -c 8192 part >&9
    until_true 60 is $PLAYER bytes 8192
    tail -c +8193 part >&9
    exec 9>&-
    wait_exit $!
    played 40960 '.underruns == null and .underrun_bytes == null'
    (($(stat_of $PLAYER gaps) > 0))
}

@test "dma: to a device, again and again" {
    for ((i = 0; i < 10; i++)); do
        next_part 4096
        zcdma play -q dev:$PLAYER,blocks=4,block=4K part
    done
}

@test "dma: a device that plays captures nothing, and the other way around" {
    run -2 zcdma capture dev:$PLAYER -o out.bin
    run -2 zcdma play dev:$UART /dev/null
}

@test "dma: the second UART sent all of it, as the host verifies" {
    printf '\nend of %d\n' "$(<"$BATS_FILE_TMPDIR/played")" >part
    zcdma play -q dev:$PLAYER,blocks=4,block=4K part
    is $PLAYER failed 0
}

@test "dma: stopped in the middle, what came is right" {
    "$ZCDMA" capture dev:$COPY,$SMALL -o out.bin -q 3>&- &
    PIDS+=($!)
    until_true 60 is_beyond 8
    kill -INT $!
    wait_exit $! 130
    zcdma verify -q out.bin
    is $COPY running 0
}

is_beyond() {
    (($(stat_of $COPY blocks) > $1))
}

@test "dma: stopped and started again and again" {
    for ((i = 0; i < 10; i++)); do
        zcdma capture dev:$COPY,$SMALL --bytes 64K -o out.bin -q
        zcdma verify -q --bytes 64K out.bin
    done
}

@test "dma: unbound in the middle, the stream ends with its reason, and the channel is free" {
    "$ZCDMA" capture dev:$COPY,$SMALL -o /dev/null 2>captured 3>&- &
    PIDS+=($!)
    until_true 60 is_beyond 8
    echo zcdma-dmaengine.0 >$DRIVER/unbind
    [ "$(cat /sys/class/dma/$CHANNEL/in_use)" = 0 ]
    wait_exit $! 1
    grep -q 'No such device' captured
    echo zcdma-dmaengine.0 >$DRIVER/bind
    zcdma capture dev:$COPY,$SMALL --bytes 1M -o out.bin -q
    zcdma verify -q --bytes 1M out.bin
}

@test "dma: what waits for its device is unbound as well" {
    "$ZCDMA" capture "dev:$UART,blocks=4,block=64K" -o /dev/null 2>captured 3>&- &
    PIDS+=($!)
    until_true 60 is $UART filling 4
    echo 13800024.uart >$DRIVER/unbind
    wait_exit $! 2
    grep -q 'No such device' captured
    echo 13800024.uart >$DRIVER/bind
}

@test "dma: what an engine cannot do is refused" {
    run -2 zcdma capture dev:$COPY,block=1000 -o out.bin
    assert_output --partial 'block= takes a multiple of 64 bytes'
    run -2 zcdma capture dev:$COPY,block=8M -o out.bin
    assert_output --partial '4.00 MiB'
    run -2 zcdma capture dev:$COPY,rate=1M -o out.bin
}

@test "dma: devices of the device tree that cannot be are refused in words" {
    local said
    said=$(cat "$BATS_FILE_TMPDIR/loading")
    for words in 'taken: error -ENODEV: no channel "rx" in dmas, or it is in use' \
        'unnamed: error -ENODEV: no channel "rx" in dmas, or it is in use' \
        'bursts: error -EINVAL: zcdma,burst = <32>: dma0chan1 has at most 16' \
        'burst: error -EINVAL: zcdma,burst = <3>: not a power of two' \
        'nowidth: error -EINVAL: reg-io-width = <0>: dma0chan1 has widths by the mask 0x117' \
        'width: error -EINVAL: reg-io-width = <3>: dma0chan1 has widths by the mask 0x117'; do
        [[ $said == *"13800024.$words"* ]] || fail "$words"
    done
    words='tooplay: error -EINVAL: reg-io-width = <3>: dma1chan1 has widths by the mask 0x117'
    [[ $said == *"13810020.$words"* ]] || fail "$said"
    [ "$(cat /sys/class/dma/dma0chan1/in_use)" = 0 ]
}

@test "dma: the module removed, what is in a pipe stays right" {
    mkfifo pipe
    exec 9<>pipe
    zcdma capture dev:$COPY,$SMALL,model=compound --path=splice --bytes 64K -q >&9 3>&-
    rmmod zcdma_dmaengine
    [ "$(cat /sys/class/dma/$CHANNEL/in_use)" = 0 ]
    head -c 64K <&9 | zcdma verify -q --bytes 64K -
    exec 9>&-
}

@test "dma: channels that are not there, or not free, are refused as the module is loaded" {
    for channels in none "dma1chan0," "dma1chan0,dma1chan0" "dma1chan1,dma9chan9"; do
        dmesg --clear
        run -1 insmod "$VM_KMOD/zcdma_dmaengine.ko" "channels=$channels"
        assert_output --partial 'No such device'
        run -0 dmesg
        assert_output --partial ": no such channel, or it is in use, or does not copy memory in order"
        [ ! -e /sys/module/zcdma_dmaengine ]
        [ ! -e /dev/zcdma0 ]
        [ "$(cat /sys/class/dma/dma1chan[01]/in_use)" = $'0\n0' ]
    done
    insmod "$VM_KMOD/zcdma_dmaengine.ko" channels=$CHANNEL
}

@test "dma: the device of another driver is not taken for a channel's" {
    rmmod zcdma_dmaengine
    insmod "$VM_KMOD/zcdma_dmaengine.ko"
    insmod "$VM_KMOD/zcdma_sim.ko"
    echo zcdma-sim.0 >/sys/bus/platform/drivers/zcdma-sim/unbind
    echo zcdma-dmaengine >/sys/bus/platform/devices/zcdma-sim.0/driver_override
    run bash -c "echo zcdma-sim.0 >$DRIVER/bind"
    assert_failure
    assert_output --partial 'No such device'
    [ "$(cat /sys/class/dma/$CHANNEL/in_use)" = 0 ]
    rmmod zcdma_sim zcdma_dmaengine
    insmod "$VM_KMOD/zcdma_dmaengine.ko" channels=$CHANNEL
}

@test "dma: drivers that are told to probe later do it at once" {
    rmmod zcdma_dmaengine
    insmod "$VM_KMOD/zcdma_dmaengine.ko" channels=$CHANNEL async_probe=1
    [ "$(cat /sys/class/dma/$CHANNEL/in_use)" = 1 ]
}

@test "dma: where its controller is unbound in the middle, the device goes first" {
    local controller driver=/sys/bus/amba/drivers/dma-pl330
    # Of the other controllers the serial port has channels, whose driver does not go first.
    controller=$(realpath /sys/class/dma/dma2chan0/device)
    controller=${controller##*/}
    rmmod zcdma_dmaengine
    insmod "$VM_KMOD/zcdma_dmaengine.ko" channels=dma2chan0
    dmesg --clear
    "$ZCDMA" capture dev:$COPY,$SMALL -o /dev/null 2>captured 3>&- &
    PIDS+=($!)
    until_true 60 is_beyond 8
    echo "$controller" >$driver/unbind
    wait_exit $! 1
    grep -q 'No such device' captured
    [ ! -e $DRIVER/zcdma-dmaengine.0 ]
    run -0 dmesg
    refute_output --partial 'WARNING'
    echo "$controller" >$driver/bind
}
