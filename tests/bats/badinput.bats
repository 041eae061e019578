#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Bad input, and a bad day: wrong words, files that shrink, peers that vanish, limits, signals. One
# clear error, the right exit status, no hang, and what was received or written stays intact.
# shellcheck disable=SC2016 # scripts for another shell

load common

# failed STATUS SENTENCE HINT COMMAND...: status, and on stderr the sentence, the hint unless it is
# empty, and nothing else but the report that capture prints there.
failed() {
    local status=$1 expected=$2
    [[ -z $3 ]] || expected+=$'\n'"  $3"
    shift 3
    run "-$status" --separate-stderr "$@"
    # shellcheck disable=SC2154 # bats sets stderr
    assert_equal "$(grep -vE '^  (captured|path|manifest|source|ring|overruns|pages replaced|cpu)  ' <<<"$stderr")" \
        "$expected"
}

# one_document STATUS [OUTPUT]: it is one JSON document, which tells of the status as the process did.
one_document() {
    run -0 jq -s -e --argjson status "$1" 'length == 1 and .[0].exit_status == $status and
        (.[0].error == null or $status >= 128 or .[0].error.status == $status)' <<<"${2-$output}"
}

sanitized() {
    grep -q __asan_init "$ZCDMA"
}

# namespaces FLAG: have some of our own, or skip.
namespaces() {
    unshare "$1" true 2>/dev/null || skip "no user namespaces here (unshare $1)"
}

# start APPLET ARGUMENT...: in the background, as $SENDER, its output in sender.out and sender.err.
start() {
    rm -f sender.out sender.err
    "$ZCDMA" "$@" <&0 >sender.out 2>sender.err 3>&- &
    SENDER=$!
    PIDS+=("$SENDER")
}

