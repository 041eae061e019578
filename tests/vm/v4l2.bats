#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# v4l2: with vivid, whose three devices have buffers of vmalloc(), of dma_alloc_coherent(), and the multiplanar interface.
# shellcheck disable=SC2154 # bats sets output

load guest

VMALLOC=/dev/video0 CONTIG=/dev/video1 PLANES=/dev/video2

setup_file() {
    /run/modprobe vivid n_devs=3 node_types=0x1,0x1,0x1 allocators=0,1,0 multiplanar=1,1,2 \
        num_inputs=1,1,1 input_types=0,0,0 || {
        export NO_VIVID="this kernel has no vivid"
        return 0
    }
    # Small frames, and a picture that stands still.
    for device in $VMALLOC $CONTIG $PLANES; do
        "$TOOLS/v4l2ctrl" "$device" "OSD Text Mode" 2 || return
    done
}

teardown_file() {
    [[ -n ${NO_VIVID:-} ]] || rmmod vivid
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
    [[ -z ${NO_VIVID:-} ]] || skip "$NO_VIVID"
}

needs_udmabuf() {
    [[ -e /dev/udmabuf ]] || skip "this kernel has no /dev/udmabuf"
}

# whole COMMAND...: it succeeds, but frames may be lost where this machine is slower than the device.
whole() {
    run --separate-stderr "$@"
    [[ $status == [04] ]] || fail "status $status of $*: $output $stderr"
}

# received_whole COUNT: that number of frames has arrived as they were; others may be lost, as above.
received_whole() {
    local got=0
    until_true 60 ended "$RECEIVER" || fail "the receiver still runs after a minute"
    wait "$RECEIVER" || got=$?
    forget "$RECEIVER"
    [[ $got == [04] ]] || fail "receiver: $(cat receiver.out receiver.err)"
    jq -e ".received_frames == $1 and .wrong_frames == 0 and .unhashed_frames == 0" receiver.out
}

# picture DEVICE WAY [COUNT]: capture frames, each of which has to be the picture, with the report in $output.
picture() {
    local device=$1 way=$2 count=${3:-3}
    whole zcdma capture --json "v4l2:$device,fps=30,memory=$way" --blocks "$count" -o "frames-$way"
    split -b 460800 "frames-$way" "frame-$way-"
    [[ $(cat frame-"$way"-* | wc -c) == $((460800 * count)) ]]
    sha256sum frame-"$way"-* | cut -d' ' -f1 | sort -u >"sum-$way"
    [[ $(wc -l <"sum-$way") == 1 ]] || fail "the frames of $way differ"
    rm frame-"$way"-*
}

@test "vmalloc: each way of having buffers captures the same picture" {
    local way ways=(copy userptr mmap)
    [[ ! -e /dev/udmabuf ]] || ways+=(import)
    for way in "${ways[@]}"; do
        picture $VMALLOC "$way"
        cmp sum-copy "sum-$way"
    done
}

@test "multiplanar, frames in one piece: each way captures the same picture" {
    picture $PLANES copy
    picture $PLANES userptr
    cmp sum-copy sum-userptr
    [[ ! -e /dev/udmabuf ]] || { picture $PLANES import && cmp sum-copy sum-import; }
    run -2 zcdma capture "v4l2:$PLANES,format=NM12" -o frames
    assert_output --partial 'a frame of NM12 640x360 is 2 pieces of memory, and a block of a ring is one'
}

@test "vmalloc, over e1000e: every byte is zero-copied, and each frame arrives as it was" {
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 0 # so that no two frames are the same
    ZCDMA=/run/zcdma-in-wire LISTEN=${ADDRESS[wire]}:0,framed receiver --json
    whole zcdma zcsend "$TO,framed" "v4l2:$VMALLOC,fps=30" --blocks 20 --expect=zerocopy --json
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 2
    jq -e '.zerocopy_bytes == 20 * 460800 and .fell_back_bytes == 0 and .user_copied_bytes == 0 and .simulated and
        (.frame_format | startswith("YUYV 640x360")) and .frame_clock == "end of frame, by the driver"' <<<"$output"
    if [[ -e /dev/udmabuf ]]; then
        jq -e '(.frame_buffers | contains("imports through /dev/udmabuf")) and .frame_buffers_reason == null' <<<"$output"
    else
        jq -e '(.frame_buffers | contains("whose address the driver takes")) and
            (.frame_buffers_reason | startswith("import: open /dev/udmabuf: No such file"))' <<<"$output"
    fi
    received_whole 20
}

