// SPDX-License-Identifier: GPL-2.0-only
/* Packets in captures: datagrams, VLANs, copies on several interfaces, and clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <netinet/udp.h>

#include "wire_capture.h"

static void write_datagram(uint64_t offset, size_t len)
{
	uint8_t packet[sizeof(struct udphdr) + MSS];
	struct udphdr *udp = (struct udphdr *)packet;

	*udp = (struct udphdr){ .uh_sport = htons(cap.port),
				.uh_dport = htons(PORT),
				.uh_ulen = htons((uint16_t)(sizeof(*udp) + len)) };
	zcdma_pattern_fill(udp + 1, len, offset, SEED);
	write_packet(false, IPPROTO_UDP, packet, sizeof(*udp) + len, &udp->uh_sum, false);
}

static void test_datagrams(void **state)
{
	struct outcome o;

	(void)state;
	write_datagram(0, 800);
	write_datagram(1600, 800);
	write_datagram(2400, 800);
	write_datagram(0, 0);
	o = only(&plain);
	assert_true(o.s[0].udp);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_FIN);
	assert_int_equal(o.s[0].bytes, 2400);
	assert_int_equal(o.s[0].result.lost_bytes, 800);
	assert_int_equal(o.s[0].result.faults, 0);
}

/* A mark of the end, of whose stream nothing was captured, is not one; nor does it end a stream that follows. */
static void test_a_mark_alone(void **state)
{
	struct outcome o;

	write_datagram(0, 0);
	assert_int_equal(outcome(&plain).streams, 0);
	start_over(state);
	write_datagram(0, 0);
	write_datagram(0, 800);
	o = only(&plain);
	assert_int_equal(o.s[0].end, ZCDMA_WIRE_OPEN);
	assert_int_equal(o.s[0].bytes, 800);
}

/* Datagrams of @count flows, a port for each from @port on. */
static void write_flows(uint16_t port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		cap.port = (uint16_t)(port + i);
		write_datagram(0, 32);
	}
}

/* Check that datagram flows, which have no end, make room after minutes of silence, longest first. */
static void test_silent_flows_make_room(void **state)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0;

	(void)state;
	write_flows(1000, 16384);
	cap.second += 100;
	write_flows(1000, 1); /* it goes on ... */
	write_flows(20000, 1);
	cap.second += 30;
	write_flows(20001,
		    2); /* ... so the second and the third are those that are silent for longest */
	wire = follow(&plain);
	zcdma_wire_get_stats(wire, &stats);
	assert_int_equal(stats.unfollowed, 1);
	assert_int_equal(stats.unlisted, 2);
	assert_int_equal(stats.connections, 16386);
	while (zcdma_wire_next_stream(wire, &s)) {
		assert_string_not_equal(s.from, "10.0.0.1:1001");
		streams++;
	}
	assert_int_equal(streams, 16384);
	zcdma_wire_close(wire);
}

/* Check the same addresses and ports in two VLANs and outside of VLANs, at the same time. */
static void test_vlans(void **state)
{
	static const uint16_t vlans[] = { 0, 5, 6 };
	struct zcdma_wire_stream s;
	struct zcdma_wire *wire;
	unsigned streams = 0;

	(void)state;
	for (uint64_t at = 0; at < 5000; at += MSS) {
		for (size_t i = 0; i < ARRAY_SIZE(vlans); i++) {
			use_ethernet(vlans[i]);
			if (!at)
				syn();
			send_spoiled(at, MSS, vlans[i] == 6 && at == 3000 ? 3333 : UINT64_MAX);
		}
	}
	wire = follow(&plain);
	while (zcdma_wire_next_stream(wire, &s)) {
		assert_int_equal(s.bytes, 5000);
		assert_int_equal(s.counters.retransmitted, 0);
		assert_int_equal(s.result.faults, ++streams == 3);
	}
	assert_int_equal(streams, 3);
	zcdma_wire_close(wire);
}

/* Check copies from a bridge and its port; a second transmission has another identification. */
static void test_copies(void **state)
{
	struct outcome o;

	(void)state;
	use_any(2);
	syn();
	for (uint64_t at = 0; at < 10000; at += MSS) {
		cap.ip_id++;
		for (uint8_t interface = 2; interface < 4; interface++, cap.microsecond += 3) {
			use_any(interface);
			send_range(at, at + MSS);
		}
	}
	cap.ip_id++;
	send_range(4000, 5000);
	send_spoiled(4000, MSS, 4444);
	o = only(&plain);
	assert_int_equal(o.s[0].bytes, 10000);
	assert_int_equal(o.s[0].counters.capture_duplicates, 10);
	assert_int_equal(o.s[0].counters.retransmitted, 2);
	assert_int_equal(o.s[0].counters.differing, 1);
}

static void test_copies_of_datagrams(void **state)
{
	struct outcome o;

	(void)state;
	for (uint64_t at = 0; at < 4000; at += 800) {
		for (uint8_t interface = 2; interface < 4; interface++, cap.microsecond += 3) {
			use_any(interface);
			write_datagram(at, 800);
		}
	}
	o = only(&plain);
	assert_int_equal(o.s[0].counters.packets, 5);
	assert_int_equal(o.s[0].counters.capture_duplicates, 5);
	assert_int_equal(o.s[0].result.duplicates, 0);
}

/* Check times that go back, as after the clock was set back or captures were merged. */
static void test_times_go_back(void **state)
{
	struct outcome o;

	(void)state;
	cap.second = 7;
	syn();
	cap.second = 3;
	send_range(0, 1000);
	cap.second = 5;
	fin(1000);
	o = outcome(&plain);
	assert_int_equal(o.stats.first_ns, 3000000000);
	assert_int_equal(o.stats.last_ns, 7000000000);
}

/* Check times whose seconds since 1970 take 32 bits. */
static void test_times_after_2038(void **state)
{
	struct outcome o;

	(void)state;
	cap.second = 0x7fffffff;
	syn();
	cap.second = 0x80000001;
	fin(0);
	o = outcome(&plain);
	assert_int_equal(o.stats.first_ns, 0x7fffffff * UINT64_C(1000000000));
	assert_int_equal(o.stats.last_ns - o.stats.first_ns, 2000000000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_datagrams),
		TEST(test_a_mark_alone),
		TEST(test_silent_flows_make_room),
		TEST(test_vlans),
		TEST(test_copies),
		TEST(test_copies_of_datagrams),
		TEST(test_times_go_back),
		TEST(test_times_after_2038),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
