// SPDX-License-Identifier: GPL-2.0-only
/* Copies of one transmission, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "packet/duplicates.h"

#define SECOND 1000000000u

struct packet {
	bool udp;
	uint16_t ip_id;
	uint32_t interface;
	uint64_t time_ns;
	uint8_t header[20], payload[8];
};

/* Without a check of the header: checksums are at 16 (TCP) and 6 (UDP). */
static bool seen(struct zc_duplicates *c, const struct packet *p)
{
	uint8_t bytes[28];
	const uint32_t header = p->udp ? 8 : 20;
	const struct zc_frame f = {
		.kind = p->udp ? ZC_FRAME_UDP : ZC_FRAME_TCP,
		.version = 4,
		.ip_id = p->ip_id,
		.interface = p->interface,
		.segment = bytes,
		.payload = bytes + header,
		.len = 8,
		.captured = 8,
	};

	memcpy(bytes, p->header, header);
	memcpy(bytes + header, p->payload, 8);
	return zc_duplicates_seen(c, &f, 1, p->time_ns);
}

static void test_limits(void **state)
{
	static const struct {
		uint16_t ip_id;
		uint32_t interface;
		uint64_t after_ns;
		bool copy;
	} cases[] = {
		{ 7, 2, 0, true },
		{ 7, 2, SECOND / 2, true },
		{ 7, 2, 2ull * SECOND, false },
		{ 7, 1, 1000, true },
		{ 7, 1, SECOND / 100, false },
		{ 0, 2, 1000, true },
		{ 0, 2, SECOND, false },
		{ 0, 1, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zc_duplicates *c = zc_duplicates_new();
		struct packet p = { .ip_id = cases[i].ip_id,
				    .interface = 1,
				    .time_ns = 5ull * SECOND };

		assert_non_null(c);
		assert_false(seen(c, &p));
		p.interface = cases[i].interface;
		p.time_ns += cases[i].after_ns;
		assert_int_equal(seen(c, &p), cases[i].copy);
		zc_duplicates_free(c);
	}
}

/* Clocks of two machines differ: the copy may have the earlier time. */
static void test_time_goes_back(void **state)
{
	struct zc_duplicates *c = zc_duplicates_new();
	struct packet p = { .ip_id = 7, .interface = 1, .time_ns = 5ull * SECOND };

	(void)state;
	assert_non_null(c);
	assert_false(seen(c, &p));
	p.interface = 2;
	p.time_ns -= SECOND / 10;
	assert_true(seen(c, &p));
	zc_duplicates_free(c);
}

static void test_headers(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		for (unsigned at = 0; at < (udp ? 8 : 20); at++) {
			struct zc_duplicates *c = zc_duplicates_new();
			struct packet p = { .udp = udp, .ip_id = 7, .interface = 1 };
			bool checksum = at / 2 == (udp ? 3 : 8);

			assert_non_null(c);
			assert_false(seen(c, &p));
			p.interface = 2;
			p.header[at] = 1;
			/* A checksum may have been left to the network card. */
			assert_int_equal(seen(c, &p), checksum);
			zc_duplicates_free(c);
		}
	}
}

/* Datagrams are not compared later, so it is done here. The same bytes at the same point were sent again. */
static void test_payload(void **state)
{
	struct zc_duplicates *c = zc_duplicates_new();
	struct packet p = { .udp = true, .interface = 1 };

	(void)state;
	assert_non_null(c);
	assert_false(seen(c, &p));
	p.payload[7] = 1;
	p.interface = 2;
	assert_false(seen(c, &p));
	for (int i = 0; i < 3; i++) {
		p.interface = 1;
		assert_true(seen(c, &p));
		p.interface = 2;
		assert_false(seen(c, &p));
	}
	zc_duplicates_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_time_goes_back),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
