#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bench: what it measures is not tested, as that is the machine's; but that it adds up, and what it says.

load common

# A ring of the default size takes longer to fill than all else, and the largest block needs this one.
SHORT=(--seconds 0.05 --repeat 1 --ring 8M)

# For ways to receive, which have no ring to fill.
SHORT_IN=(--direction=in --seconds 0.05 --repeat 1)

# bench OPTION...: a short one, whose JSON document is in $output.
bench() {
    run -0 --separate-stderr zcdma bench "${SHORT[@]}" --json "$@"
}

# bench_in OPTION...: a short one of ways to receive, likewise.
bench_in() {
    run -0 --separate-stderr zcdma bench "${SHORT_IN[@]}" --json "$@"
}

need_namespaces() {
    unshare -Urn ip link set lo up 2>/dev/null || skip 'no network namespaces here'
}

@test "bench: every path and memory is a row, or a failure with its reason" {
    local paths memories
    bench --list
    paths=$(jq '.modes | length' <<<"$output")
    memories=$(jq '[.memories[].name] - ["coherent", "pages", "compound", "scatter"] | length' <<<"$output")
    bench --mode=all --memory=anon,memfd,huge,file,vvar
    jq -e --argjson all $((paths * memories)) '(.rows + .failures | length) == $all' <<<"$output"
    jq -e 'all(.failures[]; .error != "" and .errno != null)' <<<"$output"
    jq -e 'all(.rows[]; (.repeats | length) == 1 and .bytes_per_second > 0)' <<<"$output"
    jq -e '.kernel and .cpu and .cpus > 0 and .congestion_control == "reno" and .interface == "lo"' <<<"$output"
    jq -e '.best_mode as $m | any(.rows[]; .mode == $m)' <<<"$output"
    jq -e '.interrupted == false and .runs_done == .runs_planned and .cost_of == "both_ends"' <<<"$output"
}

@test "bench: the table and the verdict, for people" {
    run -0 zcdma bench --seconds 0.05 --repeat 1 --mode=copy,vmsplice --memory=memfd
    assert_line --index 0 --regexp '^  best +(copy|vmsplice) from memfd: [0-9.]+ GB/s, [0-9.]+ CPU s/GB of both ends'
    assert_line --regexp '^MODE +MEMORY +GB/s +SENDER s/GB'
    assert_line --regexp '^copy +memfd +[0-9.]+ .* 1\.0 '
    assert_line --regexp '^vmsplice +memfd +[0-9.]+ .* 0\.0 '
    assert_output --partial 'Best over loopback with blocks of 1.00 MiB: '
    assert_output --partial 'are never distinct from those of another'
    refute_output --partial $'\e['
    # From which block size on the best path without a copy pays, without being asked.
    assert_line --regexp '^BLOCK +copy CPU s/GB +vmsplice CPU s/GB +COSTS LESS'
    assert_output --regexp 'vmsplice from memfd and copy are nowhere distinct in CPU'
}

@test "bench: memory without pages is a row that says Bad address" {
    grep -q '\[vvar\]$' /proc/self/maps || skip 'this kernel gives its processes no [vvar]'
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,zerocopy --memory=vvar
    assert_line --regexp '^zerocopy +vvar +send\(MSG_ZEROCOPY\) from .*: Bad address'
    assert_output --partial 'VM_PFNMAP'
    assert_line --regexp '^copy +vvar +[0-9.]+ '
}

