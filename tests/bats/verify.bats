#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# verify: streams with faults made by hand, and what it says of each.

load common
load pipe

# A megabyte of the pattern, and the same with its manifest: 16 blocks of 64 KiB.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    "$ZCDMA" capture -q -o good --manifest good.xxh --bytes 1M sim:block=64K
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
    ln -s "$BATS_FILE_TMPDIR"/good* .
}

# part FROM TO: these bytes of the good stream.
part() {
    head -c "$2" good | tail -c +$(($1 + 1))
}

# overwrite OFFSET <BYTES: the file "bad" is the good one with these bytes in place.
overwrite() {
    cp good bad
    dd of=bad bs=1M oflag=seek_bytes seek="$1" conv=notrunc iflag=fullblock status=none
}

# finds JQ_LIST EXPECTED OPTION...: verify fails, and its document has these values. Another way of
# reading, in pieces of odd length, must find the same.
finds() {
    local what=$1 expected=$2 document
    shift 2
    run -1 --separate-stderr zcdma verify --json "$@" bad
    document=$output
    assert_equal "$(jq -c "$what" <<<"$document")" "$expected"
    run -1 --separate-stderr zcdma verify --json "$@" - < <(dd if=bad bs=4093 status=none)
    assert_equal "$(jq -c "$what" <<<"$output")" "$expected"
    assert_equal "$(jq -c .first_offset <<<"$output")" "$(jq -c .first_offset <<<"$document")"
}

FIRST='[.first_kind, .first_offset, .first_length_bytes, .first_distance_bytes]'
TOTAL='[.faults, .bad_bytes, .missing_bytes]'

# says SENTENCE [HINT]: what verify says of "bad" in plain text.
says() {
    run -1 --separate-stderr zcdma verify bad
    assert_equal "$stderr" "zcdma verify: bad: differs at offset $1"
    assert_line --regexp '^  result +wrong$'
}

#
# Streams
#

@test "verify: a correct stream, from a file and from standard input" {
    run -0 --separate-stderr zcdma verify good
    assert_line --regexp '^  result +correct$'
    assert_line --regexp '^  received +1.00 MiB from good in '
    assert_equal "$stderr" ''
    run -0 zcdma verify file:good
    run -0 --separate-stderr zcdma verify <good
    assert_line --regexp '^  received +1.00 MiB from standard input in '
    run -0 --separate-stderr eval 'cat good | zcdma verify --bytes 1M -'
    run -0 zcdma verify -q good
    assert_output ''
    zcdma capture -q --bytes 1M --pattern 99 sim: | zcdma verify -q --pattern 99
    # Of any length.
    head -c 1 good | zcdma verify -q
    head -c 777777 good | zcdma verify -q --bytes 777777
}

@test "verify: a source of its own" {
    zcdma verify -q --bytes 10M sim:block=64K
    run -1 --separate-stderr zcdma verify --bytes 1M sim:fill=once,block=64K,blocks=4
}

@test "verify: the JSON document of a correct stream" {
    run -0 --separate-stderr zcdma verify --json good
    assert_equal "$stderr" ''
    jq -e '.schema == 1 and .applet == "verify" and .result == "correct" and .from == "good"
        and .received_bytes == 1048576 and .notes == [] and .error == null and .exit_status == 0
        and ([.bad_bytes, .missing_bytes, .faults, .gap_count, .repeat_count, .stale_count, .overwritten_count, .garbage_count,
              .gap_bytes, .repeat_bytes, .stale_bytes, .overwritten_bytes, .garbage_bytes] | all(. == 0))
        and ([.elapsed_seconds, .bytes_per_second, .cpu_seconds] | all(type == "number" and . >= 0))' \
        <<<"$output"
}

@test "verify: the JSON document of a wrong stream" {
    { part 0 65536 && part 131072 1048576; } >bad
    run -1 --separate-stderr zcdma verify --json bad
    assert_equal "$stderr" ''
    jq -e '.result == "wrong" and .exit_status == 1 and .error.status == 1
        and .error.message == "bad: differs at offset 65536: a gap of 65536 bytes"' <<<"$output"
}

#
# Faults
#

