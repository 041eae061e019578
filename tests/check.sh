#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run the parts of the tests that are named (unit, bats, vm, arm), and end with one line that counts them all.
set -u

: "${BUILD:?}" "${ZCDMA:?}" "${TOOLS:?}"
cd "$(dirname "$0")/.." || exit 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Every part speaks TAP: "ok N name", "not ok N name", "ok N name # skip why".
unit() {
    tests/unit/run.sh "$BUILD"/unit/test_*
}

# shellcheck disable=SC2086 # a list of files
bats_files() {
    timeout 2400 bats --formatter tap ${BATS_FILES:-tests/bats/*.bats} 2>&1
    (($? < 2)) || echo "not ok - bats was cut short"
}

# shellcheck disable=SC2086 # a list of words
vm() {
    tests/vm/vm.sh ${VM_KERNELS:-} 2>&1
}

arm() {
    tests/vm/arm.sh 2>&1
}

for part; do
    case $part in
    unit) unit ;;
    bats) bats_files ;;
    vm) vm ;;
    arm) arm ;;
    *) echo "not ok - unknown part $part" ;;
    esac
done | tee "$log"

skipped=$(grep -ciE '^ok .*# skip' "$log")
passed=$(($(grep -cE '^ok ' "$log") - skipped))
failed=$(grep -cE '^not ok ' "$log")
echo
grep -E '^not ok ' "$log"
((passed + failed)) || failed=1
if ((skipped)); then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
((failed == 0))
