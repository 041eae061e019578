#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `zcdma play` to simulated devices: a sink, which checks the pattern, and a loop, which captures again what it plays.
# shellcheck disable=SC2016,SC2154 # scripts for another shell; bats sets output and stderr

load guest
load ../bats/pipe

FOUND=/sys/bus/platform/devices/zcdma-sink.0

# Blocks go round many times.
SMALL=blocks=4,block=64K

# load_devices PARAMETER...: have these simulated devices, and no other.
load_devices() {
    local module
    for module in zcdma_edu zcdma_sim; do
        [[ ! -e /sys/module/$module ]] || rmmod $module || return
    done
    (cd "$TOP" && insmod "$VM_KMOD/zcdma_sim.ko" "$@")
}

# node NAME N: print the N-th device of that name.
node() {
    grep -lx "$1" /sys/class/zcdma/zcdma*/source | sed -n "$2s|.*/\(zcdma[0-9]*\)/source|/dev/\1|p"
}

setup_file() {
    make_disk
    load_devices devices=1 sinks=1 loops=1 || return
    SINK=$(node sink 1) SIM=$(node sim 1) LOOP_IN=$(node loop 1) LOOP_OUT=$(node loop 2)
    STATS=/sys/kernel/debug/zcdma/${SINK##*/}/stats
    export SINK SIM LOOP_IN LOOP_OUT STATS
    zcdma capture -q sim: --bytes 1000001 -o "$BATS_FILE_TMPDIR/data"
}

teardown_file() {
    load_devices devices=1 && (cd "$TOP" && insmod "$VM_KMOD/zcdma_edu.ko" bits="${VM_EDU_BITS:-28}")
    remove_disk
}

# sink_has_played BYTES [WRONG [FIRST]]: the sink has checked so many bytes, and found so many wrong.
sink_has_played() {
    local checked wrong first
    read -r checked <$FOUND/checked_bytes
    read -r wrong <$FOUND/wrong_bytes
    read -r first <$FOUND/first_wrong
    [[ $checked == "$1" && $wrong == "${2:-0}" && $first == "${3:-none}" ]] ||
        fail "the sink checked $checked bytes, $wrong of them wrong, the first at $first"
}

# play_json STATUS ARGUMENT...: play with it, and keep the document in $output.
play_json() {
    local status=$1
    shift
    run -"$status" --separate-stderr zcdma play --json "$@"
}

# holds FILTER: it is true of the document.
holds() {
    jq -e "$1" <<<"$output" || fail "not true of it: $1"
}

# keys_are_told: each key of the document is in the page.
keys_are_told() {
    jq -r 'del(.schema, .applet, .version, .notes, .error, .exit_status) | keys[]' <<<"$output" | sort >keys
    sed -nE 's/^\.(It )?Va //p' "$TOP/build/man/zcdma-play.1" | tr -s ' ,' '\n' | sort -u | comm -23 keys - >untold
    [[ -s keys && ! -s untold ]] || fail "keys that zcdma-play.1 does not tell of: $(<untold)"
}

@test "play: a file goes into the ring by one copy of the kernel's, and arrives whole, also without pages" {
    local model
    for model in compound coherent; do
        play_json 0 "dev:$SINK,model=$model,$SMALL" "$BATS_FILE_TMPDIR/data"
        holds '.played_bytes == 1000001 and .queued_bytes == 1000001 and .user_copies == 0 and .kernel_copies == 1 and
            .read_bytes == 1000001 and .gathered_bytes == 0 and .padded_bytes == 0 and .underruns == 0'
        holds '.queued_mean_ns > 0 and .queued_max_ns >= .queued_mean_ns'
        sink_has_played 1000001
    done
    keys_are_told
    run -0 zcdma play "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    assert_line --regexp "^  played +976.56 KiB to dev:$SINK,$SMALL in "
    assert_line --regexp '^  queued +mean .*, worst .* from queueing a block until it was played$'
    assert_line --regexp '^  copies +0.00 of each byte by user space, 1.00 by the kernel$'
}

@test "play: wrong data is played as it is, and found where it is" {
    cp "$BATS_FILE_TMPDIR/data" data
    printf X | dd of=data bs=1 seek=123456 conv=notrunc status=none
    play_json 0 "dev:$SINK,$SMALL" data
    sink_has_played 1000001 1 123456
}

@test "play: with --direct a file passes the page cache, and nothing copies it" {
    cp "$BATS_FILE_TMPDIR/data" /mnt/disk/data
    # Kernels before 6.1 do not say what a file system does.
    if [[ $(uname -r) == 5.* ]]; then
        play_json 0 --direct "dev:$SINK,$SMALL" /mnt/disk/data
        holds '.kernel_copies == null'
    else
        play_json 0 --direct --expect=zerocopy "dev:$SINK,$SMALL" /mnt/disk/data
        holds '.kernel_copies == 0'
    fi
    holds '.played_bytes == 1000001 and .user_copies == 0 and .read_bytes == 0'
    sink_has_played 1000001
    play_json 1 --expect=zerocopy "dev:$SINK,$SMALL" /mnt/disk/data
    run -2 --separate-stderr zcdma play --direct "dev:$SINK,$SMALL,model=coherent" /mnt/disk/data
    [[ $stderr == *'with O_DIRECT: Bad address'*'model=coherent'* ]] || fail "$stderr"
}

@test "play: pipes and connections are read into the ring, whatever pieces they come in" {
    { head -c 1 && sleep 0.1 && cat; } <"$BATS_FILE_TMPDIR/data" | zcdma play --json "dev:$SINK,$SMALL" >played
    jq -e '.played_bytes == 1000001 and .user_copies == 0 and .kernel_copies == 1' played
    sink_has_played 1000001
    listen_as play "$ZCDMA" play --json "dev:$SINK,$SMALL" tcp:127.0.0.1:0
    zcdma copysend -q "$WHERE" "$BATS_FILE_TMPDIR/data"
    wait_exit "$LISTENER"
    jq -e '.played_bytes == 1000001 and .user_copies == 0 and .kernel_copies == 1' play.out
    sink_has_played 1000001
}

# driver_counts NAME BYTES: the driver's figure of that name is that.
driver_counts() {
    has_line "$STATS" "^$1 $2$" || fail "$(grep splice "$STATS")"
}

@test "play: from device to device, by a hand-over: the second one fetches the pages of the first" {
    lead -q --handover=require "dev:$SIM,$SMALL" --bytes 1000001 |
        zcdma play --json --handover=require --expect=zerocopy "dev:$SINK,blocks=4,block=48K" >played
    jq -e '.played_bytes == 1000001 and .handover and .user_copies == 0 and .kernel_copies == 0 and
        .queued_mean_ns == null' played
    sink_has_played 1000001
    driver_counts splice_bytes 1000001
    # In one process, too; and the ring of the first is far smaller than half of the second's.
    play_json 0 --expect=zerocopy "dev:$SINK" "dev:$SIM,$SMALL" --bytes 1M
    holds '.played_bytes == 1048576 and .user_copies == 0 and .kernel_copies == 0'
    sink_has_played 1048576
    # What has no pages is copied, once.
    lead -q --handover=require "dev:$SIM,model=coherent,$SMALL" --bytes 1000001 |
        zcdma play --json --handover=require "dev:$SINK,$SMALL" >played
    jq -e '.played_bytes == 1000001 and .user_copies == 0 and .kernel_copies == 1 and
        (.copies_reason | contains("VM_PFNMAP"))' played
    sink_has_played 1000001
}

@test "play: a simulated ring is fetched, or copied where that is asked for" {
    play_json 0 --expect=zerocopy "dev:$SINK,$SMALL" sim:blocks=4,block=64K --bytes 1000001
    sink_has_played 1000001
    play_json 1 --expect=zerocopy --path=copy "dev:$SINK,$SMALL" sim:blocks=4,block=64K --bytes 1000001
    holds '.user_copies == 1 and .kernel_copies == 0 and .gathered_bytes == 1000001 and .queued_mean_ns > 0'
    sink_has_played 1000001
}

@test "play: splice plays the page cache, and what came by a connection, as they are" {
    cp "$BATS_FILE_TMPDIR/data" /mnt/disk/data
    play_json 0 --path=splice --expect=zerocopy "dev:$SINK,$SMALL" /mnt/disk/data
    holds '.played_bytes == 1000001 and .kernel_copies == 0'
    sink_has_played 1000001
    driver_counts splice_bytes 1000001
    listen_as play "$ZCDMA" play --json --path=splice "dev:$SINK,$SMALL" tcp:127.0.0.1:0
    zcdma copysend -q "$WHERE" "$BATS_FILE_TMPDIR/data"
    wait_exit "$LISTENER"
    jq -e '.played_bytes == 1000001 and .user_copies == 0' play.out
    sink_has_played 1000001
    driver_counts splice_bytes 1000001
}

@test "play: pages beyond RLIMIT_MEMLOCK are copied, which is told" {
    copy_for_all
    chmod 666 "$SINK" "$SIM"
    # Its two rings are 288 KiB, so that some of the pages are within the limit. Root sets it, as the hard limit is 64 KiB
    # before Linux 5.16.
    run -0 --separate-stderr prlimit --memlock=307200 setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$ZCDMA" play --json "dev:$SINK,$SMALL" "dev:$SIM,blocks=4,block=8K" --bytes 1M
    chmod 600 "$SINK" "$SIM"
    holds '.played_bytes == 1048576 and .kernel_copies > 0 and .kernel_copies <= 1 and .user_copies == 0 and
        (.copies_reason | contains("RLIMIT_MEMLOCK"))'
    sink_has_played 1048576
}

@test "play: paths that are not for a device are refused, and zeros with those that leave it the blocks" {
    local path
    for path in zerocopy sendfile uring uring-fixed null; do
        run -2 --separate-stderr zcdma play --path=$path "dev:$SINK,$SMALL" sim: --bytes 1M
        [[ $stderr == *"path $path to dev:$SINK,$SMALL: it is not for a device"*'--path=copy'* ]] || fail "$stderr"
    done
    run -2 --separate-stderr zcdma play --path=vmsplice --underrun=zero "dev:$SINK,$SMALL,rate=1M" sim: --bytes 1M
    [[ $stderr == *'path vmsplice leaves the blocks to the driver'*'use --path=copy'* ]] || fail "$stderr"
    # Without a path the option chooses.
    play_json 0 --underrun=zero "dev:$SINK,$SMALL,rate=4M" sim:blocks=4,block=64K --bytes 1M
}

# captures: it has begun, so that nothing that is played is dropped.
captures() {
    has_line "/sys/kernel/debug/zcdma/${LOOP_IN##*/}/stats" '^running 1$'
}

# capture_loop BYTES: capture that from the loop, into the file captured.
capture_loop() {
    "$ZCDMA" capture -q "dev:$LOOP_IN,$SMALL" --bytes "$1" -o captured --no-sync 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 captures || fail 'the loop does not capture'
}

@test "play: bench measures each way to the device, with the copies that it has" {
    run -0 --separate-stderr zcdma bench --json --direction=play --to="dev:$SINK" --block 64K --ring 1M --seconds 0.3 \
        --repeat 1
    # What is in a block that is not full yet is counted before the block is.
    jq -e '.direction == "play" and .failures == [] and .cost_of == "sender" and
        ([.rows[] | [.mode, .memory, (.copies_per_byte | if . then round else . end)]] == [["copy", "sim", 1],
        ["vmsplice", "sim", 0], ["copy", "file", 1], ["splice", "file", 0], ["copy", "tcp", 1],
        ["splice", "tcp", null]])' <<<"$output" || fail "$output"
    jq -e 'all(.rows[]; .bytes_per_second > 0 and .sender_cpu_seconds_per_gb > 0 and .block_bytes == 65536 and
        .ring_bytes == 1048576 and (has("receiver_cpu_seconds_per_gb") | not) and
        .repeats[0].sent_bytes > 0)' <<<"$output"
    run -0 zcdma bench --direction=play --to="dev:$SINK" --mode=copy,vmsplice --memory=sim --block 64K --ring 1M \
        --seconds 0.1 --repeat 1
    assert_line --regexp "^  device +dev:$SINK$"
    assert_line --regexp '^MODE +FROM +GB/s +SENDER s/GB '
    assert_output --partial "Best to play to dev:$SINK with blocks of 64.00 KiB: "
    run -2 --separate-stderr zcdma bench --direction=play --to="dev:$SIM"
    [[ $stderr == *"$SIM is a capture device"* ]] || fail "$stderr"
}

