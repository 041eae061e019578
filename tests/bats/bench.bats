#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bench: what it measures is not tested, as that is the machine's; but that it adds up, and what it says.

load common

SHORT=(--seconds 0.05 --repeat 1)

# bench OPTION...: a short one, whose JSON document is in $output.
bench() {
    run -0 --separate-stderr zcdma bench "${SHORT[@]}" --json "$@"
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
}

@test "bench: the table and the verdict, for people" {
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,vmsplice --memory=memfd
    assert_line --regexp '^MODE +MEMORY +GB/s +SENDER s/GB'
    assert_line --regexp '^copy +memfd +[0-9.]+ .* 1\.0 '
    assert_line --regexp '^vmsplice +memfd +[0-9.]+ .* 0\.0 '
    assert_output --partial 'the cheapest of the'
    refute_output --partial $'\e['
}

@test "bench: memory without pages is a row that says Bad address" {
    grep -q '\[vvar\]$' /proc/self/maps || skip 'this kernel gives its processes no [vvar]'
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,zerocopy --memory=vvar
    assert_line --regexp '^zerocopy +vvar +send\(MSG_ZEROCOPY\) from .*: Bad address'
    assert_output --partial 'VM_PFNMAP'
    assert_line --regexp '^copy +vvar +[0-9.]+ '
}

@test "bench: copies are counted, and a fallback as one" {
    bench --mode=copy,zerocopy,vmsplice,null --memory=memfd
    jq -e '[.rows[] | {(.mode): .copies_per_byte}] | add |
        .copy == 1 and .zerocopy > 0.9 and .vmsplice == 0 and .null == 0' <<<"$output"
    jq -e '.rows[] | select(.mode == "zerocopy") | .fell_back_share > 0.9' <<<"$output"
    jq -e 'all(.rows[]; .ring_bytes > .repeats[0].overrun_blocks)' <<<"$output"
}

@test "bench: without a receiver behind a blackhole nothing is copied" {
    need_namespaces
    unshare -Urn tc qdisc add dev lo root blackhole 2>/dev/null || skip 'no blackhole qdisc here'
    bench --net=blackhole --mode=copy,zerocopy --memory=memfd
    jq -e '.rows[] | select(.mode == "zerocopy") | .copies_per_byte == 0 and .fell_back_share == 0 and
        .receiver_cpu_seconds_per_gb == null' <<<"$output"
}

@test "bench: between namespaces, of which nothing stays" {
    need_namespaces
    bench --net=veth --mode=copy --memory=memfd
    jq -e '.nic_driver == "veth" and .rows[0].receiver_cpu_seconds_per_gb > 0' <<<"$output"
    run ! ip link show zcdma0
}

# serve COMMAND...: start a receiver on standard error's port, and set TO.
serve() {
    "$ZCDMA" "$@" 2>serve.err >serve.out 3>&- &
    PIDS+=($!)
    until_true 20 grep -q 'listening on' serve.err
    TO=$(sed -n 's/.*listening on //p' serve.err)
}

@test "bench: to a receiver elsewhere, which tells what it cost" {
    serve bench --serve 127.0.0.1:0
    bench --to "$TO" --mode=copy --memory=memfd --streams 2
    jq -e '.streams == 2 and .rows[0].receiver_cpu_seconds_per_gb > 0' <<<"$output"
    kill -TERM "${PIDS[0]}" # a service
    wait_exit "${PIDS[0]}"
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
    assert_output --partial -- '--streams=4 those of all rows'
}

@test "bench: --check: the receiver verifies" {
    bench --mode=copy,vmsplice --memory=memfd --check
    serve bench --serve 127.0.0.1:0 --check
    bench --to "$TO" --mode=copy --memory=memfd --ring 2M --check
    jq -e '.rows | length == 1' <<<"$output"
    # One that does not look cannot say that all is well.
    serve bench --serve 127.0.0.1:0
    run -2 zcdma bench "${SHORT[@]}" --to "$TO" --mode=copy --memory=memfd --check
    assert_output --partial '--check: the receiver does not'
}

