# SPDX-License-Identifier: GPL-2.0-only
# What tests of two zcdma with a pipe in between share.
# shellcheck shell=bash

# keys FILE KEY...: values of the JSON document that ends FILE, in a line.
keys() {
    local file=$1
    shift
    sed -n '/^{/,$p' "$file" | jq -r "[$(printf '.%s,' "$@" | sed 's/,$//')] | map(tostring) | join(\" \")"
}

# reader_listens: the reader of the pipe on descriptor 7 is there, and would take a ring.
reader_listens() {
    local device inode
    read -r device inode < <(stat -Lc '%D %i' /proc/self/fd/7)
    grep -q "@zcdma-handover-$device-$(printf %x "$inode")\$" /proc/net/unix
}

# lead OPTION...: capture to a reader that takes rings, and that is waited for: on a busy machine it may
# not be there within the time that capture gives it.
lead() {
    until_true 30 reader_listens 7>&1 || return 99
    zcdma capture "$@"
}
