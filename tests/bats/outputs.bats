#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Several outputs of one capture, of which some may be rings that go to other processes.
# shellcheck disable=SC2016,SC2094 # a command for another shell; files that are only read

load common
load pipe

# reader NAME COMMAND...: start a zcdma that reads the FIFO of that name, with its output in NAME.out and NAME.err, and
# wait until it would take a ring. Until writer() has the FIFO open, a descriptor of this shell does, one of HELD.
reader() {
    local name=$1 held
    shift
    mkfifo "$name"
    {
        for held in "${HELD[@]}"; do exec {held}>&-; done
        exec "$ZCDMA" "$@"
    } <"$name" >"$name.out" 2>"$name.err" 3>&- &
    READER=$!
    PIDS+=("$READER")
    exec {held}>"$name"
    HELD+=("$held") NAMES+=("$name")
    await_reader 7>&"$held"
}

# holds PID NAME: zcdma, which the process has become, has that file open.
holds() {
    local fd
    [[ /proc/$1/exe -ef $ZCDMA ]] || return
    for fd in "/proc/$1/fd/"*; do
        [[ ! $fd -ef $2 ]] || return 0
    done
    return 1
}

# writer OPTION...: start a capture, with its output in out and err, and wait until it has the FIFOs of readers open.
writer() {
    local held name
    {
        for held in "${HELD[@]}"; do exec {held}>&-; done
        exec "$ZCDMA" capture "$@"
    } >out 2>err 3>&- &
    WRITER=$!
    PIDS+=("$WRITER")
    for name in "${NAMES[@]}"; do
        until_true 20 holds "$WRITER" "$name" || fail "$name is not open: $(cat err)"
    done
    for held in "${HELD[@]}"; do exec {held}>&-; done
    HELD=() NAMES=()
}

moved() {
    ask "$WRITER"
    has_line err ': [1-9].*iB in '
}

@test "outputs: each gets everything, and the report says so" {
    zcdma capture sim: --bytes 5000001 -o a -o b --manifest a.xxh --json >report
    cmp a b
    zcdma verify -q --manifest a.xxh b
    jq -e '.captured_bytes == 10000002 and .to == "2 outputs" and .path == "copy" and .blocks == 5
        and (.outputs | length) == 2 and .manifest == "a.xxh"
        and all(.outputs[]; .path == "copy" and .written_bytes == 5000001 and .unwritten_bytes == 0 and .ended == "complete")' report
    # What the pipe brings is copied once for both, and by the way to each.
    cat a | zcdma capture - -o b -o c --json >report
    jq -e '.user_copies == 0 and .kernel_copies == 2 and .kernel_copied_bytes == 15000003' report
    zcdma capture sim: --bytes 1M -o a --json >report
    jq -e '.outputs == [] and .to == "a"' report
}

@test "outputs: a whole file beside one that is split, past the page cache, and standard output" {
    zcdma capture sim: --bytes 5M -o 'part-%N' -o whole -o - --split 2M --direct --depth 4 \
        --manifest 'part-%N.xxh' --manifest whole.xxh --then 'echo done' 2>report >piped
    cat part-000001 part-000002 part-000003 | cmp - whole
    cmp whole piped
    zcdma verify -q --manifest whole.xxh whole
    zcdma verify -q --manifest part-000002.xxh part-000002
    [[ $(grep -c '^done ' report) == 4 ]]
}

