#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Pipelines under stress: ends that are killed, stopped and replaced, system calls that fail, and much data.
# Prints for each kind how many runs had which outcome, and exits with 1 where one of them must not be.
# Not a part of the check: it takes minutes.
#
#     tests/stress.sh [RUNS [GIB]]      RUNS of each kind (200), GIB through one pipe (20)
#
# shellcheck disable=SC2317 # the kinds are called by their names
set -u

cd "$(dirname "$0")/.." || exit 2
RUNS=${1:-200} GIB=${2:-20}
make -s all || exit 2
ZCDMA=$PWD/zcdma
dir=$(mktemp -d -p /dev/shm) || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2

# Outcomes that must not be.
bad='hang|crash|wrong|lied'
LIMIT=60 # seconds for one run
status=0

any_of() {
    local words=("$@")
    echo "${words[RANDOM % $#]}"
}

nap() {
    sleep "0.$(printf '%03d' $((RANDOM % ${1:-250})))"
}

# end_of PID: its exit status, or "hang" after LIMIT seconds.
end_of() {
    local limit=$((SECONDS + LIMIT))
    while kill -0 "$1" 2>/dev/null; do
        if ((SECONDS >= limit)); then
            kill -KILL "$1"
            echo hang
            return
        fi
        sleep 0.01
    done
}

# wait_both: how the processes $writer and $reader ended, in writer_status and reader_status.
wait_both() {
    local hung
    hung=$(end_of "$writer")$(end_of "$reader")
    wait "$writer"
    writer_status=$?
    wait "$reader"
    reader_status=$?
    [[ -z $hung ]]
}

# pipeline BYTES SOURCE [OPTION...]: start a capture into another, which writes to the file out.
pipeline() {
    local bytes=$1 source=$2
    shift 2
    rm -f pipe out
    mkfifo pipe
    "$ZCDMA" capture -q --bytes "$bytes" "$source" >pipe 2>writer.err &
    writer=$!
    "$ZCDMA" capture --json --no-sync "$@" - -o out <pipe >reader.json 2>reader.err &
    reader=$!
}

# What is in the file out: whole, short or wrong, by the number of bytes there should be.
data() {
    local size
    size=$(stat -c %s out 2>/dev/null || echo 0)
    if ((size)) && ! "$ZCDMA" verify -q --bytes "$size" out >/dev/null 2>&1; then
        echo wrong
    elif ((size < $1)); then
        echo short
    else
        echo whole
    fi
}

handed_over() {
    grep -q '"handover": true' reader.json
}

a_source() {
    any_of sim: sim:blocks=3,block=4K sim:blocks=64,block=64K sim:blocks=4,block=64K
}

# Both ends end well, whatever the sizes.
tiny() {
    local bytes=$((1 + RANDOM * RANDOM % 3000000)) way=bytes
    pipeline "$bytes" "$(a_source)" --path="$(any_of copy splice)"
    wait_both || { echo hang && return; }
    handed_over && way=hand-over
    ((writer_status || reader_status)) && way=lied
    [[ $(data "$bytes") == whole ]] || way=wrong
    echo "$way"
}

# One end is killed. The other one must not say that all was well where it was a hand-over; of bytes that end
# early a reader cannot know that.
killed() {
    local bytes=$(((1 + RANDOM % 200) << 20)) victim other what
    pipeline "$bytes" "$(a_source)"
    nap
    if ((RANDOM % 2)); then victim=$writer; else victim=$reader; fi
    kill -KILL "$victim" 2>/dev/null
    wait_both || { echo hang && return; }
    what=$(data "$bytes")
    other=$((victim == writer ? reader_status : writer_status))
    if ((other > 128)); then
        what=crash
    elif [[ $what == short && $other == 0 ]]; then
        what='short, unknown'
        handed_over && what=lied
    fi
    echo "$what"
}

# Either end, or both, are stopped for a while.
stopped() {
    local bytes=$((64 << 20)) stopped way=bytes
    pipeline "$bytes" "$(a_source)"
    nap 30
    read -ra stopped < <(any_of "$writer" "$reader" "$writer $reader")
    kill -STOP "${stopped[@]}" 2>/dev/null
    nap 600
    kill -CONT "${stopped[@]}" 2>/dev/null
    wait_both || { echo hang && return; }
    handed_over && way=hand-over
    ((writer_status || reader_status)) && way=lied
    [[ $(data "$bytes") == whole ]] || way=wrong
    echo "$way"
}

