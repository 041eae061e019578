# SPDX-License-Identifier: GPL-2.0-only
# For the scripts that compare two commands by turns on loopback: GIB and REPEATS are set, and the folder is the
# project's. Gives BYTES, ZCDMA, TOOLS, a folder in $dir, a sink that listens at $PORT, and compare. What a script
# starts and adds to pids is ended with it.
# shellcheck shell=bash disable=SC2034 # used where this is sourced

make -s all tests-build || exit 2
ZCDMA=$PWD/zcdma
TOOLS=$PWD/build/tools
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT
BYTES=$((GIB << 30))

"$TOOLS/sink" >"$dir/port" &
pids+=($!)
until [[ -s $dir/port ]]; do sleep 0.05; done
PORT=$(<"$dir/port")

# Print "SECONDS CPU_SECONDS" of a command; the CPU's is user and system, of all its processes.
TIMEFORMAT='%R %U %S'
timed() {
    { time "$@" >"$dir/out" 2>&1 || { echo "failed: $*"; cat "$dir/out"; } >&2; } 2>&1 |
        awk '{ print $1, $2 + $3 }'
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# compare NAME GOAL A B: the throughput of command A against B's, and its CPU; both are functions.
compare() {
    local name=$1 goal=$2 a=$3 b=$4 i which
    rm -f "$dir"/[ab].*
    for ((i = 0; i <= REPEATS; i++)); do
        for which in a b; do
            read -r wall cpu < <(timed "${!which}")
            ((i == 0)) && continue # a warm-up
            echo "$wall" >>"$dir/$which.wall"
            echo "$cpu" >>"$dir/$which.cpu"
        done
    done
    awk -v name="$name" -v goal="$goal" -v aw="$(median "$dir/a.wall")" -v bw="$(median "$dir/b.wall")" \
        -v ac="$(median "$dir/a.cpu")" -v bc="$(median "$dir/b.cpu")" 'BEGIN {
        printf "%-44s throughput %5.2f (goal %s)   sender CPU %5.2f\n", name, bw / aw, goal, ac / bc }'
}
