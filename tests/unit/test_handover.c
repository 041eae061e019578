// SPDX-License-Identifier: GPL-2.0-only
/* The hand-over: its messages, what is refused in them, and two ends that cannot trust each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "source/source.h"
#include "handover.h"
#include "lab.h"

#define LIMIT_MS 20000 /* for what happens at once on an idle machine */
#define FIND_MS	 100

/*
 * Messages
 */

static const struct zc_ho_block first_block = { .len = BLOCK };

static int parse(const struct zc_ho_msg *msg)
{
	return zc_ho_parse(msg, zc_ho_len(msg), fds_of((enum zc_ho_type)msg->head.type));
}

static void test_valid(void **state)
{
	(void)state;
	for (int type = ZC_HO_HELLO; type < ZC_HO_TYPES; type++) {
		struct zc_ho_msg msg = valid((enum zc_ho_type)type);

		assert_int_equal(parse(&msg), 0);
		/* Nothing is left over, and nothing is missing. */
		for (size_t len = 0; len < sizeof(msg); len++)
			assert_int_equal(zc_ho_parse(&msg, len, fds_of((enum zc_ho_type)type)),
					 len == zc_ho_len(&msg) ? 0 : -EPROTO);
		for (unsigned fds = 0; fds < 3; fds++)
			assert_int_equal(zc_ho_parse(&msg, zc_ho_len(&msg), fds),
					 fds == fds_of((enum zc_ho_type)type) ? 0 : -EPROTO);
	}
}

static void test_heads(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_END);
	const size_t len = zc_ho_len(&msg);

	(void)state;
	msg.head.magic ^= 1;
	assert_int_equal(zc_ho_parse(&msg, len, 0), -EPROTO);
	msg = valid(ZC_HO_END);
	msg.head.version++;
	assert_int_equal(zc_ho_parse(&msg, len, 0), -EPROTONOSUPPORT);
	msg = valid(ZC_HO_END);
	msg.head.reserved = 1;
	assert_int_equal(zc_ho_parse(&msg, len, 0), -EPROTO);
	/* One release is as long as an end. */
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		msg.head = valid(ZC_HO_END).head;
		msg.head.type = (uint16_t)type;
		assert_int_equal(zc_ho_parse(&msg, len, 0),
				 type == ZC_HO_END || type == ZC_HO_RELEASE ? 0 : -EPROTO);
	}
	/* A count that would overflow to the right length, for one. */
	for (unsigned shift = 0; shift < 32; shift++) {
		msg = valid(ZC_HO_BLOCK);
		msg.head.count = 1u << shift;
		assert_int_equal(zc_ho_parse(&msg, 16 + 64, 0), shift ? -EPROTO : 0);
	}
	msg = valid(ZC_HO_BLOCK);
	msg.head.count = 0;
	assert_int_equal(zc_ho_parse(&msg, 16, 0), -EPROTO);
}

static void test_offers(void **state)
{
	static const struct zc_ho_offer bad[] = {
		{ .ring = ZC_HO_RINGS, .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .ring = ZC_HO_MEMORY, .blocks = 0, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .blocks = ZC_HO_RING_BLOCKS + 1, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 0, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 2, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 2, .stride = 0, .page_size = 1 },
		{ .blocks = 4, .block_size = 1, .stride = UINT64_MAX / 4 + 1, .page_size = 1 },
		{ .blocks = 2, .block_size = 1, .stride = UINT64_MAX / 2, .page_size = 1 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 0 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 3 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1, .flags = 1ull << 63 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1, .flags = 3 },
		{ .ring = ZC_HO_FILE,
		  .blocks = ZC_HO_FILE_BLOCKS + 1,
		  .block_size = 1,
		  .page_size = 1 },
		{ .ring = ZC_HO_FILE, .blocks = 1, .block_size = 0, .page_size = 1 },
		{ .ring = ZC_HO_FILE, .blocks = 1, .block_size = 1, .stride = 1, .page_size = 1 },
	};
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		msg.offer = bad[i];
		assert_int_equal(parse(&msg), -EPROTO);
	}
	msg.offer = ring_offer;
	assert_int_equal(parse(&msg), 0);
	msg.offer = (struct zc_ho_offer){
		.ring = ZC_HO_FILE, .blocks = 64, .block_size = BLOCK, .page_size = PAGE
	};
	assert_int_equal(parse(&msg), 0);
}

/* Check an offer from a 64-bit program that a 32-bit program cannot address. */
static void test_large_offers(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);

	(void)state;
	msg.offer = (struct zc_ho_offer){
		.ring = ZC_HO_FILE, .blocks = 1, .block_size = UINT64_C(5) << 30, .page_size = PAGE
	};
	assert_int_equal(parse(&msg), sizeof(size_t) < 8 ? -EPROTO : 0);
}

static void test_bodies(void **state)
{
	struct zc_ho_msg msg;

	(void)state;
	msg = valid(ZC_HO_BLOCK);
	msg.block[ZC_HO_BLOCKS - 1].len = 0;
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_BLOCK);
	msg.block[1].flags = ZC_BLOCK_REPLACE; /* is for the other direction */
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_RELEASE);
	msg.release[ZC_HO_RELEASES - 1].how = 2;
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_LEAVE);
	msg.leave.how = 7;
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_LEAVE);
	msg.leave.reserved = 7;
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_REFUSE);
	msg.refuse.reason = ZC_HO_REASONS;
	assert_int_equal(parse(&msg), -EPROTO);
	msg = valid(ZC_HO_WELCOME);
	msg.welcome.flags = 1 << 4;
	assert_int_equal(parse(&msg), -EPROTO);
	for (uint32_t reason = 0; reason < ZC_HO_REASONS; reason++)
		assert_non_null(zc_ho_reason(reason));
}

