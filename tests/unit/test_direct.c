// SPDX-License-Identifier: GPL-2.0-only
/* Files with O_DIRECT: odd lengths, several writes in flight, what is before and after, errors, and when blocks come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zcdma.h>
#include <zcdma/util.h>
#include <zcdma/verify.h>

#define PIECE	 (1u << 20)
#define PIECES	 8u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const unsigned depths[] = { 1, 2, 8 };

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static struct zcdma_path *path;
static unsigned char *memory;
static char name[] = "zcdma-direct-XXXXXX";

/* A file with O_DIRECT, in the current folder, as /tmp may have none. Skips the test where that cannot be. */
static int open_file(int flags)
{
	int fd = open(name, O_RDWR | O_DIRECT | flags, 0600);

	if (fd < 0)
		skip();
	return fd;
}

/* Open a path of @depth to @fd, from memory of the test's own. */
static void open_path(int fd, unsigned depth)
{
	const struct zcdma_region region = { memory, PIECES * PIECE };

	assert_int_equal(zcdma_source_open_memory(ctx, &region, 1, &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", fd, &path), 0);
	if (depth > 1 && zcdma_path_set_depth(path, depth) == -EOPNOTSUPP)
		skip();
}

static void close_path(void)
{
	zcdma_path_close(path);
	zcdma_source_close(src);
	path = NULL;
	src = NULL;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(name, "zcdma-direct-XXXXXX");
	fd = mkstemp(name);
	if (fd < 0 || posix_memalign((void **)&memory, 4096, PIECES * PIECE))
		return -1;
	close(fd);
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	close_path();
	zcdma_free(ctx);
	free(memory);
	unlink(name);
	return 0;
}

/* Send @len bytes at @at in the memory as a block. Returns as zcdma_path_send(). */
static int send_piece(size_t at, size_t len, uint64_t cookie)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_submit(src, memory + at, len, cookie), 0);
	assert_int_equal(zcdma_source_next(src, -1, &b), 1);
	return zcdma_path_send(path, &b);
}

/* Check that the file has @len bytes of the pattern from its offset @from on, and then ends. */
static void assert_pattern(uint64_t from, size_t len)
{
	unsigned char *data = malloc(len + 1);
	int fd = open(name, O_RDONLY);
	size_t got = 0;
	ssize_t n;

	while ((n = pread(fd, data + got, len + 1 - got, (off_t)(from + got))) > 0)
		got += (size_t)n;
	assert_int_equal(got, len);
	assert_int_equal(zcdma_pattern_match(data, len, 0, 0), len);
	close(fd);
	free(data);
}

static void any_lengths_make_the_same_file(void **state)
{
	static const size_t lengths[][6] = {
		{ 4096, 8192, 4096 },
		{ 1 },
		{ 4095, 1, 4096 },
		{ 4097, 4095, 65536, 3 },
		{ 100, 200, 300000 },
		{ 8192, 1, 65536, 65536, 7 },
		{ 512, 512, 512, 4096, 512 },
	};

	(void)state;
	zcdma_pattern_fill(memory, PIECES * PIECE, 0, 0);
	for (size_t d = 0; d < COUNT(depths); d++) {
		for (size_t i = 0; i < COUNT(lengths); i++) {
			struct zcdma_path_stats s;
			int fd = open_file(O_TRUNC);
			size_t at = 0;

			open_path(fd, depths[d]);
			for (size_t n = 0; lengths[i][n]; at += lengths[i][n++])
				assert_int_equal(send_piece(at, lengths[i][n], n), 0);
			assert_int_equal(zcdma_path_finish(path), 0);
			zcdma_path_get_stats(path, &s, sizeof(s));
			assert_int_equal(s.bytes, at);
			assert_int_equal(s.direct_bytes, at);
			assert_int_equal(s.copied_bytes, 0);
			assert_int_equal(s.pending_blocks, 0);
			assert_int_equal(lseek(fd, 0, SEEK_CUR), at);
			assert_true(fcntl(fd, F_GETFL) & O_DIRECT);
			close_path();
			close(fd);
			assert_pattern(0, at);
		}
	}
}