# queued: bytes on their way to $TO which its program has not read yet, and which were not taken yet.
queued() {
    awk -v port="$(printf ':%04X' "${TO##*:}")" \
        'index($2 $3, port) && $4 != "0A" { split($5, q, ":"); n = n q[1] q[2] } END { print n }' \
        /proc/net/tcp
}

# stuck: data is queued, and its amount does not change.
stuck() {
    local before
    before=$(queued)
    sleep 0.1
    [[ $before == *[1-9A-F]* && $before == "$(queued)" ]]
}

# Not everywhere is there an io_uring: a container's profile may forbid it.
setup_file() {
    ! "$ZCDMA" probe --json 2>/dev/null | jq -e 'any(.mappings[]; .registered.answer == "works")' ||
        export URING=uring
}

# shellcheck disable=SC2206 # a word or none
paths_to_sockets=(copy zerocopy vmsplice splice sendfile ${URING-})

#
# Words
#

@test "addresses that are none: one sentence, and how to write it" {
    local port='a port is a number from 0 to 65535, or the name of a service' applet
    for applet in zcsend vmsplice copysend; do
        failed 2 "zcdma $applet: address 'host': it has no port" 'write host:PORT, as in host:9000' \
            zcdma "$applet" host sim:
        failed 2 "zcdma $applet: address '::1:9000': an IPv6 address must be in brackets" \
            'write [::1]:9000' zcdma "$applet" ::1:9000 sim:
        failed 2 "zcdma $applet: address 'h:99999': '99999' is not a port" "$port" \
            zcdma "$applet" h:99999 sim:
        failed 2 "zcdma $applet: address '[::1:9': ']' is missing" 'write it as in [::1]:9000' \
            zcdma "$applet" '[::1:9' sim:
    done
    failed 2 "zcdma verify: address 'h:x y': 'x y' is not a port" "$port" zcdma verify --listen 'h:x y'
    failed 2 "zcdma verify: address '::1:9': an IPv6 address must be in brackets" 'write [::1]:9' \
        zcdma verify --listen ::1:9
}

@test "an address that is none: nothing is said of the source before" {
    failed 2 "zcdma zcsend: address 'host': it has no port" 'write host:PORT, as in host:9000' \
        zcdma zcsend host </dev/null
}

@test "a host that cannot be looked up" {
    namespaces -rn # without a network no name server is asked, or waited for
    run -2 --separate-stderr unshare -rn "$ZCDMA" zcsend no.such.invalid:9000 sim:
    assert_equal "${#stderr_lines[@]}" 2
    [[ ${stderr_lines[0]} == 'zcdma zcsend: look up no.such.invalid port 9000: '* ]]
    assert_equal "${stderr_lines[1]}" \
        '  check the name, or give the address'
}

@test "nobody listens: how to start a receiver" {
    failed 2 'zcdma copysend: connect to 127.0.0.1 port 1: Connection refused' \
        'start a receiver on that machine: zcdma verify --listen :1' \
        zcdma copysend 127.0.0.1:1 sim:
    run -2 --separate-stderr zcdma copysend --json 127.0.0.1:1 sim:
    assert_equal "$stderr" ''
    one_document 2
}

@test "to listen where that is not possible: a busy port, another machine's address" {
    receiver
    failed 2 "zcdma verify: listen on 127.0.0.1 port ${TO##*:}: Address already in use" \
        "find the program that listens there: ss -ltnp 'sport = :${TO##*:}'" zcdma verify --listen "$TO"
    failed 2 'zcdma verify: listen on 192.0.2.1 port 0: Cannot assign requested address' \
        'give an address of this machine, or listen on all: :0' \
        zcdma verify --listen 192.0.2.1:0
}

@test "--streams: none, too many" {
    failed 2 'zcdma verify: --streams 0: must be at least 1' '' zcdma verify --listen :0 --streams 0
    failed 2 'zcdma verify: --streams 2000: at most 1024' '' zcdma verify --listen :0 --streams 2000
}

@test "sim: with wrong options: which one, and what it takes" {
    local option takes
    while IFS='|' read -r option takes; do
        failed 2 "zcdma capture: source sim:$option: $option is not valid" "${option%%=*}= takes $takes" \
            zcdma capture -q "sim:$option" -o out
    done <<-'END'
	blocks=0|a number from 1 to 65536
	blocks=65537|a number from 1 to 65536
	blocks=99999999999999999999|a number from 1 to 65536
	blocks=-1|a number from 1 to 65536
	block=1000|a size that is a multiple of the page size, up to 1T
	block=0|a size that is a multiple of the page size, up to 1T
	block=99999999999G|a size that is a multiple of the page size, up to 1T
	rate=0|bytes per second, for example 360M
	fill=foo|always or once
	fill=|always or once
	END
    failed 2 'zcdma capture: source sim:foo=1: unknown option foo' \
        'sim: takes blocks=, block=, rate=, seed=, fill= and memory=' zcdma capture sim:foo=1 -o out
    run -2 --separate-stderr zcdma capture sim:seed=x -o out
    [[ $stderr == 'zcdma capture: source sim:seed=x: seed=x is not valid'$'\n'* ]]
    run -2 --separate-stderr zcdma capture sim:block -o out
    [[ $stderr == 'zcdma capture: source sim:block: block'* ]]
    [ ! -e out ]
}

@test "sim: with an empty option: the sentence does not end with nothing" {
    local spec
    for spec in 'sim:,' 'sim:blocks=1,' 'sim:blocks=1,,block=4K'; do
        run -2 --separate-stderr zcdma capture "$spec" -o out
        assert_equal "${#stderr_lines[@]}" 2
        refute_regex "${stderr_lines[0]}" '[ :]$'
    done
}

@test "a ring that is larger than the memory" {
    run -2 --separate-stderr zcdma capture sim:block=1T,blocks=65536 -o out
    assert_equal "${stderr_lines[0]}" \
        'zcdma capture: ring of 65536 blocks of 1099511627776 bytes: Cannot allocate memory'
    [[ ${stderr_lines[1]} == "  a ring may take half of this machine's memory: "* ]]
}

@test "--pattern means the same number to the writer and to the reader" {
    local seed
    for seed in 010 08 18446744073709551615; do
        zcdma capture -q sim: --pattern "$seed" --bytes 64K -o out
        zcdma verify -q --pattern "$seed" out
    done
}

@test "sources that are none" {
    mkdir folder
    mkfifo fifo
    local name=no-such-file
    failed 2 "zcdma capture: open $name: No such file or directory" '' zcdma capture $name -o out
    failed 2 'zcdma copysend: open folder: Is a directory' '' zcdma copysend 127.0.0.1:1 file:folder
    for name in fifo /dev/zero; do
        failed 2 "zcdma capture: open $name: it is a device or a pipe, not a file" \
            "to read it as a stream: zcdma ... - < $name" zcdma capture "file:$name" -o out
    done
    failed 2 'zcdma capture: source foo:bar: unknown kind of source' \
        'known are sim:[OPTIONS], dev:[PATH,OPTIONS], file:PATH, pcap:NAME[,OPTIONS] and - (standard input); for a file whose name has a colon write file:NAME' \
        zcdma capture foo:bar -o out
    [ ! -e out ]
}

@test "a source without a name: the sentence has no hole" {
    run -2 --separate-stderr zcdma capture file: -o out
    refute_regex "$stderr" 'open :'
    run -2 --separate-stderr zcdma capture '' -o out
    refute_regex "$stderr" 'open :'
}

@test "a file that may not be read" {
    local user=()
    echo secret >file
    chmod 000 file
    if ((EUID == 0)); then
        copy_for_all
        chmod 711 . # the folder above may still be closed to others
        user=(setpriv --reuid=65534 --clear-groups)
    fi
    run -2 --separate-stderr "${user[@]}" "$ZCDMA" verify "$PWD/file"
    assert_equal "$stderr" "zcdma verify: open $PWD/file: Permission denied"
}

@test "standard input that cannot be read: closed, for writing only, a folder" {
    local closed='read standard input: it is closed' hint='name a source, for example sim: or file:PATH'
    failed 2 "zcdma verify: $closed" "$hint" bash -c '"$1" verify <&-' - "$ZCDMA"
    failed 2 "zcdma capture: $closed" "$hint" bash -c '"$1" capture - -o out 0>/dev/null' - "$ZCDMA"
    failed 2 'zcdma capture: read standard input: Is a directory' '' \
        bash -c '"$1" capture - -o out </' - "$ZCDMA"
    failed 2 'zcdma zcsend: read standard input: Is a directory' '' \
        bash -c '"$1" zcsend 127.0.0.1:1 </' - "$ZCDMA"
    [ ! -e out ]
}

@test "a device to splice from, a pipe to sendfile from: said before anybody is connected to" {
    failed 2 'zcdma copysend: splice from standard input: it is a device' \
        'choose a path that reads: --path=copy' \
        bash -c '"$1" copysend --path=splice 127.0.0.1:1 - </dev/zero' - "$ZCDMA"
    failed 2 'zcdma copysend: sendfile from standard input: it is not a file' \
        '--path=splice takes a pipe or a socket' \
        bash -c ': | "$1" copysend --path=sendfile 127.0.0.1:1 -' - "$ZCDMA"
}

@test "manifests that are none: which line, and why; and no verdict" {
    local name why
    zcdma capture -q sim:block=4K --bytes 40K -o data --manifest good
    head -c 4096 /dev/zero >zeros
    sed 's/^3 /x /' good >letters
    sed 's/^3 12288/3 12289/' good >offset
    echo more | cat good - >longer
    : >empty
    while IFS='|' read -r name why; do
        run -2 --separate-stderr zcdma verify --manifest "$name" data
        assert_equal "${stderr_lines[0]}" "zcdma verify: $why"
        refute_output --partial result
    done <<-'END'
	zeros|read manifest zeros: line 1: it is too long, cut short, or not text
	letters|read manifest letters: line 7: it is not 'SEQUENCE OFFSET LENGTH XXH3'
	offset|read manifest offset: line 7: its offset is not where the block before ends
	longer|read manifest longer: line 15: nothing may follow the '# end ' line
	empty|read manifest empty: it is empty
	nowhere|open nowhere: No such file or directory
	.|open .: Is a directory
	/dev/zero|open /dev/zero: it is a device or a pipe, not a file
	END
}

@test "a manifest that is none: said before anybody is listened to" {
    failed 2 'zcdma verify: open nowhere: No such file or directory' '' \
        timeout 10 "$ZCDMA" verify --listen 127.0.0.1:0 --manifest nowhere
}

@test "the JSON of every error: one document, whose status is the process's" {
    local arguments got
    touch empty
    while read -r arguments; do
        got=0
        # shellcheck disable=SC2086 # words
        "$ZCDMA" --version >/dev/null && "$ZCDMA" $arguments >json 2>err </dev/null || got=$?
        ((got == 1 || got == 2)) || fail "$arguments: status $got"
        assert_equal "$(cat err)" ''
        one_document "$got" "$(cat json)"
        jq -e '.error.message | length > 10' json
    done <<-'END'
	frobnicate --json
	verify --json --frobnicate
	capture --json -o out nowhere
	capture --json sim: -o nowhere/out
	capture --json sim: --bytes 1M -o /dev/full
	capture --json sim: --bytes 1M -o out --manifest /dev/full
	capture --json sim: --bytes 1M -o out --manifest nowhere/manifest
	copysend --json
	copysend --json nothing sim:
	zcsend --json 127.0.0.1:1 sim:
	vmsplice --json 127.0.0.1:1 nowhere
	verify --json nowhere
	verify --json empty
	verify --json a b
	verify --json -
	verify --json --bytes 2M sim:seed=3
	verify --json --manifest empty empty
	verify --json --listen x
	END
}

@test "what --direct cannot do: the same status for the process and in JSON" {
    [ -w /proc/self/comm ] || skip 'no file of /proc to write to'
    # A file of /proc takes no O_DIRECT on any kernel.
    run --separate-stderr zcdma capture --json sim: --bytes 1M --direct -o /proc/self/comm
    assert_equal "$status" 3
    one_document 3
}

@test "system errors have their errno in JSON" {
    run -2 zcdma capture --json sim: -o nowhere/out
    assert_equal "$(jq -r .error.errno <<<"$output")" ENOENT
    run -2 zcdma verify --json nowhere
    assert_equal "$(jq -r .error.errno <<<"$output")" ENOENT
}

@test "names that are no UTF-8, in a report and in its JSON" {
    local data=$'da\xffta' manifest=$'mani\xfe'
    run -0 zcdma capture --json sim: --bytes 64K -o "$data" --manifest "$manifest"
    one_document 0
    run -0 zcdma verify --json --manifest "$manifest" "$data"
    one_document 0
    run -0 zcdma verify "$data"
    assert_equal "$(tr -d '\200-\377' <<<"$output")" "$output"
}

@test "no standard output, no standard error: the status is still right" {
    local got command
    for command in '2 capture sim: --bytes 64K' '2 verify nowhere' '2 frobnicate' '2 probe nowhere' \
        '2 zcsend 127.0.0.1:1 sim:' '2 --list' '2 capture sim: --bytes 64K -o out'; do
        for to in '>&- 2>&-' '>/dev/full 2>/dev/full'; do
            got=0
            bash -c "\"\$1\" ${command#* } $to" - "$ZCDMA" || got=$?
            [[ $command == '2 capture sim: --bytes 64K' && $to == *full* ]] ||
                assert_equal "$command $to: $got" "$command $to: ${command%% *}"
        done
    done
    assert_equal "$(stat -c %s out)" 65536
}

#
# Sizes and times at the edge
#

@test "one byte, a moment, hardly any rate" {
    run -0 zcdma capture -q sim: --bytes 1 -o out
    assert_equal "$(stat -c %s out)" 1
    run -0 zcdma capture -q sim: --bytes 1000001 --direct -o out
    zcdma verify -q --bytes 1000001 out
    run -0 zcdma capture -q sim: --seconds 0.000001 -o out
    run -0 zcdma capture -q sim: --rate 1 --seconds 0.1 -o out
    assert_equal "$(stat -c %s out)" 0
}

@test "data byte by byte, by every path that takes a pipe" {
    local path
    for path in copy zerocopy vmsplice splice; do
        receiver --bytes 10007
        zcdma capture -q sim: --bytes 10007 | dd bs=1 status=none |
            zcdma copysend -q --path="$path" "$TO" -
        received
    done
}

@test "empty input: nothing is sent, which is no error, and nothing is verified, which is one" {
    receiver
    : | zcdma zcsend -q "$TO" -
    received 1
    grep -q 'no data came, so nothing was verified' receiver.err
    : | run -1 zcdma verify
}

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

@test "the program behind the pipe is gone: the cure does not speak of a connection" {
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
        assert_equal "$(jq -r '.error.hint | split(";")[1]' sender.out)" \
            ' what it had taken is what it has'
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

@test "optmem_max is too small: one line with the value and the cure" {
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

@test "no thread can be started: one sentence" {
    local user=()
    if ((EUID == 0)); then
        copy_for_all
        user=(setpriv --reuid=65534 --clear-groups)
    fi
    # The leak checker of the sanitizers needs a thread itself.
    export ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS
    run -2 --separate-stderr "${user[@]}" bash -c 'ulimit -u 1; exec "$1" verify -q sim: --bytes 1M' - "$ZCDMA"
    assert_regex "${stderr_lines[0]}" '^zcdma verify: .*thread: Resource temporarily unavailable$'
    run -2 --separate-stderr "${user[@]}" bash -c 'ulimit -u 1
        exec "$1" capture -q sim: --bytes 1M -o /dev/null' - "$ZCDMA"
    assert_regex "${stderr_lines[0]}" '^zcdma capture: .*thread: Resource temporarily unavailable$'
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
    start capture --json sim: --rate 50M -o out --manifest manifest --bytes 1T
    until_true 20 [ -s out ]
    kill -TERM "$SENDER"
    wait_exit "$SENDER" 143
    one_document 143 "$(cat sender.out)"
    assert_equal "$(jq .captured_bytes sender.out)" "$(stat -c %s out)"
    zcdma verify -q --manifest manifest out
}

@test "SIGTERM of a run without an end: status 0, as a service that was stopped; but not of one that lost data" {
    start capture --json sim: --rate 50M -o out
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
    kill -CONT "$SENDER"
    kill -TERM "$SENDER"
    until_true 20 ended "$SENDER"
    wait "$SENDER" && fail 'lost data, and ended with 0'
    forget "$SENDER"
    jq -e '.overruns > 0 and .exit_status > 0' sender.out
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
    wait_exit "$SENDER" 143
    run ! grep -q 'Interrupted system call' sender.err
}

# interrupt_open: Ctrl-C at $SENDER, which opens a FIFO. Where the first one comes just before the open,
# that waits for the second, as for any.
interrupt_open() {
    until_true 20 handles "$SENDER" INT
    kill -INT "$SENDER"
    until_true 2 ended "$SENDER" || kill -INT "$SENDER"
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
