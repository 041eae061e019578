#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The hand-over: two zcdma with a pipe in between share the ring; anybody else gets and gives bytes.
# shellcheck disable=SC2016 # scripts for another shell

load common
load pipe

# background_capture and background_send OPTION...: two that meet at the named pipe "pipe".
background_capture() {
    {
        await_reader 7>&1
        exec "$ZCDMA" capture "$@"
    } >pipe 2>report 3>&- 9<&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
}

background_send() {
    "$ZCDMA" zcsend "$TO" "$@" <pipe >sender.out 2>sender.err 3>&- 9<&- &
    SENDER=$!
    PIDS+=("$SENDER")
}

# tell: fail, with what the ends said.
tell() {
    tail -n 30 report sender.err sender.out receiver.err receiver.out 2>/dev/null || :
    return 1
}

# statistics_say PID FILE REGEX: ask for them, and look.
statistics_say() {
    ask "$1"
    tail -n 1 "$2" | grep -Eq "$3"
}

# stalled PID FILE: something moved, and no longer does.
stalled() {
    statistics_say "$1" "$2" ': [1-9].*iB in .* 0.00 MB/s'
}

#
# What it is for
#

@test "handover: capture | zcsend shares the ring, and copies nothing for the pipe" {
    receiver --bytes 64M
    lead --json --bytes 64M sim: 2>report | zcdma zcsend "$TO" --json >sender
    received
    assert_equal "$(keys report handover path user_copies kernel_copies captured_bytes replaced_blocks)" \
        'true handover 0 0 67108864 0'
    assert_equal "$(keys sender handover path user_copies sent_bytes ring_blocks)" \
        'true zerocopy 0 67108864 16'
}

@test "handover: the same without, and with: bytes are copied three times, and once" {
    receiver --streams 2 --bytes 64M
    zcdma capture --json --handover=never --bytes 64M sim: 2>report |
        zcdma copysend "$TO" --json >sender
    assert_equal "$(keys report handover path user_copies kernel_copies)" 'false copy 0 1'
    assert_equal "$(keys sender handover user_copies kernel_copies user_copied_bytes kernel_copied_bytes)" \
        'false 0 2 0 134217728'
    lead --json --bytes 64M sim: 2>report | zcdma copysend "$TO" --json >sender
    assert_equal "$(keys sender handover user_copies kernel_copies)" 'true 0 1'
    received
}

@test "handover: every sender and path takes the ring" {
    local path
    receiver --streams 5 --bytes 24000001
    for path in copy zerocopy vmsplice splice; do
        lead --json --bytes 24000001 sim:block=64K,blocks=6 2>report |
            zcdma zcsend "$TO" --json --path=$path >sender
        assert_equal "$(keys report handover) $(keys sender handover path user_copies)" "true true $path 0"
    done
    lead --json --bytes 24000001 sim:block=12K,blocks=6 2>report |
        zcdma vmsplice "$TO" --json >sender
    assert_equal "$(keys report handover) $(keys sender handover path kernel_copies)" 'true true splice 0'
    received
}

@test "handover: capture | verify, and capture | capture -o FILE -" {
    run -0 --separate-stderr eval 'lead -q --bytes 24000001 sim:block=64K | "$ZCDMA" verify --json -'
    jq -e '.handover and .user_copies == 0 and .received_bytes == 24000001' <<<"$output"
    lead -q --bytes 24000001 sim: | zcdma capture --json -o data - >report
    assert_equal "$(keys report handover user_copies kernel_copies captured_bytes)" 'true 0 1 24000001'
    zcdma verify -q --bytes 24000001 data
    lead -q --bytes 3M sim: | zcdma capture -q -o data --manifest data.xxh -
    zcdma verify -q --manifest data.xxh data
}

