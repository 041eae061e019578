/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes that the kernel does not take: their memory is not read once the queue has given it back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "path/write_queue.h"

#include "refused_submit.h"

#define PIECE 4096
#define DEPTH 2

static struct zc_write_queue queue;
static char memory[4][PIECE];
static int fd;

static int setup(void **state)
{
	char name[] = "/tmp/zcdma-writes-XXXXXX";

	(void)state;
	refusals = 0;
	fd = mkstemp(name);
	if (fd < 0)
		return -1;
	unlink(name);
	zc_writes_init(&queue);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(fd);
	return 0;
}

static void open_queue(void)
{
	if (zc_writes_set_depth(&queue, DEPTH, NULL))
		skip();
}

/* Begin to write a piece of @byte to its place in the file. Returns the write. */
static struct zc_write *begin(unsigned piece, char byte)
{
	memset(memory[piece], byte, PIECE);
	return zc_writes_begin(&queue, fd, memory[piece], PIECE, (uint64_t)piece * PIECE);
}

static void wait_for_all(void)
{
	while (zc_writes_busy(&queue))
		zc_writes_wait(&queue, fd);
}

/* Check that each byte of a piece of the file is @byte. */
static void assert_piece(unsigned piece, char byte)
{
	char data[PIECE];

	assert_int_equal(pread(fd, data, PIECE, (off_t)piece * PIECE), PIECE);
	for (size_t i = 0; i < PIECE; i++)
		assert_int_equal(data[i], byte);
}

static void memory_of_a_refused_write_is_not_read(void **state)
{
	struct zc_write *w;

	(void)state;
	open_queue();
	begin(0, 'a');
	refusals = 1;
	refusal = EBADF;
	w = begin(1, 'b');
	assert_int_equal(w->state, ZC_WRITE_DONE);
	assert_int_equal(w->err, EBADF);
	/* Its memory is its owner's again. */
	memset(memory[1], 'X', PIECE);
	wait_for_all();
	begin(2, 'c');
	wait_for_all();
	assert_int_equal(w->err, EBADF);
	assert_int_equal(w->done, 0);
	zc_writes_close(&queue, fd);
	assert_piece(0, 'a');
	assert_piece(1, 0);
	assert_piece(2, 'c');
}

/* Check that a refused write's place in the queue, once it is another's, is free when that one has completed. */
static void a_write_completes_by_itself(void **state)
{
	struct zc_write *w;

	(void)state;
	open_queue();
	refusals = 1;
	refusal = EBADF;
	begin(0, 'a');
	zc_writes_drop(&queue);
	queue.first = 0;
	w = begin(1, 'b');
	wait_for_all();
	assert_int_equal(w->err, 0);
	assert_int_equal(w->done, PIECE);
	zc_writes_close(&queue, fd);
	assert_piece(1, 'b');
}

static void more_refusals_than_places(void **state)
{
	(void)state;
	open_queue();
	refusals = 3 * DEPTH;
	refusal = EBADF;
	while (refusals) {
		assert_int_equal(begin(0, 'a')->err, EBADF);
		zc_writes_drop(&queue);
	}
	assert_int_equal(begin(1, 'b')->err, 0);
	wait_for_all();
	zc_writes_close(&queue, fd);
	assert_piece(1, 'b');
	assert_piece(0, 0);
}

static void what_passes_is_no_error(void **state)
{
	(void)state;
	open_queue();
	refusals = 20;
	refusal = EAGAIN;
	begin(0, 'a');
	assert_int_equal(refusals, 0);
	wait_for_all();
	zc_writes_close(&queue, fd);
	assert_piece(0, 'a');
}

static void a_kernel_that_takes_nothing_is_an_error_in_the_end(void **state)
{
	struct zc_write *w;

	(void)state;
	open_queue();
	for (size_t i = 0; i < 2; i++) {
		refusals = UINT32_MAX;
		refusal = i ? EAGAIN : 0; /* or it says that it has taken none */
		w = begin(0, 'a');
		assert_int_equal(w->state, ZC_WRITE_DONE);
		assert_int_equal(w->err, EAGAIN);
		zc_writes_drop(&queue);
	}
	refusals = 0;
	zc_writes_close(&queue, fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_of_a_refused_write_is_not_read),
		TEST(a_write_completes_by_itself),
		TEST(more_refusals_than_places),
		TEST(what_passes_is_no_error),
		TEST(a_kernel_that_takes_nothing_is_an_error_in_the_end),
	};

	return cmocka_run_group_tests_name("write queue", tests, NULL, NULL);
}
