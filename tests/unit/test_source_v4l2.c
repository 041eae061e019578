// SPDX-License-Identifier: GPL-2.0-only
/* Frames of a V4L2 device: each whole and counted, until it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "pair.h"

#include "camera_source.h"
#include "slow_reader.h"

/*
 * Frames
 */

static void test_frames(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera("blocks=4"), NULL);
	assert_string_equal(info().format, "YUYV 100x50, 29.97 frames/s");
	assert_non_null(strstr(info().buffers, "imports"));
	assert_null(info().buffers_reason);
	assert_int_equal(info().blocks, 4);
	assert_int_equal(info().block_size, FAKE_ROOM);
	for (unsigned i = 0; i < 20; i++) {
		b = take(i);
		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, i * FAKE_FRAME);
		assert_int_equal(b.len, FAKE_FRAME);
		assert_int_equal(b.time_ns, 5000000000u + i * 1000);
		assert_int_equal(b.flags, 0);
	}
	assert_string_equal(info().frame_clock, "end of frame, by the driver");
	assert_int_equal(stats().overruns, 0);
	assert_int_equal(stats().copied_bytes, 0);
	assert_int_equal(cam.exports, 4);
	/* The processor's look at each frame ended before its buffer was the device's again. */
	assert_int_equal(cam.begins, 21);
	assert_int_equal(cam.ends, 21);
}

static void test_lost_frames(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera(""), NULL);
	cam.skip = 1 << 3;
	cam.damage = 1 << 5;
	for (unsigned i = 0; i < 3; i++)
		take(i);
	b = take(5);
	assert_int_equal(b.flags, ZCDMA_BLOCK_LOST);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 2);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].bytes, 2 * FAKE_FRAME);
	assert_int_equal(b.offset, 5 * FAKE_FRAME);
	take(6);
	b = take(8);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 1);
	assert_int_equal(stats().overruns, 3);
	assert_int_equal(stats().lost_bytes, 3 * FAKE_FRAME);
}

/* What is damaged before the first good frame is lost too. */
static void test_damaged_first(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera("memory=copy"), NULL);
	cam.damage = 3;
	b = take(2);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 2);
	assert_int_equal(stats().overruns, 2);
}

/* A driver that does not count may have lost any number. */
static void test_numbers_stand_still(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera(""), NULL);
	cam.repeat = 1 << 2;
	take(0);
	take(1);
	b = take(1);
	assert_int_equal(b.flags, ZCDMA_BLOCK_DISCONTINUITY);
	assert_int_equal(b.seq, 2);
	assert_int_equal(take(2).flags, 0);
	assert_int_equal(stats().discontinuities, 1);
	assert_true(stats().overruns == ZCDMA_UNKNOWN);
	assert_true(stats().lost_bytes == ZCDMA_UNKNOWN);
}

/* Frames of a compressed format differ in size, so that it is unknown how many bytes a lost one had. */
static void test_compressed(void **state)
{
	const char *spec = fake_camera("");
	struct zcdma_block b;

	(void)state;
	cam.compressed = cam.other_clock = true;
	prepare(spec, NULL);
	cam.skip = 1 << 1;
	b = take(0);
	assert_int_equal(b.len, FAKE_FRAME);
	assert_true(zc_now_ns() - b.time_ns < 60000000000u);
	assert_non_null(strstr(info().frame_clock, "names no clock"));
	b = take(3);
	assert_int_equal(b.len, FAKE_FRAME - 100);
	assert_int_equal(b.offset, FAKE_FRAME);
	assert_int_equal(b.lost[ZCDMA_LOST_DEVICE].count, 2);
	assert_true(b.lost[ZCDMA_LOST_DEVICE].bytes == ZCDMA_UNKNOWN);
	assert_int_equal(stats().overruns, 2);
	assert_true(stats().lost_bytes == ZCDMA_UNKNOWN);
}

