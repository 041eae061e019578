// SPDX-License-Identifier: GPL-2.0-only
/* TCP as it was captured: in order, out of order, twice, not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "reassembly.h"

/* Check that @data bytes came out, all of them correct, and that @uncaptured bytes were skipped. */
static void assert_out(const struct bench *b, uint64_t data, uint64_t uncaptured)
{
	assert_int_equal(b->wrong, 0);
	assert_int_equal(b->data, data);
	assert_int_equal(b->uncaptured, uncaptured);
	assert_int_equal(b->f.counters.uncaptured_bytes, uncaptured);
}

static void test_in_order(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 1000);
	bench_syn(&b);
	for (uint64_t at = 0; at < 100000; at += 1000)
		bench_put(&b, at, 1000);
	assert_out(&b, 100000, 0);
	assert_true(b.f.from_syn);
	assert_int_equal(b.f.counters.packets, 100);
	assert_int_equal(b.f.counters.retransmitted, 0);
	assert_int_equal(b.f.counters.out_of_order, 0);
	assert_false(zc_reassembly_is_complete(&b.f));
	bench_fin(&b, 100000);
	assert_true(zc_reassembly_is_complete(&b.f));
	bench_end(&b);
	assert_int_equal(b.pool.used, 0);
}

static void test_reordered(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, 200, 100);
	bench_put(&b, 400, 100);
	assert_out(&b, 100, 0);
	bench_put(&b, 100, 100);
	assert_out(&b, 300, 0);
	bench_put(&b, 300, 100);
	assert_out(&b, 500, 0);
	assert_int_equal(b.f.counters.out_of_order, 2);
	assert_int_equal(b.f.counters.retransmitted, 0);
	bench_end(&b);
}

static void test_again_and_the_same(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, 100, 100);
	bench_put(&b, 0, 100);
	/* Over the edge between two, and beyond the newest. */
	bench_put(&b, 50, 100);
	bench_put(&b, 150, 100);
	assert_out(&b, 250, 0);
	assert_int_equal(b.f.counters.retransmitted, 3);
	assert_int_equal(b.f.counters.retransmitted_bytes, 250);
	assert_int_equal(b.f.counters.differing, 0);
	assert_int_equal(b.differences, 0);
	bench_end(&b);
}

static void test_again_and_not_the_same(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 0xfffffff0);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, 100, 100);
	bench_ack(&b, 200); /* acknowledged data is not forgotten at once */
	bench_spoil(&b, 50, 100, 120);
	assert_out(&b, 200, 0);
	assert_int_equal(b.f.counters.differing, 1);
	assert_int_equal(b.f.counters.differing_bytes, 1);
	assert_int_equal(b.differences, 1);
	assert_int_equal(b.seq, 0xfffffff0u + 120);
	assert_int_equal(b.difference.first, 120);
	assert_int_equal(b.difference.was, stream_byte(120));
	assert_int_equal(b.difference.is, stream_byte(120) ^ 0xff);
	/* Data that waits out of order is compared, too. */
	bench_put(&b, 300, 100);
	bench_spoil(&b, 350, 100, 351);
	assert_int_equal(b.differences, 2);
	assert_int_equal(b.difference.first, 351);
	bench_end(&b);
}

static void test_the_first_stays(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 100, 100);
	bench_spoil(&b, 100, 100, 150);
	bench_put(&b, 100, 100);
	bench_put(&b, 0, 100);
	assert_out(&b, 200, 0);
	assert_int_equal(b.differences, 1);
	bench_end(&b);
}

/* Check a stream of more than 8 GiB, most of which only ACKs show: sequence numbers wrap. */
static void test_wrap_around(void **state)
{
	const uint64_t step = 1u << 30;
	struct bench b;

	(void)state;
	bench_begin(&b, 0x80000001);
	bench_syn(&b);
	for (uint64_t at = 0; at < 9 * step; at += step) {
		bench_put(&b, at, 1000);
		bench_put(&b, at + 1000, 1000);
		bench_put(&b, at, 1000);
		/* Two are needed: a single ACK this far ahead is not believed. */
		bench_ack(&b, at + step - 1);
		bench_ack(&b, at + step);
	}
	bench_end(&b);
	assert_out(&b, 9 * 2000, 9 * (step - 2000));
	assert_int_equal(b.f.counters.retransmitted, 9);
	assert_int_equal(b.f.counters.uncompared_bytes, 0);
}

