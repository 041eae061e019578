#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run unit tests, as TAP: run.sh PROGRAM... RUNNER is a command to run them with. cmocka says "not ok" of a
# test that it skips. UNIT_LIMIT=N: seconds for a program (1200, or
# LIMIT_SCALE times as many).
: "${UNIT_LIMIT:=$((1200 * ${LIMIT_SCALE:-1}))}"
# A sanitizer's finding is a crash, too.
export ASAN_OPTIONS=exitcode=199:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:exitcode=199:${UBSAN_OPTIONS:-}

for bin; do
    [[ -f $bin && -x $bin ]] || continue
    echo "# ${bin##*/}"
    # shellcheck disable=SC2086 # a list of words
    CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$UNIT_LIMIT" ${RUNNER:-} "$bin" 2>&1 | sed 's/^not \(ok .*# SKIP\)/\1/'
    status=${PIPESTATUS[0]}
    # cmocka's status is the number of failures, which its lines tell; a crash tells none.
    case $status in
    124 | 137) echo "not ok - ${bin##*/}: stopped after $UNIT_LIMIT seconds, the limit UNIT_LIMIT" ;;
    *) ((status < 124)) || echo "not ok - ${bin##*/} ended with status $status" ;;
    esac
done
