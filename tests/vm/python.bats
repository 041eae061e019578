#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The Python package and the driver: tests/python/test_device.py, with the host's python3.
# shellcheck disable=SC2154 # what run sets

load ../bats/common

@test "python: from the driver, a block is not filled again while a view of it lives" {
    local python=/usr/bin/python3
    [[ -x $python ]] || skip 'the host has no python3'
    cd "$TOP/tests/python" || return
    DEVICE=/dev/zcdma0 LD_LIBRARY_PATH=${ZCDMA%/*}/build PYTHONPATH=$TOP/lib/python PYTHONDONTWRITEBYTECODE=1 \
        run -0 "$python" -m unittest -v test_device
    assert_output --regexp $'Ran 2 tests.*\nOK$'
}
