# SPDX-License-Identifier: GPL-2.0-only
# What the tests of capture share.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # scripts for another shell; used by, and set by, those who load this

# pattern SEED WORDS: the pattern, a word a line in hex, from another shell's own arithmetic (in this one,
# bats looks at every command, which is slow).
pattern() {
    bash -c 'for ((n = 0; n < $2; n++)); do printf "%016x\n" "$((n ^ $1))"; done' - "$1" "$2"
}

# words <DATA: the same from data.
words() {
    od -An -v -tx8 -w8 --endian=little | tr -d ' '
}

# any_bytes N: so many bytes that follow no pattern.
any_bytes() {
    head -c "$1" <(seq 999999)
}

# value KEY [FILE]: of the JSON document that ends FILE.
value() {
    sed -n '/^{/,$p' "${2:-report}" | jq -r ".$1"
}

# stalled_capture OPTION...: capture into a pipe that nobody reads. Its id is CAPTURE, the pipe's
# other end is descriptor 9, and its report goes to the file of that name.
stalled_capture() {
    mkfifo pipe
    exec 8<>pipe
    "$ZCDMA" capture "$@" >pipe 2>report 3>&- 8<&- &
    CAPTURE=$!
    PIDS+=("$CAPTURE")
    exec 9<pipe 8<&-
}

# statistics_say REGEX: ask for them, and look.
statistics_say() {
    ask "$CAPTURE"
    grep -Eq "$1" report
}

has_data() {
    [[ -s $1 ]]
}

# open_flags PID FILE: with which flags the process has the file open.
open_flags() {
    local fd
    for fd in "/proc/$1/fd"/*; do
        [[ ! $fd -ef $2 ]] || sed -n 's/^flags:\t*//p' "/proc/$1/fdinfo/${fd##*/}"
    done
}

need_direct() {
    dd if=/dev/zero of=try bs=4096 count=1 oflag=direct status=none 2>/dev/null ||
        skip "$PWD: its file system has no O_DIRECT"
}
