#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# probe: the methods of sending from a mapping, each really tried.

# shellcheck disable=SC2016 # what sh -c gets is for sh to expand

load common

# answer MAPPING METHOD: what --json in $output says of one cell: "works", "fails EFAULT", "untried".
answer() {
    jq -r --arg m "$1" --arg w "$2" '.mappings[] | select(.mapping == $m)[$w]
        | [.answer, .errno] | map(values) | join(" ")' <<<"$output"
}

# field MAPPING KEY
field() {
    jq -r --arg m "$1" --arg k "$2" '.mappings[] | select(.mapping == $m)[$k]' <<<"$output"
}

probe_json() {
    run --separate-stderr zcdma probe --json "$@"
    jq -e . >/dev/null <<<"$output" || fail "no JSON: $output"
}

# assert_answer MAPPING METHOD ANSWER: a method that this machine cannot try is no failure, if it says why.
assert_answer() {
    local got
    got=$(answer "$1" "$2")
    if [[ $got == untried ]]; then
        [[ -n $(jq -r --arg m "$1" --arg w "$2" \
            '.mappings[] | select(.mapping == $m)[$w].text // ""' <<<"$output") ]] ||
            fail "$1: $2 was not tried, without a reason"
        echo "# $1: $2 could not be tried" >&3
        return
    fi
    assert_equal "$1 $2 $got" "$1 $2 $3"
}

# Memory with pages passes everything.
assert_has_pages() {
    local method
    for method in send zerocopy vmsplice direct; do
        assert_answer "$1" "$method" works
    done
}

need_vvar() {
    grep -q '\[vvar\]$' /proc/self/maps || skip "this kernel gives its processes no [vvar]"
}

@test "[vvar]: send works, MSG_ZEROCOPY, vmsplice and O_DIRECT give EFAULT" {
    need_vvar
    probe_json
    [ "$status" -eq 0 ]
    [[ " $(field '[vvar]' vmflags) " == *" pf "* ]] || skip "[vvar] has pages on this kernel"
    assert_equal "$(answer '[vvar]' send)" works
    assert_equal "$(answer '[vvar]' vmsplice)" 'fails EFAULT'
    assert_answer '[vvar]' zerocopy 'fails EFAULT'
    assert_answer '[vvar]' direct 'fails EFAULT'
    [[ $(field '[vvar]' flags) == *VM_PFNMAP* ]]
    [[ $(field '[vvar]' cause) == *VM_PFNMAP*remap_pfn_range* ]]
    [[ $(field '[vvar]' hint) == *vm_insert_page* ]]
}

@test "[vdso], anonymous memory, a memfd and a file have pages: every method works" {
    probe_json
    [ "$status" -eq 0 ]
    for mapping in anonymous memfd file '[vdso]'; do
        [ "$mapping" != '[vdso]' ] || grep -q '\[vdso\]$' /proc/self/maps || continue
        assert_has_pages "$mapping"
    done
    assert_answer anonymous registered works
    assert_equal "$(field anonymous cause)" null
}

@test "hugetlb: works, or says why there is none" {
    probe_json
    if [ "$(field hugetlb bytes)" -gt 0 ]; then
        assert_has_pages hugetlb
    else
        [[ $(field hugetlb reason) == *huge* ]]
    fi
}

@test "the text: a row each, every EFAULT explained, no line too long" {
    need_vvar
    run --separate-stderr zcdma probe
    [ "$status" -eq 0 ]
    for mapping in anonymous memfd hugetlb file '[vdso]' '[vvar]'; do
        assert_line --partial "$mapping"
    done
    if [[ $output == *VM_PFNMAP* ]]; then
        assert_regex "$output" 'EFAULT, .*\[vvar\]'
        assert_output --partial 'Hint: in the driver'
    fi
    # PCI resources have long names
    run awk 'length > 80 && !/^\/sys\// && !/^mapping/' <<<"$output"
    assert_output ''
}

@test "without privilege: the same answers" {
    probe_json
    local mine theirs
    filter='[.mappings[] | select(.mapping | startswith("/") | not)
        | [.mapping, .send.answer, .vmsplice.errno, .zerocopy.errno, .direct.errno]]'
    mine=$(jq -c "$filter" <<<"$output")
    unshare -U true 2>/dev/null || skip "no user namespaces here"
    run --separate-stderr unshare -U "$ZCDMA" probe --json
    [ "$status" -eq 0 ]
    theirs=$(jq -c "$filter" <<<"$output")
    assert_equal "$theirs" "$mine"
}

