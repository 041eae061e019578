// SPDX-License-Identifier: GPL-2.0-only
/* The simulated device keeps the contract of a source: order, overruns, its end, fresh pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/uio.h>

#include "sources.h"

/* Make writes to @src's wake-up fail (ENOSPC). Returns a copy of its descriptor, for mend_wake_up(). */
static int break_wake_up(const struct zcdma_source *src)
{
	int saved = dup(src->poll_fd), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(saved >= 0 && full >= 0);
	assert_true(dup2(full, src->poll_fd) >= 0);
	close(full);
	return saved;
}

static void mend_wake_up(const struct zcdma_source *src, int saved)
{
	assert_true(dup2(saved, src->poll_fd) >= 0);
	close(saved);
}

static void wait_for_overruns(struct zcdma_source *src, uint64_t n)
{
	uint64_t limit = zc_now_ns() + LIMIT_MS * 1000000ull;

	while (stats_of(src).overruns < n && zc_now_ns() < limit)
		sched_yield();
	assert_true(stats_of(src).overruns >= n);
}

static void sim_hands_out_blocks_in_order(void **state)
{
	struct zcdma_source *src = start("sim:blocks=3,block=8K,seed=0x77", 0);
	uint64_t time_ns = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, i * 8192);
		assert_int_equal(b.len, 8192);
		assert_int_equal(b.flags, 0);
		assert_int_equal(b.index, i % 3);
		assert_int_equal(b.fd_offset, b.index * 8192);
		assert_true(b.time_ns >= time_ns && b.time_ns <= zc_now_ns());
		time_ns = b.time_ns;
		assert_pattern(&b, 0x77);
		put(src, &b);
	}
	assert_int_equal(stats_of(src).blocks, 20);
	assert_int_equal(stats_of(src).bytes, 20 * 8192);
	assert_int_equal(stats_of(src).overruns, 0);
	zcdma_source_close(src);
}

/* Check that the descriptor gives the same bytes as the block. */
static void sim_blocks_are_in_the_descriptor(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K", ZC_USE_FD);
	unsigned char page[PAGE];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(pread(b.fd, page, PAGE, b.fd_offset), PAGE);
		assert_int_equal(zcdma_pattern_match(page, PAGE, b.offset, 0), PAGE);
		put(src, &b);
	}
	zcdma_source_close(src);
}

static void sim_block_is_whole_whatever_the_limit(void **state)
{
	struct zcdma_source *src = start("sim:block=64K", 0);
	struct zcdma_block b;

	(void)state;
	assert_int_equal(next(src, 1, &b), 1);
	assert_int_equal(b.len, 65536);
	zcdma_source_close(src);
}

static void sim_produces_nothing_before_start(void **state)
{
	struct zcdma_source *src = open_source("sim:block=4K", 0);
	struct zcdma_block b;

	(void)state;
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	assert_int_equal(stats_of(src).next_seq, 0);
	zcdma_source_stop(src);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	zcdma_source_close(src);
}

/* Check that the device waits for a free block, and does not write to blocks that the caller holds. */
static void sim_waits_for_the_reader_without_a_rate(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K", 0);
	struct zcdma_block a = take(src), b = take(src), c;

	(void)state;
	assert_int_equal(zc_source_take(src, 0, &c), -EAGAIN);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 50), -ETIMEDOUT);
	assert_pattern(&a, 0);
	assert_pattern(&b, 0);
	put(src, &b);
	c = take(src);
	assert_int_equal(c.seq, 2);
	assert_int_equal(c.index, b.index);
	assert_pattern(&a, 0);
	assert_int_equal(stats_of(src).overruns, 0);
	zcdma_source_close(src);
}