@test "verify: a gap" {
    { part 0 262144 && part 327680 1048576; } >bad
    finds "$FIRST" '["gap",262144,65536,0]'
    finds "$TOTAL" '[1,0,65536]'
    says '262144: a gap of 65536 bytes'
    assert_line --regexp '^  gap +1 \(64.00 KiB missing\)$'
}

@test "verify: a gap of 3 bytes, anywhere" {
    local at
    for at in 100001 100004 262144; do
        { part 0 "$at" && part $((at + 3)) 1048576; } >bad
        finds "[.first_kind, .first_length_bytes, $TOTAL]" '["gap",3,[1,0,3]]'
        # A word's upper bytes are zeros, and one zero is as good as another.
        assert_equal "$(jq ".first_offset | . >= $at - 8 and . <= $at + 8" <<<"$output")" true
    done
}

@test "verify: a gap at the very beginning" {
    part 4096 1048576 >bad
    finds "$FIRST" '["gap",0,4096,0]'
}

@test "verify: a repeat" {
    { part 0 524288 && part 458752 1048576; } >bad
    finds "$FIRST" '["repeat",524288,65536,65536]'
    finds "$TOTAL" '[1,65536,0]'
    says '524288: repeated data of 65536 bytes, from 65536 bytes earlier'
    assert_line --regexp '^  repeat +1 \(64.00 KiB\)$'
}

@test "verify: a stale block in place" {
    part 131072 196608 | overwrite 589824
    finds "$FIRST" '["stale",589824,65536,458752]'
    finds "$TOTAL" '[1,65536,0]'
    says '589824: stale data of 65536 bytes, from 458752 bytes earlier'
}

@test "verify: a newer block in place, as one that was overwritten in flight" {
    part 786432 851968 | overwrite 196608
    finds "$FIRST" '["overwritten",196608,65536,589824]'
    finds "$TOTAL" '[1,65536,0]'
    says '196608: overwritten data of 65536 bytes, from 589824 bytes later'
}

@test "verify: half a block overwritten" {
    part 786432 790528 | overwrite 196608
    finds "$FIRST" '["overwritten",196608,4096,589824]'
}

@test "verify: garbage, put in place" {
    head -c 65536 /dev/zero | tr '\0' U | overwrite 327680
    finds "$FIRST" '["garbage",327680,65536,0]'
    finds "$TOTAL" '[1,65536,0]'
    says '327680: garbage of 65536 bytes'
}

# What a dead bus reads as.
@test "verify: a block of ones" {
    head -c 65536 /dev/zero | tr '\0' '\377' | overwrite 327680
    finds "$FIRST" '["garbage",327680,65536,0]'
    finds "$TOTAL" '[1,65536,0]'
}

@test "verify: a block of zeros" {
    head -c 65536 /dev/zero | overwrite 327680
    run -1 --separate-stderr zcdma verify --json bad
    jq -e '.garbage_count == .faults and .missing_bytes == 0' <<<"$output"
    jq -e '.first_offset >= 327680 and .first_offset < 327688' <<<"$output"
}

@test "verify: a single flipped byte" {
    printf '\377' | overwrite 123456
    finds "$FIRST" '["garbage",123456,1,0]'
    finds "$TOTAL" '[1,1,0]'
    printf '\377' | overwrite 1048575
    finds "$FIRST" '["garbage",1048575,1,0]'
    printf '\377' | overwrite 0
    finds "$FIRST" '["garbage",0,1,0]'
}

@test "verify: it goes on after each fault, and counts the rest by kind" {
    {
        part 0 100000
        part 150000 300000 # a gap of 50000
        part 307000 400000 # a gap of 7000
        part 390000 600000 # 10000 repeated
        head -c 512 /dev/zero | tr '\0' U
        part 600512 700000 # 512 garbage
        part 200000 204096
        part 704096 1048576 # 4096 stale
    } >bad
    finds '[.gap_count, .gap_bytes, .repeat_count, .repeat_bytes, .garbage_count, .garbage_bytes,
        .stale_count, .stale_bytes]' \
        '[2,57000,1,10000,1,512,1,4096]'
    finds "$FIRST" '["gap",100000,50000,0]'
    finds "$TOTAL" "[5,$((10000 + 512 + 4096)),57000]"
}

