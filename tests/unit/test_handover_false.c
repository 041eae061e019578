// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hand-over with an end that breaks the rules: mostly valid messages, in random order. The other end
 * must not read or reuse wrong memory, nor accuse an honest end. Each run is the same.
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

#include <zcdma/verify.h>

#include "handover/connect.h"
#include "source/source.h"
#include "handover.h"
#include "lab.h"

#define LIMIT_MS 20000
#define SEALS	 (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * A false writer, connected to the true source
 */

struct writer {
	struct zcdma_ctx *ctx;
	struct zcdma_source *in;
	unsigned flags;
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
	const int fds[] = { w->ring,	w->ring,    w->ring,	   w->file,
			    pipe_fd[0], pipe_fd[1], w->in->poll_fd };

	if (one_in(3)) {
		msg.offer.ring = ZC_HO_FILE;
		msg.offer.stride = 0;
	}
	say(w->sock, &msg, fds[random_number() % ARRAY_SIZE(fds)],
	    one_in(8) ? pipe_fd[0] : pipe_fd[1]);
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
	if (msg.head.count)
		say(w->sock, &msg, -1, -1);
}

static void tell_end(struct writer *w)
{
	struct zc_ho_msg msg = valid(ZC_HO_END);
	bool lie = one_in(4);

	msg.end.blocks = w->id;
	msg.end.bytes = w->bytes + lie;
	w->guilty |= lie || w->told_end;
	w->told_end = true;
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

static void hear_writer(struct writer *w)
{
	int fds[ZC_HO_FDS];
	struct zc_ho_msg msg;

	if (zc_ho_recv(w->sock, &msg, fds) != 1)
		return;
	if (msg.head.type == ZC_HO_ACCEPT) {
		assert_true(zc_ho_is_end(fds[0], pipe_fd[1], O_RDONLY));
		w->has_ring = true;
	}
	for (uint32_t i = 0; msg.head.type == ZC_HO_RELEASE && !w->guilty && i < msg.head.count;
	     i++) {
		assert_in_range(msg.release[i].slot, 0, 3);
		assert_true(w->out[msg.release[i].slot]);
		w->out[msg.release[i].slot] = false;
	}
	zc_ho_close(fds);
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
}

/* Discard what is left in the pipe, so that the next round does not read it. */
static void empty_pipe(void)
{
	char bytes[4096];
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

	while (poll(&p, 1, 0) == 1 && read(pipe_fd[0], bytes, sizeof(bytes)) > 0)
		;
}

static void test_false_writer(void **state)
{
	char name[] = "/tmp/zcdma.XXXXXX";
	struct writer w = { .sock = -1,
			    .ring = make_memfd(4 * BLOCK, SEALS),
			    .file = mkstemp(name) };
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

/* Hand @ring over to @in, as an honest writer does. Returns the writer's socket. */
static int hand_over_ring(struct zcdma_source *in, int ring)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);
	int sock = zc_ho_connect(pipe_fd[1]), fds[ZC_HO_FDS];
	struct zcdma_block b;

	assert_true(sock >= 0);
	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	msg = valid(ZC_HO_OFFER);
	assert_int_equal(say(sock, &msg, ring, pipe_fd[1]), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
		zc_ho_close(fds);
	}
	assert_int_equal(msg.head.type, ZC_HO_ACCEPT);
	return sock;
}

/*
 * Check a writer that announces blocks again and again without reading the releases. When these no longer
 * fit into the socket, the blocks stay out, and announcing them again is a protocol error.
 */
