#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Under a service manager: what it is told, sockets that it passes, and the units.
# shellcheck disable=SC2154 # what run sets

load common

# managed COMMAND...: run it in the background as a service, with what it says in the file "said".
managed() {
    rm -f said # of an earlier one
    "$TOOLS/manager" said "$@" 3>&- &
    MANAGER=$!
    PIDS+=("$MANAGER")
    until_true 20 has_line said '^PORT='
    TO=$(sed -n 's/^PORT=//p' said)
}

@test "a service manager hears that it is ready, alive, how far it is, and that it ends" {
    local service
    managed "$ZCDMA" capture -q sim:rate=4M,block=64K,blocks=512 -o /dev/null
    until_true 20 is_watched || fail "$(cat said)"
    read -r service < <(cat "/proc/$MANAGER/task/$MANAGER/children"; echo)
    kill -TERM "$service"
    wait_exit "$MANAGER" 0
    assert_equal "$(sed -n '2p;$p' said)" $'READY=1\nSTOPPING=1'
    run -0 grep '^STATUS=' said
    assert_line --regexp '^STATUS=[0-9.]+ .?i?B in [0-9]+ s, mean [0-9.]+ .?B/s, 0 overruns$'
}

is_watched() {
    (($(grep -c '^WATCHDOG=1' said) >= 3))
}

@test "a receiver takes the socket that it is passed, and is ready before the first sender" {
    managed "$ZCDMA" capture --json tcp:PORT -o received
    until_true 20 has_line said '^READY=1'
    run -0 zcdma copysend -q --bytes 4M "$TO" sim:
    wait_exit "$MANAGER" 0
    run -0 zcdma verify -q --bytes 4M received
    managed "$ZCDMA" verify -q --bytes 4M --listen PORT
    run -0 zcdma copysend -q --bytes 4M "$TO" sim:
    wait_exit "$MANAGER" 0
}

@test "a socket that was passed to another process, or has another address, is left alone" {
    # The command's own process is not the one that the manager started.
    managed sh -c "\"\$0\" capture -q \"\$1\" -o received; exit" "$ZCDMA" tcp:PORT
    wait_exit "$MANAGER" 2
    managed "$ZCDMA" capture -q tcp:127.0.0.1:0 -o received
    until_true 20 has_line said '^READY=1'
    run -2 --separate-stderr timeout -s KILL 20 "$ZCDMA" capture -q "tcp:$TO" -o other
    [[ $stderr == *'Address already in use'* ]] || fail "$stderr"
    kill "$MANAGER"
}

@test "no manager: a socket that is not there stops nothing" {
    NOTIFY_SOCKET=/none/there run -0 zcdma capture -q --bytes 1M sim: -o /dev/null
    NOTIFY_SOCKET=@zcdma-nobody WATCHDOG_USEC=nonsense run -0 zcdma capture -q --bytes 1M sim: -o /dev/null
    NOTIFY_SOCKET=$(printf '%0200d' 0) run -0 zcdma capture -q --bytes 1M sim: -o /dev/null
}

@test "the units: what systemd makes of them, and how much they may do" {
    command -v systemd-analyze >/dev/null || skip 'no systemd-analyze here'
    make_ordinary DESTDIR="$PWD/root" PREFIX=/usr install >&2
    cd root/usr/lib/systemd/system || return
    local unit
    for unit in zcdma-receive@.socket zcdma-receive@.service zcdma-record@.service; do
        ln -s "$unit" "${unit/@/@9000}"
    done
    for unit in zcdma-receive@9000.service zcdma-record@9000.service; do
        run systemd-analyze --man=no verify "./$unit"
        refute_output --regexp 'zcdma-.*(Unknown|Invalid|Failed to parse|Refusing)'
        run systemd-analyze security --offline=true --threshold=30 "./$unit"
        [[ $output != *'Unknown command verb'* && $output != *'unrecognized option'* ]] ||
            skip 'this systemd-analyze does not read units from files'
        assert_success
    done
}
