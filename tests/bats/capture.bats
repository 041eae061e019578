#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# capture: what it writes, when it ends, and what it says about it.
# shellcheck disable=SC2016,SC2094 # scripts for another shell; files that are read only

load common
load capture
load pipe

#
# What comes out
#

@test "capture: every word of standard output is its offset / 8, xor the seed" {
    zcdma capture -q --bytes 64K sim: >data
    run -0 diff <(pattern 0 8192) <(words <data)
    zcdma capture -q --bytes 64K --pattern 12345678901 sim:block=4K >data
    run -0 diff <(pattern 12345678901 8192) <(words <data)
    zcdma capture -q --bytes 64K sim:block=4K,blocks=3,seed=0xfeedfacecafe >data
    run -0 diff <(pattern 0xfeedfacecafe 8192) <(words <data)
}

@test "capture: a known sum" {
    set -o pipefail
    run -0 eval '"$ZCDMA" capture -q --bytes 1M | sha256sum'
    assert_output --partial 82d2c958df6a38a76154b28789469c4a29920c47d8f839d5bb74315116324f33
    run -0 eval '"$ZCDMA" capture -q --bytes 1M --pattern 7 | sha256sum'
    assert_output --partial 0d3845e082cee4ec562faab70d5b52d30d98216efee79a9bb86f5aadbb8c742c
}

@test "capture: --bytes and --blocks are exact" {
    local n
    zcdma capture -q sim: --bytes 3M >all
    for n in 1 3 4095 4096 4097 65537 1048575 1048577 2999999; do
        zcdma capture -q sim: --bytes "$n" >data
        head -c "$n" all | cmp - data
    done
    zcdma capture -q --blocks 7 sim:block=12K,blocks=2 >data
    head -c $((7 * 12288)) all | cmp - data
    zcdma capture -q --blocks 7 --bytes 20K sim:block=4K >data
    head -c 20480 all | cmp - data
    zcdma capture -q --blocks 2 --bytes 20K sim:block=4K >data
    head -c 8192 all | cmp - data
}

@test "capture: --seconds ends it, without an error" {
    local seconds
    # On a busy machine nothing may have come in the first of these times.
    for seconds in 0.2 2 20; do
        run -0 --separate-stderr zcdma capture --json --seconds $seconds --rate 1M -o data sim:block=4K,blocks=4096
        jq -e --argjson least $seconds '.elapsed_seconds >= $least and .error == null' <<<"$output"
        (($(jq .captured_bytes <<<"$output") == 0)) || break
    done
    assert_equal "$(stat -c %s data)" "$(jq .captured_bytes <<<"$output")"
    zcdma verify -q data
    # Also where not a byte comes in that time.
    run -0 --separate-stderr zcdma capture --json --seconds 0.1 -o data sim:block=64K,rate=1
    assert_equal "$(jq .captured_bytes <<<"$output")" 0
}

@test "capture: fill=once hands out the same blocks again and again" {
    zcdma capture -q --blocks 3 sim:block=4K >one_lap
    zcdma capture -q --blocks 8 sim:block=4K,blocks=3,fill=once >data
    cat one_lap one_lap one_lap | head -c 32768 | cmp - data
    # Nothing is written a second time, so nothing has to be given away.
    zcdma capture --path splice --json --blocks 8 sim:block=4K,blocks=3,fill=once 2>report | cmp - data
    assert_equal "$(value replaced_blocks)" 0
}

#
# A reader that is late
#

@test "capture: a slow reader makes overruns, and verify finds as much missing as was lost" {
    local missing
    stalled_capture --json --blocks 40 --rate 6400K sim:block=64K,blocks=2
    until_true 30 statistics_say 'overruns [1-9]' || fail "no overrun: $(cat report)"

    run -1 --separate-stderr zcdma verify --json - <&9
    jq -e '.gap_count >= 1 and .gap_count == .faults and .first_kind == "gap" and .bad_bytes == 0' <<<"$output"
    assert_equal "$(jq .received_bytes <<<"$output")" $((40 * 65536))
    missing=$(jq .missing_bytes <<<"$output")

    wait_exit "$CAPTURE" 4
    value error.message | grep -q "^lost data: $((missing / 65536)) blocks (.*) are missing"
    # What may have been lost behind the last block leaves no gap: nothing follows it.
    assert_equal "$missing" $((($(value last_seq) + 1 - $(value blocks)) * 65536))
    assert_equal "$(value lost_bytes)" $(($(value overruns) * 65536))
    (($(value lost_bytes) >= missing && missing > 0))
}