@test "verify: cut short, or too long, for --bytes" {
    head -c 1000000 good >bad
    zcdma verify -q bad # of which a stream alone knows nothing
    run -1 --separate-stderr zcdma verify --bytes 1M bad
    assert_equal "$stderr" 'zcdma verify: bad: 1000000 bytes came, 1048576 were expected'
    run -1 --separate-stderr zcdma verify --bytes 999999 - <bad
    assert_equal "$stderr" 'zcdma verify: standard input: more came than the 999999 bytes that were expected'
    zcdma verify -q --bytes 1000000 bad
}

@test "verify: another seed: the hint names it" {
    zcdma capture -q --bytes 1M --pattern 4242 -o bad sim:
    run -1 --separate-stderr zcdma verify bad
    assert_equal "$stderr" "zcdma verify: bad: differs at offset 0: garbage of 1048576 bytes
  it is the pattern with another seed: --pattern 4242"
    run -1 --separate-stderr zcdma verify --pattern 9 good
    assert_regex "$stderr" 'with another seed: --pattern 0$'
    # Something else altogether is not taken for one.
    head -c 100000 /dev/zero | tr '\0' U >bad
    says '0: garbage of 100000 bytes'
}

@test "verify: an empty stream verifies nothing: status 1" {
    : >empty
    run -1 --separate-stderr zcdma verify empty
    assert_equal "$stderr" 'zcdma verify: empty: no data came, so nothing was verified'
    run -1 --separate-stderr zcdma verify - </dev/null
    assert_equal "$stderr" 'zcdma verify: standard input: no data came, so nothing was verified'
    receiver
    exec 5<>"/dev/tcp/127.0.0.1/${TO##*:}" 5>&-
    received 1
    grep -q 'no data came, so nothing was verified' receiver.err
}

#
# Manifests
#

@test "verify: a manifest: right" {
    run -0 --separate-stderr zcdma verify --manifest good.xxh good
    assert_line --regexp '^  blocks +16 right of 16 in the manifest, 16 came$'
    assert_equal "$stderr" ''
    run -0 zcdma verify -q --manifest good.xxh <good
}

@test "verify: a manifest: a flipped byte, a missing block, one in another's place, a cut stream" {
    printf '\377' | overwrite 123456
    finds "[$FIRST, .blocks_good, .blocks_expected, .blocks]" '[["garbage",65536,65536,0],15,16,16]' --manifest good.xxh
    { part 0 131072 && part 196608 1048576; } >bad
    finds "[$FIRST, .blocks_good, .blocks_expected, .blocks]" '[["gap",131072,65536,0],15,16,15]' --manifest good.xxh
    part 65536 131072 | overwrite 589824
    finds "[$FIRST, .blocks_good, .blocks_expected, .blocks]" '[["stale",589824,65536,524288],15,16,16]' --manifest good.xxh
    head -c 1000000 good >bad
    run -1 --separate-stderr zcdma verify --json --manifest good.xxh bad
    jq -e '.gap_count == 1 and .missing_bytes == 48576' <<<"$output"
    : >bad
    run -1 --separate-stderr zcdma verify --manifest good.xxh bad
}

@test "verify: a manifest: of another run" {
    zcdma capture -q --bytes 1M --pattern 5 -o other sim:
    run -1 --separate-stderr zcdma verify --manifest good.xxh other
    assert_equal "$stderr" "zcdma verify: other: differs at offset 0: garbage of 1048576 bytes
  not one block is in the manifest: it is of another run"
}

@test "verify: a manifest: cut short: what it lists is checked, and the result is incomplete" {
    head -n 8 good.xxh >cut.xxh
    run -1 --separate-stderr zcdma verify --manifest cut.xxh good
    assert_equal "$stderr" 'zcdma verify: good: manifest cut.xxh has no last line: the recording did not come to its end'
    assert_line --regexp '^  result +incomplete$'
    assert_line --regexp '^  blocks +3 right of 3 in the manifest, 3 came$'
    head -c 330 good.xxh >cut.xxh
    run -1 --separate-stderr zcdma verify --manifest cut.xxh good
    assert_regex "$stderr" 'has no last line'
    printf '\377' | overwrite 100
    run -1 --separate-stderr zcdma verify --manifest cut.xxh bad
    assert_equal "$stderr" 'zcdma verify: bad: differs at offset 0: garbage of 65536 bytes'
}

