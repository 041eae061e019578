#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a block costs in user space: instructions, by valgrind, and system calls, by strace, of sending it, and of both
# ends of a hand-over. Counts, which a busy machine does not change. Not a test. Wants valgrind and strace.
#
#     tests/cost.sh [BLOCKS [SIZE...]]        ZCDMA=PATH counts another program
# shellcheck disable=SC2086 # a wrapper is words, and the name of a file at their end
set -u

cd "$(dirname "$0")/.." || exit 2
BLOCKS=${1:-1000}
sizes=("${@:2}")
((${#sizes[@]})) || sizes=(16K 64K 1M)
[[ ${ZCDMA:-} ]] || make -s all tests-build || exit 2
: "${ZCDMA:=$PWD/zcdma}"
paths=(copy zerocopy vmsplice splice sendfile)
BEFORE=200 # blocks of a run that is taken off, with what does not depend on their number
WITHIN_MS=60000

for tool in valgrind strace; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing" >&2; exit 3; }
done
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT
mkfifo "$dir/pipe"
build/tools/sink >"$dir/port" &
pids+=($!)
until [[ -s $dir/port ]]; do sleep 0.05; done
PORT=$(<"$dir/port")

# Wait until something listens for a hand-over through the pipe.
until_listening() {
    local name ms
    name=zcdma-handover-$(stat -c '%D-%i' "$dir/pipe" | awk -F- '{ printf "%s-%x", $1, $2 }')
    for ((ms = 0; ms < WITHIN_MS; ms += 20)); do
        grep -q "$name" /proc/net/unix && return
        sleep 0.02
    done
    echo "$0: no consumer listens after $WITHIN_MS ms" >&2
    exit 2
}

# one WRAPPER NAME BLOCKS SIZE PATH: a process that sends.
one() {
    $1"$2" "$ZCDMA" zcsend "127.0.0.1:$PORT" "sim:fill=once,blocks=16,block=$4,memory=memfd" --blocks "$3" \
        --path="$5" -q
}

# two WRAPPER NAME BLOCKS SIZE PATH: two, with a hand-over between them. They are NAME.p and NAME.c.
two() {
    local reader
    $1"$2.c" "$ZCDMA" zcsend "127.0.0.1:$PORT" --path="$5" --handover=require -q <"$dir/pipe" &
    reader=$!
    {
        until_listening
        $1"$2.p" "$ZCDMA" capture "sim:fill=once,blocks=16,block=$4" --blocks "$3" --handover=require -q
    } >"$dir/pipe"
    wait "$reader"
}

CALLGRIND="valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="
STRACE="strace -f -c -o "

instructions() { awk '/Collected/ { print $4 }' "$1"; }
# The columns of strace: % time, seconds, usecs/call, calls, and errors where there are any.
calls() { awk '$NF == "total" { print $4 }' "$1"; }

# difference HOW NAME: of the long and the short run, for a block.
difference() {
    awk -v a="$("$1" "$dir/$2.short")" -v b="$("$1" "$dir/$2.long")" -v n="$BLOCKS" \
        'BEGIN { printf "%.2f", (b - a) / n }'
}

# measure HOW KIND WRAPPER LENGTH BLOCKS: keep what a run of one or two leaves.
measure() {
    local how=$1 kind=$2 wrapper=$3 length=$4 blocks=$5
    "$how" "$wrapper" "$dir/$kind" "$blocks" "$size" "$path"
    for f in "$dir/$kind" "$dir/$kind.p" "$dir/$kind.c"; do
        [[ -e $f ]] && mv "$f" "$dir/$kind.${f##*/}.$length"
    done
}

printf '%-6s %-9s %-22s %12s %12s\n' block path process instructions calls
for size in "${sizes[@]}"; do
    for path in "${paths[@]}"; do
        for how in one two; do
            [[ $how == two && $path == sendfile ]] && continue # it takes no ring of another process
            rm -f "$dir"/*.short "$dir"/*.long
            measure "$how" i "$CALLGRIND" short "$BEFORE"
            measure "$how" i "$CALLGRIND" long $((BEFORE + BLOCKS))
            measure "$how" s "$STRACE" short "$BEFORE"
            measure "$how" s "$STRACE" long $((BEFORE + BLOCKS))
            case $how in
            one) ends=("") ;;
            two) ends=(.p .c) ;;
            esac
            for end in "${ends[@]}"; do
                case $end in
                .p) who="hand-over, producer" ;;
                .c) who="hand-over, consumer" ;;
                *) who="one" ;;
                esac
                printf '%-6s %-9s %-22s %12.0f %12.2f\n' "$size" "$path" "$who" \
                    "$(difference instructions "i.i$end")" "$(difference calls "s.s$end")"
            done
        done
    done
done
