#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# capture: recordings in several files: where they are cut, their names, what becomes of them.
# shellcheck disable=SC2016 # scripts for another shell

load common
load capture
load pipe

# stop_capture: have it drain and report, with any status.
stop_capture() {
    kill -TERM "$CAPTURE"
    until_true 60 ended "$CAPTURE" || fail 'the capture still runs after a minute' || return
    wait "$CAPTURE" || :
    forget "$CAPTURE"
}

# files N PATTERN: there are that many.
files() {
    local found
    found=$(compgen -G "$2" | wc -l)
    ((found >= $1))
}

@test "record: --split SIZE: no byte is lost at a cut, and each file has its manifest" {
    local how n
    zcdma capture -q sim: --bytes 3000001 >expected
    for how in '' --direct '--direct --depth 4'; do
        [[ ! $how ]] || need_direct
        rm -f run-*
        # shellcheck disable=SC2086 # empty is no option
        zcdma capture --json $how sim:block=64K --bytes 3000001 --split 1M -o run-%N.bin --manifest run-%N.xxh >report
        cat run-*.bin | cmp - expected
        assert_equal "$(stat -c %s run-*.bin | tr '\n' ' ')" '1048576 1048576 902849 '
        for n in 1 2 3; do
            zcdma verify -q --manifest run-00000$n.xxh run-00000$n.bin
        done
        assert_equal "$(value files) $(value last_file) $(value synced)" '3 run-000003.bin true'
    done
    # A block is never cut; odd ones make files that are no longer than was asked for.
    dd if=expected bs=70000 status=none | zcdma capture -q - --split 2000000 -o odd-%N
    cat odd-* | cmp - expected
    (($(stat -c %s odd-* | sort -n | tail -n 1) <= 2000000))
    zcdma capture -q sim:block=64K --bytes 128K --split 1000 -o large-%N
    assert_equal "$(stat -c %s large-* | tr '\n' ' ')" '65536 65536 '
}

@test "record: --split TIME and SIGHUP cut, and nothing is lost" {
    "$ZCDMA" capture --json sim:block=64K,rate=4M,blocks=512 --split 100ms -o time-%N >report 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 files 4 'time-*'
    stop_capture
    cat time-* | zcdma verify -q
    # A hang-up cuts once there is data, and does not end the run.
    "$ZCDMA" capture --json sim:block=64K,rate=4M,blocks=512 --split 1T -o hup-%N >report 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 has_data hup-000001
    kill -HUP "$CAPTURE"
    until_true 20 has_data hup-000002
    kill -HUP "$CAPTURE"
    until_true 20 has_data hup-000003
    stop_capture
    cat hup-* | zcdma verify -q
    assert_equal "$(value files)" 3
}

@test "record: a file is done when its time is over, though no block comes" {
    mkfifo pipe
    exec 8<>pipe
    "$ZCDMA" capture -q - --split 100ms -o f-%N --manifest m-%N <pipe 3>&- 8<&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    echo one >&8
    until_true 20 has_line m-000001 '^# end'
    # Nothing is begun before there is something to put into it.
    [[ ! -e f-000002 ]]
    echo two >&8
    until_true 20 has_line m-000002 '^# end'
    exec 8<&-
    wait_exit "$CAPTURE"
    assert_equal "$(cat f-*)" $'one\ntwo'
    [[ ! -e f-000003 ]]
}

@test "record: names by the time, and numbers that are taken are left out" {
    local year
    year=$(date +%Y)
    echo precious >"$year-000001"
    echo precious >m-000003
    zcdma capture -q sim:block=64K --bytes 128K --split 64K -o '%Y-%N' --manifest m-%N
    assert_equal "$(cat "$year-000001" m-000003)" $'precious\nprecious'
    [[ -f $year-000002 && ! -e $year-000003 && -f $year-000004 && -f m-000004 ]]
    # Without --split a percent sign is one.
    zcdma capture -q sim: --bytes 10 -o '%Y-%N'
    [[ -f %Y-%N ]]
}