@test "vmalloc, along paths whose pages are replaced: each frame arrives as it was" {
    local path
    needs_udmabuf
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 0
    for path in vmsplice splice; do
        LISTEN=127.0.0.1:0,framed receiver --json
        whole zcdma zcsend "$TO,framed" "v4l2:$VMALLOC,fps=30" --path=$path --blocks 10 --json
        jq -e '.replaced_blocks == 10 and (.frame_buffers | contains("imports"))' <<<"$output"
        received_whole 10
    done
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 2
}

@test "dma-contig: without huge pages each frame is copied, and the report says why" {
    picture $CONTIG copy
    picture $CONTIG auto
    cmp sum-copy sum-auto
    jq -e '(.frame_buffers | contains("each frame is copied")) and .user_copied_bytes == 3 * 460800 and
        (.copies_reason | contains("mmap: MSG_ZEROCOPY from the driver'\''s buffers: Bad address"))' <<<"$output"
    [[ ! -e /dev/udmabuf ]] ||
        jq -e '(.copies_reason | contains("import: the driver refuses this memory, which is not contiguous: Bad address")) and
            (.copies_hint | contains("reserve huge pages"))' <<<"$output"
}

# vmap_udmabuf() of 6.12 maps the first small page of a huge one again and again.
@test "dma-contig, huge pages: what the device writes elsewhere is found, or nothing is copied" {
    needs_udmabuf
    sysctl -qw vm.nr_hugepages=8
    picture $CONTIG copy
    picture $CONTIG auto
    cmp sum-copy sum-auto
    sysctl -qw vm.nr_hugepages=0
    case $(uname -r) in
    6.12.*)
        jq -e '.copies_reason | contains("import-huge: of the first frame 456704 of 460800 bytes were not written to it")' <<<"$output"
        ;;
    *) jq -e '.user_copied_bytes == 0 and (.frame_buffers | contains("huge pages"))' <<<"$output" ;;
    esac
}

@test "without permission for /dev/udmabuf, and for the device" {
    local ordinary=(setpriv --reuid=65534 --clear-groups)
    copy_for_all
    chmod 666 $VMALLOC
    whole "${ordinary[@]}" "$ZCDMA" capture "v4l2:$VMALLOC" --blocks 2 --path=null
    chmod 600 $VMALLOC
    # shellcheck disable=SC2154
    [[ ! -e /dev/udmabuf || $stderr == *'import: open /dev/udmabuf: Permission denied'* ]]
    run -2 "${ordinary[@]}" "$ZCDMA" capture "v4l2:$VMALLOC" --blocks 2 -o /dev/null
    assert_output --partial "open $VMALLOC: Permission denied"
    assert_output --partial "add you to the device's group"
}

@test "a device that is captured from, and one that goes in the middle" {
    zcdma capture "v4l2:$VMALLOC" -o frames 2>report &
    PIDS+=($!)
    until_true 60 test -s frames
    run -2 zcdma capture "v4l2:$VMALLOC" -o other
    assert_output --partial "Device or resource busy"
    "$TOOLS/v4l2ctrl" $VMALLOC Disconnect
    wait_exit "${PIDS[0]}" 1
    run cat report
    assert_output --partial "read $VMALLOC: No such device"
    assert_output --partial "the device was removed"
}

@test "probe: buffers that a call makes, and the cure" {
    local name names=("$CONTIG")
    run -0 --separate-stderr zcdma probe --json $VMALLOC
    jq -e '.mappings[0] | .zerocopy.answer == "works" and .vmsplice.answer == "works" and
        .read_bytes_per_second > 0 and .cause == null' <<<"$output"
    [[ ! -e /dev/dma_heap/system ]] || names+=(heap:system)
    for name in "${names[@]}"; do
        run -0 --separate-stderr zcdma probe --json "$name"
        jq -e '.mappings[0] | .send.answer == "works" and .zerocopy.errno == "EFAULT" and .vmsplice.errno == "EFAULT" and
            (.cause | startswith("VM_PFNMAP")) and (.hint | contains("v4l2: does it"))' <<<"$output"
    done
    needs_udmabuf
    run -0 --separate-stderr zcdma probe --json udmabuf
    echo "# udmabuf: $(jq -c '.mappings[0] | [.send.answer, .zerocopy.answer, .flags]' <<<"$output")" >&3
    jq -e '.mappings[0].send.answer == "works"' <<<"$output"
}
