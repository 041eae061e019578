// SPDX-License-Identifier: GPL-2.0-only
/* The head of a frame: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <string.h>
#include <xxhash.h>

#include "net/frame.h"

static const struct zc_frame sample = {
	.kind = ZC_FRAME_BLOCK,
	.flags = ZC_FRAME_DOUBT,
	.len = 0x01020304,
	.stream = 0x1112131415161718,
	.offset = 0x2122232425262728,
	.seq = 0x3132333435363738,
	.time_ns = 0x4142434445464748,
	.hash = 0x5152535455565758,
	.lost_blocks = 0x616,
	.lost_bytes = 0x717,
};

/* Give a head that was changed the check that it then has to have. */
static void check_anew(uint8_t *head)
{
	const uint64_t check = XXH3_64bits(head, 72);

	for (unsigned i = 0; i < 8; i++)
		head[72 + i] = (uint8_t)(check >> 8 * i);
}

static void a_head_is_as_documented(void **state)
{
	static const uint8_t begin[] = {
		0x9a, 'z',  'c',  'f',				/* magic */
		1,    0,    3,	  0,				/* version, kind */
		1,    0,    0,	  0,	4,    3,    2,	  1,	/* flags, length */
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* stream */
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, /* offset */
		0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, /* sequence */
		0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, /* time */
		0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, /* hash */
		0x16, 0x06, 0,	  0,	0,    0,    0,	  0,	/* lost blocks */
		0x17, 0x07, 0,	  0,	0,    0,    0,	  0,	/* lost bytes */
	};
	uint8_t head[ZC_FRAME_HEAD], again[ZC_FRAME_HEAD];
	struct zc_frame f;

	(void)state;
	assert_int_equal(sizeof(begin), 72);
	zc_frame_write(&sample, head);
	assert_memory_equal(head, begin, sizeof(begin));
	assert_int_equal(zc_frame_read(head, &f), 0);
	assert_int_equal(f.kind, sample.kind);
	assert_int_equal(f.hash, sample.hash);
	zc_frame_write(&f, again);
	assert_memory_equal(head, again, sizeof(head));
}

static void each_bit_counts(void **state)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;

	(void)state;
	zc_frame_write(&sample, head);
	for (size_t i = 0; i < sizeof(head) * 8; i++) {
		const int expected = i < 32 ? -EPROTO : i < 48 ? -EPROTONOSUPPORT : -EBADMSG;

		head[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(zc_frame_read(head, &f), expected);
		head[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(zc_frame_read(head, &f), 0);
}

static void a_beginning_is_known(void **state)
{
	uint8_t head[ZC_FRAME_HEAD];

	(void)state;
	zc_frame_write(&sample, head);
	for (size_t len = 0; len <= sizeof(head); len++)
		assert_true(zc_frame_begins(head, len));
	for (size_t i = 0; i < 4; i++) {
		head[i]++;
		assert_false(zc_frame_begins(head, i + 1));
		assert_true(zc_frame_begins(head, i));
		head[i]--;
	}
	assert_false(zc_frame_begins((const uint8_t *)"GET / HTTP/1.1\r\n", 1));
}

/* Check that a head of these values, which is not damaged, is read so. */
static void reads(const struct zc_frame *frame, int expected)
{
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;

	zc_frame_write(frame, head);
	assert_int_equal(zc_frame_read(head, &f), expected);
}

static void values_have_limits(void **state)
{
	struct zc_frame f = sample;
	uint8_t head[ZC_FRAME_HEAD];

	(void)state;
	f.len = ZC_FRAME_MOST;
	reads(&f, 0);
	f.len++;
	reads(&f, -ERANGE);
	f = sample;
	f.kind = ZC_FRAME_END; /* without data */
	reads(&f, -ERANGE);
	f.len = 0;
	reads(&f, 0);
	f.kind = (enum zc_frame_kind)0;
	reads(&f, -ERANGE);
	f.kind = (enum zc_frame_kind)(ZC_FRAME_END + 1);
	reads(&f, -ERANGE);
	f = sample;
	f.flags = 4;
	reads(&f, -ERANGE);
	f = sample;
	f.offset = (uint64_t)INT64_MAX + 1;
	reads(&f, -ERANGE);
	f = sample;
	f.seq = UINT64_MAX;
	reads(&f, -ERANGE);
	f = sample;
	f.lost_bytes = f.offset + 1;
	reads(&f, -ERANGE);
	f = sample;
	f.lost_blocks = f.seq + 1;
	reads(&f, -ERANGE);

	/* Another version may have its check elsewhere. */
	zc_frame_write(&sample, head);
	head[4] = 2;
	assert_int_equal(zc_frame_read(head, &f), -EPROTONOSUPPORT);
	check_anew(head);
	assert_int_equal(zc_frame_read(head, &f), -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_as_documented),
		cmocka_unit_test(each_bit_counts),
		cmocka_unit_test(a_beginning_is_known),
		cmocka_unit_test(values_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
