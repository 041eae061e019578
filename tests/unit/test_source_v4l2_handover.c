// SPDX-License-Identifier: GPL-2.0-only
/* A ring of frames that is handed over: each frame is where its device wrote it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "fake_camera.h"
#include "handover_consumer.h"
#include "handover_producer.h"

#define FRAMES 30

/* Check that the consumer gets the device's frames of buffers of this kind, @offset bytes into each. */
static void hand_over(const char *options, uint32_t offset)
{
	struct producer p = { .spec = fake_camera(options), .blocks = FRAMES };
	struct zcdma_block b;

	cam.caps = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
	cam.data_offset = offset;
	start(&p);
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(next(&b), 1);
		assert_int_equal(b.len, FAKE_FRAME);
		assert_int_equal(
			zcdma_pattern_match(b.data, b.len, (uint64_t)i * FAKE_FRAME, FAKE_SEED),
			b.len);
		zc_source_put(in, &b, i % 2 ? ZC_PUT_REUSE : ZC_PUT_REPLACE);
	}
	assert_int_equal(next(&b), 0);
	join(&p);
	close(cam.fd);
	assert_int_equal(p.rc, 0);
}

static void test_frames(void **state)
{
	(void)state;
	hand_over("blocks=4,memory=import", 0);
}

static void test_frames_after_a_header(void **state)
{
	(void)state;
	hand_over("blocks=4,memory=import", 1000);
}

static void test_copied_frames(void **state)
{
	(void)state;
	hand_over("blocks=4,memory=copy", 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CONSUMER(test_frames),
		WITH_CONSUMER(test_frames_after_a_header),
		WITH_CONSUMER(test_copied_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