static int check(const struct zc_ho_offer *offer, uint64_t ring_offset, uint64_t fd_offset,
		 uint64_t len)
{
	struct zc_ho_block b = first_block;

	b.ring_offset = ring_offset;
	b.fd_offset = fd_offset;
	b.len = len;
	return zc_ho_check_block(offer, &b, 0);
}

static void test_blocks(void **state)
{
	struct zc_ho_offer device = ring_offer, file = { .ring = ZC_HO_FILE, .block_size = BLOCK };
	struct zc_ho_block b = first_block;

	(void)state;
	assert_int_equal(zc_ho_check_block(&ring_offer, &b, 0), 0);
	assert_int_equal(zc_ho_check_block(&ring_offer, &b, 1), -EPROTO);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(check(&ring_offer, i * BLOCK, i * BLOCK, BLOCK), 0);
	assert_int_equal(check(&ring_offer, 4 * BLOCK, 4 * BLOCK, 1), -EPROTO);
	assert_int_equal(check(&ring_offer, 1, 1, 1), -EPROTO);
	assert_int_equal(check(&ring_offer, BLOCK, 0, 1), -EPROTO);
	assert_int_equal(check(&ring_offer, 0, 0, BLOCK + 1), -EPROTO);
	assert_int_equal(check(&ring_offer, -(uint64_t)BLOCK, -(uint64_t)BLOCK, BLOCK), -EPROTO);

	device.ring = ZC_HO_DEVICE;
	assert_int_equal(check(&device, BLOCK, 123456789, BLOCK), 0);
	assert_int_equal(check(&device, BLOCK, INT64_MAX, BLOCK), -EPROTO);
	assert_int_equal(check(&device, 5 * BLOCK, 0, BLOCK), -EPROTO);

	assert_int_equal(check(&file, 12345, 12345, 17), 0);
	assert_int_equal(check(&file, 12345, 12344, 17), -EPROTO);
	assert_int_equal(check(&file, INT64_MAX, INT64_MAX, 1), -EPROTO);
	assert_int_equal(check(&file, 0, 0, BLOCK + 1), -EPROTO);
}

/*
 * Sockets and descriptors
 */

static int connect_pipe(void)
{
	int sock = zc_ho_connect(pipe_fd[1]);

	assert_true(sock >= 0);
	return sock;
}

static void test_meeting(void **state)
{
	int other[2], a, b;

	(void)state;
	assert_int_equal(zc_ho_connect(pipe_fd[1]), -ECONNREFUSED);
	a = zc_ho_listen(pipe_fd[0]);
	assert_true(a >= 0);
	assert_int_equal(zc_ho_listen(pipe_fd[0]), -EADDRINUSE);
	b = connect_pipe();
	assert_true(zc_ho_same_user(b));
	close(b);
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_int_equal(zc_ho_connect(other[1]), -ECONNREFUSED);
	assert_int_equal(zc_ho_connect(a), -ENOTSUP);
	close(other[0]);
	close(other[1]);
	close(a);
}

/* Check a namespace without a mapping, where root and all other users have the same number. */
static void test_unmapped_is_nobody(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || !zc_ho_same_user(pair[0]))
			_exit(1);
		if (unshare(CLONE_NEWUSER))
			_exit(77);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || zc_ho_same_user(pair[0]))
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no user namespaces here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void test_proof(void **state)
{
	int other[2], file, name;

	(void)state;
	assert_true(zc_ho_is_end(pipe_fd[1], pipe_fd[0], O_WRONLY));
	assert_true(zc_ho_is_end(pipe_fd[0], pipe_fd[1], O_RDONLY));
	assert_false(zc_ho_is_end(pipe_fd[0], pipe_fd[0], O_WRONLY));
	assert_false(zc_ho_is_end(pipe_fd[1], pipe_fd[1], O_RDONLY));
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_false(zc_ho_is_end(other[1], pipe_fd[0], O_WRONLY));
	file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_false(zc_ho_is_end(file, pipe_fd[0], O_WRONLY));
	assert_false(zc_ho_is_end(-1, pipe_fd[0], O_WRONLY));

	name = zc_ho_name_pipe(pipe_fd[1]);
	assert_true(zc_ho_is_name(name, pipe_fd[0]));
	assert_false(zc_ho_is_name(name, other[0]));
	assert_false(zc_ho_is_name(pipe_fd[1], pipe_fd[0]));
	assert_false(zc_ho_is_name(-1, pipe_fd[0]));
	assert_false(zc_ho_is_end(name, pipe_fd[0], O_WRONLY));
	/* It does not keep the pipe from ending. */
	close_end(1);
	assert_int_equal(read(pipe_fd[0], &(char){ 0 }, 1), 0);
	close(name);
	close(file);
	close(other[0]);
	close(other[1]);
}

static void assert_no_ring(int fd)
{
	struct zc_ho_offer offer = ring_offer;

	for (offer.ring = 0; offer.ring < ZC_HO_RINGS; offer.ring++) {
		offer.stride = offer.ring == ZC_HO_FILE ? 0 : BLOCK;
		assert_int_equal(zc_ho_check_ring(&offer, fd), -EPROTO);
	}
	close(fd);
}

