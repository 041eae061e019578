#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# capture: files that it writes: the data, with and without the page cache, and manifests.
# shellcheck disable=SC2016,SC2094 # scripts for another shell; files that are read only

load common
load capture

#
# Files
#

@test "capture: -o FILE, over what was there, the report on standard output" {
    zcdma capture -q sim: --bytes 100001 >expected
    head -c 300000 /dev/zero >data
    run -0 --separate-stderr zcdma capture --bytes 100001 -o data sim:
    cmp expected data
    assert_line --regexp '^  captured +97.66 KiB to data in '
    assert_equal "$stderr" ''
}

@test "capture: a manifest or metadata of what --path=null discards is refused" {
    local option
    for option in --manifest=m --sigmf=type=ri8; do
        run -2 --separate-stderr zcdma capture sim: -o out --bytes 1M --path=null "$option"
        assert_equal "$stderr" "zcdma capture: ${option%%=*} describes data that is kept, and --path=null discards it
  to measure without a disk, use -o /dev/null"
    done
    [[ ! -e out && ! -e m ]]
}

@test "capture: data on standard output, the report on standard error" {
    zcdma capture --bytes 100001 sim: >data 2>report
    assert_equal "$(stat -c %s data)" 100001
    grep -Eq '^  captured +97.66 KiB to standard output in ' report
    zcdma capture --json --bytes 100001 sim: >data 2>report
    assert_equal "$(value captured_bytes) $(stat -c %s data)" '100001 100001'
}

@test "capture: --path=splice and sendfile into a file; vmsplice cannot" {
    local path
    zcdma capture -q sim: --bytes 3000001 >expected
    for path in splice sendfile; do
        zcdma capture -q --path "$path" --bytes 3000001 -o data sim:block=64K,blocks=2
        cmp expected data
    done
    run -2 --separate-stderr zcdma capture --path vmsplice --bytes 1M -o data sim:
    assert_equal "$stderr" \
        "zcdma capture: path vmsplice to $PWD/data: it is not a socket or a pipe
  choose a path that goes anywhere: --path=copy"
}

@test "capture: --direct, whatever the length, writes what is written without it" {
    local n
    need_direct
    zcdma capture -q sim: --bytes 3M >all
    for n in 1 511 4095 4096 4097 1048577 2999999; do
        zcdma capture -q --bytes "$n" --direct -o data sim:
        head -c "$n" all | cmp - data
    done
    # Blocks of odd lengths, from a pipe: all of it goes past the page cache, the end too.
    head -c 2999999 all >odd
    { head -c 5000 odd && sleep 0.1 && tail -c +5001 odd; } | zcdma capture --json --direct -o data - >report
    cmp odd data
    assert_equal "$(value direct_bytes) $(value captured_bytes)" '2999999 2999999'
    (($(value gathered_bytes) > 0 && $(value gathered_bytes) <= 2999999))
    dd if=odd bs=777 status=none | zcdma capture -q --direct --manifest m -o data -
    cmp odd data
    zcdma verify -q --manifest m data
    # What a writer that waits has written is there, but for less than 4096 bytes.
    mkfifo pipe
    exec 8<>pipe
    "$ZCDMA" capture -q --direct -o slow - <pipe 3>&- 8<&- &
    PIDS+=($!)
    head -c 10000 all >&8
    until_true 20 eval '(($(stat -c %s slow 2>/dev/null) == 8192))'
    exec 8<&-
    wait_exit $!
    head -c 10000 all | cmp - slow
}

@test "capture: --direct --depth N: several writes at a time, or one where io_uring is refused, as it says" {
    local depth
    need_direct
    for depth in 1 2 16; do
        zcdma capture --json --bytes 9999999 --direct --depth $depth -o data sim:blocks=4,block=64K >report
        zcdma verify -q --bytes 9999999 data
        (($(value depth) <= depth))
    done
    run -0 --separate-stderr "$TOOLS/deny" io-uring "$ZCDMA" capture --json --direct --depth 8 --bytes 1M -o data sim:
    assert_equal "$(jq -r .depth <<<"$output")" 1
    assert_regex "$(jq -r '.notes[0]' <<<"$output")" '^--depth: one write at a time: io_uring is '
    zcdma verify -q --bytes 1M data
    run -2 --separate-stderr zcdma capture --depth 8 --bytes 1M -o data sim:
    assert_equal "$stderr" 'zcdma capture: --depth: the page cache is written to at once
  add --direct'
    run -2 --separate-stderr zcdma capture --direct --depth 129 --bytes 1M -o data sim:
    assert_equal "$stderr" 'zcdma capture: --depth 129: at most 128'
}

