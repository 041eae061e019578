// SPDX-License-Identifier: GPL-2.0-only
/* What a recording keeps of what was lost: in its blocks, its manifest, and as zeros in its data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zcdma/verify.h>

#define BLOCK	 (64u << 10)
#define LIMIT_MS 20000

static struct zcdma_ctx *ctx;
static char data_name[] = "zcdma-gaps-XXXXXX", manifest_name[] = "/tmp/zcdma-gaps-XXXXXX";

static int setup(void **state)
{
	(void)state;
	strcpy(data_name, "zcdma-gaps-XXXXXX");
	strcpy(manifest_name, "/tmp/zcdma-gaps-XXXXXX");
	if (close(mkstemp(data_name)) || close(mkstemp(manifest_name)))
		return -1;
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	unlink(data_name);
	unlink(manifest_name);
	return 0;
}

static void wait_for_overruns(struct zcdma_source *src, uint64_t more_than)
{
	struct zcdma_source_stats stats;

	for (int ms = 0; ms < LIMIT_MS; ms++) {
		zcdma_source_get_stats(src, &stats, sizeof(stats));
		if (stats.overruns > more_than)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("no overrun in %d ms", LIMIT_MS);
}

/* What was recorded: blocks, gaps, and bytes in those. */
struct recorded {
	uint64_t blocks, gaps, lost_blocks, lost_bytes, end;
	struct zcdma_path_stats stats;
};

/*
 * Record @total blocks of a device with a pace to @fd, and be late now and then; each block has what was lost before it.
 * The first block is never late. The pace is slow: a starved machine may lose some seconds of it, for which a small file
 * system must have room.
 */
static struct recorded record(int fd, unsigned depth, unsigned total, enum zcdma_gaps gaps,
			      size_t odd)
{
	struct recorded rec = { 0 };
	struct zcdma_manifest *manifest;
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	uint64_t next = 0;

	assert_int_equal(zcdma_source_open(ctx, "sim:blocks=4,block=64K,rate=4M", &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fd, &path), 0);
	if (depth > 1 && zcdma_path_set_depth(path, depth) == -EOPNOTSUPP)
		skip();
	assert_int_equal(zcdma_path_set_gaps(path, gaps), 0);
	assert_int_equal(zcdma_manifest_create(ctx, manifest_name, &manifest), 0);
	zcdma_path_set_manifest(path, manifest);
	if (odd)
		zcdma_source_set_limit(src, (total - 1) * BLOCK + odd, 0);
	for (; rec.blocks < total; rec.blocks++) {
		const struct zcdma_loss *lost = &b.lost[ZCDMA_LOST_DEVICE];

		if (rec.blocks % 8 == 3)
			wait_for_overruns(src, rec.lost_blocks);
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_block_lost_bytes(&b), b.offset - next);
		assert_int_equal(lost->bytes, b.offset - next);
		assert_int_equal(lost->count * BLOCK, lost->bytes);
		assert_int_equal(b.lost[ZCDMA_LOST_NETWORK].count, 0);
		rec.gaps += lost->count > 0;
		rec.lost_blocks += lost->count;
		rec.lost_bytes += lost->bytes;
		next = b.offset + b.len;
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	rec.end = next;
	assert_int_equal(zcdma_path_finish(path), 0);
	zcdma_path_get_stats(path, &rec.stats, sizeof(rec.stats));
	assert_int_equal(zcdma_manifest_close(manifest), 0);
	zcdma_path_close(path);
	zcdma_source_close(src);
	assert_true(rec.gaps > 0);
	return rec;
}

/* Check the data against its manifest, which has the losses of @rec. */
static void check_by_manifest(const struct recorded *rec, bool filled)
{
	struct zcdma_recorded_loss loss;
	struct zcdma_check_result res;
	struct zcdma_check *check;
	struct stat st;
	int fd = open(data_name, O_RDONLY);
	uint64_t blocks = 0, zeros = 0;
	unsigned char *data;

	assert_int_equal(zcdma_check_manifest(ctx, manifest_name, &check), 0);
	fstat(fd, &st);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	zcdma_check_feed(check, data, (size_t)st.st_size);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &res);
	assert_int_equal(res.faults, 0);
	assert_false(res.unended);
	assert_int_equal(res.blocks_good, res.blocks_expected);
	assert_int_equal(res.recorded_losses, rec->gaps);
	assert_int_equal(res.recorded_lost[ZCDMA_LOST_DEVICE].count, rec->lost_blocks);
	assert_int_equal(res.recorded_lost[ZCDMA_LOST_DEVICE].bytes, rec->lost_bytes);
	assert_int_equal(res.losses_unknown, 0);
	for (unsigned i = 0; zcdma_check_get_recorded_loss(check, i, &loss); i++) {
		blocks += loss.lost[ZCDMA_LOST_DEVICE].count;
		zeros += loss.filled_bytes;
		/* After 2020, and before 2100. */
		assert_true(filled || (loss.time_ns / 1000000000u > 1577836800u &&
				       loss.time_ns / 1000000000u < 4102444800u));
	}
	assert_int_equal(blocks, rec->lost_blocks);
	assert_int_equal(zeros, filled ? rec->lost_bytes : 0);
	munmap(data, (size_t)st.st_size);
	zcdma_check_free(check);
	close(fd);
}

