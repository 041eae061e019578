// SPDX-License-Identifier: GPL-2.0-only
/* Streams in captures: what is right, wrong, retransmitted, not captured or cannot be checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "wire_capture.h"

static void test_nothing_to_capture(void **state)
{
	struct zcdma_wire *wire;

	(void)state;
	assert_int_equal(zcdma_wire_open(ctx, &plain, &wire), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "no interface or file"));
}

static void test_correct(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 10000);
	ack(10000);
	fin(10000);
	o = only(&plain);
	assert_string_equal(o.s[0].from, "10.0.0.1:40000");
	assert_string_equal(o.s[0].to, "10.0.0.2:9000");
	assert_true(o.s[0].from_start && o.s[0].checked && !o.s[0].udp);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_FIN);
	assert_int_equal(o.s[0].bytes, 10000);
	assert_int_equal(o.s[0].result.bytes, 10000);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.stats.connections, 1);
	assert_int_equal(o.stats.ended, 1);
	assert_int_equal(o.stats.checksums_right, o.stats.packets);
}

static void test_overwritten(void **state)
{
	struct outcome o;
	uint8_t right[1];

	(void)state;
	syn();
	send_range(0, 20000);
	send_spoiled(9000, MSS, 9555);
	ack(20000);
	fin(20000);
	o = only(&plain);
	/* What was sent first is right. */
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[0].counters.retransmitted, 1);
	assert_int_equal(o.s[0].counters.differing, 1);
	assert_int_equal(o.differences, 1);
	zcdma_pattern_fill(right, 1, 9555, SEED);
	assert_int_equal(o.d.offset, 9555);
	assert_int_equal(o.d.seq, ISN + 9555);
	assert_int_equal(o.d.block, 2);
	assert_int_equal(o.d.bytes, 1);
	assert_int_equal(o.d.was, right[0]);
	assert_int_equal(o.d.is, right[0] ^ 0xff);
}

/* Check that a damaged segment is ignored, as a receiver drops it. */
static void test_wrong_checksum(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	write_segment(false, TH_ACK, ISN, 501, "damaged on its way", 18, true);
	send_range(0, 5000);
	fin(5000);
	o = only(&plain);
	assert_int_equal(o.stats.checksums_wrong, 1);
	assert_int_equal(o.s[0].counters.retransmitted, 0);
	assert_int_equal(o.s[0].counters.differing, 0);
	assert_int_equal(o.s[0].result.faults, 0);
}

/* Check a capture in which all checksums are wrong: they are accepted, but retransmissions not compared. */
static void test_wrong_checksums_as_a_rule(void **state)
{
	struct outcome o;
	uint8_t data[MSS];

	(void)state;
	write_segment(false, TH_SYN, ISN - 1, 0, "", 0, true);
	write_segment(true, TH_SYN | TH_ACK, 500, ISN, "", 0, false);
	for (uint32_t at = 0; at < 5000; at += MSS) {
		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, ISN + at, 501, data, MSS, true);
	}
	write_segment(false, TH_ACK, ISN + 4000, 501, "other data", 10, true);
	fin(5000);
	o = only(&plain);
	assert_int_equal(o.stats.checksums_wrong, 7);
	assert_int_equal(o.stats.damaged, 0);
	assert_int_equal(o.s[0].bytes, 5000);
	assert_int_equal(o.s[0].counters.uncaptured_bytes, 0);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[0].counters.retransmitted, 1);
	assert_int_equal(o.s[0].counters.differing, 0);
	assert_int_equal(o.s[0].counters.uncompared_bytes, 10);
}

static void test_any_checksum(void **state)
{
	const struct zcdma_wire_options any = { .any_checksum = true };
	struct outcome o;
	uint8_t data[MSS];

	(void)state;
	syn();
	zcdma_pattern_fill(data, MSS, 0, SEED);
	write_segment(false, TH_ACK, ISN, 501, data, MSS, true);
	o = outcome(&plain);
	assert_int_equal(o.streams, 0);
	assert_int_equal(o.stats.damaged, 1);
	o = only(&any);
	assert_int_equal(o.s[0].bytes, MSS);
	assert_int_equal(o.stats.damaged, 0);
}

static void test_missing_is_no_fault(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 5003);
	send_range(8001, 12000);
	ack(12000);
	fin(12000);
	o = only(&plain);
	assert_int_equal(o.s[0].counters.uncaptured_bytes, 8001 - 5003);
	assert_int_equal(o.s[0].bytes, 12000);
	assert_int_equal(o.s[0].result.uncaptured_bytes, 8001 - 5003);
	assert_int_equal(o.s[0].result.bytes, 12000 - o.s[0].counters.uncaptured_bytes);
	assert_int_equal(o.s[0].result.faults, 0);
}

/* Check that wrong data after missing data is reported at its position. */
static void test_fault_after_missing_data(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 5000);
	send_range(8000, 9000);
	send_spoiled(9000, MSS, 9004);
	send_range(10000, 12000);
	ack(12000);
	o = only(&plain);
	assert_int_equal(o.s[0].result.faults, 1);
	assert_int_equal(o.s[0].result.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_in_range(o.s[0].result.first.position, 9000, 9004);
}

static void test_from_the_middle(void **state)
{
	struct outcome o;

	(void)state;
	send_spoiled(50003, 7, UINT64_MAX); /* too little to tell where it is */
	send_range(50010, 60000);
	send_spoiled(55000, MSS, 55001);
	o = only(&plain);
	assert_false(o.s[0].from_start);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_OPEN);
	assert_int_equal(o.s[0].bytes, 60000 - 50003);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[0].result.bytes, 60000 - 50003);
	assert_int_equal(o.differences, 1);
	assert_int_equal(o.d.offset, 55001);
}