static int reopen(int fd, int flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(name, flags | O_CLOEXEC);
}

static void test_rings(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct zc_ho_offer offer = ring_offer;
	int good = make_memfd(4 * BLOCK, seals), open_ended = make_memfd(4 * BLOCK, F_SEAL_GROW);
	int small = make_memfd(4 * BLOCK - 1, seals), reading = reopen(good, O_RDONLY);

	(void)state;
	assert_int_equal(zc_ho_check_ring(&offer, good), 0);
	assert_int_equal(zc_ho_check_ring(&offer, reading), 0);
	assert_int_equal(zc_ho_check_ring(&offer, open_ended), -EPROTO);
	assert_int_equal(zc_ho_check_ring(&offer, small), -EPROTO);
	offer.ring = ZC_HO_DEVICE;
	assert_int_equal(zc_ho_check_ring(&offer, good), -EPROTO);
	offer.ring = ZC_HO_FILE;
	assert_int_equal(zc_ho_check_ring(&offer, good), 0);
	close(open_ended);
	close(small);
	close(reading);

	/* Some of these are devices that can be mapped, but not devices of zcdma. */
	assert_no_ring(open("/dev/null", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/dev/zero", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/dev/full", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/", O_RDONLY | O_CLOEXEC));
	assert_no_ring(dup(pipe_fd[0]));
	assert_no_ring(eventfd(0, EFD_CLOEXEC));
	assert_no_ring(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_no_ring(reopen(good, O_PATH));
	assert_no_ring(reopen(good, O_WRONLY));
	close(good);
	assert_no_ring(-1);
}

static void test_descriptors(void **state)
{
	struct zc_ho_msg got;
	int pair[2], fds[ZC_HO_FDS], before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = count_fds();
	for (int type = ZC_HO_HELLO; type < ZC_HO_TYPES; type++) {
		struct zc_ho_msg msg = valid((enum zc_ho_type)type);
		int most = (int)fds_of((enum zc_ho_type)type);

		for (int count = 0; count <= 8; count++) {
			send_raw(pair[0], &msg, zc_ho_len(&msg), count);
			assert_int_equal(zc_ho_recv(pair[1], &got, fds),
					 count == most ? 1 : -EPROTO);
			for (int i = 0; i < ZC_HO_FDS; i++)
				assert_true((fds[i] >= 0) == (count == most && i < count));
			zc_ho_close(fds);
			/* Where none is expected. */
			send_raw(pair[0], &msg, zc_ho_len(&msg), count);
			assert_int_equal(zc_ho_recv(pair[1], &got, NULL),
					 count || most ? -EPROTO : 1);
		}
	}
	assert_int_equal(count_fds(), before);
	close(pair[0]);
	close(pair[1]);
}

static void test_packets(void **state)
{
	struct {
		struct zc_ho_msg msg;
		char more[64];
	} large = { .msg = valid(ZC_HO_BLOCK) };
	struct zc_ho_msg got;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EAGAIN);
	send_raw(pair[0], &large, sizeof(large), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EPROTO);
	send_raw(pair[0], "x", 1, 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EPROTO);
	/* The last words of one that hangs up with unread messages. */
	assert_int_equal(say(pair[1], &large.msg, -1, -1), 0);
	assert_int_equal(say(pair[0], &large.msg, -1, -1), 0);
	close(pair[0]);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 1);
	assert_int_equal(got.head.count, ZC_HO_BLOCKS);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 0);
	assert_int_equal(say(pair[1], &large.msg, -1, -1), -EPIPE);
	close(pair[1]);
}

/*
 * Two ends: a consumer, here, and a producer that is a thread, or plays false
 */

static struct zcdma_ctx *ctx;
static struct zcdma_source *in;

static int open_consumer(void **state)
{
	return make_pipe(state) || zcdma_new(&ctx) ||
	       lab_open(ctx, "-", LAB_HANDOVER | ZC_USE_REPLACE, &in);
}

static int close_consumer(void **state)
{
	zcdma_source_close(in);
	zcdma_free(ctx);
	return close_pipe(state);
}

static int next(struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(in, 0, b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static struct zcdma_source_stats stats(void)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(in, &s, sizeof(s));
	return s;
}

/* A producer's run, which closes its end of the pipe when it has finished. */
struct producer {
	pthread_t thread;
	const char *spec;
	unsigned blocks;
	bool dies;     /* after the last block, without an end message */
	int found, rc; /* what came of it */
	char error[256];
	uint64_t reused, given;	  /* blocks, by how they came back */
	uint64_t bytes;		  /* that the path counts */
	uint64_t pending;	  /* blocks that are waited for at the end */
	struct zcdma_ctx *ctx;	  /* for interrupt() */
	_Atomic bool interrupted; /* while it waited for its ring to be taken */
};

static void reap(struct producer *p, struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b)) {
		bool give = b.flags & ZC_BLOCK_REPLACE;

		p->given += give;
		p->reused += !give;
		zc_source_put(src, &b, give ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	}
}

static int send_blocks(struct producer *p, struct zcdma_ctx *c, struct zcdma_source *src,
		       struct zcdma_path *path)
{
	struct zcdma_block b;
	int rc = zcdma_source_start(src);

