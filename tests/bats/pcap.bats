#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# pcap: packets of files and of interfaces, and their payload.
# shellcheck disable=SC2016 # scripts for another shell

load common
load pipe

DATA=$TOP/tests/data

# seen FILE: what tcpdump has to say of its packets, to the nanosecond and the byte.
seen() {
    tcpdump -Z "$(id -un)" --time-stamp-precision=nano -tt -nneeXXr "$1" 2>/dev/null
}

# need_tcpdump: it becomes the user that it is told, which root of a container may not.
need_tcpdump() {
    [[ $(seen "$DATA/ethernet.pcap") ]] || skip 'tcpdump cannot run as this user'
}

# bytes be|le WIDTH NUMBER...: the numbers, in that byte order.
bytes() {
    local order=$1 width=$2 hex n
    shift 2
    for n; do
        printf -v hex "%0$((width * 2))x" "$n"
        [[ $order == be ]] || hex=$(fold -w2 <<<"$hex" | tac | tr -d '\n')
        # shellcheck disable=SC2001
        printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")"
    done
}

# datagrams be|le TEXT...: a file in that byte order, with a datagram of raw IPv4 for each TEXT, in which
# escapes are expanded, cut down to SNAP bytes, from port FROM, with checksum SUM, with MAGIC.
datagrams() {
    local order=$1 text len t=1700000000
    shift
    bytes "$order" 4 "${MAGIC:-0xa1b2c3d4}"
    bytes "$order" 2 2 4
    bytes "$order" 4 0 0 65535 101
    for text; do
        len=$(($(printf '%b' "$text" | wc -c) + 28))
        {
            printf '\x45\0'
            bytes be 2 "$len"
            printf '\0\0\0\0\x40\x11\0\0\x7f\0\0\1\x7f\0\0\1'
            bytes be 2 "${FROM:-1000}" 5000 $((len - 20)) "${SUM:-0}"
            printf '%b' "$text"
        } | head -c "${SNAP:-65535}" >packet
        bytes "$order" 4 $((t++)) 123456 "$(stat -c %s packet)" "$len"
        cat packet
    done
}

# on_veth: script.sh in a namespace with a veth from v0, 10.0.0.1, to v1, behind which 10.0.0.2 is believed to be.
on_veth() {
    unshare -rn true 2>/dev/null || skip 'no namespaces for this user'
    timeout 60 unshare -rn bash -euc '
        ip link set lo up
        ip link add v0 type veth peer name v1 2>/dev/null || exit 77
        for i in v0 v1; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done
        ip link set v0 up
        ip link set v1 address 02:00:00:00:00:02 up
        ip addr add 10.0.0.1/24 dev v0
        ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0
        . ./script.sh' </dev/null 3>&- >out 2>&1 || {
        (($? != 77)) || skip 'this kernel has no veth'
        fail "$(cat out)"
    }
}

#
# Files
#

