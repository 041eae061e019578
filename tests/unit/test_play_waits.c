// SPDX-License-Identifier: GPL-2.0-only
/* Waits for a device that plays: each of them ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include "path/path.h"
#include "player.h"

#define LIMIT_MS 10000 /* for what happens at once on an idle machine */

static void *play_later(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL); /* once it is waited for */
	fake.stalls = false;
	return NULL;
}

/* Check that the blocks of a path come back that is dropped while all are at the device. */
static void test_dropped_path(void **state)
{
	const char *address = fake_device("blocks=4,block=4096");
	static char data[5 * 4096];
	struct zcdma_block b;
	pthread_t thread;
	int feed[2], rc;

	(void)state;
	fake.stalls = true;
	assert_int_equal(pipe2(feed, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(zcdma_source_open_fd(ctx, feed[0], "feed", &src), 0);
	assert_int_equal(zcdma_path_connect(ctx, src, "copy", address, &path), 0);
	assert_int_equal(write(feed[1], data, sizeof(data)), sizeof(data));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, play_later, NULL), 0);
	zcdma_path_drop(path);
	rc = zcdma_source_next(src, LIMIT_MS, &b);
	pthread_join(thread, NULL);
	close(feed[0]);
	close(feed[1]);
	assert_int_equal(rc, 1);
}

/* A device that captures short blocks, each of which comes back when the other device has played its pages. */
#define BLOCKS 4u
static unsigned char ring[BLOCKS][4096];
static unsigned delivered, put;

static int short_activate(struct zcdma_source *s, unsigned uses)
{
	(void)uses;
	s->poll_fd = eventfd(
		0, EFD_NONBLOCK); /* no more comes while the blocks are with the other device */
	s->info.blocks = BLOCKS;
	s->info.block_size = 4096;
	s->info.caps = ZCDMA_CAP_MEMORY;
	return 0;
}

static void short_deactivate(struct zcdma_source *s)
{
	close(s->poll_fd);
}

static int short_next(struct zcdma_source *s, size_t max, struct zcdma_block *b)
{
	(void)s;
	(void)max;
	if (delivered - fake.blocks == BLOCKS)
		return -EAGAIN;
	*b = (struct zcdma_block){ .data = ring[delivered % BLOCKS],
				   .len = 100,
				   .seq = delivered,
				   .offset = 100 * delivered,
				   .index = delivered % BLOCKS,
				   .fd = -1,
				   .fd_offset = -1 };
	delivered++;
	return 1;
}

static void short_put(struct zcdma_source *s, const struct zcdma_block *b, enum zc_put how)
{
	(void)s;
	(void)b;
	(void)how;
	put++;
}

static void short_close(struct zcdma_source *s)
{
	(void)s;
}

/* Check that a device starts once it has half of the blocks of its source, however few bytes they are. */
static void test_short_blocks(void **state)
{
	static const struct zc_source_ops ops = {
		.type = { .name = "short" },
		.size = sizeof(struct zcdma_source),
		.activate = short_activate,
		.deactivate = short_deactivate,
		.next = short_next,
		.put = short_put,
		.close = short_close,
	};
	const char *address = fake_device("blocks=64,block=64K");
	struct zcdma_block b;

	(void)state;
	fake.frags = 16;
	assert_int_equal(zc_source_new(ctx, &ops, "short", &src), 0);
	assert_int_equal(zcdma_path_connect(ctx, src, "vmsplice", address, &path), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	assert_int_equal(put, BLOCKS);
	/* It has no interrupt, so that this wait does not end. */
	assert_int_equal(zcdma_source_next(src, 1, &b), -ETIMEDOUT);
	assert_true(fake.running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_player, end_player)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dropped_path),
		TEST(test_short_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