@test "capture: --direct to a full disk: an error, and no byte more than there is" {
    unshare -rm mount -t tmpfs none . 2>/dev/null || skip 'no file system can be mounted here'
    run --separate-stderr unshare -rm sh -c 'mount -t tmpfs -o size=1M none . && cd . &&
        dd if=/dev/zero of=try oflag=direct bs=4096 count=1 2>/dev/null && rm try || exit 77
        seq 999999 | "$0" capture --json --direct --depth 4 -o data -; s=$?; stat -c %s data >&2; exit $s' "$ZCDMA"
    ((status != 77)) || skip 'no tmpfs with O_DIRECT (Linux 6.6) can be mounted'
    assert_equal "$status" 1
    assert_equal "$(jq -r '.captured_bytes' <<<"$output")" "${stderr_lines[-1]}"
    assert_regex "$(jq -r '.error.message' <<<"$output")" '^write to .*/data: No space left on device$'
}

# A write that is begun, or bytes that are gathered for one, are not written yet.
@test "capture: --direct to a full disk: what counts, and is in the manifest, is written" {
    local depth source
    need_direct
    for source in sim: -; do
        for depth in 1 4; do
            run -1 --separate-stderr bash -c 'seq 999999 | (ulimit -f 2560; "$@")' - "$ZCDMA" capture --json \
                --bytes 5M -o data --direct --depth $depth --manifest m $source
            assert_equal "$(jq -r .error.message <<<"$output")" "write to $PWD/data: File too large"
            assert_equal "$(jq .captured_bytes <<<"$output")" "$(stat -c %s data)"
            assert_equal "$(jq .blocks <<<"$output")" "$(grep -vc '^#' m)"
            assert_equal "$(jq .last_seq <<<"$output")" "$(grep -v '^#' m | tail -n 1 | cut -d ' ' -f 1)"
            run -1 --separate-stderr zcdma verify --json --manifest m data
            assert_equal "$(jq -r '"\(.result) \(.missing_bytes)"' <<<"$output")" 'incomplete 0'
        done
    done
}

