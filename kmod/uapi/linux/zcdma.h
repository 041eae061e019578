/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * zcdma - a ring of capture blocks whose mapping every zero-copy call accepts
 *
 * This file is the specification of /dev/zcdmaN.
 *
 * The stream
 *
 * The device fills *blocks*, all of one size, in a *ring*. A block is in one of these states:
 *
 *	free		waits for the device
 *	filling		the device writes to it
 *	full		waits for user space
 *	held		user space has it: by ZCDMA_IOC_TAKE, or half read by read() or splice()
 *	draining	given back, but a socket, a pipe, a direct write or a pin still refers to
 *			its pages, or another driver has mapped it (ZCDMA_IOC_EXPORT); it becomes
 *			free when the last of these is gone
 *
 * The device never writes to a block which is full, held or draining. With data but no free block
 * it drops the data and counts an overrun; the stream offset and the sequence number go on
 * counting, so the next block shows how much is missing.
 *
 * A block that the device failed to fill is still delivered in order, with length 0 and
 * ZCDMA_DEV_BLOCK_ERROR set. A device that cannot go on *halts*: after the blocks that it filled
 * are taken, ZCDMA_IOC_TAKE and read() fail with EIO, until ZCDMA_IOC_STOP and ZCDMA_IOC_START.
 *
 * An output device (ZCDMA_DEV_INFO_OUT) takes the same way against its direction. Its blocks are
 *
 *	free		empty, waits for user space
 *	held		user space fills it: by ZCDMA_IOC_TAKE, or it is half written by write()
 *	full		queued, waits for the device
 *	filling		the device fetches it
 *
 * It plays blocks in the order in which they were queued, and never one that is free or held. When
 * it needs data and none is queued it counts an underrun; but not before the first block after
 * ZCDMA_IOC_START, nor from fsync() on until the next block. What the caller writes to a block
 * after queueing it may be played or not.
 *
 * A file
 *
 * open() gives a file that can ask for ZCDMA_IOC_INFO and ZCDMA_IOC_STATS; any number of them may
 * be open. The one that succeeds in ZCDMA_IOC_SETUP owns the stream until its last descriptor and
 * its last mapping are gone; other files get EBUSY from ZCDMA_IOC_SETUP. Calls that need a ring
 * fail with EBADFD on a file without one. O_RDONLY is enough unless the mapping must be writable.
 *
 * Descriptors may be passed to other processes, and all calls made by any number of threads.
 *
 * mmap	   The ring is one mapping of zcdma_dev_setup.ring_bytes, block i at i * stride. Any part of
 *	   it may be mapped, up to 4096 times (else ENOMEM; 1024 on machines with pages of 64 KiB,
 *	   which have larger chunks). MAP_SHARED only (EINVAL). PROT_READ is enough for sending;
 *	   PROT_WRITE needs O_RDWR, and is for calls that insist on it, as io_uring does for
 *	   registered buffers. A child does not inherit the mapping, it cannot grow, it is not in
 *	   core dumps.
 *	   From every memory model but ZCDMA_DEV_COHERENT the mapping is good for MSG_ZEROCOPY,
 *	   vmsplice(), O_DIRECT and io_uring.
 *
 * read	   Copies the stream, in order, out of the blocks that were not taken; a block goes back
 *	   to the device when its last byte is read. Returns what is there, at least one byte;
 *	   waits while there is nothing (EAGAIN with O_NONBLOCK); 0 is the end of the stream. A
 *	   block that the device could not fill is one EIO.
 *
 * splice   The same without the copy: the pipe gets the pages, and the block drains until all of
 *	   them came back. Never waits: EAGAIN while there is nothing, poll() first. A slot of the
 *	   pipe takes all that is contiguous, up to .chunk_bytes_max (from ZCDMA_DEV_PAGES: a page),
 *	   though the kernel lets a call move no more than a page for each free slot. From
 *	   ZCDMA_DEV_COHERENT splice copies, which zcdma_dev_stats.splice_copied_bytes counts.
 *
 *	   To an output device splice() and sendfile() do not copy either: the device fetches the
 *	   pipe's pages, and has them until it has played them. They take the place of a block's
 *	   memory, with at most zcdma_dev_info.frags_max pieces, and are queued in order with blocks
 *	   and write(). What is written to them meanwhile may be played or not. The pages count
 *	   against RLIMIT_MEMLOCK of who spliced them. What the device cannot fetch is copied:
 *	   zcdma_dev_stats.splice_copied_by. The call waits for data and an empty block (EAGAIN with
 *	   SPLICE_F_NONBLOCK, and for the block with O_NONBLOCK).
 *
 * write	   To an output device: copies into empty blocks; one that is full is queued. Waits
 *	   while there is none (EAGAIN with O_NONBLOCK). EIO: the device has halted. Other devices,
 *	   and read() and splice() from an output device: EINVAL.
 *
 * fsync	   Of an output device: queues what write() has begun (EINVAL where that is not a
 *	   multiple of zcdma_dev_info.length_align), and waits until all is played. EIO once after
 *	   blocks were not played, as the device failed with them, halted, or was stopped. Other
 *	   devices: EINVAL.
 *
 * pread, splice and sendfile with an offset
 *	   At zcdma_dev_block.position they address the bytes of a block that is held by
 *	   ZCDMA_IOC_TAKE, and change nothing of its state. Give the block back as soon as the call
 *	   returned: pages in a pipe or a socket are waited for. EINVAL where that block is not
 *	   held. Kernels before 5.19 refuse sendfile() from any character device (EINVAL). There is
 *	   no sendfile() of the stream itself (EINVAL), as it loses what a socket has no room for.
 *
 * poll	   POLLIN where ZCDMA_IOC_TAKE or read() would not wait, the end of the stream included.
 *	   POLLOUT of an output device, where ZCDMA_IOC_TAKE or write() would not.
 *	   zcdma_dev_setup.watermark has poll() wait for more blocks. POLLERR | POLLHUP where the
 *	   device is gone.
 *
 * When the device is removed or unbound, every call fails with ENODEV. Mappings stay as they are,
 * but those of ZCDMA_DEV_COHERENT, whose memory goes with the device: SIGBUS. Pages on their way
 * through a socket or a pipe always stay good.
 *
 * Structures
 *
 * Every ioctl takes a pointer to a structure whose .size the caller sets to its sizeof(). The
 * structures may grow at the end: a kernel that knows less than the caller answers E2BIG unless the
 * rest is zero; one that knows more takes the rest as zero, and returns only what there is room
 * for. Less than the size of version 1 is EINVAL, more than a page E2BIG. Fields marked "out" are
 * written and never read; "reserved" ones, and unknown flags, must be zero (EINVAL). Where the
 * answer cannot be written (EFAULT) nothing has happened: a block that was taken is the next one
 * again; but channels that ZCDMA_IOC_START_GROUP started were stopped after. The layout is the same
 * for 32 and 64 bit. No addresses of the kernel or the bus are in it.
 */
