// SPDX-License-Identifier: GPL-2.0-only
/* Paths that splice pages to a device that plays: which is taken, when the device starts, what is counted, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <zcdma/verify.h>

#include "player.h"

#define SEED  5
#define BYTES 50000
#define RING  "blocks=4,block=4096"
#define SIM   "sim:seed=5,blocks=4,block=12K,memory=anon"

/* Have a device that fetches pages, or nothing with @frags 0, and open the path of @type to it, or of its choice with NULL. */
static void connect_sim(const char *sim, const char *type, const char *ring, uint32_t frags)
{
	const char *address = fake_device(ring);

	fake.frags = frags;
	assert_int_equal(zcdma_source_open(ctx, sim, &src), 0);
	zcdma_source_set_limit(src, BYTES, 0);
	assert_int_equal(zcdma_path_connect(ctx, src, type, address, &path), 0);
}

/* Take a block and send it. Returns 1, 0 at the end of the source, or a negative errno. */
static int send_one(void)
{
	struct zcdma_block b;
	int rc = zcdma_source_next(src, 10000, &b);

	if (rc != 1)
		return rc;
	rc = zcdma_path_send(path, &b);
	return rc ? rc : 1;
}

static void play_all(void)
{
	int rc;

	while ((rc = send_one()) == 1)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
}

static struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

/* Check that the device played the pattern, and @zeros after it. */
static void assert_played(size_t zeros)
{
	unsigned char *wanted = calloc(1, BYTES + zeros);

	zcdma_pattern_fill(wanted, BYTES, 0, SEED);
	assert_int_equal(fake.played_len, BYTES + zeros);
	assert_memory_equal(fake.played, wanted, BYTES + zeros);
	free(wanted);
}

static void pages_of_others_are_spliced(void **state)
{
	struct zcdma_source_stats source;

	(void)state;
	connect_sim(SIM, NULL, RING, 16);
	assert_string_equal(zcdma_path_get_type(path)->name, "vmsplice");
	play_all();
	assert_played(0);
	assert_int_equal(fake.spliced, BYTES);
	assert_int_equal(stats().played_bytes, BYTES);
	assert_int_equal(stats().gathered_bytes + stats().copied_bytes + stats().unknown_bytes, 0);
	assert_true(stats().queued_mean_ns == ZCDMA_UNKNOWN);
	/* Nothing says of a single block that it was played. */
	zcdma_source_get_stats(src, &source, sizeof(source));
	assert_int_equal(source.replaced, source.blocks);
}

static void what_the_driver_copies_is_told(void **state)
{
	(void)state;
	connect_sim(SIM, "vmsplice", RING, 16);
	fake.copied_align = 1000;
	play_all();
	assert_int_equal(stats().copied_bytes, 1000);
	assert_non_null(strstr(stats().copies_reason, "no such address or length"));
}

static void what_fetches_nothing_is_copied_to(void **state)
{
	(void)state;
	connect_sim(SIM, NULL, RING, 0);
	assert_string_equal(zcdma_path_get_type(path)->name, "copy");
	play_all();
	assert_played(0);
	assert_int_equal(fake.spliced, 0);
	assert_int_equal(stats().gathered_bytes, BYTES);
}

/* A file of the pattern, which is removed already. */
static void open_file(void)
{
	char name[] = "/tmp/zcdma-play-XXXXXX", spec[64];
	int fd = mkstemp(name);
	unsigned char *data = malloc(BYTES);

	zcdma_pattern_fill(data, BYTES, 0, SEED);
	assert_int_equal(pwrite(fd, data, BYTES, 0), BYTES);
	free(data);
	snprintf(spec, sizeof(spec), "file:%s", name);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	close(fd);
	unlink(name);
}

static void a_file_is_read_into_the_ring_of_the_device(void **state)
{
	const char *address = fake_device(RING);

	(void)state;
	fake.frags = 16;
	open_file();
	assert_int_equal(zcdma_path_connect(ctx, src, NULL, address, &path), 0);
	assert_string_equal(zcdma_path_get_type(path)->name, "copy");
	play_all();
	assert_played(0);
	assert_int_equal(fake.spliced, 0);
}

