// SPDX-License-Identifier: GPL-2.0-only
/* Pipes and other descriptors as sources: read or lent, in pieces, to their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "sources.h"

/* Open the reading end of a new pipe, @fd, as a source for @uses. */
static struct zcdma_source *open_pipe(int fd[2], unsigned uses)
{
	struct zcdma_source *src;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(lab_open_fd(ctx, fd[0], "a pipe", uses, &src), 0);
	return src;
}

static void pipe_is_read_to_its_end(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	unsigned char data[10000];
	int fd[2], left;

	(void)state;
	zcdma_pattern_fill(data, sizeof(data), 0, 3);
	src = open_pipe(fd, 0);
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
	src = open_pipe(fd, ZC_USE_FD);
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
	src = open_pipe(fd, 0);
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

/* Check that a wait sleeps while all blocks are out, although the pipe has data. */
static void pipe_without_a_free_block_does_not_spin(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b[16];
	int fd[2];

	(void)state;
	src = open_pipe(fd, 0);
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

/*
 * What of a file was kept to be repeated is given up where the ring is full of it. Pages that something still reads, such as a
 * pipe, are not read into then.
 */
static void kept_pages_in_a_pipe_stay_as_they_are(void **state)
{
	struct zcdma_source *src;
	unsigned char page[PAGE];
	struct zcdma_block b[16];
	char spec[64];
	int data = make_file(17 << 20, spec, sizeof(spec)), fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_set(src, "repeat", NULL), 0);
	assert_int_equal(zcdma_source_prepare(src, "vmsplice"), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	for (size_t i = 0; i < ARRAY_SIZE(b); i++) {
		struct iovec iov = { .iov_len = PAGE };

		b[i] = take(src);
		iov.iov_base = (void *)b[i].data;
		assert_int_equal(vmsplice(fd[1], &iov, 1, 0), PAGE);
		zc_source_put(src, &b[i], ZC_PUT_REPLACE);
	}
	assert_int_equal(take(src).offset, 16 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(b); i++) {
		assert_int_equal(read(fd[0], page, PAGE), PAGE);
		assert_int_equal(zcdma_pattern_match(page, PAGE, b[i].offset, 0), PAGE);
	}
	assert_int_equal(stats_of(src).replaced, 16);
	zcdma_source_close(src);
	close(data);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipe_is_read_to_its_end),
		cmocka_unit_test(kept_pages_in_a_pipe_stay_as_they_are),
		cmocka_unit_test(pipe_is_lent_as_it_is),
		cmocka_unit_test(pipe_stops),
		cmocka_unit_test(pipe_without_a_free_block_does_not_spin),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