@test "handover: rings of every kind" {
    local ring
    for ring in block=4K,blocks=1 block=4K,blocks=2 block=12K,blocks=5 block=2M,blocks=4 \
        block=64K,blocks=300 block=4K,blocks=2000; do
        lead -q --bytes 10000001 "sim:$ring" | zcdma verify -q --handover=require --bytes 10000001 -
        lead -q --bytes 10000001 "sim:$ring" |
            zcdma capture -q --handover=require --path=splice - | zcdma verify -q --bytes 10000001 -
    done
}

@test "handover: a file's blocks, to those who read and to those who send" {
    local path
    zcdma capture -q --bytes 24000001 -o data sim:
    receiver --streams 4 --bytes 24000001
    for path in copy zerocopy vmsplice splice; do
        lead --json file:data 2>report | zcdma zcsend "$TO" --json --path=$path >sender
        assert_equal "$(keys report handover) $(keys sender handover path user_copies)" "true true $path 0"
    done
    received
    lead -q data | zcdma verify -q --handover=require --bytes 24000001 -
    : >data
    lead -q data | zcdma capture -q --handover=require -o copy -
    cmp data copy
}

@test "handover: a device with a pace: overruns are counted, and leave their gap" {
    mkfifo pipe
    receiver
    kill -STOP "$RECEIVER" # so that its sender takes the ring, and then nothing from it
    background_capture --json --blocks 400 --rate 6400K sim:block=64K,blocks=4
    background_send --json --fallback=keep
    until_true 30 statistics_say "$CAPTURE" report 'overruns [1-9]' || fail "no overrun: $(cat report)"
    kill -CONT "$RECEIVER"
    wait_exit "$CAPTURE" 4
    wait_exit "$SENDER" 4
    wait_exit "$RECEIVER" 1
    assert_equal "$(keys report handover) $(keys sender.out handover)" 'true true'
    # The sender knows of what is missing from the blocks themselves, and not why.
    (($(keys sender.out overruns) > 0 && $(keys sender.out lost_bytes) % 65536 == 0))
    lost=$(keys report error.message)
    assert_equal "${lost#*missing: }" 'the device found no free block'
    assert_equal "$(keys sender.out error.message)" "${lost%: *}: the device dropped them"
    grep -Eq "^  gap +[1-9].* missing" receiver.out
}

@test "handover: blocks that are in flight are not written to, on any path" {
    local path
    for path in zerocopy splice; do
        rm -f pipe
        mkfifo pipe
        receiver --bytes 64M
        kill -STOP "$RECEIVER"
        background_capture --bytes 64M sim:block=64K,blocks=8
        background_send --path=$path --fallback=keep
        until_true 30 stalled "$SENDER" sender.err || tell
        kill -CONT "$RECEIVER"
        wait_exit "$CAPTURE"
        wait_exit "$SENDER"
        received
    done
}

# What the test above would see.
@test "handover: a sender that lies about its pages is seen to do so" {
    mkfifo pipe
    receiver
    kill -STOP "$RECEIVER"
    background_capture --bytes 64M sim:block=64K,blocks=8
    "$ZCDMA" vmsplice "$TO" -q --unsafe-reuse <pipe 2>sender.err 3>&- &
    SENDER=$!
    PIDS+=("$SENDER")
    until_true 30 stalled "$SENDER" sender.err || tell
    kill -CONT "$RECEIVER"
    wait_exit "$CAPTURE"
    wait_exit "$SENDER"
    wait_exit "$RECEIVER" 1
    grep -Eq 'overwritten|stale|repeated|gap' receiver.out receiver.err
}

#
# Anybody else
#