# held LINES: statistics were printed, for the LINES-th time, and nothing has moved since the time before.
held() {
    local lines
    ask "$WRITER"
    mapfile -t lines < <(grep -Eo ' [0-9.]+ .?i?B in ' err)
    ((${#lines[@]} > $1)) && [[ ${lines[-1]} == "${lines[-2]}" ]]
}

# What has no ring has 17 blocks wait for an output. The next one has its place in the others then, and they lack it still.
@test "outputs: a cut while another output holds loses nothing" {
    zcdma capture -q sim: --bytes 24M -o data
    mkfifo slow
    exec 8<>slow
    writer file:data -o slow -o 'part%N' --split 1T 8<&-
    exec 9<slow 8<&-
    until_true 20 held 2
    kill -HUP "$WRITER"
    held 0 || :
    until_true 20 held 4
    cat <&9 >drained
    exec 9<&-
    wait_exit "$WRITER"
    cmp data drained
    cat part* | cmp data -
}

@test "outputs: a full disk ends one of them, and not the other" {
    run -1 --separate-stderr zcdma capture sim: --bytes 8M -o /dev/full -o data --json
    zcdma verify -q --bytes 8M data
    jq -e '.outputs[0].unwritten_bytes == 8388608 and .outputs[1].ended == "complete"
        and .outputs[0].ended == "write to /dev/full: No space left on device"
        and .error.message == "1 of 2 outputs did not get everything"
        and (.notes | any(test("^output /dev/full: .*; going on with the other$")))' <<<"$output"
    ln -s /dev/full full
    run -1 --separate-stderr zcdma capture -q sim: --bytes 8M -o /dev/full -o full
    [[ $stderr == *'going on with the other'*'write to /dev/full: No space left on device'* ]]
}

@test "outputs: a file that cannot be made at a cut ends one of them, and what it has is kept" {
    mkdir part000001
    run -1 --separate-stderr zcdma capture sim: --bytes 8M --split 2M -o 'part%N/data' -o data --manifest 'part%N/xxh'
    [[ $stderr == *'output part%N/data: create part000002/data: No such file or directory; going on with the other'* ]]
    zcdma verify -q --bytes 8M data
    zcdma verify -q --manifest part000001/xxh part000001/data
    [[ $(stat -c %s part000001/data) == 2097152 ]]
}

@test "outputs: no file is made where the ring cannot be" {
    local names
    ! grep -q libasan <(ldd "$ZCDMA") || skip 'the address sanitizer needs more memory than the limit'
    for names in '-o new' '-o new -o -' '-o new%N --split 1M'; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr bash -c 'ulimit -v 1000000; "$0" capture "$@" | cat; exit ${PIPESTATUS[0]}' \
            "$ZCDMA" sim:block=64M,blocks=64 --bytes 1M $names
        [[ $stderr == *'Cannot allocate memory'* ]]
        [[ -z $(compgen -G 'new*') ]]
    done
}

@test "outputs: a run that is refused leaves no file that was not there before" {
    local options
    echo precious >old
    : >empty
    for options in '--path=vmsplice -o new' '--path=zerocopy -o new --manifest new.xxh' '--path=uring -o new' \
        '-o new -o none/new' '-o new --manifest none/new' '-o new --manifest new.xxh -o none/new' \
        '--path=vmsplice -o empty' '--path=vmsplice -o old' '-o old -o new -o empty -o none/new'; do
        # shellcheck disable=SC2086 # several words
        run -2 zcdma capture sim: --bytes 1M $options
        assert_equal "$options: $(echo *)" "$options: empty old"
        assert_equal "$(<old)$(<empty)" precious
    done
}

@test "outputs: two readers of one ring, and a file" {
    reader one verify --json -
    one=$READER
    reader two capture - -o copied --json
    two=$READER
    writer sim:block=64K --bytes 24000001 -o one -o two -o data --json
    wait_exit "$WRITER"
    wait_exit "$one"
    wait_exit "$two"
    cmp data copied
    jq -e '.handover and .path == "several" and ([.outputs[].path] == ["handover", "handover", "copy"])
        and all(.outputs[]; .written_bytes == 24000001)' out
    jq -e '.handover and .user_copies == 0 and .kernel_copies == 0 and .received_bytes == 24000001' one.out
    zcdma verify -q --bytes 24000001 copied
}

@test "outputs: readers of a file's blocks, by mapping and by descriptor, and a copy of it" {
    local how
    zcdma capture -q sim: --bytes 24000001 -o data
    for how in copy splice; do
        rm -f one copied
        reader one capture -q - --path "$how" -o taken
        writer file:data -o one -o copied
        wait_exit "$WRITER"
        wait_exit "$READER"
        cmp data copied
        cmp data taken
        has_line out '^one +handover '
    done
}

# stands_still: statistics were printed twice from here on, and nothing has moved between these.
stands_still() {
    local lines
    lines=$(grep -cE ' [0-9.]+ .?i?B in ' err)
    until_true 20 held "$lines" || :
    held $((lines + 1))
}

@test "outputs: kill -9 of one reader is not the end of the other, and what it had comes back" {
    reader one verify -
    one=$READER
    reader two capture - -o /dev/null
    two=$READER
    writer sim:block=64K,blocks=8 -o one -o two
    until_true 20 moved
    # It holds the ring then.
    kill -STOP "$two"
    until_true 20 stands_still
    kill -KILL "$two"
    until_true 20 has_line err 'output two: hand-over to .*: its reader ended before it was done; going on with the other$'
    kill -INT "$WRITER"
    wait_exit "$WRITER" 1
    wait_exit "$one"
    has_line out '^one +handover .* 0 B +complete$'
    has_line out '^two +handover .* [1-9][0-9.]* .?i?B +hand-over to'
    has_line one.out 'result +correct'
}

@test "outputs: --drop-slow drops a reader that stops, which is told so" {
    reader one verify -
    one=$READER
    reader two verify -
    two=$READER
    # 512 blocks come in two seconds: the other reader has that long on a busy machine, and the device twice that.
    writer sim:rate=16M,block=64K,blocks=1024 -o one -o two --drop-slow 512
    until_true 20 moved
    kill -STOP "$two"
    until_true 20 has_line err '; going on with the other$'
    kill -CONT "$two"
    wait_exit "$two" 1
    kill -INT "$WRITER"
    wait_exit "$WRITER" 1
    wait_exit "$one"
    has_line err '^zcdma capture: output two: dropped: it held [0-9]+ blocks more than the fastest; going on with the other$'
    has_line two.err 'its writer dropped this reader, and goes on with others$'
    has_line one.out 'result +correct'
}

@test "outputs: what cannot be is one error, before anything is written" {
    local names
    run -2 --separate-stderr zcdma capture sim: -o a -o a
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: -o a: it is named twice'
    run -2 --separate-stderr zcdma capture sim: -o a -o ./a
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: -o ./a: it is the same as -o a'
    run -2 --separate-stderr zcdma capture sim: -o a --manifest b --manifest c
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: --manifest c: there is no -o for it'
    run -2 --separate-stderr zcdma capture sim: -o a -o b --split 1M
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: -o a: --split needs a place for the number of a file in it'
    run -2 --separate-stderr zcdma capture sim: -o 'a%N' -o b --trigger=signal:USR2
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: -o b: --trigger needs a place for the number of a file in it'
    run -2 --separate-stderr zcdma capture sim: -o a --drop-slow 4
    assert_equal "$stderr" 'zcdma capture: --drop-slow is for several outputs
  leave it out: one alone is waited for'
    run -2 --separate-stderr zcdma capture sim:blocks=8 -o a -o b --drop-slow 8
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: --drop-slow 8: the ring has 8 blocks, and no output can hold more'
    mapfile -t names < <(seq -f '-of%.0f' 1 65)
    run -2 --separate-stderr zcdma capture sim: "${names[@]}"
    assert_equal "$stderr" 'zcdma capture: -o f65: at most 64 are possible'
    run -2 --separate-stderr zcdma capture sim: -o /nowhere/a -o b
    assert_equal "$stderr" 'zcdma capture: open /nowhere/a: No such file or directory
  make the folder: mkdir -p /nowhere'
    # Nothing can be made there: the folder is there already, and a link is in the way.
    local name
    for name in /dev/fd/99 /proc/self/nosuch link/a slash/; do
        ln -sfn /nowhere link
        run -2 --separate-stderr zcdma capture sim: -o "$name"
        refute_regex "$stderr" $'\n'
    done
    ln -s /nowhere/b/c dangling
    run -2 --separate-stderr zcdma capture sim: -o dangling
    assert_equal "$stderr" 'zcdma capture: open dangling: No such file or directory
  make the folder: mkdir -p /nowhere/b'
    run -2 --separate-stderr zcdma capture sim: -o a --metrics /nowhere/m.prom
    assert_equal "$stderr" 'zcdma capture: write /nowhere/m.prom: No such file or directory
  make the folder: mkdir -p /nowhere'
    mkdir there
    run -2 --separate-stderr zcdma capture sim: -o there
    assert_equal "$stderr" 'zcdma capture: open there: Is a directory
  name a file in it: there/NAME'
    run -2 --separate-stderr zcdma capture sim: -o a --manifest no/where/m
    assert_equal "$stderr" 'zcdma capture: create manifest no/where/m: No such file or directory
  make the folder: mkdir -p no/where'
    chmod 0 there
    local user=()
    if ((EUID == 0)); then
        copy_for_all
        chmod 711 .
        user=(setpriv --reuid=65534 --clear-groups)
    fi
    run -2 --separate-stderr "${user[@]}" "$ZCDMA" capture sim: -o "$PWD/there/a"
    assert_regex "$stderr" ': open .*/there/a: Permission denied
  name a file where user [0-9]+ may write$'
    run -2 --separate-stderr "${user[@]}" "$ZCDMA" capture sim: -o /dev/null --metrics "$PWD/there/a"
    assert_regex "$stderr" ': write .*/there/a: Permission denied
  name a file where user [0-9]+ may write$'
}

# contents: what the folder has, and the files in it.
contents() {
    ls -A
    cksum ./* 2>/dev/null || : # a link may lead to nothing
}

# refuses SENTENCE OPTION...: what cannot be written is said, and files stay as they are, none is made.
refuses() {
    local before
    before=$(contents)
    ! timeout -k 5 $((30 * ${LIMIT_SCALE:-1})) "$ZCDMA" capture "${@:2}" >../out 2>../err || fail "not refused: $*"
    assert_equal "$(head -n 1 ../err)" "zcdma capture: $1"
    assert_equal "$(contents)" "$before"
}

@test "outputs: a bad value is refused before a file is made or emptied, or a reader waited for" {
    mkfifo nobody
    mkdir here
    cd here
    echo precious >b
    refuses '--drop-slow 4X: not a whole number' sim: -o a -o b -o ../nobody --drop-slow 4X
    refuses '--drop-slow 0: must be at least 1' sim: -o a -o b -o ../nobody --drop-slow 0
    refuses '--drop-slow is for several outputs' sim: -o b --drop-slow 4
    refuses '--drop-slow 8: the ring has 8 blocks, and no output can hold more' sim:blocks=8 -o a -o b --drop-slow 8
    refuses '--depth 4X: not a whole number' sim: -o a -o b --direct --depth 4X
}

@test "outputs: nothing is written over what is written or read beside it, by whatever name" {
    mkdir here
    cd here
    echo precious >b
    echo data >in
    ln b hard
    ln -s b soft
    ln -s new dangling
    refuses '--manifest b: it is the same as -o b' sim: -o a -o b --manifest b
    refuses '--manifest ./b: it is the same as -o b' sim: -o a -o b --manifest ./b
    refuses '--manifest hard: it is the same as -o soft' sim: -o soft -o a --manifest hard
    refuses '--manifest m: it is named twice' sim: -o a -o c --manifest m --manifest m
    refuses '-o hard: it is the same as -o b' sim: -o b -o hard
    refuses '-o soft: it is the same as -o b' sim: -o b -o a -o soft
    refuses '-o dangling: it is the same as -o new' sim: -o new -o dangling
    refuses "-o $PWD/new: it is the same as -o new" sim: -o new -o "$PWD/new"
    refuses '--manifest ./a%N: it is the same as -o a%N' sim: --split 1M -o a%N --manifest ./a%N
    refuses '-o ./a%N: it is the same as -o a%N' sim: --split 1M -o a%N -o ./a%N
    refuses '--sigmf a.sigmf-meta: it is the same as -o a.sigmf-meta' sim: -o a.sigmf-data -o a.sigmf-meta --sigmf type=ri8
    refuses '--metrics ./a: it is the same as -o a' sim: -o a --metrics ./a
    refuses '--metrics m: it is the same as --manifest m' sim: -o a --manifest m --metrics m
    refuses '--metrics b: what is there is not a file of metrics' sim: -o a --metrics b
    refuses '--metrics in: what is there is not a file of metrics' file:in -o a --metrics in
    # The source, where outputs before it would be emptied.
    refuses '--manifest in: it is the source itself' file:in -o b --manifest in
    refuses 'write to ./in: it is the source itself' in -o b -o ./in
    run -2 --separate-stderr zcdma capture - -o b -o in <in
    assert_equal "${stderr%%$'\n'*}" 'zcdma capture: write to in: it is the source itself'
    assert_equal "$(<b) $(<in)" 'precious data'
    # What keeps nothing may be named twice.
    zcdma capture -q sim: --bytes 1M -o /dev/null -o a --manifest /dev/null
    # A file of metrics is written again.
    for _ in 1 2; do
        zcdma capture -q sim: --bytes 1M -o a --metrics prom
    done
}
