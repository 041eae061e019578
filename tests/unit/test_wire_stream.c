// SPDX-License-Identifier: GPL-2.0-only
/* One direction of a captured connection, when no memory is left for its check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <netinet/tcp.h>

#include "packet/wire_stream.h"
#include "context.h"

#define LEN    1000
#define ENOUGH (64u << 20)

static const struct zcdma_wire_options options;
static struct zc_wire_streams all;
static struct zc_flow flow;
static struct zc_wire_stream stream;

static void begin(enum zc_frame_kind kind)
{
	all = (struct zc_wire_streams){
		.ctx = ctx,
		.options = &options,
		.budget.most = ENOUGH,
	};
	flow = (struct zc_flow){ .key = { .version = 4, .kind = (uint8_t)kind } };
	zc_wire_stream_begin(&stream, &all, &flow, 0);
}

/* Capture the bytes at @offset, of the pattern. */
static void capture(uint64_t offset)
{
	uint8_t data[LEN];
	struct zc_frame frame = {
		.kind = flow.key.kind,
		.flags = TH_ACK,
		.seq = (uint32_t)offset,
		.payload = data,
		.len = LEN,
		.captured = LEN,
	};

	zcdma_pattern_fill(data, LEN, offset, 0);
	if (frame.kind == ZC_FRAME_UDP)
		zc_wire_stream_datagram(&stream, &frame, false);
	else
		assert_int_equal(zc_reassembly_take(&stream.reassembly, &frame, false),
				 ZC_SEGMENT_TAKEN);
}

static struct zcdma_wire_stream end(void)
{
	struct zcdma_wire_stream s;

	zc_wire_stream_end(&stream);
	assert_int_equal(all.rc, 0);
	assert_int_equal(all.checks.used, 0);
	zc_wire_stream_get(&stream, &s);
	return s;
}

/* What begins without a check goes on without one: a check of the rest would call the stream checked, or wrong. */
static void a_refused_check_is_not_made_later(void **state)
{
	static const enum zc_frame_kind kinds[] = { ZC_FRAME_TCP, ZC_FRAME_UDP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct zcdma_wire_stream s;

		begin(kinds[i]);
		if (kinds[i] == ZC_FRAME_TCP)
			zc_reassembly_begin(&stream.reassembly, 0);
		capture(0);
		all.checks.most = ENOUGH;
		capture(LEN);
		s = end();
		assert_false(s.checked);
		assert_int_equal(s.result.faults, 0);
		assert_int_equal(s.bytes, 2 * LEN);
	}
}

static void a_check_with_memory_is_made(void **state)
{
	static const enum zc_frame_kind kinds[] = { ZC_FRAME_TCP, ZC_FRAME_UDP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct zcdma_wire_stream s;

		begin(kinds[i]);
		all.checks.most = ENOUGH;
		capture(0);
		capture(LEN);
		s = end();
		assert_true(s.checked);
		assert_int_equal(s.result.faults, 0);
		assert_int_equal(s.result.bytes, 2 * LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_check_is_not_made_later),
		cmocka_unit_test(a_check_with_memory_is_made),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