	for (unsigned i = 0; !rc && i < p->blocks; i++) {
		reap(p, src, path);
		while (!rc && (rc = zc_source_take(src, 0, &b)) == -EAGAIN) {
			rc = zc_wait(c, src, path, ZC_WAIT_BLOCK | ZC_WAIT_COMPLETION, LIMIT_MS);
			reap(p, src, path);
		}
		if (rc != 1)
			return rc;
		while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY) {
			rc = zc_wait(c, src, path, ZC_WAIT_ROOM, LIMIT_MS);
			if (rc)
				return rc;
			reap(p, src, path);
		}
		if (rc == ZC_SENT_DONE)
			zc_source_put(src, &b, ZC_PUT_REUSE);
		rc = rc < 0 ? rc : 0;
	}
	return rc;
}

static int open_path(struct producer *p, struct zcdma_handover *reader, struct zcdma_source *src,
		     struct zcdma_path **path)
{
	int rc;

	while ((rc = zcdma_path_open_handover(reader, src, path)) == -EINTR) {
		zcdma_resume(p->ctx);
		p->interrupted = true;
	}
	return rc;
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct zcdma_handover *reader;
	struct zcdma_path_stats s;
	struct zcdma_source *src = NULL;
	struct zcdma_path *path = NULL;
	struct zcdma_ctx *c;

	p->found = p->rc = zcdma_new(&c);
	if (p->rc)
		return NULL;
	p->ctx = c;
	p->found = p->rc = zcdma_handover_find(c, pipe_fd[1], FIND_MS, &reader);
	if (!p->rc) {
		p->rc = zcdma_source_open(c, p->spec, &src);
		if (p->rc)
			zcdma_handover_free(reader);
		else
			p->found = p->rc = open_path(p, reader, src, &path);
	}
	if (path) {
		p->rc = send_blocks(p, c, src, path);
		if (!p->rc)
			p->rc = zc_path_end(path, !p->dies);
		reap(p, src, path);
		zcdma_path_get_stats(path, &s, sizeof(s));
		p->bytes = s.bytes;
		p->pending = s.pending_blocks;
	}
	snprintf(p->error, sizeof(p->error), "%s", zcdma_error(c));
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(c);
	close_end(1);
	return NULL;
}

static void start(struct producer *p)
{
	assert_int_equal(pthread_create(&p->thread, NULL, produce, p), 0);
}

static void join(struct producer *p)
{
	pthread_join(p->thread, NULL);
}

static void assert_pattern(const struct zcdma_block *b)
{
	assert_int_equal(zcdma_pattern_match(b->data, b->len, b->offset, 0), b->len);
}

static void test_whole_stream(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=5", .blocks = 1000 };
	struct zcdma_block b;

	(void)state;
	start(&p);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(next(&b), 1);
		assert_int_equal(b.len, BLOCK);
		assert_int_equal(b.offset, i * BLOCK);
		assert_int_equal(b.seq, i);
		assert_pattern(&b);
		zc_source_put(in, &b, i % 3 ? ZC_PUT_REUSE : ZC_PUT_REPLACE);
	}
	assert_int_equal(next(&b), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 666);
	assert_int_equal(p.given, 334);
	assert_int_equal(p.bytes, 1000 * BLOCK);
	assert_int_equal(stats().handovers, 1);
	assert_int_equal(stats().copied_bytes, 0);
	assert_null(stats().plain_reason);
}

/* Check that blocks held by the consumer keep their data while others go round, and return in any order. */
static void test_held(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=8", .blocks = 500 };
	struct zcdma_block held[4], b;
	uint64_t taken = 4;

	(void)state;
	start(&p);
	for (int i = 0; i < 4; i++)
		assert_int_equal(next(&held[i]), 1);
	for (; taken < 400; taken++) {
		int i = (int)(random_number() % 4);

		assert_int_equal(next(&b), 1);
		for (int k = 0; k < 4; k++)
			assert_pattern(&held[k]);
		zc_source_put(in, &held[i], ZC_PUT_REUSE);
		held[i] = b;
	}
	for (int i = 0; i < 4; i++)
		zc_source_put(in, &held[i], ZC_PUT_REUSE);
	for (; next(&b) == 1; taken++)
		zc_source_put(in, &b, ZC_PUT_REUSE);
	join(&p);
	assert_int_equal(taken, 500);
	assert_int_equal(p.rc, 0);
}

/* Check that the producer, which owns the ring, waits at its end until the last block is released. */
static void test_end_waits(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=2", .blocks = 2 };
	struct zcdma_block a, b;

	(void)state;
	start(&p);
	assert_int_equal(next(&a), 1);
	assert_int_equal(next(&b), 1);
	zc_source_put(in, &a, ZC_PUT_REUSE);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(zc_source_take(in, 0, &a), -EAGAIN);
		zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 5);
	}
	assert_int_equal(pthread_tryjoin_np(p.thread, NULL), EBUSY);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(next(&a), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 2);
}

/* Check a consumer that has read the end message, and releases the last blocks right before it closes. */
static void test_end_and_close(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=8", .blocks = 2 };
	struct zcdma_block a, b, none;

	(void)state;
	start(&p);
	assert_int_equal(next(&a), 1);
	assert_int_equal(next(&b), 1);
	for (int ms = 0; !in->starved && ms < LIMIT_MS; ms += 5) {
		assert_int_equal(zc_source_take(in, 0, &none), -EAGAIN);
		zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 5);
	}
	assert_true(in->starved);
	zc_source_put(in, &a, ZC_PUT_REUSE);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	zcdma_source_close(in);
	in = NULL;
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 2);
}

