# SPDX-License-Identifier: GPL-2.0-only
# What the tests of bad input and of a bad day share.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # scripts for another shell; used by, and set by, those who load this

# failed STATUS SENTENCE HINT COMMAND...: status, and on stderr the sentence, the hint unless it is
# empty, and nothing else but the report that capture prints there.
failed() {
    local status=$1 expected=$2
    [[ -z $3 ]] || expected+=$'\n'"  $3"
    shift 3
    run "-$status" --separate-stderr "$@"
    # shellcheck disable=SC2154 # bats sets stderr
    assert_equal "$(grep -vE '^  (captured|path|manifest|source|ring|overruns|pages replaced|cpu)  ' <<<"$stderr")" \
        "$expected"
}

# one_document STATUS [OUTPUT]: it is one JSON document, which tells of the status as the process did.
one_document() {
    run -0 jq -s -e --argjson status "$1" 'length == 1 and .[0].exit_status == $status and
        (.[0].error == null or $status >= 128 or .[0].error.status == $status)' <<<"${2-$output}"
}

sanitized() {
    grep -q __asan_init "$ZCDMA"
}

# namespaces FLAG: have some of our own, or skip.
namespaces() {
    unshare "$1" true 2>/dev/null || skip "no user namespaces here (unshare $1)"
}

# start APPLET ARGUMENT...: in the background, as $SENDER, its output in sender.out and sender.err.
start() {
    rm -f sender.out sender.err
    "$ZCDMA" "$@" <&0 >sender.out 2>sender.err 3>&- &
    SENDER=$!
    PIDS+=("$SENDER")
}

# queued: bytes on their way to $TO which its program has not read yet, and which were not taken yet.
queued() {
    awk -v port="$(printf ':%04X' "${TO##*:}")" \
        'index($2 $3, port) && $4 != "0A" { split($5, q, ":"); n = n q[1] q[2] } END { print n }' \
        /proc/net/tcp
}

# stuck: data is queued, and its amount does not change.
stuck() {
    local before
    before=$(queued)
    sleep 0.1
    [[ $before == *[1-9A-F]* && $before == "$(queued)" ]]
}

# Not everywhere is there an io_uring: a container's profile may forbid it.
setup_file() {
    ! "$ZCDMA" probe --json 2>/dev/null | jq -e 'any(.mappings[]; .registered.answer == "works")' ||
        export URING=uring
}

# shellcheck disable=SC2206 # a word or none
paths_to_sockets=(copy zerocopy vmsplice splice sendfile ${URING-})