@test "verify: a manifest: blocks that were lost while it was recorded: status 4" {
    sed -E 's/^(1[14] [0-9]+ [0-9]+ [0-9]+) 0 0 0/\1 ?\/? 0 3\/?/; s/^(15 [0-9]+ [0-9]+ [0-9]+) 0/\1 10\/655360/' good.xxh >lost.xxh
    run -4 --separate-stderr zcdma verify -v --manifest lost.xxh good
    assert_equal "${stderr_lines[0]}" 'zcdma verify: good: data was lost while it was recorded: 10 blocks (640.00 KiB) by the device, 6 packets on the network, the first at offset 720896'
    assert_line --regexp '^  result +lossy$'
    assert_line --regexp '^  lost +while it was recorded, in 3 places, the first at offset 720896, block 11$'
    assert_line --regexp '^  which are +10 blocks \(640.00 KiB\) by the device, 6 packets on the network$'
    assert_line --regexp '^  unknown +2 places where it is unknown how much was lost'
    # Each place, with -v and in the document.
    assert_regex "$stderr" 'lost at offset 983040, before block 15, 20[0-9-]+T[0-9:.]+Z: 10 blocks \(640.00 KiB\) by the device'
    assert_regex "$stderr" 'lost at offset 720896, before block 11, .*: data of unknown length, or none, by the device, 3 packets on the network'
    run -4 --separate-stderr zcdma verify --json --manifest lost.xxh good
    jq -e '.result == "lossy" and .lost_blocks == 10 and .lost_offset == 720896 and .lost_packets == 6
        and (.losses | map(.offset)) == [720896, 917504, 983040] and .losses[0].lost_blocks == null
        and .losses[2].lost_block_bytes == 655360 and .losses[2].sequence == 15 and .exit_status == 4' <<<"$output"
    # Of version 1 the numbers of blocks tell.
    { echo '# zcdma manifest 1' && sed -E '/^# (zcdma|clock|hash)/d; s/^15 /25 /; s/^([0-9]+ [0-9]+ [0-9]+) [0-9]+ 0 0 0/\1/' good.xxh; } >old.xxh
    run -4 --separate-stderr zcdma verify --json --manifest old.xxh good
    jq -e '.lost_blocks == 10 and .lost_block_bytes == null and .lost_offset == 983040 and .lost_sequence == 15' <<<"$output"
    # A fault weighs more.
    printf '\377' | overwrite 100
    run -1 zcdma verify -q --manifest lost.xxh bad
    run -1 --separate-stderr zcdma verify -q --expect=complete --manifest lost.xxh good
}

@test "verify: --expect=complete" {
    zcdma verify -q --expect=complete --bytes 1M good
    zcdma verify -q --expect=complete --manifest good.xxh <good
    lead --bytes 1M sim: 2>/dev/null | zcdma verify -q --expect=complete --handover=require
    run -1 --separate-stderr eval 'cat good | zcdma verify --expect=complete'
    assert_equal "$stderr" 'zcdma verify: standard input: --expect=complete: nothing says where the stream should end
  give --bytes or --manifest'
    run -2 --separate-stderr zcdma verify --expect=complete good
    assert_equal "$stderr" 'zcdma verify: --expect=complete: nothing says where the stream should end
  give --bytes or --manifest'
    run -2 --separate-stderr zcdma verify --expect=copied good
    assert_equal "$stderr" 'zcdma verify: --expect copied: must be one of zerocopy, complete'
    LISTEN=udp:127.0.0.1:0 receiver --expect=complete --bytes 2000
    "$TOOLS/udp" "${TO##*:}" 0+1000 .
    received 1
    grep -q '1 datagram (1000 B) did not come' receiver.err
}