@test "record: --keep removes files of this run, and no others" {
    echo precious >run-000001
    zcdma capture --json sim:block=64K --bytes 640K --split 64K --keep 3 -o run-%N --manifest m-%N >report
    assert_equal "$(echo run-* m-*)" \
        'run-000001 run-000009 run-000010 run-000011 m-000009 m-000010 m-000011'
    assert_equal "$(value files) $(value removed_files) $(value keep_files)" '10 7 3'
    assert_equal "$(cat run-000001)" precious
}

@test "record: --then runs for each file that is on the disk, in order, and does not hold the capture up" {
    mkfifo gate
    exec 8<>gate
    "$ZCDMA" capture --json sim:block=64K,rate=4M --split 64K -o 'a %N' --then "read x <gate; cat >>all <" >report 2>&1 3>&- 8<&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    # The first command waits, and files go on.
    until_true 20 files 4 'a *'
    yes 2>/dev/null | head -n 1000 >&8 &
    PIDS+=("$!")
    stop_capture
    exec 8<&-
    cat a\ * | cmp - all
    assert_equal "$(value commands) $(value failed_commands)" "$(compgen -G 'a *' | wc -l) 0"
    # One file alone has one command.
    run -0 --separate-stderr zcdma capture -q sim: --bytes 10 -o b --then 'wc -c'
    assert_equal "$stderr" '10 b'
    assert_output ''
    # What fails is told, and the data stays.
    # What the caller has open is not kept open by what a command leaves behind.
    run -0 zcdma capture -q sim: --bytes 10 -o b --then 'ls -l /proc/self/fd;:' 7>open
    assert_output --partial ' 2 -> '
    refute_output --partial ' 7 -> '
    run -1 --separate-stderr zcdma capture -q sim: --bytes 10 -o b --then 'exit 3;'
    assert_equal "$stderr" 'zcdma capture: --then: 1 of 1 commands failed'
    run -1 --separate-stderr zcdma capture sim: --bytes 10 -o b --then 'exit 3;'
    assert_regex "$stderr" "zcdma capture: --then 'exit 3;' for b: exit status 3"
    [[ -s b ]]
    # A file that is not known to be on the disk is no case for a command.
    run -1 --separate-stderr "$TOOLS/deny" fsync "$ZCDMA" capture -q sim: --bytes 10 -o b --then 'touch ran;'
    [[ ! -e ran ]]
}

@test "record: what does not go together" {
    local hint='  put %N into the name, as in run-%N.bin'
    run -2 --separate-stderr zcdma capture sim: --split 4X -o run-%N
    assert_equal "$stderr" 'zcdma capture: --split 4X: not a size or a time
  try 4G (a size), 60s, 5min or 1h (a time)'
    run -2 --separate-stderr zcdma capture sim: --split 1M -o run.bin
    assert_equal "$stderr" "zcdma capture: -o run.bin: --split needs a place for the number of a file in it
$hint"
    run -2 --separate-stderr zcdma capture sim: --split 1M -o run-%N --manifest m
    assert_equal "$stderr" "zcdma capture: --manifest m: --split needs a place for the number of a file in it
$hint"
    run -2 --separate-stderr zcdma capture sim: --keep 2 -o run-%N
    assert_equal "$stderr" 'zcdma capture: --keep: one file is written, and kept
  add --split, as in --split=4G'
    run -2 --separate-stderr zcdma capture sim: --split 1M
    assert_equal "$stderr" 'zcdma capture: --split needs files: -o FILE'
    run -2 --separate-stderr zcdma capture sim: --then true
    assert_equal "$stderr" 'zcdma capture: --then needs a file: -o FILE'
    run -2 --separate-stderr zcdma capture sim: --bytes 1M --split 1M -o nowhere/run-%N
    assert_equal "$stderr" 'zcdma capture: open nowhere: No such file or directory
  make the folder: mkdir -p nowhere'
    run -2 --separate-stderr zcdma capture sim: --bytes 1M --split 1M -o run-%N --manifest run-%N
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --manifest run-%N: it is the same as -o run-%N'
    run -2 --separate-stderr zcdma capture pcap:"$TOP/tests/data/two.pcapng" --split 1M -o run-%N
    assert_equal "${stderr_lines[0]}" \
        'zcdma capture: --split: only the first file would have the head of a capture of packets'
    [[ ! -e run-000001 ]]
}

