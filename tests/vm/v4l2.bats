#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# v4l2: with vivid, whose devices have buffers of vmalloc(), of dma_alloc_coherent(), and the multiplanar interface; the last
# has a signal, as HDMI has.
# shellcheck disable=SC2154 # bats sets output

load guest

VMALLOC=/dev/video0 CONTIG=/dev/video1 PLANES=/dev/video2 SIGNAL=/dev/video3

# The smallest frames that vivid has in each kernel; which one it begins with depends on the kernel.
FORMAT=size=320x180,format=YUYV,fps=30 FRAME=115200

# vivid's thread warns ("schedule_timeout: wrong timeout value") where the machine stands still between its two looks at the
# clock: vivid_thread_vid_cap() in drivers/media/test-drivers/vivid/vivid-kthread-cap.c. That is no fault of what is tested.
setup_file() {
    echo "zcdma-vm: faults are expected from here on" >/dev/kmsg
    make_disk
    /run/modprobe vivid n_devs=4 node_types=0x1,0x1,0x1,0x1 allocators=0,1,0,0 multiplanar=1,1,2,1 \
        num_inputs=1,1,1,1 input_types=0,0,0,3 || {
        export NO_VIVID="this kernel has no vivid"
        return 0
    }
    # Small frames, and a picture that stands still.
    for device in $VMALLOC $CONTIG $PLANES $SIGNAL; do
        "$TOOLS/v4l2ctrl" "$device" "OSD Text Mode" 2 || return
    done
}

teardown_file() {
    remove_disk
    [[ -n ${NO_VIVID:-} ]] || rmmod vivid
    echo "zcdma-vm: faults are expected no more" >/dev/kmsg
    dmesg | sed -n '/faults are expected from here on/,$p' >"$BATS_FILE_TMPDIR/log"
    ! grep -F '[zcdma' "$BATS_FILE_TMPDIR/log"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PIDS=()
    [[ -z ${NO_VIVID:-} ]] || skip "$NO_VIVID"
}

needs_udmabuf() {
    [[ -e /dev/udmabuf ]] || skip "this kernel has no /dev/udmabuf"
}

# reported FILTER: it is true of the report in $output.
reported() {
    jq -e "$1" <<<"$output" >/dev/null ||
        fail "not so: $1"$'\n'"$(jq -c '[.frame_buffers, .frame_buffers_reason, .copies_reason, .copies_hint, .user_copied_bytes, .error]' <<<"$output")"
}

# picture DEVICE WAY: capture two frames, which have to be those that `copy` captured before, with the report in $output.
picture() {
    whole zcdma capture --json "v4l2:$1,$FORMAT,memory=$2" --blocks 2 -o "frames-$2"
    [[ $2 != copy ]] || cmp -n $FRAME -i 0:$FRAME frames-copy frames-copy || fail "the picture does not stand still"
    cmp frames-copy "frames-$2" || fail "the frames of $2 differ"
}

@test "vmalloc and multiplanar: each way of having buffers captures the same picture" {
    local way ways=(copy userptr mmap)
    [[ ! -e /dev/udmabuf ]] || ways+=(import)
    for way in "${ways[@]}"; do
        picture $VMALLOC "$way"
    done
    # What the multiplanar interface has in one piece is the same.
    for way in "${ways[@]/mmap/}"; do
        [[ -z $way ]] || picture $PLANES "$way"
    done
    run -2 zcdma capture "v4l2:$PLANES,format=NM12,size=320x180" -o frames
    assert_output --partial 'a frame of NM12 320x180 is 2 pieces of memory, and a block of a ring is one'
}

@test "vmalloc, over e1000e: every byte is zero-copied, and each frame arrives as it was" {
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 0 # so that no two frames are the same
    ZCDMA=/run/zcdma-in-wire LISTEN=${ADDRESS[wire]}:0,framed receiver --json
    whole zcdma zcsend "$TO,framed" "v4l2:$VMALLOC,$FORMAT" --blocks 6 --expect=zerocopy --json
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 2
    reported ".zerocopy_bytes == 6 * $FRAME and .fell_back_bytes == 0 and .user_copied_bytes == 0 and .simulated"
    reported '(.frame_format | startswith("YUYV 320x180")) and .frame_clock == "end of frame, by the driver"'
    if [[ -e /dev/udmabuf ]]; then
        reported '(.frame_buffers | contains("imports through /dev/udmabuf")) and .frame_buffers_reason == null'
    else
        reported '(.frame_buffers | contains("whose address the driver takes")) and
            (.frame_buffers_reason | startswith("import: open /dev/udmabuf: No such file"))'
    fi
    received_whole 6
}

