// SPDX-License-Identifier: GPL-2.0-only
/* One ring, several paths: a block is free when each of them is done with it, and the end of one is not that of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "program.h"

#define BLOCKS 24

/* The second path. */
static struct zcdma_path *path2;
static int out2 = -1, in2 = -1;

static int open_two(void **state)
{
	path2 = NULL;
	out2 = in2 = -1;
	return open_transfer(state);
}

static int close_two(void **state)
{
	zcdma_path_close(path2);
	if (in2 >= 0)
		close(in2);
	if (out2 >= 0)
		close(out2);
	return close_transfer(state);
}

static unsigned ring_blocks(void)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	return info.blocks;
}

/* Take every block of the ring, which fails if one of them does not come back. */
static void take_all(void)
{
	for (unsigned i = 0; i < ring_blocks(); i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
}

/* Send a block along both paths. Returns the first error. */
static int send_both(const struct zcdma_block *block)
{
	struct zcdma_block share;
	int rc, rc2;

	assert_int_equal(zcdma_block_share(src, block, &share), 0);
	rc = zcdma_path_send(path, block);
	rc2 = zcdma_path_send(path2, &share);
	return rc ? rc : rc2;
}

/*
 * Shares
 */

static void test_block_waits_for_each_share(void **state)
{
	struct zcdma_block first, share, again;
	unsigned char before[4096];

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &first), 1);
	memcpy(before, first.data, sizeof(before));
	assert_int_equal(zcdma_block_share(src, &first, &share), 0);
	assert_ptr_equal(share.data, first.data);
	assert_int_equal(zcdma_block_share(src, &share, &again), 0);
	assert_int_equal(zcdma_block_release(src, &share), 0);
	assert_int_equal(zcdma_block_release(src, &first), 0);
	assert_true(refused(zcdma_block_release(src, &first)));
	assert_true(refused(zcdma_block_share(src, &share, &first)));

	/* One block is left, and then none: the last share holds the other, whose data stays as it is. */
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_ptr_not_equal(b.data, again.data);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &first), -ENOBUFS);
	assert_non_null(strstr(zcdma_error(ctx), "holds 2"));
	assert_memory_equal(again.data, before, sizeof(before));
	assert_int_equal(zcdma_block_release(src, &again), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &first), 1);
	assert_ptr_equal(first.data, again.data);
}

/* Shares are not blocks: a program that holds many of them does not hold the ring. */
static void test_shares_do_not_count_as_blocks(void **state)
{
	struct zcdma_block first, shares[64];

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &first), 1);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		assert_int_equal(zcdma_block_share(src, &first, &shares[i]), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		assert_int_equal(zcdma_block_release(src, &shares[i]), 0);
	assert_int_equal(zcdma_block_release(src, &first), 0);
	take_all();
}

/* A path without a proof needs fresh pages for the block, also where another one is done with it last. */
static void test_replace_is_kept_for_the_last(void **state)
{
	struct zcdma_source_stats s;
	struct zcdma_block share;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "vmsplice", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_share(src, &b, &share), 0);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	zcdma_source_get_stats(src, &s, sizeof(s));
	assert_int_equal(s.replaced, 0);
	assert_int_equal(zcdma_block_release(src, &share), 0);
	zcdma_source_get_stats(src, &s, sizeof(s));
	assert_int_equal(s.replaced, 1);
}

static void test_pipe_is_not_shared(void **state)
{
	struct zcdma_block share;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "data", 4), 4);
	assert_int_equal(zcdma_source_open_fd(ctx, fds[0], "pipe", &src), 0);
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "splice", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_true(refused(zcdma_block_share(src, &b, &share)));
	assert_non_null(strstr(zcdma_error(ctx), "pipe can be taken once"));
	assert_int_equal(zcdma_block_release(src, &b), 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_only_a_driver_exports(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_export(src, &b), -EOPNOTSUPP);
	assert_non_null(strstr(zcdma_error(ctx), "its memory is not a driver's"));
	assert_non_null(strstr(zcdma_hint(ctx), "dev:"));
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_true(refused(zcdma_block_export(src, &b)));
}

/*
 * Two receivers
 */

struct receiver {
	struct zcdma_check_result result;
	int fd;
	bool late;
};

static void *receive(void *arg)
{
	struct receiver *r = arg;
	struct zcdma_check *check;
	struct zcdma_ctx *c;
	char buf[1 << 15];
	ssize_t n;

	if (zcdma_new(&c) || zcdma_check_pattern(c, SEED, &check))
		return NULL;
	if (r->late) /* so that blocks are with one path for longer than with the other */
		usleep(20000);
	while ((n = recv(r->fd, buf, sizeof(buf), 0)) > 0)
		zcdma_check_feed(check, buf, (size_t)n);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r->result);
	zcdma_check_free(check);
	zcdma_free(c);
	return NULL;
}

static pthread_t start_receiver(struct receiver *r, int fd, bool late)
{
	pthread_t thread;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	*r = (struct receiver){ .fd = fd, .late = late };
	assert_int_equal(pthread_create(&thread, NULL, receive, r), 0);
	return thread;
}

