#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run the parts of the tests that are named (unit, bats, vm, arm) side by side: each file of bats and each
# kernel is a job. Print their TAP job by job, the seconds that each took, and end with one line that counts
# all tests.
#
# CHECK_JOBS=N   jobs at a time (processors + 2: most of the time a test waits for another process)
set -u

: "${BUILD:?}" "${ZCDMA:?}" "${TOOLS:?}" "${CHECK_JOBS:=$(($(nproc) + 2))}"
cd "$(dirname "$0")/.." || exit 2
folder=$(mktemp -d) || exit 2

# Jobs, by number: how long each takes compared with others, what to call it, and what it runs.
weights=()
names=()
commands=()
declare -A running=()
printer=

# shellcheck disable=SC2317 # called by the trap
end_jobs() {
    local pid
    [[ -z $printer ]] || kill "$printer" 2>/dev/null
    for pid in "${running[@]}"; do
        kill -- "-$pid" 2>/dev/null
    done
    rm -rf "$folder"
}
trap end_jobs EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# alone COMMAND...: run it in a network of its own where this user may have one, as captures of the loopback
# interface show whatever passes there. The user stays who it is.
alone() {
    local loopback='ip link set lo up && exec "$@"'
    # shellcheck disable=SC2054 # commas are part of the words
    local drop=(setpriv --ambient-caps=-all --inh-caps=-all)
    if unshare -n true 2>/dev/null; then
        unshare -n sh -c "$loopback" - "$@"
    elif unshare -cn --keep-caps ip link set lo up 2>/dev/null; then
        unshare -cn --keep-caps sh -c "$loopback" - "${drop[@]}" "$@"
    else
        "$@"
    fi
}

add() {
    weights+=("$1")
    names+=("$2")
    commands+=("${*:3}")
}

# shellcheck disable=SC2086 # lists of words
add_part() {
    local word programs=
    case $1 in
    unit)
        # By the sources: what an older build left is not run.
        for word in tests/unit/test_*.c tests/fuzz/fuzz_*.c; do
            word=${word#tests/}
            programs+=" $BUILD/${word%.c}"
        done
        add 1000000 unit "tests/unit/run.sh$programs"
        ;;
    bats)
        for word in ${BATS_FILES:-tests/bats/*.bats}; do
            add "$(stat -c %s "$word")" "$word" "alone tests/bats/run.sh $word"
        done
        ;;
    vm)
        for word in ${VM_KERNELS:-6.1}; do
            add 2000000 "vm $word" "tests/vm/vm.sh $word"
        done
        ;;
    arm) add 2000000 arm tests/vm/arm.sh ;;
    *) add 0 "$1" "echo 'not ok - there is no part $1'" ;;
    esac
}

# run NUMBER: one job, in the background and a process group of its own.
run() {
    local out=$folder/$1
    set -m
    {
        TIMEFORMAT='%R %U %S'
        time eval "${commands[$1]}" >"$out.tap" 2>&1
    } </dev/null 2>"$out.time" &
    set +m
    running[$1]=$!
    echo $! >"$out.pid"
}

# Print what jobs print, one job after the other.
print_jobs() {
    local i
    for i in "${!names[@]}"; do
        until [[ -s $folder/$i.pid ]]; do sleep 0.1; done
        echo "# == ${names[$i]}"
        tail -n +1 -s 0.1 -f --pid="$(<"$folder/$i.pid")" "$folder/$i.tap"
    done
}

# wait_for_one: until a job ends.
wait_for_one() {
    local pid i
    wait -n -p pid "${running[@]}"
    for i in "${!running[@]}"; do
        [[ ${running[$i]} != "$pid" ]] || unset "running[$i]"
    done
}

print_times() {
    local i
    echo "# seconds, and processor seconds:"
    for i in "${!names[@]}"; do
        awk -v name="${names[$i]}" 'END { printf "# %7.1f %7.1f  %s\n", $1, $2 + $3, name }' "$folder/$i.time"
    done | sort -k2 -rn
    echo "# $SECONDS s in all; $CHECK_JOBS jobs at a time, load $(cut -d' ' -f1-3 /proc/loadavg)"
}

# Print the numbers of jobs, in the order in which they start: the longest first.
start_order() {
    local i
    for i in "${!weights[@]}"; do
        echo "${weights[$i]} $i"
    done | sort -rn | cut -d' ' -f2
}

for part; do
    add_part "$part"
done
print_jobs &
printer=$!
for number in $(start_order); do
    ((${#running[@]} < CHECK_JOBS)) || wait_for_one
    run "$number"
done
while ((${#running[@]})); do
    wait_for_one
done
wait "$printer"
printer=
print_times

cat "$folder"/*.tap >"$folder/all"
skipped=$(grep -ciE '^ok .*# skip' "$folder/all")
passed=$(($(grep -cE '^ok ' "$folder/all") - skipped))
failed=$(grep -cE '^not ok ' "$folder/all")
echo
grep -E '^not ok ' "$folder/all"
((passed + failed)) || failed=1
if ((skipped)); then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
((failed == 0))