/* The data of a plane may begin after a header, which counts as used. */
static void test_mplane(void **state)
{
	const char *const ways[] = { "import", "userptr", "mmap", "copy" };
	char option[32];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(ways); i++) {
		const char *spec;

		snprintf(option, sizeof(option), "memory=%s", ways[i / 2]);
		spec = fake_camera(option);
		cam.caps = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
		cam.data_offset = i % 2 ? 1000 : 0;
		prepare(spec, NULL);
		for (unsigned n = 0; n < 12; n++)
			take(n);
		zcdma_source_close(src);
		close(cam.fd);
	}
	src = NULL;
}

/* After a stop come the frames that are there, and the end. */
static void test_stop(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera("blocks=4"), NULL);
	take(0);
	zcdma_source_stop(src);
	for (unsigned i = 1; i < 5; i++)
		take(i);
	assert_int_equal(zcdma_source_next(src, 0, &b), 0);
}

static void test_last(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera(""), NULL);
	cam.most = 3;
	cam.last = true;
	for (unsigned i = 0; i < 3; i++)
		take(i);
	assert_int_equal(zcdma_source_next(src, 0, &b), 0);
}

/* A caller that holds all frames cannot wait for one. */
static void test_all_held(void **state)
{
	struct zcdma_block b[4], more;

	(void)state;
	prepare(fake_camera("blocks=4"), NULL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(zcdma_source_next(src, 0, &b[i]), 1);
	assert_int_equal(zcdma_source_next(src, -1, &more), -ENOBUFS);
	assert_int_equal(zcdma_block_release(src, &b[1]), 0);
	take(4);
}

/*
 * Failures
 */

static void test_unplugged(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera(""), NULL);
	take(0);
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	cam.gone = true;
	fails(-ENODEV, "read /proc/self/fd/", "the device was removed");
	assert_int_equal(zcdma_block_release(src, &b), 0);
}

/* It is the same error where a block that comes back finds it first. */
static void test_unplugged_meanwhile(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(fake_camera(""), NULL);
	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	cam.gone = true;
	assert_int_equal(zcdma_block_release(src, &b), 0);
	fails(-ENODEV, "read /proc/self/fd/", "the device was removed");
}

static void test_changed(void **state)
{
	(void)state;
	prepare(fake_camera(""), NULL);
	take(0);
	cam.changed = true;
	fails(-EIO, "changed its format, and frames are no longer YUYV 100x50", "begin anew");
}

/* Another program set a larger format after we had asked: what does not fit into a block is not copied beyond it. */
static void test_frame_too_large(void **state)
{
	const char *spec = fake_camera("memory=copy");

	(void)state;
	cam.large = 3;
	prepare(spec, NULL);
	take(0);
	take(1);
	fails(-EIO,
	      "frame 2 has 12289 bytes, and those of YUYV 100x50, 29.97 frames/s have at most 10000",
	      "another program changed the format");
}

static void test_queue_fails(void **state)
{
	const char *const ways[] = { "memory=import", "memory=copy" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		prepare(fake_camera(ways[i]), NULL);
		cam.error = EIO;
		cam.error_of = VIDIOC_QBUF;
		cam.error_after = 8; /* those of the start */
		take(0);
		fails(-EIO, "Input/output error", NULL);
		zcdma_source_close(src);
		close(cam.fd);
	}
	src = NULL;
}

