#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A bad day: sinks that are full, files that shrink, peers that vanish, limits, signals. One clear error, the
# right exit status, no hang, and what was received or written stays intact.
# shellcheck disable=SC2016 # scripts for another shell

load common
load trouble

#
# Sinks that are full, gone, or limited
#

@test "a full disk by every path: what was written stays, and no more is claimed" {
    local path
    namespaces -rm
    cat >script <<-'END'
	mount -t tmpfs -o size=1M none mnt || exit 77
	for path in copy splice sendfile; do
	    "$1" capture --json --path=$path sim:block=64K --bytes 4M -o mnt/data >$path.json
	    echo $? >$path.status
	    stat -c %s mnt/data >$path.size
	    "$1" verify -q mnt/data || echo wrong >>$path.size
	    rm mnt/data
	done
	END
    mkdir mnt
    run unshare -rm bash script "$ZCDMA"
    ((status != 77)) || skip 'no tmpfs of our own here'
    for path in copy splice sendfile; do
        assert_equal "$path: $(cat $path.status)" "$path: 1"
        one_document 1 "$(cat $path.json)"
        run -0 jq -r '.error.errno, .captured_bytes' $path.json
        assert_output "ENOSPC"$'\n'"$(cat $path.size)"
    done
}

@test "a limit on file size: what was written stays, and the manifest says that it is not all" {
    run -1 --separate-stderr bash -c 'ulimit -f 100
        "$1" capture -q sim:block=4K --bytes 3M -o out --manifest manifest' - "$ZCDMA"
    assert_equal "$stderr" "zcdma capture: write to $PWD/out: File too large
  raise the limit on file size (ulimit -f); what was written before stays"
    assert_equal "$(stat -c %s out)" 102400
    assert_equal "$(grep -c '^[0-9]' manifest)" 25
    run -1 zcdma verify -q --manifest manifest out
    assert_output --partial 'no last line: the recording did not come to its end'
}

@test "a limit on file size does not keep anybody from reading" {
    zcdma capture -q sim: --bytes 64K -o data
    run -0 bash -c 'ulimit -f 0; "$1" verify -q data' - "$ZCDMA"
}

@test "a manifest that cannot be written: status 1, and the data is there" {
    run -1 --separate-stderr zcdma capture -q sim: --bytes 1M -o out --manifest /dev/full
    assert_equal "${stderr_lines[0]}" \
        "zcdma capture: write manifest /dev/full: No space left on device"
    zcdma verify -q --bytes 1M out
}

@test "the program behind the pipe is gone: the hint does not speak of a connection" {
    # Opened for both, so that neither blocks; then the only reader goes.
    mkfifo pipe
    run -1 --separate-stderr bash -c 'exec 3<>pipe 4>pipe 3>&-
        "$1" capture -q sim: --bytes 4M >&4' - "$ZCDMA"
    assert_equal "${stderr_lines[0]}" 'zcdma capture: write to standard output: Broken pipe'
    refute_regex "$stderr" 'connection'
}

@test "the receiver is gone in the middle: one error, status 1, by every path" {
    local path
    for path in "${paths_to_sockets[@]}"; do
        receiver
        start zcsend --json --path="$path" "$TO" sim:
        until_true 20 received_some
        kill -KILL "$RECEIVER"
        wait_exit "$SENDER" 1
        one_document 1 "$(cat sender.out)"
        assert_regex "$(jq -r .error.hint sender.out)" \
            '^the receiver (closed the connection|went away); anything it had not read is lost$'
        (($(jq '.notes | length' sender.out) <= 1))
    done
}

# Asks the receiver for its statistics, which begin with the bytes it has.
received_some() {
    ask "$RECEIVER"
    grep -qE '[1-9][0-9.]* [MG]iB in ' receiver.err
}

