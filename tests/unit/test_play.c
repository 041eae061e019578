// SPDX-License-Identifier: GPL-2.0-only
/* A path to a device that plays: what it plays is what the source had, and what was copied for it is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>

#include <zcdma.h>
#include <zcdma/verify.h>

#include "player.h"
#include "path/player.h"

#define SEED 5
#define RING "blocks=4,block=4096"

static char file[] = "/tmp/zcdma-play-XXXXXX";

static int begin(void **state)
{
	int fd;

	memset(file + sizeof(file) - 7, 'X', 6);
	fd = mkstemp(file);
	assert_true(fd >= 0);
	close(fd);
	return begin_player(state);
}

static int end(void **state)
{
	return end_player(state) || unlink(file);
}

/* Write @len bytes of the pattern to the file, and open it as the source. */
static void open_file(size_t len)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	unsigned char *data = malloc(len);
	char spec[64];

	zcdma_pattern_fill(data, len, 0, SEED);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
	free(data);
	snprintf(spec, sizeof(spec), "file:%s", file);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
}

/* Open a pipe as the source, whose writing end is *@fd. */
static void open_pipe(int *fd)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(zcdma_source_open_fd(ctx, ends[0], "a pipe", &src), 0);
	*fd = ends[1];
}

static void write_pattern(int fd, uint64_t offset, size_t len)
{
	unsigned char *data = malloc(len);

	zcdma_pattern_fill(data, len, offset, SEED);
	assert_int_equal(write(fd, data, len), len);
	free(data);
}

static void play_to(const char *address)
{
	assert_int_equal(zcdma_path_connect(ctx, src, "copy", address, &path), 0);
}

/* Send all blocks. Returns what ended it. */
static int send_all(void)
{
	struct zcdma_block b;
	int rc;

	while ((rc = zcdma_source_next(src, 10000, &b)) == 1) {
		rc = zcdma_path_send(path, &b);
		if (rc)
			return rc;
	}
	return rc;
}

static struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

static struct zcdma_source_stats source_stats(void)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(src, &s, sizeof(s));
	return s;
}

/* Check that the device played @len bytes of the pattern, which begins anew every @lap. */
static void assert_played(size_t len, size_t lap)
{
	unsigned char *wanted = malloc(len);

	for (size_t at = 0; at < len; at += lap)
		zcdma_pattern_fill(wanted + at, zc_min(lap, len - at), 0, SEED);
	assert_int_equal(fake.played_len, len);
	assert_memory_equal(fake.played, wanted, len);
	free(wanted);
}

/* Check that all blocks but the last are whole ones. */
static void assert_whole_blocks(size_t len)
{
	assert_int_equal(fake.queued, (len + 4095) / 4096);
	for (unsigned i = 0; i + 1 < fake.queued; i++)
		assert_int_equal(fake.lengths[i], 4096);
}

static void a_file_is_read_into_the_ring(void **state)
{
	(void)state;
	open_file(100001);
	play_to(fake_device(RING));
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(100001, SIZE_MAX);
	assert_whole_blocks(100001);
	assert_true(stats().plays);
	assert_int_equal(stats().played_bytes, 100001);
	assert_int_equal(stats().bytes, 100001);
	assert_int_equal(stats().gathered_bytes, 0);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(stats().padded_bytes, 0);
	assert_true(stats().queued_max_ns >= stats().queued_mean_ns);
	assert_int_equal(source_stats().kernel_copied_bytes, 100001);
	assert_int_equal(source_stats().copied_bytes, 0);
}

