// SPDX-License-Identifier: GPL-2.0-only
/* Sources keep their contract: order, sequence numbers, overruns, ends, limits, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "source/source.h"
#include "lab.h"

#define PAGE	 4096u
#define LIMIT_MS 20000 /* for what happens at once on an idle machine */

static struct zcdma_ctx *ctx;

static int make_ctx(void **state)
{
	(void)state;
	return zcdma_new(&ctx);
}

static int free_ctx(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static struct zcdma_source *open_source(const char *spec, unsigned flags)
{
	struct zcdma_source *src;

	assert_int_equal(lab_open(ctx, spec, flags, &src), 0);
	return src;
}

static struct zcdma_source *start(const char *spec, unsigned flags)
{
	struct zcdma_source *src = open_source(spec, flags);

	assert_int_equal(zcdma_source_start(src), 0);
	return src;
}

/* Wait for a block. Returns 1 with the block in @b, 0 at the end, or a negative errno. */
static int next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(src, max, b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static struct zcdma_block take(struct zcdma_source *src)
{
	struct zcdma_block b;

	assert_int_equal(next(src, 0, &b), 1);
	return b;
}

static void put(struct zcdma_source *src, const struct zcdma_block *b)
{
	zc_source_put(src, b, ZC_PUT_REUSE);
}

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

static void assert_pattern(const struct zcdma_block *b, uint64_t seed)
{
	assert_int_equal(zcdma_pattern_match(b->data, b->len, b->offset, seed), b->len);
}

static struct zcdma_source_stats stats_of(struct zcdma_source *src)
{
	struct zcdma_source_stats stats;

	zcdma_source_get_stats(src, &stats, sizeof(stats));
	return stats;
}

/* Take and put blocks until the end. Returns how many came. */
static unsigned drain(struct zcdma_source *src)
{
	struct zcdma_block b;
	unsigned n;
	int rc;

	for (n = 0; (rc = next(src, 0, &b)) == 1; n++)
		put(src, &b);
	assert_int_equal(rc, 0);
	return n;
}

static void wait_for_overruns(struct zcdma_source *src, uint64_t n)
{
	uint64_t limit = zc_now_ns() + LIMIT_MS * 1000000ull;

	while (stats_of(src).overruns < n && zc_now_ns() < limit)
		sched_yield();
	assert_true(stats_of(src).overruns >= n);
}

/*
 * sim:
 */

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

/* With a rate every block goes through the device's hands again, which must not write to it. */
/* What was asked for is what there is, in small pages unless they are huge. */
static void sim_memory_of_each_kind(void **state)
{
	static const char *const kinds[] = { "anon", "memfd", "file", "vvar" };
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct zcdma_source_info info;
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
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
	struct zcdma_source *src = open_source("sim:blocks=3,block=8K,rate=1M", 0);
	struct zcdma_source_info info;

	(void)state;
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_string_equal(info.type, "sim");
	assert_string_equal(info.name, "sim:blocks=3,block=8K,rate=1M");
	assert_int_equal(info.block_size, 8192);
	assert_int_equal(info.blocks, 3);
	assert_true(info.page_size >= PAGE);
	assert_true(info.endless);
	assert_true(info.lossy);
	zcdma_source_close(src);

	src = open_source("sim:", 0);
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_int_equal(info.block_size, 1 << 20);
	assert_int_equal(info.blocks, 16);
	assert_false(info.lossy);
	zcdma_source_close(src);
	zcdma_source_close(NULL);
}

/*
 * Descriptors and files
 */

static void pipe_is_read_to_its_end(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	unsigned char data[10000];
	int fd[2], left;

	(void)state;
	zcdma_pattern_fill(data, sizeof(data), 0, 3);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(lab_open_fd(ctx, fd[0], "a pipe", 0, &src), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);

	assert_int_equal(write(fd[1], data, sizeof(data)), sizeof(data));
	assert_int_equal(next(src, 100, &b), 1);
	assert_int_equal(b.len, 100);
	assert_int_equal(b.offset, 0);
	assert_int_equal(b.fd, -1);
	assert_pattern(&b, 3);
	put(src, &b);
	assert_int_equal(ioctl(fd[0], FIONREAD, &left), 0);
	assert_int_equal(left, sizeof(data) - 100);

	assert_int_equal(next(src, 7, &b), 1);
	assert_int_equal(b.len, 7);
	assert_int_equal(b.offset, 100);
	assert_int_equal(b.seq, 1);
	assert_pattern(&b, 3);
	put(src, &b);
	b = take(src);
	assert_int_equal(b.len, sizeof(data) - 107);
	assert_pattern(&b, 3);
	put(src, &b);

	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	close(fd[1]);
	assert_int_equal(next(src, 0, &b), 0);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	assert_int_equal(stats_of(src).bytes, sizeof(data));
	zcdma_source_close(src);
	assert_int_equal(close(fd[0]), 0); /* it was the caller's */
}

/* Check that a path that takes descriptors gets the pipe itself, and that the source reads nothing. */
static void pipe_is_lent_as_it_is(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b, c;
	char data[5000] = "";
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(lab_open_fd(ctx, fd[0], "a pipe", ZC_USE_FD, &src), 0);
	assert_int_equal(write(fd[1], data, sizeof(data)), sizeof(data));
	assert_int_equal(next(src, 4000, &b), 1);
	assert_null(b.data);
	assert_int_equal(b.len, 4000);
	assert_int_equal(b.fd, fd[0]);
	assert_int_equal(b.fd_offset, -1);
	/* The next block cannot be described before the first was read. */
	assert_int_equal(zc_source_take(src, 0, &c), -EAGAIN);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 20), -ETIMEDOUT);
	assert_int_equal(read(b.fd, data, b.len), 4000);
	put(src, &b);
	b = take(src);
	assert_int_equal(b.offset, 4000);
	assert_int_equal(b.len, 1000);
	assert_int_equal(read(b.fd, data, b.len), 1000);
	put(src, &b);
	close(fd[1]);
	assert_int_equal(next(src, 0, &b), 0);
	zcdma_source_close(src);
	close(fd[0]);
}