@test "capture: without a rate the device waits for the reader, and nothing is lost" {
    stalled_capture --json --bytes 10M sim:block=64K,blocks=2
    until_true 30 statistics_say 'capture: [1-9]' || fail "nothing came: $(cat report)"
    zcdma verify -q --bytes 10M - <&9
    wait_exit "$CAPTURE"
    assert_equal "$(value overruns)" 0
}

# What the pipe refers to must not be written to: more blocks are in the pipe than the ring has.
@test "capture: --path=vmsplice and splice to a pipe whose reader is late" {
    local path
    zcdma capture -q sim: --bytes 2M >expected
    for path in vmsplice splice sendfile; do
        rm -f pipe
        stalled_capture --json --path "$path" --bytes 2M sim:block=4K,blocks=4
        until_true 30 statistics_say 'block ([89]|1[0-9]),' || fail "$path is not ahead: $(cat report)"
        cmp expected - <&9
        wait_exit "$CAPTURE"
        assert_equal "$path $(value path) $(value replaced_blocks)" "$path $path 512"
    done
}

@test "capture: --path=vmsplice and splice with blocks of every kind" {
    local path ring
    set -o pipefail
    for ring in block=64K,blocks=2 block=1M,blocks=16 block=2M,blocks=4 block=12K,blocks=5; do
        for path in vmsplice splice; do
            zcdma capture -q --path "$path" --bytes 24000001 "sim:$ring" | {
                head -c 100000 >first
                cat first -
            } | zcdma verify -q --bytes 24000001 -
        done
    done
}

#
# Sources
#

@test "capture: file: and a bare path are copied as they are" {
    local path
    set -o pipefail
    any_bytes 3000001 >data
    zcdma capture -q -o copy file:data
    cmp data copy
    zcdma capture -q ./data | cmp data -
    zcdma capture -q --bytes 1234567 data >copy
    head -c 1234567 data | cmp - copy
    for path in copy vmsplice splice sendfile; do
        zcdma capture -q --path "$path" file:data | cmp data -
    done
    : >data
    zcdma capture -q -o copy data
    cmp data copy
}

# Sizes of 0, and of a page.
@test "capture: a file whose size says nothing is read to its end" {
    local path file
    for file in /proc/filesystems /sys/class/net/lo/mtu; do
        for path in copy splice sendfile; do
            zcdma capture -q --path=$path file:$file -o data
            cmp data $file
            zcdma capture -q --path=$path - -o data <$file
            cmp data $file
            zcdma capture -q --path=$path $file | cmp - $file
        done
        zcdma capture -q $file | zcdma capture -q - -o data
        cmp data $file
        zcdma capture -q $file --manifest data.xxh -o data
        zcdma verify -q --manifest data.xxh $file
    done
}

@test "capture: - is standard input: a pipe of odd sizes, a file from where it stands" {
    local path
    set -o pipefail
    any_bytes 3000001 >data
    for path in copy vmsplice splice; do
        dd if=data bs=777 status=none | zcdma capture -q --path "$path" - | cmp data -
        # It may not get rid of all of it.
        { dd if=data bs=99991 status=none || :; } | zcdma capture -q --path "$path" --bytes 2M - |
            cmp <(head -c 2M data) -
    done
    for path in copy splice sendfile; do
        {
            head -c 100001 >/dev/null
            zcdma capture -q --path "$path" - | cmp <(tail -c +100002 data) -
        } <data
    done
    zcdma capture -q - </dev/null | cmp /dev/null -
}

@test "capture: --bytes takes no byte more from standard input" {
    local path n
    any_bytes 300000 >data
    for path in copy vmsplice splice; do
        for n in 10 4097; do
            # shellcheck disable=SC2002 # a pipe is what this is about
            cat data | {
                zcdma capture -q --path "$path" --bytes "$n" - | cat >first
                cat >rest
            }
            assert_equal "$path $(stat -c %s first)" "$path $n"
            cat first rest | cmp data -
        done
    done
    for path in copy splice sendfile; do
        {
            zcdma capture -q --path "$path" --bytes 10 - >first
            cat >rest
        } <data
        assert_equal "$path $(stat -c %s first)" "$path 10"
        cat first rest | cmp data -
    done
}