static void sim_takes_blocks_back_in_any_order(void **state)
{
	static const unsigned order[] = { 2, 0, 3, 1 };
	struct zcdma_source *src = start("sim:blocks=4,block=4K", 0);
	struct zcdma_block b[4], again[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		b[i] = take(src);
	for (unsigned lap = 1; lap < 5; lap++) {
		for (unsigned i = 0; i < 4; i++) {
			/* What is still held has not been touched. */
			assert_pattern(&b[order[i]], 0);
			put(src, &b[order[i]]);
			again[i] = take(src);
			assert_int_equal(again[i].seq, lap * 4 + i);
			assert_int_equal(again[i].index, b[order[i]].index);
			assert_pattern(&again[i], 0);
		}
		memcpy(b, again, sizeof(b));
	}
	zcdma_source_close(src);
}

static void sim_drops_new_data_when_the_reader_is_late(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K,rate=4M", 0);
	struct zcdma_source_stats stats;
	struct zcdma_block b;
	uint64_t expected = 0;
	unsigned taken, lost = 0;
	int rc;

	(void)state;
	wait_for_overruns(src, 3);
	for (taken = 0; (rc = next(src, 0, &b)) == 1; taken++) {
		/* The oldest data is kept: the first two blocks are right after each other. */
		if (taken < 2)
			assert_int_equal(b.seq, taken);
		if (taken == 2)
			assert_true(b.seq >= 5);
		assert_int_equal(b.offset, b.seq * PAGE);
		assert_int_equal(b.flags, b.seq > expected ? ZCDMA_BLOCK_LOST : 0);
		assert_pattern(&b, 0);
		lost += (unsigned)(b.seq - expected);
		expected = b.seq + 1;
		put(src, &b);
		if (taken == 9)
			zcdma_source_stop(src);
	}
	assert_int_equal(rc, 0);
	assert_true(taken >= 10 && lost >= 3);
	stats = stats_of(src);
	assert_int_equal(stats.blocks, taken);
	assert_int_equal(stats.overruns, stats.next_seq - taken);
	assert_int_equal(stats.lost_bytes, stats.overruns * PAGE);
	assert_true(stats.overruns >= lost);
	/* What was dropped after the last block leaves no gap in the stream. */
	assert_int_equal(stats.gap_blocks, lost);
	assert_int_equal(stats.gap_bytes, lost * PAGE);
	zcdma_source_close(src);
}

static void sim_stops_then_drains_then_ends(void **state)
{
	struct zcdma_source *src = start("sim:blocks=4,block=4K,rate=4M", 0);
	struct zcdma_source_stats stats;
	struct zcdma_block b;

	(void)state;
	wait_for_overruns(src, 1); /* so all four are full */
	zcdma_source_stop(src);
	for (unsigned i = 0; i < 4; i++) {
		b = take(src);
		assert_int_equal(b.seq, i);
		assert_pattern(&b, 0);
		put(src, &b);
	}
	assert_int_equal(next(src, 0, &b), 0);
	stats = stats_of(src);
	assert_int_equal(stats.overruns, stats.next_seq - 4);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	assert_int_equal(stats_of(src).next_seq, stats.next_seq);
	zcdma_source_close(src);
}

/* Check that stop() also ends the wait of a reader. */
static void sim_stop_wakes_the_reader(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K,rate=1", 0);
	struct zcdma_block b;

	(void)state;
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	zcdma_source_stop(src);
	assert_int_equal(drain(src), 0);
	zcdma_source_close(src);
}

/* Check that the next wake-up wakes a sleeping reader after one that failed. */
static void sim_repeats_a_wake_up_that_failed(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K", 0);
	struct zcdma_block b[2] = { take(src), take(src) }, c;
	int saved;

	(void)state;
	assert_int_equal(zc_source_take(src, 0, &c), -EAGAIN);
	saved = break_wake_up(src);
	put(src, &b[0]);
	/* The device's thread has the block from here on. Its wake-up may fail before the repair, or not. */
	usleep(20000);
	mend_wake_up(src, saved);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(next(src, 0, &c), 1);
	put(src, &c);
	put(src, &b[1]);
	zcdma_source_close(src);
}

/* Check that a device faster than any processor can be stopped, and that its losses add up. */
static void sim_beyond_the_processor_can_be_stopped(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K,rate=100G", 0);
	struct zcdma_source_stats stats;
	struct zcdma_block b = take(src);
	int rc;

	(void)state;
	put(src, &b);
	zcdma_source_stop(src);
	while ((rc = next(src, 0, &b)) == 1)
		put(src, &b);
	assert_int_equal(rc, 0);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.lost_bytes, stats.overruns * PAGE);
	assert_int_equal(stats.blocks + stats.overruns, stats.next_seq);
	zcdma_source_close(src);
}

/* A block that would take an hour comes in pieces, which follow each other. */
static void sim_delivers_in_time_what_has_come(void **state)
{
	struct zcdma_source *src = start("sim:blocks=3,block=1M,rate=256,timeout=1ms,seed=3", 0);
	uint64_t offset = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, offset);
		assert_in_range(b.len, 8, 1 << 10);
		assert_int_equal(b.len % 8, 0);
		assert_pattern(&b, 3);
		offset += b.len;
		put(src, &b);
	}
	assert_int_equal(stats_of(src).overruns, 0);
	zcdma_source_stop(src);
	zcdma_source_close(src);
}

/* What finds no free block in time waits for one, as long as it is less than a block. */
static void sim_keeps_less_than_a_block_until_one_is_free(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4M,rate=64K,timeout=1ms", 0);
	struct zcdma_block a = take(src), b = take(src), c;

	(void)state;
	usleep(20000);
	put(src, &a);
	c = take(src);
	assert_int_equal(c.offset, b.offset + b.len);
	assert_int_equal(c.flags, 0);
	assert_int_equal(stats_of(src).overruns, 0);
	zcdma_source_close(src);
}