/* Check that a stopped source delivers what was written before, and ends though the pipe is still open. */
static void pipe_stops(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	uint64_t limit = zc_now_ns() + LIMIT_MS * 1000000ull;
	int fd[2], rc;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(lab_open_fd(ctx, fd[0], "a pipe", 0, &src), 0);
	assert_int_equal(write(fd[1], "before", 6), 6);
	zcdma_source_stop(src);
	b = take(src);
	assert_int_equal(b.len, 6);
	put(src, &b);
	while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN && zc_now_ns() < limit)
		zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10);
	assert_int_equal(rc, 0);
	zcdma_source_close(src);
	close(fd[0]);
	close(fd[1]);
}

/* A file without a name, which /proc names. */
static int make_file(size_t len, char *path, size_t path_len)
{
	int fd = memfd_create("data", 0);
	unsigned char page[PAGE];

	assert_true(fd >= 0);
	for (size_t done = 0; done < len; done += zc_min(len - done, sizeof(page))) {
		zcdma_pattern_fill(page, sizeof(page), done, 0);
		assert_true(write(fd, page, zc_min(len - done, sizeof(page))) > 0);
	}
	snprintf(path, path_len, "file:/proc/self/fd/%d", fd);
	return fd;
}

static void check_file(unsigned flags, bool has_fd, bool has_data)
{
	const size_t len = 2 * 1048576 + 4097;
	struct zcdma_source *src;
	struct zcdma_block b;
	uint64_t at = 0;
	char spec[64];
	int fd = make_file(len, spec, sizeof(spec));

	src = start(spec, flags);
	for (unsigned i = 0; next(src, i == 0 ? 8192 : 0, &b) == 1; i++) {
		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, at);
		assert_true(i || b.len == 8192);
		assert_int_equal(b.fd >= 0, has_fd);
		assert_int_equal(b.fd_offset, has_fd ? (int64_t)at : -1);
		assert_int_equal(b.data != NULL, has_data);
		if (has_data)
			assert_pattern(&b, 0);
		at += b.len;
		put(src, &b);
	}
	assert_int_equal(at, len);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	zcdma_source_close(src);
	close(fd);
}

static void file_is_mapped_or_read_or_lent(void **state)
{
	(void)state;
	check_file(0, true, true);
	check_file(ZC_USE_READ, false, true);
	check_file(ZC_USE_FD, true, false);
}

static void file_grows_and_is_cut(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64], sentence[128];
	int fd = make_file(100, spec, sizeof(spec));

	(void)state;
	src = start(spec, ZC_USE_FD);
	b = take(src);
	assert_int_equal(b.len, 100);
	put(src, &b);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	assert_int_equal(ftruncate(fd, 150), 0);
	b = take(src);
	assert_int_equal(b.offset, 100);
	assert_int_equal(b.len, 50);
	put(src, &b);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(zc_source_take(src, 0, &b), -EIO);
	snprintf(sentence, sizeof(sentence), "read %s: it was cut short meanwhile", spec);
	assert_string_equal(zcdma_error(ctx), sentence);
	zcdma_source_close(src);
	close(fd);
}