@test "bench: copies are counted, and a fallback as one; from which block size on it pays to do without" {
    bench --mode=copy,zerocopy,vmsplice,null --memory=memfd
    jq -e '[.rows[] | {(.mode): .copies_per_byte}] | add |
        .copy == 1 and .zerocopy > 0.9 and .vmsplice == 0 and .null == 0' <<<"$output"
    jq -e '.rows[] | select(.mode == "zerocopy") | .fell_back_share > 0.9' <<<"$output"
    jq -e 'all(.rows[]; .ring_bytes > .repeats[0].overrun_blocks)' <<<"$output"
    # Without being asked: copying, and the path that did best beside it, which is for the machine to say.
    jq -e '.crossings[0].mode as $best | ($best == "vmsplice" or $best == "zerocopy") and
        ([.crossing_rows[] | {mode, block_bytes}] | group_by(.mode) |
        map(length) == [6, 6] and (map(.[0].mode) == ["copy", $best]))' <<<"$output"
    # Those of the table are not measured twice.
    jq -e '[.rows[] | select(.mode == "copy")][0].repeats as $r |
        any(.crossing_rows[]; .mode == "copy" and .block_bytes == 1048576 and .repeats == $r)' <<<"$output"
    jq -e '.crossings | length == 1 and .[0].than_mode == "copy" and
        (.[0] | has("from_block_bytes"))' <<<"$output"
    bench --mode=copy --memory=memfd
    jq -e '.crossing_rows == []' <<<"$output"
}

@test "bench: --list says of each memory what it is" {
    local summaries
    summaries=$(zcdma bench --list --json | jq -r '.memories[].summary')
    assert_equal "$(sort <<<"$summaries" | uniq -d)" ''
    zcdma bench --list --json | jq -e '.memories | map({(.name): .summary}) | add
        | (.vvar | test("nothing writes to")) and (.coherent | test("only copies are sent"))'
}

@test "bench: without a receiver behind a blackhole nothing is copied" {
    need_namespaces
    unshare -Urn tc qdisc add dev lo root blackhole 2>/dev/null || skip 'no blackhole qdisc here'
    bench --net=blackhole --mode=copy,zerocopy --memory=memfd
    jq -e '.rows[] | select(.mode == "zerocopy") | .copies_per_byte == 0 and .fell_back_share == 0 and
        .receiver_cpu_seconds_per_gb == null' <<<"$output"
    # The sender's cost is the only one that is known; UDP has no congestion control.
    jq -e '.cost_of == "sender" and .congestion_control == null' <<<"$output"
}

# can_wire: skip where there is root, as in a container, but not what a program of BPF takes.
can_wire() {
    run zcdma bench --net=wire --mode=null --memory=memfd --repeat=1 --seconds 0.01
    [[ $status != 3 ]] || skip "${lines[0]}"
}

@test "bench: on a wire, TCP is acknowledged and nothing is copied" {
    can_wire
    bench --net=wire --mode=copy,zerocopy,vmsplice --memory=memfd
    jq -e '(.rows | map(.mode)) == ["copy", "zerocopy", "vmsplice"] and
        (.rows | map(.copies_per_byte)) == [1, 0, 0] and all(.rows[]; .fell_back_share == 0)' <<<"$output"
    jq -e 'all(.rows[].repeats[]; .sent_bytes > 0) and all(.rows[]; .receiver_cpu_seconds_per_gb == null)' <<<"$output"
}

