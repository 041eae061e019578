#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What sending from the driver's ring costs the sender, in instructions: run this inside a VM in which
# a nanosecond is an instruction, over an emulated NIC, to a second VM that discards (make check-speed).
# A ratio of two such figures hardly depends on the machine, so it can be held as a line. TAP.
set -u
source tests/vm/pair.bash
TO=10.9.0.2:9000 MIB=128

join_wire 10.9.0.1
insmod "$VM_KMOD/zcdma.ko" && insmod "$VM_KMOD/zcdma_sim.ko" sinks=1

# Also what is slow once only: names, random numbers, the other VM's start.
reach "$ZCDMA" zcsend $TO dev: --bytes 16M -q || exit

# cost MODEL PATH: instructions of the sending thread for a MiB.
cost() {
    "$ZCDMA" zcsend $TO "dev:model=$1" --bytes ${MIB}M --path="$2" --json 2>/dev/null |
        jq ".sender_cpu_seconds * 1e9 / $MIB | round"
}

declare -A COST
printf '# instructions per MiB, and as a part of those of copy\n'
for model in pages compound scatter; do
    for path in copy zerocopy vmsplice splice; do
        COST[$model.$path]=$(cost $model $path)
        awk -v m=$model -v p=$path -v c="${COST[$model.$path]}" -v copy="${COST[$model.copy]}" \
            'BEGIN { printf "# %-8s  %-8s  %7d  %.2f\n", m, p, c, c / copy }'
    done
done

# handed_cost PATH: the same of both ends of a pipe through which the ring was handed over.
handed_cost() {
    {
        until grep -q zcdma-handover /proc/net/unix; do sleep 0.1; done
        exec "$ZCDMA" capture dev: --bytes ${MIB}M --json --handover=require
    } 2>/tmp/first | "$ZCDMA" zcsend $TO --path="$1" --json >/tmp/second
    jq -s "map(.sender_cpu_seconds) | add * 1e9 / $MIB | round" /tmp/first /tmp/second
}

for path in zerocopy splice; do
    COST[handed.$path]=$(handed_cost $path)
    awk -v p=$path -v c="${COST[handed.$path]}" -v one="${COST[compound.$path]}" \
        'BEGIN { printf "# handed over  %-8s  %7d  %.2f of one process\n", p, c, c / one }'
done

# at_most NAME A FACTOR B: A is no more than FACTOR of B.
at_most() {
    awk -v name="$1" -v a="$2" -v factor="$3" -v b="$4" 'BEGIN {
        good = a > 0 && a <= factor * b
        printf "%s - %s: %.2f, at most %s\n", good ? "ok" : "not ok", name, a / b, factor }'
}

at_most "zerocopy costs a part of copy" "${COST[compound.zerocopy]}" 0.4 "${COST[compound.copy]}"
at_most "splice costs a part of copy" "${COST[compound.splice]}" 0.5 "${COST[compound.copy]}"
at_most "splice costs no more than vmsplice" "${COST[compound.splice]}" 1 "${COST[compound.vmsplice]}"
"$VM_BIN/vm-tests/moves"
"$VM_BIN/vm-tests/cost"