@test "record: a folder that vanishes: what was recorded is kept, and the error is told" {
    mkdir there
    "$ZCDMA" capture sim:block=64K,rate=4M,blocks=512 --split 64K -o there/%N --then 'mv -t .' >report 2>&1 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 files 2 '00000*'
    mv there gone
    wait_exit "$CAPTURE" 1
    grep -Eq 'zcdma capture: create there/[0-9]+: No such file or directory' report
    cat 000* gone/* | zcdma verify -q
}

@test "record: a full disk at a cut: the files before are complete" {
    unshare -rm mount -t tmpfs none . 2>/dev/null || skip 'no file system can be mounted here'
    run -1 --separate-stderr unshare -rm sh -c 'mount -t tmpfs -o size=1M none . && cd . &&
        "$0" capture sim:block=64K --bytes 4M --split 256K -o %N --manifest m%N --then "touch x"
        s=$?
        for n in 1 2 3; do "$0" verify -q --manifest m00000$n 00000$n || exit 9; done
        grep -L "^# end" m* >&2
        exit $s' "$ZCDMA"
    assert_regex "$stderr" 'write to .*/00000[34]: No space left on device'
}

# be_late SECONDS: stop the capture for that time, once there is data.
be_late() {
    PIDS+=("$CAPTURE")
    until_true 20 has_data data
    kill -STOP "$CAPTURE"
    sleep "$1"
    kill -CONT "$CAPTURE"
}

# lossy_capture OPTION...: record from a device with a pace, and be late once.
lossy_capture() {
    "$ZCDMA" capture sim:blocks=4,block=64K,rate=64M "$@" >report 2>&1 3>&- &
    CAPTURE=$!
    be_late 0.1
    until_true 20 eval '(($(stat -c %s data) > 8000000))'
    stop_capture
}

@test "record: --gaps=zero keeps offsets, and the manifest says what was lost" {
    local hash
    for hash in xxh3 sha256; do
        rm -f data
        lossy_capture --json -o data --manifest m --hash $hash --gaps=zero
        # The device of a stopped process stands still, too: whether it lost something is for the report to say.
        run zcdma verify --json --manifest m data
        assert_equal "$status" "$(($(value filled_bytes) ? 4 : 0))"
        assert_equal "$(jq '[.losses[].filled_bytes] | add // 0' <<<"$output")" "$(value filled_bytes)"
        assert_equal "$(jq .lost_block_bytes <<<"$output")" "$(value filled_bytes)"
        assert_equal "$(stat -c %s data)" "$(($(value captured_bytes) + $(value filled_bytes)))"
    done
    run -2 --separate-stderr zcdma capture --gaps=zero --path splice -o data --bytes 1M sim:
    assert_equal "$stderr" 'zcdma capture: --gaps=zero is for --path=copy, and not for --path=splice'
    run -2 --separate-stderr zcdma capture --hash sha256 -o data --bytes 1M sim:
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --hash: it is for a manifest'
    run -2 --separate-stderr zcdma capture --hash md5 --manifest m -o data --bytes 1M sim:
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --hash md5: must be one of xxh3, sha256'
}

