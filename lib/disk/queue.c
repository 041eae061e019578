// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The queue of a ublk device: for each tag a command waits in the kernel, which completes it with a request; the next command
 * of the tag brings the result, and waits again. Documentation/block/ublk.rst.
 */
#include <string.h>

#include "disk/disk.h"

#define SECTOR_SHIFT 9

/* What a request of the device is in NBD. */
static const struct {
	bool known;
	uint16_t command;
	bool has_data; /* so that its result is bytes */
} operations[] = {
	[UBLK_IO_OP_READ] = { true, NBD_CMD_READ, true },
	[UBLK_IO_OP_WRITE] = { true, NBD_CMD_WRITE, true },
	[UBLK_IO_OP_FLUSH] = { true, NBD_CMD_FLUSH, false },
	[UBLK_IO_OP_DISCARD] = { true, NBD_CMD_TRIM, false },
	[UBLK_IO_OP_WRITE_ZEROES] = { true, NBD_CMD_WRITE_ZEROES, false },
};

size_t zc_disk_requests_size(void)
{
	const size_t page = zc_page_size();

	return (ZC_DISK_DEPTH * sizeof(struct ublksrv_io_desc) + page - 1) / page * page;
}

static void command(struct zcdma_disk *d, uint32_t op, unsigned tag, int result)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(d, IORING_OP_URING_CMD, d->char_fd, ZC_DISK_FETCH, tag);
	const struct ublksrv_io_cmd cmd = { .tag = (uint16_t)tag, .result = result };

	sqe->cmd_op = op;
	/* The buffer of the next request gets the tag as its index: struct ublk_auto_buf_reg. */
	if (d->device_flags & ZC_UBLK_F_AUTO_BUF_REG)
		sqe->addr = tag;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	d->slots[tag].state = ZC_DISK_IN_KERNEL;
}

void zc_queue_fetch(struct zcdma_disk *d)
{
	for (unsigned tag = 0; tag < ZC_DISK_DEPTH; tag++)
		command(d, ZC_UBLK_FETCH, tag, -1);
	d->fetched = true;
}

static void count(struct zcdma_disk *d, const struct zc_disk_slot *s, int result)
{
	struct zcdma_disk_stats *stats = &d->stats;

	if (result < 0) {
		stats->failed++;
		return;
	}
	switch (s->command) {
	case NBD_CMD_READ:
		stats->reads++;
		stats->read_bytes += s->len;
		break;
	case NBD_CMD_WRITE:
		stats->writes++;
		stats->written_bytes += s->len;
		break;
	case NBD_CMD_FLUSH:
		stats->flushes++;
		break;
	default:
		stats->discards++;
		stats->discarded_bytes += s->len;
	}
}

void zc_queue_complete(struct zcdma_disk *d, unsigned tag, int result)
{
	count(d, &d->slots[tag], result);
	command(d, ZC_UBLK_COMMIT_AND_FETCH, tag, result);
}

/* Returns the flags of NBD for those of a request. */
static uint16_t flags_of(uint16_t cmd, uint32_t flags)
{
	uint16_t nbd = flags & ZC_UBLK_IO_F_FUA ? NBD_CMD_FLAG_FUA : 0;

	if (cmd == NBD_CMD_WRITE_ZEROES && flags & ZC_UBLK_IO_F_NOUNMAP)
		nbd |= NBD_CMD_FLAG_NO_HOLE;
	return nbd;
}

/* Returns 0 if the request of @tag can be sent, or a negative errno to fail it with. */
static int describe(struct zcdma_disk *d, unsigned tag)
{
	const struct ublksrv_io_desc *request = &d->requests[tag];
	struct zc_disk_slot *s = &d->slots[tag];
	const uint8_t op = ublksrv_get_op(request);

	if (op >= ARRAY_SIZE(operations) || !operations[op].known)
		return -EOPNOTSUPP;
	*s = (struct zc_disk_slot){
		.command = operations[op].command,
		.flags = flags_of(operations[op].command, request->op_flags),
		.generation = s->generation + 1,
		.since_ns = zc_now_ns(),
	};
	/* The sector of a flush is not a place, and NBD wants 0. */
	if (s->command != NBD_CMD_FLUSH) {
		s->offset = request->start_sector << SECTOR_SHIFT;
		s->len = request->nr_sectors << SECTOR_SHIFT;
	}
	s->result = operations[op].has_data ? (int)s->len : 0;
	/*
	 * A swap area needs no memory to be written to, or the machine stands still. A connection needs some.
	 */
	if (request->op_flags & ZC_UBLK_IO_F_SWAP) {
		d->stats.swap_refused++;
		return -EIO;
	}
	return d->dead ? -EIO : 0;
}

void zc_queue_take(struct zcdma_disk *d, unsigned tag, int result)
{
	if (result != UBLK_IO_RES_OK) {
		/* UBLK_IO_RES_ABORT, as the device is stopped; or the kernel takes no command of this kind. */
		d->slots[tag].state = ZC_DISK_GONE;
		return;
	}
	result = describe(d, tag);
	if (result)
		zc_queue_complete(d, tag, result);
	else
		zc_wire_queue(d, tag);
}

bool zc_queue_is_gone(const struct zcdma_disk *d)
{
	for (unsigned tag = 0; d->fetched && tag < ZC_DISK_DEPTH; tag++) {
		if (d->slots[tag].state != ZC_DISK_GONE)
			return false;
	}
	return true;
}