@test "bench: on a wire, Ctrl-C ends it, and what acknowledges" {
    can_wire
    "$ZCDMA" bench --net=wire --mode=zerocopy --memory=memfd --seconds 60 --json >out 2>err 3>&- &
    local pid=$! child children
    PIDS+=("$pid")
    until_true 20 handles $pid INT
    until_true 60 children $pid
    read -ra children < <(cat /proc/$pid/task/*/children; echo)
    kill -INT -- $pid
    pkill -INT -P $pid || :
    wait_exit $pid 130
    jq -e '.exit_status == 130' out
    for child in "${children[@]}"; do
        until_true 20 ended "$child"
    done
}

@test "bench: a wire takes root outside of a user namespace" {
    need_namespaces
    run -3 --separate-stderr unshare -Ur "$ZCDMA" bench --net=wire --mode=copy --memory=memfd
    [[ $stderr == 'zcdma bench: --net wire: make a map of BPF: Operation not permitted'*'run it as root'* ]] ||
        fail "$stderr"
}

@test "bench: between namespaces, of which nothing stays" {
    need_namespaces
    bench --net=veth --mode=copy --memory=memfd
    jq -e '.nic_driver == "veth" and .rows[0].receiver_cpu_seconds_per_gb > 0' <<<"$output"
    run ! ip link show zcdma0
}

# serve COMMAND...: start a receiver on standard error's port, and set TO.
serve() {
    rm -f serve.err serve.out # of an earlier one
    "$ZCDMA" "$@" 2>serve.err >serve.out 3>&- &
    PIDS+=($!)
    until_true 20 grep -q 'listening on' serve.err
    TO=$(sed -n 's/.*listening on //p' serve.err)
}

@test "bench: to a receiver elsewhere, which tells what it cost" {
    serve bench --serve 127.0.0.1:0 --json # which says where at once
    bench --to "$TO" --mode=copy --memory=memfd --streams 2
    jq -e '.streams == 2 and .rows[0].receiver_cpu_seconds_per_gb > 0' <<<"$output"
    kill -TERM "${PIDS[0]}" # a service
    wait_exit "${PIDS[0]}"
    jq -e '.notes == [] and .exit_status == 0' serve.out
}

@test "bench: to verify, which checks, and does not tell" {
    serve verify --listen 127.0.0.1:0 --streams 2 --json
    bench --to "$TO" --mode=copy --memory=memfd --check
    jq -e '.rows[0].receiver_cpu_seconds_per_gb == null' <<<"$output"
    wait_exit "${PIDS[0]}"
    jq -e '[.streams[].verdict] == ["correct", "correct"] or .exit_status == 0' serve.out
}

@test "bench: a receiver that ends too early: how many streams it would have to take" {
    serve verify --listen 127.0.0.1:0
    run -2 zcdma bench "${SHORT[@]}" --to "$TO" --mode=copy,vmsplice --memory=memfd --check
    assert_output --partial 'the receiver was gone before the end'
    assert_output --partial -- '--streams=4 those of all rows with --repeat=1'
    # Where the time decides, from three runs up, that many are not known before.
    serve verify --listen 127.0.0.1:0
    run -2 zcdma bench --to "$TO" --mode=copy,vmsplice --memory=memfd --check
    assert_output --partial -- '--streams=8 those of all rows with --repeat=3'
}

@test "bench: --check: the receiver verifies" {
    bench --mode=vmsplice,splice --memory=memfd --check
    serve bench --serve 127.0.0.1:0 --check
    bench --to "$TO" --mode=copy --memory=memfd --check
    jq -e '.rows | length == 1' <<<"$output"
    # One that does not look cannot say that all is well.
    serve bench --serve 127.0.0.1:0
    run -2 zcdma bench "${SHORT[@]}" --to "$TO" --mode=copy --memory=memfd --check
    assert_output --partial '--check: the receiver was not started with --check'
}

@test "bench: a sweep, from which block size on it pays" {
    bench --mode=copy,vmsplice --memory=memfd --sweep=block
    jq -e '[.rows[].block_bytes] | unique | length == 6 and .[0] == 4096 and .[5] == 4194304' <<<"$output"
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,vmsplice --memory=memfd --sweep=block
    assert_line --regexp '^MODE +MEMORY +COMPARED TO +LESS FROM +SURELY MORE TO +SURELY LESS FROM'
    assert_output --regexp 'vmsplice from memfd and copy are nowhere distinct in CPU'
}

@test "bench: a plot, by gnuplot where it is" {
    run -2 zcdma bench --plot x.svg
    assert_output --partial 'needs --sweep=block'
    mkdir bin
    ln -s "$(command -v sh)" bin/sh
    PATH=$PWD/bin run -3 "$ZCDMA" bench --sweep=block --plot x.svg
    assert_line --index 0 --partial '--plot: gnuplot is not installed'
    assert_line --index 1 --partial 'gnuplot-nox'
    ln -s "$(type -P true)" bin/gnuplot
    PATH=$PWD/bin run -2 "$ZCDMA" bench --sweep=block --plot none/x.svg
    assert_output $'zcdma bench: --plot: open none/x.svg: No such file or directory\n  make the folder: mkdir -p none'
    [[ ! -e none ]]
    command -v gnuplot >/dev/null || skip 'gnuplot is not installed'
    bench --mode=copy,vmsplice --memory=memfd --sweep=block --plot "it's.svg"
    grep -q '<svg' "it's.svg"
    grep -q 'vmsplice from memfd: throughput' "it's.svg"
    run -2 zcdma bench "${SHORT[@]}" --mode=vmsplice --memory=memfd --sweep=block --plot none.svg
    assert_output --partial 'a path to compare to copying is missing'
}

@test "bench: --compare with an earlier run" {
    SHORT=(--seconds 0.05 --repeat 3)
    bench --mode=copy --memory=memfd
    cat >old.json <<<"$output"
    bench --mode=copy --memory=memfd --compare old.json
    jq -e '.comparison | length == 1 and (.[0].throughput_ratio | tonumber? // 1) > 0' <<<"$output"
    # What took a hundred times as long has changed, whatever the noise.
    jq '.rows[0].repeats[].bytes_per_second /= 100' old.json >slow.json
    bench --mode=copy --memory=memfd --compare slow.json
    jq -e '.comparison[0].throughput_changed' <<<"$output"
    echo '{' >broken.json
    run -2 zcdma bench --compare broken.json
    assert_output --partial '--compare broken.json: not a document of bench: line 2: '
    assert_output --partial $'\n  write one with zcdma bench --json'
    run -2 zcdma bench --compare .
    assert_output 'zcdma bench: read .: Is a directory
  write one with zcdma bench --json'
    run -2 zcdma bench --compare no-such-file
    assert_output 'zcdma bench: open no-such-file: No such file or directory
  write one with zcdma bench --json'
    zcdma probe --json >probe.json
    run -2 zcdma bench --compare probe.json
    assert_output --partial ': not a document of bench'
}

@test "bench: --compare refuses what cannot be compared, before anything is measured" {
    bench --mode=copy --memory=memfd
    cat >old.json <<<"$output"
    local change
    for change in '.cpu = "another"' '.cpus += 1' '.cache_bytes += 1' '.schema = 0' 'del(.net)'; do
        jq "$change" old.json >other.json
        run -2 --separate-stderr zcdma bench --mode=copy --memory=memfd --compare other.json
        [[ $stderr == *'--compare other.json: '*' there, and '*' here'* ]]
    done
    run -2 zcdma bench --net=blackhole --compare old.json
    assert_output --partial 'net is "loopback" there, and "blackhole" here'
    run -2 zcdma bench --streams 2 --compare old.json
    assert_output --partial 'streams is 1 there, and 2 here'
    run -2 zcdma bench --block 64K --compare old.json
    assert_output --partial 'none of the rows of this run is in it'
}

@test "bench: Ctrl-C ends it, with what there is" {
    "$ZCDMA" bench --mode=copy --memory=memfd --seconds 60 --json >out 2>err 3>&- &
    PIDS+=($!)
    until_true 20 handles $! INT
    until_true 60 children $!
    kill -INT -- $!
    pkill -INT -P $! || :
    wait_exit $! 130
    jq -e '.exit_status == 130' out
}

@test "bench: one that was interrupted says so, and not why rows lack" {
    "$ZCDMA" bench --mode=copy,zerocopy,vmsplice --memory=file --sweep=block --seconds 60 >out 2>err 3>&- &
    PIDS+=($!)
    until_true 20 handles $! INT
    until_true 60 children $!
    kill -INT -- $!
    pkill -INT -P $! || :
    wait_exit $! 130
    grep -q 'Interrupted by a signal after' <(tr '\n' ' ' <out)
    run ! grep -qE 'VM_PFNMAP|CANNOT BE HERE|Best over' out
}

@test "bench: --direction=in: every way to receive is a row, or a failure with its reason" {
    local ways
    bench --list
    ways=$(jq '.ways | length' <<<"$output")
    bench_in
    jq -e --argjson all "$ways" '(.rows + .failures | length) == $all and .direction == "in"' <<<"$output"
    jq -e 'all(.failures[]; .error != "" and .errno != null)' <<<"$output"
    jq -e 'all(.rows[]; .bytes_per_second > 0 and .receiver_cpu_seconds_per_gb > 0 and
        .sender_cpu_seconds_per_gb > 0 and (.repeats | length) == 1 and .repeats[0].received_bytes > 0)' <<<"$output"
    # What is known of copies, calls and losses, and what is not.
    jq -e '[.rows[] | {(.mode): .}] | add | .recv.copies_per_byte == 1 and .tcp.copies_per_byte == 1 and
        ."tcp-splice".copies_per_byte == null and (."tcp-splice".copies_reason | length) > 0 and
        .recv.calls_per_gb > 1000 and .tcp.calls_per_gb == null and .recv.lost_share == null and
        .udp.lost_share >= 0 and .recvmmsg.lost_share < 1' <<<"$output"
    jq -e '[.best_ways[].sent_as] == ["stream", "datagrams"] and
        [.best_ways[].cost_of] == ["both_ends", "receiver"] and .best_mode == null' <<<"$output"
    jq -e '.crossing_rows == [] and .runs_done == .runs_planned' <<<"$output"
}

@test "bench: --direction=in: the table and the verdict, for people" {
    run -0 zcdma bench --direction=in --seconds 0.05 --repeat 1 --mode=recv,tcp,recvmmsg,udp
    assert_line --regexp '^MODE +INTO +GB/s +SENDER s/GB +RECEIVER .*LOST %'
    assert_line --regexp '^recv +buffer +[0-9.]+ '
    assert_line --regexp '^udp +ring +[0-9.]+ '
    assert_output --partial 'Best to receive a stream over loopback: '
    assert_output --partial 'Best to receive datagrams over loopback: '
    refute_output --partial 'FELL BACK'
}

@test "bench: --direction=in between namespaces, and what arrives is verified" {
    need_namespaces
    bench_in --net=veth --mode=recv,tcp,tcp-splice,recvmmsg,udp --check
    jq -e '[.rows[].mode] == ["recv", "tcp", "recvmmsg", "udp"] and .nic_driver == "veth"' <<<"$output"
    jq -e '.failures | length == 1 and (.[0].error | contains("nothing verifies it"))' <<<"$output"
}

@test "bench: --direction=in from a machine elsewhere, and compared to an earlier run" {
    serve bench --serve 127.0.0.1:0
    SHORT_IN=(--direction=in --seconds 0.05 --repeat 3)
    bench_in --to "$TO" --mode=tcp,udp --streams 2
    jq -e '.streams == 2 and (.rows | length) == 2 and .rows[0].sender_cpu_seconds_per_gb > 0' <<<"$output"
    cat >old.json <<<"$output"
    bench_in --to "$TO" --mode=tcp,udp --streams 2 --compare old.json
    jq -e '.comparison | length == 2 and .[0].throughput_ratio > 0 and .[0].receiver_cpu_ratio != null' <<<"$output"
    run -2 --separate-stderr zcdma bench "${SHORT[@]}" --to "$TO" --streams 2 --compare old.json
    [[ $stderr == *'direction is "in" there, and "out" here'* ]]
}

@test "bench: --direction=in: wrong options, and another end that does not send" {
    local option
    for option in --memory=memfd --block=4K --ring=8M --sweep=block --plot=x.svg; do
        run -2 zcdma bench --direction=in "$option"
        assert_output --partial "${option%%=*} is not for --direction=in"
    done
    run -2 zcdma bench --direction=sideways
    assert_output --partial 'must be one of out, in, play'
    run -2 zcdma bench --direction=in --mode=zerocopy
    assert_line --index 0 --partial 'unknown name "zerocopy"'
    for option in blackhole wire; do
        run -2 zcdma bench --direction=in --net="$option"
        assert_output --partial 'nothing arrives there to be received'
    done
    run -2 zcdma bench --direction=in --to udp:127.0.0.1:9
    assert_output --partial 'the other end is reached by TCP'
    run -2 --separate-stderr zcdma bench --direction=in --to 127.0.0.1:1
    assert_equal "$output" ''
    [[ $stderr == *'start a receiver: zcdma bench --serve :1'* ]]
}

@test "bench: --direction=play: wrong options, and no device" {
    local option
    for option in --streams=2 --congestion=reno --check; do
        run -2 zcdma bench --direction=play --to=dev:/dev/none "$option"
        assert_output --partial "${option%%=*} is not for --direction=play"
    done
    run -2 zcdma bench --direction=play
    assert_line --index 0 'zcdma bench: --direction=play: no device was named'
    run -2 zcdma bench --direction=play --to=127.0.0.1:9000
    assert_line --index 0 'zcdma bench: --direction=play: 127.0.0.1:9000 is not a device of the driver'
    run -2 zcdma bench --direction=play --to=dev:/dev/none --memory=memfd
    assert_line --index 0 --partial 'unknown name "memfd"'
    run -3 zcdma bench --direction=play --to=dev:/dev/none
    assert_line --index 0 --partial '/dev/none: no driver on this machine has this device'
    run -2 zcdma bench --direction=play --to=dev:/dev/none --mode=zerocopy
    assert_line --index 0 --partial 'nothing to run'
}

@test "bench: --check and --congestion are not for a network that has nothing for them" {
    local net
    for net in blackhole wire; do
        run -2 zcdma bench "${SHORT[@]}" --net="$net" --check
        assert_line --index 0 "zcdma bench: --check: nothing arrives at --net=$net to be verified"
        assert_line --index 1 '  use --net=loopback or --net=veth'
    done
    run -2 zcdma bench "${SHORT[@]}" --net=blackhole --congestion=reno
    assert_line --index 0 'zcdma bench: --congestion is not for --net=blackhole, which takes datagrams'
    assert_line --index 1 '  leave it out'
    run -2 zcdma bench "${SHORT[@]}" --to udp:127.0.0.1:9 --congestion=reno
    assert_line --index 0 'zcdma bench: --congestion is not for --to=udp:127.0.0.1:9, which takes datagrams'
}

@test "bench: --serve: wrong options, and an address of datagrams" {
    local option
    for option in --direction=out --mode=copy --memory=memfd --block=4K --ring=8M --repeat=1 --seconds=1 --streams=2 \
        --cpu=0 --congestion=reno --sweep=block --plot=x.svg --compare=x.json; do
        run -2 timeout 10 "$ZCDMA" bench --serve=127.0.0.1:0 "$option"
        assert_line --index 0 "zcdma bench: ${option%%=*} is not for --serve"
        assert_line --index 1 '  leave it out'
    done
    run -2 timeout 10 "$ZCDMA" bench --serve=udp:127.0.0.1:0
    assert_line --index 0 'zcdma bench: --serve udp:127.0.0.1:0: the other end is reached by TCP'
    assert_line --index 1 '  leave udp: out, or receive datagrams with zcdma verify --listen'
}

# children PID: it has some.
children() {
    [[ -n $(cat /proc/"$1"/task/*/children) ]]
}