#ifndef _UAPI_LINUX_ZCDMA_H
#define _UAPI_LINUX_ZCDMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCDMA_DEV_ABI_VERSION 1

/* How the memory of a ring is allocated and mapped. */
enum zcdma_dev_model {
	ZCDMA_DEV_COHERENT = 0,	/* dma_alloc_coherent(): a mapping without pages, for comparison */
	ZCDMA_DEV_PAGES = 1,	/* large allocations, split into single pages */
	ZCDMA_DEV_COMPOUND = 2,	/* one compound page for a block, or several for a large one */
	ZCDMA_DEV_SCATTER = 3,	/* compound pages of decreasing size: any size of block, no waste */
	ZCDMA_DEV_IMPORTED = 4,	/* dma-bufs of other drivers, one for each block */
};

/* What becomes of the mapping of a block while the device owns it. */
enum zcdma_dev_policy {
	ZCDMA_DEV_TRACK = 0,	/* it stays, and shows whatever the device writes */
	ZCDMA_DEV_STRICT = 1,	/* it is revoked until the block is taken again: SIGBUS;
				 * not for ZCDMA_DEV_COHERENT
				 */
};

#define ZCDMA_DEV_INFO_PACED (1U << 0) /* zcdma_dev_setup.rate may be set */
#define ZCDMA_DEV_INFO_LIMITED (1U << 1) /* there is memory that the device does not reach */
#define ZCDMA_DEV_INFO_OUT (1U << 2) /* an output device: it plays blocks */
#define ZCDMA_DEV_INFO_TIMEOUT (1U << 3) /* zcdma_dev_setup.timeout_ns may be set */
#define ZCDMA_DEV_INFO_EXPORT (1U << 4) /* this kernel has ZCDMA_IOC_EXPORT */
#define ZCDMA_DEV_INFO_CONTROL (1U << 5) /* ZCDMA_DEV_SETUP_CONTROL may be set */
#define ZCDMA_DEV_INFO_GROUP (1U << 6) /* ZCDMA_IOC_START_GROUP starts it with other channels */