/* What a slow writer writes in small pieces goes to the device in whole blocks. */
static void a_pipe_fills_whole_blocks(void **state)
{
	struct zcdma_block b;
	uint64_t offset = 0;
	int fd;

	(void)state;
	open_pipe(&fd);
	play_to(fake_device(RING));
	while (offset < 20000) {
		write_pattern(fd, offset, 1000);
		offset += 1000;
		if (zcdma_source_next(src, 0, &b) == 1)
			assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	close(fd);
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(20000, SIZE_MAX);
	assert_whole_blocks(20000);
	assert_int_equal(stats().gathered_bytes, 0);
	assert_int_equal(source_stats().kernel_copied_bytes, 20000);
}

/* What is in memory of the source's own is copied once, by user space, and the reason is known. */
static void other_blocks_are_copied(void **state)
{
	(void)state;
	assert_int_equal(zcdma_source_open(ctx, "sim:seed=5,blocks=4,block=12K,memory=anon", &src),
			 0);
	zcdma_source_set_limit(src, 50000, 0);
	play_to(fake_device(RING));
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(50000, SIZE_MAX);
	assert_whole_blocks(50000);
	assert_int_equal(stats().gathered_bytes, 50000);
	assert_non_null(stats().copies_reason);
	assert_int_equal(stats().copied_bytes + stats().unknown_bytes, 0);
}

static void an_odd_end_is_padded(void **state)
{
	static const unsigned char zeros[3];
	const char *address = fake_device(RING);

	(void)state;
	fake.align = 4;
	open_file(9001);
	play_to(address);
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_int_equal(fake.played_len, 9004);
	assert_memory_equal(fake.played + 9001, zeros, 3);
	fake.played_len = 9001;
	assert_played(9001, SIZE_MAX);
	assert_int_equal(stats().padded_bytes, 3);
	assert_int_equal(stats().played_bytes, 9001);
}

/* Make the source repeat, and play @bytes of it. */
static int repeat(const char *address, uint64_t bytes)
{
	int rc;

	assert_int_equal(zcdma_source_set(src, "repeat", NULL), 0);
	zcdma_source_set_limit(src, bytes, 0);
	play_to(address);
	rc = send_all();
	return rc ? rc : zcdma_path_finish(path);
}

static void what_fits_is_read_once_and_repeated(void **state)
{
	/* One that fills the ring, and some that do not: the device may have played all of those when their lap ends. */
	static const size_t lengths[] = { 4 * 4096, 9000, 8192, 5000, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		if (i) {
			end(state);
			begin(state);
		}
		open_file(lengths[i]);
		assert_int_equal(repeat(fake_device(RING), 100000), 0);
		assert_played(100000, lengths[i]);
		assert_int_equal(source_stats().kernel_copied_bytes, lengths[i]);
		assert_int_equal(stats().gathered_bytes, 0);
	}
}

/* A waveform of an odd length has no gap between its laps: the laps after the first are moved. */
static void odd_laps_have_no_gap(void **state)
{
	const char *address = fake_device(RING);

	(void)state;
	fake.align = 4;
	open_file(9001);
	assert_int_equal(repeat(address, 50000), 0);
	assert_played(50000, 9001);
	assert_true(stats().gathered_bytes > 0);
	assert_int_equal(stats().padded_bytes, 0);
}

static void what_does_not_fit_is_read_again(void **state)
{
	(void)state;
	open_file(30000);
	assert_int_equal(repeat(fake_device(RING), 100000), 0);
	assert_played(100000, 30000);
	assert_int_equal(source_stats().kernel_copied_bytes, 100000);
}

/* A program with an event loop learns that the waveform has come back, which no other descriptor reports. */
static void laps_that_came_back_are_reported(void **state)
{
	struct zcdma_block b;
	struct pollfd p;

	(void)state;
	open_file(8192);
	assert_int_equal(zcdma_source_set(src, "repeat", NULL), 0);
	play_to(fake_device(RING));
	fake.stalls = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcdma_source_next(src, 0, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	p = (struct pollfd){ .fd = zcdma_source_fd(src), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	fake.stalls = false;
	for (int i = 0; i < 1000 && stats().pending_blocks; i++)
		assert_int_equal(zcdma_path_process(path), 0);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(poll(&p, 1, 0), 1);
}

static void a_pipe_is_repeated_if_it_fits(void **state)
{
	int fd;

	(void)state;
	open_pipe(&fd);
	write_pattern(fd, 0, 4 * 4096);
	close(fd);
	assert_int_equal(repeat(fake_device(RING), 50000), 0);
	assert_played(50000, 4 * 4096);
}

static void a_pipe_that_does_not_fit_is_refused(void **state)
{
	int fd;

	(void)state;
	open_pipe(&fd);
	write_pattern(fd, 0, 4 * 4096 + 1);
	close(fd);
	assert_int_equal(repeat(fake_device(RING), 50000), -ENOBUFS);
	assert_string_equal(
		zcdma_error(ctx),
		"repeat a pipe: it is not a file, and does not fit into the ring of 4 x 4.00 KiB");
	assert_non_null(zcdma_hint(ctx));
	assert_int_equal(zcdma_path_abandon(path), 0);
}

static void an_empty_file_ends(void **state)
{
	(void)state;
	open_file(0);
	assert_int_equal(repeat(fake_device(RING), 50000), 0);
	assert_int_equal(fake.played_len, 0);
}

/* The first block waits until half of the ring is queued, or all that there is. */
static void it_starts_with_half_of_the_ring(void **state)
{
	struct zcdma_block b;
	int fd;

	(void)state;
	open_pipe(&fd);
	play_to(fake_device(RING));
	write_pattern(fd, 0, 4096);
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(zcdma_source_next(src, 10, &b), -ETIMEDOUT);
	assert_false(fake.running);
	write_pattern(fd, 4096, 4096);
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_true(fake.running);
	close(fd);
}

static void zeros_bridge_what_does_not_come(void **state)
{
	struct zcdma_block b;
	unsigned char zeros[4096] = { 0 };
	int fd;

	(void)state;
	open_pipe(&fd);
	play_to(fake_device(RING));
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_ZERO), 0);
	/* Not before there is data. */
	assert_int_equal(zcdma_source_next(src, 10, &b), -ETIMEDOUT);
	assert_int_equal(fake.queued, 0);
	write_pattern(fd, 0, 8192);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcdma_source_next(src, 0, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	fake.most = 4;
	assert_int_equal(zcdma_source_next(src, 50, &b), -ETIMEDOUT);
	/* Two of zeros are played, and two wait: never more than that. */
	assert_int_equal(fake.queued, 6);
	assert_int_equal(stats().zero_bytes, 4 * 4096);
	assert_int_equal(fake.played_len, 4 * 4096);
	assert_memory_equal(fake.played + 8192, zeros, 4096);
	assert_int_equal(stats().bytes, 8192);
	fake.most = 0;
	close(fd);
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_int_equal(stats().played_bytes, 8192);
	assert_int_equal(fake.played_len, 8192 + stats().zero_bytes);
}

static void an_underrun_stops(void **state)
{
	struct zcdma_block b;
	int fd;

	(void)state;
	open_pipe(&fd);
	play_to(fake_device(RING));
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_STOP), 0);
	write_pattern(fd, 0, 8192);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcdma_source_next(src, 0, &b), 1);
		assert_int_equal(zcdma_path_send(path, &b), 0);
	}
	assert_int_equal(zcdma_source_next(src, 50, &b), -ETIMEDOUT);
	assert_int_equal(fake.played_len, 8192);
	fake.underruns = 1;
	/* No data comes, and no descriptor says so. */
	assert_int_equal(zcdma_source_next(src, 10000, &b), -ENODATA);
	assert_non_null(
		strstr(zcdma_error(ctx), "after 8192 bytes the device had nothing to play"));
	assert_int_equal(zcdma_path_abandon(path), 0);
	close(fd);
}