@test "bench: wrong options: which one, and why" {
    run -2 zcdma bench --mode=copy,teleport
    assert_line --index 0 --partial 'unknown name "teleport"'
    run -2 zcdma bench --memory=core
    assert_line --index 0 --partial 'unknown name "core"'
    run -2 zcdma bench --net=moon
    assert_output --partial 'must be one of loopback, veth, blackhole, wire'
    run -2 zcdma bench --repeat 0
    run -2 zcdma bench --repeat 65
    assert_output --partial 'at most 64'
    run -2 zcdma bench --block 5
    assert_output "zcdma bench: --block 5: not a multiple of the page size, $(getconf PAGESIZE)"
    run -2 zcdma bench --block 4X
    run -2 zcdma bench --cpu 4095
    assert_output --partial 'may not run there'
    run -2 zcdma bench --sweep=ring
    run -2 zcdma bench --ring 1M
    assert_output --partial 'too small for two blocks'
    run -2 zcdma bench --mode=copy --memory=memfd --congestion=nosuch
    assert_output --partial 'set congestion=nosuch: No such file or directory'
    run -2 zcdma bench --net=veth --to host:9
    assert_output --partial 'exclude each other'
}

@test "bench: a receiver that is not there: one error at once, and how to start one" {
    run -2 --separate-stderr zcdma bench --to 127.0.0.1:1
    assert_equal "$output" ''
    assert_equal "$stderr" 'zcdma bench: connect to 127.0.0.1 port 1: Connection refused
  nothing listens there; start a receiver: zcdma bench --serve :1'
}