@test "capture: --rate and --pattern are for sim:" {
    echo x >data
    run -2 --separate-stderr zcdma capture --rate 1M data
    assert_equal "$stderr" 'zcdma capture: --rate is for sim: and dev:, and the source is data
  leave it out, or pace the file: file:data,pace=1M'
    run -2 --separate-stderr zcdma capture --pattern 1 - <data
    assert_equal "$stderr" 'zcdma capture: --pattern is for sim: and dev:, and the source is -
  leave it out'
}

@test "capture: that the default source is simulated is said in one line, quiet or not" {
    local options note='no SOURCE was given: using sim:, a simulated device'
    for options in '' -q; do
        # shellcheck disable=SC2086 # empty is no option
        run -0 --separate-stderr zcdma capture $options --bytes 1M -o /dev/null
        assert_equal "$stderr" "zcdma capture: $note"
    done
    run -0 --separate-stderr zcdma capture --json --bytes 1M -o /dev/null
    assert_equal "$stderr" ''
    assert_equal "$(jq -c '[.notes[0], .simulated]' <<<"$output")" "[\"$note\",true]"
}

@test "capture: a recording of simulated data is to be asked for" {
    local output
    echo precious >data
    for output in '-o data' '>>data' '-o new' '--json -o new'; do
        run -2 --separate-stderr eval "zcdma capture -q --bytes 1M $output"
        assert_regex "$output$stderr" 'no SOURCE was given, and there is no /dev/zcdma0'
        assert_regex "$output$stderr" 'or sim: for simulated data'
    done
    assert_equal "$(cat data)" precious
    [[ ! -e new ]]
}

@test "capture: simulated data is called so, also at the other end of a pipe" {
    local how
    zcdma capture -q --bytes 1M sim: -o data --manifest m
    grep -qx '# simulated data' m
    zcdma verify -q --manifest m data
    run -0 --separate-stderr eval 'lead -q --bytes 1M sim: | zcdma verify --json --handover=require'
    assert_equal "$(jq .simulated <<<"$output")" true
    lead -q --bytes 1M sim: | zcdma capture -q --handover=require -o copy --manifest n -
    # But for the times, of which each run has its own.
    diff <(awk '/^#/ && !/clock/; !/^#/ { $4 = ""; print }' m) <(awk '/^#/ && !/clock/; !/^#/ { $4 = ""; print }' n)
    # Bytes do not say where they come from, nor does a file.
    for how in 'cat data |' 'zcdma capture -q data |' 'zcdma capture -q sim: --bytes 1M --handover=never |'; do
        run -0 --separate-stderr eval "$how zcdma capture --json --manifest n -o copy -"
        assert_equal "$(jq .simulated <<<"$output")" null
        refute grep -q simulated n
    done
}

#
# Reports and signals
#

@test "capture: the JSON document" {
    run -0 --separate-stderr zcdma capture --json --bytes 100001 -o data \
        --manifest data.xxh sim:block=64K,blocks=4
    run -0 jq -c '[.schema, .applet, .captured_bytes, .to, .path, .calls, .manifest, .source, .blocks,
        .last_seq, .ring_blocks, .block_bytes, .overruns, .lost_bytes, .replaced_blocks, .notes,
        .error, .exit_status]' <<<"$output"
    assert_output '[1,"capture",100001,"data","copy",2,"data.xxh","sim:block=64K,blocks=4",'`
        `'2,1,4,65536,0,0,0,[],null,0]'
}

@test "capture: the JSON document's other values are numbers" {
    run -0 --separate-stderr zcdma capture --json --bytes 1M -o data sim:
    jq -e '[.elapsed_seconds, .bytes_per_second, .page_bytes, .cpu_seconds, .sender_cpu_seconds]
        | all(type == "number" and . >= 0)' <<<"$output"
}

@test "capture: SIGUSR1 prints the statistics of now, and it goes on" {
    "$ZCDMA" capture --rate 4M -o data sim:block=64K >out 2>report 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 30 statistics_say '^zcdma capture: [0-9.]+ [KM]iB in [0-9.]+ s, .* block [1-9]' ||
        fail "no statistics: $(cat report)"
    kill -INT "$CAPTURE"
    wait_exit "$CAPTURE" 130
}

