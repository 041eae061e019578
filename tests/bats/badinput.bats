#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Bad input: wrong words, files that are not what they should be, sizes at the edge. One clear error, the right
# exit status, and what was there stays intact.
# shellcheck disable=SC2016 # scripts for another shell

load common
load trouble

#
# Words
#

@test "addresses that are none: one sentence, and how to write it" {
    local port='a port is a number from 0 to 65535, or the name of a service' applet
    for applet in zcsend vmsplice copysend; do
        failed 2 "zcdma $applet: address 'host': it has no port" 'write host:PORT, as in host:9000' \
            zcdma "$applet" host sim:
        failed 2 "zcdma $applet: address '::1:9000': an IPv6 address must be in brackets" \
            'write [::1]:9000' zcdma "$applet" ::1:9000 sim:
        failed 2 "zcdma $applet: address 'h:99999': '99999' is not a port" "$port" \
            zcdma "$applet" h:99999 sim:
        failed 2 "zcdma $applet: address '[::1:9': ']' is missing" 'write it as in [::1]:9000' \
            zcdma "$applet" '[::1:9' sim:
    done
    failed 2 "zcdma verify: address 'h:x y': 'x y' is not a port" "$port" zcdma verify --listen 'h:x y'
    failed 2 "zcdma verify: address '::1:9': an IPv6 address must be in brackets" 'write [::1]:9' \
        zcdma verify --listen ::1:9
}

@test "an address that is none: nothing is said of the source before" {
    failed 2 "zcdma zcsend: address 'host': it has no port" 'write host:PORT, as in host:9000' \
        zcdma zcsend host </dev/null
}

@test "a receiver that was forgotten, or is not named first" {
    local applet spec
    printf data >a.bin
    for applet in zcsend vmsplice copysend; do
        for spec in sim: sim:blocks=2 dev: file:a.bin a.bin ./no-such - tcp::9000 pcap:lo; do
            failed 2 "zcdma $applet: receiver '$spec': it is a source" \
                "name a receiver first: zcdma $applet HOST:PORT $spec" zcdma "$applet" "$spec"
        done
    done
    failed 2 "zcdma zcsend: receiver 'sim:': it is a source" \
        'name the receiver first: zcdma zcsend host:9000 sim:' zcdma zcsend sim: host:9000
    failed 2 "zcdma zcsend: receiver 'tcp:host:9000': it is a source" \
        'write host:9000: an address of TCP has no prefix' zcdma zcsend tcp:host:9000 sim:
    # A host may have such a name, and a file the name of a host.
    failed 2 "zcdma zcsend: address 'sim:99999': '99999' is not a port" \
        'a port is a number from 0 to 65535, or the name of a service' zcdma zcsend sim:99999 sim:
    failed 2 "zcdma zcsend: address 'a.bin': it has no port" 'write a.bin:PORT, as in a.bin:9000' \
        zcdma zcsend a.bin sim:
}

@test "nothing is sent to port 0" {
    local to
    for to in 127.0.0.1:0 udp:127.0.0.1:0 127.0.0.1:00,framed,retry=forever; do
        failed 2 'zcdma copysend: address 127.0.0.1: port 0 cannot be sent to' \
            'give the port that the receiver listens on' zcdma copysend "$to" sim: --bytes 1M
    done
}

@test "source= of what cannot be a sender, or not one to that address" {
    local host other source
    while read -r host other; do
        failed 2 "zcdma capture: listen on ${host//[][]/} port 0: source=$other is not of the same family" \
            'give an IPv4 address with an IPv4 address, or IPv6 with IPv6' \
            zcdma capture "udp:$host:0,source=$other" -o out
    done <<'END'
127.0.0.1 ::1
239.1.2.3 ::1
END
    for source in 0.0.0.0 239.1.2.3 ff02::1 ::; do
        failed 2 "zcdma capture: source udp::0,source=$source: source=$source is not valid" \
            'source= takes the IP address of a sender, as in 10.0.0.5' \
            zcdma capture "udp::0,source=$source" -o out
    done
    [ ! -e out ]
}