static void test_middle(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 5000);
	bench_ack(&b, 300); /* before any data was captured */
	bench_put(&b, 0, 100);
	bench_put(&b, 100, 100);
	assert_false(b.f.from_syn);
	assert_out(&b, 200, 0);
	/* Data sent before the capture began cannot be compared. */
	bench_put(&b, (uint64_t)-50, 100);
	assert_int_equal(b.f.counters.uncompared_bytes, 50);
	assert_int_equal(b.f.counters.retransmitted_bytes, 100);
	bench_put(&b, (uint64_t)-50, 20);
	assert_int_equal(b.f.counters.uncompared_bytes, 70);
	assert_out(&b, 200, 0);
	bench_end(&b);
}

static void test_syn_ack_shows_the_beginning(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 5000);
	zc_reassembly_acked(&b.f, 5000, true);
	bench_put(&b, 100, 100);
	assert_out(&b, 0, 0);
	bench_put(&b, 0, 100);
	assert_out(&b, 200, 0);
	bench_end(&b);
}

static void test_keepalive(void **state)
{
	const uint8_t garbage = (uint8_t)~stream_byte(99);
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	/* Not acknowledged: it is a retransmission. */
	bench_ack(&b, 50);
	bench_frame(&b, TH_ACK, 99, &garbage, 1, 1);
	assert_int_equal(b.differences, 1);
	assert_int_equal(b.f.counters.keepalives, 0);
	/* Acknowledged: it is a keep-alive, not a retransmission. */
	bench_ack(&b, 100);
	bench_frame(&b, TH_ACK, 99, &garbage, 1, 1);
	bench_frame(&b, TH_ACK, 99, NULL, 0, 0);
	assert_int_equal(b.differences, 1);
	assert_int_equal(b.f.counters.keepalives, 2);
	assert_int_equal(b.f.counters.retransmitted, 1);
	assert_out(&b, 100, 0);
	/* A probe of a closed window brings a byte that is new, and brings it again. */
	bench_put(&b, 100, 1);
	bench_put(&b, 100, 1);
	bench_put(&b, 100, 100);
	assert_out(&b, 200, 0);
	assert_int_equal(b.differences, 1);
	bench_end(&b);
}

/* Check that missing data that was acknowledged is given up when the stream is 4 MiB further. */
static void test_missing(void **state)
{
	const uint64_t far = 6u << 20;
	struct bench b;

	(void)state;
	for (int recalls = 0; recalls < 2; recalls++) {
		bench_begin(&b, 7);
		b.recalls = recalls;
		bench_syn(&b);
		bench_put(&b, 0, 100);
		bench_put(&b, 200, 100);
		bench_ack(&b, 300);
		assert_out(&b, 100, 0);
		for (uint64_t at = 300; at < far; at += 50000) {
			bench_put(&b, at, 50000);
			bench_ack(&b, at + 50000);
		}
		assert_int_equal(b.uncaptured, 100);
		assert_int_equal(b.wrong, 0);
		assert_int_equal(b.f.counters.given_up, 0);
		assert_true(b.pool.used <= 16u << 20);
		/* Part of it comes late: it is new, and counts as captured if it can be checked. */
		bench_put(&b, 120, 80);
		assert_int_equal(b.late, 80);
		assert_int_equal(b.f.counters.late_bytes, 80);
		assert_int_equal(b.f.counters.uncaptured_bytes, recalls ? 20 : 100);
		assert_int_equal(b.f.counters.retransmitted, 0);
		/* A second segment: the bytes that came late are compared, and the others are new. */
		bench_spoil(&b, 110, 20, 121);
		assert_int_equal(b.late, 90);
		assert_int_equal(b.differences, 1);
		assert_int_equal(b.f.counters.uncompared_bytes, 0);
		bench_end(&b);
		assert_int_equal(b.wrong, 0);
	}
}

