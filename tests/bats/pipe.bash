# SPDX-License-Identifier: GPL-2.0-only
# What tests of two zcdma with a pipe in between share.
# shellcheck shell=bash

# keys FILE KEY...: values of the JSON document that ends FILE, in a line.
keys() {
    local text start=$'\n{' IFS=,
    text=$'\n'$(<"$1")
    text="{${text#*"$start"}"
    shift
    jq -r "[${*/#/.}] | map(if type == \"number\" then . + 0 else . end | tostring) | join(\" \")" <<<"$text"
}

# await_reader: until the reader of the pipe on descriptor 7 is there, and would take a ring.
await_reader() {
    local device inode
    read -r device inode < <(stat -Lc '%D %i' /proc/self/fd/7)
    printf -v inode %x "$inode"
    until_true 30 has_line /proc/net/unix "@zcdma-handover-$device-$inode\$"
}

# lead OPTION...: capture to a reader that takes rings, and that is waited for: on a busy machine it may
# not be there within the time that capture gives it.
lead() {
    await_reader 7>&1 || fail 'no reader listens at the pipe within 30 s' || return
    zcdma capture "$@"
}

# reads_it NAME: a program of that name reads the pipe on descriptor 7.
reads_it() {
    local name process
    for process in /proc/[0-9]*; do
        [[ $process/fd/0 -ef /proc/self/fd/7 ]] || continue
        read -r name <"$process/comm" && [[ $name == "$1" ]] && return
    done 2>/dev/null
    return 1
}

# await_program NAME: until it reads the pipe that is standard output. Before that, a shell does, which will become it.
await_program() {
    until_true 30 reads_it "$1" 7>&1 || fail "$1 does not read the pipe within 30 s"
}
