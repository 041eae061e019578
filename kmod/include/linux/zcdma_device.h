/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zcdma - what zcdma.ko offers to the modules of devices that fill its blocks
 *
 * zcdma-driver(9) is the guide, with a whole module to begin with.
 */
#ifndef _LINUX_ZCDMA_DEVICE_H
#define _LINUX_ZCDMA_DEVICE_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>
#include <linux/version.h>
#include <linux/zcdma.h>

struct dev_pm_ops;
struct device;
struct zcdma_device;

/* Import the namespace of these functions, once in each module. Since 6.13 its name is a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define ZCDMA_IMPORT_NS MODULE_IMPORT_NS("ZCDMA")
#else
#define ZCDMA_IMPORT_NS MODULE_IMPORT_NS(ZCDMA)
#endif

/* The most devices, of all modules together. */
#define ZCDMA_DEVICES_MAX 64

/**
 * DOC: Ownership of a block
 *
 * A block is the core's, but for the time from the call of &zcdma_device_ops.submit that accepts it
 * to the call of zcdma_block_done() or zcdma_block_failed() for it, or to the return of
 * &zcdma_device_ops.abort. Meanwhile it is the driver's: its &zcdma_block.node may be on a list of
 * the driver's, and its memory is the device's, unless zcdma_block_begin_cpu_access() gives it to
 * the CPU. Nothing but the device, or the driver in its place, writes to it then.
 *
 * DOC: Contexts and locks
 *
 * start, start_group, abort, register, unregister, suspend and resume may sleep. The core calls
 * start, start_group and abort one at a time for a device, with a mutex held: a driver must not
 * call unregister, suspend or resume from them.
 *
 * submit, flush and what this file calls a report - zcdma_block_done(), zcdma_block_failed(),
 * zcdma_block_wanted(), zcdma_stream_halted(), zcdma_stream_lost(), zcdma_stream_gap() - run in any
 * context in which a spinlock_t can be taken, so under PREEMPT_RT not in a hard interrupt. Make
 * reports one at a time for a stream, and only from the call of start to the return of abort. The
 * core calls submit after start or start_group returned and before it calls abort, on several
 * processors at a time, but one at a time for an output device, whose blocks have an order. It
 * holds no lock then that a report takes, and of the reports only zcdma_block_wanted() calls
 * submit: so submit and the other reports may run with the same lock of the driver's held. The same
 * is true of flush, of which one call runs at a time.
 *
 * DOC: Life and death
 *
 * While a file of a device is open or mapped, the core holds the module &zcdma_device_ops.owner, so
 * that rmmod says "in use". A device that is unplugged or unbound does not wait for its users: the
 * driver's remove calls zcdma_device_unregister(), after which the core calls none of its
 * operations and the device reaches none of the ring's memory, though files, mappings and pages in
 * flight stay.
 */

/**
 * struct zcdma_block - a block, as a driver sees it
 * @node: the driver's own, while it owns the block. Linked nowhere when submit is called. Take it
 *	off a list by list_del_init() before the block is reported, and before a list head is freed
 *	in abort.
 * @index: in the ring, from 0 to &zcdma_stream.blocks - 1
 * @length: of an output device, how many bytes to fetch, from submit on
 * @device_time: when its first byte came, by &zcdma_device_ops.clock; set it before the report, or
 *	leave it 0 where it is not known
 */
struct zcdma_block {
	struct list_head node;
	u32 index;
	u64 length;
	u64 device_time;

	/* private: */
	unsigned int state;	/* enum zcdma_state */
	u32 lost;
	int error;		/* why it is without data, or 0 */
	bool gap;		/* data may be missing before it, of unknown length */
	bool ready;		/* queued for an output device, which may have it */
	u32 users;		/* calls that are reading from it */
	u32 exports;		/* dma-bufs made of it alone */
	u64 offset;
	u64 seq;
	u64 time_ns;
	u64 since_ns;		/* when it came into its state, while that is traced, or 0 */
	struct zcdma_frags *frags; /* fetched in the place of its memory, or NULL */
};

/**
 * struct zcdma_stream - a ring, as a driver sees it
 * @priv: what zcdma_device_register() was given
 * @context: the driver's own, from start to abort
 * @block_size: bytes that the device fills of a block
 * @blocks: in the ring
 * @rate: bytes in a second, or 0 for as fast as blocks come; never set unless
 *	&zcdma_device_ops.paced
 * @seed: of the pattern, for a device that has no data of its own
 *
 * All but @context is read-only, and stays the same from start to abort.
 */
struct zcdma_stream {
	void *priv;
	void *context;
	size_t block_size;
	unsigned int blocks;
	u64 rate;
	u64 seed;
};