/* Capture each segment after its ACK, or all ACKs first: nothing is missing or counts as retransmitted. */
static void test_acknowledged_first(void **state)
{
	const uint64_t total = 20u << 20;
	struct bench b;

	(void)state;
	for (int all_first = 0; all_first < 2; all_first++) {
		bench_begin(&b, 7);
		bench_syn(&b);
		for (uint64_t at = 0; all_first && at < total; at += 1u << 16)
			bench_ack(&b, at + (1u << 16));
		for (uint64_t at = 0; at < total; at += 1u << 15) {
			bench_ack(&b, at + (1u << 15));
			bench_put(&b, at, 1u << 15);
		}
		assert_out(&b, total, 0);
		assert_int_equal(b.f.counters.retransmitted + b.f.counters.late_bytes, 0);
		assert_int_equal(b.f.counters.out_of_order, 0);
		bench_fin(&b, total);
		bench_ack(&b, total + 1);
		assert_true(zc_reassembly_is_complete(&b.f));
		bench_end(&b);
	}
}

/* Capture the FIN and its acknowledgement before the last data. */
static void test_end_first(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_fin(&b, 200);
	bench_ack(&b, 201);
	assert_true(zc_reassembly_is_over(&b.f));
	assert_false(zc_reassembly_is_complete(&b.f));
	bench_put(&b, 100, 100);
	assert_true(zc_reassembly_is_complete(&b.f));
	assert_out(&b, 200, 0);
	bench_end(&b);
	assert_out(&b, 200, 0);
}

/* Check that bytes of a forgotten missing range count neither as new nor as retransmitted. */
static void test_forgets_what_is_missing(void **state)
{
	const uint64_t step = 1u << 14, total = 1000 * step;
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	b.recalls = true;
	bench_syn(&b);
	for (uint64_t at = 0; at < total; at += step) {
		bench_put(&b, at, (uint32_t)step - 100);
		bench_ack(&b, at + step);
	}
	bench_spoil(&b, 0, 100, 50);
	bench_spoil(&b, step - 100, 100, step - 50);
	assert_int_equal(b.differences, 0);
	assert_int_equal(b.late, 0);
	assert_int_equal(b.f.counters.uncompared_bytes, 200);
	bench_end(&b);
	assert_int_equal(b.wrong, 0);
	assert_int_equal(b.uncaptured, 100 * 1000);
}

/* Check that a copy of a packet is not a retransmission, unless it differs or brings new data. */
static void test_copies(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	b.copy = true;
	bench_put(&b, 0, 100);
	assert_int_equal(b.f.counters.capture_duplicates, 1);
	assert_int_equal(b.f.counters.retransmitted + b.f.counters.retransmitted_bytes, 0);
	bench_put(&b, 100, 100);
	assert_out(&b, 200, 0);
	assert_int_equal(b.f.counters.capture_duplicates, 1);
	bench_spoil(&b, 0, 100, 50);
	assert_int_equal(b.differences, 1);
	assert_int_equal(b.f.counters.retransmitted, 1);
	bench_end(&b);
}

static void test_fin_is_no_byte(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_ack(&b, 100);
	bench_fin(&b, 100);
	assert_false(zc_reassembly_is_complete(&b.f));
	bench_ack(&b, 101);
	assert_true(zc_reassembly_is_complete(&b.f));
	assert_out(&b, 100, 0);
	bench_end(&b);
	/* Nor one that was not captured. */
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_ack(&b, 101);
	assert_out(&b, 100, 0);
	bench_end(&b);
	assert_out(&b, 100, 0);
}

static void test_snap_length(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 0; at < 10000; at += 1000) {
		bench_cut(&b, at, 1000, 60);
		bench_ack(&b, at + 1000);
	}
	assert_int_equal(b.f.counters.cut_bytes, 9400);
	/* A whole one later: what was there is compared, what was not is new. */
	bench_put(&b, 0, 1000);
	assert_int_equal(b.f.counters.retransmitted_bytes, 60);
	assert_out(&b, 1060, 0);
	bench_cut(&b, 10000, 1000, 0);
	bench_end(&b);
	assert_out(&b, 600 + 940, 9400 - 940 + 1000);
}

/* Check that the wait for a missing first byte ends, without an acknowledgement. */
static void test_limit(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 1000; at < 3ull * ZC_SEGMENT_BUFFER_MAX; at += 50000) {
		bench_put(&b, at, 50000);
		/* The rest is for the list of missing ranges. */
		assert_true(b.pool.used <= ZC_SEGMENT_BUFFER_MAX + 65536);
	}
	assert_true(b.f.counters.given_up > 0);
	assert_int_equal(b.uncaptured, 1000);
	assert_int_equal(b.wrong, 0);
	bench_end(&b);
	assert_int_equal(b.uncaptured, 1000);
	assert_true(b.data >= 3ull * ZC_SEGMENT_BUFFER_MAX - 1000);
}

