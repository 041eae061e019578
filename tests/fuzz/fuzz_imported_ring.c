// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consumer of a ring, whose writer does anything at any time: blocks lie in the ring, none is handed out
 * while it is held, and what waits to be sent to the writer is bounded.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "handover/imported_ring.h"
#include "bytes.h"
#include "fuzz.h"
#include "../unit/lab.h"

#define PAGE   4096u
#define HELD   64
#define BLOCKS 9

const char *const fuzz_seeds[] = { NULL };

struct run {
	struct bytes in;
	struct zcdma_source src;
	struct zc_imported_ring ring;
	int writer;  /* its end of the socket */
	int ring_fd; /* its descriptor of the ring */
	uint64_t id, bytes;
	struct zcdma_block held[HELD];
	unsigned held_count;
	size_t out
		[BLOCKS]; /* bytes of a block that are announced and not put, of a ring in memory */
	bool ended;
};

static bool is_file(const struct run *r)
{
	return r->ring.offer.ring == ZC_HO_FILE;
}

/*
 * The writer
 */

static void send_bytes(const struct run *r, const void *data, size_t len)
{
	(void)!send(r->writer, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Choose a block for the writer: one that the consumer has put, whose release may not be sent yet; or any. */
static unsigned choose(struct run *r)
{
	unsigned start = take_byte(&r->in), blocks = r->ring.offer.blocks;

	for (unsigned i = 0; start < 250 && i < blocks; i++) {
		if (!r->out[(start + i) % blocks])
			return (start + i) % blocks;
	}
	return start % blocks;
}

/* Announce blocks, one of which may be spoiled. */
static void announce(struct run *r, unsigned how)
{
	unsigned count = 1 + take_byte(&r->in) % 4;
	struct zc_ho_msg msg;
	size_t len;

	zc_ho_begin(&msg, ZC_HO_BLOCK, count);
	for (unsigned i = 0; i < count; i++) {
		unsigned slot = choose(r);
		uint64_t at = is_file(r) ? take_short(&r->in) : slot * PAGE;

		msg.block[i] = (struct zc_ho_block){ .id = r->id++,
						     .seq = slot,
						     .offset = r->bytes,
						     .ring_offset = at,
						     .fd_offset = at,
						     .len = 1 + take_short(&r->in) % PAGE,
						     .flags = slot & ZCDMA_BLOCK_LOST,
						     .slot = slot };
		r->bytes += msg.block[i].len;
		r->out[slot] += msg.block[i].len;
	}
	len = zc_ho_len(&msg);
	if (how == 1)
		((uint8_t *)&msg)[take_short(&r->in) % len] ^= (uint8_t)take_byte(&r->in);
	send_bytes(r, &msg, len);
}

static void send_raw(struct run *r, unsigned how)
{
	const uint8_t *data;
	size_t len = take_data(&r->in, take_byte(&r->in), &data);

	(void)how;
	send_bytes(r, data, len);
}

static void send_end(struct run *r, unsigned how)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_END, 1);
	msg.end.blocks = r->id + (how & 1);
	msg.end.bytes = r->bytes;
	send_bytes(r, &msg, zc_ho_len(&msg));
}