/* Check that a producer that aborts does not wait for held blocks: the consumer may be waiting for more. */
static void test_dead_producer(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 3, .dies = true };
	struct zcdma_block b[3];

	(void)state;
	start(&p);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(&b[i]), 1);
		assert_pattern(&b[i]);
	}
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.pending, 0);
	for (int i = 0; i < 3; i++)
		zc_source_put(in, &b[i], ZC_PUT_REUSE);
	assert_int_equal(next(&b[0]), -EPIPE);
}

/* Check that the producer gets an error at once when the consumer closes while it holds a block. */
static void test_dead_consumer(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 1000 };
	struct zcdma_block b;

	(void)state;
	start(&p);
	assert_int_equal(next(&b), 1);
	zcdma_source_close(in);
	in = NULL;
	join(&p);
	assert_int_equal(p.rc, -EPIPE);
	assert_non_null(strstr(p.error, "its reader ended before it was done"));
	assert_int_equal(p.reused + p.given, 0);
}

/* Close the consumer in order after @bytes, also inside a block, and check that the rest comes as bytes. */
static void leave_after(size_t bytes, bool give)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 20 };
	struct zcdma_block b;
	size_t got = 0;

	start(&p);
	while (got < bytes) {
		int rc;

		while ((rc = zc_source_take(in, bytes - got, &b)) == -EAGAIN)
			assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
		assert_int_equal(rc, 1);
		assert_int_equal(b.offset, got);
		assert_pattern(&b);
		got += b.len;
		zc_source_put(in, &b, give ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	}
	zcdma_source_close(in);
	assert_int_equal(lab_open(ctx, "-", 0, &in), 0);
	while (next(&b) == 1) {
		assert_int_equal(zcdma_pattern_match(b.data, b.len, got, 0), b.len);
		got += b.len;
		zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(got, 20 * BLOCK);
	assert_int_equal(p.bytes, 20 * BLOCK);
}

static void test_leave(void **state)
{
	(void)state;
	leave_after(3 * BLOCK, false);
}

static void test_leave_in_block(void **state)
{
	(void)state;
	leave_after(3 * BLOCK + 12345, false);
}

static void test_leave_giving(void **state)
{
	(void)state;
	leave_after(BLOCK / 2, true);
}

static void test_bytes_first(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 3 };
	char header[1000];
	struct zcdma_block b;
	size_t got = 0;

	(void)state;
	memset(header, 'h', sizeof(header));
	assert_int_equal(write(pipe_fd[1], header, sizeof(header)), sizeof(header));
	start(&p);
	while (got < sizeof(header)) {
		assert_int_equal(next(&b), 1);
		assert_int_equal(b.offset, got);
		assert_memory_equal(b.data, header, b.len);
		got += b.len;
		zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(&b), 1);
		assert_int_equal(b.offset, got);
		assert_int_equal(zcdma_pattern_match(b.data, b.len, i * BLOCK, 0), BLOCK);
		got += b.len;
		zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	assert_int_equal(next(&b), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(stats().handovers, 1);
}

/* Check that bytes from any other writer are read at once, without waiting for a hand-over. */
static void test_plain(void **state)
{
	struct zcdma_block b;

	(void)state;
	assert_int_equal(write(pipe_fd[1], "hello", 5), 5);
	close_end(1);
	assert_int_equal(zc_source_take(in, 0, &b), 1);
	assert_memory_equal(b.data, "hello", 5);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(zc_source_take(in, 0, &b), 0);
	assert_int_equal(stats().handovers, 0);
	assert_int_equal(stats().copied_bytes, 5);
	assert_non_null(stats().plain_reason);
}

/* Check that a file that shrinks while a consumer reads its blocks gives an error, not SIGBUS. */
static void test_file_cut(void **state)
{
	char name[] = "/tmp/zcdma.XXXXXX", spec[64];
	int fd = mkstemp(name);
	struct producer p = { .spec = spec, .blocks = 8 };
	struct zcdma_block b;

	(void)state;
	zcdma_source_close(in);
	assert_int_equal(lab_open(ctx, "-", LAB_HANDOVER | ZC_USE_READ, &in), 0);
	assert_int_equal(ftruncate(fd, 4 << 20), 0);
	snprintf(spec, sizeof(spec), "file:%s", name);
	start(&p);
	assert_int_equal(next(&b), 1);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(((const char *)b.data)[b.len - 1], 0);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(next(&b), -EIO);
	zcdma_source_close(in);
	in = NULL;
	join(&p);
	unlink(name);
	close(fd);
}

/*
 * False producers
 */

/* Send a hello, as the writer of the pipe does, and receive the welcome. Returns the socket. */
static int call(void)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);
	struct zcdma_block b;
	int sock = connect_pipe(), fds[ZC_HO_FDS];

	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_WELCOME);
	assert_true(zc_ho_is_name(fds[0], pipe_fd[1]));
	zc_ho_close(fds);
	return sock;
}

/* Connect, and hand over a ring of 4 blocks. Returns the socket. */
static int hand_over(void)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int fd = make_memfd(4 * BLOCK, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), sock = call();
	struct zcdma_block b;
	int fds[ZC_HO_FDS];

	assert_int_equal(say(sock, &msg, fd, pipe_fd[1]), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_ACCEPT);
	assert_true(zc_ho_is_end(fds[0], pipe_fd[1], O_RDONLY));
	zc_ho_close(fds);
	close(fd);
	return sock;
}

