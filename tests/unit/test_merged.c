// SPDX-License-Identifier: GPL-2.0-only
/* Datagrams that offload put together into one packet are separated by their numbers, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <pcap/dlt.h>
#include <string.h>

#include "packet/merged.h"
#include "packet/payload.h"
#include "frames.h"

static uint8_t data[65536];

/* Fill @count datagrams of @size bytes, whose numbers count from @number on, the last one cut to @last bytes. */
static size_t fill(const struct zc_reorder_field *f, size_t size, unsigned count, size_t last,
		   uint64_t number)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + 7);
	for (unsigned n = 0; n < count; n++, number++) {
		for (unsigned i = 0; i < f->width; i++) {
			unsigned at = f->little_endian ? i : f->width - 1 - i;

			data[n * size + f->offset + at] = (uint8_t)(number >> (8 * i));
		}
	}
	return (count - 1) * size + last;
}

static void merged_ones_are_found(void **state)
{
	static const struct {
		struct zc_reorder_field field;
		size_t size;
		unsigned count;
		size_t last;
		uint64_t number;
	} cases[] = {
		{ { 0, 4, false }, 1400, 46, 1400, 7 },
		{ { 0, 4, false }, 1400, 2, 30, UINT32_MAX }, /* over the wrap */
		{ { 12, 8, true }, 1000, 2, 1000, UINT64_MAX },
		{ { 3, 2, true }, 200, 3, 10, 65534 },
		{ { 5, 1, false }, 100, 4, 100, 254 },
		{ { 0, 4, false }, 400, 128, 400, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct zc_reorder_field *f = &cases[i].field;
		size_t len = fill(f, cases[i].size, cases[i].count, cases[i].last, cases[i].number);

		assert_int_equal(zc_merged_size(f, data, len, 0), cases[i].size);
		assert_int_equal(zc_merged_size(f, data, len, cases[i].size), cases[i].size);
		/* A size that was right before is not believed against the numbers. */
		assert_int_equal(zc_merged_size(f, data, len, cases[i].size - 1), cases[i].size);
	}
}

static void one_datagram_stays_one(void **state)
{
	const struct zc_reorder_field wide = { 0, 4, false }, narrow = { 0, 1, false };
	size_t len = fill(&wide, 1400, 1, 1400, 7);

	(void)state;
	assert_int_equal(zc_merged_size(&wide, data, len, 0), len);
	assert_int_equal(zc_merged_size(&wide, data, len, 700), len);
	assert_int_equal(zc_merged_size(&wide, data, 3, 0), 3);
	assert_int_equal(zc_merged_size(&wide, data, 0, 0), 0);
	/* A byte that happens to be the next number proves nothing. */
	len = fill(&narrow, 100, 2, 100, 7);
	assert_int_equal(zc_merged_size(&narrow, data, len, 0), len);
	/* A ramp of numbers has too many pieces to be datagrams. */
	len = fill(&wide, 4, 350, 4, 7);
	assert_int_equal(zc_merged_size(&wide, data, len, 0), len);
	memset(data, 0, sizeof(data));
	assert_int_equal(zc_merged_size(&wide, data, 60000, 0), 60000);
}

/* Put a packet with @count merged datagrams, and take their payload, which is @len bytes. */
static void put_packet(struct zc_payload *p, const struct zc_reorder_field *f, unsigned count,
		       uint64_t number)
{
	static struct bytes b;
	const size_t len = fill(f, 1000, count, 1000, number);
	struct zc_packet packet;
	const uint8_t *piece;
	size_t taken = 0, got;

	b.len = 0;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 17, (uint32_t)len + 8, 0);
	put_udp(&b, data, (uint32_t)len);
	packet = (struct zc_packet){
		.data = b.at, .captured = b.len, .len = b.len, .linktype = DLT_EN10MB
	};
	assert_int_equal(zc_payload_put(p, &packet), 0);
	while (zc_payload_get(p, &piece, &got) == 1) {
		assert_memory_equal(piece, data + taken, got);
		taken += got;
		zc_payload_done(p);
	}
	assert_int_equal(taken, len);
}

static void merged_ones_are_not_lost(void **state)
{
	const struct zc_reorder_field f = { 0, 4, false };
	struct zcdma_packet_stats stats;
	struct zcdma_ctx *ctx;
	struct zc_payload *p;

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	assert_int_equal(zc_payload_new(ctx, "test", &f, false, &p), 0);
	put_packet(p, &f, 1, 5);
	put_packet(p, &f, 40, 6);
	put_packet(p, &f, 1, 46);
	put_packet(p, &f, 1, 47);
	put_packet(p, &f, 2, 48);
	put_packet(p, &f, 40, 50);
	assert_int_equal(zc_payload_end(p), 0);
	zc_payload_get_stats(p, &stats);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(stats.duplicates + stats.late + stats.unnumbered, 0);
	assert_int_equal(stats.packets, 6);
	zc_payload_free(p);
	zcdma_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_ones_are_found),
		cmocka_unit_test(one_datagram_stays_one),
		cmocka_unit_test(merged_ones_are_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
