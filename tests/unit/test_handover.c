// SPDX-License-Identifier: GPL-2.0-only
/* The hand-over between two ends that keep the rules: order, losses, leaving, dying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "handover_consumer.h"
#include "handover_producer.h"

static void test_whole_stream(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=5", .blocks = 1000 };
	struct zcdma_source_info info;
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
	zcdma_source_get_info(in, &info, sizeof(info));
	assert_int_equal(info.simulated, 1); /* as the producer's is */
	assert_int_equal(stats().handovers, 1);
	assert_int_equal(stats().copied_bytes, 0);
	assert_null(stats().plain_reason);
}

/* Check that a consumer which holds the ring until the device has lost blocks learns of the loss. */
static void test_losses(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=2,rate=256M", .blocks = 200 };
	uint64_t expected = 0, lost = 0;
	struct zcdma_block b;

	(void)state;
	start(&p);
	for (; next(&b) == 1; expected = b.seq + 1) {
		assert_int_equal(b.flags, b.seq > expected ? ZCDMA_BLOCK_LOST : 0);
		lost += b.seq - expected;
		if (!lost)
			usleep(5000);
		zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_true(lost > 0);
	assert_int_equal(stats().overruns, lost);
}

/* Check that a consumer learns where data may be missing, and where datagrams are, which it has no numbers of. */
static void test_doubt(void **state)
{
	struct producer p = {
		.spec = "sim:block=64K,blocks=2", .blocks = 8, .doubt = 3, .lost = 5
	};
	struct zcdma_block b;

	(void)state;
	start(&p);
	for (unsigned i = 0; i < 8; i++) {
		const bool doubt = i == 3 || i == 5;

		assert_int_equal(next(&b), 1);
		assert_int_equal(b.flags, doubt ? ZCDMA_BLOCK_DISCONTINUITY : 0);
		assert_true(b.lost[ZCDMA_LOST_DEVICE].count == (doubt ? ZCDMA_UNKNOWN : 0));
		zc_source_put(in, &b, ZC_PUT_REUSE);
	}
	assert_int_equal(next(&b), 0);
	join(&p);
	assert_int_equal(p.rc, 0);
	assert_int_equal(stats().discontinuities, 2);
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

/* Bytes that follow on a ring go into blocks of the reader's own, of which a program may hold more than that ring had. */
static void test_bytes_after(void **state)
{
	struct producer p = { .spec = "sim:block=64K,blocks=2", .blocks = 2 };
	const int end = dup(pipe_fd[1]);
	struct zcdma_source_info info;
	struct zcdma_block b;

	(void)state;
	assert_true(end >= 0);
	start(&p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcdma_source_next(in, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_block_release(in, &b), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(end, "x", 1), 1);
		assert_int_equal(zcdma_source_next(in, LIMIT_MS, &b), 1);
		assert_int_equal(b.len, 1);
	}
	assert_int_equal(zcdma_source_next(in, 0, &b), -EAGAIN);
	zcdma_source_get_info(in, &info, sizeof(info));
	assert_int_equal(info.blocks, 16);
	assert_int_equal(info.block_size, 1 << 20);
	close(end);
	join(&p);
	assert_int_equal(p.rc, 0);
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
	assert_int_equal(stats().copied_bytes, 0);
	assert_int_equal(stats().kernel_copied_bytes, 5);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CONSUMER(test_whole_stream),  WITH_CONSUMER(test_losses),
		WITH_CONSUMER(test_doubt),	   WITH_CONSUMER(test_held),
		WITH_CONSUMER(test_end_waits),	   WITH_CONSUMER(test_end_and_close),
		WITH_CONSUMER(test_dead_producer), WITH_CONSUMER(test_dead_consumer),
		WITH_CONSUMER(test_leave),	   WITH_CONSUMER(test_leave_in_block),
		WITH_CONSUMER(test_leave_giving),  WITH_CONSUMER(test_bytes_first),
		WITH_CONSUMER(test_bytes_after),   WITH_CONSUMER(test_plain),
		WITH_CONSUMER(test_file_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
