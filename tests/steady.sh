#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How steady the verdict of zcdma bench is: runs it again and again, and prints what each run says, then how often that
# changed. A step is a factor of four, from one block size of a sweep to the next. Not a test: a slow day is no failure.
#
#     tests/steady.sh [RUNS [OPTION...]]
#
# OPTION is for zcdma bench; without one it is --mode=copy,vmsplice --memory=memfd.
set -u

cd "$(dirname "$0")/.." || exit 2
runs=${1:-20}
shift
(($#)) || set -- --mode=copy,vmsplice --memory=memfd
make -s all || exit 2

# One line of a document: best path, what it is compared to, and in steps where that begins to cost less.
# shellcheck disable=SC2016 # a program for jq
line='def step: if . == null then 6 else log2 / 2 - 6 | round end;
    (.crossings | map(select(.mode != "copy")) | .[0]) as $c |
    [(.best_mode + " from " + .best_memory), ($c.mode // "-"), ($c.from_block_bytes | step),
     ($c.surely_more_to_block_bytes // 0 | if . == 0 then -1 else step end),
     ($c.surely_less_from_block_bytes | step)] | @tsv'

printf '%s bench %s: %s, %s CPUs, load %s\n' zcdma "$*" "$(uname -r)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
echo 'run  best                  path       costs less from  surely more to  surely less from'
size() {
    local sizes=('4 KiB' '16 KiB' '64 KiB' '256 KiB' '1 MiB' '4 MiB' never)
    (($1 < 0)) && echo - || echo "${sizes[$1]}"
}
for ((i = 1; i <= runs; i++)); do
    ./zcdma bench --json "$@" | jq -r "$line"
done | {
    declare -A bests
    n=0 changes=0 most=0 low=99 high=-1 last=''
    while IFS=$'\t' read -r best path from more less; do
        printf '%3d  %-20s  %-9s  %-15s  %-14s  %s\n' $((++n)) "$best" "$path" "$(size "$from")" \
            "$(size "$more")" "$(size "$less")"
        bests[$best]=$((${bests[$best]:-0} + 1))
        ((from < low)) && low=$from
        ((from > high)) && high=$from
        if [[ -n $last ]]; then
            step=$((from > last ? from - last : last - from))
            ((step > 0)) && ((changes++))
            ((step > most)) && most=$step
        fi
        last=$from
    done
    echo "the size changed $changes times in $n runs, by $most steps at most; all lie within $((high - low)) steps"
    echo "the best path:$(for best in "${!bests[@]}"; do printf ' %s (%d)' "$best" "${bests[$best]}"; done)"
}
