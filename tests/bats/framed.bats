#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Framed streams: any data is checked by hashes, an end is told from a sender that was killed, and a stream survives
# its connection.

load common

# receiving APPLET...: start it, and wait until it listens; TO is where.
receiving() {
    listen_as receive "$ZCDMA" "$@"
    RECEIVER=$LISTENER TO=$WHERE
}

# done_with [STATUS]: the receiver has ended so.
done_with() {
    wait_exit "$RECEIVER" "${1:-0}" || fail "receiver: $(cat receive.out receive.err)"
}

# report FILTER: what its report says.
report() {
    jq -e "$1" receive.out >/dev/null || fail "not so: $1"$'\n'"$(cat receive.out receive.err)"
}

@test "framed: any data is stored and checked, along every path" {
    local path
    head -c 3000001 /dev/urandom >data
    for path in copy zerocopy vmsplice splice sendfile; do
        receiving capture tcp:127.0.0.1:0,framed -o got --no-sync --json
        run -0 --separate-stderr zcdma zcsend "$TO,framed" file:data --path=$path --json
        done_with
        cmp data got
        jq -e '.sent_frames == 3 and .sent_bytes == 3000001 and .send_breaks == 0' <<<"$output"
        report '.received_frames == 3 and .wrong_frames == 0 and .connection_breaks == 0'
    done
    report '.unhashed_frames == 3' # sendfile does not read
    receiving verify --listen 127.0.0.1:0,framed --expect=complete --json
    zcdma capture -q file:data | zcdma copysend "$TO,framed" -q
    done_with
    report '.result == "correct" and .received_frames == 3 and .bad_bytes == null'
}

@test "framed: data that changes after its hash was made is found, whatever it is" {
    receiving verify --listen 127.0.0.1:0,framed --json
    run zcdma vmsplice "$TO,framed" sim:blocks=2 --bytes 64M --unsafe-reuse -q
    done_with 1
    report '.result == "wrong" and .wrong_frames > 0 and (.error.message | test("not what their hashes say"))'
}

@test "framed: what has no hash is not called correct" {
    head -c 100000 /dev/urandom >data
    receiving verify --listen 127.0.0.1:0,framed --json
    zcdma vmsplice "$TO,framed" file:data --path=splice -q
    done_with 1
    report '.result == "incomplete" and .unhashed_frames == 1'
    receiving verify --listen 127.0.0.1:0,framed --pattern 0 --json
    zcdma capture sim: --bytes 100000 -o run.bin -q
    zcdma vmsplice "$TO,framed" run.bin --path=splice -q
    done_with
    report '.result == "correct"'
}

@test "framed: a sender that is killed has no mark: status 1, and what came is kept" {
    receiving capture tcp:127.0.0.1:0,framed -o got --no-sync --json
    "$ZCDMA" copysend "$TO,framed" sim:rate=2M,block=64K,blocks=256 -q 3>&- &
    PIDS+=($!)
    until_true 20 [ -s got ]
    kill -KILL $!
    done_with 1
    report '.error.message | test("the sender ended without its mark")'
    zcdma verify -q got
}

@test "framed: what does not fit is one error, with what helps" {
    receiving capture tcp:127.0.0.1:0,framed -o got --no-sync
    run zcdma copysend "$TO" sim: --bytes 1M -q
    done_with 2
    has_line receive.err 'it does not send frames'
    has_line receive.err 'HOST:PORT,framed, or leave framed out here'
    receiving verify --listen 127.0.0.1:0,framed --idle 60
    run -2 zcdma verify --listen 127.0.0.1:0,retry=3
    assert_output --partial 'retry= is for framed streams'
    run -2 zcdma verify --listen 127.0.0.1:0,framed --streams 2
    assert_output --partial 'has its listener to itself'
    run -2 zcdma copysend udp:127.0.0.1:9,framed sim: --bytes 1M
    assert_output --partial 'framed is not for UDP'
    run -2 zcdma copysend "$TO,framed" sim: --path=null
    assert_output --partial 'it sends nothing'
    run -2 zcdma bench --to "$TO,framed" --mode=copy --memory=memfd
    assert_output --partial 'framed is not for this'
    run -2 zcdma zcsend --framed "$TO" sim:
    assert_output --partial 'HOST:PORT,framed'
    kill "$RECEIVER"
    done_with 143
}