@test "handover: any other program gets bytes, and gives them; -v says why" {
    receiver --bytes 3M
    { await_program tee && zcdma capture -v --bytes 3M sim: 2>report; } | tee run.bin |
        zcdma copysend -v --json "$TO" >sender
    received
    zcdma verify -q --bytes 3M run.bin
    grep -q 'no hand-over through the pipe: .*; the pipe ends at tee (process' report
    assert_equal "$(keys sender handover user_copies kernel_copies)" 'false 0 2'
    jq -e '[.notes[] | select(test("^bytes, and no hand-over: its writer sent bytes"))] | length == 1' sender
    # And nothing where nobody asked.
    zcdma capture --bytes 64K sim: 2>report | cat >run.bin
    refute grep -q hand-over report
    # What is no pipe is no place for it.
    zcdma capture -v --bytes 64K sim: 2>report >run.bin
    grep -q 'no hand-over: it is not a pipe' report
    run -0 zcdma verify -v - <run.bin
    assert_line --partial 'bytes, and no hand-over: it is not a pipe'
}

@test "handover: require: a refusal with the reason, and status 3" {
    run -3 --separate-stderr eval '{
            await_program sha256sum
            "$ZCDMA" capture --handover=require sim:
            echo $? >status
        } | sha256sum >sum
        exit "$(cat status)"'
    assert_regex "$stderr" '^zcdma capture: no hand-over through the pipe: no zcdma of this network namespace reads its other end; the pipe ends at sha256sum \(process [0-9]+\)
  leave out --handover=require, or have a zcdma at the other end$'
    assert_equal "$(cut -c 1-8 sum)" e3b0c442 # of nothing

    run -3 --separate-stderr eval 'cat /etc/passwd | "$ZCDMA" verify --handover=require -'
    assert_equal "$stderr" 'zcdma verify: no hand-over from standard input: its writer sent bytes'
    run -3 --separate-stderr eval '"$ZCDMA" capture -q --handover=never --bytes 1M sim: 2>err |
        "$ZCDMA" capture --handover=require -o data -'
    assert_equal "${stderr_lines[0]}" 'zcdma capture: no hand-over from standard input: its writer sent bytes'
    run -3 eval '"$ZCDMA" capture -q --bytes 1M sim: | "$ZCDMA" verify -q --handover=never - &&
        : | "$ZCDMA" verify -q --handover=require -'
    assert_output 'zcdma verify: no hand-over from standard input: its writer had none to make'
    run -3 zcdma verify --handover=require - </etc/passwd
    assert_output --partial 'no hand-over from standard input: it is not a pipe'
    run -3 eval 'zcdma capture --handover=require --bytes 1M sim: >data'
    assert_output --partial 'no hand-over: it is not a pipe'
}

@test "handover: require, where there is no pipe: a usage error" {
    run -2 zcdma capture --handover=require -o data sim:
    assert_output 'zcdma capture: --handover=require: standard input or output is not a pipe
  leave it out, or have a pipe from one zcdma to another'
    run -2 zcdma zcsend --handover=require 127.0.0.1:1 sim:
    assert_output 'zcdma zcsend: --handover=require: standard input or output is not a pipe
  leave it out, or have a pipe from one zcdma to another'
    run -2 zcdma verify --handover=require --listen 127.0.0.1:0
    run -2 zcdma verify --handover=require /etc/passwd
    run -2 eval 'set -o pipefail; zcdma capture --handover=require --path=copy sim: | cat'
    run -2 zcdma capture --handover=perhaps sim:
    assert_output --partial 'must be one of auto, require, never'
}

@test "handover: require, and a source without a ring" {
    zcdma capture -q --bytes 1M -o data sim:
    { lead --handover=require --manifest m file:data 2>report || echo $? >status; } |
        run -1 zcdma capture -q -o copy -
    assert_equal "$(<status)" 3
    # Not a byte came, so that no file begins.
    [[ ! -e copy ]]
    grep -q '^zcdma capture: no hand-over of file:data: it has no ring to share; the pipe ends at zcdma' report
    # Without it, bytes.
    lead -q --manifest m file:data | zcdma verify -q --bytes 1M
}

