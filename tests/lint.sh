#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Check the style of C, shell and man pages, and the spelling, with the tools that are there; `make lint` runs it.
set -u
cd "$(dirname "$0")/.." || exit 2
status=0

# lint TOOL COMMAND...: run it where the tool is installed, else say that it was skipped.
lint() {
    if command -v "$1" >/dev/null; then
        shift
        "$@" || status=1
    else
        echo "skipped, as it is not installed: $1"
    fi
}

# Drivers follow the kernel's own style, which checkpatch.pl checks.
mapfile -t c_files < <(git ls-files '*.c' '*.h' ':!kmod' ':!tests/vm/iio')
mapfile -t shell_files < <(git ls-files '*.sh' '*.bash' .ci/run)
mapfile -t bats_files < <(git ls-files '*.bats')
mapfile -t text_files < <(git ls-files ':!tests/data' ':!tests/fuzz/corpus')
read -ra man_files <<<"${MAN:?the pages, as make builds them}"

lint clang-format clang-format --dry-run -Werror "${c_files[@]}"
lint shellcheck shellcheck -x "${shell_files[@]}"
lint shellcheck shellcheck -s bash -e SC1091,SC2154,SC2030,SC2031,SC2314,SC2002,SC2153 "${bats_files[@]}"
# Left out: macros of mdoc, names in the tree and in V4L2, and pieces of words that tests look for.
lint codespell codespell --ignore-words-list fo,nd,thow,copie,inflight,inout,keep-alives,parm \
    "${text_files[@]}"
lint mandoc mandoc -Tlint -W warning "${man_files[@]}"
tests/includes.sh || status=1
exit "$status"