@test "another user, who owns nothing here" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become another user"
    copy_for_all
    run --separate-stderr setpriv --reuid 65534 --clear-groups "$ZCDMA" probe --json
    [ "$status" -eq 0 ]
    assert_has_pages anonymous
    assert_has_pages file
}

@test "no loopback: send still works, MSG_ZEROCOPY is untried and says why" {
    unshare -rn true 2>/dev/null || skip "no user and network namespaces here"
    run --separate-stderr unshare -rn "$ZCDMA" probe --json
    [ "$status" -eq 0 ]
    assert_equal "$(answer anonymous send)" works
    assert_equal "$(answer anonymous zerocopy)" untried
    [[ $(jq -r '.mappings[0].zerocopy.text' <<<"$output") == *127.0.0.1* ]]
}

@test "loopback copies in the end: said with MSG_ZEROCOPY" {
    probe_json
    [ "$(answer anonymous zerocopy)" = works ] || skip "no MSG_ZEROCOPY over loopback here"
    [[ $(jq -r '.mappings[0].zerocopy.text' <<<"$output") == *'fell back to a copy'* ]]
}

@test "a filesystem that copies in spite of O_DIRECT is not believed" {
    need_vvar
    unshare -rm true 2>/dev/null || skip "no user and mount namespaces here"
    run --separate-stderr unshare -rm sh -c '
        mount -t tmpfs none /tmp && mount -t tmpfs none /var/tmp && cd /tmp &&
        exec env TMPDIR=/tmp "$0" probe --json' "$ZCDMA"
    [ "$status" -eq 0 ] || skip "cannot run it with a tmpfs over /tmp: $stderr"
    [[ " $(field '[vvar]' vmflags) " == *" pf "* ]] || skip "[vvar] has pages on this kernel"
    assert_equal "$(answer anonymous direct)" untried
    assert_equal "$(answer '[vvar]' direct)" untried
}

@test "no folder has room for a file: the disk is said to be full, not the memory to be refused" {
    unshare -rm true 2>/dev/null || skip "no user and mount namespaces here"
    run --separate-stderr unshare -rm sh -c '
        mount -t tmpfs -o size=64k none /tmp && mount --bind /tmp /var/tmp && cd /tmp || exit 77
        head -c 1M /dev/zero 2>/dev/null >full
        exec env TMPDIR=/tmp "$0" probe --json' "$ZCDMA"
    [ "$status" -ne 77 ] || skip "no tmpfs over /tmp here: $stderr"
    [ "$status" -eq 0 ] || skip "cannot run it with a tmpfs over /tmp: $stderr"
    assert_equal "$(field file send)" null
    assert_equal "$(field file errno)" ENOSPC
    assert_equal "$(field file reason)" 'no folder for a temporary file: No space left on device'
    assert_equal "$(field file hint)" 'set TMPDIR to a folder that has room'
}

@test "a path: mapped, tried, not written to" {
    head -c 2M /dev/urandom >file
    before=$(sha256sum file; stat -c '%y %b' file)
    probe_json file --bytes 1M
    [ "$status" -eq 0 ]
    assert_has_pages file
    assert_equal "$(field file bytes)" 1048576
    # neither writable, nor could it be made so
    [[ " $(field file vmflags) " != *" "@(wr|mw)" "* ]]
    assert_equal "$(sha256sum file; stat -c '%y %b' file)" "$before"
}

@test "a device: zcdma probe /dev/zero --bytes 1M" {
    probe_json /dev/zero --bytes 1M
    [ "$status" -eq 0 ]
    assert_has_pages /dev/zero
    assert_equal "$(field /dev/zero bytes)" 1048576
    # What O_SYNC changes is measured too.
    jq -e '.mappings[0] | .read_bytes_per_second > 0 and .sync_read_bytes_per_second > 0' <<<"$output"
}

@test "a short file, and an offset" {
    head -c 9000 /dev/urandom >file
    probe_json file
    [ "$status" -eq 0 ]
    assert_equal "$(field file bytes)" 9000
    assert_has_pages file
    [[ $(jq -r '.mappings[0].direct.text' <<<"$output") != *'whole pages'* ]]
    probe_json file --offset 8K
    [ "$status" -eq 0 ]
    assert_equal "$(field file bytes)" 808
    assert_has_pages file
    probe_json file --offset 0
    [ "$status" -eq 0 ]
}

