// SPDX-License-Identifier: GPL-2.0-only
/* Connections in captures: where one begins and ends, and how many are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "wire_capture.h"

static void test_port_reused(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	fin(3000);
	/* Another connection, that has another ISN. */
	write_segment(false, TH_SYN, ISN + 70000, 0, "", 0, false);
	write_segment(false, TH_ACK, ISN + 70001, 501, "", 0, false);
	for (uint64_t at = 0; at < 2000; at += MSS) {
		uint8_t data[MSS];

		zcdma_pattern_fill(data, MSS, at, SEED);
		write_segment(false, TH_ACK, ISN + 70001 + (uint32_t)at, 501, data, MSS, false);
	}
	o = outcome(&plain);
	assert_int_equal(o.stats.connections, 2);
	assert_int_equal(o.streams, 2);
	assert_int_equal(o.s[0].bytes, 3000);
	assert_int_equal(o.s[0].result.faults, 0);
	assert_int_equal(o.s[1].bytes, 2000);
	assert_int_equal(o.s[1].counters.retransmitted, 0);
	assert_int_equal(o.s[1].result.faults, 0);
}

/* The SYN of the next connection was not captured; the first one ended, or that was not captured either. */
static void test_port_reused_without_syn(void **state)
{
	struct outcome o;

	for (int ended = 0; ended < 2; ended++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		if (ended)
			fin(3000);
		send_from(ISN - (1u << 30), 50000, 3000);
		o = outcome(&plain);
		assert_int_equal(o.stats.connections, 2);
		assert_int_equal(o.streams, 2);
		assert_int_equal(o.s[0].bytes, 3000);
		assert_int_equal(o.s[0].counters.retransmitted, 0);
		/* Only two in a row are believed where nothing has ended: the first one is counted. */
		assert_int_equal(o.s[0].counters.strayed, !ended);
		assert_int_equal(o.s[1].bytes, ended ? 3000 : 2000);
		assert_int_equal(o.s[1].result.faults, 0);
		assert_false(o.s[1].from_start);
	}
}

/* Check that a SYN within a connection does not end it: a receiver only answers it (RFC 5961, 4). */
static void test_stray_syn(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
	ack(3000); /* as the answer to it does */
	send_range(3000, 6000);
	write_segment(true, TH_SYN | TH_ACK, 777, ISN, "", 0, false);
	send_range(6000, 9000);
	fin(9000);
	o = only(&plain);
	assert_int_equal(o.stats.connections, 1);
	assert_int_equal(o.stats.ignored_syns, 2);
	assert_int_equal(o.s[0].bytes, 9000);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_FIN);
	assert_int_equal(o.s[0].result.faults, 0);
}

/* One that is answered as a SYN, or followed by its data, begins a connection all the same. */
static void test_syn_that_is_proven(void **state)
{
	struct outcome o;

	for (int answered = 0; answered < 2; answered++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
		if (answered)
			write_segment(true, TH_SYN | TH_ACK, 777, ISN + 700001, "", 0, false);
		send_from(ISN + 700001, 0, 2000);
		o = outcome(&plain);
		assert_int_equal(o.stats.connections, 2);
		assert_int_equal(o.streams, 2);
		assert_int_equal(o.s[0].bytes, 3000);
		assert_int_equal(o.s[1].bytes, 2000);
		assert_true(o.s[1].from_start);
		assert_int_equal(o.s[1].result.faults, 0);
	}
}

/* Data of another connection that does not go on from a SYN which was ignored: it began elsewhere. */
static void test_stray_syn_is_no_beginning(void **state)
{
	const uint32_t first = ISN - (1u << 30);
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(false, TH_SYN, first + 40000, 0, "", 0, false);
	fin(3000);
	send_from(first, 50000, 3000);
	o = outcome(&plain);
	assert_int_equal(o.streams, 2);
	assert_int_equal(o.s[0].bytes, 3000);
	assert_false(o.s[1].from_start);
	assert_int_equal(o.s[1].bytes, 3000);
	assert_int_equal(o.s[1].counters.uncaptured_bytes, 0);
	assert_int_equal(o.s[1].result.faults, 0);
}

/* A reset that fits is not believed, and then a SYN is answered as within a connection. */
static void test_stray_syn_after_reset(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 3000);
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	write_segment(false, TH_SYN, ISN + 700000, 0, "", 0, false);
	send_range(3000, 6000);
	fin(6000);
	o = only(&plain);
	assert_int_equal(o.s[0].bytes, 6000);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_FIN);
}

