// SPDX-License-Identifier: GPL-2.0-only
/* Frames of a V4L2 device: each whole and counted, from whichever memory its driver takes, until it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <zcdma.h>

#include "fake_camera.h"
#include "pair.h"
#include "transfer.h"

#include "slow_reader.h"

static int begin(void **state)
{
	/* What a test opens must not find the camera of another. */
	memset(&cam, 0, sizeof(cam));
	return open_transfer(state);
}

static int end(void **state)
{
	int rc = close_transfer(state);

	close(cam.fd);
	return rc;
}

/* Open @spec, and make its ring for the path @name, or for a program that reads. */
static void prepare(const char *spec, const char *name)
{
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_prepare(src, name), 0);
}

static struct zcdma_source_info info(void)
{
	struct zcdma_source_info i;

	zcdma_source_get_info(src, &i, sizeof(i));
	return i;
}

static struct zcdma_source_stats stats(void)
{
	struct zcdma_source_stats s;

	zcdma_source_get_stats(src, &s, sizeof(s));
	return s;
}

/* Take a frame, whose data is the device's frame @number, and give it back. Returns it. */
static struct zcdma_block take(unsigned number)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, 0, &b), 1);
	assert_int_equal(
		zcdma_pattern_match(b.data, b.len, (uint64_t)number * FAKE_FRAME, FAKE_SEED),
		b.len);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	return b;
}

/* The next frame is an error with this text and this hint. */
static void fails(int rc, const char *text, const char *hint)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, 0, &b), rc);
	assert_non_null(strstr(zcdma_error(ctx), text));
	if (hint)
		assert_non_null(strstr(zcdma_hint(ctx), hint));
	/* It stays so. */
	assert_int_equal(zcdma_source_next(src, 0, &b), rc);
}

/* Opening or preparing @spec is an error with this text. */
static void refuses(const char *spec, int rc, const char *text)
{
	int got = zcdma_source_open(ctx, spec, &src);

	if (got)
		src = NULL;
	else
		got = zcdma_source_prepare(src, NULL);
	assert_int_equal(got, rc);
	if (!strstr(zcdma_error(ctx), text))
		fail_msg("not \"%s\" in \"%s\"", text, zcdma_error(ctx));
	zcdma_source_close(src);
	src = NULL;
	close(cam.fd);
}

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
 * Ways
 */

/* Prepare for @path, and check which buffers were taken, and why. */
static void takes(const char *spec, const char *for_path, const char *buffers, const char *reason)
{
	prepare(spec, for_path);
	if (!strstr(info().buffers, buffers))
		fail_msg("not \"%s\" but \"%s\"", buffers, info().buffers);
	if (!info().buffers_reason || !strstr(info().buffers_reason, reason))
		fail_msg("not \"%s\" in \"%s\"", reason, info().buffers_reason);
	for (unsigned i = 0; i < 10; i++)
		take(i);
}

static void test_no_udmabuf(void **state)
{
	const char *spec = fake_camera("");

	(void)state;
	cam.udmabuf_error = ENOENT;
	takes(spec, NULL, "whose address the driver takes",
	      "import: open /dev/udmabuf: No such file or directory");
}

static void test_own_buffers(void **state)
{
	const char *spec = fake_camera("");

	(void)state;
	cam.udmabuf_error = EACCES;
	cam.refused = 1 << V4L2_MEMORY_USERPTR;
	takes(spec, NULL, "the driver's memory, whose pages can be sent",
	      "userptr: the driver does not take such buffers");
}

/* A path that takes a descriptor, or replaces pages, has nothing of the driver's own memory. */
static void test_copied(void **state)
{
	const char *spec = fake_camera("");

	(void)state;
	cam.udmabuf_error = EACCES;
	cam.refused = 1 << V4L2_MEMORY_USERPTR;
	takes(spec, "splice", "from which each frame is copied", "mmap: not for this path");
	assert_int_equal(stats().copied_bytes, 10 * FAKE_FRAME);
	assert_non_null(strstr(stats().copies_reason, "open /dev/udmabuf: Permission denied"));
	assert_non_null(strstr(stats().copies_hint, "have the administrator give you"));
}

static void test_contiguous(void **state)
{
	const char *spec = fake_camera("");

	(void)state;
	cam.contiguous = true;
	takes(spec, NULL, "whose address the driver takes",
	      "import: the driver refuses this memory, which is not contiguous: Bad address");
}

/* What the driver writes elsewhere is found before the ring is used. */
static void test_trap(void **state)
{
	static const char lost[] =
		"import: of the first frame 5904 of 10000 bytes were not written to it";
	const char *spec = fake_camera("memory=import");

	(void)state;
	cam.trap = 1;
	refuses(spec, -EFAULT, lost);
	spec = fake_camera("");
	cam.trap = 1;
	prepare(spec, NULL);
	assert_non_null(strstr(info().buffers_reason, lost));
	assert_non_null(strstr(info().buffers, "the driver's memory"));
}

/* Each buffer is checked when its first frame comes. */
static void test_late_trap(void **state)
{
	const char *spec = fake_camera("memory=import,blocks=4");

	(void)state;
	cam.trap = 3;
	prepare(spec, NULL);
	take(0);
	take(1);
	fails(-EIO, "of frame 2 5904 of 10000 bytes were not written", "memory=copy");
}

/* Frames of a compressed format may begin small: what is in a page for the first time is checked then. */
static void test_trap_of_larger_frames(void **state)
{
	const char *spec = fake_camera("memory=import,blocks=4");

	(void)state;
	cam.compressed = true;
	cam.small = 6;
	prepare(spec, NULL);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(take(i).len, FAKE_SMALL);
	cam.trap = 1;
	fails(-EIO, "of frame 6 1208 of 9400 bytes were not written", "memory=copy");
}

/* A frame without bytes shows nothing. */
static void test_empty_frame_to_check(void **state)
{
	const char *spec = fake_camera("memory=import,blocks=4");

	(void)state;
	cam.empty = 1;
	cam.trap = 1;
	refuses(spec, -EFAULT, "of the first frame 5904 of 10000 bytes were not written to it");
}

static void test_no_frame(void **state)
{
	const char *spec = fake_camera("memory=import");

	(void)state;
	cam.silent = true;
	refuses(spec, -ETIMEDOUT, "import: no frame came within 5 s to check it");
}

/* A device that waits for a trigger is copied from, as nothing shows that a frame would be whole. */
static void test_no_frame_to_check(void **state)
{
	const char *spec = fake_camera("");

	(void)state;
	cam.silent = true;
	prepare(spec, "splice");
	assert_non_null(strstr(info().buffers, "each frame is copied"));
	cam.silent = false;
	take(0);
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
	assert_int_equal(zcdma_source_open(ctx, "v4l2:/nonexistent", &src), -ENOENT);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

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
		TEST(test_no_udmabuf),
		TEST(test_own_buffers),
		TEST(test_copied),
		TEST(test_contiguous),
		TEST(test_trap),
		TEST(test_late_trap),
		TEST(test_trap_of_larger_frames),
		TEST(test_empty_frame_to_check),
		TEST(test_no_frame),
		TEST(test_no_frame_to_check),
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