@test "capture: reports how long blocks waited and took; without blocks that is unknown" {
    run -0 --separate-stderr zcdma capture --json --bytes 4M -o out sim:
    jq -e '.device_to_sent_p50_ns > 0 and .latency_p50_ns > 0 and .latency_max_ns >= .latency_p50_ns and
        .last_seq == 3' <<<"$output"
    zcdma capture --json - -o out </dev/null >json
    jq -e '.blocks == 0 and .last_seq == null and .latency_p50_ns == null' json
    run -0 zcdma capture --bytes 4M -o out sim:
    assert_line --regexp '^  waited +p50 .* from the device to the send$'
    assert_line --regexp '^  latency +p50 '
}

@test "capture: the first Ctrl-C writes what was captured, and reports: status 130" {
    # A ring for seconds, as a device with a pace drops what a busy machine does not fetch.
    "$ZCDMA" capture --json --rate 20M -o data --manifest data.xxh sim:block=64K,blocks=1024 >report 2>err 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 30 has_data data
    kill -INT "$CAPTURE"
    wait_exit "$CAPTURE" 130
    assert_equal "$(value captured_bytes) $(value exit_status)" "$(stat -c %s data) 130"
    zcdma verify -q data
    zcdma verify -q --manifest data.xxh data
}

@test "capture: the first Ctrl-C drains the ring into a late reader" {
    # An overrun means that each of the ring's 8 blocks is full. Fewer fit into the pipe.
    stalled_capture --json --rate 64M sim:block=1M,blocks=8
    until_true 30 statistics_say 'overruns [1-9]' || fail "no overrun: $(cat report)"
    kill -INT "$CAPTURE"
    cat <&9 >data
    wait_exit "$CAPTURE" 130
    assert_equal "$(value captured_bytes)" "$(stat -c %s data)"
    (($(value blocks) >= 8))
    # Those were full before the first block was lost.
    head -c 8M data | zcdma verify -q -
}

@test "capture: the second Ctrl-C ends it at once, whatever the reader does" {
    stalled_capture sim:
    until_true 30 statistics_say 'capture: [1-9]' || fail "nothing came: $(cat report)"
    kill -INT "$CAPTURE"
    # One that comes right after it is the same.
    until_true 30 eval 'kill -INT "$CAPTURE"; ended "$CAPTURE"'
    wait_exit "$CAPTURE" 130
    refute grep -q captured report
}

@test "capture: a reader that has enough: one line, status 1" {
    run -1 --separate-stderr eval '{ "$ZCDMA" capture sim:; echo $? >status; } | head -c 100000 >data;
        exit "$(cat status)"'
    assert_equal "$(grep -c '^zcdma' <<<"$stderr")" 1
    assert_regex "$stderr" '^zcdma capture: write to standard output: Broken pipe'
}

@test "capture: no binary data on a terminal" {
    command -v script >/dev/null || skip 'util-linux here has no script(1)'
    run -2 script -qec "'$ZCDMA' capture --bytes 1M sim:" /dev/null </dev/null
    assert_equal "${output//$'\r'/}" \
        'zcdma capture: standard output is a terminal, and the data is binary
  write to a file with -o FILE, or pipe it on'
    # With -o the terminal gets the report.
    run -0 script -qec "'$ZCDMA' capture --bytes 1M -o data sim:" /dev/null </dev/null
    assert_output --regexp 'captured +1.00 MiB to data'
}

@test "capture: on a terminal it says that the disk is what it waits for" {
    command -v script >/dev/null || skip 'util-linux here has no script(1)'
    TERM=xterm run -0 script -qec "'$ZCDMA' capture --bytes 1M -o data sim:" /dev/null </dev/null
    assert_output --partial 'writing to the disk: data'
    TERM=xterm run -0 script -qec "'$ZCDMA' capture --bytes 1M --no-sync -o data sim:" /dev/null </dev/null
    refute_output --partial 'writing to the disk'
}

@test "capture: a socket on standard input" {
    run -0 zcdma capture -q sim: --bytes 1M -o sent
    nc -l -N -v 127.0.0.1 0 <sent 2>nc.err 3>&- &
    PIDS+=($!)
    until_true 10 grep -q Listening nc.err
    # A socket ends in one way only: how much there has to be must be said.
    run -1 zcdma capture --bytes 2M --expect=complete -o got - <>"/dev/tcp/127.0.0.1/$(grep -oE '[0-9]+$' nc.err)"
    assert_output --regexp 'source +standard input'
    cmp sent got
}