@test "device memory is not read unless asked" {
    local btf=/sys/kernel/btf/vmlinux
    probe_json $btf
    [[ -r $btf && $(field $btf reason) != *'no mmap'* ]] || skip "$btf cannot be mapped here"
    assert_equal "$(field $btf bytes)" 65536
    [[ " $(field $btf vmflags) " == *" io "* ]] || skip "$btf is not VM_IO here"
    [ "$status" -eq 0 ]
    for method in send direct; do
        assert_equal "$(answer $btf $method)" untried
    done
    assert_equal "$(answer $btf vmsplice)" 'fails EFAULT'
    [[ $(jq -r '.mappings[0].send.text' <<<"$output") == *'side effects'* ]]

    run --separate-stderr zcdma probe $btf
    assert_output --partial -- --read-device

    probe_json $btf --read-device
    [ "$status" -eq 0 ]
    assert_equal "$(answer $btf send)" works
    assert_answer $btf zerocopy 'fails EFAULT'
}

@test "PCI resources: the first memory BAR of each device, a few of them" {
    unshare -rm true 2>/dev/null || skip "no user and mount namespaces here"
    [ -d /sys/bus/pci/devices ] || skip "no PCI here"
    for i in 1 2 3 4 5 6; do
        mkdir -p "pci/0000:00:0$i.0"
        printf '0x%016x 0x%016x 0x%016x\n' \
            0xc000 0xc01f 0x40101 0 0 0 0x4000080000 0x40000fffff 0x140204 \
            >"pci/0000:00:0$i.0/resource"
        head -c 4K /dev/zero >"pci/0000:00:0$i.0/resource0"
        head -c 8K /dev/zero >"pci/0000:00:0$i.0/resource2"
    done
    run --separate-stderr unshare -rm sh -c \
        'mount --bind pci /sys/bus/pci/devices && exec "$0" probe --json' "$ZCDMA"
    [ "$status" -eq 0 ]
    assert_equal "$(jq -c '[.mappings[].mapping | select(startswith("/"))]' <<<"$output")" \
        "$(jq -nc '[range(1; 5) | "/sys/bus/pci/devices/0000:00:0\(.).0/resource2"]')"
    [[ $(jq -r '.notes[]' <<<"$output") == *'2 more devices are skipped'* ]]
}

@test "what cannot be mapped: a sentence each, and status 2 at the end" {
    mkdir directory
    mkfifo fifo
    : >empty
    echo text >file
    run --separate-stderr timeout 20 "$ZCDMA" probe --json \
        directory fifo empty /nonexistent /dev/null file
    [ "$status" -eq 2 ]
    [[ $(field directory reason) == *directory* ]]
    [[ $(field fifo reason) == *pipe* ]]
    [[ $(field empty reason) == *empty* ]]
    [[ $(field /nonexistent reason) == *'No such file'* ]]
    [[ $(field /dev/null reason) == *'no mmap'* ]]
    assert_equal "$(answer file send)" works
    # What a driver of ours does is not known of others.
    assert_equal "$(field /dev/null bounced) $(field file bounced)" "null null"
    [[ $(jq -r .error.message <<<"$output") == 'probe directory: '* ]]
    assert_equal "$(jq -r .error.errno <<<"$output")" EISDIR
    assert_equal "$(jq -r .exit_status <<<"$output")" 2
    assert_equal "$(field /dev/null flags) $(field file flags)" "null readable"
    # The table names the error where a mapping has no flags.
    run -2 --separate-stderr zcdma probe empty /dev/null
    assert_line --regexp '^empty .* unmapped: ENODATA$'
    assert_line --regexp '^/dev/null .* unmapped: ENODEV$'
    assert_line '/dev/null: mmap: No such device: its driver or filesystem has no mmap.'
    assert_equal "$stderr" 'zcdma probe: probe empty: the file is empty, or its size is unknown'
}

@test "a device that is not there: what makes it" {
    [[ ! -e /dev/zcdma77 ]]
    run -2 --separate-stderr zcdma probe /dev/zcdma77
    assert_equal "$stderr" 'zcdma probe: open /dev/zcdma77: No such file or directory
  no module is loaded that has this device: modprobe zcdma_sim makes a simulated one'
    run -2 --separate-stderr zcdma probe /dev/nosuch0
    assert_equal "$stderr" 'zcdma probe: open /dev/nosuch0: No such file or directory
  load the driver that makes it'
    [[ ! -e /dev/mem ]] || return 0
    run -2 --separate-stderr zcdma probe /dev/mem
    assert_regex "$stderr" '(boot a kernel with CONFIG_DEVMEM|make the node: mknod /dev/mem c 1 1)$'
}

