# SPDX-License-Identifier: GPL-2.0-only
# What tests of `zcdma disk` load: a server, and a device of it.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120,SC2154 # used by the tests; bats sets output and stderr

load guest

# Small, as each page that an emulated machine reads or compares takes its time.
SIZE=$((2 << 20))

setup_file() {
    /run/modprobe ext4
    head -c $SIZE /dev/urandom >"$BATS_FILE_TMPDIR/data"
}

teardown() {
    end_disks
}

# end_disks: of a test that may have failed.
end_disks() {
    local pid
    ! has_line /proc/mounts ' /mnt/ublk ' || umount /mnt/ublk
    for pid in "${PIDS[@]}"; do
        kill -CONT "$pid" 2>/dev/null || :
        kill -KILL "$pid" 2>/dev/null || :
    done
    # Else a device that waits for its server, or for a command, holds what waits for it.
    give_up
}

# can_lend: this kernel's ublk lends pages.
can_lend() {
    local major minor
    IFS=. read -r major minor _ <<<"$(uname -r)"
    ((major > 6 || (major == 6 && minor >= 16)))
}

# best_way: set $WAY to what --copy=auto chooses.
best_way() {
    WAY=user
    ! can_lend || WAY=fixed
}

is_character() {
    [[ -c $1 ]]
}

is_socket() {
    [[ -S $1 ]]
}

# serve PLUGIN [ARGUMENT...]: an NBD server at $URI.
serve() {
    rm -f "$PWD/socket"
    nbdkit -f -U "$PWD/socket" "$@" 2>nbdkit.err 3>&- &
    SERVER=$!
    PIDS+=("$SERVER")
    URI="nbd+unix:///?socket=$PWD/socket"
    until_true 20 is_socket socket || fail "no server: $(<nbdkit.err)"
}

# serve_data: a copy of the data, in the file disk.img.
serve_data() {
    cp "$BATS_FILE_TMPDIR/data" disk.img
    serve file disk.img
}

# serve_slowly: the same, and each read takes a while. What is asked and answered is in server.log.
serve_slowly() {
    cp "$BATS_FILE_TMPDIR/data" disk.img
    serve --filter=log --filter=delay file disk.img rdelay=100ms logfile="$PWD/server.log"
}

is_stopped() {
    local thread
    for thread in /proc/"$1"/task/*; do
        has_line "$thread/status" '^State:.T' || return
    done
}

# stops_in_read: stop the server. If it has answered all that was asked, let it go on, and fail.
stops_in_read() {
    kill -STOP "$SERVER"
    until_true 20 is_stopped "$SERVER" || fail 'the server does not stop' || return
    [[ $(tail -n 1 server.log) != *' Read id='* ]] || return 0
    kill -CONT "$SERVER"
    return 1
}

# stop_in_read: stop a server of serve_slowly while it has a read to answer.
stop_in_read() {
    until_true 20 stops_in_read || fail "no read is under way: $(tail -n 3 server.log)"
}

has_device() {
    has_line disk.name '^/dev/ublkb' || has_line disk.json '^/dev/ublkb' || ended "$DISK"
}

# disk [OPTION...]: serve a device from there, named by $DEV. With $TEXT the report is text, and what is said on the way is
# in disk.name.
disk() {
    # What another one said is not its own.
    : >disk.name
    : >disk.json
    # shellcheck disable=SC2086 # one word, or none
    "$ZCDMA" disk ${TEXT---json} "$@" "${TO:-$URI}" >disk.json 2>disk.name 3>&- &
    DISK=$!
    PIDS+=("$DISK")
    until_true 30 has_device || fail "no device after 30 s: $(<disk.name)"
    DEV=$(grep -hm1 '^/dev' disk.name disk.json) || fail "no device: $(<disk.json)"
}

# end_disk [STATUS]: by Ctrl-C.
end_disk() {
    kill -INT "$DISK"
    wait_exit "$DISK" "${1:-130}"
    [[ ! -e $DEV ]] || fail "$DEV is still there"
}

# reported FILTER: it is true of the report.
reported() {
    jq -e "$1" disk.json >/dev/null || fail "not true: $1 of $(<disk.json)"
}

# give_up: end devices whose command was killed.
give_up() {
    local device
    for device in /dev/ublkb*; do
        [[ -b $device ]] || continue
        (serve_data && disk --id="${device#/dev/ublkb}" && end_disk) || :
    done
}

# What waits for a device must not wait for ever.
limited() {
    timeout "$((20 * ${LIMIT_SCALE:-1}))" "$@"
}

# is_right COMMAND...: what it prints is the data.
is_right() {
    limited "$@" | cmp - "$BATS_FILE_TMPDIR/data" || fail "wrong: $*"
}

# keys_are_told: every key of the report is in the page.
keys_are_told() {
    jq -r 'del(.schema, .applet, .version, .notes, .error, .exit_status) | keys[]' disk.json | sort >keys
    sed -nE 's/^\.(It )?Va //p' "$TOP/build/man/zcdma-disk.1" | tr -s ' ,' '\n' | sort -u | comm -23 keys - >untold
    [[ -s keys && ! -s untold ]] || fail "keys that zcdma-disk.1 does not tell of: $(<untold)"
}

# refused ERROR ARGUMENT...: it ends with status 2, and says this.
refused() {
    run -2 --separate-stderr zcdma disk "${@:2}"
    [[ $stderr == *"$1"* ]] || fail "$stderr"
}
