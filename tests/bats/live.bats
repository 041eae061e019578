#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Figures while a run goes on: --interval and --metrics.

# shellcheck disable=SC2016,SC2154 # awk's words; what run sets

load common

# value NAME: of the file of metrics "m.prom".
value() {
    sed -n "s/^zcdma_$1{applet=\"[a-z]*\"} //p" m.prom
}

@test "--interval: a line each, then the report; with -q neither" {
    run --separate-stderr zcdma capture --bytes 4M --interval 0.05 sim:rate=20M,block=256K -o /dev/null
    assert_success
    grep -qE '^zcdma capture: [0-9]+\.[0-9] s, [0-9.]+ .?i?B, [0-9.]+ MB/s, cpu [0-9.]+, in flight [0-9]+, lost 0 B, waited p50 .*, p99 ' \
        <<<"$stderr" || fail "no line: $stderr"
    assert_output --partial '4.00 MiB to /dev/null'
    run -0 --separate-stderr zcdma capture -q --bytes 1M --interval 0.02 sim:rate=20M,block=256K -o /dev/null
    assert_equal "$output$stderr" ''
}

@test "--interval --json: an object a line, of which only the last is the document" {
    run -0 --separate-stderr zcdma capture --json --bytes 4M --interval 0.05 sim:rate=20M,block=256K -o /dev/null
    assert_equal "$stderr" ''
    run -0 jq -sr '(.[:-1] | length > 0 and all(has("bytes_per_second") and .applet == "capture" and .tcp == null
            and (has("exit_status") | not))) and (.[-1] | .captured_bytes == 4194304 and .exit_status == 0),
        ([.[:-1][].bytes] | . == sort), (.[:-1] | map(.blocks * 262144 == .bytes) | all)' <<<"$output"
    assert_output $'true\ntrue\ntrue'
}

@test "--interval: what TCP says of the connection, and of a receiver that does not read" {
    receiver
    "$ZCDMA" copysend --json --interval 0.2 "$TO" sim: >sent 3>&- &
    local sender=$!
    PIDS+=("$sender")
    until_true 20 has_line sent '"retransmitted_segments"'
    kill -STOP "$RECEIVER"
    until_true 20 has_line sent '"limited_by":"receiver"'
    kill -CONT "$RECEIVER"
    kill -INT "$sender"
    wait_exit "$sender" 130
    run -0 jq -sr '(.[:-1] | map(.tcp.rtt_us > 0 and .tcp.cwnd_segments > 0) | all), .[-1].applet' sent
    assert_output $'true\ncopysend'
}

@test "--interval --json: a signal lets the document come; what kill -9 leaves is whole lines without one" {
    local signal run
    for signal in TERM:0 INT:130 KILL:137; do
        rm -f lines # of the run before, which would be taken for this one's
        "$ZCDMA" capture --json --interval 0.05 sim:rate=2M,block=64K,blocks=256 -o /dev/null >lines 3>&- &
        run=$!
        PIDS+=("$run")
        until_true 10 has_line lines '"blocks"'
        kill "-${signal%:*}" "$run"
        wait_exit "$run" "${signal#*:}"
        run -0 jq -sr '[.[:-1][].exit_status, (.[-1] | .exit_status, has("captured_bytes"))] | unique | tojson' lines
        echo "${signal%:*} $output"
    done >said
    assert_equal "$(<said)" $'TERM [null,true,0]\nINT [null,true,130]\nKILL [null,false]'
}

@test "--metrics: one file for monitoring, replaced while it runs, which says when nothing does" {
    "$ZCDMA" capture -q --seconds 600 --interval 0.05 --metrics m.prom sim:rate=2M,block=64K,blocks=256 \
        -o /dev/null 3>&- &
    local run=$!
    PIDS+=("$run")
    moved() {
        (($(value bytes_total) > 0)) && [[ $(value running) == 1 ]]
    }
    until_true 10 moved
    assert_equal "$(value overruns_total) $(value lost_bytes_total)" '0 0'
    assert_equal "$(tail -n 1 m.prom)" '# EOF'
    assert_equal "$(stat -c %a m.prom)" 644
    kill -INT "$run"
    wait_exit "$run" 130
    assert_equal "$(value running)" 0
    (($(value blocks_total) * 65536 == $(value bytes_total))) || fail "$(cat m.prom)"
    # Each sample has its type before it, and no name occurs twice.
    run -0 awk '/^# TYPE/ { type[$3] = $4; next } /^#/ { next }
        { sub(/{.*/, "", $1); sub(/_total$/, "", $1); if (!($1 in type) || seen[$1]++) print }' m.prom
    assert_output ''
    run -0 find . -name 'm.prom.*'
    assert_output ''
}

@test "--metrics: a run that is refused writes no file, and leaves one as it is" {
    local refused before
    for refused in 'file:none -o out' 'sim: -o none/out' 'sim: -o a -o ./a' 'sim: --bytes 1X' \
        '--seconds 1 sim:blocks=8 --drop-slow 9 -o a -o b'; do
        # shellcheck disable=SC2086 # several words
        run -2 zcdma capture --metrics m.prom $refused
        [[ ! -e m.prom ]] || fail "$refused: $(cat m.prom)"
    done
    run -2 zcdma zcsend --metrics m.prom 127.0.0.1:1 sim:
    run -2 zcdma verify --metrics m.prom --manifest none sim:
    run -0 find . -name 'm.prom*'
    assert_output ''
    zcdma capture -q --bytes 1M --metrics m.prom sim: -o out
    before=$(stat -c %i m.prom && cat m.prom)
    run -2 zcdma capture --metrics m.prom sim: -o none/out
    assert_equal "$(stat -c %i m.prom && cat m.prom)" "$before"
}

@test "--metrics: one that its user may not write any more ends the run, and says of none that it goes on" {
    ((!EUID)) || skip 'needs root, to capture packets'
    setpriv --reuid=65534 --clear-groups true || skip 'root cannot become another user here'
    mkdir -m 755 mine && mkdir -m 777 theirs
    unset SUDO_UID SUDO_GID
    run -2 --separate-stderr zcdma capture --metrics mine/m.prom pcap:lo -o out --seconds 0.2
    assert_equal "${stderr_lines[0]}" 'zcdma capture: write mine/m.prom: Permission denied'
    assert_regex "${stderr_lines[1]}" '^  give a file in a folder where user 65534 may write'
    [[ ! -e mine/m.prom ]]
    run -0 zcdma capture -q --metrics theirs/m.prom pcap:lo -o out --seconds 0.2
    grep -q "^zcdma_running.* 0$" theirs/m.prom
}

@test "--interval and --metrics: bad values, and a file that cannot be written" {
    run -2 --separate-stderr zcdma capture --interval 4X sim:
    assert_equal "$stderr" 'zcdma capture: --interval 4X: not a number of seconds (try 10 or 0.5)'
    run -2 --separate-stderr zcdma capture --interval 0.001 sim:
    assert_equal "$stderr" 'zcdma capture: --interval 0.001: must be at least 0.01'
    run -2 --separate-stderr zcdma verify --metrics none/m.prom sim:
    assert_equal "$stderr" 'zcdma verify: write none/m.prom: No such file or directory
  make the folder: mkdir -p none'
    mkdir folder
    run -2 --separate-stderr zcdma capture --metrics folder sim:
    assert_equal "$stderr" 'zcdma capture: write folder: Is a directory
  name a file in it: folder/NAME'
    run -0 find . -name 'folder.*'
    assert_output ''
}