@test "xdp: of no interface" {
    failed 2 'zcdma capture: attach to nosuch0: No such device' 'list the interfaces: ip -brief link' \
        zcdma capture xdp:nosuch0 -o out
}

@test "xdp: a privilege that is missing is named before an MTU that is too large" {
    local user=()
    if ((EUID == 0)); then
        copy_for_all
        user=(setpriv --reuid=65534 --clear-groups --bounding-set -all)
    fi
    failed 2 'zcdma capture: attach to lo: Operation not permitted' \
        'start it with sudo, or take udp: instead, which needs no privilege' \
        "${user[@]}" "$ZCDMA" capture xdp:lo -o /dev/null
}

@test "xdp: a RLIMIT_MEMLOCK that is too small: one line with the hint" {
    local alone='ip link set lo mtu 1500 up && exec "$@"'
    unshare -n true 2>/dev/null || skip "no network of its own (unshare -n)"
    unshare -n sh -c "$alone" - "$ZCDMA" capture -q xdp:lo --seconds 0.1 -o out ||
        skip "this kernel or user attaches no XDP program"
    failed 2 'zcdma capture: attach to lo: No buffer space available' \
        'raise RLIMIT_MEMLOCK (ulimit -l), or give one queue=' \
        unshare -n sh -c "ulimit -l 64; $alone" - setpriv --bounding-set -ipc_lock "$ZCDMA" capture xdp:lo -o out
}

@test "a port that no service has the name of" {
    failed 2 'zcdma capture: look up port notaport: no service of TCP has that name' "give the port's number" \
        zcdma capture tcp::notaport -o out
    failed 2 'zcdma copysend: look up port notaport: no service of UDP has that name' "give the port's number" \
        zcdma copysend udp:127.0.0.1:notaport sim:
}

@test "a host that cannot be looked up" {
    namespaces -rn # without a network no name server is asked, or waited for
    run -2 --separate-stderr unshare -rn "$ZCDMA" zcsend no.such.invalid:9000 sim:
    assert_equal "${#stderr_lines[@]}" 2
    [[ ${stderr_lines[0]} == 'zcdma zcsend: look up no.such.invalid port 9000: '* ]]
    assert_equal "${stderr_lines[1]}" \
        '  check the name, or give the address'
}

@test "nobody listens: how to start a receiver" {
    failed 2 'zcdma copysend: connect to 127.0.0.1 port 1: Connection refused' \
        'start a receiver on that machine: zcdma verify --listen :1' \
        zcdma copysend 127.0.0.1:1 sim:
    run -2 --separate-stderr zcdma copysend --json 127.0.0.1:1 sim:
    assert_equal "$stderr" ''
    one_document 2
}

@test "to listen where that is not possible: a busy port, another machine's address" {
    receiver
    failed 2 "zcdma verify: listen on 127.0.0.1 port ${TO##*:}: Address already in use" \
        "find the program that listens there: ss -ltnp 'sport = :${TO##*:}'" zcdma verify --listen "$TO"
    failed 2 'zcdma verify: listen on 192.0.2.1 port 0: Cannot assign requested address' \
        'give an address of this machine, or listen on all: :0' \
        zcdma verify --listen 192.0.2.1:0
}

@test "to listen at a port that needs privilege" {
    unshare -rn true 2>/dev/null || skip 'no network namespace here, whose low ports another user may not have'
    # shellcheck disable=SC2016 # for the shell inside
    failed 2 'zcdma verify: listen on 127.0.0.1 port 80: Permission denied' \
        'take a higher port; net.ipv4.ip_unprivileged_port_start is the first that needs no CAP_NET_BIND_SERVICE' \
        unshare -rn sh -c 'ip link set lo up && exec unshare -U "$0" verify --listen 127.0.0.1:80' "$ZCDMA"
}

@test "--streams: none, too many" {
    failed 2 'zcdma verify: --streams 0: must be at least 1' '' zcdma verify --listen :0 --streams 0
    failed 2 'zcdma verify: --streams 2000: at most 1024' '' zcdma verify --listen :0 --streams 2000
}

