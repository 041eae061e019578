#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The main job on the simulated source: a receiver that checks, and a pipeline that sends to it.
set -eu

: "${ZCDMA:?}"
dir=$(mktemp -d)
receiver=
trap '[ -z "$receiver" ] || kill "$receiver" 2>/dev/null || :; rm -rf "$dir"' EXIT

say() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
}

say 'zcdma verify --listen 127.0.0.1:0 &'
"$ZCDMA" verify --listen 127.0.0.1:0 >"$dir/verify" 2>"$dir/listening" &
receiver=$!
until grep -q listening "$dir/listening"; do
    kill -0 "$receiver" || { cat "$dir/listening"; exit 1; }
    sleep 0.05
done
cat "$dir/listening"
to=$(sed -n 's/.*listening on //p' "$dir/listening")

say "zcdma capture --bytes 1G | zcdma zcsend $to"
"$ZCDMA" capture --bytes 1G | "$ZCDMA" zcsend "$to"

say 'what the receiver found'
status=0
wait "$receiver" || status=$?
receiver=
cat "$dir/verify"
[ "$status" -eq 0 ]

say 'zcdma probe'
"$ZCDMA" probe
