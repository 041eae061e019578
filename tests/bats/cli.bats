#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What all applets have in common: how they are called, bad input, where the report goes.
# shellcheck disable=SC2016 # scripts for another shell

load common

applets() {
    zcdma --list | cut -d' ' -f1
}

# usage_error MESSAGE HINT COMMAND...: one line that says what is wrong, another that helps, status 2.
usage_error() {
    local expected=$1
    [[ -z $2 ]] || expected+=$'\n'"  $2"
    shift 2
    run -2 --separate-stderr "$@"
    assert_equal "$output" ''
    # shellcheck disable=SC2154 # bats sets stderr
    assert_equal "$stderr" "$expected"
}

@test "no argument: the usage on stderr, and status 2" {
    run -2 --separate-stderr zcdma
    assert_equal "$output" ''
    [[ $stderr == 'Usage: zcdma APPLET '* ]]
}

@test "options and arguments are never dropped for want of memory" {
    local n reached=0 command=(zcdma capture --no-sync -q --bytes=64K --path copy -o out --manifest man sim:)
    command -v "${CC:-cc}" >/dev/null || skip "${CC:-cc} is not installed"
    ! grep -q libasan <(ldd "$ZCDMA") || skip 'the address sanitizer has its own malloc()'
    "${CC:-cc}" -O1 -shared -fPIC -o fail_malloc.so "$TOP/tests/tools/preload/fail_malloc.c"
    # Some 60 allocations until the command line has been read.
    for n in {1..90}; do
        rm -f failed out man
        status=0
        FAIL_MALLOC=$n FAIL_MALLOC_DONE=failed LD_PRELOAD=$PWD/fail_malloc.so "${command[@]}" >said 2>&1 || status=$?
        [[ -e failed ]] || break
        reached=$n
        if ((!status)); then
            [[ ! -s said && $(stat -c %s out) == 65536 ]] || fail "number $n: $(<said)"
            grep -q '^# end' man || fail "number $n: no manifest"
            continue
        fi
        grep -qE 'memory|temporarily unavailable' said || fail "number $n: status $status, $(<said)"
    done
    ((reached == 90))
}

@test "--help, --version and --list answer on stdout" {
    run -0 --separate-stderr zcdma --help
    assert_line --index 0 --partial 'Usage: zcdma APPLET'
    assert_equal "$stderr" ''
    awk 'length >= 80 || NR > 24 { print "does not fit a screen: " $0; exit 1 }' <<<"$output"
    run -0 zcdma --version
    assert_output --regexp '^zcdma [0-9]+\.[0-9]+\.[0-9]+$'
    run -0 zcdma --list
    assert_line --regexp '^zcsend +send '
    assert_equal "${#lines[@]}" "$(grep -c '^APPLET(' "$TOP/cmd/applets.def")"
}

@test "help: what --help prints, of zcdma and of an applet" {
    local expected option
    expected=$(zcdma --help)
    run -0 zcdma help
    assert_output "$expected"
    expected=$(zcdma capture --help)
    run -0 zcdma help capture
    assert_output "$expected"
    usage_error 'zcdma: unknown applet captrue' 'did you mean capture?' zcdma help captrue
    usage_error 'zcdma: unexpected argument probe' 'usage: zcdma help [APPLET]' zcdma help capture probe
    for option in -h --help -V --version --list; do
        usage_error 'zcdma: unexpected argument probe' 'usage: zcdma --help | --version | --list' zcdma $option probe
    done
    run -0 zcdma --version --json
}

@test "a word that is empty has quotes in an error" {
    local list='zcdma --help lists the applets' applet
    usage_error "zcdma: unknown applet ''" "$list" zcdma ''
    usage_error "zcdma: unknown applet ''" "$list" zcdma help ''
    usage_error "zcdma: unexpected argument ''" 'usage: zcdma --help | --version | --list' zcdma -V ''
    for applet in capture verify bench disk; do
        run -2 --separate-stderr zcdma $applet '' '' ''
        assert_equal "${stderr_lines[0]}" "zcdma $applet: unexpected argument ''"
    done
    run -2 --separate-stderr zcdma copysend localhost:1 '' '' ''
    assert_equal "${stderr_lines[0]}" "zcdma copysend: unexpected argument ''"
    usage_error "zcdma capture: source '': it names no file" '' zcdma capture ''
    usage_error "zcdma capture: source 'file:': it names no file" '' zcdma capture file: -o out
}