/* A device that finds no free block leaves its lock to others, though the time that it waits for has always passed. */
static void sim_without_a_free_block_keeps_no_lock(void **state)
{
	struct zcdma_source *src = start("sim:blocks=1,block=16M,rate=64K,timeout=0.001us", 0);
	struct zcdma_block a = take(src), b;

	(void)state;
	alarm(60); /* a block's time is longer */
	for (unsigned i = 0; i < 10; i++) {
		usleep(2000);
		assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	}
	put(src, &a);
	b = take(src);
	alarm(0);
	assert_int_equal(b.offset, a.offset + a.len);
	zcdma_source_close(src);
}

/* What no block was free for in time is in the next block, or lost with a whole block's time. */
static void sim_loses_whole_blocks_with_a_timeout(void **state)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K,rate=1M,timeout=1ms", 0);
	struct zcdma_block b;
	uint64_t next_offset = 0;
	int rc;

	(void)state;
	wait_for_overruns(src, 3);
	zcdma_source_stop(src);
	while ((rc = next(src, 0, &b)) == 1) {
		assert_true(b.offset == next_offset || b.flags & ZCDMA_BLOCK_LOST);
		assert_int_equal((b.offset - next_offset) % PAGE, 0);
		assert_pattern(&b, 0);
		next_offset = b.offset + b.len;
		put(src, &b);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(stats_of(src).lost_bytes, stats_of(src).overruns * PAGE);
	zcdma_source_close(src);
}

static void sim_fill_once_goes_round(void **state)
{
	struct zcdma_source *src = start("sim:blocks=3,block=4K,seed=5,fill=once", ZC_USE_REPLACE);

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, i * PAGE);
		assert_int_equal(b.index, i % 3);
		assert_int_equal(zcdma_pattern_match(b.data, b.len, i % 3 * PAGE, 5), PAGE);
		zc_source_put(src, &b, ZC_PUT_REPLACE);
	}
	assert_int_equal(stats_of(src).replaced, 0);
	zcdma_source_close(src);
}

/* Check that a device with a rate, which takes each block again, does not write to it. */
static void sim_fill_once_at_a_rate(void **state)
{
	struct zcdma_source *src = start("sim:blocks=3,block=4K,fill=once,rate=40M", 0);

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(zcdma_pattern_match(b.data, b.len, b.index * PAGE, 0), PAGE);
		put(src, &b);
	}
	zcdma_source_close(src);
}

/* Check that the ring has the memory that was asked for, in pages of the usual size. */
static void sim_memory_of_each_kind(void **state)
{
	static const char *const kinds[] = { "anon", "memfd", "file", "vvar" };
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct zcdma_source_info info;
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool named = !strcmp(kinds[i], "memfd") || !strcmp(kinds[i], "file");

		snprintf(spec, sizeof(spec), "sim:blocks=3,block=64K,memory=%s", kinds[i]);
		src = start(spec, 0);
		zcdma_source_get_info(src, &info, sizeof(info));
		assert_int_equal(info.page_size, page);
		assert_int_equal(info.block_size, strcmp(kinds[i], "vvar") ? 65536 : page);
		assert_int_equal(!!(info.caps & ZCDMA_CAP_FD), named);
		b = take(src);
		assert_int_equal(b.len, info.block_size);
		zc_source_put(src, &b, ZC_PUT_REUSE);
		zcdma_source_close(src);
		assert_int_equal(lab_open(ctx, spec, ZC_USE_FD, &src), named ? 0 : -EOPNOTSUPP);
		if (named)
			zcdma_source_close(src);
	}
}

/* Put the pages of @b into the pipe @fd without a copy, from memory or from its descriptor. */
static void refer_to(const struct zcdma_block *b, int fd, bool from_fd)
{
	struct iovec iov = { .iov_base = (void *)b->data, .iov_len = b->len };
	loff_t offset = b->fd_offset;
	ssize_t n =
		from_fd ? splice(b->fd, &offset, fd, NULL, b->len, 0) : vmsplice(fd, &iov, 1, 0);

	assert_int_equal(n, b->len);
}

/* Send five laps of the ring into a pipe without a copy, and check that all pages keep their data. */
static void check_given_away(unsigned flags)
{
	struct zcdma_source *src = start("sim:blocks=2,block=4K", ZC_USE_REPLACE | flags);
	unsigned char page[PAGE];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	for (unsigned i = 0; i < 10; i++) {
		struct zcdma_block b = take(src);

		assert_int_equal(b.offset, i * PAGE);
		assert_pattern(&b, 0);
		refer_to(&b, fd[1], flags & ZC_USE_FD);
		zc_source_put(src, &b, ZC_PUT_REPLACE);
	}
	assert_int_equal(stats_of(src).replaced, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(read(fd[0], page, PAGE), PAGE);
		assert_int_equal(zcdma_pattern_match(page, PAGE, i * PAGE, 0), PAGE);
	}
	close(fd[0]);
	close(fd[1]);
	zcdma_source_close(src);
}

