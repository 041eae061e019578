// SPDX-License-Identifier: GPL-2.0-only
/*
 * A writer that sends mostly valid messages, in random order. The consumer must not read wrong memory, nor accuse
 * a writer that kept the rules. Each run is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/source.h"
#include "handover_page.h"
#include "lab.h"

struct writer {
	struct zcdma_ctx *ctx;
	struct zcdma_source *in;
	unsigned flags;
	unsigned version;
	struct zc_shared_page page;
	int sock; /* -1: none */
	int ring, file;
	bool has_ring, guilty, told_end, hung_up;
	uint64_t id, bytes;
	bool out[4];
	struct zcdma_block held[16], last;
	unsigned held_count;
	/* what came of it, over all rounds */
	unsigned taken, pieces, ends, early, faults;
};

static void hang_up(struct writer *w)
{
	if (w->sock >= 0)
		close(w->sock);
	w->sock = -1;
	w->hung_up |= !w->told_end;
}

static void offer(struct writer *w)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int page = -1;
	const int fds[] = { w->ring,	w->ring,    w->ring,	   w->file,
			    pipe_fd[0], pipe_fd[1], w->in->poll_fd };

	if (one_in(3)) {
		msg.offer.ring = ZC_HO_FILE;
		msg.offer.stride = 0;
	}
	msg.head.version = (uint16_t)w->version;
	zc_shared_page_unmap(&w->page);
	if (w->version == ZC_HO_VERSION)
		page = zc_shared_page_create(&w->page, msg.offer.blocks);
	zc_ho_send(w->sock, &msg,
		   (const int[]){ fds[random_number() % ARRAY_SIZE(fds)],
				  one_in(8) ? pipe_fd[0] : pipe_fd[1], page });
	if (page >= 0)
		close(page);
}

/* Put the blocks into the page, where one in 200 times the number of them is spoiled. */
static void put_blocks(struct writer *w, const struct zc_ho_msg *msg)
{
	const struct zc_ho_msg wake = paged(ZC_HO_WAKE);

	for (uint32_t i = 0; i < msg->head.count; i++)
		zc_lane_put(&w->page.blocks, &msg->block[i]);
	if (one_in(200)) {
		mutate((unsigned char *)&w->page.blocks.head->put, sizeof(uint32_t));
		w->guilty = true;
	}
	if (zc_lane_must_wake(&w->page.blocks) || one_in(20))
		say(w->sock, &wake, -1, -1);
}

/* Announce blocks, mostly valid ones. */
static void tell_blocks(struct writer *w)
{
	unsigned count = 1 + (unsigned)(random_number() % 3);
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_BLOCK, 0);
	for (unsigned i = 0; i < count; i++) {
		uint32_t slot = random_number() % 4;
		struct zc_ho_block *b = &msg.block[msg.head.count];

		if (w->out[slot] && !one_in(200))
			continue;
		w->guilty |= w->out[slot] || w->told_end;
		w->out[slot] = true;
		*b = (struct zc_ho_block){ .id = w->id++,
					   .slot = slot,
					   .len = 1 + random_number() % BLOCK };
		b->ring_offset = b->fd_offset = slot * BLOCK;
		w->bytes += b->len;
		msg.head.count++;
		if (one_in(200)) {
			mutate((unsigned char *)b, sizeof(*b));
			w->guilty = true;
		}
	}
	if (msg.head.count && !w->page.map)
		say(w->sock, &msg, -1, -1);
	if (w->page.map)
		put_blocks(w, &msg);
}

static void tell_end(struct writer *w)
{
	struct zc_ho_msg msg = valid(ZC_HO_END);
	bool lie = one_in(4);

	msg.end.blocks = w->id;
	msg.end.bytes = w->bytes + lie;
	w->guilty |= lie || w->told_end;
	w->told_end = true;
	msg.head.version = (uint16_t)w->version;
	say(w->sock, &msg, -1, -1);
}

/* Send a message that is valid only elsewhere in the protocol. */
static void tell_nonsense(struct writer *w)
{
	static const enum zc_ho_type types[] = { ZC_HO_HELLO,  ZC_HO_OFFER,  ZC_HO_WELCOME,
						 ZC_HO_ACCEPT, ZC_HO_REFUSE, ZC_HO_RELEASE,
						 ZC_HO_LEAVE };
	struct zc_ho_msg msg = valid(types[random_number() % ARRAY_SIZE(types)]);

	say(w->sock, &msg, pipe_fd[1], pipe_fd[1]);
	w->guilty = true;
}

static void take_back(struct writer *w, const struct zc_ho_release *r)
{
	assert_in_range(r->slot, 0, 3);
	assert_true(w->out[r->slot]);
	w->out[r->slot] = false;
}

static void hear_page(struct writer *w)
{
	struct zc_ho_release r;

	while (w->page.map && !w->guilty && zc_lane_take(&w->page.releases, 4, &r) == 1)
		take_back(w, &r);
}

static void hear_writer(struct writer *w)
{
	int fds[ZC_HO_FDS];
	struct zc_ho_msg msg;

	hear_page(w);
	if (zc_ho_recv(w->sock, &msg, fds) != 1)
		return;
	if (msg.head.type == ZC_HO_ACCEPT) {
		assert_true(zc_ho_is_end(fds[0], pipe_fd[1], O_RDONLY));
		w->has_ring = true;
	}
	for (uint32_t i = 0; msg.head.type == ZC_HO_RELEASE && !w->guilty && i < msg.head.count;
	     i++)
		take_back(w, &msg.release[i]);
	zc_local_close(fds, ZC_HO_FDS);
}