@test "capture: a full disk: one line, status 1, a report of what was written" {
    run -1 --separate-stderr zcdma capture --bytes 1M -o /dev/full sim:
    assert_equal "$stderr" "zcdma capture: write to /dev/full: No space left on device
  free some space; what was written before stays"
    assert_line --regexp '^  captured +0 B to /dev/full'
    run -1 --separate-stderr zcdma capture --bytes 1M -o data --manifest /dev/full sim:
    assert_equal "$stderr" "zcdma capture: write manifest /dev/full: No space left on device
  free some space; what was written before stays"
    zcdma verify -q --bytes 1M data
}

@test "capture: the source is reported with what --rate and --pattern add" {
    run -0 --separate-stderr zcdma capture sim: --rate 500M --pattern 3 --bytes 1M -o data --json
    jq -e '.source == "sim:rate=500M,seed=3"' <<<"$output"
    # Which is the same again.
    zcdma capture -q "$(jq -r .source <<<"$output")" --bytes 1M -o again
    cmp data again
    run -0 --separate-stderr zcdma capture - --bytes 100 -o again --json <data
    jq -e '.source == "standard input"' <<<"$output"
}

@test "capture: without a driver, dev: says so with a status of its own" {
    run -3 --separate-stderr zcdma capture dev:/dev/nosuchdevice -o out.bin
    assert_equal "${stderr_lines[0]}" 'zcdma capture: open /dev/nosuchdevice: no driver on this machine has this device'
    [[ ${stderr_lines[1]} == *'modprobe zcdma'* ]]
    run -3 --separate-stderr zcdma capture --json dev:/dev/nosuchdevice -o out.bin
    jq -e '.error.errno == "EOPNOTSUPP"' <<<"$output"
    # What is there, and is another thing, is a wrong name.
    run -2 zcdma capture dev:/dev/null -o out.bin
    assert_output "zcdma capture: open /dev/null: not a zcdma device
  list its devices: ls /dev/zcdma*; of another driver use read:PATH"
    run -2 zcdma capture v4l2:/dev/null -o out.bin
    assert_output "zcdma capture: open /dev/null: not a V4L2 device
  list the devices: ls /dev/video*"
    run -2 zcdma capture iio:/dev/null -o out.bin
    assert_output "zcdma capture: open /dev/null: not an IIO device with a buffer
  list the devices: ls /dev/iio:device*"
    [ ! -e out.bin ]
}

@test "capture: a video or IIO device that is not there: says where those that are can be found" {
    run -3 zcdma capture v4l2:/dev/video99 -o out.bin
    assert_output "zcdma capture: open /dev/video99: no driver on this machine has this device
  /dev/v4l and /sys/class/video4linux list the devices of this machine"
    run -3 zcdma capture iio:/dev/iio:device99 -o out.bin
    assert_output "zcdma capture: open /dev/iio:device99: no driver on this machine has this device
  /sys/bus/iio/devices lists the devices of this machine"
    [ ! -e out.bin ]
}

@test "capture: options of dev: are checked without a device" {
    for spec in model=fast model= blocks=x block=4X rate=0 seed=-1 policy=loose colour=red ','; do
        run -2 zcdma capture "dev:$spec" -o out.bin
        assert_line --index 0 --regexp '^zcdma capture: source dev:.*: (.* is not valid|unknown option .*)$'
        assert_line --index 1 --regexp '(takes|take) '
    done
}

@test "capture: copies into a file are known where its file system is, and else unknown" {
    local path
    findmnt -T . -n -o FSTYPE | grep -Eq '^(ext[234]|xfs|btrfs|f2fs|tmpfs)$' || skip 'not such a file system'
    for path in copy splice sendfile; do
        run -0 --separate-stderr zcdma capture --json -n 1M --path=$path -o out sim:
        jq -e '.kernel_copies == 1' <<<"$output"
        # Its driver throws away what it gets, and /dev is a tmpfs without being files.
        run -0 --separate-stderr zcdma capture --json -n 1M --path=$path -o /dev/null sim:
        jq -e '.kernel_copies == null and .kernel_copied_bytes == null and
            (.copies_reason | test("/dev/null"))' <<<"$output"
    done
}