@test "bench: a sweep, from which block size on it pays" {
    bench --mode=copy,vmsplice --memory=memfd --sweep=block
    jq -e '[.rows[].block_bytes] | unique | length == 6 and .[0] == 4096 and .[5] == 4194304' <<<"$output"
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,vmsplice --memory=memfd --sweep=block
    assert_output --regexp 'vmsplice from memfd memory costs (less|more) than copying'
}

@test "bench: from which block size on the best path without a copy pays, without being asked" {
    bench --mode=copy,vmsplice,null --memory=memfd
    jq -e '[.crossing_rows[] | {mode, block_bytes}] | group_by(.mode) |
        map(length) == [6, 6] and (map(.[0].mode) == ["copy", "vmsplice"])' <<<"$output"
    jq -e 'all(.crossing_rows[]; .repeats | length == 2)' <<<"$output"
    run -0 zcdma bench "${SHORT[@]}" --mode=copy,vmsplice --memory=memfd
    assert_output --regexp 'vmsplice from memfd memory costs (less|more) than'
    refute_output --partial 'BLOCK'
    bench --mode=copy --memory=memfd
    jq -e '.crossing_rows == []' <<<"$output"
}

@test "bench: a plot, by gnuplot where it is" {
    run -2 zcdma bench --plot x.svg
    assert_output --partial 'add --sweep=block'
    mkdir bin
    ln -s "$(command -v sh)" bin/sh
    PATH=$PWD/bin run -3 "$ZCDMA" bench --sweep=block --plot x.svg
    assert_line --index 0 --partial 'there is no gnuplot here'
    assert_line --index 1 --partial 'gnuplot-nox'
    command -v gnuplot >/dev/null || skip 'gnuplot is not installed'
    bench --mode=copy,vmsplice --memory=memfd --sweep=block --plot "it's.svg"
    grep -q '<svg' "it's.svg"
    grep -q 'vmsplice, memfd' "it's.svg"
}

@test "bench: --compare with an earlier run" {
    bench --mode=copy --memory=memfd
    cat >old.json <<<"$output"
    bench --mode=copy --memory=memfd --compare old.json
    jq -e '.comparison | length == 1 and (.[0].throughput_ratio | tonumber? // 1) > 0' <<<"$output"
    # What took ten times as long has changed, whatever the noise.
    jq '.rows[0].repeats[0].bytes_per_second /= 100' old.json >slow.json
    bench --mode=copy --memory=memfd --compare slow.json
    jq -e '.comparison[0].throughput_changed' <<<"$output"
    echo '{' >broken.json
    run -2 zcdma bench --compare broken.json
    assert_output --partial '--compare: broken.json:'
    zcdma probe --json >probe.json
    run -2 zcdma bench --compare probe.json
    assert_output --partial 'is no document of bench'
}

@test "bench: Ctrl-C ends it, with what there is" {
    "$ZCDMA" bench --mode=copy --memory=memfd --seconds 60 --json >out 2>err 3>&- &
    PIDS+=($!)
    until_true 20 handles $! INT
    sleep 0.5
    kill -INT -- $!
    pkill -INT -P $! || :
    wait_exit $! 130
    jq -e '.exit_status == 130' out
}

@test "bench: wrong options: which one, and why" {
    run -2 zcdma bench --mode=copy,teleport
    assert_line --index 0 --partial 'there is no "teleport"'
    run -2 zcdma bench --memory=core
    assert_line --index 0 --partial 'there is no "core"'
    run -2 zcdma bench --net=moon
    assert_output --partial 'must be one of loopback, veth, blackhole'
    run -2 zcdma bench --repeat 0
    run -2 zcdma bench --repeat 65
    assert_output --partial 'at most 64'
    run -2 zcdma bench --block 4X
    run -2 zcdma bench --cpu 4095
    assert_output --partial 'may not run there'
    run -2 zcdma bench --sweep=ring
    run -2 zcdma bench --ring 1M
    assert_output --partial 'has no room for two blocks'
    run -2 zcdma bench --mode=copy --memory=memfd --congestion=nosuch
    assert_output --partial 'congestion control nosuch'
    run -2 zcdma bench --net=veth --to host:9
    assert_output --partial 'exclude each other'
    run -2 zcdma bench --to 127.0.0.1:1 --mode=copy --memory=memfd
    assert_output --partial 'Connection refused'
}