@test "handover: another network namespace: bytes, and -v says so" {
    unshare -Urn true || skip 'no network namespaces'
    mkfifo pipe
    exec 9<>pipe
    unshare -Urn "$ZCDMA" verify -v --bytes 1M - <pipe >verdict 2>&1 3>&- 9<&- &
    PIDS+=($!)
    until_true 30 handles $! INT
    zcdma capture -v --bytes 1M sim: >pipe 2>report 9<&-
    exec 9<&-
    wait_exit "${PIDS[0]}"
    grep -q 'no zcdma of this network namespace reads its other end; the pipe ends at .*in another network namespace' report
    grep -q 'bytes, and no hand-over: its writer sent bytes' verdict
}

@test "handover: another user: bytes, and -v says so" {
    ((EUID == 0)) || skip 'only root can be somebody else'
    chmod 755 .
    copy_for_all
    lead -v --bytes 1M sim: 2>report |
        setpriv --reuid=65534 --clear-groups "$ZCDMA" verify -q --bytes 1M -
    grep -q 'no hand-over through the pipe: another user reads it' report
    { await_reader 7>&1 && setpriv --reuid=65534 --clear-groups "$ZCDMA" capture -v --bytes 1M sim: 2>report; } |
        zcdma verify -q --bytes 1M -
    grep -q 'no hand-over through the pipe: another user reads it' report
}

#
# One after the other, and beside each other
#

@test "handover: two captures in a row, and bytes before, between and after" {
    zcdma capture -q --bytes 3000001 sim: >one
    (
        echo header
        lead -q --bytes 3000001 sim:
        echo between
        zcdma capture -q --handover=never --bytes 3000001 sim:
        lead -q --bytes 3000001 sim:block=4K
        echo end
    ) | zcdma capture --json -o data - >report
    cmp data <(echo header; cat one; echo between; cat one one; echo end)
    assert_equal "$(keys report handover captured_bytes)" "true $(stat -c %s data)"
    # Two were handed over; the rest was read, and all was written.
    local lines
    lines=$(printf 'header\nbetween\nend\n' | wc -c)
    assert_equal "$(keys report user_copied_bytes kernel_copied_bytes)" "0 $((3000001 * 4 + lines * 2))"
}

@test "handover: two captures at once on one pipe come one after the other" {
    zcdma capture -q --bytes 3M sim: >one
    (
        lead -q --bytes 3M sim:block=64K &
        lead -q --bytes 3M sim:block=64K
        wait
    ) | zcdma capture -q --handover=require -o data -
    cmp data <(cat one one)
}

@test "handover: readers in turn get what the one before left" {
    zcdma capture -q --bytes 10M sim: >all
    lead -q --bytes 10M sim: | {
        zcdma capture -q --handover=require --bytes 1500001 -o a -
        zcdma capture -q --bytes 1000001 -o b -
        cat >c
    }
    cat a b c | cmp all -
    lead -q all | {
        zcdma capture -q --handover=require --path=splice --bytes 1500001 -o a -
        cat >b
    }
    cat a b | cmp all -
}

@test "handover: a reader that has enough: the writer says so, as ever" {
    run -1 --separate-stderr eval '{ "$ZCDMA" capture sim:; echo $? >status; } |
        zcdma capture -q --bytes 3M -o data -; exit "$(cat status)"'
    assert_regex "$stderr" '^zcdma capture: write to standard output: Broken pipe'
    zcdma verify -q --bytes 3M data
}

@test "handover: several readers of one pipe" {
    receiver --streams 2
    zcdma capture -q --bytes 24M sim: | {
        zcdma zcsend "$TO" --json >a 2>/dev/null 3>&- &
        zcdma zcsend "$TO" --json >b 2>/dev/null 3>&-
        wait
    }
    assert_equal $(($(keys a sent_bytes) + $(keys b sent_bytes))) 25165824
}