/* Check that bytes still pass through the pipe. */
static void assert_bytes_come(void)
{
	struct zcdma_block b;

	assert_int_equal(write(pipe_fd[1], "bytes", 5), 5);
	assert_int_equal(next(&b), 1);
	assert_int_equal(b.len, 5);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close_end(1);
	assert_int_equal(next(&b), 0);
}

/* Check that @sock was closed, after a refusal with @reason, or without a message if @reason is negative. */
static void assert_dropped(int sock, int reason)
{
	struct zcdma_block b;
	struct zc_ho_msg msg;

	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	if (reason >= 0) {
		assert_int_equal(zc_ho_recv(sock, &msg, NULL), 1);
		assert_int_equal(msg.head.type, ZC_HO_REFUSE);
		assert_int_equal(msg.refuse.reason, reason);
	}
	assert_int_equal(zc_ho_recv(sock, &msg, NULL), 0);
	close(sock);
}

static void test_no_proof(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);
	int ring = make_memfd(4 * BLOCK, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	int other[2], sock = connect_pipe();

	(void)state;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_int_equal(say_name(sock, &msg, other[1]), 0);
	assert_dropped(sock, ZC_HO_NO_PROOF);
	sock = connect_pipe();
	assert_int_equal(say(sock, &msg, pipe_fd[1], -1), 0);
	assert_dropped(sock, ZC_HO_NO_PROOF);
	/* A ring, with what is not the writing end. */
	msg = valid(ZC_HO_OFFER);
	for (int i = 0; i < 3; i++) {
		const int ends[] = { other[1], pipe_fd[0], ring };

		sock = call();
		assert_int_equal(say(sock, &msg, ring, ends[i]), 0);
		assert_dropped(sock, ZC_HO_NO_PROOF);
	}
	close(ring);
	close(other[0]);
	close(other[1]);
	assert_bytes_come();
}

static void test_out_of_turn(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int fd = make_memfd(4 * BLOCK, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), sock;

	(void)state;
	/* A ring without a hello. */
	sock = connect_pipe();
	assert_int_equal(say(sock, &msg, fd, pipe_fd[1]), 0);
	assert_dropped(sock, -1);
	/* Blocks without a ring, and a second hello. */
	sock = call();
	msg = valid(ZC_HO_BLOCK);
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	assert_dropped(sock, -1);
	sock = call();
	msg = valid(ZC_HO_HELLO);
	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	assert_dropped(sock, -1);
	/* A message that only a consumer sends. */
	sock = connect_pipe();
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	assert_dropped(sock, -1);
	/* Another version, and nonsense. */
	sock = connect_pipe();
	msg = valid(ZC_HO_END);
	msg.head.version = 2;
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	assert_dropped(sock, ZC_HO_VERSION_UNKNOWN);
	sock = connect_pipe();
	send_raw(sock, "GET / HTTP/1.0", 14, 3);
	assert_dropped(sock, -1);
	close(fd);
	assert_bytes_come();
}

static void test_bad_rings(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int open_ended = make_memfd(4 * BLOCK, 0), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = { open_ended, null, pipe_fd[1] };
	int before = count_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		int sock = call();

		assert_int_equal(say(sock, &msg, fds[i], pipe_fd[1]), 0);
		assert_dropped(sock, ZC_HO_BAD_RING);
	}
	assert_int_equal(count_fds(), before);
	close(open_ended);
	close(null);
	assert_bytes_come();
}

/* Check that a writer's hello is answered after more silent connections than there is room for. */
static void test_flood(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);
	struct zcdma_block b;
	int silent[200], fds[ZC_HO_FDS], sock;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		while ((silent[i] = zc_ho_connect(pipe_fd[1])) == -EAGAIN)
			assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
		assert_true(silent[i] >= 0);
	}
	while ((sock = zc_ho_connect(pipe_fd[1])) == -EAGAIN)
		assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_WELCOME);
	zc_ho_close(fds);
	close(sock);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* Check that a writer's hello is answered with silent connections pending after it. */
static void test_flood_after_hello(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_HELLO);
	int silent[14], fds[ZC_HO_FDS], sock = connect_pipe();
	struct zcdma_block b;

	(void)state;
	assert_int_equal(say_name(sock, &msg, pipe_fd[1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = connect_pipe();
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_WELCOME);
	zc_ho_close(fds);
	close(sock);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* Check that a producer is refused as busy while all places are taken, even before it has sent a hello. */
static void test_busy(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	struct zcdma_block b;
	int sock[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++)
		sock[i] = call();
	start(&p);
	while (pthread_tryjoin_np(p.thread, NULL)) {
		assert_in_range(zc_source_take(in, 0, &b) + EAGAIN, 0, EAGAIN);
		zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 5);
	}
	assert_int_equal(p.found, -EOPNOTSUPP);
	assert_non_null(strstr(p.error, zc_ho_reason(ZC_HO_BUSY)));
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++)
		close(sock[i]);
	assert_int_equal(next(&b), 0);
}

