#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run bats files, as TAP: run.sh FILE... A file that does not come to its end is a failure with its cause.
# BATS_LIMIT=N   seconds for a file (2400, times LIMIT_SCALE); busy machines take many times what idle ones do
: "${BATS_LIMIT:=$((2400 * ${LIMIT_SCALE:-1}))}"

# count_tests FILE: pass TAP on, and compare the number of tests with the plan. It takes no program that the root
# of an emulated board may lack.
count_tests() {
    local line plan=0 ran=0
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
        1..*) plan=${line#1..} ;;
        'ok '* | 'not ok '*) ((ran++)) ;;
        esac
    done
    ((plan && ran == plan)) || echo "not ok - $1: $ran of $plan tests ran"
}

for file; do
    echo "# $file"
    timeout -k 10 "$BATS_LIMIT" bats --formatter tap --print-output-on-failure "$file" 2>&1 </dev/null |
        count_tests "$file"
    status=${PIPESTATUS[0]}
    case $status in
    0 | 1) ;; # the failures of 1 have lines of their own
    124 | 137) echo "not ok - $file: stopped after $BATS_LIMIT seconds, the limit BATS_LIMIT" ;;
    *) echo "not ok - $file: bats ended with status $status" ;;
    esac
done