@test "a file is cut short while it is sent: status 1, and what arrived is right, by every path" {
    local path
    for path in "${paths_to_sockets[@]}"; do
        zcdma capture -q sim: --bytes 64M -o data
        receiver
        kill -STOP "$RECEIVER"
        start zcsend --path="$path" "$TO" data
        until_true 20 stuck
        truncate -s 0 data
        kill -CONT "$RECEIVER"
        wait_exit "$SENDER" 1
        # The receiver learns that the stream is cut, and has found nothing wrong in what came before.
        received 1
        grep -q 'Connection reset by peer' receiver.err
        grep -q 'wrong .* 0 B, 0 B missing' receiver.out
        # By copy and zerocopy the kernel says EFAULT; the reason is the same.
        grep -q 'cut short' sender.err || fail "$path: $(cat sender.err)"
        # Not VM_PFNMAP, and no advice to use a path that fails as well.
        run ! grep -E 'VM_|copysend" works' sender.err
        (($(grep -c . sender.err) <= 3))
    done
}

@test "redirected input is cut short while it is sent: status 1" {
    local path
    for path in copy splice sendfile; do
        zcdma capture -q sim: --bytes 64M -o data
        receiver
        kill -STOP "$RECEIVER"
        start copysend --path="$path" "$TO" - <data
        until_true 20 stuck
        truncate -s 0 data
        kill -CONT "$RECEIVER"
        wait_exit "$SENDER" 1
        # The receiver learns that the stream is cut, and has found nothing wrong in what came before.
        received 1
        grep -q 'Connection reset by peer' receiver.err
        grep -q 'wrong .* 0 B, 0 B missing' receiver.out
        grep -q 'cut short' sender.err
    done
}

#
# Strangers
#

@test "a stranger sends garbage and closes, or resets the connection" {
    local from
    receiver
    echo garbage >"/dev/tcp/127.0.0.1/${TO##*:}"
    received 1
    grep -qE '^zcdma verify: 127.0.0.1:[0-9]+: differs at offset 0: garbage of 8 bytes$' receiver.err

    receiver --json
    "$TOOLS/stranger" cut "${TO##*:}" >/dev/null
    received 1
    one_document 1 "$(cat receiver.out)"
    jq -e '.error.message | endswith(": Connection reset by peer")' receiver.out
}

@test "a stranger who has gone before he is looked at has a name all the same" {
    local from
    receiver
    kill -STOP "$RECEIVER"
    from=$("$TOOLS/stranger" reset "${TO##*:}")
    kill -CONT "$RECEIVER"
    received 1
    assert_equal "$(tail -n 1 receiver.err)" "zcdma verify: read $from: Connection reset by peer"
}

@test "a stranger who connects and sends nothing: Ctrl-C ends it" {
    receiver
    exec 4<>"/dev/tcp/127.0.0.1/${TO##*:}"
    until_true 20 has_two_sockets
    kill -INT "$RECEIVER"
    received 130
    exec 4<&-
    # It had the connection, and says what became of it.
    grep -q 'no data came' receiver.err
}