/* Check that a connection is closed if no descriptor is left for it, and does not wake the consumer again. */
static void test_no_descriptor_left(void **state)
{
	int sock = connect_pipe(), lowest = dup(sock);
	struct rlimit all, none;
	struct zcdma_block b;
	struct zc_ho_msg msg;

	(void)state;
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 50), -ETIMEDOUT);
	assert_int_equal(zc_ho_recv(sock, &msg, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	close(sock);
	assert_bytes_come();
}

/*
 * Check that a producer that has shut down its receiving side is dropped: it could not learn that its ring
 * was accepted, and the consumer would wait for its blocks without end.
 */
static void test_deaf_producer(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);
	int fd = make_memfd(4 * BLOCK, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), sock = call();
	struct zcdma_block b;

	(void)state;
	assert_int_equal(say(sock, &msg, fd, pipe_fd[1]), 0);
	assert_int_equal(shutdown(sock, SHUT_RD), 0);
	assert_int_equal(zc_source_take(in, 0, &b), -EAGAIN);
	assert_int_equal(stats().handovers, 0);
	assert_bytes_come();
	close(sock);
	close(fd);
}

/* Check that @msg, sent after the ring was accepted, is reported as a protocol error. */
static void assert_breaks(const struct zc_ho_msg *msg)
{
	struct zcdma_block b;
	int sock = hand_over(), rc;

	assert_int_equal(say(sock, msg, pipe_fd[0], -1), 0);
	while ((rc = next(&b)) == 1)
		zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(rc, -EPROTO);
	close(sock);
	zcdma_source_close(in);
	assert_int_equal(lab_open(ctx, "-", LAB_HANDOVER, &in), 0);
}

static void test_broken_blocks(void **state)
{
	struct zc_ho_msg msg;

	(void)state;
	zc_ho_begin(&msg, ZC_HO_BLOCK, 1);
	msg.block[0] = first_block;
	msg.block[0].ring_offset = msg.block[0].fd_offset = 4 * BLOCK;
	assert_breaks(&msg);
	msg.block[0] = first_block;
	msg.block[0].len = BLOCK + 1;
	assert_breaks(&msg);
	msg.block[0] = first_block;
	msg.block[0].id = 1;
	assert_breaks(&msg);
	msg = valid(ZC_HO_END);
	msg.end.blocks = 1;
	assert_breaks(&msg);
	msg = valid(ZC_HO_END);
	msg.end.bytes = 1;
	assert_breaks(&msg);
	msg = valid(ZC_HO_HELLO);
	msg.head.type = ZC_HO_ACCEPT;
	assert_breaks(&msg);
	msg = valid(ZC_HO_RELEASE);
	assert_breaks(&msg);
}

/* Check that a block announced again while the consumer holds it is a protocol error. */
static void test_block_twice(void **state)
{
	struct zcdma_block b, again;
	struct zc_ho_msg msg;
	int sock = hand_over();

	(void)state;
	zc_ho_begin(&msg, ZC_HO_BLOCK, 2);
	msg.block[0] = msg.block[1] = first_block;
	msg.block[1].id = 1;
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	assert_int_equal(next(&b), 1);
	assert_int_equal(next(&again), -EPROTO);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	close(sock);
}

/*
 * False consumers: played here, before a producer that is a thread
 */

/* Accept a connection, and receive its hello. Returns the socket. */
static int take_call(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct zc_ho_msg msg;
	int sock, fds[ZC_HO_FDS];

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	p.fd = sock;
	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, ZC_HO_HELLO);
	assert_true(zc_ho_is_name(fds[0], pipe_fd[0]));
	zc_ho_close(fds);
	return sock;
}

static struct zc_ho_msg hear(int sock, int *fds)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct zc_ho_msg msg;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	return msg;
}

/* Accept a connection and its ring, with @end as the proof. Returns the socket. */
static int take_ring_with(int listener, int end)
{
	struct zc_ho_msg msg = valid(ZC_HO_WELCOME);
	int sock = take_call(listener), fds[ZC_HO_FDS];

	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	msg = hear(sock, fds);
	assert_int_equal(msg.head.type, ZC_HO_OFFER);
	assert_int_equal(zc_ho_check_ring(&msg.offer, fds[0]), 0);
	assert_true(zc_ho_is_end(fds[1], pipe_fd[0], O_WRONLY));
	zc_ho_close(fds);
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, end, -1), 0);
	return sock;
}

static int take_ring(int listener)
{
	return take_ring_with(listener, pipe_fd[0]);
}

static void test_no_listener(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	uint64_t begin = zc_now_ns();

	(void)state;
	start(&p);
	join(&p);
	assert_int_equal(p.found, -EOPNOTSUPP);
	assert_true(zc_now_ns() - begin >= FIND_MS * UINT64_C(1000000));
}

/* Check answers after which a producer has to send bytes instead. */
static void test_false_answers(void **state)
{
	const struct zc_ho_msg bad[] = { valid(ZC_HO_WELCOME), valid(ZC_HO_WELCOME),
					 valid(ZC_HO_REFUSE), valid(ZC_HO_ACCEPT) };
	int other[2], listener = zc_ho_listen(pipe_fd[0]), writer = dup(pipe_fd[1]);

	(void)state;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct producer p = { .spec = "sim:", .blocks = 1 };
		int sock;

		pipe_fd[1] = dup(writer);
		start(&p);
		sock = take_call(listener);
		assert_int_equal(i ? say_name(sock, &bad[i], i == 1 ? other[0] : pipe_fd[0])
				   : say(sock, &bad[i], pipe_fd[0], -1),
				 0);
		join(&p);
		assert_int_equal(p.found, -EOPNOTSUPP);
		close(sock);
	}
	close(other[0]);
	close(other[1]);
	close(listener);
	close(writer);
}

