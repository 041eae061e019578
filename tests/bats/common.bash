# SPDX-License-Identifier: GPL-2.0-only
# What every bats file loads: the binary under test, a folder of its own, receivers to send to.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

# Debian keeps the helper libraries here; elsewhere BATS_LIB_PATH says.
: "${BATS_LIB_PATH:=/usr/lib/bats:/usr/lib}"

# load_library NAME: read its files. Its own load.bash starts a process for each of them, 23 before every test.
load_library() {
    local folders folder file
    IFS=: read -ra folders <<<"$BATS_LIB_PATH"
    for folder in "${folders[@]}"; do
        [[ -d $folder/$1/src ]] || continue
        for file in "$folder/$1"/src/*.bash; do
            # shellcheck disable=SC1090 # files of the library
            source "$file"
        done
        return
    done
    echo "$1 is in none of $BATS_LIB_PATH" >&2
    return 1
}
load_library bats-support
load_library bats-assert

# bats notes where it is before each command, which takes a fifth of the time of all tests. Let it note that where one
# fails instead; of a failure within its libraries, where they were called.
if ((${BATS_TRACE_LEVEL:-0} == 0)) && declare -F bats_capture_stack_trace bats_check_status_from_trap >/dev/null; then
    bats_debug_trap() {
        trap - DEBUG
    }

    bats_error_trap() {
        bats_check_status_from_trap
        bats_capture_stack_trace
        while [[ ${BATS_DEBUG_LAST_STACK_TRACE[0]:-} == *" $BATS_ROOT/lib"* ]]; do
            BATS_DEBUG_LAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]:1}")
        done
        # shellcheck disable=SC2034 # bats reads it
        BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
    }
fi

TOP=${BATS_TEST_DIRNAME%/tests/*}
ZCDMA=${ZCDMA:-$TOP/zcdma}
TOOLS=${TOOLS:-$TOP/build/tools}

# A leak or a crash in any test is a failure of that test: 99 is no status of zcdma's own.
export ASAN_OPTIONS=exitcode=99:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:exitcode=99:${UBSAN_OPTIONS:-}

zcdma() {
    "$ZCDMA" "$@"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
}

# End what a test left running; by its id, and only what it started itself.
teardown() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill -CONT "$pid" 2>/dev/null || :
        kill -KILL "$pid" 2>/dev/null || :
    done
    [[ -z ${PROGRAM_COPY:-} ]] || rm -rf "$PROGRAM_COPY"
}

# copy_for_all: set ZCDMA to a copy that every user may run, as the tree may be below a folder that is closed
# to others, such as the home of root. Skip the test where root cannot become another user.
copy_for_all() {
    local lib
    setpriv --reuid=65534 --clear-groups true 2>/dev/null || skip 'root cannot become another user here'
    lib=$(ldd "$ZCDMA" | sed -n 's/.*libzcdma.* => \(.*\) (.*/\1/p')
    if ! PROGRAM_COPY=$(mktemp -d) || ! chmod 755 "$PROGRAM_COPY" || ! cp "$ZCDMA" "$lib" "$PROGRAM_COPY"; then
        fail "no copy of $ZCDMA"
    fi
    ZCDMA=$PROGRAM_COPY/${ZCDMA##*/}
    export LD_LIBRARY_PATH=$PROGRAM_COPY
}

# make_ordinary TARGET...: make the build that gets installed, without SAN, in the folder of the tree. One test at a
# time: files of tests run side by side, and two builds in one folder spoil each other.
make_ordinary() {
    flock "$TOP/Makefile" make -s -C "$TOP" SAN= "$@"
}

# What is waited for is asked for without a process: to start one takes as long as many tests have to wait, where
# the machine is emulated. Nothing is ever read from this pipe.
exec {NEVER}<> <(:)
printf -v PAUSE 0.%03d $((20 * ${LIMIT_SCALE:-1})) # where a look takes longer, look less often

pause() {
    read -rt "$PAUSE" -u "$NEVER" || :
}

# has_line FILE PATTERN: a line of the file matches the extended regular expression.
has_line() {
    local line lines=()
    { mapfile -t lines <"$1"; } 2>/dev/null || return 1
    for line in "${lines[@]}"; do
        [[ ! $line =~ $2 ]] || return 0
    done
    return 1
}

# until_true LIMIT_SECONDS COMMAND...: wait for an event, at most that long, times LIMIT_SCALE on slow machines.
until_true() {
    local limit=$((SECONDS + $1 * ${LIMIT_SCALE:-1}))
    shift
    until "$@"; do
        ((SECONDS < limit)) || return 1
        pause
    done
}

# forget PID: it has been waited for, and its number may be another process's by now.
forget() {
    local pid left=()
    for pid in "${PIDS[@]}"; do
        [[ $pid == "$1" ]] || left+=("$pid")
    done
    PIDS=("${left[@]}")
}

# wait_exit PID [STATUS]: wait for a background process of this shell, at most a minute, and check its
# exit status (0). Not under `run`, whose subshell has no such child.
wait_exit() {
    local got=0
    # Where the caller looks at the status, fail() alone does not end this.
    until_true 60 ended "$1" || fail "process $1 still runs after a minute" || return
    wait "$1" || got=$?
    forget "$1"
    ((got == ${2:-0})) || fail "process $1 ended with status $got, not ${2:-0}"
}

# handles PID SIGNAL: it has a handler for the signal, and for SIGTERM, whose handler is one of the last. Before that, a
# signal would end it. The shell's own handlers, which its child has until it becomes zcdma, do not count.
handles() {
    local mask
    [[ /proc/$1/exe -ef $ZCDMA ]] || return
    mask=$(sed -n 's/^SigCgt:\t//p' "/proc/$1/status" 2>/dev/null)
    [[ -n $mask ]] && ((0x$mask >> ($(kill -l "$2") - 1) & 0x$mask >> ($(kill -l TERM) - 1) & 1))
}

# ask PID: have statistics printed, as soon as the process is ready for that.
ask() {
    until_true 20 handles "$1" USR1 || fail "process $1 does not handle SIGUSR1"
    kill -USR1 "$1"
}

ended() {
    ! kill -0 "$1" 2>/dev/null || has_line "/proc/$1/status" '^State:[[:space:]]Z'
}

# listen_as NAME COMMAND...: start a command, with what it prints in NAME.out and NAME.err, wait until it says where it
# listens, and set LISTENER (its id) and WHERE.
listen_as() {
    rm -f "$1.out" "$1.err" # of an earlier one
    "${@:2}" >"$1.out" 2>"$1.err" 3>&- &
    LISTENER=$!
    PIDS+=("$LISTENER")
    until_true 20 has_line "$1.err" 'listening on' || fail "not listening: $(cat "$1.err")"
    WHERE=$(<"$1.err")
    WHERE=${WHERE#*listening on } WHERE=${WHERE%%$'\n'*}
}

# receiver [OPTION...]: start `zcdma verify --listen`, and set RECEIVER (its id) and TO (where to send).
# What it prints goes to receiver.out and receiver.err.
receiver() {
    listen_as receiver "$ZCDMA" verify --listen "${LISTEN:-127.0.0.1:0}" "$@"
    # shellcheck disable=SC2034 # for the tests
    RECEIVER=$LISTENER TO=$WHERE
}

# received_something: data has reached the receiver in this folder. Statistics on request tell that.
received_something() {
    ask "$RECEIVER"
    grep -qE 'verify: [1-9][0-9.]* (MiB|GiB)' receiver.err
}

# received [STATUS]: the receiver has ended, and found everything right, or what STATUS says.
received() {
    wait_exit "$RECEIVER" "${1:-0}" || fail "receiver: $(cat receiver.out receiver.err)"
}
