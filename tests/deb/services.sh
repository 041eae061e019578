#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What check.sh runs in a fresh system that systemd has booted: the units, as their page says, up to the removal of the
# package. Ends with 0 if all of it is as it should be.
set -euo pipefail

fail() {
    echo "failed: $*"
    systemctl --no-pager --full status 'zcdma-*' || :
    journalctl --no-pager -n 40
    exit 1
}

# until_true WHAT COMMAND...: wait for it.
until_true() {
    local what=$1
    shift
    for ((i = 0; i < 600; i++)); do
        ! "$@" || return 0
        sleep 0.1
    done
    fail "$what has not come in 60 s"
}

# property UNIT NAME
property() {
    systemctl show -P "$2" "$1"
}

# is UNIT NAME VALUE
is() {
    [[ $(property "$1" "$2") == "$3" ]]
}

metric() {
    sed -n "s/^zcdma_$1{.*} //p" "$data/bench/metrics.prom" 2>/dev/null
}

moves() {
    local bytes
    bytes=$(metric bytes_total)
    ((${bytes:-0} > 1 << 20))
}

has_status() {
    [[ $(property zcdma-record@bench.service StatusText) =~ ^[1-9][0-9.]*\ .iB\ in\ [0-9]+\ s,\ mean\ .*,\ 0\ overruns$ ]]
}

# stored N: files of senders.
stored() {
    local files=("$data"/9000/*.bin)
    ((${#files[@]} == $1)) && is zcdma-receive@9000.service ActiveState inactive
}

data=/var/lib/zcdma
rm -f /usr/sbin/policy-rc.d
shopt -s nullglob

echo '== record a source'
mkdir -p /etc/zcdma
printf '%s\n' SOURCE=sim:rate=4M,block=64K 'OPTIONS=--split 4M --keep 3 --metrics metrics.prom' >/etc/zcdma/record-bench.conf
systemctl enable --now zcdma-record@bench.service
is zcdma-record@bench.service ActiveState active || fail 'the recording is not active'
until_true 'a metric' moves
until_true 'a status with bytes' has_status
property zcdma-record@bench.service StatusText
[[ $(metric running) == 1 ]] || fail 'the metrics do not say that it runs'

echo '== reload begins a new file'
files=("$data"/bench/*.bin)
systemctl reload zcdma-record@bench.service
newer() {
    local now=("$data"/bench/*.bin)
    [[ ${now[-1]} != "${files[-1]}" ]]
}
until_true 'a new file' newer

echo '== a hung process is found by the watchdog, and started again'
mkdir -p /run/systemd/system/zcdma-record@bench.service.d
printf '[Service]\nWatchdogSec=2\nRestartSec=0\n' >/run/systemd/system/zcdma-record@bench.service.d/quick.conf
systemctl daemon-reload
systemctl restart zcdma-record@bench.service
kill -STOP "$(property zcdma-record@bench.service MainPID)"
restarted() {
    is zcdma-record@bench.service NRestarts 1 && is zcdma-record@bench.service ActiveState active
}
until_true 'a restart by the watchdog' restarted
journalctl --no-pager -u zcdma-record@bench.service | grep -i watchdog || fail 'the journal does not tell of the watchdog'

echo '== a stop is an end in good order'
systemctl stop zcdma-record@bench.service
is zcdma-record@bench.service Result success || fail "its result is $(property zcdma-record@bench.service Result)"
[[ $(metric running) == 0 ]] || fail 'the metrics say that it runs'

echo '== packets, with the privileges that the page adds'
printf '%s\n' SOURCE=pcap:lo 'OPTIONS=--metrics metrics.prom' >/etc/zcdma/record-packets.conf
mkdir -p /run/systemd/system/zcdma-record@packets.service.d
printf '%s\n' '[Service]' AmbientCapabilities=CAP_NET_RAW CapabilityBoundingSet=CAP_NET_RAW \
    RestrictAddressFamilies=AF_PACKET SystemCallFilter=capset \
    >/run/systemd/system/zcdma-record@packets.service.d/packets.conf
systemctl daemon-reload
systemctl start zcdma-record@packets.service || fail 'it does not start'
zcdma verify -q --listen 127.0.0.1:9001 &
receiver=$!
until_true 'a receiver' grep -q ' 0100007F:2329 .* 0A ' /proc/net/tcp
zcdma copysend -q 127.0.0.1:9001 sim: --bytes 2M || fail 'the sender'
wait "$receiver" || fail 'the receiver'
packets() {
    grep -q '^zcdma_bytes_total{.*} [1-9][0-9]\{6\}' "$data/packets/metrics.prom"
}
until_true 'packets' packets
systemctl stop zcdma-record@packets.service
is zcdma-record@packets.service Result success || fail "its result is $(property zcdma-record@packets.service Result)"

echo '== one sender after another, more than systemd starts services by default'
systemctl enable --now zcdma-receive@9000.socket
for n in {1..8}; do
    zcdma zcsend -q 127.0.0.1:9000 sim: --bytes 2M || fail "sender $n"
    until_true "the file of sender $n" stored "$n"
done
for file in "$data"/9000/*.bin; do
    zcdma verify -q --bytes 2M "$file" || fail "$file is wrong"
done

echo '== a sender that is killed fails its run, and the next one is taken'
zcdma zcsend -q 127.0.0.1:9000 sim:rate=8M &
sender=$!
nine() {
    local files=("$data"/9000/*.bin)
    ((${#files[@]} == 9))
}
until_true 'data of the sender' nine
kill -KILL "$sender"
until_true 'the end of the run' is zcdma-receive@9000.service ActiveState failed
is zcdma-receive@9000.service ExecMainStatus 1 || fail "status $(property zcdma-receive@9000.service ExecMainStatus)"
zcdma zcsend -q 127.0.0.1:9000 sim: --bytes 2M || fail 'the next sender'
until_true 'its file' stored 10

echo '== remove: services are stopped, and only recordings stay'
systemctl start zcdma-record@bench.service
DEBIAN_FRONTEND=noninteractive apt-get purge -q -y zcdma zcdma-dkms
! grep -qs zcdma /proc/[0-9]*/comm || fail 'a service runs on'
systemctl daemon-reload
left=$(systemctl list-units --all --plain --no-legend 'zcdma*.service' 'zcdma*.socket' |
    awk '$3 != "failed"')
[[ -z $left ]] || fail "units: $left"
left=$(find /etc /usr/bin /usr/lib/systemd /lib/systemd /usr/share/man /var/cache -name '*zcdma*' ! -name '*libzcdma*' ! -name '*zcdma-python*' ! -path '*/python3/*')
[[ -z $left ]] || fail "files: $left"
recordings=("$data"/bench/*.bin)
((${#recordings[@]})) || fail 'recordings are gone'
echo "== all done"