@test "verify: --expect=zerocopy" {
    # A ring comes through a pipe without a copy, and bytes do not.
    lead --bytes 1M sim: 2>/dev/null | zcdma verify -q --expect=zerocopy --handover=require
    run -1 --separate-stderr eval 'cat good | zcdma verify --expect=zerocopy'
    assert_equal "$stderr" 'zcdma verify: --expect=zerocopy: 0 B were copied by user space, 1.00 MiB by the kernel'
    receiver --expect=zerocopy --json
    zcdma zcsend "$TO" good -q
    received 1
    jq -e '.result == "correct" and .kernel_copies == 1 and (.error.message | startswith("--expect=zerocopy: "))' receiver.out
    run -2 --separate-stderr zcdma verify --expect=zerocopy -r good
    assert_equal "$stderr" 'zcdma verify: --expect=zerocopy is not for --interface and --read'
}

@test "verify: every place where a stream is wrong" {
    {
        part 0 100000
        part 150000 300000 # a gap of 50000
        head -c 512 /dev/zero | tr '\0' U
        part 300512 700000
    } >bad
    run -1 --separate-stderr zcdma verify -v bad
    assert_equal "$stderr" 'zcdma verify: bad: differs at offset 100000: a gap of 50000 bytes
zcdma verify: bad: differs at offset 250000: garbage of 512 bytes'
    run -1 --separate-stderr zcdma verify --json bad
    jq -e '.places == [
        {"offset": 100000, "kind": "gap", "length_bytes": 50000, "distance_bytes": 0},
        {"offset": 250000, "kind": "garbage", "length_bytes": 512, "distance_bytes": 0}]' <<<"$output"
    # The first 64.
    for ((i = 0; i < 70; i++)); do
        part $((i * 1000)) $((i * 1000 + 900))
    done >bad
    run -1 --separate-stderr zcdma verify -v bad
    assert_equal "$(grep -c 'differs at offset' <<<"$stderr")" 64
    assert_regex "$stderr" 'bad: 5 more places are counted, and not listed$'
    run -1 --separate-stderr zcdma verify --json bad
    jq -e '(.places | length) == 64 and .faults == 69' <<<"$output"
}

@test "verify: a manifest: not one, not there: status 2" {
    run -2 --separate-stderr zcdma verify --manifest good good
    assert_regex "$stderr" '^zcdma verify: read manifest good: line 1: .*
  give the manifest of this data as zcdma capture --manifest wrote it$'
    zcdma capture -q sim: --bytes 1M -o twice --manifest twice.xxh
    sed -i '$p' twice.xxh
    run -2 --separate-stderr zcdma verify --manifest twice.xxh twice
    assert_regex "$stderr" "^zcdma verify: read manifest twice.xxh: line [0-9]+: nothing may follow .*
  give the manifest of this data as zcdma capture --manifest wrote it$"
    : >empty.xxh
    run -2 --separate-stderr zcdma verify --manifest empty.xxh good
    assert_equal "$stderr" 'zcdma verify: read manifest empty.xxh: it is empty
  give the manifest of this data as zcdma capture --manifest wrote it'
    run -2 --separate-stderr zcdma verify --manifest nowhere good
    assert_equal "$stderr" 'zcdma verify: open nowhere: No such file or directory'
    # What comes may be recorded at the same time.
    run -2 --separate-stderr zcdma verify --manifest nowhere - <good
    assert_regex "$stderr" '^zcdma verify: open nowhere: No such file or directory
  a manifest is complete when its recording has ended: '
    run -2 --separate-stderr zcdma verify --manifest good.xxh --pattern 1 good
    assert_equal "$stderr" 'zcdma verify: --manifest and --pattern exclude each other'
}

#
# Connections
#

@test "verify: --listen, IPv4" {
    receiver --json --bytes 1M
    assert_regex "$TO" '^127\.0\.0\.1:[1-9][0-9]*$'
    zcdma copysend -q "$TO" file:good
    received
    jq -e '.result == "correct" and .received_bytes == 1048576 and (.from | startswith("127.0.0.1:"))' \
        receiver.out
}

