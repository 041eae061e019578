// SPDX-License-Identifier: GPL-2.0-only
/* A source of the program's own memory: what it refuses, and when a piece is the program's again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "pair.h"
#include "transfer.h"

#define LIMIT_MS 10000
#define PIECE	 65536
#define PIECES	 64

static unsigned char *memory;
static struct zcdma_block b;
static uint64_t cookie;

static int setup(void **state)
{
	const struct zcdma_region regions[2] = { { NULL, 0 },
						 { malloc(PIECE * PIECES), PIECE * PIECES } };

	memory = regions[1].data;
	return !memory || open_transfer(state) || zcdma_source_open_memory(ctx, regions, 2, &src);
}

static int teardown(void **state)
{
	int rc = close_transfer(state);

	free(memory);
	return rc;
}

static void test_bad_regions(void **state)
{
	const struct zcdma_region bad[] = { { NULL, 1 }, { memory, SIZE_MAX } };
	struct zcdma_source *other;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(zcdma_source_open_memory(ctx, &bad[i], 1, &other), -EINVAL);
	assert_int_equal(zcdma_source_open_memory(ctx, NULL, 0, &other), 0);
	assert_int_equal(zcdma_source_submit(other, memory, 1, 0), -EINVAL);
	zcdma_source_close(other);
}

static void test_bad_pieces(void **state)
{
	(void)state;
	assert_int_equal(zcdma_source_submit(src, memory - 1, 10, 0), -EINVAL);
	assert_int_equal(zcdma_source_submit(src, memory + PIECE * PIECES - 9, 10, 0), -EINVAL);
	assert_int_equal(zcdma_source_submit(src, memory, SIZE_MAX, 0), -EINVAL);
	assert_int_equal(zcdma_source_submit(src, memory, 0, 0), -EINVAL);
	assert_int_equal(zcdma_source_submit(src, NULL, 1, 0), -EINVAL);
	assert_int_equal(zcdma_source_submit(src, memory, PIECE, 7), 0);
	/* Written to for one, it would change for the other. */
	assert_int_equal(zcdma_source_submit(src, memory + PIECE - 1, 1, 8), -EBUSY);
	assert_int_equal(zcdma_source_submit(src, memory + PIECE, 1, 9), 0);
	zcdma_source_stop(src);
	assert_int_equal(zcdma_source_submit(src, memory + 2 * PIECE, 1, 9), -EINVAL);
}

static void test_order_and_end(void **state)
{
	(void)state;
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	assert_int_equal(zcdma_source_next(src, -1, &b), -ENOBUFS);  /* nothing will come */
	assert_int_equal(zcdma_source_reclaim(src, -1, &cookie), 0); /* nor come back */
	for (unsigned i = 0; i < PIECES; i++)
		assert_int_equal(zcdma_source_submit(src, memory + i * PIECE, i + 1, i), 0);
	zcdma_source_stop(src);
	for (unsigned i = 0; i < PIECES; i++) {
		assert_int_equal(zcdma_source_next(src, 0, &b), 1);
		assert_ptr_equal(b.data, memory + i * PIECE);
		assert_int_equal(b.len, i + 1);
		assert_int_equal(zcdma_block_release(src, &b), 0);
		assert_int_equal(zcdma_source_reclaim(src, 0, &cookie), 1);
		assert_int_equal(cookie, i);
	}
	assert_int_equal(zcdma_source_next(src, -1, &b), 0);
	assert_int_equal(zcdma_source_reclaim(src, -1, &cookie), 0);
}

/* Reclaim pieces for up to @timeout_ms each, and write to them, as they are the program's again. Returns the last answer. */
static int reclaim_and_spoil(int timeout_ms, unsigned *back)
{
	int rc;

	while ((rc = zcdma_source_reclaim(src, timeout_ms, &cookie)) == 1) {
		memset(memory + cookie * PIECE, 0xee, PIECE);
		++*back;
	}
	return rc;
}

/* Until the receiver has read, the kernel refers to the memory: a piece that is not reclaimed is in flight. */
static void test_reclaimed_by_proof(void **state)
{
	static unsigned char buf[PIECE];
	unsigned sent = 0, back = 0;
	uint64_t got = 0;
	ssize_t n;

	(void)state;
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_path_open(ctx, src, "zerocopy", out, &path), 0);
	assert_int_equal(zcdma_path_set_fallback(path, ZCDMA_FALLBACK_KEEP), 0);
	zcdma_path_set_timeout(path, 0);
	for (; sent < PIECES; sent++) {
		memset(memory + sent * PIECE, (int)sent + 1, PIECE);
		assert_int_equal(zcdma_source_submit(src, memory + sent * PIECE, PIECE, sent), 0);
		assert_int_equal(zcdma_source_next(src, 0, &b), 1);
		if (zcdma_path_send(path, &b))
			break;
		reclaim_and_spoil(0, &back);
	}
	/* What the receiver's queue has room for may still be on its way there. */
	assert_int_equal(reclaim_and_spoil(1, &back), -ETIMEDOUT);
	assert_true(back < sent); /* the queues hold less than that */
	while (got < (uint64_t)sent * PIECE) {
		n = recv(in, buf, sizeof(buf), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++, got++) {
			if (buf[i] != got / PIECE + 1)
				fail_msg("byte %llu is 0x%x", (unsigned long long)got, buf[i]);
		}
		reclaim_and_spoil(0, &back);
	}
	assert_int_equal(reclaim_and_spoil(LIMIT_MS, &back), 0);
	assert_int_equal(back, sent);
}

static void test_paths_without_proof(void **state)
{
	static const char *const names[] = { "vmsplice", "splice", "sendfile", "uring-fixed" };

	(void)state;
	tcp_pair(ctx, &out, &in);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(zcdma_path_open(ctx, src, names[i], out, &path), -EINVAL);
		path = NULL;
	}
	assert_int_equal(zcdma_source_prepare(src, "vmsplice"), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "no proof"));
	assert_int_equal(zcdma_path_open(ctx, src, "copy", out, &path), 0);
}

static void test_other_sources_take_none(void **state)
{
	struct zcdma_source *sim;

	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "sim:", &sim), 0);
	assert_int_equal(zcdma_source_submit(sim, memory, 1, 0), -EINVAL);
	assert_int_equal(zcdma_source_reclaim(sim, 0, &cookie), -EINVAL);
	zcdma_source_close(sim);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_regions),		TEST(test_bad_pieces),
		TEST(test_order_and_end),	TEST(test_reclaimed_by_proof),
		TEST(test_paths_without_proof), TEST(test_other_sources_take_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