@test "what cannot be probed: operation, object, reason, and what helps where something does" {
    local name error
    while IFS='|' read -r name error; do
        run -2 --separate-stderr zcdma probe "$name"
        assert_equal "$stderr" "zcdma probe: ${error/@/$'\n  '}"
    done <<'END'
/nonexistent|open /nonexistent: No such file or directory
/dev/null|map /dev/null: No such device: its driver or filesystem has no mmap
|open '': No such file or directory@no interface has this name either; ip link lists them
.|probe .: it is a directory@give a file or a device in it
heap:|probe heap:: it names no heap@name one, as in heap:system
dmabuf:99|probe dmabuf:99: descriptor 99 is not open@start zcdma from the program that has the dma-buf, with FD_CLOEXEC cleared
END
}

@test "buffers of a call that cannot be made: by name and by path, with what helps" {
    [[ ! -e /dev/udmabuf ]] || skip 'this machine has /dev/udmabuf'
    for name in udmabuf /dev/udmabuf; do
        run -2 --separate-stderr zcdma probe $name
        [[ $stderr == *"$name: open /dev/udmabuf: No such file or directory"*'a kernel with CONFIG_UDMABUF'* ]] || fail "$stderr"
    done
    run -2 --separate-stderr zcdma probe heap:nosuch /dev/dma_heap/nosuch
    assert_line --partial '/dev/dma_heap/nosuch: open /dev/dma_heap/nosuch: No such file'
}

@test "a file that may not be read" {
    echo secret >file
    chmod 0 file
    if [ "$(id -u)" -eq 0 ]; then
        copy_for_all
        chmod o+x "$BATS_TEST_TMPDIR" && chown 65534 file
        run --separate-stderr setpriv --reuid 65534 --clear-groups "$ZCDMA" probe file
    else
        run --separate-stderr zcdma probe file
    fi
    [ "$status" -eq 2 ]
    assert_equal "$stderr" 'zcdma probe: open file: Permission denied'
}

@test "bad values" {
    echo text >file
    for option in '--bytes 4X' '--bytes 0' '--bytes -1' '--bytes 99999999999G' '--bytes 1M' \
        '--offset 100' '--offset 4X' '--offset 1G'; do
        # shellcheck disable=SC2086
        run --separate-stderr zcdma probe file $option
        [ "$status" -eq 2 ] || fail "$option: status $status"
        assert_equal "${#stderr_lines[@]}" 1
    done
    for option in '--bytes 1M' '--offset 4K'; do
        # shellcheck disable=SC2086
        run --separate-stderr zcdma probe $option
        [ "$status" -eq 2 ]
        [[ $stderr == *'needs a PATH'* ]]
    done
}

