#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only

load common

# A receiver that reads late: it is stopped while the sender runs to its end, with less data than the
# receiver's kernel takes. Its queue then refers to the sender's pages, as nothing was read.
late() {
    receiver --bytes 60K
    kill -STOP "$RECEIVER"
    zcdma vmsplice "$TO" sim:blocks=2,block=4K --bytes 60K -q "$@"
    kill -CONT "$RECEIVER"
}

@test "vmsplice: what is sent arrives" {
    receiver --bytes 256M
    run -0 --separate-stderr zcdma vmsplice "$TO" sim: --bytes 256M --json
    received
    jq -e '.path == "vmsplice" and .replaced_blocks == 256 and .copied_bytes == 0' <<<"$output"
}

@test "vmsplice: the receiver reads late, and the data is right all the same" {
    for path in vmsplice splice sendfile; do
        late --path=$path
        received
    done
}

@test "vmsplice: --unsafe-reuse shows what goes wrong without giving pages away" {
    for path in vmsplice splice sendfile; do
        late --path=$path --unsafe-reuse
        received 1
        # Every byte came, but later data stands where the first block's should.
        grep -q 'differs at offset 0: \(overwritten data\|a gap\)' receiver.err
        grep -q 'received  *60.00 KiB' receiver.out
    done
}

@test "vmsplice: blocks of any size, huge pages or not" {
    receiver --streams 5 --bytes 48M
    for spec in block=2M block=4K,blocks=100 block=12K block=64K,blocks=256 block=1M,blocks=1; do
        zcdma vmsplice "$TO" sim:$spec --bytes 48M -q
    done
    received
}

@test "vmsplice: what is on standard input is spliced, without user memory" {
    zcdma capture sim: --bytes 10000001 -o run.bin -q
    receiver --streams 2 --bytes 10000001
    run -0 --separate-stderr bash -c "cat run.bin | '$ZCDMA' vmsplice $TO --json"
    jq -e '.path == "splice" and .ring_blocks == 0' <<<"$output"
    cat run.bin | zcdma vmsplice "$TO" --path=vmsplice -q
    received
}

@test "vmsplice: a seccomp profile against it is named, with the paths that work" {
    receiver --streams 2
    run -3 "$TOOLS/deny" vmsplice "$ZCDMA" vmsplice "$TO" sim: --bytes 1M
    [[ $output == *"vmsplice"*"Operation not permitted"*"--path=copy"* ]]
    run -0 "$TOOLS/deny" vmsplice "$ZCDMA" vmsplice "$TO" sim: --bytes 1M --path=splice
}

# A library that copies in place of vmsplice(), as sandboxes do.
make_copying_vmsplice() {
    command -v "${CC:-cc}" >/dev/null || skip "${CC:-cc} is not installed"
    cat >copying.c <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/uio.h>
ssize_t vmsplice(int fd, const struct iovec *iov, size_t n, unsigned flags)
{
    return pwritev2(fd, iov, n, -1, flags & SPLICE_F_NONBLOCK ? RWF_NOWAIT : 0);
}
C
    "${CC:-cc}" -shared -fPIC -o copying.so copying.c
    export ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS
}

@test "vmsplice: where the kernel copies in vmsplice(), the report and probe say so" {
    make_copying_vmsplice
    receiver
    run -0 env LD_PRELOAD=./copying.so "$ZCDMA" vmsplice "$TO" sim: --bytes 1M --json
    received
    jq -e '.kernel_copies == 1 and .copied_bytes == .sent_bytes and
        (.copies_reason | test("vmsplice\\(\\) copies"))' <<<"$output"
    run -0 env LD_PRELOAD=./copying.so "$ZCDMA" probe --json
    jq -e '.mappings[] | select(.mapping == "anonymous").vmsplice |
        .answer == "works" and (.text | test("copie"))' <<<"$output"
}

# Fresh pages on a disk that others fill: tests/unit/test_ring_file.c.
@test "vmsplice: a ring in a file on a full disk is an error, and no SIGBUS" {
    unshare -rm true 2>/dev/null || skip 'no user namespaces here'
    # shellcheck disable=SC2016 # for the shell inside
    ZCDMA=$ZCDMA run unshare -rm bash -c '
        mount -t tmpfs -o size=4M tmpfs . || exit 77
        cd "$PWD" && TMPDIR=$PWD exec "$ZCDMA" capture -q sim:memory=file,block=64K,blocks=256 --bytes 16M -o /dev/null'
    ((status != 77)) || skip "no file system can be mounted here: $output"
    ((status == 2)) || fail "status $status: $output"
    assert_output --partial "memory=file: file in $PWD: No space left on device"
    assert_output --partial 'set TMPDIR'
}
