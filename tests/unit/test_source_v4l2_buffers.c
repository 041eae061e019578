// SPDX-License-Identifier: GPL-2.0-only
/* Which buffers a V4L2 device fills, and why: what its driver takes, and what a path can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "camera_source.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