static void test_unchecked(void **state)
{
	const struct zcdma_wire_options unchecked = { .unchecked = true };
	struct outcome o;

	(void)state;
	syn();
	write_segment(false, TH_ACK, ISN, 501, "GET / HTTP/1.0", 14, false);
	write_segment(false, TH_ACK, ISN, 501, "GET / HTTP/1.1", 14, false);
	o = only(&unchecked);
	assert_false(o.s[0].checked);
	assert_int_equal(o.s[0].counters.differing_bytes, 1);
}

/* Check by a manifest of 4000-byte blocks: only blocks with missing bytes cannot be checked. */
static void test_manifest(void **state)
{
	char path[80];
	const struct zcdma_wire_options options = { .manifest = path };
	struct zcdma_manifest *m;
	struct outcome o;
	uint8_t data[4000];

	(void)state;
	snprintf(path, sizeof(path), "%s.xxh", cap.path);
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (uint64_t at = 0; at < 40000; at += sizeof(data)) {
		const struct zcdma_block b = { .data = data, .len = sizeof(data), .offset = at };

		zcdma_pattern_fill(data, sizeof(data), at, SEED);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
	syn();
	send_range(0, 13000);
	send_range(17000, 30000); /* half of block 3, and a part of block 4, are missing */
	ack(30000);
	send_spoiled(25000, MSS, 25000);
	o = only(&options);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[0].result.blocks_good, 5); /* 0 1 2, 5 6 */
	assert_int_equal(o.s[0].result.blocks_uncaptured,
			 5); /* 3 4, 7 and those after the capture */
	assert_int_equal(o.differences, 1);
	assert_int_equal(o.d.block, 6);
	unlink(path);
}

/* Capture each segment after its ACK: it is checked, and not taken for a retransmission. */
static void test_acknowledged_first(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	for (uint64_t at = 0; at < 20000; at += MSS) {
		ack(at + MSS);
		send_spoiled(at, MSS, at == 7000 ? 7777 : UINT64_MAX);
	}
	fin(20000);
	o = only(&plain);
	assert_int_equal(o.s[0].counters.uncaptured_bytes, 0);
	assert_int_equal(o.s[0].counters.retransmitted + o.s[0].counters.differing, 0);
	assert_int_equal(o.s[0].result.faults, 1);
	assert_int_equal(o.s[0].result.first.kind, ZCDMA_FAULT_GARBAGE);
}

/* Check that data that comes after it was given up is checked by itself, so that wrong bytes are found. */
static void test_late_is_checked(void **state)
{
	const uint64_t total = 6u << 20;
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	for (uint64_t at = 6000; at < total; at += MSS) {
		send_range(at, at + MSS);
		ack(at + MSS);
	}
	send_spoiled(4000, MSS, 4567);
	send_spoiled(3000, MSS, UINT64_MAX);
	o = only(&plain);
	assert_int_equal(o.s[0].counters.late_bytes, 2000);
	assert_int_equal(o.s[0].counters.uncaptured_bytes, 1000);
	assert_int_equal(o.s[0].result.uncaptured_bytes, 1000);
	assert_int_equal(o.s[0].counters.differing, 0);
	assert_int_equal(o.s[0].counters.retransmitted, 0);
	assert_int_equal(o.s[0].result.faults, 1);
	assert_int_equal(o.s[0].result.first.kind, ZCDMA_FAULT_GARBAGE);
	assert_in_range(o.s[0].result.first.position, 4560, 4567);
}

/* Capture the end before the last data: the connection must wait for the data. */
static void test_data_after_the_end(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	fin(5000);
	send_range(3000, 5000);
	/* A retransmission after the end: the data to compare it with is gone. */
	send_range(1000, 2000);
	o = only(&plain);
	assert_int_equal(o.stats.ended, 1);
	assert_int_equal(o.s[0].bytes, 5000);
	assert_int_equal(o.s[0].counters.uncaptured_bytes, 0);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[0].counters.retransmitted, 1);
	assert_int_equal(o.s[0].counters.uncompared_bytes, MSS);
}

/* Check that it is not a fault if a capture begins with too few bytes to show their place in the stream. */
static void test_few_bytes_from_the_middle(void **state)
{
	struct outcome o;

	for (int goes_on = 0; goes_on < 2; goes_on++) {
		start_over(state);
		send_spoiled(50003, 9, UINT64_MAX);
		if (goes_on)
			send_range(60000, 62000);
		o = only(&plain);
		assert_int_equal(o.s[0].result.faults, 0);
		assert_int_equal(o.s[0].result.bytes, goes_on ? 2000 : 0);
		assert_int_equal(o.s[0].bytes - o.s[0].counters.uncaptured_bytes,
				 o.s[0].result.bytes);
	}
}

/* Check that a stream is listed even if all its packets were too far away. */
static void test_only_strays(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_from(ISN - (1u << 30), 0, MSS);
	o = only(&plain);
	assert_int_equal(o.s[0].counters.strayed, 1);
	assert_int_equal(o.s[0].bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_capture),
		TEST(test_correct),
		TEST(test_overwritten),
		TEST(test_wrong_checksum),
		TEST(test_wrong_checksums_as_a_rule),
		TEST(test_any_checksum),
		TEST(test_missing_is_no_fault),
		TEST(test_fault_after_missing_data),
		TEST(test_from_the_middle),
		TEST(test_unchecked),
		TEST(test_manifest),
		TEST(test_acknowledged_first),
		TEST(test_late_is_checked),
		TEST(test_data_after_the_end),
		TEST(test_few_bytes_from_the_middle),
		TEST(test_only_strays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