# on_terminal COLUMNS COMMAND: run it on a terminal of that width, with what it prints in $output and $lines.
on_terminal() {
    run -0 script -qec "stty cols $1 rows 24; $2" /dev/null
    output=${output//$'\r'/$'\n'}
    mapfile -t lines <<<"$output"
}

# widest: columns of the longest line in $output, without escape sequences.
widest() {
    awk '{ gsub(/\x1b\[[0-9;]*[A-Za-z]/, "") } length > n { n = length } END { print n + 0 }' <<<"$output"
}

@test "bench: on a terminal the tables fit, and -v shows every column" {
    local args="bench ${SHORT[*]} --mode=copy --memory=memfd"
    TERM=xterm on_terminal 80 "$ZCDMA bench ${SHORT[*]} --mode=copy,vmsplice,zerocopy --memory=memfd,vvar"
    assert_output --partial 'SENDER s/GB'
    refute_output --partial 'P99 us'
    # The lines above the tables are as long as a name in them.
    output=$(sed -n '/^MODE/,$p' <<<"$output")
    (($(widest) <= 80)) || fail "$(widest) columns: $output"
    TERM=xterm on_terminal 200 "$ZCDMA $args"
    assert_output --partial 'P99 us'
    TERM=xterm on_terminal 80 "$ZCDMA $args -v"
    assert_output --partial 'P99 us'
    # shellcheck disable=SC2086 # a list of words
    run -0 zcdma $args
    assert_output --partial 'P99 us'
}

@test "bench: on a terminal of any width the report comes to its end" {
    local width
    for width in 80 40 20 1; do
        TERM=xterm on_terminal "$width" "timeout 60 $ZCDMA bench ${SHORT[*]} --mode=copy --memory=memfd -v"
        assert_line --partial 'P99 us'
        assert_line --regexp '^copy  memfd .*#$'
    done
}

@test "bench: on a terminal the reasons of failures are broken between words, below each other" {
    TERM=xterm on_terminal 80 "timeout 60 $ZCDMA bench ${SHORT[*]} --mode=zerocopy --memory=memfd,vvar"
    assert_line 'MODE      MEMORY  CANNOT BE HERE'
    assert_line --regexp '^zerocopy  vvar    send\(MSG_ZEROCOPY\) from$'
    assert_line --regexp '^                  sim:.*Bad address$'
}

@test "bench: on a terminal it shows which run is next, and how long the rest takes" {
    mkfifo keys
    TERM=xterm script -qefc "stty cols 80 rows 24; exec $ZCDMA bench --mode=copy,vmsplice --memory=memfd --repeat 60 --seconds 0.6" \
        /dev/null <keys >out 2>&1 3>&- &
    PIDS+=($!)
    exec 9>keys
    until_true 60 has_line out 'zcdma bench: run [0-9]+ of [0-9]+, [0-9]+ s left: (copy|vmsplice) from memfd, ' ||
        fail "$(cat out)"
    printf '\003' >&9 # Ctrl-C
    wait_exit $! 130
    exec 9>&-
}