@test "capture: --direct really is O_DIRECT" {
    local how flags
    need_direct
    for how in '' --direct; do
        rm -f pipe data
        mkfifo pipe
        exec 8<>pipe
        # shellcheck disable=SC2086 # empty is no option
        "$ZCDMA" capture -q $how -o data - <pipe 3>&- 8<&- &
        CAPTURE=$!
        PIDS+=("$CAPTURE")
        head -c 4096 /dev/zero >&8
        until_true 30 has_data data
        flags+=" $(open_flags "$CAPTURE" data)"
        exec 8<&-
        wait_exit "$CAPTURE"
    done
    # shellcheck disable=SC2086
    set -- $flags
    assert_equal "$#" 2
    # 0200000 on Arm and PowerPC, 040000 elsewhere.
    [[ $((8#$1 ^ 8#$2)) == $((8#40000)) || $((8#$1 ^ 8#$2)) == $((8#200000)) ]]
}

@test "capture: --direct without -o, or where the file system cannot" {
    run -2 --separate-stderr zcdma capture --direct --bytes 1M sim:
    assert_equal "$stderr" 'zcdma capture: --direct needs a file: -o FILE'

    mkdir ram
    unshare -rm mount -t ramfs none ram || skip 'no file system without O_DIRECT can be mounted'
    run -3 --separate-stderr unshare -rm sh -c \
        'mount -t ramfs none ram && exec "$0" capture --direct -o ram/data --bytes 1M sim:' "$ZCDMA"
    assert_equal "$stderr" "zcdma capture: open ram/data with O_DIRECT: its file system cannot
  leave out --direct, or choose another file system"
}

@test "capture: --direct is for the path that sees to alignment" {
    run -2 --separate-stderr zcdma capture --direct --path=splice --bytes 1000001 -o data sim:
    assert_equal "$stderr" 'zcdma capture: --direct is for --path=copy, and not for --path=splice'
}

@test "capture: --manifest has a line per block, and verify agrees" {
    run -0 zcdma capture --bytes 200001 -o data --manifest data.xxh sim:block=64K
    assert_line --regexp '^  manifest +data.xxh$'
    run -0 awk '!/^#/ { print $1, $2, $3 }' data.xxh
    assert_output '0 0 65536
1 65536 65536
2 131072 65536
3 196608 3393'
    assert_equal "$(tail -n 1 data.xxh)" '# end 4 200001'
    run -0 --separate-stderr zcdma verify --json --manifest data.xxh data
    assert_equal "$(jq -c '[.blocks_good, .blocks_expected, .blocks]' <<<"$output")" '[4,4,4]'
    run -2 --separate-stderr zcdma capture --path splice --manifest m --bytes 1M sim:
    assert_equal "$stderr" 'zcdma capture: --manifest reads the data, which --path=splice does not'
}

@test "capture: a manifest on the data of a pipe" {
    set -o pipefail
    any_bytes 3000000 >data
    dd if=data bs=7777 status=none | zcdma capture -q --manifest data.xxh - | cmp data -
    zcdma verify -q --manifest data.xxh data
}

@test "capture: what cannot be done leaves a file that is there alone" {
    echo precious >data
    run -2 zcdma capture --bytes 1M --path vmsplice -o data sim:
    assert_equal "$(cat data)" precious
    run -2 zcdma capture --bytes 1M -o data --manifest nowhere/data.xxh sim:
    assert_equal "$(cat data)" precious
    run -2 zcdma capture --bytes 1M -o data sim:block=5
    assert_equal "$(cat data)" precious
}

# stop_early SIGNAL STATUS OPTION...: capture to a file that has data, with a manifest that has some, and to a file that is
# not there, from a source that has no data yet, which descriptor 7 keeps open; end it, and look at the files.
stop_early() {
    local capture
    echo precious | tee data >data.xxh
    "$ZCDMA" capture -o data -o new --manifest data.xxh "${@:3}" <&7 >out 2>err 3>&- &
    capture=$!
    PIDS+=("$capture")
    until_true 20 has_file new || fail "no file: $(cat err)"
    until_true 20 handles "$capture" "$1"
    until_true 20 waits "$capture"
    kill "-$1" "$capture"
    wait_exit "$capture" "$2"
    assert_equal "$(cat data data.xxh)" $'precious\nprecious'
    assert [ ! -e new ]
    has_line err 'no data came: data is as it was before$' || fail "$(cat err)"
    has_line err 'no data came: new was not made$' || fail "$(cat err)"
}

has_file() {
    [[ -e $1 ]]
}

# waits PID: it sleeps, as it waits for data.
waits() {
    has_line "/proc/$1/status" '^State:[[:space:]]S'
}

@test "capture: SIGUSR2 without --trigger ends no run, with and without data" {
    local where sender
    zcdma capture -q sim: --bytes 256K -o whole
    listen_as capture "$ZCDMA" capture tcp:127.0.0.1:0 -o new --manifest new.xxh \
        --then 'grep SigIgn /proc/self/status >ignored; :'
    kill -USR2 "$LISTENER"
    mkfifo data
    exec 7<>data
    "$ZCDMA" zcsend -q "$WHERE" - <data 3>&- 7<&- &
    sender=$!
    PIDS+=("$sender")
    head -c 128K whole >&7
    until_true 20 has_data new
    until_true 20 handles "$sender" USR1
    kill -USR2 "$sender" "$LISTENER"
    tail -c 128K whole >&7
    exec 7<&-
    wait_exit "$sender"
    wait_exit "$LISTENER"
    zcdma verify -q --bytes 256K --manifest new.xxh new
    # What --then runs does not ignore it.
    where=$(sed -n 's/^SigIgn:\t//p' ignored)
    assert_equal $((0x$where >> ($(kill -l USR2) - 1) & 1)) 0
}

@test "capture: a signal before the first data leaves what is there alone" {
    mkfifo idle
    exec 7<>idle
    stop_early INT 130 -
    stop_early TERM 143 tcp:127.0.0.1:0
    stop_early HUP 129 tcp:127.0.0.1:0,framed
    stop_early INT 130 udp:127.0.0.1:0
    stop_early TERM 0 udp:127.0.0.1:0
    # With --split no name is taken.
    listen_as split "$ZCDMA" capture -o 'part-%N' --split 1M tcp:127.0.0.1:0
    kill -TERM "$LISTENER"
    wait_exit "$LISTENER" 143
    run ! compgen -G 'part-*'
    need_direct
    stop_early TERM 143 tcp:127.0.0.1:0 --direct --depth 2
}

@test "capture: a source that ends without data is an empty recording" {
    local option
    for option in --no-sync --manifest=data.xxh; do
        echo precious | tee data >data.xxh
        zcdma capture -q -o data "$option" - </dev/null
        assert [ ! -s data ]
    done
    run -0 tail -n 1 data.xxh
    assert_output '# end 0 0'
    echo precious >data
    mkfifo idle
    zcdma capture -q -o data --seconds 0.1 - 7<>idle <&7
    assert [ ! -s data ]
}

@test "capture: the source is not overwritten by itself" {
    local sentence='it is the source itself'
    echo precious >data
    run -2 --separate-stderr zcdma capture -o data file:data
    assert_equal "${stderr_lines[0]}" "zcdma capture: write to data: $sentence"
    run -2 --separate-stderr zcdma capture -o data - <data
    assert_equal "${stderr_lines[0]}" "zcdma capture: write to data: $sentence"
    run -2 --separate-stderr eval 'zcdma capture data >>data'
    assert_equal "$stderr" "zcdma capture: write to standard output: $sentence"
    run -2 --separate-stderr zcdma capture -o other --manifest data data
    assert_equal "${stderr_lines[0]}" "zcdma capture: --manifest data: $sentence"
    assert_equal "$(cat data)" precious
}

@test "capture: nor are packets, by any way to name them" {
    local two=$BATS_TEST_DIRNAME/../data/two.pcapng
    cp "$two" a
    ln a b
    for source in pcap:a pcap:a,payload pcap:./b pcap:- -; do
        run -2 zcdma capture $source -o b <a
        assert_output --partial ': it is the source itself'
        run -2 eval 'zcdma capture $source -q <a >>b'
        run -2 zcdma capture $source -o other --manifest b <a
        assert_output --partial -- '--manifest b: it is the source itself'
        cmp a "$two"
    done
}

# What a pipe brings may come from the file too. It is more than the pipe holds, so its writer is seen.
@test "capture: nor is the source of the program at the other end of the pipe" {
    any_bytes 3000000 >data
    cp data a
    for how in auto never; do
        run -2 --separate-stderr eval \
            'zcdma capture -q --handover=$how a | zcdma capture -q --handover=$how - -o a; exit "${PIPESTATUS[1]}"'
        assert_regex "$stderr" 'capture: write to a: (it is the source|zcdma .process [0-9]+., which writes to the pipe)'
        cmp a data
    done
    for output in '-o a' '-o b --manifest a' '>>a'; do
        run -2 --separate-stderr eval "cat a | zcdma capture -q - $output"'; exit "${PIPESTATUS[1]}"'
        assert_regex "$stderr" ' (a|standard output): cat .process [0-9]+., which writes to the pipe, has it open to read'
        cmp a data
    done
    # The same two pipes away; and a writer that writes to the file does not read it.
    run -2 --separate-stderr eval 'cat a | cat | zcdma capture -q - -o a; exit "${PIPESTATUS[2]}"'
    cmp a data
    { zcdma capture -q data; } 2>>log | zcdma capture -q -o log -
    cmp log data
}

@test "capture: a manifest is not written over the data" {
    run -2 --separate-stderr zcdma capture --bytes 1M -o data --manifest ./data sim:
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --manifest ./data: it is the same as -o data'
    run -2 --separate-stderr eval 'zcdma capture --bytes 1M --manifest data sim: >>data'
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --manifest data: it is the same as standard output'
    run -2 --separate-stderr eval 'zcdma capture --bytes 1M --manifest - sim: | cat; exit "${PIPESTATUS[0]}"'
    assert_equal "${stderr_lines[0]}" 'zcdma capture: --manifest /dev/stdout: it is the same as standard output'
}

@test "capture: the report is not mixed into the data, whatever names standard output" {
    local output
    for output in '' '-o -' '-o /dev/stdout' '-o /proc/self/fd/1' '-o data'; do
        # shellcheck disable=SC2086 # empty is no option
        zcdma capture --bytes 100001 sim: $output >data 2>report
        zcdma verify -q --bytes 100001 data
        grep -q 'captured   97.66 KiB to standard output' report
    done
    # What stands in front stays.
    { echo first && zcdma capture -q --bytes 8 sim: -o /dev/stdout; } >data
    assert_equal "$(stat -c %s data)" 14
    [[ ! -e ./- ]]
    run -0 eval 'zcdma capture --bytes 1M sim: -o data --manifest - 2>report'
    assert_output --regexp '^# zcdma manifest 2.*# end 1 1048576$'
    run -2 eval 'zcdma capture --bytes 1M sim: 2>&1 | tail -n +1; exit "${PIPESTATUS[0]}"'
    assert_output --partial 'standard error is the output itself'
    zcdma capture -q --bytes 1M sim: 2>&1 | zcdma verify -q --bytes 1M -
}

@test "capture: what is reported as done is on the disk" {
    run -0 --separate-stderr zcdma capture --json --bytes 1M sim: -o data --manifest m
    jq -e '.synced and .sync_seconds > 0' <<<"$output"
    for options in '-o data' '-o data --manifest m' '>data'; do
        run -1 --separate-stderr eval '"$TOOLS/deny" fsync "$ZCDMA" capture --bytes 1M sim: '"$options"
        assert_regex "${stderr_lines[0]}" '^zcdma capture: sync (data|standard output): No space left on device$'
    done
    run ! grep '^# end' m
    run -0 --separate-stderr "$TOOLS/deny" fsync "$ZCDMA" capture --json --bytes 1M sim: -o data --no-sync
    jq -e '.synced == false and .sync_seconds == 0' <<<"$output"
    # What has nothing to sync is not asked to.
    "$TOOLS/deny" fsync "$ZCDMA" capture -q --bytes 1M sim: | zcdma verify -q --bytes 1M -
    "$TOOLS/deny" fsync "$ZCDMA" capture -q --bytes 1M sim: -o /dev/null
}

@test "capture: the manifest of a recording that failed has no last line" {
    run -1 eval 'ulimit -f 2000; zcdma capture -q --bytes 10M sim: -o data --manifest m'
    run -0 grep -c '^[0-9]' m
    run -1 grep '^# end' m
}

@test "capture: a signal does not excuse a disk that is full" {
    command -v "${CC:-cc}" >/dev/null || skip "${CC:-cc} is not installed"
    ! grep -q libasan <(ldd "$ZCDMA") || skip 'the address sanitizer wants to be the first library'
    "${CC:-cc}" -O1 -shared -fPIC -o full_disk.so "$TOP/tests/tools/preload/full_disk.c"
    run -1 --separate-stderr env LD_PRELOAD=./full_disk.so "$ZCDMA" capture sim: --bytes 64M -o data --manifest m \
        --then 'touch ran' --no-sync
    assert_regex "$stderr" 'zcdma capture: write to .*/data: No space left on device'
    assert_equal "$(grep -c '^# end' m) $(compgen -G ran)" '0 '
    # Nor where files are cut.
    run -1 --separate-stderr env LD_PRELOAD=./full_disk.so "$ZCDMA" capture sim: --bytes 64M -o 's-%N' --split 2M \
        --then 'touch ran' --no-sync
    assert_regex "$stderr" 'No space left on device'
    assert_equal "$(stat -c %s s-000001) $(compgen -G 's-*' | wc -l)" '2097152 2'
}