static void test_limit_of_holes(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 1; at < 40000; at += 2)
		bench_put(&b, at, 1);
	assert_true(b.f.counters.given_up > 0);
	bench_end(&b);
	assert_int_equal(b.wrong, 0);
	assert_int_equal(b.data + b.uncaptured, 40000);
}

static void test_no_memory_at_all(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	b.pool.most = 1000;
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, 100, 100);
	bench_spoil(&b, 100, 100, 100);
	assert_out(&b, 200, 0);
	assert_int_equal(b.f.counters.uncompared_bytes, 100);
	bench_put(&b, 300, 100);
	bench_put(&b, 400, 100);
	bench_end(&b);
	assert_int_equal(b.data + b.uncaptured, 500);
	assert_int_equal(b.wrong, 0);
}

/* Check that forgotten data is compared if the caller can recall it, and counted if not. */
static void test_too_late(void **state)
{
	struct bench b;

	(void)state;
	for (int recalls = 0; recalls < 2; recalls++) {
		bench_begin(&b, 7);
		b.recalls = recalls;
		bench_syn(&b);
		for (uint64_t at = 0; at < 1000000; at += 10000) {
			bench_put(&b, at, 10000);
			bench_ack(&b, at + 10000);
		}
		bench_put(&b, 0, 10000);
		bench_spoil(&b, 10000, 10000, 17777);
		assert_int_equal(b.differences, recalls);
		assert_int_equal(b.f.counters.retransmitted, 2);
		assert_int_equal(b.f.counters.uncompared_bytes, recalls ? 0 : 20000);
		if (recalls)
			assert_int_equal(b.difference.first, 17777);
		bench_end(&b);
	}
}

/* Check that all unacknowledged data is kept, however much it is. */
static void test_unacknowledged_is_kept(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	for (uint64_t at = 0; at < 10000000; at += 10000)
		bench_put(&b, at, 10000);
	bench_spoil(&b, 0, 10000, 7);
	assert_int_equal(b.differences, 1);
	assert_int_equal(b.f.counters.uncompared_bytes, 0);
	bench_end(&b);
}

static void test_stray(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, 500u << 20, 100);
	bench_put(&b, 100, 100);
	assert_out(&b, 200, 0);
	assert_int_equal(b.f.counters.strayed, 1);
	/* Two in a row: the capture has missed the data before them. */
	bench_put(&b, 600u << 20, 100);
	bench_put(&b, (600u << 20) + 100, 100);
	bench_end(&b);
	assert_out(&b, 300, (600u << 20) - 100);
}

/* Check that two segments in a row far before the window, which a receiver drops, begin a new connection. */
static void test_foreign(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_put(&b, (uint64_t) - (900 << 20), 100);
	assert_int_equal(b.taken, ZC_SEGMENT_STRAY);
	bench_put(&b, 100, 100);
	assert_int_equal(b.taken, ZC_SEGMENT_TAKEN);
	bench_put(&b, (uint64_t) - (900 << 20), 100);
	bench_put(&b, (uint64_t) - (900 << 20) + 100, 100);
	assert_int_equal(b.taken, ZC_SEGMENT_FOREIGN);
	assert_int_equal(b.f.counters.strayed, 2);
	assert_int_equal(b.f.counters.retransmitted, 0);
	assert_out(&b, 200, 0);
	bench_end(&b);
}

/* Check data after a FIN: it undoes a FIN without an ACK, and is another connection's after the ACK. */
static void test_data_after_fin(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_ack(&b, 50);
	bench_fin(&b, 100);
	bench_put(&b, 100, 100);
	assert_false(b.f.has_end);
	bench_fin(&b, 200);
	bench_ack(&b, 201);
	bench_put(&b, 201, 100);
	assert_int_equal(b.taken, ZC_SEGMENT_FOREIGN);
	assert_out(&b, 200, 0);
	bench_end(&b);
}

static void reset(struct bench *b, uint64_t offset)
{
	bench_frame(b, TH_RST, offset, NULL, 0, 0);
}