/* What a device's own time counts: zcdma_dev_block.device_time. */
enum zcdma_dev_clock {
	ZCDMA_DEV_CLOCK_NONE = 0,
	ZCDMA_DEV_CLOCK_MONOTONIC = 1,	/* as clock_gettime(CLOCK_MONOTONIC) */
	ZCDMA_DEV_CLOCK_TAI = 2,	/* as clock_gettime(CLOCK_TAI), by PTP for example */
	ZCDMA_DEV_CLOCK_COUNTER = 3,	/* a counter of the device, from any start */
};

/*
 * ZCDMA_IOC_INFO: what this kernel and this device can do. Never assume any of it.
 */
struct zcdma_dev_info {
	__u32 size;
	__u32 abi_version;	/* out: ZCDMA_DEV_ABI_VERSION of the driver */
	__u32 page_size;	/* out: mmap granularity */
	__u32 models;		/* out: bit 1 << model for each that is supported */
	__u32 policies;		/* out: bit 1 << policy */
	__u32 default_model;	/* out */
	__u32 block_align;	/* out: .block_size must be a multiple of this */
	__u32 blocks_max;	/* out: most blocks in a ring; the least is 2 */
	__u64 block_size_max;	/* out: largest block */
	__u64 ring_bytes_max;	/* out: largest ring, whatever RLIMIT_MEMLOCK says */
	__u64 chunk_bytes_max;	/* out: largest piece that is contiguous for device and CPU */
	__u64 memlock_bytes;	/* out: largest ring for this caller now; ~0 where unlimited */
	__u32 flags;		/* out: ZCDMA_DEV_INFO_* */
	__u32 chunks_max;	/* out: most contiguous pieces of a block that the device takes;
				 * 0: any number
				 */
	char source[16];	/* out: what fills or plays the blocks, a name that ends with a 0 */
	__u32 length_align;	/* out: what an output device plays must be a multiple of it */
	__u32 clock;		/* out: enum zcdma_dev_clock of the device's own times ... */
	__u32 clock_hz;		/* out: ... and how many of its units are a second */
	__u32 frags_max;	/* out: of an output device, the most pieces of others' memory that
				 * it fetches as a block; 0: splice() to it copies
				 */
	__u32 frag_align;	/* out: their address and length must be a multiple of this */
	__u32 reserved[3];
};

/* Each block of a simulated device with a rate is waited for by a timer. */
#define ZCDMA_DEV_RATE_BLOCKS 20000