# Several readers take a part each, one after the other.
in_turn() {
    local bytes=$((1 + RANDOM * RANDOM % 8000000)) path
    rm -f out part
    {
        "$ZCDMA" capture -q --bytes "$bytes" "$(a_source)" |
            for path in copy splice copy last; do
                case $path in
                last) "$ZCDMA" capture -q --no-sync - -o part ;;
                *) "$ZCDMA" capture -q --no-sync --bytes $((1 + RANDOM * 30)) --path="$path" - -o part ;;
                esac
                cat part >>out
            done
    } 2>/dev/null &
    [[ -z $(end_of $!) ]] || { echo hang && return; }
    what=$(data "$bytes")
    [[ $what == whole ]] || what=wrong
    echo "$what"
}

# A recording that is cut short is right as far as its manifest goes, and is not called complete.
recording_killed() {
    local pid verdict
    rm -f out out.xxh
    "$ZCDMA" capture -q --bytes 300M "$(a_source)" -o out --manifest out.xxh 2>/dev/null &
    pid=$!
    nap
    kill -"$(any_of KILL KILL INT TERM)" "$pid" 2>/dev/null
    wait "$pid"
    [[ -s out.xxh ]] || { echo 'no manifest yet' && return; }
    "$ZCDMA" verify -q --manifest out.xxh out >/dev/null 2>&1
    verdict=$?
    if tail -n 1 out.xxh | grep -q '^# end'; then
        ((verdict == 0)) && echo whole || echo wrong
    else
        ((verdict == 0)) && echo lied || echo incomplete
    fi
}

# The n-th call of a system call fails, in one end of a hand-over.
calls=(write:EIO read:EIO poll:ENOMEM eventfd2:EMFILE mmap:ENOMEM memfd_create:EMFILE clone3:EAGAIN
    sendmsg:ENOBUFS sendmsg:EPIPE recvmsg:EIO epoll_ctl:ENOMEM accept4:EMFILE bind:EADDRINUSE connect:EAGAIN
    socket:EMFILE getsockopt:EINVAL splice:EIO fallocate:ENOSPC close:EIO)
call_fails() {
    local call=${calls[RANDOM % ${#calls[@]}]} n=$((1 + RANDOM % 12)) inject=() bytes=700001 end
    inject=(strace -f -qq -o /dev/null -e "trace=${call%:*}" -e "inject=${call%:*}:error=${call#*:}:when=$n")
    end=$(any_of writer reader)
    rm -f pipe out
    mkfifo pipe
    $([[ $end != writer ]] || echo "${inject[@]}") \
        "$ZCDMA" capture -q --bytes "$bytes" sim:block=64K >pipe 2>/dev/null &
    writer=$!
    $([[ $end != reader ]] || echo "${inject[@]}") \
        "$ZCDMA" capture --json --no-sync - -o out <pipe >reader.json 2>/dev/null &
    reader=$!
    wait_both || { echo "hang ($end, ${call} $n)" && return; }
    what=$(data "$bytes")
    ((writer_status < 128 && reader_status < 128)) || what="crash ($end, ${call} $n)"
    ((writer_status || reader_status)) || [[ $what == whole ]] || what="lied ($end, ${call} $n)"
    echo "$what"
}

# try KIND: run it RUNS times, and count the outcomes.
try() {
    local i outcome line
    local -A seen=()
    for ((i = 0; i < RUNS; i++)); do
        outcome=$("$1")
        seen[$outcome]=$((${seen[$outcome]:-0} + 1))
    done
    line=
    for outcome in "${!seen[@]}"; do
        line+=", ${seen[$outcome]} $outcome"
        [[ ! $outcome =~ ^($bad) ]] || status=1
    done
    printf '%-17s %d runs: %s\n' "$1" "$RUNS" "${line#, }"
}

memory_of() {
    awk '/^VmRSS/ { print $2 }' "/proc/$1/status" 2>/dev/null
}

# Much data through one pipe; the memory of both ends at first and at last.
much() {
    local now first='' last=''
    rm -f pipe
    mkfifo pipe
    "$ZCDMA" capture -q --bytes "$GIB"G sim:fill=once >pipe &
    writer=$!
    "$ZCDMA" capture -q - -o /dev/null <pipe &
    reader=$!
    while kill -0 "$writer" 2>/dev/null; do
        now="$(memory_of "$writer") and $(memory_of "$reader")"
        if [[ $now == [0-9]*[0-9] ]]; then
            : "${first:=$now}"
            last=$now
        fi
        sleep 0.1
    done
    wait_both || status=1
    printf '%-17s %s GiB, status %d and %d, KiB of memory at first %s, at last %s\n' much "$GIB" \
        "$writer_status" "$reader_status" "$first" "$last"
    ((writer_status == 0 && reader_status == 0)) || status=1
}

kinds=(tiny killed stopped in_turn recording_killed)
if command -v strace >/dev/null; then
    kinds+=(call_fails)
else
    echo 'call_fails        skipped: strace is not installed'
fi
for kind in "${kinds[@]}"; do
    try "$kind"
done
much
exit "$status"
