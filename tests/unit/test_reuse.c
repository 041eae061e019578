// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule of reuse, as a program meets it: whatever it leaves out or does twice, no page is written to that
 * something still reads, and what arrives is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/*
 * What a program does wrong
 */

static void test_release_twice(void **state)
{
	struct zcdma_block second;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_non_null(strstr(zcdma_error(ctx), "released before"));
	/* Its place in the ring is another delivery's by now, which the old copy does not name. */
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &second), 1);
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_int_equal(zcdma_block_release(src, &second), 0);
}

static void test_send_twice(void **state)
{
	(void)state;
	open_sim("sim:blocks=64,block=32K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "zerocopy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_true(refused(zcdma_block_release(src, &b)));
	assert_int_equal(stats().blocks, 1);
	assert_int_equal(stats().bytes, 32768);
}

static void test_send_after_release(void **state)
{
	(void)state;
	open_sim("sim:blocks=4,block=4K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_int_equal(stats().bytes, 0);
}

static void test_foreign_block(void **state)
{
	struct zcdma_source *other;
	struct zcdma_block none = { .data = "x", .len = 1 }, foreign;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	assert_int_equal(zcdma_source_open(ctx, "sim:blocks=2,block=4K", &other), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_source_next(other, LIMIT_MS, &foreign), 1);
	assert_true(refused(zcdma_block_release(src, &foreign)));
	assert_true(refused(zcdma_block_release(src, &none)));
	none.ticket = UINT64_MAX;
	assert_true(refused(zcdma_block_release(src, &none)));
	assert_int_equal(zcdma_block_release(other, &foreign), 0);
	zcdma_source_close(other);
}

/* Check that changes to the caller's copy of a block have no effect. */
/* A source of another context may be another thread's. */
static void test_foreign_context(void **state)
{
	struct zcdma_ctx *other;

	(void)state;
	open_sim("sim:blocks=2,block=4K");
	unix_pair();
	assert_int_equal(zcdma_new(&other), 0);
	assert_int_equal(zcdma_path_open(other, src, "copy", out, &path), -EINVAL);
	assert_non_null(strstr(zcdma_error(other), "another context"));
	assert_int_equal(zcdma_path_connect(other, src, "copy", "127.0.0.1:1", &path), -EINVAL);
	zcdma_free(other);
	path = NULL;
	assert_int_equal(zcdma_path_open(ctx, src, "nosuch", out, &path), -EINVAL);
	assert_non_null(strstr(zcdma_hint(ctx), "copy zerocopy vmsplice"));
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
}

/* A path that was dropped has an end, though its receiver reads nothing and a Unix socket is not reset. */
static void test_dropped_path_ends(void **state)
{
	(void)state;
	open_sim("sim:blocks=2,block=4K");
	unix_pair();
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	zcdma_path_set_timeout(path, LIMIT_MS);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	zcdma_path_drop(path);
	assert_int_equal(zcdma_path_finish(path), -ECANCELED);
	assert_int_equal(zcdma_path_abandon(path), 0);
	assert_string_equal(zcdma_sockname(out, true, (char[32]){ 0 }, 32), "a Unix socket");
}

static void test_changed_block(void **state)
{
	struct zcdma_check_result result;
	struct zcdma_check *check;
	char buf[8192];

	(void)state;
	open_sim("sim:blocks=2,block=4K,seed=5");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	b.data = NULL;
	b.len = 1 << 30;
	b.index = 77;
	b.fd = 0;
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(recv(in, buf, sizeof(buf), MSG_WAITALL | MSG_DONTWAIT), 4096);
	assert_int_equal(zcdma_check_pattern(ctx, SEED, &check), 0);
	zcdma_check_feed(check, buf, 4096);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	assert_int_equal(result.bytes, 4096);
	assert_int_equal(result.faults, 0);
	zcdma_check_free(check);
}

/* Check that a program that releases nothing gets an error instead of a wait without end. */
static void test_forgotten_release(void **state)
{
	static const char *const specs[] = { "sim:blocks=3,block=4K",
					     "sim:blocks=3,block=4K,rate=1G" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		open_sim(specs[i]);
		for (int j = 0; j < 3; j++)
			assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_source_next(src, -1, &b), -ENOBUFS);
		assert_non_null(strstr(zcdma_error(ctx), "holds 3"));
		zcdma_source_close(src);
		src = NULL;
	}
}

/*
 * A program that did not apply the rule after a send, over a path without completions, had 459 of
 * 1,012 MiB overwritten. With zcdma_path_send() a program cannot leave the rule out.
 */

struct receiver {
	struct zcdma_check_result result;
	int fd;
};

static void *receive(void *arg)
{
	struct receiver *r = arg;
	static char buf[1 << 16];
	struct zcdma_check *check;
	struct zcdma_ctx *c;
	ssize_t n;

	if (zcdma_new(&c) || zcdma_check_pattern(c, SEED, &check))
		return NULL;
	usleep(20000); /* late, so that blocks stay in the sender's queue for a while */
	while ((n = recv(r->fd, buf, sizeof(buf), 0)) > 0)
		zcdma_check_feed(check, buf, (size_t)n);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r->result);
	zcdma_check_free(check);
	zcdma_free(c);
	return NULL;
}