/* The limits of zcdma_dev_setup.timeout_ns: a timer runs that often. */
#define ZCDMA_DEV_TIMEOUT_MIN 50000
#define ZCDMA_DEV_TIMEOUT_MAX 3600000000000

/*
 * ZCDMA_IOC_SETUP: allocate the ring and own the stream. Once for each open file.
 *
 * EBUSY: another file owns the stream. EALREADY: this one has a ring. EINVAL: a value is not what
 * ZCDMA_IOC_INFO allows. ENOMEM: memory is short. EPERM: it is beyond
 * RLIMIT_MEMLOCK (counted for the user who set it up, over all devices) without CAP_IPC_LOCK. After
 * ENOMEM and EPERM .blocks_fit is how many blocks of that size would have fit. EMSGSIZE: the memory
 * is in more pieces than zcdma_dev_info.chunks_max allows for a block; .chunks is how many.
 *
 * ZCDMA_DEV_IMPORTED: a ring made of dma-bufs of other drivers, as of /dev/udmabuf, a DMA heap or
 * ZCDMA_IOC_EXPORT: one for each block, of at least .block_size bytes, each once. The ring keeps
 * them; the descriptors may be closed. It is not charged. The memory is used by its owner's mapping
 * or that of the dma-buf, between calls of DMA_BUF_IOCTL_SYNC. mmap(), read(), write(), splice()
 * and ZCDMA_IOC_EXPORT of the ring fail with EOPNOTSUPP. What else refers to the memory is not
 * known to the driver: *a block that is given back may be filled at once.* So give it back when
 * nothing reads it any more: after the completion of MSG_ZEROCOPY; splice() and vmsplice() have
 * none, so do not use them. EBADF, EINVAL: not a dma-buf, too small, there twice, or in pieces that
 * the device does not take. EOPNOTSUPP: the kernel would have to bounce what this device transfers;
 * or, of a device in whose place the CPU works, the exporter gives the CPU no access. Other errors
 * are the exporter's, as EBUSY for a block that is not held.
 */
struct zcdma_dev_setup {
	__u32 size;
	__u32 model;		/* enum zcdma_dev_model */
	__u32 policy;		/* enum zcdma_dev_policy */
	__u32 flags;		/* ZCDMA_DEV_SETUP_* */
	__u64 block_size;	/* bytes of data in a block */
	__u64 rate;		/* bytes/s that a simulated device produces, at most
				 * ZCDMA_DEV_RATE_BLOCKS in a second; 0: as fast as it can, and
				 * all that is valid without ZCDMA_DEV_INFO_PACED
				 */
	__u64 seed;		/* of the pattern that a simulated device writes */
	__u32 blocks;		/* in the ring */
	__u32 blocks_fit;	/* out */
	__u64 stride;		/* out: from one block to the next in the mapping */
	__u64 ring_bytes;	/* out: size of the whole mapping */
	__u32 chunks;		/* out: contiguous pieces that block 0 consists of */
	__u32 bounced;		/* out: blocks that the kernel copies to where they are wanted */
	__u64 timeout_ns;	/* how long a byte waits for its block to be full, from
				 * ZCDMA_DEV_TIMEOUT_MIN to ZCDMA_DEV_TIMEOUT_MAX: then the device
				 * is asked for a block that is not. 0: without limit, and all that
				 * is valid without ZCDMA_DEV_INFO_TIMEOUT
				 */
	__u32 watermark;	/* how many blocks poll() waits for, at most .blocks; 0 is 1. It
				 * waits for no more where the stream has ended, the device has no
				 * block left, a block is not full, or has been full for
				 * .timeout_ns
				 */
	__s32 node;		/* with ZCDMA_DEV_SETUP_NODE: the NUMA node of the memory */
	__u64 dmabufs;		/* of ZCDMA_DEV_IMPORTED: the address of .blocks descriptors, each
				 * __s32; else 0
				 */
	__u64 control_offset;	/* out: with ZCDMA_DEV_SETUP_CONTROL, where its page is mapped ... */
	__u64 control_bytes;	/* out: ... and its size; else 0 */
	__u64 reserved;
};