@test "sim: with wrong options: which one, and what it takes" {
    local option takes
    while IFS='|' read -r option takes; do
        failed 2 "zcdma capture: source sim:$option: $option is not valid" "${option%%=*}= takes $takes" \
            zcdma capture -q "sim:$option" -o out
    done <<-'END'
	blocks=0|a number from 1 to 65536
	blocks=65537|a number from 1 to 65536
	blocks=99999999999999999999|a number from 1 to 65536
	blocks=-1|a number from 1 to 65536
	block=1000|a size that is a multiple of the page size, up to 1T
	block=0|a size that is a multiple of the page size, up to 1T
	block=99999999999G|a size that is a multiple of the page size, up to 1T
	rate=0|bytes per second, for example 360M
	fill=foo|always or once
	fill=|always or once
	END
    failed 2 'zcdma capture: source sim:foo=1: unknown option foo' \
        'sim: takes blocks=, block=, rate=, seed=, fill=, memory= and timeout=' zcdma capture sim:foo=1 -o out
    failed 2 'zcdma capture: source sim:timeout=1ms: timeout= is for a device with a rate' \
        'add rate=SIZE, or leave timeout= out' zcdma capture sim:timeout=1ms -o out
    run -2 --separate-stderr zcdma capture sim:seed=x -o out
    [[ $stderr == 'zcdma capture: source sim:seed=x: seed=x is not valid'$'\n'* ]]
    run -2 --separate-stderr zcdma capture sim:block -o out
    [[ $stderr == 'zcdma capture: source sim:block: block'* ]]
    [ ! -e out ]
    zcdma capture -q sim:timeout=1ms --rate 1M --bytes 1K -o out
}

@test "sim: with an empty option: the sentence does not end with nothing" {
    local spec
    for spec in 'sim:,' 'sim:blocks=1,' 'sim:blocks=1,,block=4K'; do
        run -2 --separate-stderr zcdma capture "$spec" -o out
        assert_equal "${#stderr_lines[@]}" 2
        refute_regex "${stderr_lines[0]}" '[ :]$'
    done
}

@test "a ring that is larger than the memory" {
    run -2 --separate-stderr zcdma capture sim:block=1T,blocks=65536 -o out
    assert_equal "${stderr_lines[0]}" \
        'zcdma capture: ring of 65536 blocks of 1099511627776 bytes: Cannot allocate memory'
    [[ ${stderr_lines[1]} == "  a ring may take half of this machine's memory: "* ]]
}

@test "--pattern means the same number to the writer and to the reader" {
    local seed
    for seed in 010 08 18446744073709551615; do
        zcdma capture -q sim: --pattern "$seed" --bytes 64K -o out
        zcdma verify -q --pattern "$seed" out
    done
}

@test "sources that are none" {
    mkdir folder
    mkfifo fifo
    local name=no-such-file
    failed 2 "zcdma capture: open $name: No such file or directory" '' zcdma capture $name -o out
    touch b.bin
    failed 2 "zcdma capture: open b.bin,foo=1M: No such file or directory" \
        'write file:b.bin, which takes pace=SIZE and no other option' zcdma capture file:b.bin,foo=1M -o out
    failed 2 "zcdma capture: open $name,foo: No such file or directory" '' zcdma capture $name,foo -o out
    failed 2 'zcdma copysend: open folder: Is a directory' '' zcdma copysend 127.0.0.1:1 file:folder
    failed 2 'zcdma capture: open fifo: it is a device or a pipe, not a file' 'in place of its name write: - < fifo' \
        zcdma capture file:fifo -o out
    failed 2 'zcdma capture: open /dev/zero: it is a device or a pipe, not a file' 'write read:/dev/zero' \
        zcdma capture file:/dev/zero -o out
    failed 2 'zcdma capture: source foo:bar: unknown kind of source' \
        'known are sim:[OPTIONS], dev:[PATH,OPTIONS], v4l2:[PATH,OPTIONS], iio:[PATH,OPTIONS], read:PATH[,OPTIONS], file:PATH, pcap:NAME[,OPTIONS], xdp:IFACE[,OPTIONS], tcp:[HOST]:PORT[,OPTIONS], udp:[HOST]:PORT[,OPTIONS] and - (standard input); for a file whose name has a colon write file:NAME' \
        zcdma capture foo:bar -o out
    [ ! -e out ]
}