/* Check that data after the end, and before the beginning, is not touched. */
static void other_data_stays(void **state)
{
	unsigned char *before = malloc(PIECE), *after = malloc(PIECE);

	(void)state;
	zcdma_pattern_fill(memory, PIECES * PIECE, 0, 0);
	for (size_t d = 0; d < COUNT(depths); d++) {
		int fd = open_file(O_TRUNC);

		memset(memory + PIECE, 'x', PIECE);
		assert_int_equal(pwrite(fd, memory + PIECE, PIECE, 0), PIECE);
		assert_int_equal(lseek(fd, 8192, SEEK_SET), 8192);
		open_path(fd, depths[d]);
		assert_int_equal(send_piece(0, 10001, 1), 0);
		assert_int_equal(zcdma_path_finish(path), 0);
		close_path();
		close(fd);
		fd = open(name, O_RDONLY);
		memset(before, 'x', PIECE);
		memcpy(before + 8192, memory, 10001);
		assert_int_equal(read(fd, after, PIECE), PIECE);
		assert_memory_equal(before, after, PIECE);
		assert_int_equal(lseek(fd, 0, SEEK_END), PIECE);
		close(fd);
	}
	free(before);
	free(after);
}

static void a_path_goes_on_with_another_file(void **state)
{
	char other[] = "zcdma-other-XXXXXX";

	(void)state;
	zcdma_pattern_fill(memory, PIECES * PIECE, 0, 0);
	close(mkstemp(other));
	for (size_t d = 0; d < COUNT(depths); d++) {
		int fd = open_file(O_TRUNC), next = open(other, O_RDWR | O_DIRECT | O_TRUNC);
		int plain = open(other, O_RDWR);
		struct zcdma_path_stats s;
		struct stat st;

		open_path(fd, depths[d]);
		assert_int_equal(send_piece(PIECE, 5001, 1), 0);
		assert_int_equal(zcdma_path_switch(path, plain), -EINVAL);
		assert_int_equal(zcdma_path_switch(path, next), 0);
		fstat(fd, &st);
		assert_int_equal(st.st_size, 5001);
		assert_int_equal(send_piece(0, 70001, 2), 0);
		assert_int_equal(zcdma_path_switch(path, fd), 0);
		fstat(next, &st);
		assert_int_equal(st.st_size, 70001);
		zcdma_path_get_stats(path, &s, sizeof(s));
		assert_int_equal(s.bytes, 75002);
		close_path();
		close(fd);
		close(next);
		close(plain);
	}
	unlink(name);
	assert_int_equal(rename(other, name), 0);
	assert_pattern(0, 70001);
}

/* Check that a block comes back when its write is complete: its owner writes to it at once. */
static void blocks_come_back_when_they_are_written(void **state)
{
	const unsigned rounds = 96;
	int fd = open_file(O_TRUNC);
	uint64_t *word, cookie;

	(void)state;
	open_path(fd, PIECES);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned slot = i;

		if (i >= PIECES) {
			assert_int_equal(zcdma_source_reclaim(src, 10000, &cookie), 1);
			slot = (unsigned)cookie;
		}
		memset(memory + slot * PIECE, (int)i, PIECE);
		assert_int_equal(send_piece(slot * PIECE, PIECE, slot), 0);
	}
	assert_int_equal(zcdma_path_finish(path), 0);
	close_path();
	for (unsigned i = 0; i < rounds; i++) {
		assert_int_equal(pread(fd, memory, PIECE, (off_t)i * PIECE), PIECE);
		word = (uint64_t *)memory;
		for (size_t n = 0; n < PIECE / 8; n++)
			assert_int_equal(word[n], 0x0101010101010101u * (i & 0xff));
	}
	close(fd);
}

/* Check that the error names the file, and that what counts as written is there, without a hole. */
static void a_full_disk_keeps_what_is_written(void **state)
{
	struct rlimit limit, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 5 * PIECE + 8192;
	zcdma_pattern_fill(memory, PIECES * PIECE, 0, 0);
	for (size_t d = 0; d < COUNT(depths); d++) {
		int fd = open_file(O_TRUNC), rc = 0;
		struct zcdma_path_stats s;
		struct stat st;

		setrlimit(RLIMIT_FSIZE, &small);
		open_path(fd, depths[d]);
		for (unsigned i = 0; !rc && i < PIECES; i++)
			rc = send_piece(i * PIECE, PIECE, i);
		if (!rc)
			rc = zcdma_path_finish(path);
		else
			zcdma_path_abandon(path);
		setrlimit(RLIMIT_FSIZE, &limit);
		assert_int_equal(rc, -EFBIG);
		assert_non_null(strstr(zcdma_error(ctx), name));
		zcdma_path_get_stats(path, &s, sizeof(s));
		fstat(fd, &st);
		assert_int_equal(s.bytes, st.st_size);
		assert_true(st.st_size >= 5 * PIECE && st.st_size <= 5 * PIECE + 8192);
		close_path();
		close(fd);
		assert_pattern(0, (size_t)st.st_size);
	}
}

