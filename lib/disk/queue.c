// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The queue of a ublk device: for each tag a command waits in the kernel, which completes it with a request; the next command
 * of the tag brings the result, and waits again. Documentation/block/ublk.rst.
 */
#include <string.h>
#include <sys/mman.h>

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

/* Returns the bytes of the kernel's descriptions of @depth requests. */
static size_t requests_size(unsigned depth)
{
	const size_t page = zc_page_size();

	return (depth * sizeof(struct ublksrv_io_desc) + page - 1) / page * page;
}

int zc_queue_map(struct zc_disk_queue *q)
{
	const off_t at = (off_t)(q->number * requests_size(ZC_UBLK_DEPTH_MOST));
	void *map = mmap(NULL, requests_size(q->d->depth), PROT_READ, MAP_SHARED | MAP_POPULATE,
			 q->d->char_fd, at);

	if (map == MAP_FAILED)
		return zc_fail(q->d->ctx, errno, "map the requests of %s", q->d->path);
	q->requests = map;
	return 0;
}

void zc_queue_unmap(struct zc_disk_queue *q)
{
	if (q->requests)
		munmap((void *)q->requests, requests_size(q->d->depth));
	q->requests = NULL;
}

static void command(struct zc_disk_queue *q, uint32_t op, unsigned tag, int result)
{
	struct io_uring_sqe *sqe =
		zc_disk_sqe(q, IORING_OP_URING_CMD, q->d->char_fd, ZC_DISK_FETCH, tag);
	const struct ublksrv_io_cmd cmd = { .q_id = (uint16_t)q->number,
					    .tag = (uint16_t)tag,
					    .result = result };

	sqe->cmd_op = op;
	/* The buffer of the next request gets the tag as its index: struct ublk_auto_buf_reg. */
	if (q->d->device_flags & ZC_UBLK_F_AUTO_BUF_REG)
		sqe->addr = tag;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	zc_disk_set_state(q, tag, ZC_DISK_IN_KERNEL);
}

void zc_queue_fetch(struct zc_disk_queue *q)
{
	for (unsigned tag = 0; tag < q->d->depth; tag++)
		command(q, ZC_UBLK_FETCH, tag, -1);
	q->fetched = true;
}

static void count(struct zc_disk_queue *q, const struct zc_disk_slot *s, int result)
{
	struct zcdma_disk_stats *stats = &q->stats;

	if (result < 0) {
		zc_disk_count(&stats->failed, 1);
		return;
	}
	switch (s->command) {
	case NBD_CMD_READ:
		zc_disk_count(&stats->reads, 1);
		zc_disk_count(&stats->read_bytes, s->len);
		break;
	case NBD_CMD_WRITE:
		zc_disk_count(&stats->writes, 1);
		zc_disk_count(&stats->written_bytes, s->len);
		break;
	case NBD_CMD_FLUSH:
		zc_disk_count(&stats->flushes, 1);
		break;
	default:
		zc_disk_count(&stats->discards, 1);
		zc_disk_count(&stats->discarded_bytes, s->len);
	}
}

void zc_queue_complete(struct zc_disk_queue *q, unsigned tag, int result)
{
	count(q, &q->slots[tag], result);
	command(q, ZC_UBLK_COMMIT_AND_FETCH, tag, result);
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
static int describe(struct zc_disk_queue *q, unsigned tag)
{
	const struct ublksrv_io_desc *request = &q->requests[tag];
	struct zc_disk_slot *s = &q->slots[tag];
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
		zc_disk_count(&q->stats.swap_refused, 1);
		return -EIO;
	}
	return q->d->dead ? -EIO : 0;
}

void zc_queue_take(struct zc_disk_queue *q, unsigned tag, int result)
{
	if (result != UBLK_IO_RES_OK) {
		/* UBLK_IO_RES_ABORT, as the device is stopped; or the kernel takes no command of this kind. */
		zc_disk_set_state(q, tag, ZC_DISK_GONE);
		return;
	}
	result = describe(q, tag);
	if (result)
		zc_queue_complete(q, tag, result);
	else
		zc_wire_queue(q, tag);
}

bool zc_queue_is_gone(const struct zc_disk_queue *q)
{
	for (unsigned tag = 0; q->fetched && tag < q->d->depth; tag++) {
		if (q->slots[tag].state != ZC_DISK_GONE)
			return false;
	}
	return true;
}