/* Check that all of @b can be read, and that it does not overlap another held block. */
static void use(struct writer *w, const struct zcdma_block *b, size_t max)
{
	const char *data = b->data;
	char bytes[256];

	assert_in_range(b->len, 1, max ? max : BLOCK);
	if (b->fd_offset < 0 && !data) {
		assert_true(b->len <= sizeof(bytes));
		assert_int_equal(read(b->fd, bytes, b->len), b->len);
	}
	for (unsigned i = 0; data && i < w->held_count; i++) {
		const char *other = w->held[i].data;

		assert_true(data >= other + w->held[i].len || other >= data + b->len);
	}
	if (data)
		assert_int_equal(data[0] | data[b->len - 1], data[0]);
}

/* Take a block. Returns false if the source has ended or failed. */
static bool read_on(struct writer *w)
{
	size_t max = one_in(3) ? 1 + random_number() % BLOCK : 0;
	struct zcdma_block b;
	int rc;

	if (w->held_count == ARRAY_SIZE(w->held))
		return true;
	rc = zc_source_take(w->in, max, &b);
	if (rc == 1) {
		use(w, &b, max);
		w->pieces += b.index >= 1u << 16;
		w->held[w->held_count++] = b;
	}
	w->faults += rc == -EPROTO;
	w->early += rc == -EPIPE;
	/* Only a writer that broke the rules is accused. */
	assert_true(rc != -EPROTO || w->guilty);
	assert_true(rc != -EPIPE || w->hung_up || w->guilty);
	return rc == 1 || rc == -EAGAIN;
}

static void put_one(struct writer *w)
{
	unsigned i;

	if (!w->held_count)
		return;
	i = (unsigned)(random_number() % w->held_count);
	zc_source_put(w->in, &w->held[i],
		      w->flags & ZC_USE_REPLACE && one_in(2) ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	w->held[i] = w->held[--w->held_count];
}

static void call(struct writer *w)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);

	hang_up(w);
	zc_shared_page_unmap(&w->page);
	w->version = 1 + random_number() % ZC_HO_VERSION;
	msg.head.version = (uint16_t)w->version;
	w->has_ring = w->told_end = false;
	w->id = w->bytes = 0;
	memset(w->out, 0, sizeof(w->out));
	w->sock = zc_ho_connect(pipe_fd[1]);
	if (w->sock < 0 || one_in(16))
		return;
	say_name(w->sock, &msg, pipe_fd[1]);
	if (!one_in(8))
		offer(w);
}

static bool write_on(struct writer *w)
{
	static const char bytes[200];

	switch (random_number() % 32) {
	case 0:
		return write(pipe_fd[1], bytes, 1 + random_number() % 64) > 0;
	case 1:
		hang_up(w);
		return true;
	case 2:
	case 3:
		tell_end(w);
		return true;
	case 4:
		if (one_in(4))
			tell_nonsense(w);
		return true;
	default:
		hear_writer(w);
		if (w->has_ring && (!w->told_end || one_in(50)))
			tell_blocks(w);
		return true;
	}
}

static void play_writer(struct writer *w)
{
	static const unsigned flags[] = { 0, ZC_USE_REPLACE, ZC_USE_READ,
					  ZC_USE_FD | ZC_USE_REPLACE };
	bool more = true;

	w->flags = flags[random_number() % ARRAY_SIZE(flags)];
	assert_int_equal(lab_open(w->ctx, "-", LAB_HANDOVER | w->flags, &w->in), 0);
	w->held_count = 0;
	w->has_ring = w->guilty = w->told_end = w->hung_up = false;
	for (int i = 0; more && i < 80; i++) {
		if (one_in(2))
			more = read_on(w);
		else if (w->held_count && one_in(2))
			put_one(w);
		else if (w->sock < 0)
			call(w);
		else
			write_on(w);
		if (one_in(64))
			zc_wait(w->ctx, w->in, NULL, ZC_WAIT_BLOCK, 0);
		if (one_in(500))
			zcdma_source_stop(w->in);
	}
	w->taken += w->has_ring;
	w->ends += w->has_ring && w->told_end && !w->guilty;
	zcdma_source_close(w->in);
	hang_up(w);
	zc_shared_page_unmap(&w->page);
}

static void test_random_writer(void **state)
{
	char name[] = "/tmp/zcdma.XXXXXX";
	struct writer w = { .sock = -1, .ring = make_ring(), .file = mkstemp(name) };
	int before;

	(void)state;
	unlink(name);
	assert_int_equal(ftruncate(w.file, 4 * BLOCK), 0);
	assert_int_equal(zcdma_new(&w.ctx), 0);
	before = count_fds();
	for (int round = 0; round < 500; round++) {
		play_writer(&w);
		empty_pipe();
	}
	assert_int_equal(count_fds(), before);
	/* Some of each, or the test tests nothing. */
	assert_in_range(w.taken, 100, 500);
	assert_in_range(w.pieces, 400, 1000000);
	assert_in_range(w.ends, 5, 500);
	assert_in_range(w.early, 20, 500);
	assert_in_range(w.faults, 20, 500);
	zcdma_free(w.ctx);
	close(w.ring);
	close(w.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(test_random_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