static void send_all(const char *name, bool unsafe, struct receiver *r)
{
	pthread_t thread;
	int rc;

	open_sim("sim:blocks=32,block=64K,seed=5");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, name, out, &path), 0);
	if (unsafe)
		assert_int_equal(zcdma_path_set_unsafe_reuse(path), 0);
	*r = (struct receiver){ .fd = dup(in) };
	fcntl(r->fd, F_SETFL, fcntl(r->fd, F_GETFL) & ~O_NONBLOCK);
	assert_int_equal(pthread_create(&thread, NULL, receive, r), 0);
	zcdma_source_set_limit(src, 24 << 20, 0);
	while ((rc = zcdma_source_next(src, -1, &b)) == 1) {
		rc = zcdma_path_send(path, &b);
		if (rc)
			break;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	pthread_join(thread, NULL);
	close(r->fd);
	assert_int_equal(r->result.bytes, 24 << 20);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(stats().blocks, 24 * 16);
}

static void test_every_path_keeps_the_rule(void **state)
{
	struct receiver r;

	(void)state;
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);

		if (!type->required_caps || zcdma_path_probe(ctx, type))
			continue;
		send_all(type->name, false, &r);
		assert_int_equal(r.result.faults, 0);
		close_transfer(NULL);
		open_transfer(NULL);
	}
}

/* Check that the same program loses data without the rule. */
static void test_unsafe_reuse_is_seen(void **state)
{
	struct receiver r;

	(void)state;
	send_all("vmsplice", true, &r);
	assert_true(r.result.faults > 0);
}

/* Check that the path owns the block after an error, and that only blocks in flight are lost to the ring. */
static void test_broken_path(void **state)
{
	struct zcdma_source_info info;
	int rc = 0;

	(void)state;
	open_sim("sim:blocks=8,block=64K");
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
	close(in);
	in = -1;
	while (!rc && (rc = zcdma_source_next(src, LIMIT_MS, &b)) == 1)
		rc = zcdma_path_send(path, &b);
	assert_true(rc == -ECONNRESET || rc == -EPIPE);
	assert_non_null(strstr(zcdma_error(ctx), "send to 127.0.0.1:"));
	assert_true(refused(zcdma_path_send(path, &b)));
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b),
			 rc); /* which reports the path again */
	zcdma_path_close(path);
	path = NULL;
	zcdma_source_get_info(src, &info, sizeof(info));
	for (unsigned i = 0; i < info.blocks; i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, close_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_release_twice),
		TEST(test_send_twice),
		TEST(test_send_after_release),
		TEST(test_foreign_block),
		TEST(test_foreign_context),
		TEST(test_dropped_path_ends),
		TEST(test_changed_block),
		TEST(test_forgotten_release),
		TEST(test_every_path_keeps_the_rule),
		TEST(test_unsafe_reuse_is_seen),
		TEST(test_broken_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