static void test_refusals(void **state)
{
	static const struct {
		unsigned long call;
		int err;
		const char *text;
	} errors[] = {
		{ VIDIOC_QUERYCAP, ENOTTY, "not a V4L2 device" },
		{ VIDIOC_S_FMT, EBUSY, "set the format of /proc/self/fd/" },
		{ VIDIOC_REQBUFS, EBUSY, "set up /proc/self/fd/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		const char *spec = fake_camera("format=YUYV");

		cam.error = errors[i].err;
		cam.error_of = errors[i].call;
		refuses(spec, -errors[i].err, errors[i].text);
	}
}

static void test_refused_devices(void **state)
{
	static const struct {
		uint32_t caps;
		int rc;
		const char *text;
	} kinds[] = {
		{ V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING, -EINVAL, "converts frames" },
		{ V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING, -EINVAL, "it captures no frames" },
		{ V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING, -EINVAL, "metadata alone" },
		{ V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE, -EOPNOTSUPP, "only read()" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *spec = fake_camera("");

		cam.caps = kinds[i].caps;
		refuses(spec, kinds[i].rc, kinds[i].text);
	}
}

static void test_refused_formats(void **state)
{
	const char *spec;

	(void)state;
	refuses(fake_camera("size=1280x720"), -EINVAL,
		"to 1280x720: the device has YUYV 100x50 instead");
	refuses(fake_camera("format=MJPG"), -EINVAL,
		"to MJPG 100x50: the device has YUYV 100x50 instead");
	/* As it is printed: v4l2_fourcc_be(). */
	refuses(fake_camera("format=Y16-BE"), -EINVAL,
		"to Y16-BE 100x50: the device has YUYV 100x50 instead");
	refuses(fake_camera("fps=25"), -EINVAL,
		"to 25 frames a second: the device has 29.97 instead");
	spec = fake_camera("");
	cam.field = V4L2_FIELD_ALTERNATE;
	refuses(spec, -EINVAL, "the halves of a frame");
	spec = fake_camera("");
	cam.caps = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
	cam.planes = 2;
	refuses(spec, -EINVAL, "a frame of YUYV 100x50 is 2 pieces of memory");
	/* 29.97 are 30. */
	prepare(fake_camera("fps=30,size=100x50,format=YUYV"), NULL);
}

static void test_options(void **state)
{
	static const char *const wrong[] = {
		"blocks=1",  "blocks=33", "size=10",	 "size=0x10", "size=1x1x",
		"size=-5x5", "size= 5x5", "fps=0x1e",	 "format=",   "format=ABCDE",
		"fps=0",     "fps=x",	  "memory=huge", "path=x"
	};
	static const LargestIntegralType errors[] = { -EINVAL, -ERANGE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *spec = fake_camera(wrong[i]);

		assert_in_set(zcdma_source_open(ctx, spec, &src), errors, 2);
		close(cam.fd);
	}
	src = NULL;
	assert_int_equal(zcdma_source_open(ctx, "v4l2:/nonexistent", &src), -EOPNOTSUPP);
	src = NULL;
}

/*
 * The rule of reuse: the device fills a buffer as soon as it has it, while the receiver has not read yet.
 */

#define SENT 64

static void send_along(const char *name, const char *way)
{
	char option[32];

	snprintf(option, sizeof(option), "blocks=4,memory=%s", way);
	assert_int_equal(zcdma_source_open(ctx, fake_camera(option), &src), 0);
	cam.most = SENT;
	cam.last = true;
	send_all(name);
	assert_int_equal(stats().blocks, SENT);
	assert_int_equal(received_len, SENT * FAKE_FRAME);
	assert_int_equal(zcdma_pattern_match(received, received_len, 0, FAKE_SEED), received_len);
	/* What may still be read is not given to the device: it has a new dma-buf. */
	if (!strcmp(way, "import"))
		assert_int_equal(cam.exports, info().blocks + stats().replaced);
	close_transfer(NULL);
	close(cam.fd);
	open_transfer(NULL);
}

static void test_reuse(void **state)
{
	static const struct {
		const char *path, *way;
	} all[] = {
		{ "copy", "import" },	{ "zerocopy", "import" }, { "vmsplice", "import" },
		{ "splice", "import" }, { "sendfile", "import" }, { "zerocopy", "userptr" },
		{ "zerocopy", "mmap" }, { "zerocopy", "copy" },	  { "splice", "copy" },
		{ "vmsplice", "copy" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		send_along(all[i].path, all[i].way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames),
		TEST(test_lost_frames),
		TEST(test_damaged_first),
		TEST(test_numbers_stand_still),
		TEST(test_compressed),
		TEST(test_mplane),
		TEST(test_stop),
		TEST(test_last),
		TEST(test_all_held),
		TEST(test_unplugged),
		TEST(test_unplugged_meanwhile),
		TEST(test_changed),
		TEST(test_frame_too_large),
		TEST(test_queue_fails),
		TEST(test_refusals),
		TEST(test_refused_devices),
		TEST(test_refused_formats),
		TEST(test_options),
		TEST(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