# What the specification of SigMF requires of metadata: https://sigmf.org, "SigMF Metadata Format".
valid_sigmf() {
    jq -e '(.global | type) == "object" and (.captures | type) == "array" and (.annotations | type) == "array"
        and (.global["core:version"] | test("^[0-9]+\\.[0-9]+\\.[0-9]+$"))
        and (.global["core:datatype"] | test("^[cr](([fiu]32|f64|[iu]16)_[lb]e|[iu]8)$"))
        and (.global["core:sample_rate"] // 1 | type == "number" and . > 0)
        and ([.captures[]["core:sample_start"]] | all(type == "number" and . >= 0 and . == floor) and . == sort)
        and ([.captures[] | .["core:frequency"] // 0] | all(type == "number"))
        and ([.captures[] | .["core:global_index"] // 0] | all(type == "number" and . == floor))
        and ([.captures[] | .["core:datetime"] // "2000-01-01T00:00:00Z"]
            | all(test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$")))' "$1" >valid
}

@test "record: --sigmf: metadata beside the data, with a segment wherever something was lost" {
    local gaps
    zcdma capture -q sim: --bytes 3M -o run.sigmf-data --sigmf type=ci16_le,rate=2.4e6,freq=100e6
    valid_sigmf run.sigmf-meta
    jq -e '.global["core:sample_rate"] == 2.4e6 and .captures[0]["core:frequency"] == 100e6
        and .global["core:description"] == "simulated data" and .global["core:dataset"] == null
        and (.captures | length) == 1' run.sigmf-meta
    # Another name is told; of each file of several the place in the stream is.
    zcdma capture -q sim: --bytes 3M --split 1M -o run%N.bin --sigmf type=ru8
    valid_sigmf run000003.bin.sigmf-meta
    jq -e '.global["core:dataset"] == "run000003.bin" and .captures[0]["core:sample_start"] == 0
        and .captures[0]["core:global_index"] == 2097152' run000003.bin.sigmf-meta
    # The segments are where the manifest has losses.
    for gaps in skip zero; do
        rm -f data
        lossy_capture --json -o data --manifest m --gaps=$gaps --sigmf type=cf32_le,rate=8e6
        valid_sigmf data.sigmf-meta
        run zcdma verify --json --manifest m data
        jq '[.losses[] | (.offset + .filled_bytes) / 8]' <<<"$output" >expected
        jq '[.captures[1:][]["core:sample_start"]]' data.sigmf-meta | diff expected -
    done
}

@test "record: --sigmf: no segment for what the disk had no room for" {
    local how
    for how in '' '--direct --depth 4'; do
        [[ ! $how ]] || need_direct
        rm -f data
        # The zeros for what a stopped process loses end after the limit.
        # shellcheck disable=SC2086,SC2016 # several words; a script for another shell
        bash -c 'ulimit -f 8192; exec "$@"' - "$ZCDMA" capture --json sim:blocks=4,block=64K,rate=16M -o data \
            --gaps=zero --sigmf type=ru8 $how >report 2>&1 3>&- &
        CAPTURE=$!
        be_late 1
        wait_exit "$CAPTURE" 1
        valid_sigmf data.sigmf-meta
        jq -e --argjson size "$(stat -c %s data)" '[.captures[]["core:sample_start"] < $size] | all' data.sigmf-meta
    done
}

@test "record: --trigger: what waited in the ring is of the event, however late it is written" {
    mkfifo pipe
    "$ZCDMA" capture -q sim:block=64K,rate=4M,blocks=256 >pipe 3>&- &
    PIDS+=("$!")
    "$ZCDMA" capture --json - -o e-%N --trigger=signal:USR2 --before 100ms --after 1s <pipe >report 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 handles "$CAPTURE" USR2
    kill -USR2 "$CAPTURE"
    until_true 20 has_data e-000001
    kill -STOP "$CAPTURE"
    sleep 1.5 # longer than the event
    kill -CONT "$CAPTURE"
    until_true 20 eval "((\$(stat -c %s e-000001) > 20 * 65536))" || fail "$(stat -c %s e-000001) bytes"
    stop_capture
}

@test "record: --sigmf: what is wrong with it" {
    local value
    for value in type=ci16 type=i16_le type=ru8_le; do
        run -2 --separate-stderr zcdma capture sim: -o x --sigmf $value
        assert_equal "$stderr" "zcdma capture: --sigmf: $value is not a type of SigMF (try ci16_le, cf32_le, ru8)"
    done
    run -2 --separate-stderr zcdma capture sim: -o x --sigmf type=ru8,rate=0
    assert_equal "$stderr" 'zcdma capture: --sigmf: rate=0 is not a number of samples a second (try 2.4e6)'
    run -2 --separate-stderr zcdma capture sim: -o x --sigmf type=ru8,gain=3
    assert_equal "$stderr" 'zcdma capture: --sigmf: gain=3 is not type=, rate= or freq='
    run -2 --separate-stderr zcdma capture sim: -o x --sigmf rate=1
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --sigmf rate=1: the type of its samples is missing'
    run -2 --separate-stderr zcdma capture sim: -o /dev/null --sigmf type=ru8
    assert_equal "$stderr" 'zcdma capture: --sigmf needs a file: -o FILE'
    [[ ! -e x && ! -e x.sigmf-meta ]]
}

@test "record: --trigger: what was in the ring when it came, and what followed, in a file for each event" {
    local n
    "$ZCDMA" capture --json sim:block=16K,rate=4M,blocks=2048 -o e-%N --manifest m-%N --trigger=signal:USR2 \
        --before 100ms --after 1s >report 3>&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    until_true 20 handles "$CAPTURE" USR2
    # An event lasts 1 s, and has to have blocks: the device's thread runs.
    until_true 20 files 2 "/proc/$CAPTURE/task/*"
    for n in 1 2; do
        kill -USR2 "$CAPTURE"
        until_true 20 has_line m-00000$n '^# end'
    done
    # Between events a hang-up has nothing to cut, later neither.
    kill -HUP "$CAPTURE"
    kill -USR2 "$CAPTURE"
    until_true 20 has_line m-000003 '^# end'
    stop_capture
    assert_equal "$(value events) $(value files)" '3 3'
    for n in 1 2; do
        zcdma verify -q --manifest m-00000$n e-00000$n
        # One block after the other, of at least the time after the trigger, but for what a busy machine is late.
        awk '!/^#/ { if (n++ && $1 != last + 1) exit 1; last = $1; if (n == 1) first = $4; end = $4 }
            END { exit !(n > 1 && end - first >= 800000000) }' m-00000$n
    done
    # A number in parentheses is a default in --help, and these have none.
    run -0 zcdma capture --help
    refute_line --regexp '^ +--(before|after)=TIME .*\('
    # Without a trigger nothing is written.
    zcdma capture --json sim: --bytes 10M -o none-%N --trigger=signal:USR2 --before 1s >report
    assert_equal "$(value events) $(compgen -G 'none-*')" '0 '
}

# shellcheck disable=SC2034 # eval runs what uses them
@test "record: --trigger of a ring that is handed over: three blocks of four are held, whatever its size" {
    local blocks limit=$((30 * ${LIMIT_SCALE:-1}))
    for blocks in 4 16 64; do
        run -0 eval 'set -o pipefail
            { await_reader 7>&1 &&
                timeout $limit "$ZCDMA" capture -q --handover=require sim:block=64K,blocks=$blocks --blocks 200; } |
                timeout $limit "$ZCDMA" capture -q --handover=require --trigger=signal:USR2 --before 60s -o "t-%N" -'
    done
}

@test "record: --trigger: what does not go together" {
    run -2 --separate-stderr zcdma capture sim: -o x --trigger=signal:USR2
    assert_equal "${stderr_lines[0]}" \
        'zcdma capture: -o x: --trigger needs a place for the number of a file in it'
    run -2 --separate-stderr zcdma capture sim: -o x-%N --before 2s
    assert_equal "$stderr" 'zcdma capture: --before: nothing triggers a recording
  add --trigger=signal:USR2'
    run -2 --separate-stderr zcdma capture sim: -o x-%N --trigger=signal:USR2 --after 2
    assert_equal "$stderr" 'zcdma capture: --after 2: not a time
  try 100ms, 2s or 5min'
    run -2 --separate-stderr zcdma capture sim: -o x-%N --trigger=signal:HUP
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --trigger signal:HUP: must be one of signal:USR2'
}