@test "handover: exec chains, and two pipelines at once" {
    local i
    for i in 1 2; do
        lead -q --bytes 24M --pattern "$i" sim: |
            sh -c 'exec sh -c "exec \"\$0\" verify --json --handover=require --bytes 24M --pattern $1 -" "$0"' \
                "$ZCDMA" "$i" >"verdict$i" 2>&1 3>&- &
        PIDS+=($!)
    done
    for i in "${PIDS[@]}"; do
        wait_exit "$i"
    done
    assert_equal "$(keys verdict1 handover result) $(keys verdict2 handover result)" 'true correct true correct'
}

@test "handover: a reader that comes when there are bytes reads them" {
    zcdma capture --json --bytes 3M sim:block=64K 2>report | {
        until_true 30 read -r -t 0
        zcdma verify -q --bytes 3M
    }
    assert_equal "$(keys report handover)" false
}

@test "handover: a writer that comes seconds late is welcome, and its reader wakes for nothing" {
    mkfifo pipe
    receiver --bytes 3M
    "$ZCDMA" zcsend "$TO" --json <pipe >sender.out 2>sender.err 3>&- &
    SENDER=$!
    PIDS+=("$SENDER")
    exec 9>pipe
    until_true 20 handles "$SENDER" USR1
    before=$(awk '/^voluntary/ { print $2 }' "/proc/$SENDER/status")
    sleep 1
    # Counted, as time is no measure here: it slept in one piece.
    (($(awk '/^voluntary/ { print $2 }' "/proc/$SENDER/status") - before < 20))
    lead -q --handover=require --bytes 3M sim: >&9
    exec 9>&-
    wait_exit "$SENDER"
    received
    assert_equal "$(keys sender.out handover user_copies)" 'true 0'
}

#
# Ends
#

@test "handover: a writer that is killed: the reader says what came, and that it is not all" {
    mkfifo pipe
    receiver
    background_capture sim:rate=2M,block=64K,blocks=256
    background_send --json
    until_true 30 statistics_say "$SENDER" sender.err ': [1-9]' || tell
    kill -KILL "$CAPTURE"
    wait_exit "$SENDER" 1
    assert_equal "$(keys sender.out handover error.message)" 'true read standard input: its writer ended early'
    (($(keys sender.out sent_bytes) > 0))
    # What arrived is right, and the receiver is told that there should be more.
    wait_exit "$RECEIVER" 1
    refute grep -Eq 'gap|stale|overwritten|garbage|repeated' receiver.out
}

@test "handover: a reader that is killed: the writer says so at once, even where no data comes" {
    mkfifo pipe
    receiver
    background_capture --json --rate 64K sim:block=64K
    background_send
    until_true 30 statistics_say "$CAPTURE" report ': [1-9]' || tell
    kill -KILL "$SENDER"
    wait_exit "$CAPTURE" 1
    assert_equal "$(keys report error.message)" \
        'hand-over to standard output: its reader ended before it was done'
    (($(keys report captured_bytes) > 0))
}

# pids_there: of the pipeline below.
pids_there() {
    [[ -s capture.pid && -s send.pid ]]
}

