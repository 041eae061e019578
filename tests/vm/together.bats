#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Channels of one device that start at the same time, each captured by a process of its own: dev: with together=.
# shellcheck disable=SC2154 # bats sets output and stderr

load guest

SMALL=blocks=4,block=64K,rate=1M

# load_devices PARAMETER...: have these simulated devices, and no other.
load_devices() {
    [[ ! -e /sys/module/zcdma_sim ]] || rmmod zcdma_sim || return
    (cd "$TOP" && insmod "$VM_KMOD/zcdma_sim.ko" "$@")
}

# channel N: the N-th one, of which the first three are of one device, and the next three of another.
channel() {
    echo "${CHANNELS[$1 - 1]}"
}

# device N: print the device of a channel.
device() {
    local channel
    channel=$(channel "$1")
    basename "$(realpath "/sys/class/zcdma/${channel##*/}/device")"
}

setup_file() {
    rmmod zcdma_edu && load_devices devices=2 channels=3 sinks=1 || return
    CHANNEL_LIST=$(grep -lx sim /sys/class/zcdma/zcdma*/source | sort -V | sed 's|.*/\(zcdma[0-9]*\)/source|/dev/\1|')
    SINK=/dev/$(basename "$(dirname "$(grep -lx sink /sys/class/zcdma/zcdma*/source)")")
    export CHANNEL_LIST SINK
}

teardown_file() {
    load_devices devices=1 && (cd "$TOP" && insmod "$VM_KMOD/zcdma_edu.ko" bits="${VM_EDU_BITS:-28}")
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
    mapfile -t CHANNELS <<<"$CHANNEL_LIST"
    DEVICE=$(device 1)
}

# start NAME CHANNEL TOGETHER [OPTION...]: capture a few blocks of it in the background, as NAME; PID is its id.
start() {
    rm -f "$1".{out,err,bin} # of an earlier one
    "$ZCDMA" capture "dev:$(channel "$2"),$SMALL,together=$3" --blocks 3 -o "$1.bin" "${@:4}" \
        >"$1.out" 2>"$1.err" 3>&- &
    PID=$!
    PIDS+=("$PID")
}

# waits NAME COUNT: it says that it waits for that many.
waits() {
    local s=s
    (($2 > 1)) || s=
    until_true 20 has_line "$1.err" "waiting for $2 more channel$s of $DEVICE" || fail "$1: $(cat "$1.err")"
}

# says COUNT NAME TEXT: it has said that so often.
says() {
    (($(grep -c "$3" "$2.err") == $1))
}

# runs N: the device of a channel runs.
runs() {
    local channel
    channel=$(channel "$1")
    has_line "/sys/kernel/debug/zcdma/${channel##*/}/stats" '^running 1$'
}

# started_together NAME...: they did, by what each says of the device.
started_together() {
    local name line
    for name; do
        line=$(grep '^ *started ' "$name.out") || fail "$(cat "$name.out" "$name.err")"
        [[ $line =~ ' together: '$#' channels of '"$DEVICE"', device time '[1-9][0-9]*' (monotonic)'$ ]] || fail "$line"
        echo "$line" >>started.txt
    done
    [[ $(sort -u started.txt | wc -l) == 1 && $(wc -l <started.txt) == "$#" ]] || fail "$(cat started.txt)"
}

@test "together: two channels wait for each other, and start at one time of their device" {
    start a 1 2
    a=$PID
    waits a 1
    run runs 1
    assert_failure
    start b 2 2
    wait_exit "$PID"
    wait_exit "$a"
    started_together a b
    cmp a.bin b.bin
}

@test "together: three channels, through pipes; each is told how many are missing" {
    "$ZCDMA" capture "dev:$(channel 1),$SMALL,together=3" --bytes 192K 2>a.err 3>&- | cat >a.bin 3>&- &
    a=$!
    PIDS+=("$a")
    waits a 2
    start b 3 3
    b=$PID
    waits b 1
    waits a 1
    "$ZCDMA" capture "dev:$(channel 2),$SMALL,together=3" --bytes 192K 2>c.err 3>&- | cat >c.bin
    wait_exit "$a"
    wait_exit "$b"
    cmp a.bin c.bin
    cmp a.bin b.bin
    [[ $(stat -c %s a.bin) == 196608 ]]
    grep 'together: 3 channels of ' a.err
}

@test "together: where the one that waits first is killed, the others meet again" {
    start a 1 3
    a=$PID
    waits a 2
    start b 2 3
    b=$PID
    waits b 1
    kill -KILL "$a"
    wait_exit "$a" 137
    waits b 2
    start c 3 3
    c=$PID
    waits c 1
    start d 1 3
    wait_exit "$PID"
    wait_exit "$b"
    wait_exit "$c"
    started_together b c d
}

@test "together: one that is killed while it waits is waited for again" {
    start a 1 3
    a=$PID
    waits a 2
    start b 2 3
    b=$PID
    waits b 1
    waits a 1
    kill -KILL "$b"
    wait_exit "$b" 137
    until_true 20 says 2 a 'waiting for 2 more' || fail "$(cat a.err)"
    start c 2 3
    c=$PID
    waits c 1
    start d 3 3
    wait_exit "$PID"
    wait_exit "$a"
    wait_exit "$c"
    started_together a c d
}

@test "together: a signal ends the wait, and so does timeout; nothing is left" {
    for signal in INT TERM; do
        start a 1 2
        waits a 1
        kill -$signal "$PID"
        wait_exit "$PID" $((128 + $(kill -l $signal)))
        [[ ! -s a.bin ]]
    done
    run -124 timeout -k 20 1 "$ZCDMA" capture "dev:$(channel 1),$SMALL,together=2" -o x.bin 3>&-
    run grep -a zcdma-together /proc/net/unix
    assert_failure
    # The channels are free.
    zcdma capture "dev:$(channel 1),$SMALL" --blocks 1 -o y.bin -q
}

@test "together: --seconds counts from the start" {
    start a 1 2 --seconds 600
    a=$PID
    waits a 1
    "$ZCDMA" capture "dev:$(channel 2),$SMALL,together=2" --seconds 1 -o b.bin -q 3>&-
    wait_exit "$a"
    [[ -s b.bin ]]
}

@test "together: channels of another device, or another number, do not start with these" {
    start a 1 2
    a=$PID
    waits a 1
    # Another device has a meeting of its own.
    start b 4 2
    b=$PID
    DEVICE=$(device 4) waits b 1
    run -2 zcdma capture "dev:$(channel 2),$SMALL,together=3" -o x.bin
    assert_line --index 0 --partial 'with others: they wait with together=2'
    assert_line --index 1 --partial 'give each of them the same together='
    # The same channel once more.
    run -2 zcdma capture "dev:$(channel 1),$SMALL,together=2" -o x.bin
    assert_output --partial 'Device or resource busy'
    run runs 1
    assert_failure
    start c 2 2
    wait_exit "$PID"
    wait_exit "$a"
    started_together a c
    kill -INT "$b"
    wait_exit "$b" 130
}

@test "together: what cannot be is refused before anything waits" {
    for n in 0 1 4 33 4294967295; do
        run -2 zcdma capture "dev:$(channel 1),$SMALL,together=$n" -o x.bin
        assert_line --index 0 --partial "together=$n is not valid"
        assert_line --index 1 --partial "a number from 2 to 3, the channels of $DEVICE"
    done
    for n in x -1 4294967296; do
        run -2 zcdma capture "dev:$(channel 1),$SMALL,together=$n" -o x.bin
    done
    zcdma capture -q sim: --bytes 64K -o data
    run -3 zcdma play "dev:$SINK,together=2" file:data
    assert_output --partial 'a device that plays does not start channels together'
}

@test "together: a device that is removed ends the wait" {
    start a 1 3
    a=$PID
    waits a 2
    start b 2 3
    b=$PID
    waits b 1
    echo -n "$DEVICE" >"/sys/bus/platform/devices/$DEVICE/driver/unbind"
    wait_exit "$a" 2
    wait_exit "$b" 2
    grep 'wait for others to start with dev:.*: No such device' a.err
    grep 'wait for others to start with dev:.*: No such device' b.err
    load_devices devices=2 channels=3 sinks=1
}
