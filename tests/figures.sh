#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run the commands of .github/FIGURES.md anew, and put what they print in the place of what stands there: figures.sh
# [WORD], only those whose line has that word. Takes half an hour on a machine that does nothing else.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
PATH=$PWD:$PATH # they are commands of a user's
page=.github/FIGURES.md
new=$(mktemp) || exit 2
trap 'rm -f "$new"' EXIT
# Of the code: this page may have new outputs already.
commit=$(git describe --always)
git diff --quiet HEAD -- . ":!$page" || commit+=-dirty

# run COMMAND: print it, what it ran on, and its output, without what make says of itself.
run() {
    local load
    read -r load _ </proc/loadavg
    echo "\$ $1"
    echo "# commit $commit, load $load"
    sh -c "$1" 2>&1 </dev/null | grep -v '^make\[\|^installing\|^  [A-Z]* '
}

failed=0
while IFS= read -r line; do
    if [[ $line != '$ '* || $line != *"${1:-}"* ]]; then
        echo "$line"
        continue
    fi
    command=${line#'$ '}
    echo "running $command" >&2
    # Read over the old output.
    while IFS= read -r line && [[ $line != '```' ]]; do
        old+=$line$'\n'
    done
    if output=$(run "$command"); then
        echo "$output"
    else
        echo "$output" >&2
        echo "$command failed: its old output stays" >&2
        failed=1
        printf '$ %s\n%s' "$command" "${old:-}"
    fi
    old=
    echo "$line"
done <"$page" >"$new"
cat "$new" >"$page"
exit "$failed"