static void test_ports(void **state)
{
	const struct zcdma_wire_options other = { .port = 9001 }, sender = { .port = 40000 };
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 1000);
	o = outcome(&other);
	assert_int_equal(o.streams, 0);
	assert_int_equal(o.stats.others, o.stats.packets);
	o = only(&sender);
	assert_int_equal(o.s[0].bytes, 1000);
}

static void test_reset(void **state)
{
	struct outcome o;

	(void)state;
	syn();
	send_range(0, 1000);
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	o = only(&plain);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_RESET);
	assert_int_equal(o.stats.ended, 1);
}

/* Check that a connection can go on after a reset, whether the reset fits or not. */
static void test_reset_that_is_ignored(void **state)
{
	static const uint32_t ahead[] = { 0, 700 };
	struct outcome o;

	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		start_over(state);
		syn();
		send_range(0, 3000);
		ack(3000);
		write_segment(false, TH_RST, ISN + 3000 + ahead[i], 0, "", 0, false);
		write_segment(true, TH_RST, 501 - 5000, 0, "", 0, false);
		send_range(3000, 6000);
		send_spoiled(5000, MSS, 5555);
		ack(6000);
		fin(6000);
		o = only(&plain);
		assert_int_equal(o.s[0].bytes, 6000);
		assert_int_equal(o.s[0].end, ZCDMA_WIRE_FIN);
		assert_int_equal(o.s[0].counters.differing, 1);
		assert_int_equal(o.s[0].counters.ignored_resets, 1);
		assert_int_equal(o.stats.ended, 1);
	}
}

/* Check that a lone RST or FIN of an earlier connection does not count as a stream that ended. */
static void test_last_words(void **state)
{
	struct outcome o;

	(void)state;
	write_segment(true, TH_RST, 501, 0, "", 0, false);
	cap.port++;
	fin(1000);
	o = outcome(&plain);
	assert_int_equal(o.stats.connections, 2);
	assert_int_equal(o.stats.ended, 0);
}

static void count_dropped(void *arg, const struct zcdma_wire_stream *s)
{
	unsigned *count = arg;

	count[s->end == ZCDMA_WIRE_RESET]++;
	assert_int_equal(s->bytes, 100);
}

/* Check that the oldest connections with results are dropped, and that the callback gets each one. */
static void test_many_resets(void **state)
{
	unsigned dropped[2] = { 0 };
	const struct zcdma_wire_options options = { .dropped = count_dropped, .arg = dropped };
	struct outcome o;

	(void)state;
	for (cap.port = 10000; cap.port < 30000; cap.port++) {
		syn();
		send_range(0, 100);
		write_segment(false, TH_RST, ISN + 100, 0, "", 0, false);
	}
	o = outcome(&options);
	assert_int_equal(o.stats.connections, 20000);
	assert_int_equal(o.stats.unfollowed, 0);
	assert_int_equal(o.stats.unlisted, 20000 - 16384);
	assert_int_equal(dropped[0], 0);
	assert_int_equal(dropped[1], o.stats.unlisted);
}

/* Check that connections without faults are dropped to make room, and that one with a fault stays. */
static void test_many_connections(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0, wrong = 0;

	(void)state;
	for (cap.port = 10000; cap.port < 30000; cap.port++) {
		syn();
		send_spoiled(0, 100, cap.port == 10007 ? 50 : UINT64_MAX);
		fin(100);
	}
	wire = follow(&plain);
	while (zcdma_wire_next_stream(wire, &s)) {
		streams++;
		wrong += s.result.faults > 0;
	}
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.connections, 20000);
	assert_int_equal(stats.unfollowed, 0);
	assert_int_equal(streams + stats.unlisted, 20000);
	assert_int_equal(wrong, 1);
	zcdma_wire_close(wire);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_port_reused),
		TEST(test_port_reused_without_syn),
		TEST(test_stray_syn),
		TEST(test_syn_that_is_proven),
		TEST(test_stray_syn_is_no_beginning),
		TEST(test_stray_syn_after_reset),
		TEST(test_ports),
		TEST(test_reset),
		TEST(test_reset_that_is_ignored),
		TEST(test_last_words),
		TEST(test_many_resets),
		TEST(test_many_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
