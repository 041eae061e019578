#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The Python package, by unittest (tests/python), with Debian's python3 and numpy.

load common

setup() {
    cd "$TOP/tests/python" || return
    local build=${BUILD:-build}
    PYTHON=/usr/bin/python3
    [[ -x $PYTHON ]] || PYTHON=$(command -v python3) || skip 'there is no python3'
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip 'python3 is older than 3.10'
    "$PYTHON" -c 'import numpy' || skip 'python3 has no numpy'
    [[ $build == /* ]] || build=$TOP/$build
    export LD_LIBRARY_PATH=$build PYTHONPATH=$TOP/lib/python PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1 ZCDMA
    # python3 is not built with the sanitizers. What it leaks itself is not the library's.
    if [[ $build == *-san ]]; then
        LD_PRELOAD=$("${CC:-cc}" -print-file-name=libasan.so) ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
        export LD_PRELOAD ASAN_OPTIONS
    fi
}

# tests MODULE: all of them.
tests() {
    run -0 "$PYTHON" -m unittest "$1"
    assert_output --regexp $'\nOK'
}

@test "python: structures, constants and functions are those of the headers" {
    command -v "${CC:-cc}" >/dev/null || skip 'there is no C compiler'
    tests test_layout
}

@test "python: a block goes back when its last use ends, and not before" {
    tests test_blocks
}

@test "python: senders consume blocks, and waits end in time" {
    tests test_senders
}

@test "python: forks, ends of the interpreter, bench, and the programs of zcdma-python(3)" {
    tests test_process
}