/**
 * struct zcdma_device_ops - the operations of a device
 * @owner: THIS_MODULE
 * @name: of the driver, for sysfs and user space: at most 15 characters
 * @out: an output device: it fetches the blocks that user space fills, in the order of submit
 * @dir: DMA_FROM_DEVICE, or DMA_TO_DEVICE of an output device; or DMA_BIDIRECTIONAL where the CPU
 *	writes or reads in the device's place
 * @paced: the device produces at &zcdma_stream.rate; others are asked for no rate
 * @start: Start the device. Returns 0, and blocks are submitted; or a negative errno, and nothing
 *	runs. May sleep.
 * @start_group: Start @count channels of one parent, all of these operations, at the same time of
 *	the device, or none of them. Otherwise as @start of each: returns 0, and blocks of each are
 *	submitted; or a negative errno, and nothing runs. *@device_time is the time of their first
 *	bytes, by @clock; it stays 0 where that is not known. May sleep. NULL where the device
 *	cannot.
 * @submit: Queue a block to be filled, or fetched. Returns 0, and the block is the driver's; or a
 *	negative errno where the device has no room for more, and it stays the core's, which submits
 *	it again when user space gives a block back, or zcdma_block_wanted() asks. Must not sleep.
 * @clock: what &zcdma_block.device_time counts; ZCDMA_DEV_CLOCK_NONE of a device without a clock
 * @clock_hz: how many of its units are a second; 0 without a clock
 * @flush: Have the block that is being filled reported by zcdma_block_done(), though it is not
 *	full, as soon as the device can, within this call or later; or do nothing where none has
 *	data. Must not sleep. NULL where the device cannot, and of an output device.
 * @abort: Stop the device, even if it is broken or gone. On return no report runs or will come, the
 *	device writes to no memory, and all blocks are the core's, which takes them off a list of
 *	the driver's itself. May sleep.
 */
struct zcdma_device_ops {
	struct module *owner;
	const char *name;
	bool out;
	enum dma_data_direction dir;
	bool paced;
	enum zcdma_dev_clock clock;
	u32 clock_hz;
	int (*start)(struct zcdma_stream *stream);
	int (*start_group)(struct zcdma_stream *const *streams, unsigned int count,
			   u64 *device_time);
	int (*submit)(struct zcdma_stream *stream, struct zcdma_block *block);
	void (*flush)(struct zcdma_stream *stream);
	void (*abort)(struct zcdma_stream *stream);
};

/**
 * struct zcdma_limits - the limits of a device that the DMA API does not know
 * @align: of &zcdma_stream.block_size, in bytes: a power of two
 * @chunks_max: the most contiguous pieces of a block
 * @block_size_max: bytes
 * @frags_max: of an output device, the most pieces of a block that it fetches from any pages, as
 *	splice() has them, and not from the ring. 0: it fetches the ring's memory alone, and
 *	splice() copies. The core has a limit of its own, 256.
 * @frag_align: of the address and the length of such a piece, in bytes: a power of two, at most a
 *	page. 0 is as @align
 *
 * A device with @frags_max is submitted a block with another list of pieces each time: let submit,
 * or what comes after it, ask zcdma_block_dma() for them.
 *
 * The DMA API knows its mask and its largest segment. Rings beyond any of them are refused. 0 means
 * unlimited.
 */
struct zcdma_limits {
	u32 align;
	u32 chunks_max;
	size_t block_size_max;
	u32 frags_max;
	u32 frag_align;
};

/**
 * zcdma_device_register - add a device, the next free /dev/zcdmaN
 * @parent: the device that has it, for sysfs
 * @dma: the device that does its DMA, with its mask and its largest segment set: @parent itself, or
 *	a controller, which has to stay bound: link @parent to it, by device_link_add()
 * @ops: must stay until zcdma_device_unregister()
 * @limits: copied; may be NULL
 * @priv: for the driver's own use
 *
 * Call it last in probe: the device may be in use before it returns. Returns the device, or an
 * error pointer: -EINVAL where @ops or @limits contradict this file, -ENOSPC where there are
 * ZCDMA_DEVICES_MAX, -ENOMEM. May sleep.
 */
struct zcdma_device *zcdma_device_register(struct device *parent, struct device *dma,
					   const struct zcdma_device_ops *ops,
					   const struct zcdma_limits *limits, void *priv);

/**
 * zcdma_device_unregister - remove a device, even one in use
 * @zdev: the device
 *
 * Waits for the calls of user space that are in the core, stops the device, and unmaps the ring's
 * memory from it. Files and mappings may stay open; their calls fail with ENODEV. May sleep.
 */
void zcdma_device_unregister(struct zcdma_device *zdev);

/**
 * zcdma_device_priv - get what zcdma_device_register() was given
 * @zdev: the device
 */
void *zcdma_device_priv(const struct zcdma_device *zdev);

/**
 * zcdma_device_suspend - stop a device before the machine sleeps or ends, or as its bus has failed
 * @zdev: the device
 *
 * On return it writes to no memory. User space goes on waiting for blocks. May sleep.
 */
void zcdma_device_suspend(struct zcdma_device *zdev);

/**
 * zcdma_device_resume - start a device again after zcdma_device_suspend()
 * @zdev: the device
 *
 * The stream has a gap there. Where start fails the stream halts. May sleep.
 */