/* Check blocks that do not begin on a page. */
static void file_from_any_offset(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b[3];
	int fd = make_file(10000, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(src, 1000, &b[i]), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(b[i].offset, i * 1000);
		assert_pattern(&b[i], 0);
		put(src, &b[i]);
	}
	zcdma_source_close(src);
	close(fd);
	unlink(spec);
}

static bool is_mapped(const void *p)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return !msync((void *)((uintptr_t)p / page * page), page, MS_ASYNC);
}

static void file_close_unmaps_what_is_out(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b;
	int fd = make_file(100, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	assert_int_equal(next(src, 0, &b), 1);
	assert_true(is_mapped(b.data));
	zcdma_source_close(src);
	assert_false(is_mapped(b.data));
	close(fd);
	unlink(spec);
}

/* Check a file that is cut to less than its size, but not to less than was read. */
static void file_cut_ahead_of_the_reader(void **state)
{
	char spec[64];
	struct zcdma_source *src;
	struct zcdma_block b;
	int fd = make_file(5000, spec, sizeof(spec));

	(void)state;
	for (unsigned flags = 0; flags <= ZC_USE_READ; flags += ZC_USE_READ) {
		assert_int_equal(ftruncate(fd, 5000), 0);
		src = start(spec, flags);
		assert_int_equal(next(src, 1000, &b), 1);
		put(src, &b);
		assert_int_equal(ftruncate(fd, 3000), 0);
		while (next(src, 1000, &b) == 1)
			put(src, &b);
		assert_int_equal(next(src, 1000, &b), -EIO);
		assert_non_null(strstr(zcdma_error(ctx), "cut short"));
		zcdma_source_close(src);
	}
	close(fd);
	unlink(spec);
}

/* Check that a wait sleeps while all blocks are out, although the pipe has data. */
static void pipe_without_a_free_block_does_not_spin(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b[16];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(lab_open_fd(ctx, fd[0], "pipe", 0, &src), 0);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(write(fd[1], "x", 1), 1);
		assert_int_equal(next(src, 0, &b[i]), 1);
	}
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(zc_source_take(src, 0, &b[0]), -EAGAIN);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 1), -ETIMEDOUT);
	put(src, &b[15]);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 10000), 0);
	assert_int_equal(next(src, 0, &b[15]), 1);
	zcdma_source_close(src);
	close(fd[0]);
	close(fd[1]);
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

static void file_without_a_byte(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	char spec[64];
	int fd = make_file(0, spec, sizeof(spec));

	(void)state;
	src = start(spec, 0);
	assert_int_equal(zc_source_take(src, 0, &b), 0);
	zcdma_source_close(src);
	close(fd);
}

/*
 * Errors, and waiting
 */

static void wrong_specs_have_a_message(void **state)
{
	static const struct {
		const char *spec;
		int err;
		const char *error, *hint; /* text that they contain; a hint of NULL: not set */
	} wrong[] = {
		{ "sim:blocks=0", ERANGE, "source sim:blocks=0: blocks=0 is not valid",
		  "1 to 65536" },
		{ "sim:blocks=65537", ERANGE, "blocks=65537 is not valid", "1 to 65536" },
		{ "sim:blocks=4x", EINVAL, "blocks=4x is not valid", "a number" },
		{ "sim:blocks=-1", EINVAL, "blocks=-1 is not valid", "a number" },
		{ "sim:blocks", EINVAL, "blocks= is not valid", "a number" },
		{ "sim:block=5", EINVAL, "block=5 is not valid", "multiple of the page size" },
		{ "sim:block=0", ERANGE, "block=0 is not valid", "multiple of the page size" },
		{ "sim:block=2T", ERANGE, "block=2T is not valid", "up to 1" },
		{ "sim:block=1G,blocks=65536", ENOMEM, "ring of 65536 blocks",
		  "half of this machine" },
		{ "sim:rate=0", ERANGE, "rate=0 is not valid", "bytes per second" },
		{ "sim:rate=fast", EINVAL, "rate=fast is not valid", "bytes per second" },
		{ "sim:seed=", EINVAL, "seed= is not valid", "a number" },
		{ "sim:seed=99999999999999999999", ERANGE, "seed=9999", "a number" },
		{ "sim:memory=core", EINVAL, "memory=core is not valid", "anon, memfd" },
		{ "sim:fill=twice", EINVAL, "fill=twice is not valid", "always or once" },
		{ "sim:colour=red", EINVAL, "unknown option colour", "sim: takes blocks=" },
		{ "sim:block=4K,", EINVAL, "unknown option (an empty one)", "sim: takes blocks=" },
		{ "sin:", EINVAL, "source sin:: unknown kind of source", "known are sim:" },
		{ "file:/nowhere/x", ENOENT, "open /nowhere/x: No such file", NULL },
		{ "/nowhere/x", ENOENT, "open /nowhere/x: No such file", NULL },
		{ "/nowhere/x:y", ENOENT, "open /nowhere/x:y: No such file", NULL },
		{ "file:", EINVAL, "source \"file:\": it names no file", NULL },
		{ "", EINVAL, "source \"\": it names no file", NULL },
		{ "/", EISDIR, "open /: Is a directory", NULL },
		{ "file:/dev/null", EINVAL, "it is a device or a pipe, not a file", "< /dev/null" },
	};
	struct zcdma_source *src;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int rc = lab_open(ctx, wrong[i].spec, 0, &src);
		const char *hint = zcdma_hint(ctx);

		if (rc != -wrong[i].err || !strstr(zcdma_error(ctx), wrong[i].error) ||
		    !hint != !wrong[i].hint || (hint && !strstr(hint, wrong[i].hint)))
			fail_msg("%s: %d, \"%s\", \"%s\"", wrong[i].spec, rc, zcdma_error(ctx),
				 hint ? hint : "(none)");
	}
}