@test "play: what a loop plays is captured, equal" {
    capture_loop 1000001
    play_json 0 "dev:$LOOP_OUT,$SMALL" "$BATS_FILE_TMPDIR/data"
    wait_exit "$CAPTURE"
    cmp captured "$BATS_FILE_TMPDIR/data"
}

@test "play: --loop repeats a waveform that is in the ring without reading it again, and a larger one by reading" {
    local size
    for size in 100000 300001; do
        head -c $size "$BATS_FILE_TMPDIR/data" >wave
        for ((i = 0; i < 11; i++)); do cat wave; done | head -c 1000000 >wanted
        capture_loop 1000000
        play_json 0 --loop --bytes 1000000 "dev:$LOOP_OUT,$SMALL" wave
        wait_exit "$CAPTURE"
        cmp captured wanted
        holds ".played_bytes == 1000000 and .gathered_bytes == 0 and
            .read_bytes == if $size == 100000 then 100000 else 1000000 end"
    done
}

# starves: the device has counted underruns; plays N: it has played at least so many blocks. What it did for the player
# before stays until the next one sets a ring up, and starts it.
starves() {
    has_line "$STATS" '^running 1$' && has_line "$STATS" '^underruns [1-9]'
}
plays() {
    local name value
    has_line "$STATS" '^running 1$' || return
    while read -r name value; do
        [[ $name != blocks ]] || ((value < $1)) || return 0
    done <"$STATS"
    return 1
}

