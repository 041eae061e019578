#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run fuzz targets under libFuzzer, with the sanitizers, for some time each: run.sh SECONDS [NAME...]. What a run
# learns stays in build-fuzz/corpus/NAME. Needs clang and its libFuzzer.
set -u
cd "$(dirname "$0")/../.." || exit 2

seconds=${1:?} status=0
shift
clang=${CLANG:-clang}
probe=$(mktemp)
trap 'rm -f "$probe"' EXIT
if ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return !d && n; }' |
    "$clang" -fsanitize=fuzzer,address -x c -o "$probe" - 2>/dev/null; then
    echo "fuzz: $clang with libFuzzer is not installed (Debian: clang, libclang-rt-14-dev)" >&2
    exit 2
fi
if ((!$#)); then
    mapfile -t names < <(basename -as .c tests/fuzz/fuzz_*.c)
    set -- "${names[@]}"
fi
make -s FUZZ=1 CC="$clang" "${@/#/build-fuzz/fuzz/}" || exit 2
for name; do
    corpus=build-fuzz/corpus/$name
    if [[ ! -d $corpus ]]; then
        mkdir -p "$corpus"
        # What is kept of earlier runs, and the seeds that the target names.
        cp -t "$corpus" "tests/fuzz/corpus/$name"/* 2>/dev/null
        grep -o '"tests/data/[^"]*"' "tests/fuzz/$name.c" | tr -d '"' | xargs -r cp -t "$corpus"
    fi
    echo "# $name, $seconds s"
    "build-fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=20 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/$name-" "$corpus" >"build-fuzz/$name.log" 2>&1 || {
        echo "not ok - $name: see build-fuzz/$name.log"
        status=1
        continue
    }
    echo "ok - $name: $(sed -n 's/stat::number_of_executed_units: *//p' "build-fuzz/$name.log") inputs"
done
exit $status
