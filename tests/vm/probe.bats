#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# probe of the driver's device: every model, every method; and what disk says of a kernel without ublk_drv.

load guest

setup_file() {
    make_disk
    export TMPDIR=/mnt/disk
}

teardown_file() {
    remove_disk
}

# io_uring registers the mapping of a character device from 6.12 on, at the latest.
registers() {
    [[ $(uname -r) != 5.* && $(uname -r) != 6.1.* ]]
}

# registered: print the filter for what a mapping answers to being registered.
registered() {
    registers && echo '.registered.answer == "works"' || echo '.registered.errno == "EOPNOTSUPP"'
}

@test "probe: the models of the driver, and the methods that take them" {
    run -0 --separate-stderr zcdma probe /dev/zcdma0 --json
    jq -e '[.mappings[].model] == ["coherent", "pages", "compound", "scatter"] and
        all(.mappings[]; .bytes == 65536 and .send.answer == "works") and
        (.mappings[0] | .zerocopy.errno == "EFAULT" and .vmsplice.errno == "EFAULT" and
            .direct.errno == "EFAULT" and (.vmflags | test("pf")) and (.hint | test("model=compound"))) and
        all(.mappings[1:][]; .zerocopy.answer == "works" and .vmsplice.answer == "works" and
            .direct.answer == "works" and .errno == null and .cause == null) and
        [.mappings[].dma_buf] == [false, true, true, true] and
        all(.mappings[1:][]; '"$(registered)"')' <<<"$output"
    run -0 zcdma probe /dev/zcdma0
    assert_line --regexp '^/dev/zcdma0 compound +64K +works +works'
    assert_output --partial 'EFAULT, /dev/zcdma0 coherent: VM_PFNMAP'
    assert_output --partial 'dma-buf, /dev/zcdma0 pages'
}

@test "probe: blocks of another size, and none at an offset" {
    run -0 --separate-stderr zcdma probe /dev/zcdma0 --bytes 3M --json
    jq -e 'all(.mappings[1:][]; .bytes == 3145728 and .vmsplice.answer == "works")' <<<"$output"
    run -2 zcdma probe /dev/zcdma0 --bytes 100
    assert_output --regexp 'block=100 is not valid \(block= takes a multiple of (64|128) bytes'
    run -2 zcdma probe /dev/zcdma0 --offset 4096
    assert_output --partial 'its blocks have no offset'
}

@test "probe: a device that is busy is said to be so, once" {
    "$ZCDMA" capture dev: -o /dev/null -q 3>&- &
    PIDS+=($!)
    until_true 20 grep -q '^running 1$' /sys/kernel/debug/zcdma/zcdma0/stats
    run -2 zcdma probe /dev/zcdma0
    assert_output --partial 'Device or resource busy'
    assert_equal "$(grep -c 'resource busy' <<<"$output")" 1
    run -0 zcdma probe
    assert_output --partial '/dev/zcdma0 coherent: set up'
}

@test "probe: without a path, the device is among the mappings" {
    run -0 --separate-stderr zcdma probe --json
    jq -e '[.mappings[].model] | map(select(.)) == ["coherent", "pages", "compound", "scatter"]' <<<"$output"
}

@test "probe: who may only read is told why registered buffers are not tried" {
    copy_for_all
    chmod 0644 /dev/zcdma0
    # Before Linux 5.16 a user may lock 64 KiB, and the least ring of that device is twice as large.
    run -0 --separate-stderr prlimit --memlock=8388608 \
        setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
        "$ZCDMA" probe /dev/zcdma0 --json
    chmod 0600 /dev/zcdma0
    jq -e '.mappings[2] | .vmsplice.answer == "works"' <<<"$output"
    if registers; then
        jq -e '.mappings[2].registered.answer == "untried"' <<<"$output"
    fi
}

@test "disk: without ublk_drv it says what would help" {
    [[ ! -e /dev/ublk-control ]] || skip 'this kernel has ublk_drv'
    run -3 --separate-stderr zcdma disk 127.0.0.1:1
    [[ $stderr == *'ublk_drv is not there'*'modprobe ublk_drv'*'nbd-client'* ]] || fail "$stderr"
}