# play_late [OPTION...]: play half of the data, wait until the command in EVENT is true, and let the test go on. The
# document is in played.
play_late() {
    mkfifo pipe
    "$ZCDMA" play --json "$@" "dev:$SINK,$SMALL,rate=6M" - <pipe >played 2>&1 3>&- &
    PLAY=$!
    PIDS+=("$PLAY")
    exec {WRITE}>pipe
    head -c 512K "$BATS_FILE_TMPDIR/data" >&"$WRITE"
    until_true 30 "${EVENT[@]}" || fail "waited in vain for ${EVENT[*]}: $(<"$STATS")"
}

@test "play: an underrun is counted, and has a status of its own" {
    EVENT=(starves)
    play_late
    tail -c +524289 "$BATS_FILE_TMPDIR/data" >&"$WRITE"
    exec {WRITE}>&-
    wait_exit "$PLAY" 4
    jq -e '.played_bytes == 1000001 and .underruns > 0 and .underrun_bytes == .underruns * 65536 and .zero_bytes == 0' played
    jq -e '.error.message | contains("the device had nothing to play")' played
    sink_has_played 1000001
}

# stopped: it has ended by itself.
stopped() {
    ended "$PLAY"
}

@test "play: --underrun=stop ends there, though nothing comes" {
    EVENT=(stopped)
    play_late --underrun=stop
    wait_exit "$PLAY" 1
    exec {WRITE}>&-
    jq -e '.played_bytes == 524288 and .underruns > 0' played
    jq -e '.error.message | contains("after 524288 bytes the device had nothing to play")' played
    sink_has_played 524288
}