@test "verify: --listen, IPv6" {
    [[ -e /proc/net/if_inet6 ]] && grep -q ' lo$' /proc/net/if_inet6 || skip 'no IPv6 here'
    LISTEN='[::1]:0' receiver
    assert_regex "$TO" '^\[::1\]:[1-9][0-9]*$'
    zcdma copysend -q "$TO" file:good
    received
    grep -Eq '^  received +1.00 MiB from \[::1\]:' receiver.out
}

@test "verify: --listen :0 is every address, and any port" {
    LISTEN=:0 receiver
    assert_regex "$TO" ':[1-9][0-9]*$'
    zcdma copysend -q "127.0.0.1:${TO##*:}" file:good
    received
}

@test "verify: --listen, a wrong stream: status 1, and where" {
    { part 0 131072 && part 196608 1048576; } >bad
    receiver
    zcdma copysend -q "$TO" file:bad
    received 1
    grep -Eq '^zcdma verify: 127.0.0.1:[0-9]+: differs at offset 131072: a gap of 65536 bytes$' receiver.err
}

@test "verify: --streams 3, one of them wrong" {
    printf '\377' | overwrite 123456
    receiver --streams 3
    zcdma copysend -q "$TO" file:good
    zcdma copysend -q "$TO" file:bad
    zcdma copysend -q "$TO" file:good
    received 1
    grep -Eq '^  result +wrong$' receiver.out
    assert_equal "$(grep -cE '^ *127.0.0.1:[0-9]+ +1.00 MiB +correct' receiver.out)" 2
    assert_equal "$(grep -cE '^ *127.0.0.1:[0-9]+ +1.00 MiB +wrong +differs at offset 123456: garbage of 1 byte\b' \
        receiver.out)" 1

    receiver --json --streams 3
    zcdma copysend -q "$TO" file:good
    zcdma copysend -q "$TO" file:good
    zcdma copysend -q "$TO" file:bad
    received 1
    jq -e '.result == "wrong" and (.streams | length) == 3 and all(.streams[]; .received_bytes == 1048576)
        and [.streams[].result] == ["correct", "correct", "wrong"]
        and [.streams[].faults] == [0, 0, 1]
        and [.streams[].places | length] == [0, 0, 1]' receiver.out
}

@test "verify: --streams 3 at the same time, all right" {
    local i pids=()
    receiver --streams 3 --bytes 20M
    for i in 1 2 3; do
        "$ZCDMA" copysend -q --bytes 20M "$TO" sim: 3>&- &
        pids+=($!)
        PIDS+=($!)
    done
    for i in "${pids[@]}"; do
        wait_exit "$i"
    done
    received
    assert_equal "$(grep -c "20.00 MiB.*correct" receiver.out)" 3
}

# escaped FROM TO: a part of the stream, for the shell's own printf: starting a process may take longer than a receiver
# with a short --idle waits.
escaped() {
    part "$1" "$2" | od -An -v -to1 | tr -d '\n' | sed 's| |\\|g'
}

# shellcheck disable=SC2059 # the format is the data
@test "verify: --idle: a sender from which nothing comes any more: status 1" {
    local data
    data=$(escaped 0 1000)
    receiver --json --idle 0.3
    exec 5<>"/dev/tcp/127.0.0.1/${TO##*:}"
    printf "$data" >&5
    received 1
    exec 5>&-
    jq -e '.result == "incomplete" and .received_bytes == 1000 and .faults == 0
        and (.error.message | endswith(": nothing came for 0.3 s")) and .error.errno == "ETIMEDOUT"' receiver.out
}

