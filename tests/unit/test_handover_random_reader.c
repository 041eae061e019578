// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader that sends mostly valid messages, in random order. The producer must not reuse blocks that are out, nor
 * accuse a reader that kept the rules. Each run is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "handover/connect.h"
#include "source/source.h"
#include "handover_page.h"
#include "lab.h"

#define MOST 14 /* blocks in a round: they fit into the pipe, where they go as bytes */

struct reader {
	struct zcdma_ctx *ctx;
	struct zcdma_source *src;
	struct zcdma_path *path;
	unsigned version;
	struct zc_shared_page page; /* our view of it */
	int sock;
	uint32_t slot[MOST];
	bool told[MOST], back[MOST], give[MOST];
	unsigned heard; /* blocks */
	unsigned order[MOST], back_count, reaped;
	unsigned sent;
	unsigned blocks, out; /* of the ring, and taken from it */
	bool guilty, closed, left;
	uint64_t rest; /* the stream's offset from which on it is bytes */
	bool busy;
	struct zcdma_block b; /* with it */
	/* what came of it, over all rounds */
	unsigned given_back, faults, leaves;
};

static void reap(struct reader *r)
{
	struct zcdma_block b;

	while (zc_path_reap(r->path, &b)) {
		bool give = b.flags & ZC_BLOCK_REPLACE;

		/* Until the reader leaves, blocks come back in the order in which it released them. */
		if (!r->left) {
			assert_in_range(r->reaped, 0, r->back_count - 1);
			assert_int_equal(b.seq, r->order[r->reaped]);
		}
		if (r->back[b.seq])
			assert_int_equal(give, r->give[b.seq]);
		r->reaped++;
		r->out--;
		zc_source_put(r->src, &b, give ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	}
}

static void take_one(struct reader *r)
{
	int rc;

	while ((rc = zc_source_take(r->src, 0, &r->b)) == -EAGAIN)
		assert_int_equal(zc_wait(r->ctx, r->src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(rc, 1);
	r->out++;
}

/* Send a block if there is one to send. Returns false if the path has failed. */
static bool send_one(struct reader *r)
{
	int rc;

	if (!r->busy && (r->sent == MOST || r->out == r->blocks))
		return true;
	if (!r->busy)
		take_one(r);
	rc = zc_path_try(r->path, &r->b);
	r->busy = rc == ZC_SENT_BUSY;
	r->sent += rc == ZC_SENT_QUEUED || rc == ZC_SENT_DONE;
	assert_true(rc != ZC_SENT_DONE || r->left);
	if (rc == ZC_SENT_DONE) {
		zc_source_put(r->src, &r->b, ZC_PUT_REUSE);
		r->out--;
	}
	return rc >= 0;
}

static bool wait_a_little(struct reader *r)
{
	int rc = zc_wait(r->ctx, r->src, r->path, ZC_WAIT_ROOM | ZC_WAIT_COMPLETION, 0);

	return !rc || rc == -ETIMEDOUT;
}

static void hear_block(struct reader *r, const struct zc_ho_block *b)
{
	assert_int_equal(b->id, r->heard);
	r->slot[r->heard] = b->slot;
	/* An earlier block in the same slot was released. */
	for (unsigned k = 0; k < r->heard; k++)
		assert_true(r->back[k] || r->slot[k] != b->slot);
	r->heard++;
}

static void hear_blocks(struct reader *r)
{
	struct zc_ho_block b;
	struct zc_ho_msg msg;

	while (r->page.map && zc_lane_take(&r->page.blocks, MOST, &b) == 1)
		hear_block(r, &b);
	if (zc_ho_recv(r->sock, &msg, NULL) != 1 || msg.head.type != ZC_HO_BLOCK)
		return;
	for (uint32_t i = 0; i < msg.head.count; i++)
		hear_block(r, &msg.block[i]);
}

static void give_back(struct reader *r)
{
	const struct zc_ho_msg wake = paged(ZC_HO_WAKE);
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_RELEASE, 0);
	for (unsigned id = 0; id < r->heard; id++) {
		if (r->back[id] || one_in(3))
			continue;
		r->back[id] = true;
		r->give[id] = one_in(4);
		r->order[r->back_count++] = id;
		msg.release[msg.head.count++] =
			(struct zc_ho_release){ .id = id,
						.slot = r->slot[id],
						.how = r->give[id] ? ZC_PUT_REPLACE
								   : ZC_PUT_REUSE };
	}
	r->given_back += msg.head.count;
	if (msg.head.count && !r->page.map)
		say(r->sock, &msg, -1, -1);
	for (uint32_t i = 0; r->page.map && i < msg.head.count; i++)
		zc_lane_put(&r->page.releases, &msg.release[i]);
	if (r->page.map && zc_lane_must_wake(&r->page.releases))
		say(r->sock, &wake, -1, -1);
}

/* Put a release into the page of a block that does not exist, or say that there are more. */
static void lie_in_page(struct reader *r)
{
	const struct zc_ho_msg wake = paged(ZC_HO_WAKE);

	if (one_in(2))
		zc_lane_put(&r->page.releases, &(struct zc_ho_release){ .id = random_number() });
	else
		atomic_fetch_add(&r->page.releases.head->put, MOST + 1);
	say(r->sock, &wake, -1, -1);
	r->guilty = true;
}

/* Send a valid message at the wrong time, or about a block that does not exist. */
static void lie(struct reader *r)
{
	enum zc_ho_type type = 1 + random_number() % (ZC_HO_TYPES - 1);
	struct zc_ho_msg msg = valid(type);

	if (r->page.map && one_in(2)) {
		lie_in_page(r);
		return;
	}
	/* A valid one would say nothing false. */
	if (type == ZC_HO_WAKE)
		msg.head.version = ZC_HO_OLDEST;
	if (type == ZC_HO_LEAVE)
		msg.leave.id = r->sent + 1;
	else if (type == ZC_HO_RELEASE)
		msg.release[0].id = random_number();
	if (one_in(8))
		mutate((unsigned char *)&msg.head, sizeof(msg.head));
	send_raw(r->sock, &msg, zc_ho_len(&(struct zc_ho_msg){ .head = valid(type).head }),
		 (int)fds_of(type));
	r->guilty = true;
}

/* Leave. That breaks the rules if blocks were released out of order. */
static void leave(struct reader *r)
{
	struct zc_ho_msg msg = valid(ZC_HO_LEAVE);
	unsigned first = 0;

	while (first < r->heard && r->back[first])
		first++;
	for (unsigned id = first; id < r->heard; id++)
		r->guilty |= r->back[id];
	msg.leave.id = first;
	msg.leave.skip = first < r->heard && one_in(2) ? random_number() % PAGE : 0;
	msg.head.version = (uint16_t)r->version;
	if (!say(r->sock, &msg, -1, -1) && !r->guilty) {
		r->left = true;
		r->rest = first * PAGE + msg.leave.skip;
		r->leaves++;
	}
}

static void read_or_lie(struct reader *r)
{
	if (r->closed || r->left || r->guilty)
		return;
	hear_blocks(r);
	switch (random_number() % 64) {
	case 0:
		lie(r);
		break;
	case 1:
		leave(r);
		break;
	case 2:
		close(r->sock);
		r->closed = true;
		break;
	default:
		if (one_in(2))
			give_back(r);
	}
}

static void open_path(struct reader *r)
{
	struct zc_ho_msg accept = valid(ZC_HO_ACCEPT);
	struct zcdma_handover *h = malloc(sizeof(*h));
	struct zc_ho_msg msg;
	int pair[2], fds[ZC_HO_FDS];
	char spec[64];

	r->blocks = 1 + (unsigned)(random_number() % 5);
	snprintf(spec, sizeof(spec), "sim:block=4K,blocks=%u", r->blocks);
	assert_int_equal(lab_open(r->ctx, spec, ZC_USE_SHARE | ZC_USE_REPLACE, &r->src), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_non_null(h);
	*h = (struct zcdma_handover){
		.ctx = r->ctx,
		.pipe_fd = pipe_fd[1],
		.uses = ZC_USE_REPLACE,
		.sock = pair[0],
		.version = r->version,
	};
	r->sock = pair[1];
	accept.head.version = (uint16_t)r->version;
	/* The answer first, as nobody else is here to give it. */
	assert_int_equal(say(r->sock, &accept, pipe_fd[0], -1), 0);
	assert_int_equal(zcdma_path_open_handover(h, r->src, &r->path), 0);
	assert_int_equal(zc_ho_recv(r->sock, &msg, fds), 1);
	if (r->version == ZC_HO_VERSION)
		assert_int_equal(zc_shared_page_map(&r->page, fds[2], r->blocks), 0);
	zc_local_close(fds, ZC_HO_FDS);
	assert_int_equal(zcdma_source_start(r->src), 0);
}

/* Check that the pipe holds each byte from where the reader left, once. */
static void assert_rest(const struct reader *r)
{
	static unsigned char bytes[(MOST + 1) * PAGE];
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
	size_t len = 0;

	while (poll(&p, 1, 0) == 1)
		len += (size_t)read(pipe_fd[0], bytes + len, sizeof(bytes) - len);
	assert_int_equal(r->rest + len, r->sent * PAGE);
	assert_int_equal(zcdma_pattern_match(bytes, len, r->rest, 0), len);
}

static void play_reader(struct reader *r)
{
	bool good = true;
	int rc;

	open_path(r);
	for (int i = 0; good && i < 100; i++) {
		if (one_in(2))
			read_or_lie(r);
		else
			good = one_in(2) ? send_one(r) : wait_a_little(r);
		reap(r);
	}
	assert_true(good || r->guilty || r->closed);
	r->faults += !good;
	if (good && !r->left && !r->closed) {
		close(r->sock);
		r->closed = true;
	}
	if (good && !r->busy) {
		rc = zc_path_end(r->path, true, UINT64_MAX);
		assert_true(r->left && !r->guilty ? !rc : rc == -EPIPE || rc == -EPROTO);
		reap(r);
		if (!rc)
			assert_rest(r);
	}
	zcdma_path_close(r->path);
	zcdma_source_close(r->src);
	if (!r->closed)
		close(r->sock);
	zc_shared_page_unmap(&r->page);
}

static void test_random_reader(void **state)
{
	struct reader r = { .ctx = NULL }, fresh;
	int before;

	(void)state;
	assert_int_equal(zcdma_new(&r.ctx), 0);
	before = count_fds();
	for (int round = 0; round < 400; round++) {
		fresh = (struct reader){ .ctx = r.ctx,
					 .version = 1 + (unsigned)round % ZC_HO_VERSION,
					 .given_back = r.given_back,
					 .faults = r.faults,
					 .leaves = r.leaves };
		r = fresh;
		play_reader(&r);
		empty_pipe();
	}
	assert_int_equal(count_fds(), before);
	assert_in_range(r.given_back, 400, 100000);
	assert_in_range(r.faults, 40, 400);
	assert_in_range(r.leaves, 40, 400);
	zcdma_free(r.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(test_random_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