# on_terminal COLUMNS COMMAND: run it on a terminal of that width, with what it prints in $output. What overwrites a line
# is a line of its own there.
on_terminal() {
    run -0 script -qec "stty cols $1 rows 24; $2" /dev/null
    output=${output//$'\r'/$'\n'}
}

@test "progress: fits the terminal, and says which rate is which" {
    # A line is due after half a second. All blocks fit into the ring, so that none is lost where that comes late.
    local run="$ZCDMA capture sim:rate=30M,blocks=24 -o /dev/null --blocks 24"
    TERM=xterm on_terminal 200 "$run"
    assert_output --regexp 'zcdma capture: [0-9.]+ .?i?B in [0-9.]+ s, now [0-9.]+ MB/s, mean [0-9.]+ MB/s, block [0-9]+, in flight [0-9]+, overruns [0-9]+'
    TERM=xterm on_terminal 70 "$run"
    assert_output --partial 'MB/s, mean '
    refute_output --partial ', block '
    TERM=xterm on_terminal 50 "$run"
    assert_output --partial ', now '
    refute_output --partial ', mean '
    run -0 awk '/^(\x1b\[K)?zcdma capture:/ { sub(/^\x1b\[K/, ""); print length($0) < 50 }' <<<"$output"
    refute_line 0
    assert_line 1
    TERM=xterm on_terminal 10 "$run"
    refute_output --partial 'zcdma capture: ['
}

@test "progress: none, and nothing bold, where the terminal cannot or the user does not want it" {
    local progress="$ZCDMA capture sim:rate=30M -o /dev/null --seconds 0.7"
    local table="$ZCDMA bench --mode=copy,null --memory=memfd --seconds 0.05 --repeat 1"
    TERM=dumb on_terminal 80 "$progress; $table"
    refute_output --partial $'\e'
    TERM=xterm on_terminal 80 "$table"
    assert_output --partial $'\e[1m'
    NO_COLOR=1 TERM=xterm on_terminal 80 "$table"
    refute_output --partial $'\e[1m'
}

@test "aliases of options: the user's, which may stand for several" {
    cat >.popt <<'END'
zcdma-capture alias --small --bytes=64K --json
zcdma-verify alias --small --bytes=1M
END
    HOME=$PWD run -0 --separate-stderr zcdma capture --small sim: -o out
    assert_equal "$(jq .captured_bytes <<<"$output")" 65536
    HOME=$PWD usage_error 'zcdma capture: --bytes: given twice, and it takes one value' '' zcdma capture --small --bytes 1M sim:
    # A home that is closed, as root's is for whom root has become.
    mkdir -m 0 closed
    if ((EUID)); then
        HOME=$PWD/closed run -0 zcdma capture -q --bytes 64K sim: -o out
    else
        copy_for_all
        HOME=$PWD/closed run -0 setpriv --reuid=65534 --clear-groups "$ZCDMA" capture -q --bytes 64K sim: -o /dev/null
    fi
    HOME=/ usage_error 'zcdma capture: unknown option --small' 'zcdma capture --help lists the options' zcdma capture --small
}

@test "an unknown applet: the nearest name" {
    usage_error 'zcdma: unknown applet captrue' 'did you mean capture?' zcdma captrue
    usage_error 'zcdma: unknown applet frobnicate' 'zcdma --help lists the applets' zcdma frobnicate
    usage_error 'zcdma: unknown option --frob' 'usage: zcdma APPLET [OPTION...]' zcdma --frob
}

@test "every applet has a help, and is called through a link of its name" {
    local applet help
    for applet in $(applets); do
        run -0 --separate-stderr zcdma "$applet" --help
        assert_line --index 0 --regexp "^Usage: zcdma $applet \[OPTION...\]"
        assert_line --regexp '^  -q, --quiet '
        refute_output --partial '--complete'
        assert_equal "$stderr" ''
        awk 'length >= 80 || NR > 45 { print "does not fit a screen: " $0; exit 1 }' <<<"$output"
        help=$output
        ln -s "$ZCDMA" "$applet"
        run -0 "./$applet" -h
        assert_output "$help"
    done
}

@test "every applet: unknown option, option without or with too much of a value" {
    local applet
    for applet in $(applets); do
        usage_error "zcdma $applet: unknown option --quite" 'did you mean --quiet?' \
            zcdma "$applet" --quite=3
        usage_error "zcdma $applet: unknown option --xyzzy" "zcdma $applet --help lists the options" \
            zcdma "$applet" --xyzzy
        usage_error "zcdma $applet: --json=3: takes no value" '' zcdma "$applet" --json=3
    done
    usage_error 'zcdma capture: --bytes: needs a value' '' zcdma capture --bytes
    usage_error 'zcdma capture: --bytes: needs a value' '' zcdma capture --bytes= sim:
    usage_error 'zcdma capture: --output: needs a value' '' zcdma capture sim: -o ''
    usage_error 'zcdma verify: --manifest: needs a value' '' zcdma verify --manifest '' file
    usage_error 'zcdma zcsend: unknown option --congestion' 'it is an option of an address: HOST:PORT,congestion' \
        zcdma zcsend --congestion=reno
}

@test "an option given twice, with a value that it has once" {
    local applet
    usage_error 'zcdma capture: --split: given twice, and it takes one value' '' \
        zcdma capture sim: -o out --bytes 4096 --split 1M --split 2M
    for applet in zcsend vmsplice copysend; do
        usage_error "zcdma $applet: --bytes: given twice, and it takes one value" '' \
            zcdma $applet 127.0.0.1:1 sim: -n 8192 --bytes 4096
    done
    [[ ! -e out ]]
    usage_error 'zcdma capture: source sim:block=4K,blocks=2,block=8K: block is given twice' '' \
        zcdma capture -o out sim:block=4K,blocks=2,block=8K
    usage_error 'zcdma capture: source sim:rate=1M: rate is given twice' '' \
        zcdma capture -o out --rate 2M sim:rate=1M
    run -0 zcdma capture -q -q sim: -o out -n 4096
    # The page of all applets says the same as their answer.
    grep -q '^An option that takes a value may be given once' "$TOP/man/zcdma.1"
    run -0 zcdma capture -q sim: -n 4096 -o out -o out2 --manifest m --manifest m2
}

@test "sizes, counts and seconds: what is none" {
    local size='not a size (try 4M, 4MiB or 4MB)'
    usage_error "zcdma capture: --bytes 4X: $size" '' zcdma capture sim: --bytes 4X
    usage_error "zcdma capture: --bytes -1: $size" '' zcdma capture sim: --bytes -1
    usage_error 'zcdma capture: --bytes 99999999999G: too large' '' \
        zcdma capture sim: --bytes 99999999999G
    usage_error 'zcdma capture: --bytes 0: must be at least 1' '' zcdma capture sim: --bytes 0
    usage_error 'zcdma capture: --blocks 0: must be at least 1' '' zcdma capture sim: --blocks 0
    usage_error 'zcdma capture: --blocks 1K: not a whole number' '' zcdma capture sim: --blocks 1K
    usage_error 'zcdma capture: --blocks -1: not a whole number' '' zcdma capture sim: --blocks=-1
    usage_error 'zcdma capture: --blocks 18446744073709551616: too large' '' \
        zcdma capture sim: --blocks 18446744073709551616
    local seconds='not a number of seconds (try 10 or 0.5)' text
    for text in inf nan -1 1e3 0x10 . 1.2.3 ' 1'; do
        usage_error "zcdma capture: --seconds $text: $seconds" '' zcdma capture sim: --seconds "$text"
    done
    usage_error 'zcdma capture: --seconds 0.0: must be more than 0' '' \
        zcdma capture sim: --seconds 0.0
    usage_error 'zcdma capture: --seconds 9999999999: too large' '' \
        zcdma capture sim: --seconds 9999999999
}

@test "a choice: the names that there are" {
    run -2 --separate-stderr zcdma zcsend 127.0.0.1:1 sim: --fallback=kep
    [[ $stderr == 'zcdma zcsend: --fallback kep: must be one of '*keep* ]]
    [[ $stderr == *$'\n  did you mean keep?' ]]
}

@test "too few and too many arguments" {
    run -2 --separate-stderr zcdma copysend
    [[ $stderr == 'zcdma copysend: an argument is missing'$'\n''  usage: zcdma copysend ['* ]]
    run -2 --separate-stderr zcdma copysend 127.0.0.1:1 sim: and more
    [[ $stderr == 'zcdma copysend: unexpected argument and'$'\n''  usage: zcdma copysend ['* ]]
}

@test "--json: a usage error is the one document, where data cannot be" {
    local applet
    for applet in $(applets); do
        run -2 --separate-stderr zcdma "$applet" --quite --json
        # The stdout of capture is for data.
        # shellcheck disable=SC2154
        [[ $applet == capture ]] && output=$stderr stderr=
        assert_equal "$stderr" ''
        run -0 jq -e -S -c 'del(.version)' <<<"$output"
        assert_output '{"applet":"'"$applet"'","error":{"errno":null,"hint":"did you mean --quiet?",'`
            `'"message":"unknown option --quite","status":2},"exit_status":2,"notes":[],"schema":1}'
    done
    run -2 --separate-stderr zcdma captrue --json
    assert_equal "$stderr" ''
    run -0 jq -r '.applet, .error.message, .error.hint, .exit_status' <<<"$output"
    assert_output $'null\nunknown applet captrue\ndid you mean capture?\n2'
}

@test "--json: the keys have an order, and end with the exit status" {
    run -2 zcdma capture --bytes 4X --json
    run -0 jq -r 'keys_unsorted | join(" ")' <<<"$output"
    assert_output 'schema applet version notes error exit_status'
}

@test "--json behind -- is an argument" {
    run -2 --separate-stderr zcdma copysend --quite -- --json
    assert_equal "$output" ''
    [[ $stderr == 'zcdma copysend: unknown option --quite'* ]]
}

@test "--json: bytes that are no UTF-8 do not spoil the document" {
    run -2 zcdma verify --json $'no\xffsuch\xc3\xbc\xe2\x82'
    run -0 jq -r .error.message <<<"$output"
    assert_output --partial $'no\xef\xbf\xbdsuch\xc3\xbc\xef\xbf\xbd'
}

@test "a name with control characters stays one harmless line" {
    run -2 --separate-stderr zcdma copysend --quite$'\n\e'[2J
    assert_equal "${stderr%%$'\n'*}" 'zcdma copysend: unknown option --quite??[2J'
}

@test "a report that cannot be written: one line, and status 2" {
    run -2 --separate-stderr bash -c '"$1" capture --help >/dev/full' - "$ZCDMA"
    assert_equal "$stderr" 'zcdma capture: writing the report: No space left on device'
    run -2 --separate-stderr bash -c '"$1" --list >/dev/full' - "$ZCDMA"
    assert_equal "$stderr" 'zcdma: writing the report: No space left on device'
    run -2 --separate-stderr bash -c '"$1" capture --help >&-' - "$ZCDMA"
    assert_equal "$stderr" 'zcdma capture: writing the report: Bad file descriptor'
    run -2 --separate-stderr bash -c '"$1" probe --json --quite >/dev/full' - "$ZCDMA"
    assert_equal "$stderr" 'zcdma probe: writing the report: No space left on device'
}

@test "a report into a pipe that nobody reads" {
    mkfifo pipe
    # Opened for both, so that neither blocks; then the only reader goes.
    run -2 --separate-stderr bash -c 'exec 3<>pipe 4>pipe 3>&-; "$1" --help >&4' - "$ZCDMA"
    assert_equal "$stderr" 'zcdma: writing the report: Broken pipe'
}

@test "closed standard descriptors: no file lands on them" {
    run -2 --separate-stderr bash -c '"$1" capture sim: --bytes 64K -o out >&-' - "$ZCDMA"
    [[ $stderr == *'writing the report: Bad file descriptor'* ]]
    assert_equal "$(stat -c %s out)" 65536
    "$ZCDMA" capture sim: --rate 1M -o out2 <&- >&- 2>&- 3>&- &
    PIDS+=($!)
    until_true 20 test -s out2
    assert_equal "$(readlink "/proc/$!/fd/"[012])" $'/dev/null\n/dev/null\n/dev/null'

    run -2 bash -c '"$1" capture --json - -o out3 <&-' - "$ZCDMA"
    run -0 jq -r .error.errno <<<"$output"
    assert_output EBADF
}

@test "--quiet: nothing but errors" {
    run -0 --separate-stderr zcdma capture -q sim: --bytes 64K -o out
    assert_equal "$output$stderr" ''
    run -2 --separate-stderr zcdma verify -q no-such-file
    assert_equal "$output" ''
    [[ $stderr == 'zcdma verify: '* ]]
    run -0 --separate-stderr zcdma capture -q --json sim: --bytes 64K -o out
    assert_equal "$stderr" ''
    jq -e '.exit_status == 0' <<<"$output"
}

@test "options may follow arguments, popt's files are not read" {
    mkdir home
    echo 'zcdma alias --quite --quiet' >home/.popt
    HOME=$PWD/home usage_error 'zcdma copysend: unknown option --quite' 'did you mean --quiet?' \
        zcdma copysend 127.0.0.1:1 --quite
}

@test "a file larger than the limit is an error, not a signal" {
    run -1 --separate-stderr bash -c 'ulimit -f 8; "$1" capture sim: --bytes 64K -o out' - "$ZCDMA"
    [[ $stderr == *'File too large'* ]]
}

@test "cli: --cpu binds a command to a CPU that it may run on" {
    local last
    last=$(sed -n 's/^Cpus_allowed_list:.*[^0-9]\([0-9]\+\)$/\1/p' /proc/self/status)
    run -0 --separate-stderr zcdma capture --cpu "$last" -q file:/proc/self/status
    assert_line --regexp "^Cpus_allowed_list:[[:space:]]$last\$"
    for applet in 'capture sim:' 'copysend localhost:9 sim:' 'verify sim:'; do
        # shellcheck disable=SC2086 # a list of words
        run -2 --separate-stderr zcdma $applet --cpu 4095
        assert_regex "$stderr" "--cpu 4095: this process may not run there.*taskset"
    done
}