@test "play: --underrun=zero plays zeros in time" {
    EVENT=(plays 12)
    play_late --underrun=zero
    tail -c +524289 "$BATS_FILE_TMPDIR/data" >&"$WRITE"
    exec {WRITE}>&-
    until_true 60 ended "$PLAY" || fail 'it still plays after a minute'
    # A machine that stands still for a block has an underrun all the same, and says so.
    jq -e '.played_bytes == 1000001 and .zero_bytes >= 65536 and
        .exit_status == if .underruns > 0 then 4 else 0 end' played
    run -2 --separate-stderr zcdma play --underrun=zero "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    [[ $stderr == *'it plays as fast as data comes'*'rate=SIZE'* ]] || fail "$stderr"
}

@test "play: a source that ends early: all that there was is played, status 1" {
    play_json 1 --bytes 2M "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    holds '.played_bytes == 1000001 and (.error.message | contains("the source ended after 976.56 KiB of the 2.00 MiB"))'
    play_json 1 --blocks 100 "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    holds '.played_bytes == 1000001 and (.error.message | contains(" of the 100 blocks that --blocks asks for"))'
    sink_has_played 1000001
}

@test "play: devices of the other direction are named" {
    run -2 --separate-stderr zcdma play "dev:$SIM" "$BATS_FILE_TMPDIR/data"
    assert_equal "${stderr%%$'\n'*}" "zcdma play: play to dev:$SIM: $SIM is a capture device: it plays nothing"
    [[ $stderr == *"zcdma capture dev:$SIM" ]]
    run -2 --separate-stderr zcdma capture "dev:$SINK" -o captured
    [[ $stderr == *'the device plays data, and captures none'*"zcdma play dev:$SINK SOURCE" ]]
    run -2 --separate-stderr zcdma play "dev:$SINK,block=100" "$BATS_FILE_TMPDIR/data"
    assert_equal "${stderr%%$'\n'*}" "zcdma play: device dev:$SINK,block=100: block=100 is not valid"
}