/* Check that an interrupted wait for the answer can be resumed, without a second offer. */
static void test_interrupted(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), sock, fds[ZC_HO_FDS];
	struct zc_ho_msg msg = valid(ZC_HO_WELCOME);

	(void)state;
	start(&p);
	sock = take_call(listener);
	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	assert_int_equal(hear(sock, fds).head.type, ZC_HO_OFFER);
	zc_ho_close(fds);
	zcdma_interrupt(p.ctx);
	for (int ms = 0; !p.interrupted && ms < LIMIT_MS; ms++)
		usleep(1000);
	assert_true(p.interrupted);
	msg = valid(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, pipe_fd[0], -1), 0);
	/* No second offer. */
	assert_int_equal(hear(sock, NULL).head.type, ZC_HO_BLOCK);
	zc_ho_begin(&msg, ZC_HO_RELEASE, 1);
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.reused, 1);
	close(listener);
	close(sock);
}

/* Check that a reader that accepts the ring without an end of the pipe is not believed. */
static void test_false_accept(void **state)
{
	struct producer p = { .spec = "sim:", .blocks = 1 };
	int listener = zc_ho_listen(pipe_fd[0]), other[2], sock;

	(void)state;
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	start(&p);
	sock = take_ring_with(listener, other[0]);
	join(&p);
	assert_int_equal(p.found, -EOPNOTSUPP);
	close(other[0]);
	close(other[1]);
	close(listener);
	close(sock);
}

/* Check that the producer fails if a consumer releases a block that it never had, or one twice. */
static void false_release(const uint64_t ids[], unsigned count, uint32_t slot)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 100 };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_msg msg;

	start(&p);
	sock = take_ring(listener);
	msg = hear(sock, NULL);
	assert_int_equal(msg.head.type, ZC_HO_BLOCK);
	zc_ho_begin(&msg, ZC_HO_RELEASE, count);
	for (unsigned i = 0; i < count; i++)
		msg.release[i] = (struct zc_ho_release){ .id = ids[i], .slot = slot };
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	join(&p);
	assert_int_equal(p.rc, -EPROTO);
	close(sock);
	close(listener);
}

static void test_release_unknown(void **state)
{
	(void)state;
	false_release((const uint64_t[]){ 1000 }, 1, 0);
}

static void test_release_twice(void **state)
{
	(void)state;
	false_release((const uint64_t[]){ 0, 0 }, 2, 0);
}

static void test_release_nowhere(void **state)
{
	(void)state;
	false_release((const uint64_t[]){ 0 }, 1, 4);
}

static void false_leave(uint64_t id, uint64_t skip)
{
	struct producer p = { .spec = "sim:block=64K,blocks=4", .blocks = 100 };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_msg msg;

	start(&p);
	sock = take_ring(listener);
	msg = hear(sock, NULL);
	msg = valid(ZC_HO_LEAVE);
	msg.leave.id = id;
	msg.leave.skip = skip;
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	join(&p);
	assert_int_equal(p.rc, -EPROTO);
	close(sock);
	close(listener);
}

static void test_leave_false(void **state)
{
	(void)state;
	false_leave(1, 0); /* without a release of block 0 */
}

static void test_leave_beyond(void **state)
{
	(void)state;
	false_leave(1000, 0);
}

static void test_leave_too_far(void **state)
{
	(void)state;
	false_leave(0, BLOCK);
}

#define WITH_PIPE(test)	    cmocka_unit_test_setup_teardown(test, make_pipe, close_pipe)
#define WITH_CONSUMER(test) cmocka_unit_test_setup_teardown(test, open_consumer, close_consumer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_large_offers),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_blocks),
		WITH_PIPE(test_meeting),
		cmocka_unit_test(test_unmapped_is_nobody),
		WITH_PIPE(test_proof),
		WITH_PIPE(test_rings),
		WITH_PIPE(test_descriptors),
		cmocka_unit_test(test_packets),
		WITH_CONSUMER(test_whole_stream),
		WITH_CONSUMER(test_held),
		WITH_CONSUMER(test_end_waits),
		WITH_CONSUMER(test_end_and_close),
		WITH_CONSUMER(test_dead_producer),
		WITH_CONSUMER(test_dead_consumer),
		WITH_CONSUMER(test_leave),
		WITH_CONSUMER(test_leave_in_block),
		WITH_CONSUMER(test_leave_giving),
		WITH_CONSUMER(test_bytes_first),
		WITH_CONSUMER(test_plain),
		WITH_CONSUMER(test_file_cut),
		WITH_CONSUMER(test_no_proof),
		WITH_CONSUMER(test_out_of_turn),
		WITH_CONSUMER(test_bad_rings),
		WITH_CONSUMER(test_flood),
		WITH_CONSUMER(test_flood_after_hello),
		WITH_CONSUMER(test_busy),
		WITH_CONSUMER(test_no_descriptor_left),
		WITH_CONSUMER(test_deaf_producer),
		WITH_CONSUMER(test_broken_blocks),
		WITH_CONSUMER(test_block_twice),
		WITH_PIPE(test_no_listener),
		WITH_PIPE(test_false_answers),
		WITH_PIPE(test_interrupted),
		WITH_PIPE(test_false_accept),
		WITH_PIPE(test_release_unknown),
		WITH_PIPE(test_release_twice),
		WITH_PIPE(test_release_nowhere),
		WITH_PIPE(test_leave_false),
		WITH_PIPE(test_leave_beyond),
		WITH_PIPE(test_leave_too_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