has_two_sockets() {
    local n=0 fd
    for fd in "/proc/$RECEIVER/fd/"*; do
        [[ $(readlink "$fd") != socket:* ]] || n=$((n + 1))
    done
    # The listening one is closed once the last connection is there.
    ((n == 1)) && [[ $(awk -v port="$(printf ':%04X' "${TO##*:}")" \
        'index($2, port) && $4 == "01"' /proc/net/tcp) ]]
}

@test "fewer streams than --streams: not correct" {
    receiver --streams 2 --json
    zcdma copysend -q "$TO" sim: --bytes 1M
    kill -INT "$RECEIVER"
    received 130
    one_document 130 "$(cat receiver.out)"
    assert_equal "$(jq -r '.result == "correct"' receiver.out)" false
}

@test "a connection to oneself is none" {
    namespaces -rn
    # With one port for everybody, the sender's own is the one it connects to.
    run unshare -rn bash -c 'ip link set lo up &&
        echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range || exit 77
        timeout -k 1 5 "$1" copysend -q 127.0.0.1:40000 sim:' - "$ZCDMA"
    ((status != 77)) || skip 'the range of local ports cannot be set here'
    assert_equal "$status" 2
    assert_line --index 0 'zcdma copysend: connect to 127.0.0.1 port 40000: Connection refused'
}

#
# Limits
#

@test "few file descriptors: it works, or says what to raise" {
    local n applet got
    echo intact >intact
    for ((n = 3; n <= 20; n++)); do
        for applet in 'capture -q sim: --bytes 64K -o out' 'verify -q sim: --bytes 64K' \
            'vmsplice -q 127.0.0.1:1 sim:' 'verify -q --listen 192.0.2.1:0'; do
            got=0
            timeout 20 bash -c "ulimit -n $n; exec \"\$1\" $applet" - "$ZCDMA" >out.txt 2>err || got=$?
            # The loader's own.
            ((got != 127)) || continue
            ((got == 0 || got == 2)) || fail "$n, $applet: status $got, $(cat err)"
            if grep -q 'Too many open files' err; then
                assert_equal "$n, $applet: $(tail -n 1 err)" \
                    "$n, $applet:   raise the limit on open files (ulimit -n)"
                assert_equal "$(grep -c . err)" 2
            fi
        done
    done
}

@test "optmem_max is too small: one line with the value and the hint" {
    namespaces -rn
    run unshare -rn bash -c 'ip link set lo up && echo 0 >/proc/sys/net/core/optmem_max' 2>/dev/null
    # Only root may, and only where it belongs to the network namespace.
    ((status == 0)) || unshare -n bash -c 'ip link set lo up && echo 0 >/proc/sys/net/core/optmem_max' \
        2>/dev/null || skip 'optmem_max cannot be set in a namespace here'
    cat >script <<-'END'
	ip link set lo up
	echo 0 >/proc/sys/net/core/optmem_max
	listening() { grep -q ':2328 .* 0A ' /proc/net/tcp; } # 9000
	"$1" verify -q --listen 127.0.0.1:9000 --bytes 2M &
	until listening; do sleep 0.02; done
	"$1" zcsend 127.0.0.1:9000 sim: --bytes 2M >out 2>err || exit
	wait $! || exit
	"$1" verify -q --listen 127.0.0.1:9000 2>/dev/null &
	until listening; do sleep 0.02; done
	"$1" zcsend -q --fallback=keep 127.0.0.1:9000 sim: --bytes 2M 2>keep
	END
    local flags=-n
    ((status == 0)) && flags=-rn
    run -2 timeout 60 unshare $flags bash script "$ZCDMA"
    assert_equal "$(grep -c . err)" 1
    grep -q 'No buffer space available.*net.core.optmem_max is 0 bytes.*sysctl net.core.optmem_max' err
    assert_equal "$(grep -c . keep)" 2
    grep -q 'net.core.optmem_max is 0 bytes' keep
}

@test "no thread can be started: one sentence, and which limit it is" {
    local user=() limit='raise the limit on threads: ulimit -u, or pids.max of the cgroup'
    if ((EUID == 0)); then
        copy_for_all
        user=(setpriv --reuid=65534 --clear-groups)
    fi
    # The leak checker of the sanitizers needs a thread itself.
    export ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS
    run -2 --separate-stderr "${user[@]}" bash -c 'ulimit -u 1; exec "$1" verify -q sim: --bytes 1M' - "$ZCDMA"
    assert_equal "$stderr" "zcdma verify: start a thread for sim:: Resource temporarily unavailable"$'\n'"  $limit"
    run -2 --separate-stderr "${user[@]}" bash -c 'ulimit -u 1
        exec "$1" capture -q sim: --bytes 1M -o /dev/null' - "$ZCDMA"
    assert_equal "$(head -2 <<<"$stderr")" \
        "zcdma capture: start a thread for sim:: Resource temporarily unavailable"$'\n'"  $limit"
}

@test "little address space: it works, or says so" {
    local kib got
    ! sanitized || skip 'the sanitizers need terabytes of it'
    for ((kib = 6000; kib <= 60000; kib += 3000)); do
        for applet in 'capture -q sim: --bytes 64K -o out' 'verify -q sim: --bytes 64K'; do
            got=0
            bash -c "ulimit -v $kib; exec \"\$1\" $applet" - "$ZCDMA" 2>err || got=$?
            ((got != 127)) || continue
            ((got == 0 || got == 2)) || fail "$kib KiB, $applet: status $got, $(cat err)"
            ((got == 0)) || grep -qE '^zcdma [a-z]+: .*: (Cannot allocate memory|Resource temporarily unavailable)$' err
        done
    done
}

#
# Signals
#

@test "a small stack: it is enough" {
    [[ ${BUILD:-build} != *-san ]] || skip 'the sanitizers need more'
    # Where a stack begins is random, so that one run proves little.
    for i in {1..8}; do
        env -i bash -c 'ulimit -s 64 && exec "$1" capture -q sim: --bytes 64K -o out' - "$ZCDMA" ||
            fail "run $i: status $?"
        receiver --bytes 64K
        env -i bash -c 'ulimit -s 64 && exec "$1" zcsend -q "$2" sim: --bytes 64K' - "$ZCDMA" "$TO" ||
            fail "run $i: status $?"
        received
    done
}

@test "hundreds of SIGUSR1: not a byte is wrong, by every path" {
    local path i
    for path in "${paths_to_sockets[@]}"; do
        receiver
        start copysend --path="$path" --json "$TO" sim:
        until_true 20 received_some
        for ((i = 0; i < 300; i++)); do
            kill -USR1 "$SENDER" "$RECEIVER"
        done
        kill -INT "$SENDER"
        wait_exit "$SENDER" 130
        one_document 130 "$(cat sender.out)"
        received
    done
}

@test "SIGTERM: what was captured is written, the manifest is whole, status 143 of a run with an end" {
    start capture --json sim:rate=2M,block=64K,blocks=256 -o out --manifest manifest --bytes 1T
    until_true 20 [ -s out ]
    kill -TERM "$SENDER"
    wait_exit "$SENDER" 143
    one_document 143 "$(cat sender.out)"
    assert_equal "$(jq .captured_bytes sender.out)" "$(stat -c %s out)"
    zcdma verify -q --manifest manifest out
}

@test "SIGTERM of a run without an end: status 0, as a service that was stopped; but not of one that lost data" {
    start capture --json sim:rate=2M,block=64K,blocks=256 -o out
    until_true 20 [ -s out ]
    kill -TERM "$SENDER"
    wait_exit "$SENDER"
    one_document 0 "$(cat sender.out)"
    zcdma verify -q out
    # A device whose ring is full while the reader is stopped.
    start capture --json sim:rate=400M,blocks=2,block=64K -o lost
    until_true 20 [ -s lost ]
    kill -STOP "$SENDER"
    sleep 0.1 # 40 MB of the device's time
    local size
    size=$(stat -c %s lost)
    kill -CONT "$SENDER"
    until_true 20 longer lost $((size + 1048576)) # by more than the ring had
    kill -TERM "$SENDER"
    wait_exit "$SENDER" 4
    one_document 4 "$(cat sender.out)"
    jq -e '.overruns > 0' sender.out
}

longer() {
    (($(stat -c %s "$1") > $2))
}

@test "SIGTERM of a run without an end that waits to begin: status 0, and 143 of one with an end" {
    # Nobody listens; FIFOs have no reader.
    start zcsend 127.0.0.1:1,framed,retry=forever sim:
    until_true 20 handles "$SENDER" TERM
    kill -TERM "$SENDER"
    wait_exit "$SENDER"
    start zcsend 127.0.0.1:1,framed,retry=forever sim: --bytes 1G
    until_true 20 handles "$SENDER" TERM
    kill -TERM "$SENDER"
    wait_exit "$SENDER" 143
    mkfifo fifo
    start capture sim: -o fifo
    until_true 20 handles "$SENDER" TERM
    kill -TERM "$SENDER"
    wait_exit "$SENDER"
}

@test "a signal does not hide that data is wrong, nor that something else than asked for was done" {
    receiver
    exec 5>"/dev/tcp/127.0.0.1/${TO##*:}"
    echo 'data of another pattern' >&5
    until_true 20 received_bytes
    kill -INT "$RECEIVER"
    received 1
    exec 5>&-
    receiver
    start zcsend "$TO" sim: --expect=zerocopy
    until_true 20 received_some
    kill -INT "$SENDER"
    wait_exit "$SENDER" 1
    grep -q -e '--expect=zerocopy: 0 B were zero-copied' sender.err
}

received_bytes() {
    ask "$RECEIVER"
    grep -q ' 24 B in ' receiver.err
}

@test "a reader that leaves after the signal: status of the signal, not 0, and a note" {
    local signal
    mkfifo pipe
    for signal in INT:130 TERM:143; do
        exec 8<>pipe
        "$ZCDMA" capture sim: >pipe 2>err 3>&- 8<&- &
        PIDS+=("$!")
        exec 9<pipe 8<&-
        until_true 20 handles "${PIDS[-1]}" "${signal%:*}"
        until_true 20 full 9
        kill "-${signal%:*}" "${PIDS[-1]}"
        until_true 20 has_line err 'waiting for the reader of standard output; a second signal ends it at once$'
        exec 9<&-
        wait_exit "${PIDS[-1]}" "${signal#*:}"
        has_line err 'Broken pipe$' || fail "$(cat err)"
    done
}

# full FD: something waits in the pipe.
full() {
    read -rt 0 -u "$1"
}

@test "Ctrl-C, and the producer goes on: it is left behind" {
    receiver
    mkfifo pipe
    # It is there before the sender is told to stop, and does not end by itself.
    exec 4<>pipe
    printf '\0\0\0\0\0\0\0\0' >&4
    start copysend "$TO" - <pipe
    until_true 20 queue_seen
    kill -INT "$SENDER"
    wait_exit "$SENDER" 130
    exec 4>&-
    received
    grep -q ' 8 B from ' receiver.out
}

queue_seen() {
    ask "$RECEIVER"
    grep -q '8 B in ' receiver.err
}

@test "Ctrl-C at a receiver in the middle: it reports, and the sender learns of it" {
    receiver --json
    start copysend "$TO" sim:
    until_true 20 received_some
    kill -INT "$RECEIVER"
    received 130
    one_document 130 "$(cat receiver.out)"
    wait_exit "$SENDER" 1
    grep -qE 'send to .*: (Broken pipe|Connection reset by peer)$' sender.err
}

deaf_peer() {
    "$TOOLS/stranger" deaf >port 3>&- &
    PIDS+=("$!")
    until_true 20 [ -s port ]
    TO=127.0.0.1:$(cat port)
}

connecting() {
    awk -v port="$(printf ':%04X' "${TO##*:}")" 'index($3, port) && $4 == "02"' /proc/net/tcp |
        wc -l | grep -qx "$1"
}

@test "Ctrl-C while connecting: status 130, and no error" {
    deaf_peer
    start zcsend --json "$TO" sim:
    # The peer's own attempt is one as well.
    until_true 20 connecting 2
    kill -INT "$SENDER"
    wait_exit "$SENDER" 130
    one_document 130 "$(cat sender.out)"
    assert_equal "$(jq .error sender.out)" null
}

@test "SIGUSR1 while connecting: it goes on" {
    deaf_peer
    start zcsend "$TO" sim:
    until_true 20 connecting 2
    kill -USR1 "$SENDER"
    sleep 0.3 # to go wrong in; what goes right does not need it
    run -0 connecting 2
    kill -TERM "$SENDER"
    wait_exit "$SENDER"
    run ! grep -q 'Interrupted system call' sender.err
}

# ends_while_asked: ask $SENDER for statistics. True once it has ended.
ends_while_asked() {
    ended "$SENDER" || ! kill -USR1 "$SENDER"
}

@test "SIGUSR1 while connecting does not begin the seconds of retry= anew" {
    start zcsend 127.0.0.1:1,framed,retry=1 sim:
    until_true 20 handles "$SENDER" USR1
    until_true 20 ends_while_asked
    wait_exit "$SENDER" 2
    has_line sender.err '^zcdma zcsend: connect to 127.0.0.1 port 1: Connection refused$' || fail "$(cat sender.err)"
}

# interrupt_open: Ctrl-C at $SENDER, which opens a FIFO.
interrupt_open() {
    until_true 20 handles "$SENDER" INT
    kill -INT "$SENDER"
    wait_exit "$SENDER" 130
    run ! grep -q 'Interrupted system call' sender.err
}

@test "Ctrl-C while a FIFO waits for its reader: status 130, and no error" {
    mkfifo fifo
    start capture sim: --bytes 1M -o fifo
    interrupt_open
}

@test "a manifest is a file: a FIFO is not waited for" {
    mkfifo fifo
    failed 2 'zcdma verify: open fifo: it is a device or a pipe, not a file' '' zcdma verify --manifest fifo /dev/null
}