/* Check that each word of the file is 0, or that of the pattern at its offset. Returns how many bytes are 0. */
static uint64_t count_zeros(uint64_t len)
{
	int fd = open(data_name, O_RDONLY);
	uint64_t words[512], zeros = 0, at = 0;
	ssize_t n;

	while ((n = read(fd, words, sizeof(words))) > 0) {
		for (size_t i = 0; i < (size_t)n / 8; i++, at += 8) {
			if (words[i] != at / 8)
				assert_int_equal(words[i], 0);
			zeros += words[i] || !at ? 0 : 8;
		}
		at += (uint64_t)n % 8;
	}
	assert_int_equal(at, len);
	close(fd);
	return zeros;
}

static const struct {
	int flags;
	unsigned depth;
} ways[] = { { 0, 1 }, { O_DIRECT, 1 }, { O_DIRECT, 4 } };

static void gaps_are_skipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int fd = open(data_name, O_RDWR | O_TRUNC | ways[i].flags);
		struct recorded rec;
		struct stat st;

		if (fd < 0)
			skip();
		rec = record(fd, ways[i].depth, 24, ZCDMA_GAPS_SKIP, 0);
		fstat(fd, &st);
		assert_int_equal(st.st_size, 24 * BLOCK);
		assert_int_equal(rec.stats.filled_bytes, 0);
		check_by_manifest(&rec, false);
		close(fd);
	}
}

static void gaps_are_filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int fd = open(data_name, O_RDWR | O_TRUNC | ways[i].flags);
		struct recorded rec;

		if (fd < 0)
			skip();
		rec = record(fd, ways[i].depth, 24, ZCDMA_GAPS_ZERO, 1001);
		assert_int_equal(rec.stats.filled_bytes, rec.lost_bytes);
		assert_int_equal(rec.stats.bytes, 23 * BLOCK + 1001);
		assert_int_equal(count_zeros(rec.end), rec.lost_bytes);
		check_by_manifest(&rec, true);
		close(fd);
	}
}

/* Check that a sink that can have no hole, as a pipe, gets zeros. */
static void what_is_appended_gets_zeros(void **state)
{
	int fd = open(data_name, O_RDWR | O_TRUNC | O_APPEND);
	struct recorded rec = record(fd, 1, 16, ZCDMA_GAPS_ZERO, 0);

	(void)state;
	assert_int_equal(count_zeros(rec.end), rec.lost_bytes);
	close(fd);
}

/* Take blocks from a device that lost some meanwhile, and send them, but not the first that comes after a gap. */
static void take_gap(struct zcdma_source *src, struct zcdma_path *path, struct zcdma_block *b)
{
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, b), 1);
	while (!b->lost[ZCDMA_LOST_DEVICE].count) {
		assert_int_equal(zcdma_path_send(path, b), 0);
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, b), 1);
	}
}

/*
 * Record to a file that has room up to some @room bytes after the end of a gap. Check that what counts is in the file,
 * and nothing else.
 */
static void fill_disk(int fd, unsigned depth, const char *spec, int room)
{
	struct rlimit before, limit;
	struct zcdma_path_stats s;
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	uint64_t lost, len;
	struct stat st;
	int rc;

	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fd, &path), 0);
	if (depth > 1 && zcdma_path_set_depth(path, depth) == -EOPNOTSUPP)
		skip();
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	wait_for_overruns(src, 20);
	take_gap(src, path, &b);
	lost = zcdma_block_lost_bytes(&b);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	/* As O_DIRECT wants it: a write that crosses the limit is cut there. */
	limit.rlim_cur = (b.offset + (rlim_t)room) / 4096 * 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	rc = zcdma_path_send(path, &b);
	if (rc)
		zcdma_path_abandon(path);
	else
		rc = zcdma_path_finish(path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	zcdma_path_get_stats(path, &s, sizeof(s));
	fstat(fd, &st);
	len = (uint64_t)st.st_size;
	assert_true(len <= limit.rlim_cur);
	assert_int_equal(rc, len == b.offset + b.len ? 0 : -EFBIG);
	assert_int_equal(s.bytes + s.filled_bytes, len);
	assert_int_equal(s.filled_bytes, len <= b.offset - lost ? 0
					 : len < b.offset	? len - (b.offset - lost)
								: lost);
	zcdma_path_close(path);
	zcdma_source_close(src);
}