static void open_paths(const char *name, const char *spec)
{
	open_sim(spec);
	tcp_pair(ctx, &out, &in);
	tcp_pair(ctx, &out2, &in2);
	assert_int_equal(zcdma_path_open(ctx, src, name, out, &path), 0);
	assert_int_equal(zcdma_path_open(ctx, src, name, out2, &path2), 0);
	zcdma_path_set_queue(path, ring_blocks());
	zcdma_path_set_queue(path2, ring_blocks());
}

static void send_to_two(const char *name)
{
	struct receiver r, r2;
	pthread_t t, t2;
	int rc;

	open_paths(name, "sim:blocks=32,block=64K,seed=5");
	t = start_receiver(&r, in, false);
	t2 = start_receiver(&r2, in2, true);
	zcdma_source_set_limit(src, BLOCKS << 20, 0);
	while ((rc = zcdma_source_next(src, -1, &b)) == 1)
		assert_int_equal(send_both(&b), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_int_equal(zcdma_path_finish(path2), 0);
	pthread_join(t, NULL);
	pthread_join(t2, NULL);
	print_message("%s: %llu and %llu bytes, %llu and %llu faults\n", name,
		      (unsigned long long)r.result.bytes, (unsigned long long)r2.result.bytes,
		      (unsigned long long)r.result.faults, (unsigned long long)r2.result.faults);
	assert_int_equal(r.result.bytes, BLOCKS << 20);
	assert_int_equal(r2.result.bytes, BLOCKS << 20);
	assert_int_equal(r.result.faults + r2.result.faults, 0);
	assert_int_equal(stats().pending_blocks, 0);
}

static void test_two_receivers_by_every_path(void **state)
{
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);

		if (!type->required_caps || zcdma_path_probe(ctx, type))
			continue;
		send_to_two(type->name);
		close_two(state);
		open_two(state);
	}
}

static const char *const proofs[] = { "copy", "zerocopy", "vmsplice", "uring" };

/* Send until the whole ring is with @path2, whose receiver does not read; the first one's does. */
static void fill_second(void)
{
	static char buf[1 << 16];
	struct zcdma_path_stats s;
	int rc;

	zcdma_path_set_timeout(path, 0);
	zcdma_path_set_timeout(path2, 0);
	for (unsigned i = 0; i < 100000; i++) {
		while (recv(in, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		rc = zcdma_source_next(src, 1, &b);
		if (rc == 1)
			assert_int_equal(send_both(&b), 0);
		zcdma_path_get_stats(path2, &s, sizeof(s));
		if (s.pending_blocks == ring_blocks())
			return;
	}
	fail_msg("the ring did not fill up");
}

/* A receiver that stops reading holds the ring until its path is dropped; then every block comes back. */
static void test_drop_of_a_stopped_receiver(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
		if (zcdma_path_probe(ctx, zcdma_path_find(proofs[i])))
			continue;
		open_paths(proofs[i], "sim:blocks=16,block=64K");
		fill_second();
		zcdma_path_drop(path2);
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path2, &b), -ECANCELED);
		assert_int_equal(zcdma_block_release(src, &b), -EINVAL);
		take_all();
		close_two(state);
		open_two(state);
	}
}

/* The death of one receiver is an error of its own path; the other one gets everything. */
static void test_death_of_one(void **state)
{
	struct receiver r;
	pthread_t t;
	int rc, dead = 0;

	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
		if (zcdma_path_probe(ctx, zcdma_path_find(proofs[i])))
			continue;
		dead = 0;
		open_paths(proofs[i], "sim:blocks=16,block=64K,seed=5");
		t = start_receiver(&r, in, false);
		close(in2);
		in2 = -1;
		zcdma_source_set_limit(src, BLOCKS << 20, 0);
		while ((rc = zcdma_source_next(src, -1, &b)) == 1 || rc != 0) {
			if (rc == 1)
				rc = dead ? zcdma_path_send(path, &b) : send_both(&b);
			if (!rc)
				continue;
			assert_false(dead);
			assert_true(rc == -EPIPE || rc == -ECONNRESET);
			assert_int_equal(zcdma_path_process(path2), rc);
			assert_int_equal(zcdma_path_process(path), 0);
			zcdma_path_drop(path2);
			dead = rc;
		}
		assert_int_equal(zcdma_path_finish(path), 0);
		pthread_join(t, NULL);
		assert_int_not_equal(dead, 0);
		assert_int_equal(r.result.bytes, BLOCKS << 20);
		assert_int_equal(r.result.faults, 0);
		assert_int_equal(zcdma_path_finish(path2), dead);
		close_two(state);
		open_two(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_block_waits_for_each_share),	 TEST(test_shares_do_not_count_as_blocks),
		TEST(test_replace_is_kept_for_the_last), TEST(test_pipe_is_not_shared),
		TEST(test_only_a_driver_exports),	 TEST(test_two_receivers_by_every_path),
		TEST(test_drop_of_a_stopped_receiver),	 TEST(test_death_of_one),
	};

	signal(SIGPIPE, SIG_IGN); /* which splice() to a dead connection raises */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
