#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/includes.sh finds what it is for. It reads a copy of the sources, which each test spoils.

load common

setup() {
    command -v git >/dev/null || skip 'git is not installed'
    (cd "$TOP" && cp -r --parents -t "$BATS_TEST_TMPDIR" cmd lib kmod tests/includes.sh)
    cd "$BATS_TEST_TMPDIR" || return
    git init -q
}

# include FILE NAME: let FILE include it, and check.
include() {
    sed -i "1a#include \"$2\"" "$1"
    git add .
    run tests/includes.sh
}

@test "includes: the tree has no circle but those that are known" {
    git add .
    run tests/includes.sh
    assert_success
}

@test "includes: a circle of files is found, in cmd, lib and kmod" {
    include cmd/cli/clock.h cli/suggest.h
    assert_success
    include cmd/cli/suggest.h cli/clock.h
    assert_failure 1
    assert_line --partial cmd/cli/clock
    assert_line --partial cmd/cli/suggest
    include lib/util/budget.h internal.h
    include lib/internal.h util/budget.h
    assert_line --partial lib/util/budget
    include kmod/work.h account.h
    include kmod/account.h work.h
    assert_failure 1
    assert_line --partial kmod/account
}

@test "includes: one against the direction is found" {
    include cmd/main.c ../lib/internal.h
    assert_failure 1
    assert_line 'include: cmd/main.c: lib/internal.h is against the direction'
    include lib/ctx.c ../cmd/applet.h
    assert_line 'include: lib/ctx.c: cmd/applet.h is against the direction'
    include kmod/device.c ../lib/internal.h
    assert_line 'include: kmod/device.c: lib/internal.h is against the direction'
    include lib/include/zcdma.h ../internal.h
    assert_line 'include: lib/include/zcdma.h: lib/internal.h is against the direction'
}