static void test_deaf_writer(void **state)
{
	int ring = make_memfd(4 * BLOCK, SEALS), sock, rc = 1;
	struct zc_ho_msg msg = valid(ZC_HO_BLOCK);
	struct zcdma_source *in;
	struct zcdma_ctx *ctx;
	struct zcdma_block b;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(lab_open(ctx, "-", LAB_HANDOVER, &in), 0);
	sock = hand_over_ring(in, ring);
	msg.head.count = 1;
	for (; id < 100000 && rc == 1; id++) {
		msg.block[0] = (struct zc_ho_block){ .id = id,
						     .ring_offset = id % 4 * BLOCK,
						     .fd_offset = id % 4 * BLOCK,
						     .len = 1 };
		assert_int_equal(say(sock, &msg, -1, -1), 0);
		rc = zc_source_take(in, 0, &b);
		if (rc == 1)
			zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	assert_int_equal(rc, -EPROTO);
	assert_in_range(id, 8, 99999);
	close(sock);
	zcdma_source_close(in);
	zcdma_free(ctx);
	close(ring);
}

/* Check that losses arrive with the next block, and that a false count does no harm but to the statistics. */
static void test_lost_blocks(void **state)
{
	static const struct {
		uint64_t seq, offset;
		unsigned flags;
		uint64_t overruns, lost_bytes; /* from here on */
	} blocks[] = {
		{ 2, 2 * BLOCK, ZCDMA_BLOCK_LOST, 2, 2 * BLOCK },
		{ 3, 3 * BLOCK, 0, 2, 2 * BLOCK },
		{ 60, 60 * BLOCK, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 9, 9 * BLOCK, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 10, 0, ZCDMA_BLOCK_LOST, 58, 58 * BLOCK },
		{ 12, 0, ZCDMA_BLOCK_LOST, 59, 58 * BLOCK },
	};
	int ring = make_memfd(4 * BLOCK, SEALS), sock;
	struct zc_ho_msg msg = valid(ZC_HO_BLOCK);
	struct zcdma_source_stats stats;
	struct zcdma_source *in;
	struct zcdma_ctx *ctx;
	struct zcdma_block b;

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(lab_open(ctx, "-", LAB_HANDOVER, &in), 0);
	sock = hand_over_ring(in, ring);
	msg.head.count = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
		msg.block[0] = (struct zc_ho_block){ .id = i,
						     .seq = blocks[i].seq,
						     .offset = blocks[i].offset,
						     .ring_offset = i % 4 * BLOCK,
						     .fd_offset = i % 4 * BLOCK,
						     .len = BLOCK,
						     .flags = blocks[i].flags };
		assert_int_equal(say(sock, &msg, -1, -1), 0);
		/* In two pieces, which are one block. */
		for (int piece = 0; piece < 2; piece++) {
			assert_int_equal(zc_source_take(in, BLOCK / 2, &b), 1);
			zc_source_put(in, &b, ZC_PUT_REUSE);
		}
		zcdma_source_get_stats(in, &stats, sizeof(stats));
		assert_int_equal(stats.overruns, blocks[i].overruns);
		assert_int_equal(stats.lost_bytes, blocks[i].lost_bytes);
	}
	close(sock);
	zcdma_source_close(in);
	zcdma_free(ctx);
	close(ring);
}

/*
 * A false reader, connected to the true path
 */

#define MOST 14 /* blocks in a round: they fit into the pipe, where they go as bytes */

struct reader {
	struct zcdma_ctx *ctx;
	struct zcdma_source *src;
	struct zcdma_path *path;
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

static void hear_blocks(struct reader *r)
{
	struct zc_ho_msg msg;

	if (zc_ho_recv(r->sock, &msg, NULL) != 1 || msg.head.type != ZC_HO_BLOCK)
		return;
	for (uint32_t i = 0; i < msg.head.count; i++) {
		assert_int_equal(msg.block[i].id, r->heard);
		r->slot[r->heard] = msg.block[i].slot;
		/* An earlier block in the same slot was released. */
		for (unsigned k = 0; k < r->heard; k++)
			assert_true(r->back[k] || r->slot[k] != msg.block[i].slot);
		r->heard++;
	}
}

static void give_back(struct reader *r)
{
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
	if (msg.head.count)
		say(r->sock, &msg, -1, -1);
}

/* Send a valid message at the wrong time, or about a block that does not exist. */
static void lie(struct reader *r)
{
	enum zc_ho_type type = 1 + random_number() % (ZC_HO_TYPES - 1);
	struct zc_ho_msg msg = valid(type);

	if (type == ZC_HO_LEAVE)
		msg.leave.id = r->sent + 1;
	else if (type == ZC_HO_RELEASE)
		msg.release[1].id = random_number();
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
	const struct zc_ho_msg accept = valid(ZC_HO_ACCEPT);
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
	};
	r->sock = pair[1];
	/* The answer first, as nobody else is here to give it. */
	assert_int_equal(say(r->sock, &accept, pipe_fd[0], -1), 0);
	assert_int_equal(zcdma_path_open_handover(h, r->src, &r->path), 0);
	assert_int_equal(zc_ho_recv(r->sock, &msg, fds), 1);
	zc_ho_close(fds);
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
		rc = zc_path_end(r->path, true);
		assert_true(r->left && !r->guilty ? !rc : rc == -EPIPE || rc == -EPROTO);
		reap(r);
		if (!rc)
			assert_rest(r);
	}
	zcdma_path_close(r->path);
	zcdma_source_close(r->src);
	if (!r->closed)
		close(r->sock);
}

static void test_false_reader(void **state)
{
	struct reader r = { .ctx = NULL }, fresh;
	int before;

	(void)state;
	assert_int_equal(zcdma_new(&r.ctx), 0);
	before = count_fds();
	for (int round = 0; round < 400; round++) {
		fresh = (struct reader){ .ctx = r.ctx,
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

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, make_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(test_false_writer),
		WITH_PIPE(test_deaf_writer),
		WITH_PIPE(test_lost_blocks),
		WITH_PIPE(test_false_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