@test "pcap: every file comes out as tcpdump sees it, in pcap with nanoseconds" {
    need_tcpdump
    for file in "$DATA"/*.pcap "$DATA"/*.pcapng "$DATA"/wire/*.pcap*; do
        zcdma capture -q -o out.pcap "pcap:$file"
        seen "$file" >expected
        [[ -s expected ]]
        run -0 diff expected <(seen out.pcap)
        run -0 eval 'head -c4 out.pcap | od -An -tx4'
        assert_output ' a1b23c4d'
    done
}

@test "pcap: both byte orders, microseconds and nanoseconds, a file and standard input" {
    for order in le be; do
        for MAGIC in 0xa1b2c3d4 0xa1b23c4d; do
            datagrams $order 'one\n' 'two\n' >x.pcap
            run -0 zcdma capture -q pcap:x.pcap,payload
            assert_output $'one\ntwo'
            run -0 eval 'zcdma capture -q pcap:- <x.pcap | zcdma capture -q pcap:-,payload'
            assert_output $'one\ntwo'
            zcdma capture -q -o out.pcap pcap:x.pcap
            run -0 diff <(seen x.pcap) <(seen out.pcap)
        done
    done
}

@test "pcap: the rest of a packet in a pipe is not waited for, and nothing of it is lost" {
    local file size
    mkfifo pipe
    for file in ethernet.pcap two.pcapng; do
        rm -f out.pcap
        "$ZCDMA" capture pcap:- -o out.pcap <pipe 2>err 3>&- &
        PIDS+=("$!")
        exec 8>pipe
        size=$(stat -c %s "$DATA/$file")
        head -c $((size - 10)) "$DATA/$file" >&8
        until_true 20 test -s out.pcap
        : >err
        ask "${PIDS[-1]}"
        until_true 20 test -s err
        tail -c 10 "$DATA/$file" >&8
        exec 8>&-
        wait_exit "${PIDS[-1]}"
        run -0 diff <(seen "$DATA/$file") <(seen out.pcap)
    done
}

@test "pcap: a pipe that does not say what it is, has a part of a packet, or packets that are not asked for, ends with a signal" {
    local bytes command
    mkfifo pipe
    for bytes in 0 3 30 50 567; do # of 567
        for command in 'capture -q pcap:- -o out.pcap' 'capture -q pcap:-,payload -o out' \
            'capture -q pcap:-,filter=tcp -o out.pcap' 'verify -q -r - --pattern none'; do
            # shellcheck disable=SC2086 # several words
            "$ZCDMA" $command <pipe 3>&- 8>&- &
            PIDS+=("$!")
            exec 8>pipe
            head -c $bytes "$DATA/ethernet.pcap" >&8
            until_true 20 handles "${PIDS[-1]}" TERM
            kill -TERM "${PIDS[-1]}"
            wait_exit "${PIDS[-1]}" 143
            exec 8>&-
        done
    done
}

@test "pcap: a FIFO whose writer has not come yet ends with a signal, and not with a request for statistics" {
    local command
    mkfifo fifo
    for command in 'capture -q pcap:./fifo -o out.pcap' 'verify -q -r fifo'; do
        # shellcheck disable=SC2086 # several words
        "$ZCDMA" $command 3>&- &
        PIDS+=("$!")
        ask "${PIDS[-1]}"
        kill -TERM "${PIDS[-1]}"
        wait_exit "${PIDS[-1]}" 143
    done
    "$ZCDMA" capture -q pcap:./fifo -o out.pcap 3>&- &
    PIDS+=("$!")
    cat "$DATA/ethernet.pcap" >fifo
    wait_exit "${PIDS[-1]}"
    run -0 diff <(seen "$DATA/ethernet.pcap") <(seen out.pcap)
}

@test "pcap: two interfaces in one pcapng" {
    run -0 zcdma capture -q pcap:"$DATA/two.pcapng,filter=udp and dst host 10.0.0.2,payload"
    assert_output $'datagram 1 to 10.0.0.2\ndatagram 2 to 10.0.0.2\ndatagram 3 to 10.0.0.2'
    run -0 zcdma capture -q pcap:"$DATA/two.pcapng,filter='udp and dst host 127.0.0.1',payload"
    assert_output --partial 'datagram 3 to 127.0.0.1'
}

@test "pcap: a limit in bytes ends with a whole packet" {
    cp "$DATA/ethernet.pcap" x.pcap
    zcdma capture -q --bytes 300 -o out.pcap pcap:x.pcap
    run -0 diff <(seen x.pcap | head -n "$(seen out.pcap | wc -l)") <(seen out.pcap)
    # The numbers in whole packets are not read.
    run -0 --separate-stderr zcdma capture --json -o whole.pcap pcap:x.pcap
    jq -e '.lost_datagrams == null and .lost_bytes == 0 and .loss_reason == null' <<<"$output"
    (($(stat -c %s out.pcap) == 24 + 3 * 16 + 65 + 84 + 65))
}

@test "pcap: bad files, names and options" {
    cp "$DATA/ethernet.pcap" x.pcap
    : >empty
    run -2 --separate-stderr zcdma capture pcap:./empty
    assert_regex "$stderr" 'open ./empty: .*truncated'
    seq 999 >text
    run -2 --separate-stderr zcdma capture pcap:text
    assert_regex "$stderr" 'open text: unknown file format.*tcpdump -w'
    run -2 --separate-stderr zcdma capture pcap:x.pcap,filter='udp prot 5'
    assert_regex "$stderr" "filter 'udp prot 5': .*syntax error.*see pcap-filter\\(7\\)"
    run -2 --separate-stderr zcdma capture pcap:nowhere
    assert_regex "$stderr" 'capture on nowhere: .*give the name of a file or an interface.*interfaces are .*lo, '
    run -2 --separate-stderr zcdma capture pcap:./nowhere
    assert_regex "$stderr" 'open ./nowhere: No such file'
    run -2 --separate-stderr zcdma capture pcap:.
    assert_regex "$stderr" 'Is a directory|no such'
    run -2 --separate-stderr zcdma capture pcap:
    assert_regex "$stderr" 'names neither an interface nor a file'
    for option in payload=1 filter seq=0 seq=0:9be seq=0:4xe seq=-1:4be seq=0:4bex snaplen=0 snaplen=262145 buffer=1 other; do
        run -2 --separate-stderr zcdma capture "pcap:x.pcap,payload,$option"
        assert_regex "$stderr" "${option%%=*}"
    done
    run -2 --separate-stderr zcdma capture pcap:x.pcap,seq=0:4be
    assert_regex "$stderr" 'add payload'
    run -2 --separate-stderr zcdma capture pcap:x.pcap,buffer=1M
    assert_regex "$stderr" 'is a file'
}

@test "pcap: a file that ends in the middle of a packet" {
    head -c 400 "$DATA/ethernet.pcap" >x.pcap
    run -1 --separate-stderr zcdma capture pcap:x.pcap,payload
    assert_output $'datagram 1 to 10.0.0.2\ndatagram 1 to fd00::2\ndatagram 2 to 10.0.0.2\ndatagram 2 to fd00::2'
    assert_regex "$stderr" 'read packets of x.pcap: it ends in the middle of a packet'
}

@test "pcap: a pcapng that ends in the middle of a packet, and one of two link types" {
    head -c 400 "$DATA/two.pcapng" >x.pcapng
    run -1 --separate-stderr zcdma capture -o out.pcap pcap:x.pcapng
    assert_regex "$stderr" 'it ends in the middle of a packet'
    run -0 diff <(seen x.pcapng) <(seen out.pcap)
    # A section with an interface for packets of raw IP: link type 101.
    cat "$DATA/two.pcapng" >x.pcapng
    bytes le 4 0x0a0d0d0a 28 0x1a2b3c4d 1 0xffffffff 0xffffffff 28 1 20 101 0 20 3 20 4 0x45000000 20 >>x.pcapng
    run -1 --separate-stderr zcdma capture -o out.pcap pcap:x.pcapng
    assert_regex "$stderr" 'link types 1 and 12 do not go into one pcap stream'
    run -0 diff <(seen "$DATA/two.pcapng") <(seen out.pcap)
}

@test "pcap: a link layer that is not known" {
    datagrams le x >x.pcap
    printf '\x77' | dd of=x.pcap bs=1 seek=20 conv=notrunc status=none
    run -2 --separate-stderr zcdma capture pcap:x.pcap,payload
    assert_regex "$stderr" 'unknown link type PRISM_HEADER'
    zcdma capture -q -o out.pcap pcap:x.pcap
}

@test "pcap: a full disk, and a reader that goes away" {
    cp "$DATA/wire/iperf3-loss.pcap" x.pcap
    run -1 --separate-stderr zcdma capture -o /dev/full pcap:x.pcap
    assert_regex "$stderr" 'No space left'
    run -0 bash -c 'set +o pipefail; "$0" capture --handover never pcap:x.pcap 2>err | :; echo "${PIPESTATUS[0]}"' "$ZCDMA"
    assert_output 1
}

#
# Payload
#

@test "pcap: what one end of a TCP connection sent, as tshark follows it" {
    cd "$DATA/wire"
    run -0 eval 'zcdma capture -q pcap:iperf3-loss.pcap,filter="src port 56178",payload | sha256sum'
    assert_output --partial 3a849d38cd04e2895a55a38c171058089983a3a6f5910a3655ec284e168e178f
    run -0 eval 'zcdma capture -q "pcap:curl-ipv6.pcapng,filter=src port 8080 and dst port 59678,payload" | sha256sum'
    assert_output --partial acc42928084119491188bac27790dc989d64506efd5f772cf15c275336e8d0b3
}

@test "pcap: two streams do not go into one" {
    run -1 --separate-stderr zcdma capture "pcap:$DATA/wire/curl-ipv6.pcapng,payload"
    assert_regex "$stderr" 'two streams of TCP, from \[::1\]:59678 to \[::1\]:8080 and from .*filter='
    run -1 --separate-stderr zcdma capture "pcap:$DATA/cooked.pcap,payload"
    assert_regex "$stderr" 'both TCP and UDP.*filter='
}

@test "pcap: payload that was cut is left out, and said" {
    SNAP=33 datagrams le 'short' 'too long for that' 'last' >x.pcap
    run -1 --separate-stderr zcdma capture --json pcap:x.pcap,payload
    assert_output 'shortlast'
    assert_regex "$stderr" '"cut_packets": ?1,'
    run -1 --separate-stderr zcdma capture "pcap:$DATA/wire/iperf3-receiver.pcap,payload,filter=src port 56202"
    assert_regex "$stderr" '[1-9][0-9]* bytes of TCP are missing'
}

# Made with the right checksum by hand: of ports 1000 and 5000, from 127.0.0.1 to itself.
@test "pcap: payload with a wrong checksum is left out where the others are right, as its receiver does" {
    SUM=0x1390 datagrams le good >x.pcap
    SUM=0x1111 datagrams le 'bad!' | tail -c +25 >>x.pcap
    SUM=0x0a8e datagrams le last | tail -c +25 >>x.pcap
    # As numbers, "g" and "l" have four others in between.
    for options in payload payload,seq=0:1be; do
        status=0
        [[ $options == payload ]] || status=4
        run -$status --separate-stderr zcdma capture --json "pcap:x.pcap,$options"
        assert_output --partial good
        refute_output --partial 'bad!'
        assert_regex "$stderr" '"malformed_packets": ?1,'
    done
}

@test "pcap: checksums that are wrong as a rule prove nothing, and can be switched off" {
    SUM=0x1111 datagrams le one two >x.pcap
    run -0 --separate-stderr zcdma capture --json pcap:x.pcap,payload
    assert_output onetwo
    assert_regex "$stderr" '"wrong_checksum_packets": ?2,'
    SUM=0x1390 datagrams le good >x.pcap
    SUM=0x1111 datagrams le 'bad!' | tail -c +25 >>x.pcap
    run -0 zcdma capture -q pcap:x.pcap,payload,checksum=off
    assert_output 'goodbad!'
    run -2 zcdma capture pcap:x.pcap,payload,checksum=no
    assert_output --partial 'auto or off'
    run -2 zcdma capture pcap:x.pcap,checksum=off
    assert_output --partial 'add payload'
}

# tcp FLAGS SEQ ACK [DATA]: a packet from port 1000 to 5000, its checksum 0 or SUM.
tcp() {
    local data=${4:-}
    {
        printf '\x45\0'
        bytes be 2 $((40 + ${#data}))
        printf '\0\0\0\0\x40\6\0\0\x7f\0\0\1\x7f\0\0\1'
        bytes be 2 1000 5000
        bytes be 4 "$2" "$3"
        bytes be 2 $((0x5000 | $1)) 65535 "${SUM:-0}" 0
        printf %s "$data"
    } >packet
    bytes le 4 1700000000 0 $((40 + ${#data})) $((40 + ${#data}))
    cat packet
}

@test "pcap: data with a checksum of 0 is taken, and unchecked where its sender has right ones" {
    {
        datagrams le
        SUM=0x9688 tcp 0x02 1000 0
        tcp 0x18 1001 501 good
        tcp 0x18 1005 501 data
    } >x.pcap
    run -1 --separate-stderr zcdma capture --json pcap:x.pcap,payload
    assert_output gooddata
    assert_regex "$stderr" '"zero_checksum_packets": ?2,'
    assert_regex "$stderr" '"unchecked_packets": ?2,'
    assert_regex "$stderr" '2 packets could not be checked'
    run -0 --separate-stderr zcdma capture pcap:x.pcap,payload,checksum=off
    assert_output gooddata
    # Where all are 0, that is how they were captured.
    datagrams le >x.pcap
    tcp 0x02 1000 0 >>x.pcap
    tcp 0x18 1001 501 good >>x.pcap
    run -0 --separate-stderr zcdma capture --json pcap:x.pcap,payload
    assert_output good
    assert_regex "$stderr" '"zero_checksum_packets": ?1,'
    assert_regex "$stderr" '"unchecked_packets": ?0,'
}

@test "pcap: data that is proved, and was not captured, is missing" {
    datagrams le >x.pcap
    tcp 0x02 1000 0 >>x.pcap
    tcp 0x11 11001 501 >>x.pcap
    run -1 --separate-stderr zcdma capture --json -o out pcap:x.pcap,payload
    assert_regex "$output" '"missing_bytes": ?10000,'
    assert_regex "$output" '10000 bytes of TCP are missing'
    # Without data there is nothing to miss.
    datagrams le >x.pcap
    tcp 0x02 1000 0 >>x.pcap
    tcp 0x11 1001 501 >>x.pcap
    run -0 zcdma capture -q -o out pcap:x.pcap,payload
}

@test "pcap: datagrams in the order of their numbers" {
    datagrams le '\0\0\0\6a' '\0\0\0\7b' '\0\0\0\011d' '\0\0\0\010c' '\0\0\0\010c' '\0\0\0\013f' '\0\0\0\6a' x >x.pcap
    run -4 zcdma capture --json -o out pcap:x.pcap,payload,seq=0:4be
    assert_output --partial '1 datagram did not arrive'
    run -0 eval 'zcdma capture --json pcap:x.pcap,payload,seq=0:4be 2>report | tr -d "\0-\37"'
    assert_output abcdf
    run -0 keys report lost_datagrams reordered_datagrams duplicate_datagrams unnumbered_datagrams flows
    assert_output '1 2 2 1 1'
    # Without, as they came.
    run -0 eval 'zcdma capture -q pcap:x.pcap,payload | tr -d "\0-\37"'
    assert_output abdccfax
}

@test "pcap: each flow has numbers of its own" {
    datagrams le '\1\0a' '\3\0c' >x.pcap
    FROM=2000 datagrams le '\x81\0A' '\x82\0B' | tail -c +25 >>x.pcap
    datagrams le '\2\0b' | tail -c +25 >>x.pcap
    run -0 eval 'zcdma capture --json pcap:x.pcap,payload,seq=0:2le 2>report | tr -d "\0-\37\200-\377"'
    assert_output aABbc
    run -0 keys report flows lost_datagrams
    assert_output '2 0'
}

@test "pcap: the ring is handed over" {
    cp "$DATA/wire/iperf3-loss.pcap" x.pcap
    lead -q --handover require pcap:x.pcap | zcdma capture -q -o out.pcap -
    run -0 diff <(seen x.pcap) <(seen out.pcap)
}

#
# Interfaces
#

@test "pcap: without privilege" {
    setpriv --reuid 65534 --clear-groups true 2>/dev/null || skip 'this user has none to give up'
    copy_for_all
    run -2 setpriv --reuid 65534 --clear-groups "$ZCDMA" capture pcap:lo -o /dev/null
    assert_output --regexp 'capture on lo: Operation not permitted.*CAP_NET_RAW.*sudo'
}

# helpers: for scripts in the namespace.
helpers() {
    cat <<'END'
until_true() { local end=$((SECONDS + 20)); until "$@"; do ((SECONDS < end)); sleep 0.02; done; }
has() { [[ $(stat -c %s "$1") -ge $2 ]]; }
ready() { until_true grep -q 'without privileges' "$1"; }
END
}

@test "pcap: an interface, live: payload goes on at once, packets are tcpdump's" {
    need_tcpdump
    { helpers; cat; } <<'END' >script.sh
"$ZCDMA" capture --json pcap:v1,filter='udp port 5000',payload -o payload >report & one=$!
"$ZCDMA" capture -v pcap:v1 -o v1.pcap 2>notes & two=$!
until_true has v1.pcap 24
ready notes
until_true grep -q '^CapEff:.*0000000000000000$' /proc/$one/status
for i in 1 2 3 4 5; do echo "datagram $i" >/dev/udp/10.0.0.2/5000; done
echo other >/dev/udp/10.0.0.2/5001
until_true has payload 55
until_true has v1.pcap $((24 + 5 * (16 + 53) + 16 + 48))
kill -INT $one $two
wait $one || (($? == 130))
wait $two || (($? == 130))
END
    on_veth
    run -0 cat payload
    assert_line -n 0 'datagram 1'
    assert_line -n 4 'datagram 5'
    run -0 eval 'seen v1.pcap | grep -c UDP'
    assert_output 6
    run -0 keys report packets dropped_packets flows
    assert_output '5 0 5'
}

@test "pcap: what is missing is not waited for when nothing else comes" {
    { helpers; cat; } <<'END' >script.sh
"$ZCDMA" capture -v pcap:v1,filter='udp port 5000',payload,seq=0:1be -o payload 2>notes & one=$!
ready notes
exec 9>/dev/udp/10.0.0.2/5000
for i in 1 2 4; do echo "$i" >&9; done
until_true has payload 6
kill -INT $one
wait $one || (($? == 130))
END
    on_veth
    run -0 cat payload
    assert_output $'1\n2\n4'
}

@test "pcap: an interface that is down, goes down, or is removed" {
    { helpers; cat; } <<'END' >script.sh
ip link set v1 down
"$ZCDMA" capture pcap:v1 -o /dev/null 2>&1 | grep -A1 'Network is down' | grep 'ip link set v1 up'
for how in 'set v1 down' 'del v1'; do
    ip link set v1 up
    rm -f notes # of the run before
    "$ZCDMA" capture -v pcap:v1 -o /dev/null 2>notes & one=$!
    ready notes
    ip link $how
    ! wait $one
    grep 'went down\|disappeared' notes
done
END
    on_veth
}

@test "pcap: a stream: what is there goes on, signals are heeded, and it ends where its writer does" {
    datagrams le one two three >x.pcap
    mkfifo pipe
    "$ZCDMA" capture --json pcap:./pipe,payload -o out 2>&1 >report 3>&- <&- &
    PIDS+=($!)
    exec 7>pipe
    head -c $((24 + 2 * (16 + 28) + 3 + 3)) x.pcap >&7
    until_true 20 eval '[[ $(cat out) == onetwo ]]'
    ask "${PIDS[0]}"
    tail -c +$((24 + 2 * (16 + 28) + 3 + 3 + 1)) x.pcap >&7
    until_true 20 eval '[[ $(cat out) == onetwothree ]]'
    kill -INT "${PIDS[0]}"
    wait_exit "${PIDS[0]}" 130
    exec 7>&-
    run -0 keys report packets exit_status
    assert_output '3 130'
}