void zcdma_device_resume(struct zcdma_device *zdev);

/*
 * The two as sleep operations of a driver whose drvdata is what zcdma_device_register() returned.
 */
extern const struct dev_pm_ops zcdma_pm_ops;

/**
 * zcdma_stream_block - get a block by its index, for a driver that prepares descriptors in start
 * @stream: the stream
 * @index: below &zcdma_stream.blocks
 *
 * The block is not the driver's by that.
 */
struct zcdma_block *zcdma_stream_block(struct zcdma_stream *stream, unsigned int index);

/**
 * zcdma_stream_offset - get the offset in the stream at which the next report begins
 * @stream: the stream
 *
 * Only reports move it, and a driver makes them one at a time.
 */
u64 zcdma_stream_offset(const struct zcdma_stream *stream);

/**
 * zcdma_block_dma - get the bus address of a byte of a block
 * @stream: the stream
 * @block: one of its blocks
 * @off: of the byte in the block, below &zcdma_stream.block_size
 * @bytes: set to how many are contiguous from there on for the device, within its largest segment
 *
 * The addresses of a block stay the same from start to abort, unless &zcdma_limits.frags_max is
 * set. Any context.
 */
dma_addr_t zcdma_block_dma(const struct zcdma_stream *stream, const struct zcdma_block *block,
			   size_t off, size_t *bytes);

/**
 * zcdma_block_begin_cpu_access - let the CPU use a block in the device's place
 * @stream: the stream
 * @block: the driver's
 *
 * For a device whose FIFO the CPU empties or fills; its &zcdma_device_ops.dir is DMA_BIDIRECTIONAL.
 * Returns 0; or a negative errno of the driver whose memory it is (ZCDMA_DEV_IMPORTED), and the
 * block is to be reported by zcdma_block_failed(). May sleep.
 */
int __must_check zcdma_block_begin_cpu_access(struct zcdma_stream *stream,
					      struct zcdma_block *block);

/**
 * zcdma_block_end_cpu_access - end it, before the block is reported
 * @stream: the stream
 * @block: the driver's
 *
 * Returns 0, or a negative errno as zcdma_block_begin_cpu_access() does. May sleep.
 */
int __must_check zcdma_block_end_cpu_access(struct zcdma_stream *stream, struct zcdma_block *block);

/**
 * zcdma_block_vaddr - get where the CPU finds a byte of a block
 * @stream: the stream
 * @block: the driver's, between the two calls above
 * @off: of the byte in the block, below &zcdma_stream.block_size
 * @bytes: set to how many are contiguous from there on for the CPU
 *
 * Any context.
 */
void *zcdma_block_vaddr(const struct zcdma_stream *stream, const struct zcdma_block *block,
			size_t off, size_t *bytes);

/**
 * zcdma_block_done - report that the device filled a block, or fetched it
 * @stream: the stream
 * @block: the driver's; the core's from here on
 * @bytes: how much of it, from 0 to &zcdma_stream.block_size; of an output device,
 *	&zcdma_block.length
 *
 * Blocks become full, or empty, in the order of these calls and those of zcdma_block_failed().
 */
void zcdma_block_done(struct zcdma_stream *stream, struct zcdma_block *block, size_t bytes);

/**
 * zcdma_block_failed - report that the device failed with a block, and accesses it no more
 * @stream: the stream
 * @block: the driver's; the core's from here on
 * @error: a negative errno
 *
 * User space gets the block in order, without data and with the error; of an output device, fsync()
 * fails. The stream goes on.
 */
void zcdma_block_failed(struct zcdma_stream *stream, struct zcdma_block *block, int error);

/**
 * zcdma_block_wanted - look for a free block for a device that has data and no block
 * @stream: the stream
 *
 * A device that can wait need not call this: the core looks for a block while the device has none.
 * Returns whether one was submitted, within the call, or is on its way on another processor: so
 * look, and do without where there is none yet. It looks at the pages of up to 64 blocks, each of
 * them where they are single: from an interrupt, call it for small blocks alone.
 */
bool zcdma_block_wanted(struct zcdma_stream *stream);

/**
 * zcdma_stream_lost - report that the device dropped data, or had none to put out, as it had no
 *	block
 * @stream: the stream
 * @bytes: how much
 *
 * An overrun, or the underrun of an output device. An underrun counts only where blocks were queued
 * since the device was started and user space did not say, by fsync(), that no more follow.
 */
void zcdma_stream_lost(struct zcdma_stream *stream, size_t bytes);

/**
 * zcdma_stream_gap - report that data may be missing before the next block, of unknown length
 * @stream: the stream
 */
void zcdma_stream_gap(struct zcdma_stream *stream);

/**
 * zcdma_stream_halted - report that the device cannot go on before it is stopped and started
 * @stream: the stream
 *
 * The last report. The blocks that it still had stay the driver's until abort.
 */
void zcdma_stream_halted(struct zcdma_stream *stream);

#endif /* _LINUX_ZCDMA_DEVICE_H */