static void what_is_abandoned_is_dropped(void **state)
{
	(void)state;
	open_file(12288);
	play_to(fake_device(RING));
	fake.stalls = true;
	assert_int_equal(send_all(), 0);
	assert_int_equal(stats().pending_blocks, 3);
	assert_int_equal(zcdma_path_abandon(path), 0);
	assert_true(fake.stopped);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(stats().played_bytes, 0);
	assert_int_equal(stats().queued_max_ns, ZCDMA_UNKNOWN);
}

static void a_wait_until_all_is_played_is_interrupted(void **state)
{
	(void)state;
	open_file(12288);
	play_to(fake_device(RING));
	fake.stalls = true;
	assert_int_equal(send_all(), 0);
	zcdma_interrupt(ctx);
	assert_int_equal(zcdma_path_finish(path), -EINTR);
	zcdma_resume(ctx);
	zcdma_path_set_timeout(path, 1);
	assert_int_equal(zcdma_path_finish(path), -ETIMEDOUT);
	zcdma_path_set_timeout(path, -1);
	fake.stalls = false;
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(12288, SIZE_MAX);
}

static void blocks_that_failed_are_reported(void **state)
{
	(void)state;
	open_file(12288);
	play_to(fake_device(RING));
	fake.stalls = true;
	assert_int_equal(send_all(), 0);
	fake.stalls = false;
	fake.fsync_error = EIO;
	fake.failed = 2;
	assert_int_equal(zcdma_path_finish(path), -EIO);
	assert_non_null(strstr(zcdma_error(ctx), "the device failed with 2 blocks"));
	assert_int_equal(stats().failed_blocks, 2);
	assert_int_equal(zcdma_path_abandon(path), 0);
}