/* Send blocks of @len bytes until an error, which is reported by the end at the latest. */
static void send_until_full(size_t len)
{
	int rc = 0;

	for (unsigned i = 0; !rc && (i + 1) * len <= PIECES * PIECE; i++)
		rc = send_piece(i * len, len, i);
	assert_int_equal(rc ? rc : zcdma_path_finish(path), -EFBIG);
	zcdma_path_abandon(path);
}

/* Check that the manifest lists @blocks blocks of @len bytes, in order, and has no last line. */
static void assert_lists(FILE *file, uint64_t blocks, size_t len)
{
	unsigned long long seq, offset, length, listed = 0;
	char line[512];

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		assert_null(strstr(line, "# end"));
		if (*line == '#')
			continue;
		assert_int_equal(sscanf(line, "%llu %llu %llu ", &seq, &offset, &length), 3);
		assert_int_equal(seq, listed);
		assert_int_equal(offset, listed++ * len);
		assert_int_equal(length, len);
	}
	assert_int_equal(listed, blocks);
}

/*
 * Check that a block counts, and is in the manifest, once it is written whole, and each before it: not when its write is
 * begun, nor when it is gathered.
 */
static void what_is_not_written_does_not_count(void **state)
{
	static const size_t lengths[] = { PIECE, 65536, 100001, 700 };
	static struct zcdma_hist waited, in_flight;
	struct rlimit limit, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 2 * PIECE + PIECE / 2;
	for (size_t i = 0; i < COUNT(depths) * COUNT(lengths); i++) {
		const size_t len = lengths[i / COUNT(depths)];
		int fd = open_file(O_TRUNC);
		struct zcdma_manifest *manifest;
		struct zcdma_path_stats s;
		FILE *file = tmpfile();

		open_path(fd, depths[i % COUNT(depths)]);
		assert_int_equal(zcdma_manifest_create_fd(ctx, fileno(file), "it", &manifest), 0);
		zcdma_path_set_manifest(path, manifest);
		setrlimit(RLIMIT_FSIZE, &small);
		send_until_full(len);
		setrlimit(RLIMIT_FSIZE, &limit);
		zcdma_manifest_abandon(manifest);
		zcdma_path_get_stats(path, &s, sizeof(s));
		zcdma_path_get_latency(path, &waited, &in_flight);
		assert_true(s.bytes >= 2 * PIECE);
		assert_int_equal(s.blocks, s.bytes / len);
		assert_int_equal(s.last_seq, s.blocks - 1);
		assert_int_equal(waited.count, s.blocks);
		assert_int_equal(in_flight.count, s.blocks);
		assert_lists(file, s.blocks, len);
		close_path();
		fclose(file);
		close(fd);
	}
}

static void depths_that_cannot_be(void **state)
{
	int fd = open_file(O_TRUNC), plain = open(name, O_WRONLY);

	(void)state;
	open_path(fd, 1);
	assert_int_equal(zcdma_path_set_depth(path, 0), -EINVAL);
	assert_int_equal(zcdma_path_set_depth(path, ZCDMA_DEPTH_MOST + 1), -EINVAL);
	assert_int_equal(send_piece(0, PIECE, 1), 0);
	assert_int_equal(zcdma_path_set_depth(path, 2), -EINVAL);
	close_path();
	open_path(plain, 1);
	assert_int_equal(zcdma_path_set_depth(path, 2), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "not a file with O_DIRECT"));
	close_path();
	close(fd);
	close(plain);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_lengths_make_the_same_file),
		TEST(other_data_stays),
		TEST(a_path_goes_on_with_another_file),
		TEST(blocks_come_back_when_they_are_written),
		TEST(a_full_disk_keeps_what_is_written),
		TEST(what_is_not_written_does_not_count),
		TEST(depths_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