@test "a source without a name: the sentence has no hole" {
    run -2 --separate-stderr zcdma capture file: -o out
    refute_regex "$stderr" 'open :'
    run -2 --separate-stderr zcdma capture '' -o out
    refute_regex "$stderr" 'open :'
}

@test "a file that may not be read" {
    local user=()
    echo secret >file
    chmod 000 file
    if ((EUID == 0)); then
        copy_for_all
        chmod 711 . # the folder above may still be closed to others
        user=(setpriv --reuid=65534 --clear-groups)
    fi
    run -2 --separate-stderr "${user[@]}" "$ZCDMA" verify "$PWD/file"
    assert_equal "$stderr" "zcdma verify: open $PWD/file: Permission denied"
}

@test "standard input that cannot be read: closed, for writing only, a folder" {
    local closed='read standard input: it is not open for reading' hint='name a source, for example sim: or file:PATH'
    failed 2 "zcdma verify: $closed" "$hint" bash -c '"$1" verify <&-' - "$ZCDMA"
    failed 2 "zcdma capture: $closed" "$hint" bash -c '"$1" capture - -o out 0>/dev/null' - "$ZCDMA"
    failed 2 'zcdma capture: read standard input: Is a directory' '' \
        bash -c '"$1" capture - -o out </' - "$ZCDMA"
    failed 2 'zcdma zcsend: read standard input: Is a directory' '' \
        bash -c '"$1" zcsend 127.0.0.1:1 </' - "$ZCDMA"
    [ ! -e out ]
}

@test "a device to splice from, a pipe to sendfile from: said before anybody is connected to" {
    failed 2 'zcdma copysend: splice from standard input: it is a device' \
        'choose a path that reads: --path=copy' \
        bash -c '"$1" copysend --path=splice 127.0.0.1:1 - </dev/zero' - "$ZCDMA"
    failed 2 'zcdma copysend: sendfile from standard input: it is not a file' \
        '--path=splice takes a pipe or a socket; receive=copy gives tcp: a file' \
        bash -c ': | "$1" copysend --path=sendfile 127.0.0.1:1 -' - "$ZCDMA"
}

@test "manifests that are none: which line, and why; and no verdict" {
    local name why
    zcdma capture -q sim:block=4K --bytes 40K -o data --manifest good
    head -c 4096 /dev/zero >zeros
    sed 's/^3 /x /' good >letters
    sed 's/^3 12288/3 12289/' good >offset
    echo more | cat good - >longer
    : >empty
    while IFS='|' read -r name why; do
        run -2 --separate-stderr zcdma verify --manifest "$name" data
        assert_equal "${stderr_lines[0]}" "zcdma verify: $why"
        refute_output --partial result
    done <<-'END'
	zeros|read manifest zeros: line 1: it is too long, cut short, or not text
	letters|read manifest letters: line 9: it is not 'SEQUENCE OFFSET LENGTH TIME DEVICE HAND-OVER NETWORK HASH'
	offset|read manifest offset: line 9: its offset is not where the block before ends
	longer|read manifest longer: line 18: nothing may follow the '# end ' line
	empty|read manifest empty: it is empty
	nowhere|open nowhere: No such file or directory
	.|open .: Is a directory
	/dev/zero|open /dev/zero: it is a device or a pipe, not a file
	END
}

@test "a manifest that is none: said before anybody is listened to" {
    failed 2 'zcdma verify: open nowhere: No such file or directory' \
        'a manifest is complete when its recording has ended: store the data, and check it then' \
        timeout 10 "$ZCDMA" verify --listen 127.0.0.1:0 --manifest nowhere
}