static void sim_given_blocks_come_back_with_fresh_pages(void **state)
{
	(void)state;
	check_given_away(0);
	check_given_away(ZC_USE_FD);
}

static void sim_two_at_once(void **state)
{
	struct zcdma_source *a = start("sim:blocks=2,block=4K,seed=1", 0);
	struct zcdma_source *b = start("sim:blocks=5,block=8K,seed=2", 0);

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct zcdma_block x = take(a), y = take(b);

		assert_int_equal(x.seq, i);
		assert_int_equal(y.seq, i);
		assert_pattern(&x, 1);
		assert_pattern(&y, 2);
		put(b, &y);
		put(a, &x);
	}
	zcdma_source_close(a);
	zcdma_source_stop(b);
	drain(b);
	zcdma_source_close(b);
}

static void sim_says_what_it_is(void **state)
{
	static const struct {
		const char *spec;
		size_t block_size;
		unsigned least_blocks, most_blocks;
		bool lossy;
	} rings[] = {
		{ "sim:", 1 << 20, 16, 16, false },
		{ "sim:blocks=3,block=8K,rate=1M", 8192, 3, 3, true },
		{ "sim:rate=1M", 1 << 20, 16, 16, true },
		{ "sim:rate=360M", 1 << 20, 17, 90, true }, /* 90, or less where memory is short */
		{ "sim:rate=360M,blocks=4", 1 << 20, 4, 4, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		struct zcdma_source *src = open_source(rings[i].spec, 0);
		struct zcdma_source_info info;

		zcdma_source_get_info(src, &info, sizeof(info));
		assert_string_equal(info.type, "sim");
		assert_string_equal(info.name, rings[i].spec);
		assert_int_equal(info.block_size, rings[i].block_size);
		assert_in_range(info.blocks, rings[i].least_blocks, rings[i].most_blocks);
		assert_true(info.page_size >= PAGE);
		assert_true(info.endless);
		assert_int_equal(info.lossy, rings[i].lossy);
		zcdma_source_close(src);
	}
	zcdma_source_close(NULL);
}

/* Check that pages are replaced only in a ring made for it: huge pages cannot be replaced in part. */
static void nothing_is_given_away_unasked(void **state)
{
	struct zcdma_source *src = start("sim:blocks=4,block=64K", 0);
	struct zcdma_block b = take(src);

	(void)state;
	zc_source_put(src, &b, ZC_PUT_REPLACE);
	assert_int_equal(zc_source_take(src, 0, &b), -EINVAL);
	zcdma_source_close(src);
}

static void started_once(void **state)
{
	struct zcdma_source *src = start("sim:blocks=4,block=64K", 0);

	(void)state;
	assert_int_equal(zcdma_source_start(src), -EBUSY);
	zcdma_source_close(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sim_hands_out_blocks_in_order),
		cmocka_unit_test(sim_blocks_are_in_the_descriptor),
		cmocka_unit_test(sim_block_is_whole_whatever_the_limit),
		cmocka_unit_test(sim_produces_nothing_before_start),
		cmocka_unit_test(sim_waits_for_the_reader_without_a_rate),
		cmocka_unit_test(sim_takes_blocks_back_in_any_order),
		cmocka_unit_test(sim_drops_new_data_when_the_reader_is_late),
		cmocka_unit_test(sim_stops_then_drains_then_ends),
		cmocka_unit_test(sim_stop_wakes_the_reader),
		cmocka_unit_test(sim_repeats_a_wake_up_that_failed),
		cmocka_unit_test(sim_beyond_the_processor_can_be_stopped),
		cmocka_unit_test(sim_delivers_in_time_what_has_come),
		cmocka_unit_test(sim_keeps_less_than_a_block_until_one_is_free),
		cmocka_unit_test(sim_without_a_free_block_keeps_no_lock),
		cmocka_unit_test(sim_loses_whole_blocks_with_a_timeout),
		cmocka_unit_test(sim_fill_once_goes_round),
		cmocka_unit_test(sim_fill_once_at_a_rate),
		cmocka_unit_test(sim_memory_of_each_kind),
		cmocka_unit_test(sim_given_blocks_come_back_with_fresh_pages),
		cmocka_unit_test(sim_two_at_once),
		cmocka_unit_test(sim_says_what_it_is),
		cmocka_unit_test(nothing_is_given_away_unasked),
		cmocka_unit_test(started_once),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