static void a_device_that_goes_is_reported(void **state)
{
	(void)state;
	open_file(1 << 20);
	play_to(fake_device(RING));
	fake.stalls = true;
	zcdma_path_set_timeout(path, 10);
	assert_int_equal(zcdma_source_next(src, 0, &(struct zcdma_block){ 0 }), 1);
	fake.gone = true;
	assert_int_equal(send_all(), -ENODEV);
	assert_non_null(strstr(zcdma_error(ctx), "No such device"));
	assert_non_null(zcdma_hint(ctx));
	assert_int_equal(zcdma_path_abandon(path), 0);
}

/* Check that the device is refused with @rc, and @text in the message. */
static void assert_refused(const char *address, const char *type, int rc, const char *text)
{
	assert_int_equal(zcdma_path_connect(ctx, src, type, address, &path), rc);
	if (!strstr(zcdma_error(ctx), text))
		fail_msg("%s, which lacks %s", zcdma_error(ctx), text);
}

static void wrong_devices_are_refused(void **state)
{
	const char *address = fake_device(RING);

	(void)state;
	open_file(10);
	assert_refused(address, "zerocopy", -EINVAL, "it is not for a device");
	fake.captures = true;
	assert_refused(address, "copy", -EINVAL, "is a capture device: it plays nothing");
	fake.captures = false;
	fake.setup_error = EBUSY;
	assert_refused(address, "copy", -EBUSY, "Device or resource busy");
	assert_non_null(strstr(zcdma_hint(ctx), "one program at a time may play to it"));
	fake.setup_error = 0;
	assert_refused("dev:/dev/nosuchdevice", "copy", -EOPNOTSUPP, "open /dev/nosuchdevice");
	assert_refused("dev:speed=1", "copy", -EINVAL, "device dev:speed=1: unknown option speed");
	/* None of it is in the way of the right one. */
	play_to(address);
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(10, SIZE_MAX);
}

/* "dev:9000" is a port of the host dev, as it always was. */
static void a_host_may_be_named_dev(void **state)
{
	static const struct {
		const char *address;
		bool device;
	} names[] = {
		{ "dev:", true },	   { "dev:/dev/zcdma1", true },	  { "dev:block=1M", true },
		{ "dev:9000", false },	   { "dev:9000,retry=1", false }, { "device:9000", false },
		{ "udp:dev:9000", false }, { "/dev/null", false },
	};

	(void)state;
	fake_device("");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(zc_player_is_named(names[i].address), names[i].device);
}

/* The source's blocks go with the device: nothing is written to its memory afterwards. */
static void a_source_ends_with_its_device(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_file(1 << 20);
	play_to(fake_device(RING));
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	zcdma_path_close(path);
	path = NULL;
	assert_int_equal(zcdma_block_release(src, &b), 0);
	assert_int_equal(zcdma_source_next(src, 0, &b), 0);
}

static void zeros_take_a_ring_of_three(void **state)
{
	(void)state;
	open_file(10);
	play_to(fake_device("blocks=2,block=4096"));
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_ZERO), -EINVAL);
	assert_int_equal(zcdma_path_set_underrun(path, ZCDMA_UNDERRUN_STOP), 0);
	assert_int_equal(send_all(), 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_played(10, SIZE_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_read_into_the_ring),
		TEST(a_pipe_fills_whole_blocks),
		TEST(other_blocks_are_copied),
		TEST(an_odd_end_is_padded),
		TEST(what_fits_is_read_once_and_repeated),
		TEST(odd_laps_have_no_gap),
		TEST(what_does_not_fit_is_read_again),
		TEST(laps_that_came_back_are_reported),
		TEST(a_pipe_is_repeated_if_it_fits),
		TEST(a_pipe_that_does_not_fit_is_refused),
		TEST(an_empty_file_ends),
		TEST(it_starts_with_half_of_the_ring),
		TEST(zeros_bridge_what_does_not_come),
		TEST(an_underrun_stops),
		TEST(what_is_abandoned_is_dropped),
		TEST(a_wait_until_all_is_played_is_interrupted),
		TEST(blocks_that_failed_are_reported),
		TEST(a_device_that_goes_is_reported),
		TEST(wrong_devices_are_refused),
		TEST(a_host_may_be_named_dev),
		TEST(a_source_ends_with_its_device),
		TEST(zeros_take_a_ring_of_three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