@test "the JSON of every error: one document, whose status is the process's" {
    local arguments got
    touch empty
    while read -r arguments; do
        got=0
        # shellcheck disable=SC2086 # words
        "$ZCDMA" --version >/dev/null && "$ZCDMA" $arguments >json 2>err </dev/null || got=$?
        ((got == 1 || got == 2)) || fail "$arguments: status $got"
        assert_equal "$(cat err)" ''
        one_document "$got" "$(cat json)"
        jq -e '.error.message | length > 10' json
    done <<-'END'
	frobnicate --json
	verify --json --frobnicate
	capture --json -o out nowhere
	capture --json sim: -o nowhere/out
	capture --json sim: --bytes 1M -o /dev/full
	capture --json sim: --bytes 1M -o out --manifest /dev/full
	capture --json sim: --bytes 1M -o out --manifest nowhere/manifest
	copysend --json
	copysend --json nothing sim:
	zcsend --json 127.0.0.1:1 sim:
	vmsplice --json 127.0.0.1:1 nowhere
	verify --json nowhere
	verify --json empty
	verify --json a b
	verify --json -
	verify --json --bytes 2M sim:seed=3
	verify --json --manifest empty empty
	verify --json --listen x
	END
}

@test "what --direct cannot do: the same status for the process and in JSON" {
    [ -w /proc/self/comm ] || skip 'no file of /proc to write to'
    # A file of /proc takes no O_DIRECT on any kernel.
    run --separate-stderr zcdma capture --json sim: --bytes 1M --direct -o /proc/self/comm
    assert_equal "$status" 3
    one_document 3
}

@test "system errors have their errno in JSON" {
    run -2 zcdma capture --json sim: -o nowhere/out
    assert_equal "$(jq -r .error.errno <<<"$output")" ENOENT
    run -2 zcdma verify --json nowhere
    assert_equal "$(jq -r .error.errno <<<"$output")" ENOENT
}

@test "names that are no UTF-8, in a report and in its JSON" {
    local data=$'da\xffta' manifest=$'mani\xfe'
    run -0 zcdma capture --json sim: --bytes 64K -o "$data" --manifest "$manifest"
    one_document 0
    run -0 zcdma verify --json --manifest "$manifest" "$data"
    one_document 0
    run -0 zcdma verify "$data"
    assert_equal "$(tr -d '\200-\377' <<<"$output")" "$output"
}

@test "no standard output, no standard error: the status is still right" {
    local got command
    for command in '2 capture sim: --bytes 64K' '2 verify nowhere' '2 frobnicate' '2 probe nowhere' \
        '2 zcsend 127.0.0.1:1 sim:' '2 --list' '2 capture sim: --bytes 64K -o out'; do
        for to in '>&- 2>&-' '>/dev/full 2>/dev/full'; do
            got=0
            bash -c "\"\$1\" ${command#* } $to" - "$ZCDMA" || got=$?
            [[ $command == '2 capture sim: --bytes 64K' && $to == *full* ]] ||
                assert_equal "$command $to: $got" "$command $to: ${command%% *}"
        done
    done
    assert_equal "$(stat -c %s out)" 65536
}

#
# Sizes and times at the edge
#

@test "one byte, a moment, hardly any rate" {
    run -0 zcdma capture -q sim: --bytes 1 -o out
    assert_equal "$(stat -c %s out)" 1
    run -0 zcdma capture -q sim: --bytes 1000001 --direct -o out
    zcdma verify -q --bytes 1000001 out
    run -0 zcdma capture -q sim: --seconds 0.000001 -o out
    run -0 zcdma capture -q sim: --rate 1 --seconds 0.1 -o out
    assert_equal "$(stat -c %s out)" 0
}

@test "data byte by byte, by every path that takes a pipe" {
    local path
    for path in copy zerocopy vmsplice splice; do
        receiver --bytes 10007
        zcdma capture -q sim: --bytes 10007 | dd bs=1 status=none |
            zcdma copysend -q --path="$path" "$TO" -
        received
    done
}

@test "empty input: nothing is sent, which is no error, and nothing is verified, which is one" {
    receiver
    : | zcdma zcsend -q "$TO" -
    received 1
    grep -q 'no data came, so nothing was verified' receiver.err
    : | run -1 zcdma verify
}
