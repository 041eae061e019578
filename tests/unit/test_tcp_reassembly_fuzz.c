// SPDX-License-Identifier: GPL-2.0-only
/* Streams that are known, in segments of all kinds and orders: what is followed is the stream. The same on every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "reassembly.h"

#define MOST_SEGMENTS 400

struct segment {
	uint64_t offset;
	uint32_t len, captured;
};

struct plan {
	struct segment segment[MOST_SEGMENTS];
	unsigned count;
	uint64_t total;
};

static uint64_t state = 1;

/* splitmix64 */
static uint64_t random_number(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t limit)
{
	return random_number() % limit;
}

static bool one_in(unsigned n)
{
	return !below(n);
}

/* Plan a stream in order, with some segments repeated, in the same pieces or in others. */
static void make_plan(struct plan *p)
{
	unsigned count = 1 + (unsigned)below(MOST_SEGMENTS / 2);
	uint32_t most = one_in(4) ? 5000 : 100;

	*p = (struct plan){ 0 };
	for (unsigned i = 0; i < count; i++) {
		uint32_t len = 1 + (uint32_t)below(most);

		p->segment[p->count++] = (struct segment){ p->total, len, len };
		p->total += len;
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t from = below(p->total);
		uint32_t len = 1 + (uint32_t)below(zc_min(p->total - from, (uint64_t)most));

		/* A single byte would look like a keep-alive. */
		if (one_in(2) && len > 1)
			p->segment[p->count++] = (struct segment){ from, len, len };
	}
}

/* Swap each segment with one less than @distance after it. */
static void shuffle(struct plan *p, unsigned distance)
{
	for (unsigned i = 0; i < p->count; i++) {
		unsigned other = i + (unsigned)below(zc_min(distance, p->count - i));
		struct segment moved = p->segment[i];

		p->segment[i] = p->segment[other];
		p->segment[other] = moved;
	}
}

static void begin(struct bench *b)
{
	bench_begin(b, (uint32_t)random_number());
	bench_syn(b);
}

/* Feed all data, some of it twice, in any order. */
static void test_whole(void **unused)
{
	static struct plan p;
	struct bench b;

	(void)unused;
	for (int round = 0; round < 300; round++) {
		uint64_t bytes = 0;

		make_plan(&p);
		shuffle(&p, one_in(2) ? 5 : p.count);
		begin(&b);
		for (unsigned i = 0; i < p.count; i++) {
			bench_put(&b, p.segment[i].offset, p.segment[i].len);
			bytes += p.segment[i].len;
		}
		assert_int_equal(b.data, p.total);
		bench_fin(&b, p.total);
		bench_end(&b);
		assert_int_equal(b.data, p.total);
		assert_int_equal(b.wrong + b.uncaptured, 0);
		assert_int_equal(b.differences, 0);
		/* Every byte is new once; what could be a keep-alive was none of either. */
		assert_int_equal(b.f.counters.retransmitted_bytes + b.f.counters.keepalives,
				 bytes - p.total);
		assert_int_equal(b.f.counters.uncompared_bytes, 0);
	}
}

/* Some is not captured, or not whole, and ACKs are; or not. */
static void test_with_losses(void **unused)
{
	static struct plan p;
	struct bench b;
	uint64_t uncaptured = 0;

	(void)unused;
	for (int round = 0; round < 300; round++) {
		bool acks = !one_in(4);

		make_plan(&p);
		shuffle(&p, 5);
		begin(&b);
		if (one_in(4))
			b.pool.most = below(200000);
		for (unsigned i = 0; i < p.count; i++) {
			struct segment *s = &p.segment[i];

			if (one_in(4))
				continue;
			if (one_in(8))
				s->captured = (uint32_t)below(s->len);
			bench_cut(&b, s->offset, s->len, s->captured);
			if (acks && one_in(3))
				bench_ack(&b, below(p.total + 1));
		}
		bench_fin(&b, p.total);
		bench_ack(&b, p.total + 1);
		bench_end(&b);
		assert_int_equal(b.wrong, 0);
		assert_int_equal(b.data + b.uncaptured, p.total);
		assert_int_equal(b.uncaptured, b.f.counters.uncaptured_bytes);
		assert_int_equal(b.differences, 0);
		assert_int_equal(b.pool.used, 0);
		uncaptured += b.uncaptured;
	}
	assert_true(uncaptured > 0);
}

/* One byte is written to before its segment is sent again: it is found, and no other. */
static void test_overwritten(void **unused)
{
	static struct plan p;
	struct bench b;

	(void)unused;
	for (int round = 0; round < 300; round++) {
		uint64_t from, byte;
		uint32_t len;

		make_plan(&p);
		if (p.total < 2)
			continue;
		shuffle(&p, 5);
		from = below(p.total - 1);
		len = 2 + (uint32_t)below(zc_min(p.total - from - 1, 60000ul));
		byte = from + below(len);
		begin(&b);
		for (unsigned i = 0; i < p.count; i++) {
			bench_put(&b, p.segment[i].offset, p.segment[i].len);
			if (one_in(2))
				bench_ack(&b, b.f.next);
		}
		bench_spoil(&b, from, len, byte);
		bench_end(&b);
		assert_int_equal(b.data, p.total);
		if (b.f.counters.uncompared_bytes)
			continue;
		assert_int_equal(b.differences, 1);
		assert_int_equal(b.difference.first, byte);
		assert_int_equal(b.difference.differing, 1);
		assert_int_equal(b.seq, b.first + (uint32_t)byte);
	}
}

/* Anything at all. */
static void test_noise(void **unused)
{
	static const uint32_t lengths[] = { 0, 1, 2, 100, 1448, 9000, 65535 };
	uint8_t *zero = calloc(1, 65535);
	struct bench b;

	(void)unused;
	assert_non_null(zero);
	for (int round = 0; round < 60; round++) {
		uint32_t near = (uint32_t)random_number();

		bench_begin(&b, 0);
		b.pool.most = below(8u << 20);
		b.recalls = one_in(2);
		for (int i = 0; i < 200; i++) {
			uint32_t len = lengths[below(ARRAY_SIZE(lengths))];
			struct zc_frame f = {
				.kind = ZC_FRAME_TCP,
				.flags = (uint8_t)(one_in(8) ? random_number() : TH_ACK),
				.seq = one_in(8) ? (uint32_t)random_number()
						 : near + (uint32_t)below(1u << below(26)),
				.payload = zero,
				.len = len,
				.captured = one_in(8) ? (uint32_t)below(len + 1) : len,
			};

			zc_reassembly_take(&b.f, &f, one_in(4));
			if (one_in(3))
				zc_reassembly_acked(
					&b.f,
					one_in(8) ? (uint32_t)random_number()
						  : near + (uint32_t)below(1u << below(26)),
					one_in(9));
			assert_true(b.pool.used <= b.pool.most);
		}
		bench_end(&b);
		/* What came late counts as captured where it could be checked. */
		assert_int_equal(b.f.counters.uncaptured_bytes +
					 (b.recalls ? b.f.counters.late_bytes : 0),
				 b.uncaptured);
		assert_int_equal(b.pool.used, 0);
	}
	free(zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_with_losses),
		cmocka_unit_test(test_overwritten),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
