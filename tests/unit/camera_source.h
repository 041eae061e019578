/* SPDX-License-Identifier: GPL-2.0-only */
/* A source that takes frames of the fake camera. Include it after cmocka.h. */
#ifndef TEST_CAMERA_SOURCE_H
#define TEST_CAMERA_SOURCE_H

#include <zcdma.h>

#include "fake_camera.h"
#include "source_figures.h"
#include "transfer.h"

static inline int begin(void **state)
{
	/* What a test opens must not find the camera of another. */
	memset(&cam, 0, sizeof(cam));
	return open_transfer(state);
}

static inline int end(void **state)
{
	int rc = close_transfer(state);

	close(cam.fd);
	return rc;
}

/* Open @spec, and make its ring for the path @name, or for a program that reads. */
static inline void prepare(const char *spec, const char *name)
{
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_prepare(src, name), 0);
}

static inline struct zcdma_source_info info(void)
{
	return source_info(src);
}

static inline struct zcdma_source_stats stats(void)
{
	return source_stats(src);
}

/* Take a frame, whose data is the device's frame @number, and give it back. Returns it. */
static inline struct zcdma_block take(unsigned number)
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
static inline void fails(int rc, const char *text, const char *hint)
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
static inline void refuses(const char *spec, int rc, const char *text)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
