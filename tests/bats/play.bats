#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What `zcdma play` says without a device that plays; tests/vm/play.bats plays.

load common

# refused STATUS ERROR HINT ARGUMENT...: play ends with it, after an error and a hint, or '' without one.
refused() {
    local status=$1 error=$2 hint=${3:+$'\n'"  $3"}
    shift 3
    run -"$status" --separate-stderr zcdma play "$@"
    assert_output ''
    # shellcheck disable=SC2154 # bats sets stderr
    assert_equal "$stderr" "zcdma play: $error$hint"
}

NAME_DEVICE='name a device first: zcdma play dev:/dev/zcdma1 file:PATH'

@test "play: a device comes first" {
    echo data >data
    refused 2 'play to file:data: it is not a device of the driver, dev:[PATH,OPTIONS]' "$NAME_DEVICE" file:data dev:
    refused 2 "play to '': it is not a device of the driver, dev:[PATH,OPTIONS]" "$NAME_DEVICE" '' dev:
    refused 2 'play to sim:: it is not a device of the driver, dev:[PATH,OPTIONS]' "$NAME_DEVICE" sim: data
    refused 2 'play to /dev/null: it is not a device of the driver, dev:[PATH,OPTIONS]' "$NAME_DEVICE" /dev/null data
    refused 2 'open /dev/null: not a zcdma device' 'list its devices: ls /dev/zcdma*; of another driver use read:PATH' dev:/dev/null data
}

@test "play: without a driver it says so, with a status of its own, and reads nothing" {
    echo data >data
    refused 3 'open /dev/nosuchdevice: no driver on this machine has this device' \
        'no module is loaded that has this device: modprobe zcdma_sim sinks=1 makes a simulated one that plays, /dev/zcdma1' \
        dev:/dev/nosuchdevice data
    run -3 --separate-stderr zcdma play --json dev:/dev/nosuchdevice data
    [[ $(jq -r '.error.errno, .exit_status' <<<"$output") == $'EOPNOTSUPP\n3' ]]
    # Nor does it listen.
    run -3 --separate-stderr zcdma play dev:/dev/nosuchdevice tcp::0
    [[ $stderr != *listening* ]]
    # shellcheck disable=SC2016 # for the inner shell
    run -0 bash -c '{ "$1" play -q dev:/dev/nosuchdevice; cat; } <data' - "$ZCDMA"
    [[ $output == *data ]]
}

@test "play: the source has to be named, or to be there" {
    echo data >data
    refused 2 'no SOURCE was given' \
        'name what to play: file:PATH, tcp:[HOST]:PORT, - (standard input), dev:PATH, or another source' \
        dev: </dev/null
    refused 2 'open nothing: No such file or directory' '' dev: nothing
    refused 2 'unexpected argument more' 'usage: zcdma play [OPTION...] DEVICE [SOURCE]' dev: data more
    refused 2 'an argument is missing' 'usage: zcdma play [OPTION...] DEVICE [SOURCE]'
}

@test "play: options that do not fit are refused before a device is opened" {
    echo data >data
    refused 2 '--loop is for file:PATH and -, and the source is sim:' 'leave it out' --loop dev: sim:
    refused 2 '--direct is for file:PATH, and the source is -' 'leave it out' --direct dev: -
    refused 2 '--direct is for file:PATH, and the source is standard input' 'leave it out' --direct dev: <data
    refused 2 '--underrun wait: must be one of count, stop, zero' '' --underrun=wait dev: data
    refused 2 '--expect copied: must be one of zerocopy' '' --expect=copied dev: data
    refused 2 'path zerocopy to dev:: it is not for a device' 'use --path=copy, --path=vmsplice or --path=splice' \
        --path=zerocopy dev: data
    refused 2 '--underrun=zero: path vmsplice leaves the blocks to the driver' 'use --path=copy' \
        --underrun=zero --path=vmsplice dev: data
    refused 2 '--underrun=zero: path splice leaves the blocks to the driver' 'use --path=copy' \
        --underrun=zero --path=splice dev: data
    refused 2 '--rate is for sim: and dev:, and the source is data' 'leave it out, or pace the file: file:data,pace=1M' --rate=1M dev: data
    refused 2 'device dev:/dev/null,speed=1: unknown option speed' \
        'dev: takes model=, blocks=, block=, rate=, seed=, policy=, timeout=, watermark=, node= and together=' dev:/dev/null,speed=1 data
}