/*
 * zcdma_dev_setup.node counts. Without it the memory is on the node of the device that does the
 * DMA.
 */
#define ZCDMA_DEV_SETUP_NODE (1U << 0)
/*
 * Make a control page: struct zcdma_dev_control. EINVAL with ZCDMA_DEV_STRICT, or a .watermark
 * above 1.
 */
#define ZCDMA_DEV_SETUP_CONTROL (1U << 1)

/*
 * ZCDMA_IOC_START (argument 0): start the device. ZCDMA_IOC_STOP (argument 0): stop it. Full blocks
 * can still be taken; an output device drops what was queued and not played. Starting again
 * continues the stream where it stopped. Both return 0 if there is nothing to change. START fails
 * with EIO if the device has halted and was not stopped, and with the errors of the device.
 *
 * A simulated device writes the pattern: each aligned 64-bit little-endian word holds its own
 * stream offset divided by 8, xored with the seed.
 */

/* The most rings that start together. */
#define ZCDMA_DEV_GROUP_MAX 32

/*
 * ZCDMA_IOC_START_GROUP: start several channels of one device at the same time of that device: the
 * ring of this file, and those of .count others. All start or none does. The first byte of each
 * stream is of .device_time, and so is zcdma_dev_block.device_time of its first block, unless data
 * was lost before that. Each is stopped by itself; a device that is started again after the machine
 * slept is too.
 *
 * Channels of one device have the same parent in sysfs. EOPNOTSUPP: one has no
 * ZCDMA_DEV_INFO_GROUP. EINVAL: .count is 0 or too large; a file is not of this driver, or is there
 * twice; or they are not of one device. EBADF: a descriptor is not open. EBADFD: a file has no
 * ring. EBUSY: one runs already, also if it has halted, or a dma-buf of its whole ring is mapped.
 * EIO: one sleeps. ENODEV: one is gone. Other errors are of the device.
 */
struct zcdma_dev_group {
	__u32 size;
	__u32 count;		/* of .fds, 1 to ZCDMA_DEV_GROUP_MAX - 1 */
	__u64 fds;		/* the address of as many descriptors, each __s32 */
	__u64 device_time;	/* out: when they started, in units of the device's clock */
	__u32 clock;		/* out: of .device_time, enum zcdma_dev_clock; 0: it is not known */
	__u32 reserved[5];
};

#define ZCDMA_DEV_BLOCK_LOST (1U << 0) /* data was lost right before this block */
#define ZCDMA_DEV_BLOCK_ERROR (1U << 1) /* the device could not fill it: see .error */
/* Discontinuity: data may be missing right before this block. .offset and .seq do not count it. */
#define ZCDMA_DEV_BLOCK_GAP (1U << 2)

/*
 * ZCDMA_IOC_TAKE: take the next full block, which is the caller's until ZCDMA_IOC_GIVE. Blocks come
 * in stream order. Waits for one, or fails with EAGAIN under O_NONBLOCK. ENODATA: the device is
 * stopped, and every block was taken. EIO: it has halted, and every block was taken.
 *
 * Of an output device: take an empty block. .length is 0, and .offset, .seq and .time_ns are of
 * what was in it, .time_ns being when that was played. ZCDMA_DEV_BLOCK_ERROR says that it was not:
 * .error is EIO where the device failed with it, and ECANCELED where ZCDMA_IOC_STOP dropped it.
 * Never ENODATA; EIO at once where it has halted.
 */