static void a_file_is_spliced_where_that_is_asked_for(void **state)
{
	const char *address = fake_device(RING);
	struct zcdma_source_stats source;

	(void)state;
	fake.frags = 16;
	open_file();
	assert_int_equal(zcdma_path_connect(ctx, src, "splice", address, &path), 0);
	play_all();
	assert_played(0);
	assert_int_equal(fake.spliced, BYTES);
	zcdma_source_get_stats(src, &source, sizeof(source));
	assert_int_equal(source.kernel_copied_bytes + stats().copied_bytes, 0);
}

static void an_odd_end_is_padded(void **state)
{
	const char *address = fake_device(RING);

	(void)state;
	fake.frags = 16;
	fake.align = 64;
	assert_int_equal(zcdma_source_open(ctx, SIM, &src), 0);
	zcdma_source_set_limit(src, BYTES, 0);
	assert_int_equal(zcdma_path_connect(ctx, src, NULL, address, &path), 0);
	play_all();
	assert_int_equal(stats().padded_bytes, 64 - BYTES % 64);
	assert_int_equal(stats().played_bytes, BYTES);
	assert_played(64 - BYTES % 64);
}

/* The source's pages may be the only ones that come: the device has to begin before its own ring is half full. */
static void a_small_source_starts_a_large_ring(void **state)
{
	(void)state;
	connect_sim("sim:seed=5,blocks=4,block=4K,memory=anon", NULL, "blocks=64,block=64K", 16);
	assert_int_equal(send_one(), 1);
	zcdma_path_process(path);
	assert_false(fake.running);
	assert_int_equal(send_one(), 1);
	zcdma_path_process(path);
	assert_true(fake.running);
}

static void a_full_ring_starts(void **state)
{
	(void)state;
	/* The fake's blocks take a splice each, so four short ones fill it. */
	connect_sim("sim:seed=5,blocks=64,block=4K,memory=anon", NULL, "blocks=4,block=64K", 16);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(send_one(), 1);
	zcdma_path_process(path);
	assert_false(fake.running);
	play_all();
	assert_played(0);
}

static void what_is_abandoned_is_dropped(void **state)
{
	(void)state;
	connect_sim(SIM, NULL, RING, 16);
	fake.stalls = true;
	assert_int_equal(send_one(), 1);
	assert_int_equal(zcdma_path_abandon(path), 0);
	assert_true(fake.stopped);
	assert_int_equal(stats().played_bytes, 0);
}

static void a_device_that_goes_is_reported(void **state)
{
	(void)state;
	connect_sim(SIM, NULL, RING, 16);
	fake.gone = true;
	assert_int_equal(send_one(), -ENODEV);
	assert_non_null(strstr(zcdma_error(ctx), "play to dev:"));
}

static void an_underrun_stops(void **state)
{
	(void)state;
	connect_sim(SIM, NULL, RING, 16);
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_ZERO), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "leaves the blocks to the driver"));
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_STOP), 0);
	assert_int_equal(send_one(), 1);
	fake.underruns = 1;
	assert_int_equal(zcdma_path_process(path), -ENODATA);
}

static void a_host_has_no_choice(void **state)
{
	(void)state;
	fake_device(RING);
	assert_int_equal(zcdma_source_open(ctx, SIM, &src), 0);
	assert_int_equal(zcdma_path_connect(ctx, src, NULL, "127.0.0.1:9", &path), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_player, end_player)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_of_others_are_spliced),
		TEST(what_the_driver_copies_is_told),
		TEST(what_fetches_nothing_is_copied_to),
		TEST(a_file_is_read_into_the_ring_of_the_device),
		TEST(a_file_is_spliced_where_that_is_asked_for),
		TEST(an_odd_end_is_padded),
		TEST(a_small_source_starts_a_large_ring),
		TEST(a_full_ring_starts),
		TEST(what_is_abandoned_is_dropped),
		TEST(a_device_that_goes_is_reported),
		TEST(an_underrun_stops),
		TEST(a_host_has_no_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