static void what_a_full_disk_has_counts(void **state)
{
	static const char *const specs[] = { "sim:blocks=4,block=64K,rate=64M",
					     "sim:blocks=4,block=64K,rate=64M,timeout=100us" };
	static const int rooms[] = { -49152, 0, 4096, 32768 };

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (size_t n = 0; n < 8; n++) {
			int fd = open(data_name, O_RDWR | O_TRUNC | ways[i].flags);

			if (fd < 0)
				skip();
			fill_disk(fd, ways[i].depth, specs[n % 2], rooms[n / 2]);
			close(fd);
		}
	}
}

static void drain(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Check that zeros wait for room as data does, where the sink is full when a gap comes. */
static void zeros_wait_for_room(void **state)
{
	struct zcdma_path_stats stats = { .filled_bytes = 0 };
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	unsigned waits = 0;
	int fds[2], rc;

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, BLOCK), BLOCK);
	assert_int_equal(zcdma_source_open(ctx, "sim:blocks=3,block=64K,rate=64M", &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fds[1], &path), 0);
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	wait_for_overruns(src, 3);
	zcdma_path_set_timeout(path, 0);
	while (!stats.filled_bytes) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
		while ((rc = zcdma_path_flush(path)) == -EAGAIN) {
			assert_true(waits++ < 10000);
			drain(fds[0]);
		}
		assert_int_equal(rc, 0);
		zcdma_path_get_stats(path, &stats, sizeof(stats));
	}
	assert_true(waits > 1);
	zcdma_path_close(path);
	zcdma_source_close(src);
	close(fds[0]);
	close(fds[1]);
}

/* Take the block that comes next after a gap. */
static struct zcdma_block take_after_gap(struct zcdma_source *src)
{
	struct zcdma_block b;

	wait_for_overruns(src, 3);
	for (;;) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		if (zcdma_block_lost_bytes(&b))
			return b;
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
}

/* Read all that the path has for the pipe. Returns how many bytes, of which the last are those of @b. */
static uint64_t read_rest(struct zcdma_path *path, int fd, const struct zcdma_block *b,
			  uint64_t before)
{
	unsigned char bytes[4096];
	uint64_t at = 0;
	int rc;

	do {
		ssize_t n;

		rc = zcdma_path_flush(path);
		while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
			for (ssize_t i = 0; at >= before && i < n; i += 8)
				assert_int_equal(zcdma_pattern_match(
							 bytes + i, 8,
							 b->offset + at - before + (uint64_t)i, 0),
						 8);
			at += (uint64_t)n;
		}
	} while (rc == -EAGAIN);
	assert_int_equal(rc, 0);
	return at;
}

/* What is chosen in the middle of a block, or of zeros, holds from the next one on. */
static void a_choice_holds_for_the_next_block(void **state)
{
	(void)state;
	for (enum zcdma_gaps first = ZCDMA_GAPS_SKIP; first <= ZCDMA_GAPS_ZERO; first++) {
		const bool zeros = first == ZCDMA_GAPS_ZERO;
		struct zcdma_path_stats stats;
		struct zcdma_source *src;
		struct zcdma_path *path;
		struct zcdma_block b;
		uint64_t lost;
		int fds[2];

		assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
		assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
		assert_int_equal(zcdma_source_open(ctx, "sim:blocks=3,block=64K,rate=64M", &src),
				 0);
		assert_int_equal(zcdma_path_open(ctx, src, "copy", fds[1], &path), 0);
		zcdma_path_set_timeout(path, 0);
		assert_int_equal(zcdma_source_start(src), 0);
		b = take_after_gap(src);
		lost = zeros ? zcdma_block_lost_bytes(&b) : 0;
		assert_int_equal(zcdma_path_set_gaps(path, first), 0);
		assert_int_equal(zcdma_path_send(path, &b), 0);
		assert_int_equal(
			zcdma_path_set_gaps(path, zeros ? ZCDMA_GAPS_SKIP : ZCDMA_GAPS_ZERO), 0);
		assert_int_equal(read_rest(path, fds[0], &b, lost), lost + b.len);
		zcdma_path_get_stats(path, &stats, sizeof(stats));
		assert_int_equal(stats.filled_bytes, lost);
		assert_int_equal(stats.bytes, b.len);
		zcdma_path_close(path);
		zcdma_source_close(src);
		close(fds[0]);
		close(fds[1]);
	}
}

static void some_paths_cannot(void **state)
{
	struct zcdma_source *src;
	struct zcdma_path *path;
	int fd = open(data_name, O_RDWR);

	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "sim:", &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "splice", fd, &path), 0);
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO), -EINVAL);
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_SKIP), 0);
	zcdma_path_close(path);
	zcdma_source_close(src);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gaps_are_skipped),
		TEST(gaps_are_filled),
		TEST(what_is_appended_gets_zeros),
		TEST(what_a_full_disk_has_counts),
		TEST(zeros_wait_for_room),
		TEST(a_choice_holds_for_the_next_block),
		TEST(some_paths_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