@test "handover: either end killed at any moment: nobody hangs, and nothing wrong arrives" {
    local i path victim other
    for i in {1..12}; do
        path=$( ((i % 4 < 2)) && echo zerocopy || echo splice)
        rm -f ./*.pid
        receiver
        # shellcheck disable=SC2016
        sh -c 'echo $$ >capture.pid; exec "$0" capture -q --rate 200M sim:block=64K,blocks=4' "$ZCDMA" 2>report 3>&- |
            sh -c 'echo $$ >send.pid; exec "$0" zcsend -q --path=$1 $2' "$ZCDMA" "$path" "$TO" 2>err 3>&- &
        PIDS+=($!)
        until_true 20 pids_there
        sleep "0.0$((i % 10))" # which decides nothing
        victim=$(cat "$( ((i % 2)) && echo capture.pid || echo send.pid)")
        other=$(cat "$( ((i % 2)) && echo send.pid || echo capture.pid)")
        kill -KILL "$victim"
        until_true 30 ended "$other" || fail "the other end goes on: $(cat report err)"
        kill -INT "$RECEIVER" 2>/dev/null || : # nobody may have come
        wait "$RECEIVER" || :
        forget "$RECEIVER"
        refute grep -Eq 'stale|overwritten|garbage|repeated' receiver.out receiver.err
    done
}

@test "handover: Ctrl-C drains the ring, and both report the same" {
    mkfifo pipe
    receiver
    background_capture --json sim:rate=2M,block=64K,blocks=256
    background_send --json
    until_true 30 statistics_say "$SENDER" sender.err ': [1-9]' || tell
    kill -INT "$SENDER" "$CAPTURE" # in this order: the sender would end by itself after the other
    wait_exit "$CAPTURE" 130
    wait_exit "$SENDER" 130
    received
    assert_equal "$(keys report captured_bytes)" "$(keys sender.out sent_bytes)"
    assert_equal "$(keys report handover) $(keys sender.out handover)" 'true true'
}

@test "handover: Ctrl-C for the reader alone: it leaves, and the writer learns it" {
    mkfifo pipe
    receiver
    background_capture --json sim:rate=2M,block=64K,blocks=256
    background_send --json
    until_true 30 statistics_say "$SENDER" sender.err ': [1-9]' || tell
    kill -INT "$SENDER"
    wait_exit "$SENDER" 130
    wait_exit "$CAPTURE" 1
    received
    assert_equal "$(keys report error.message)" 'write to standard output: Broken pipe'
}

@test "handover: a source that fails: the reader is not told that this is the end" {
    zcdma capture -q --bytes 200M -o data sim:
    mkfifo pipe
    receiver
    kill -STOP "$RECEIVER"
    background_capture --json file:data
    background_send --json
    until_true 30 stalled "$SENDER" sender.err || tell
    truncate -s 1M data
    kill -CONT "$RECEIVER"
    wait_exit "$CAPTURE" 1
    wait_exit "$SENDER" 1
    wait_exit "$RECEIVER" 1
}

# ends_after COMMAND...: start it with the named pipe "pipe" as its standard output, and a sender that reads it.
ends_after() {
    background_send --json
    {
        await_reader 7>&1
        exec "$@"
    } >pipe 2>report 3>&- 9<&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
}

# blames_writer: the sender said that its writer ended early, and no other number of bytes is there. No process holds
# the pipe any more: the next sender would begin before its own writer is there.
blames_writer() {
    wait_exit "$SENDER" 1
    until_true 20 ended "$CAPTURE"
    assert_equal "$(keys sender.out handover error.message)" 'false read standard input: its writer ended early'
}

@test "handover: bytes whose writer is killed, or fails: the reader says so too" {
    mkfifo pipe
    receiver --streams 8
    ends_after "$ZCDMA" capture -q --path=copy sim:rate=2M,block=64K,blocks=256
    until_true 30 statistics_say "$SENDER" sender.err ': [1-9]' || tell
    kill -KILL "$CAPTURE"
    blames_writer
    (($(keys sender.out sent_bytes) > 0))
    ends_after "$ZCDMA" capture -q file:none
    blames_writer
    assert_equal "$(keys sender.out sent_bytes)" 0
    ends_after "$ZCDMA" capture --no-such-option
    blames_writer
    ends_after "$ZCDMA" captur sim:
    blames_writer
    # Of several outputs too, by whatever name.
    ends_after "$ZCDMA" capture -q file:none -o -
    blames_writer
    ends_after "$ZCDMA" capture -q sim: -o other -o /dev/stdout --drop-slow 4X
    blames_writer
    ends_after "$ZCDMA"
    blames_writer
    # Through a second one, which fails for the first.
    export NEVER PAUSE
    export -f await_reader until_true has_line pause
    ends_after bash -c '{ await_reader 7>&1; "$0" capture -q file:none; } | "$0" capture -q -' "$ZCDMA"
    blames_writer
}

@test "handover: bytes that are all there: a writer that was stopped, one that another one stands in for, any other program" {
    local script
    mkfifo pipe
    receiver --streams 5
    ends_after "$ZCDMA" capture -q --path=copy sim:rate=2M,block=64K,blocks=256
    until_true 30 statistics_say "$SENDER" sender.err ': [1-9]' || tell
    kill -TERM "$CAPTURE"
    wait_exit "$SENDER" 0
    for script in '"$0" capture -q --path=copy --bytes 1M sim:' \
        '"$0" capture -q --bytes 1M sim: | "$0" capture -q -' \
        '"$0" capture -q file:none || "$0" capture -q --bytes 1M sim:' \
        '"$0" capture -q --bytes 1M --handover=never sim:; exit 1'; do
        ends_after sh -c "$script" "$ZCDMA"
        wait_exit "$SENDER" 0 || tell
        assert_equal "$(keys sender.out sent_bytes error)" '1048576 null'
    done
    received
}

# limited N OPTION...: zcdma, with descriptors below N alone; for a subshell.
limited() {
    ulimit -n "$1"
    shift
    exec "$ZCDMA" "$@"
}

@test "handover: with few descriptors left on either side: a ring or bytes, and all of them" {
    local most
    for most in {5..18}; do
        rm -f status
        run eval "{
            await_reader 7>&1
            (limited $most capture -q --bytes 3M sim:) 2>err 3>&- || echo \$? >status
        } | zcdma verify -q --bytes 3M -"
        # Or too few to have a source at all.
        if [[ -s status ]]; then
            assert_equal "$(<status)" 2
        else
            assert_success
        fi
    done
    for most in {5..18}; do
        run eval "zcdma capture -q --bytes 3M sim: 2>err | (limited $most verify -q --bytes 3M -) 3>&-"
        if ((status == 2)); then
            assert_output --partial 'Too many open files'
        else
            assert_success
        fi
    done
    # It did come to a ring.
    lead -q --bytes 3M sim: | (limited 18 verify -q --handover=require --bytes 3M -)
}

#
# Strangers
#

@test "handover: somebody who is there first, and silent" {
    mkfifo pipe
    "$TOOLS/caller" silent pipe >caller 3>&- &
    PIDS+=($!)
    receiver --bytes 3M
    exec 9<>pipe # an end of it that writes nothing, until there is a writer
    background_send --json
    until_true 20 grep -q there caller
    background_capture --json --bytes 3M sim:
    exec 9<&-
    wait_exit "$CAPTURE"
    wait_exit "$SENDER"
    received
    assert_equal "$(keys report handover) $(keys sender.out handover)" 'true true'
}

@test "handover: a flood of callers with nonsense" {
    mkfifo pipe
    "$TOOLS/caller" flood pipe >caller 3>&- &
    PIDS+=($!)
    receiver --bytes 24M
    exec 9<>pipe
    background_send --json
    until_true 20 grep -q there caller
    background_capture --json --bytes 24M sim:
    exec 9<&-
    wait_exit "$CAPTURE"
    wait_exit "$SENDER"
    # By hand-over or by bytes: the writer may not have come through.
    received
    assert_equal "$(keys report handover)" "$(keys sender.out handover)"
}

@test "handover: somebody who takes the reader's place: bytes on both sides" {
    mkfifo pipe
    "$TOOLS/caller" squat pipe >caller 3>&- &
    PIDS+=($!)
    until_true 20 grep -q there caller
    background_capture -v --bytes 3M sim:
    zcdma verify -v --bytes 3M - <pipe >verdict 2>&1
    wait_exit "$CAPTURE"
    grep -q 'no hand-over through the pipe: its reader does not answer' report
    grep -q 'bytes, and no hand-over: another process takes the hand-over from this pipe' verdict
}