struct zcdma_dev_block {
	__u32 size;
	__u32 index;		/* out: in the ring */
	__u32 flags;		/* out: ZCDMA_DEV_BLOCK_* */
	__u32 lost;		/* out: how many blocks were lost right before this one */
	__u64 length;		/* out: bytes of data; may be less than .block_size */
	__u64 mmap_offset;	/* out: of its first byte in the mapping: index * stride */
	__u64 position;		/* out: of its first byte for pread() and splice() */
	__u64 offset;		/* out: of its first byte in the stream */
	__u64 seq;		/* out: counts what the device produced, lost blocks included */
	__u64 time_ns;		/* out: CLOCK_MONOTONIC, when it became full */
	__u32 error;		/* out: an errno where ZCDMA_DEV_BLOCK_ERROR is set, as EIO;
				 * .length is 0, and .offset goes on by .block_size
				 */
	__u32 clock;		/* out: of .device_time, enum zcdma_dev_clock; 0: it is not known */
	__u64 device_time;	/* out: when its first byte came, in units of the device's clock */
	__u32 reserved[2];
};

/*
 * ZCDMA_IOC_GIVE: give a block back, in any order. Never waits: a block with pages in flight drains
 * by itself. EINVAL: the index is out of range, or the block is not held by ZCDMA_IOC_TAKE, or
 * .length is wrong.
 *
 * To an output device: queue a block, or with a .length of 0 return it empty.
 */
struct zcdma_dev_give {
	__u32 size;
	__u32 index;
	__u64 length;		/* bytes of data, of an output device; else 0 */
};

/* The kernel's: what is the matter with the stream. */
#define ZCDMA_DEV_CONTROL_KICK (1U << 0) /* short of blocks: call poll() after giving back */
#define ZCDMA_DEV_CONTROL_ENDED (1U << 1) /* stopped: no more blocks come until ZCDMA_IOC_START */
#define ZCDMA_DEV_CONTROL_HALTED (1U << 2) /* the device has halted */
#define ZCDMA_DEV_CONTROL_GONE (1U << 3) /* the device is gone */

/*
 * The control page, for programs that take and give back without a call. With
 * ZCDMA_DEV_SETUP_CONTROL it is at .control_offset of what the file maps, apart from the ring, with
 * .control_bytes: this structure, and two arrays of .entries each, whose places it contains, and
 * the size of an entry. PROT_WRITE needs O_RDWR. All counters start at 0, are modulo 2^32, and
 * entry N of an array is at N modulo .entries, which is a power of two.
 *
 *	full	each entry is a struct zcdma_dev_block, as ZCDMA_IOC_TAKE returns it. A block is the
 *		caller's, and counts as held, as soon as it is there.
 *	given	each entry is a struct zcdma_dev_give, as ZCDMA_IOC_GIVE takes it; .size is not
 *	looked at.
 *
 * To take a block, one thread at a time:
 *
 *	1. load .filled with acquire semantics; if it equals .taken, no block is there: load .flags,
 *	   and .filled again, as a block may have come before the stream ended; poll() waits for the
 *	   next
 *	2. read the entry .taken, and the block
 *	3. store .taken + 1. Only poll() looks at it.
 *
 * To give a block back, one thread at a time:
 *
 *	1. write the entry .given, after the last access to the block
 *	2. store .given + 1 with release semantics
 *	3. with a full barrier in between, load .flags; if ZCDMA_DEV_CONTROL_KICK is set, call
 *	   poll(), of which a timeout of 0 will do: the device may wait for the block
 *
 * There is room for all blocks in each array, so neither overflows. The kernel looks at what was
 * given back when half of the blocks or less are left to the device, in poll(), fsync(),
 * ZCDMA_IOC_START and ZCDMA_IOC_STOP. A block that has pages in flight then drains, as after
 * ZCDMA_IOC_GIVE. Of the page the kernel trusts nothing: what is not an index of a block that is
 * held, or has a wrong length, is left out and counted in .refused, and if .given runs ahead by
 * more than .entries all of it. What the kernel wrote there it does not read again.
 *
 * ZCDMA_IOC_GIVE, pread() and splice() at a position, and ZCDMA_IOC_EXPORT work as without the
 * page. ZCDMA_IOC_TAKE, and read(), write() and splice() of the stream, fail with EBUSY, as the
 * page has all blocks.
 *
 * Of an output device, full has the empty blocks, as ZCDMA_IOC_TAKE returns them, and given queues
 * them.
 */