@test "capture: --expect=complete: a source that ends early, or loses data, is status 1" {
    run -0 eval 'head -c 100000 /dev/zero | zcdma capture -q - -o a --bytes 200000'
    run -1 eval 'head -c 100000 /dev/zero | zcdma capture -q - -o a --manifest m --bytes 200000 --expect=complete'
    assert_output --partial '--expect=complete: the source ended before all had come'
    refute grep -q '^# end' m
    run -0 eval 'head -c 200000 /dev/zero | zcdma capture -q - -o a --manifest m --bytes 200000 --expect=complete'
    grep -q '^# end' m
    run -0 zcdma capture -q sim:block=4K --bytes 8K --blocks 100 -o a --expect=complete
    run -0 zcdma capture -q sim:block=4K --bytes 8M --blocks 1 -o a --expect=complete
    run -1 zcdma capture -q sim:rate=1M --bytes 1G --seconds 0.01 -o a --expect=complete
    assert_output --partial '--expect=complete: --seconds ended it before all had come'
    run -1 zcdma capture -q sim:blocks=2,block=4K,rate=100G --blocks 200 -o a --manifest m --expect=complete
    assert_output --partial 'lost data'
    refute grep -q '^# end' m
    # Unknown is not nothing.
    run -1 --separate-stderr zcdma capture read:/dev/zero --bytes 8M -o a --manifest m --expect=complete --json
    jq -e '.overruns == null and .lost_bytes == null and .discontinuities == null and .missing_bytes == null
        and (.loss_reason | test("no driver says")) and .error.message == "--expect=complete: it is unknown what was lost: "
            + .loss_reason' <<<"$output"
    refute grep -q '^# end' m
    run -0 zcdma capture read:/dev/zero --bytes 8M -o a
    assert_line --regexp '^  lost +unknown: no driver says'
    run -2 zcdma capture -q sim: -o a --expect=complete
    assert_output --partial 'give --bytes or --blocks'
    run -2 zcdma capture -q sim: -o a --blocks 1 --expect=copied
}

@test "capture: a source that ends before --bytes or --blocks is noted, and the status is 0" {
    any_bytes 100000 >data
    run -0 --separate-stderr zcdma capture data -o copy --bytes 200000
    assert_equal "$stderr" 'zcdma capture: the source ended after 97.66 KiB of the 195.31 KiB that --bytes asks for'
    cmp data copy
    run -0 --separate-stderr zcdma capture data -o copy --blocks 2
    assert_equal "$stderr" 'zcdma capture: the source ended after 1 of the 2 blocks that --blocks asks for'
    run -0 --separate-stderr zcdma capture data -o copy --bytes 200000 --json
    jq -e '.notes[0] | test("the source ended")' <<<"$output"
    # Either limit may end it, and -q asks for errors only.
    run -0 --separate-stderr zcdma capture data -o copy --bytes 200000 --blocks 1
    assert_equal "$stderr" ''
    run -0 --separate-stderr zcdma capture -q data -o copy --bytes 200000
    assert_equal "$stderr" ''
    receiver
    run -0 --separate-stderr zcdma copysend "$TO" data --bytes 200000
    [[ $stderr == 'zcdma copysend: the source ended after 97.66 KiB of '* ]]
    received 1
    # A limit ends packets with the last whole one.
    run -0 --separate-stderr zcdma capture "pcap:$BATS_TEST_DIRNAME/../data/ethernet.pcap" --bytes 500 -o packets
    assert_equal "$stderr" ''
    run -0 zcdma capture -q "pcap:$BATS_TEST_DIRNAME/../data/ethernet.pcap" --bytes 500 -o packets --expect=complete
    run -0 --separate-stderr zcdma capture "pcap:$BATS_TEST_DIRNAME/../data/ethernet.pcap" --bytes 1000 -o packets
    assert_equal "$stderr" 'zcdma capture: the source ended after 567 B of the 1000 B that --bytes asks for'
    run -0 --separate-stderr zcdma capture "pcap:$BATS_TEST_DIRNAME/../data/ethernet.pcap,payload" --bytes 1M -o packets
    [[ $stderr == 'zcdma capture: the source ended after '*' of the 1.00 MiB that --bytes asks for' ]]
}