# shellcheck disable=SC2059 # the format is the data
@test "verify: --idle counts from the last byte, and not from the first" {
    local data i now last gap=0
    data=$(escaped 0 3000)
    receiver --idle 1
    exec 5<>"/dev/tcp/127.0.0.1/${TO##*:}"
    last=${EPOCHREALTIME/[.,]/}
    # Longer than that in all, and much shorter from one piece to the next. A byte is 4 characters.
    for ((i = 0; i < ${#data}; i += 200)); do
        printf "${data:i:200}" >&5 || break
        now=${EPOCHREALTIME/[.,]/}
        gap=$((now - last > gap ? now - last : gap)) last=$now
        pause
    done
    exec 5>&-
    ((gap < 900000)) || skip "this machine stood still for $gap us"
    received
}

@test "verify: --listen, every address of a name" {
    unshare -rnm true 2>/dev/null || skip 'no user, network and mount namespaces here'
    [[ -e /proc/net/if_inet6 ]] || skip 'no IPv6 here'
    printf '127.0.0.1 localhost both\n::1 localhost both\n127.0.0.1 both\n192.0.2.1 both\n' >hosts
    # shellcheck disable=SC2016 # for the shell inside
    ZCDMA=$ZCDMA run timeout 60 unshare -rnm bash -c 'mount --bind hosts /etc/hosts && ip link set lo up || exit 77
        trap "kill \$(jobs -p) 2>/dev/null" EXIT
        for port in 9000 0; do
            for proto in "" udp:; do
                rm -f err
                "$ZCDMA" verify --listen ${proto}both:$port --streams 2 --bytes 64K >out 2>err & v=$!
                for ((n = 0; n < 1000; n++)); do [[ $(grep -cs "listening on" err) == 2 ]] && break; sleep 0.02; done
                sed -n "s/.*listening on //p" err >to
                cat to
                while read -r addr; do
                    "$ZCDMA" copysend -q --bytes 64K "$addr" sim:block=64K || exit
                done <to
                wait $v || exit
            done
        done
        rm -f err
        "$ZCDMA" bench --serve both:9001 2>err & v=$!
        for ((n = 0; n < 1000; n++)); do [[ $(grep -cs "listening on" err) == 2 ]] && break; sleep 0.02; done
        kill $v
        sed -n "s/.*listening on //p" err'
    ((status != 77)) || skip "not possible in a namespace here: $output"
    [ "$status" -eq 0 ] || fail "$output $(cat out err)"
    assert_equal "$(sed -n 1,4p <<<"$output" | sort)" "$(printf '%s\n' 127.0.0.1:9000 '[::1]:9000' \
        udp:127.0.0.1:9000 'udp:[::1]:9000')"
    # With port 0 both have the same.
    assert_equal "$(sed -n 5,6p <<<"$output" | sed 's/.*://' | uniq | wc -l)" 1
    assert_equal "$(sed -n 7,8p <<<"$output" | sed 's/.*://' | uniq | wc -l)" 1
    assert_equal "$(sed -n 9,10p <<<"$output" | sort)" "$(printf '%s\n' 127.0.0.1:9001 '[::1]:9001')"
}

@test "verify: an address of one link without its interface, and a port alone: the hint says what helps" {
    run -2 --separate-stderr zcdma verify --listen '[fe80::1]:9000'
    assert_regex "$stderr" 'it is an address of one link: name the interface, as in \[fe80::1%eth0\]:9000$'
    run -2 --separate-stderr zcdma copysend '[fe80::1]:9000' sim:
    assert_regex "$stderr" 'it is an address of one link: name the interface, as in \[fe80::1%eth0\]:9000$'
    run -2 --separate-stderr zcdma verify --listen 9000
    assert_regex "$stderr" 'write :9000 for every address of this machine, or HOST:9000$'
}

@test "verify: Ctrl-C ends a receiver that nobody sends to" {
    receiver
    kill -INT "$RECEIVER"
    wait_exit "$RECEIVER" 130
}

#
# What cannot be
#

@test "verify: a source that cannot be read: status 2, and no verdict" {
    run -2 --separate-stderr zcdma verify nowhere
    assert_equal "$stderr" 'zcdma verify: open nowhere: No such file or directory'
    refute_output --partial result
    run -2 --separate-stderr zcdma verify .
    assert_equal "$stderr" 'zcdma verify: open .: Is a directory'
    run -2 --separate-stderr zcdma verify /dev/null
    assert_equal "$stderr" 'zcdma verify: open /dev/null: it is a device or a pipe, not a file
  write read:/dev/null'
}

@test "verify: options that exclude each other" {
    run -2 --separate-stderr zcdma verify --listen :0 good
    assert_equal "$stderr" 'zcdma verify: a SOURCE, --listen, and --interface or --read exclude each other
  give one of them alone'
    run -2 --separate-stderr zcdma verify --streams 2 good
    assert_equal "$stderr" 'zcdma verify: --streams is for --listen and --interface'
}