@test "vmalloc, along paths whose pages are replaced: each frame arrives as it was" {
    local path
    needs_udmabuf
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 0
    for path in vmsplice splice; do
        LISTEN=127.0.0.1:0,framed receiver --json
        whole zcdma zcsend "$TO,framed" "v4l2:$VMALLOC,$FORMAT" --path=$path --blocks 5 --json
        reported '.replaced_blocks == 5 and (.frame_buffers | contains("imports"))'
        received_whole 5
    done
    "$TOOLS/v4l2ctrl" $VMALLOC "OSD Text Mode" 2
}

@test "dma-contig: where small pages are not contiguous each frame is copied, and the report says why" {
    picture $CONTIG copy
    picture $CONTIG auto
    # Small pages may be contiguous by chance, and the driver takes them then.
    if jq -e '.user_copied_bytes == 0' <<<"$output"; then
        needs_udmabuf
        reported '.frame_buffers | contains("imports through /dev/udmabuf")'
        return
    fi
    reported "(.frame_buffers | contains(\"each frame is copied\")) and .user_copied_bytes == 2 * $FRAME"
    reported '.copies_reason | contains("mmap: MSG_ZEROCOPY from the driver'"'"'s buffers: Bad address")'
    [[ ! -e /dev/udmabuf ]] ||
        reported '(.copies_reason | contains("import: the driver refuses this memory, which is not contiguous: Bad address")) and
            (.copies_hint | contains("reserve huge pages"))'
}

# vmap_udmabuf() of 6.12 maps the first small page of a huge one again and again.
@test "dma-contig, huge pages: they are imported or refused, and what the device writes elsewhere is found" {
    needs_udmabuf
    sysctl -qw vm.nr_hugepages=8
    picture $CONTIG copy
    case $(uname -r) in
    6.12.*)
        run ! zcdma capture "v4l2:$CONTIG,$FORMAT,memory=import-huge" --blocks 2 -o frames
        assert_output --partial 'of the first frame 111104 of 115200 bytes were not written to it'
        ;;
    *)
        # 7.3 refuses them.
        run --separate-stderr zcdma capture --json "v4l2:$CONTIG,$FORMAT,memory=import-huge" --blocks 2 -o frames
        if [[ $status == 2 ]]; then
            reported '.error.message | endswith("import-huge: the driver refuses this memory: Invalid argument")'
        else
            cmp frames-copy frames
            reported '.user_copied_bytes == 0 and (.frame_buffers | contains("huge pages"))'
        fi
        ;;
    esac
    sysctl -qw vm.nr_hugepages=0
}

# The frames are whole pages, or some of them would be gathered in memory.
@test "vmalloc, to a disk with O_DIRECT: no byte is copied, and the manifest holds" {
    whole zcdma capture "v4l2:$VMALLOC,blocks=8,size=1280x720,format=YUYV" --blocks 3 --direct \
        -o /mnt/disk/run.bin --manifest run.json --json
    reported ".direct_bytes == 3 * 1280 * 720 * 2 and .gathered_bytes == 0 and .user_copied_bytes == 0"
    whole zcdma verify --json --manifest run.json /mnt/disk/run.bin
    # Of a device that dropped frames, as under load, it says so.
    reported '(.result == "correct" or .result == "lossy") and .blocks_good == 3 and .blocks_expected == 3 and .faults == 0'
    rm /mnt/disk/run.bin
}

@test "frames that the driver drops are told, and no reason that is not known" {
    "$TOOLS/v4l2ctrl" $VMALLOC "Percentage of Dropped Buffers" 60
    run -4 --separate-stderr zcdma capture "v4l2:$VMALLOC,blocks=8" --blocks 20 -o frames --manifest run.json
    "$TOOLS/v4l2ctrl" $VMALLOC "Percentage of Dropped Buffers" 0
    [[ $stderr == *'lost data: '*' are missing: the device dropped them'* ]] || fail "$stderr"
    run -4 zcdma verify --json --manifest run.json frames
    reported '.lost_blocks > 0 and .blocks_good == 20'
}