struct zcdma_dev_control {
	__u32 filled;		/* out: blocks that came into full */
	__u32 flags;		/* out: ZCDMA_DEV_CONTROL_* */
	__u32 refused;		/* out: entries of given that were refused */
	__u32 entries;		/* out: in each array */
	__u32 full_offset;	/* out: of the array, from the beginning of this structure */
	__u32 full_size;	/* out: bytes from one entry to the next */
	__u32 given_offset;	/* out: the same of the other */
	__u32 given_size;	/* out */
	__u32 reserved[8];
	__u32 taken;		/* the caller's: blocks that it took out of full */
	__u32 given;		/* the caller's: blocks that it put into given */
	__u32 padding[14];	/* so that the two sides write to different cache lines */
};

/* Why splice() to an output device copied. */
enum zcdma_dev_copied {
	ZCDMA_DEV_COPIED_DEVICE = 0,	/* the device fetches nothing but the ring's memory */
	ZCDMA_DEV_COPIED_ALIGN = 1,	/* the address or length is not a multiple of .frag_align */
	ZCDMA_DEV_COPIED_REACH = 2,	/* the device does not reach the memory */
	ZCDMA_DEV_COPIED_PAGE = 3,	/* a reference does not keep the page as it is */
	ZCDMA_DEV_COPIED_MEMLOCK = 4,	/* the pages are beyond RLIMIT_MEMLOCK */
	ZCDMA_DEV_COPIED_UNMAPPED = 5,	/* the DMA API did not map them, or memory is short */
	ZCDMA_DEV_COPIED_BOUNCED = 6,	/* the DMA API copied them, also counted in .bounced */
	ZCDMA_DEV_COPIED_REASONS
};

/*
 * ZCDMA_IOC_STATS: get the device's counters since the last ZCDMA_IOC_SETUP of any file. Any file
 * may ask. The same is in /sys/class/zcdma/zcdmaN/statistics, a number in each file.
 */
struct zcdma_dev_stats {
	__u32 size;
	__u32 running;		/* out: not 0 between start and stop, until it halts */
	__u64 blocks;		/* out: that the device filled */
	__u64 bytes;		/* out: in them */
	__u64 delivered;	/* out: blocks that user space took or read */
	__u64 given;		/* out: blocks that came back */
	__u64 overruns;		/* out: blocks that the device dropped */
	__u64 lost_bytes;	/* out: in them */
	__u64 failed;		/* out: blocks that the device could not fill */
	__u64 bounced;		/* out: filled blocks that the kernel copied, see zcdma_dev_setup */
	__u64 busy_at_release;	/* out: blocks that were in flight when they were given back */
	__u64 read_bytes;	/* out: copied by read() */
	__u64 splice_bytes;	/* out: moved by splice() without a copy */
	__u64 splice_copied_bytes; /* out: copied by splice() */
	__u64 next_seq;		/* out: sequence number that the device is at */
	__u32 ring_blocks;	/* out: blocks in the ring now; 0: no ring */
	__u32 free;		/* out: blocks free now */
	__u32 filling;		/* out: blocks filling now */
	__u32 full;		/* out: blocks full now */
	__u32 held;		/* out: blocks held now */
	__u32 draining;		/* out: blocks draining now */
	__u64 gaps;		/* out: discontinuities of unknown length: ZCDMA_DEV_BLOCK_GAP */
	__u64 underruns;	/* out: blocks that an output device needed and did not have */
	__u64 underrun_bytes;	/* out: in them */
	__u64 write_bytes;	/* out: copied by write() */
	__u64 short_blocks;	/* out: of .blocks, those that were not full */
	__u64 splice_copied_by[8]; /* out: of an output device's .splice_copied_bytes, by reason:
				    * enum zcdma_dev_copied
				    */
};