# play_on: play without an end, so slowly that a block takes a while.
play_on() {
    "$ZCDMA" play --json --loop "dev:$SINK,$SMALL,rate=3M" "$BATS_FILE_TMPDIR/data" >played 2>&1 3>&- &
    PLAY=$!
    PIDS+=("$PLAY")
    until_true 20 plays 3 || fail "it does not play: $(<played)"
}

@test "play: a device that plays is busy for others, and is not for everybody" {
    copy_for_all
    play_on
    run -2 --separate-stderr zcdma play "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    [[ $stderr == *'Device or resource busy'*"one program at a time may play to it; this names it: fuser -v $SINK" ]]
    run -2 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups "$ZCDMA" play "dev:$SINK" /etc/hostname
    [[ $stderr == *"open $SINK: Permission denied"*'usermod -aG zcdma USER' ]] || fail "$stderr"
    # Ctrl-C: what is queued is played.
    kill -INT "$PLAY"
    wait_exit "$PLAY" 130
    jq -e '.played_bytes == .queued_bytes and .played_bytes > 0' played
}

@test "play: killed in the middle, the device is free for the next" {
    play_on
    kill -KILL "$PLAY"
    wait_exit "$PLAY" 137
    until_true 20 has_line "$STATS" '^ring_blocks 0$'
    play_json 0 "dev:$SINK,$SMALL" "$BATS_FILE_TMPDIR/data"
    sink_has_played 1000001
}

@test "play: the device is removed in the middle" {
    play_on
    echo zcdma-sink.0 >/sys/bus/platform/drivers/zcdma-sim/unbind
    wait_exit "$PLAY" 1
    echo zcdma-sink.0 >/sys/bus/platform/drivers/zcdma-sim/bind
    jq -e '.error.errno == "ENODEV" and (.error.message | contains("play to dev:'"$SINK"'"))
        and (.error.hint | contains("removed"))' played || fail "$(<played)"
    play_json 0 "dev:$(node sink 1),$SMALL" "$BATS_FILE_TMPDIR/data"
}

# fetch_on: play a device's pages without an end, so slowly that some are with the other one at any time.
fetch_on() {
    "$ZCDMA" play --json "dev:$SINK,$SMALL,rate=3M" "dev:$SIM,blocks=8,block=64K" >played 2>&1 3>&- &
    PLAY=$!
    PIDS+=("$PLAY")
    until_true 20 plays 3 || fail "it does not play: $(<played)"
}

@test "play: Ctrl-C while pages are fetched: what is queued is played; killed: both devices are free" {
    fetch_on
    kill -INT "$PLAY"
    wait_exit "$PLAY" 130
    jq -e '.played_bytes == .queued_bytes and .played_bytes > 0 and .kernel_copies == 0' played
    fetch_on
    kill -KILL "$PLAY"
    wait_exit "$PLAY" 137
    until_true 20 has_line "$STATS" '^ring_blocks 0$'
    until_true 20 has_line "/sys/kernel/debug/zcdma/${SIM##*/}/stats" '^ring_blocks 0$'
    play_json 0 --expect=zerocopy "dev:$SINK,$SMALL" "dev:$SIM,$SMALL" --bytes 1M
    sink_has_played 1048576
}

@test "play: either device is removed while pages are fetched" {
    local name
    for name in sink sim; do
        fetch_on
        echo zcdma-$name.0 >/sys/bus/platform/drivers/zcdma-sim/unbind
        wait_exit "$PLAY" 1
        echo zcdma-$name.0 >/sys/bus/platform/drivers/zcdma-sim/bind
        jq -e --arg node "$([[ $name == sink ]] && echo "$SINK" || echo "$SIM")" \
            '.error.errno == "ENODEV" and (.error.message | contains($node))' played || fail "$(<played)"
        SINK=$(node sink 1) SIM=$(node sim 1) STATS=/sys/kernel/debug/zcdma/${SINK##*/}/stats
        play_json 0 --expect=zerocopy "dev:$SINK,$SMALL" "dev:$SIM,$SMALL" --bytes 1M
        sink_has_played 1048576
    done
}