@test "an input whose signal changes: the run ends, and says so" {
    "$ZCDMA" capture "v4l2:$SIGNAL" -o frames 2>report 3>&- &
    PIDS+=($!)
    until_true 60 test -s frames
    "$TOOLS/v4l2ctrl" $SIGNAL "DV Timings Signal Mode" 1
    wait_exit "${PIDS[0]}" 1
    run cat report
    assert_output --partial "read v4l2:$SIGNAL: what it captures changed its format"
    assert_output --partial 'begin anew'
    "$TOOLS/v4l2ctrl" $SIGNAL "DV Timings Signal Mode" 0
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

# Before Linux 5.11 vivid comes back only where it has each kind of node (vivid_is_last_user() in
# drivers/media/test-drivers/vivid/vivid-core.c), so this is a device that the tests below do not need.
@test "a device that is captured from, and one that goes in the middle" {
    "$ZCDMA" capture "v4l2:$SIGNAL" -o frames 2>report 3>&- &
    PIDS+=($!)
    until_true 60 test -s frames || fail "$(<report)"
    run -2 zcdma capture "v4l2:$SIGNAL" -o other
    assert_output --partial "Device or resource busy"
    "$TOOLS/v4l2ctrl" $SIGNAL Disconnect
    wait_exit "${PIDS[0]}" 1
    run cat report
    assert_output --partial "read $SIGNAL: No such device"
    assert_output --partial "the device was removed"
}

# probed MAPPING FILTER: it is true of that row of the report in $output.
probed() {
    jq -e ".mappings[] | select(.mapping == \"$1\") | $2" <<<"$output" >/dev/null ||
        fail "not so of $1: $2"$'\n'"$(jq -c ".mappings[] | select(.mapping == \"$1\")" <<<"$output")"
}

@test "probe: buffers that a call makes, and the cure" {
    local name sound=/dev/snd/pcmC0D0c card=/dev/dri/card0 names=()
    # Devices without hardware: a loop of sound, and memory of a graphics driver.
    /run/modprobe snd-aloop && /run/modprobe vgem || :
    for name in /dev/dma_heap/system /dev/udmabuf $sound $card; do
        [[ ! -e $name ]] || names+=("$name")
    done
    names=("${names[@]/\/dev\/dma_heap\//heap:}")
    names=("${names[@]/\/dev\/udmabuf/udmabuf}")
    run --separate-stderr zcdma probe --json $VMALLOC $CONTIG "${names[@]}"
    probed $VMALLOC '.zerocopy.answer == "works" and .vmsplice.answer == "works" and
        .read_bytes_per_second > 0 and .cause == null'
    for name in $CONTIG heap:system; do
        [[ " $CONTIG ${names[*]} " != *" $name "* ]] ||
            probed "$name" '.send.answer == "works" and .zerocopy.errno == "EFAULT" and .vmsplice.errno == "EFAULT" and
                (.cause | startswith("VM_PFNMAP")) and (.hint | contains("v4l2: does it"))'
    done
    for name in udmabuf $sound $card; do
        [[ " ${names[*]} " != *" $name "* ]] || probed "$name" '.send.answer == "works"'
    done
    # For zcdma-drivers(7), which says what each kernel answers.
    jq -r '.mappings[] | "# \(.mapping): \(.zerocopy.answer) \(.zerocopy.errno) \(.flags)"' <<<"$output" >&3
    # Their own paths are good as well.
    names=()
    for name in /dev/dma_heap/system /dev/udmabuf; do
        [[ ! -e $name ]] || names+=("$name")
    done
    ((${#names[@]})) || return 0
    run -0 --separate-stderr zcdma probe --json "${names[@]}"
    jq -e 'all(.mappings[]; .send.answer == "works")' <<<"$output"
}

# probe_buffer_of_heap: probe a dma-buf that a program has open, as one that starts zcdma for it does.
probe_buffer_of_heap() {
    python3 - "$ZCDMA" <<'PY'
import fcntl, os, struct, sys

LAYOUT = 'QIIQ'  # struct dma_heap_allocation_data: len, fd, fd_flags, heap_flags
DMA_HEAP_IOCTL_ALLOC = 0xC0184800

heap = os.open('/dev/dma_heap/system', os.O_RDWR)
wanted = bytearray(struct.pack(LAYOUT, 1 << 20, 0, os.O_RDWR, 0))
fcntl.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, wanted)
fd = struct.unpack(LAYOUT, wanted)[1]
os.dup2(fd, 9)
os.execv(sys.argv[1], [sys.argv[1], 'probe', '--json', 'dmabuf:9'])
PY
}

@test "probe: a dma-buf that is open" {
    [[ -e /dev/dma_heap/system ]] || skip "this kernel has no /dev/dma_heap/system"
    run -0 --separate-stderr probe_buffer_of_heap
    # A filesystem that copies takes it with O_DIRECT, tmpfs as well.
    probed dmabuf:9 '.send.answer == "works" and .zerocopy.errno == "EFAULT" and .direct.answer != "works" and
        (.cause | startswith("VM_PFNMAP")) and (.hint | contains("v4l2: does it"))'
}