@test "few file descriptors, no memory to lock: untried or named, never a crash" {
    for n in 4 5 6 7; do
        # 127: the loader itself ran out of them, which bats would warn about
        run --separate-stderr sh -c 'ulimit -n "$1"; "$0" probe --json
            status=$?; exit $((status == 127 ? 9 : status))' "$ZCDMA" $n
        [ "$status" -ne 9 ] || continue
        [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || fail "$n: status $status"
        jq -e .mappings >/dev/null <<<"$output"
    done
    unshare -U true 2>/dev/null || skip "no user namespaces here"
    run --separate-stderr sh -c 'ulimit -l 0 && exec unshare -U "$0" probe --json' "$ZCDMA"
    [ "$status" -eq 0 ]
    if [[ $(answer anonymous zerocopy) == fails* ]]; then
        [[ $(jq -r '.mappings[0].zerocopy.text' <<<"$output") == *RLIMIT_MEMLOCK* ]]
    fi
}

@test "no /proc: the kernel's own mappings are not said to be missing" {
    unshare -rm true 2>/dev/null || skip "no user and mount namespaces here"
    [[ $ZCDMA != *-san/* ]] || skip 'the sanitizers want /proc'
    # Without /proc the dynamic linker does not know $ORIGIN.
    local lib
    lib=$(ldd "$ZCDMA" | sed -n 's/.*libzcdma.* => \(.*\)\/.*/\1/p')
    run --separate-stderr env LD_LIBRARY_PATH="$lib" \
        unshare -rm sh -c 'mount -t tmpfs none /proc || exit 77; exec "$0" probe --json' "$ZCDMA"
    ((status != 77)) || skip "no tmpfs over /proc: $stderr"
    assert_success
    for mapping in '[vdso]' '[vvar]'; do
        [[ $(field "$mapping" reason) == *'/proc is not mounted'* ]]
    done
    assert_has_pages anonymous
}

@test "device memory whose pages vmsplice refuses: MSG_ZEROCOPY is tried, as it reads nothing either" {
    local btf=/sys/kernel/btf/vmlinux
    probe_json $btf
    [[ -r $btf && $(field $btf reason) != *'no mmap'* ]] || skip "$btf cannot be mapped here"
    [[ " $(field $btf vmflags) " == *" pf "* ]] || skip "$btf is not VM_PFNMAP here"
    assert_answer $btf zerocopy 'fails EFAULT'
    assert_equal "$(answer $btf send)" untried
}

@test "--writable: what is mapped can be registered, and is not written to" {
    run --separate-stderr zcdma probe /dev/zero --writable --json
    [ "$status" -eq 0 ]
    assert_answer /dev/zero registered works
    [[ " $(field /dev/zero vmflags) " == *" wr "* ]]
    head -c 64K /dev/urandom >file
    before=$(sha256sum file)
    probe_json file --writable
    [ "$status" -eq 0 ]
    [[ " $(field file vmflags) " == *" wr "* ]]
    assert_equal "$(sha256sum file)" "$before"
    [ "$(id -u)" -eq 0 ] || chmod 444 file
    run --separate-stderr zcdma probe --writable
    [ "$status" -eq 2 ]
    [[ $stderr == *'--writable: needs a PATH'* ]]
}

# has INTERFACE ABILITY: "true", "false" or "null", of --json in $output.
has() {
    jq -c --arg i "$1" --arg a "$2" '.abilities[] | select(.interface == $i and .ability == $a).has' <<<"$output"
}

@test "interfaces: a device of this machine's own, and a pair whose driver runs XDP programs" {
    unshare -Urn ip link add type veth 2>/dev/null || skip 'no network namespaces or veth here'
    run --separate-stderr unshare -Urn sh -c 'ip link add left type veth peer right && exec "$ZCDMA" probe --json left lo'
    assert_success
    assert_equal "$(jq -c '[.interfaces[] | .interface, .driver, .mtu]' <<<"$output")" '["left","veth",1500,"lo",null,65536]'
    [ "$(jq '.interfaces[0].queues' <<<"$output")" -ge 1 ]
    assert_equal "$(jq '.abilities | group_by(.interface) | map(length) | unique | length' <<<"$output")" 1
    assert_equal "$(has left scatter-gather) $(has lo checksum) $(has lo 'GRO in hardware')" 'true true false'
    if [[ $(has left XDP) == null ]]; then
        [[ $(printf '%s\n' 6.3 "$(uname -r)" | sort -V | head -n 1) != 6.3 ]] || fail 'the kernel says nothing of XDP'
        return
    fi
    assert_equal "$(has left XDP) $(has lo XDP) $(has left 'XDP zero-copy')" 'true false false'
}

@test "interfaces: a file of the same name comes first, and options of mappings need a path" {
    echo data >lo
    probe_json lo
    assert_equal "$(jq -c '[.mappings[0].mapping, has("interfaces")]' <<<"$output")" '["lo",false]'
    rm lo
    run -2 --separate-stderr zcdma probe --bytes 4K lo
    assert_equal "$stderr" 'zcdma probe: --bytes: needs a PATH'
    run -2 --separate-stderr zcdma probe nosuch0
    [[ $stderr == *'no interface has this name either'* ]] || fail "no hint: $stderr"
}

@test "interfaces: those of ethtool are what it says" {
    command -v ethtool >/dev/null || skip 'no ethtool here'
    unshare -Urn ip link add type veth 2>/dev/null || skip 'no network namespaces or veth here'
    run --separate-stderr unshare -Urn sh -c 'ip link add left type veth peer right && ethtool -K left sg off gro on >/dev/null &&
        exec "$ZCDMA" probe --json left'
    assert_success
    assert_equal "$(has left scatter-gather) $(has left 'TCP segmentation') $(has left GRO)" 'false false true'
}