static void wrong_descriptors_have_a_message(void **state)
{
	struct zcdma_source *src;
	int fd[2], dir = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(lab_open_fd(ctx, fd[0], "it", 0, &src), -EBADF);
	assert_string_equal(zcdma_error(ctx), "read it: it is closed");
	assert_int_equal(lab_open_fd(ctx, fd[1], "it", 0, &src), -EBADF);
	assert_int_equal(lab_open_fd(ctx, dir, "it", 0, &src), -EISDIR);
	assert_string_equal(zcdma_error(ctx), "read it: Is a directory");
	close(fd[1]);
	close(dir);
}

static void kinds_are_listed(void **state)
{
	static const char *const names[] = { "sim", "dev", "file", "pipe", "pcap" };
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(zcdma_source_type_at(i)->name, names[i]);
		assert_non_null(zcdma_source_type_at(i)->syntax);
		assert_non_null(zcdma_source_type_at(i)->summary);
	}
	assert_null(zcdma_source_type_at(i));
}

static void wait_is_interrupted_until_resumed(void **state)
{
	struct zcdma_source *src = start("sim:block=4K,rate=1", 0);

	(void)state;
	zcdma_interrupt(ctx);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, -1), -EINTR);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, -1), -EINTR);
	zcdma_resume(ctx);
	assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 0), -ETIMEDOUT);
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

static void ring_is_chosen_by_the_rate(void **state)
{
	struct zcdma_source_info info;
	struct zcdma_source *src;

	(void)state;
	src = open_source("sim:rate=360M", 0);
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_in_range(info.blocks, 17, 90); /* less than 90 where memory is short */
	zcdma_source_close(src);
	src = open_source("sim:rate=1M", 0);
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_int_equal(info.blocks, 16);
	zcdma_source_close(src);
	src = open_source("sim:rate=360M,blocks=4", 0);
	zcdma_source_get_info(src, &info, sizeof(info));
	assert_int_equal(info.blocks, 4);
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
		cmocka_unit_test(ring_is_chosen_by_the_rate),
		cmocka_unit_test(sim_fill_once_goes_round),
		cmocka_unit_test(sim_fill_once_at_a_rate),
		cmocka_unit_test(sim_memory_of_each_kind),
		cmocka_unit_test(sim_given_blocks_come_back_with_fresh_pages),
		cmocka_unit_test(sim_two_at_once),
		cmocka_unit_test(sim_says_what_it_is),
		cmocka_unit_test(pipe_is_read_to_its_end),
		cmocka_unit_test(pipe_is_lent_as_it_is),
		cmocka_unit_test(pipe_stops),
		cmocka_unit_test(file_is_mapped_or_read_or_lent),
		cmocka_unit_test(file_grows_and_is_cut),
		cmocka_unit_test(file_from_any_offset),
		cmocka_unit_test(file_close_unmaps_what_is_out),
		cmocka_unit_test(file_cut_ahead_of_the_reader),
		cmocka_unit_test(pipe_without_a_free_block_does_not_spin),
		cmocka_unit_test(nothing_is_given_away_unasked),
		cmocka_unit_test(started_once),
		cmocka_unit_test(file_without_a_byte),
		cmocka_unit_test(wrong_specs_have_a_message),
		cmocka_unit_test(wrong_descriptors_have_a_message),
		cmocka_unit_test(kinds_are_listed),
		cmocka_unit_test(wait_is_interrupted_until_resumed),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
