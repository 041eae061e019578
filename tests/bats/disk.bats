#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What `zcdma disk` says without a device of its own; tests/vm/disk.bats serves some.

load common

# refused STATUS ERROR HINT ARGUMENT...: disk ends with it, after an error and a hint, or '' without one.
refused() {
    local status=$1 error=$2 hint=${3:+$'\n'"  $3"}
    shift 3
    run -"$status" --separate-stderr zcdma disk "$@"
    assert_output ''
    # shellcheck disable=SC2154 # bats sets stderr
    assert_equal "$stderr" "zcdma disk: $error$hint"
}

FORMS='write HOST:PORT, nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH'

@test "disk: a server is named by an address or a URI" {
    refused 2 'an argument is missing' 'usage: zcdma disk [OPTION...] HOST:PORT'
    refused 2 "address 'host': it has no port" 'write host:10809, with the port of NBD, or another' host
    refused 2 "address '127.0.0.1:': it has no port" 'write 127.0.0.1:10809, with the port of NBD, or another' 127.0.0.1:
    refused 2 "address '[::1]': it has no port" 'write [::1]:10809, with the port of NBD, or another' '[::1]'
    refused 2 "address 'h:x y': 'x y' is not a port" 'a port is a number from 0 to 65535, or the name of a service' 'h:x y'
    refused 2 'address udp:host:1: NBD goes over TCP' "$FORMS" udp:host:1
    refused 2 'address http://host: not a URI of NBD' "$FORMS" http://host
    refused 2 'address nbd+unix:///x: it names no socket' "$FORMS" nbd+unix:///x
    run -2 --separate-stderr zcdma disk nbds://host
    [[ $stderr == *'nbds://host: it asks for TLS'*WireGuard* ]] || fail "$stderr"
}

@test "disk: options are checked before a server is asked" {
    refused 2 '--copy none: must be one of auto, fixed, user' '' --copy=none host:1
    refused 2 '--recover again: must be one of fail, wait, reissue' '' --recover=again host:1
    refused 2 '--expect copied: must be one of zerocopy' '' --expect=copied host:1
    refused 2 '--timeout 0: must be more than 0' '' --timeout=0 host:1
    refused 2 '--id x: not a whole number' '' --id=x host:1
    refused 2 '--connections 0: must be 1 to 16' '' --connections=0 host:1
    refused 2 '--connections 17: must be 1 to 16' '' --connections=17 host:1
    refused 2 '--depth 257: must be 1 to 256' '' --depth=257 host:1
    refused 2 '--depth x: not a whole number' '' --depth=x host:1
    refused 2 '--id 99999999: too large' '' --id=99999999 host:1
    refused 2 '--send-zerocopy sends the pages of requests, and --copy=user does not have them' \
        'leave one of them out' --send-zerocopy --copy=user host:1
}

@test "disk: without ublk it says what would help, with a status of its own, and asks no server" {
    [[ ! -e /dev/ublk-control ]] || skip 'ublk_drv is loaded here'
    refused 3 "open /dev/ublk-control: the kernel's driver ublk_drv is not there" \
        'load it: modprobe ublk_drv (Linux 6.5 or later with CONFIG_BLK_DEV_UBLK); on other kernels nbd-client(8) makes a device of the server' \
        127.0.0.1:1
    run -3 --separate-stderr zcdma disk --json 127.0.0.1:1
    [[ $(jq -r '.error.errno, .exit_status' <<<"$output") == $'EOPNOTSUPP\n3' ]]
}