@test "framed: a receiver that is started anew takes the stream on, and both tell the gap" {
    local port
    receiving capture tcp:127.0.0.1:0,framed -o first --no-sync
    "$ZCDMA" zcsend "$TO,framed,retry=60" sim:rate=40M,block=64K --json >send.out 2>send.err 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 [ -s first ]
    port=${TO##*:}
    kill -KILL "$RECEIVER"
    wait "$RECEIVER" 2>/dev/null || :
    receiving capture "tcp:127.0.0.1:$port,framed" -o second --no-sync --json
    until_true 20 [ -s second ]
    kill -TERM "$sender"
    done_with 4
    report '.connection_lost_bytes > 0 and .wrong_frames == 0 and (.error.message | test("not at the receiver"))'
    until_true 20 eval '! kill -0 '"$sender"' 2>/dev/null'
    jq -e '.send_breaks == 1 and .send_lost_bytes > 0' send.out || fail "$(cat send.out send.err)"
    # Both say the same.
    [ "$(jq .send_lost_bytes send.out)" = "$(jq .connection_lost_bytes receive.out)" ]
}

@test "framed: what did not come of a sender that does not come back is unknown" {
    local retry sender
    for retry in '' ,retry=1; do
        rm -f stored
        receiving capture "tcp:127.0.0.1:0,framed$retry" -o stored --no-sync --json
        "$ZCDMA" zcsend -q "$TO,framed" sim:rate=2M,block=64K,blocks=256 3>&- &
        sender=$!
        PIDS+=("$sender")
        until_true 20 [ -s stored ]
        kill -KILL "$sender"
        done_with 1
        report '.connection_breaks == 1 and .connection_lost_blocks == null and .connection_lost_bytes == null
            and (.notes | length) == '$((${#retry} > 0))
    done
    # Nor does a sender know, whose receiver does not.
    rm -f stored
    receiving capture tcp:127.0.0.1:0,framed -o stored --no-sync
    "$ZCDMA" zcsend "$TO,framed,retry=1" sim:rate=40M,block=64K --json >send.out 3>&- &
    sender=$!
    PIDS+=("$sender")
    until_true 20 [ -s stored ]
    kill -KILL "$RECEIVER"
    wait "$RECEIVER" 2>/dev/null || :
    wait_exit "$sender" 1
    jq -e '.send_breaks == 1 and .send_lost_blocks == null and .send_lost_bytes == null' send.out || fail "$(cat send.out)"
}

@test "framed: the receiver that waits for its sender says that it ignored another one" {
    receiving capture tcp:127.0.0.1:0,framed,retry=forever -o stored --no-sync
    "$ZCDMA" zcsend -q "$TO,framed" sim:rate=40M,block=64K 2>send.err 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 [ -s stored ]
    kill -KILL "$sender"
    wait "$sender" 2>/dev/null || :
    run -2 --separate-stderr zcdma zcsend "$TO,framed" sim: --bytes 1M
    [[ $stderr == *'or waits for the sender of another stream'* ]]
    until_true 20 grep -qx "zcdma capture: a connection was ignored, as it is not of this stream's sender" receive.err
    kill -TERM "$RECEIVER"
    done_with 143
}

@test "framed: a connection that sends nothing does not keep the sender away" {
    local stranger
    receiving capture tcp:127.0.0.1:0,framed,retry=forever -o stored --no-sync --json
    exec {stranger}<>"/dev/tcp/127.0.0.1/${TO##*:}"
    # It waits for an answer as long as it can, which may be too short here.
    until_true 60 zcdma zcsend -q "$TO,framed" sim: --bytes 1M
    done_with
    report '.ignored_connections > 0'
    exec {stranger}>&-
    zcdma verify -q --bytes 1M stored
}

@test "framed: a sender that waits for its receiver says so, and which receiver to start" {
    run -2 --separate-stderr zcdma zcsend 127.0.0.1:1,framed,retry=1 sim: --bytes 1M
    [ "${stderr_lines[0]}" = 'zcdma zcsend: waiting for a receiver at 127.0.0.1:1,framed,retry=1, for 1 s at most' ]
    [ "${stderr_lines[1]}" = 'zcdma zcsend: connect to 127.0.0.1 port 1: Connection refused' ]
    [[ ${stderr_lines[2]} == *'zcdma verify --listen :1,framed' ]]
    "$ZCDMA" zcsend 127.0.0.1:1,framed,retry=forever sim: 2>send.err 3>&- &
    PIDS+=("$!")
    until_true 20 has_line send.err 'waiting for a receiver at 127.0.0.1:1,framed,retry=forever, without a limit$'
    kill -INT "${PIDS[-1]}"
    wait_exit "${PIDS[-1]}" 130
    run -2 --separate-stderr zcdma zcsend -q 127.0.0.1:1,framed,retry=1 sim: --bytes 1M
    [[ ${stderr_lines[0]} == *'Connection refused' ]]
    # Nor where the receiver is there.
    receiving capture tcp:127.0.0.1:0,framed -o stored --no-sync
    run -0 --separate-stderr zcdma copysend "$TO,framed,retry=8" sim: --bytes 1M
    assert_equal "$stderr" ''
    done_with 0
}