/* Check that a single acknowledgement far beyond the sent data is not believed. */
static void test_stray_acknowledgement(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_put(&b, 0, 100);
	bench_ack(&b, 1u << 30);
	bench_put(&b, 100, 100);
	bench_end(&b);
	assert_out(&b, 200, 0);
}

static void test_reset(void **state)
{
	static const struct {
		int64_t offset;
		enum zc_tcp_reset is;
	} cases[] = {
		/* 200 bytes were sent, of which 100 are acknowledged. */
		{ 1 << 30, ZC_TCP_NO_RESET }, { -(1 << 30), ZC_TCP_NO_RESET },
		{ 99, ZC_TCP_NO_RESET },      { 100, ZC_TCP_RESET },
		{ 150, ZC_TCP_RESET },	      { 200, ZC_TCP_RESET },
		{ 201, ZC_TCP_RESET_AHEAD },  { 5000, ZC_TCP_RESET_AHEAD },
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_begin(&b, 7);
		bench_syn(&b);
		bench_put(&b, 0, 200);
		bench_ack(&b, 100);
		reset(&b, (uint64_t)cases[i].offset);
		assert_int_equal(b.f.reset, cases[i].is);
		assert_int_equal(b.f.counters.ignored_resets, cases[i].is == ZC_TCP_NO_RESET);
		bench_end(&b);
	}
	/* A reset from an end of which no data was captured. */
	bench_begin(&b, 7);
	reset(&b, 3);
	assert_int_equal(b.f.reset, ZC_TCP_RESET);
	bench_end(&b);
}

/* Check that a connection that goes on after a reset takes it back, whatever the reset's number. */
static void test_life_after_reset(void **state)
{
	const uint64_t at[] = { 200, 900 };
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		for (int by_ack = 0; by_ack < 2; by_ack++) {
			bench_begin(&b, 7);
			bench_syn(&b);
			bench_put(&b, 0, 200);
			bench_ack(&b, 200);
			reset(&b, at[i]);
			/* Sent before it, and captured after it. */
			bench_put(&b, 100, 100);
			bench_ack(&b, 200);
			assert_int_not_equal(b.f.reset, ZC_TCP_NO_RESET);
			if (by_ack)
				bench_ack(&b, at[i] + 1);
			else
				bench_put(&b, 200, (uint32_t)(at[i] + 1 - 200));
			assert_int_equal(b.f.reset, ZC_TCP_NO_RESET);
			assert_int_equal(b.f.counters.ignored_resets, 1);
			bench_end(&b);
		}
	}
	/* An end that only receives is alive when it acknowledges more than before. */
	bench_begin(&b, 7);
	bench_syn(&b);
	bench_acknowledge(&b, 0, 5000);
	reset(&b, 0);
	bench_acknowledge(&b, 0, 5000);
	assert_int_equal(b.f.reset, ZC_TCP_RESET);
	bench_acknowledge(&b, 0, 5001);
	assert_int_equal(b.f.reset, ZC_TCP_NO_RESET);
	bench_end(&b);
}

static void test_begins_at(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b, 7);
	assert_true(zc_reassembly_begins_at(&b.f, 99));
	bench_syn(&b);
	assert_true(zc_reassembly_begins_at(&b.f, 7));
	assert_false(zc_reassembly_begins_at(&b.f, 8));
	/* Data may come with a SYN: RFC 7413. */
	bench_end(&b);
	bench_begin(&b, 7);
	{
		uint8_t data[10];

		stream_fill(data, 0, sizeof(data));
		bench_frame(&b, TH_SYN, (uint64_t)-1, data, sizeof(data), sizeof(data));
	}
	bench_put(&b, 10, 10);
	assert_out(&b, 20, 0);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_reordered),
		cmocka_unit_test(test_again_and_the_same),
		cmocka_unit_test(test_again_and_not_the_same),
		cmocka_unit_test(test_the_first_stays),
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_syn_ack_shows_the_beginning),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_acknowledged_first),
		cmocka_unit_test(test_end_first),
		cmocka_unit_test(test_forgets_what_is_missing),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_fin_is_no_byte),
		cmocka_unit_test(test_snap_length),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_of_holes),
		cmocka_unit_test(test_no_memory_at_all),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_unacknowledged_is_kept),
		cmocka_unit_test(test_stray),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_data_after_fin),
		cmocka_unit_test(test_stray_acknowledgement),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_life_after_reset),
		cmocka_unit_test(test_begins_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