static void read_releases(struct run *r, unsigned how)
{
	char data[sizeof(struct zc_ho_msg)];

	(void)how;
	while (recv(r->writer, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

/* Cut a file short, or hang up. */
static void disturb(struct run *r, unsigned how)
{
	if (is_file(r))
		fuzz_assert(!ftruncate(r->ring_fd, take_short(&r->in)));
	else if (how & 1)
		shutdown(r->writer, SHUT_RDWR);
}

/*
 * The consumer
 */

static bool overlap(const struct zcdma_block *a, const struct zcdma_block *b)
{
	return a->fd_offset < b->fd_offset + (int64_t)b->len &&
	       b->fd_offset < a->fd_offset + (int64_t)a->len;
}

static void check_block(const struct run *r, const struct zcdma_block *b)
{
	const unsigned char *data = b->data, *map = r->ring.map;

	fuzz_assert(b->len && b->len <= PAGE && b->index < r->ring.offer.blocks);
	if (is_file(r))
		return;
	fuzz_assert(!data || (data >= map && data + b->len <= map + r->ring.size));
	for (unsigned i = 0; i < r->held_count; i++)
		fuzz_assert(!overlap(b, &r->held[i]));
	/* A sanitizer, or SIGSEGV, sees what cannot be read. */
	for (size_t i = 0; data && i < b->len; i += 64)
		(void)*(const volatile unsigned char *)&data[i];
}

static void take_block(struct run *r, unsigned how)
{
	size_t most = how & 1 ? 1 + take_byte(&r->in) * 8 : SIZE_MAX;
	struct zcdma_block b;
	int rc;

	if (r->held_count == HELD)
		return;
	rc = zc_imported_ring_next(&r->ring, most, &b);
	if (rc == 1) {
		check_block(r, &b);
		r->held[r->held_count++] = b;
	} else if (rc != -EAGAIN) {
		r->ended = true;
	}
	fuzz_assert(r->ring.again_count <= r->ring.offer.blocks);
}

static void put_block(struct run *r, unsigned how)
{
	unsigned i;

	if (!r->held_count)
		return;
	i = take_byte(&r->in) % r->held_count;
	if (!is_file(r))
		r->out[r->held[i].index] -= r->held[i].len;
	zc_imported_ring_put(&r->ring, r->held[i].index, how & 1 ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	r->held[i] = r->held[--r->held_count];
	fuzz_assert(r->ring.again_count <= r->ring.offer.blocks);
}

/* Each step gets the rest of the number that chose it. Steps that can end a run are chosen rarely. */
static void (*const steps[])(struct run *r, unsigned how) = {
	announce, announce, take_block, take_block, take_block, put_block, put_block, put_block,
};
static void (*const rare_steps[])(struct run *r, unsigned how) = {
	send_raw,
	send_end,
	disturb,
	read_releases,
};

static void do_step(struct run *r)
{
	unsigned op = take_byte(&r->in);

	if (op >= 4)
		steps[op % ARRAY_SIZE(steps)](r, op / ARRAY_SIZE(steps));
	else
		rare_steps[op](r, take_byte(&r->in));
}

/* Open the ring that the first bytes describe. Returns false if the offer is refused. */
static bool open_ring(struct run *r)
{
	const unsigned kind = take_byte(&r->in), blocks = 1 + take_byte(&r->in) % BLOCKS;
	const unsigned flags = (kind & 2 ? ZC_USE_READ : 0) | (kind & 4 ? ZC_USE_FD : 0) |
			       (kind & 8 ? ZC_USE_REPLACE : 0);
	struct zc_ring_offer call = { .page = -1,
				      .offer = { .ring = kind & 1 ? ZC_HO_FILE : ZC_HO_MEMORY,
						 .blocks = blocks,
						 .block_size = PAGE,
						 .stride = kind & 1 ? 0 : PAGE,
						 .page_size = PAGE } };
	const int small = 1;
	int pair[2];

	fuzz_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	/* A small buffer: it is soon full if the writer does not read. */
	fuzz_assert(!setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	call.sock = pair[0];
	r->writer = pair[1];
	r->ring_fd = memfd_create("ring", MFD_ALLOW_SEALING);
	call.fd = dup(r->ring_fd);
	fuzz_assert(call.fd >= 0 && !ftruncate(r->ring_fd, blocks * PAGE));
	if (call.offer.ring == ZC_HO_MEMORY)
		fcntl(r->ring_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (!zc_imported_ring_open(&r->ring, &r->src, flags, &call))
		return true;
	close(call.sock);
	close(call.fd);
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .in = { data, size },
			 .src = { .name = (char *)"ring",
				  .poll_events = POLLIN,
				  .poll_fd = -1,
				  .file_fd = -1 } };

	fuzz_assert(!zcdma_new(&r.src.ctx));
	if (open_ring(&r)) {
		while (r.in.left && !r.ended)
			do_step(&r);
		zc_imported_ring_leave(&r.ring);
		zc_imported_ring_close(&r.ring);
	}
	close(r.writer);
	close(r.ring_fd);
	zcdma_free(r.src.ctx);
	return 0;
}