#define ZCDMA_DEV_EXPORT_RING (~0U) /* all blocks, as the mapping has them */

/*
 * ZCDMA_IOC_EXPORT: make a dma-buf of a block, or of the whole ring, which other drivers can import
 * (V4L2, DRM, RDMA) and programs can mmap(), with DMA_BUF_IOCTL_SYNC. In any state of the block; up
 * to 64 of a block, and 64 of the whole ring (EMFILE). A dma-buf is mapped as often as a ring may
 * be (ENOMEM of mmap(); what a child inherits beyond that raises SIGBUS).
 *
 * What an importer may touch, the device does not write to. An importer can map a block, for DMA,
 * for the kernel or by mmap(), only while it is held by ZCDMA_IOC_TAKE; else that fails with EBUSY.
 * From then on the block is in flight until all of that is unmapped: ZCDMA_IOC_GIVE lets it drain.
 * Neither a descriptor nor an attachment that is not mapped keeps a block, so a descriptor can be
 * made once, and used again whenever its block is taken. An importer may stay mapped longer than it
 * says that it is busy: V4L2 does until the buffer is queued with another descriptor, or freed.
 *
 * The whole ring can be mapped while the stream is stopped (EBUSY), and ZCDMA_IOC_START fails with
 * EBUSY until it is unmapped. Of an output device, which writes to nothing, all can be mapped at
 * any time and keeps nothing; what an importer writes to a block after queueing may be played or
 * not.
 *
 * The memory stays good, and charged, for as long as there is a reference to the dma-buf, even if
 * the file is closed; then all can be mapped, as nothing is filled any more. The removal of the
 * device takes nothing from importers. Until then the module stays.
 *
 * EINVAL: the index is out of range, or a flag is unknown. EACCES: O_RDWR, and the file is open for
 * reading only. EMFILE: there are as many dma-bufs, or descriptors, as there may be. EOPNOTSUPP:
 * ZCDMA_DEV_COHERENT, whose memory goes with the device; or the kernel has no dma-buf.
 */
struct zcdma_dev_export {
	__u32 size;
	__u32 index;		/* of a block, or ZCDMA_DEV_EXPORT_RING */
	__u32 flags;		/* O_CLOEXEC; O_RDWR, which mmap() needs for PROT_WRITE */
	__s32 fd;		/* out: the descriptor */
	__u64 bytes;		/* out: size of it: zcdma_dev_setup.stride, or .ring_bytes */
	__u32 reserved[4];
};

/*
 * The size is a field of the structures and not a part of these numbers, so that the numbers stay
 * when the structures grow.
 */
#define ZCDMA_IOC_MAGIC 0xDC
#define ZCDMA_IOC_INFO	_IO(ZCDMA_IOC_MAGIC, 0x00)
#define ZCDMA_IOC_SETUP	_IO(ZCDMA_IOC_MAGIC, 0x01)
#define ZCDMA_IOC_START	_IO(ZCDMA_IOC_MAGIC, 0x02)
#define ZCDMA_IOC_STOP	_IO(ZCDMA_IOC_MAGIC, 0x03)
#define ZCDMA_IOC_TAKE	_IO(ZCDMA_IOC_MAGIC, 0x04)
#define ZCDMA_IOC_GIVE	_IO(ZCDMA_IOC_MAGIC, 0x05)
#define ZCDMA_IOC_STATS	_IO(ZCDMA_IOC_MAGIC, 0x06)
#define ZCDMA_IOC_EXPORT	_IO(ZCDMA_IOC_MAGIC, 0x07)
#define ZCDMA_IOC_START_GROUP	_IO(ZCDMA_IOC_MAGIC, 0x08)

#endif /* _UAPI_LINUX_ZCDMA_H */
