// SPDX-License-Identifier: GPL-2.0-only
/* TCP as it was captured: in order, out of order, twice, not at all. Each scene is a row: segments in, data out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "reassembly.h"

#define MOST_STEPS 12

enum act {
	NOTHING, /* ends the steps of a scene */
	SYN,
	PUT,	  /* a segment */
	SPOIL,	  /* a segment whose byte at .which is wrong */
	CUT,	  /* a segment of which .which bytes were captured */
	COPY,	  /* PUT, captured at a second point */
	BAD_COPY, /* SPOIL, captured at a second point */
	FIN,
	ACK, /* by the other end, of what is before .at */
	SYN_ACK,
};

enum acked {
	NOT_ACKED,
	ACKED,	      /* what is before the next segment, after each */
	ACKED_BEFORE, /* the same, before each */
};

struct step {
	enum act act;
	uint64_t at;
	uint32_t len;
	uint64_t which;
	unsigned times; /* segments, each .stride after the last one; 0: once */
	uint64_t stride;
	enum acked acked;
	/* what comes of it */
	uint64_t out; /* bytes, right and in order */
	uint64_t gap; /* bytes that are passed over */
	uint64_t
		differs; /* offset of the first retransmitted byte that is not what it was; 0: none */
	enum zc_segment_verdict verdict;
	bool complete;
};

struct scene {
	const char *name;
	uint32_t first; /* sequence number of offset 0 */
	bool recalls;	/* what is forgotten can be known */
	size_t memory;	/* 0: enough */
	struct step steps[MOST_STEPS];
	uint64_t out, gap; /* what comes at the end, in addition */
	bool from_syn;
	struct zcdma_wire_counters counters;
};

static const struct scene scenes[] = {
	{
		.name = "in order",
		.first = 1000,
		.steps = { { SYN },
			   { PUT, 0, 1000, .times = 100, .stride = 1000, .out = 100000 },
			   { FIN, 100000, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 100 },
	},
	{
		.name = "out of order",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 200, 100, .times = 2, .stride = 200 },
			   { PUT, 100, 100, .out = 200 },
			   { PUT, 300, 100, .out = 200 } },
		.from_syn = true,
		.counters = { .packets = 5, .out_of_order = 2 },
	},
	{
		.name = "retransmitted, over the edge between two and beyond the newest",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 100, 100, .out = 100 },
			   { PUT, 0, 100 },
			   { PUT, 50, 100 },
			   { PUT, 150, 100, .out = 50 } },
		.from_syn = true,
		.counters = { .packets = 5, .retransmitted = 3, .retransmitted_bytes = 250 },
	},
	{
		.name = "retransmitted with other bytes, in order and waiting",
		.first = 0xfffffff0,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 100, 100, .out = 100 },
			   { ACK, 200 }, /* acknowledged data is not forgotten at once */
			   { SPOIL, 50, 100, 120, .differs = 120 },
			   { PUT, 300, 100 },
			   { SPOIL, 350, 100, 351, .differs = 351 } },
		.out = 150,
		.gap = 100,
		.from_syn = true,
		.counters = { .packets = 5,
			      .uncaptured_bytes = 100,
			      .retransmitted = 2,
			      .retransmitted_bytes = 150,
			      .differing = 2,
			      .differing_bytes = 2 },
	},
	{
		.name = "the first of two segments stays",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 100, 100 },
			   { SPOIL, 100, 100, 150, .differs = 150 },
			   { PUT, 100, 100 },
			   { PUT, 0, 100, .out = 200 } },
		.from_syn = true,
		.counters = { .packets = 4,
			      .retransmitted = 2,
			      .retransmitted_bytes = 200,
			      .differing = 1,
			      .differing_bytes = 1,
			      .out_of_order = 1 },
	},
	{
		/* Data sent before the capture began cannot be compared. */
		.name = "from the middle of a connection",
		.first = 5000,
		.steps = { { ACK, 300 }, /* before any data was captured */
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 100, 100, .out = 100 },
			   { PUT, (uint64_t)-50, 100 },
			   { PUT, (uint64_t)-50, 20 } },
		.counters = { .packets = 4,
			      .retransmitted = 2,
			      .retransmitted_bytes = 120,
			      .uncompared_bytes = 70 },
	},
	{
		.name = "a SYN+ACK shows the beginning",
		.first = 5000,
		.steps = { { SYN_ACK, 0 }, { PUT, 100, 100 }, { PUT, 0, 100, .out = 200 } },
		.from_syn = true,
		.counters = { .packets = 2, .out_of_order = 1 },
	},
	{
		/* RFC 7413 */
		.name = "data in a SYN",
		.first = 7,
		.steps = { { SYN, 0, 10, .out = 10 }, { PUT, 10, 10, .out = 10 } },
		.from_syn = true,
		.counters = { .packets = 2 },
	},
	{
		.name = "keep-alives, and probes of a closed window",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { ACK, 50 },
			   /* Not acknowledged: it is a retransmission. */
			   { SPOIL, 99, 1, 99, .differs = 99 },
			   { ACK, 100 },
			   { SPOIL, 99, 1, 99 },
			   { PUT, 99, 0 },
			   /* A probe brings a byte that is new, and brings it again. */
			   { PUT, 100, 1, .out = 1 },
			   { PUT, 100, 1 },
			   { PUT, 100, 100, .out = 99 },
			   { ACK, 200 },
			   { PUT, 199, 101, .out = 100 } },
		.from_syn = true,
		.counters = { .packets = 7,
			      .retransmitted = 4,
			      .retransmitted_bytes = 4,
			      .differing = 1,
			      .differing_bytes = 1,
			      .keepalives = 2 },
	},
	{
		.name = "acknowledged before it was captured",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 1 << 15, .times = 640, .stride = 1 << 15,
			     .acked = ACKED_BEFORE, .out = 20 << 20 },
			   { FIN, 20 << 20 },
			   { ACK, (20 << 20) + 1, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 640 },
	},
	{
		.name = "all acknowledged before anything was captured",
		.first = 7,
		.steps = { { SYN },
			   { ACK, 1 << 16, .times = 320, .stride = 1 << 16 },
			   { PUT, 0, 1 << 15, .times = 640, .stride = 1 << 15, .out = 20 << 20 },
			   { FIN, 20 << 20 },
			   { ACK, (20 << 20) + 1, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 640 },
	},
	{
		.name = "the FIN and its acknowledgement before the last data",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { FIN, 200 },
			   { ACK, 201 },
			   { PUT, 100, 100, .out = 100, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 2 },
	},
	{
		.name = "copies, which are retransmissions if they differ or bring new data",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { COPY, 0, 100 },
			   { COPY, 100, 100, .out = 100 },
			   { BAD_COPY, 0, 100, 50, .differs = 50 } },
		.from_syn = true,
		.counters = { .packets = 4,
			      .capture_duplicates = 1,
			      .retransmitted = 1,
			      .retransmitted_bytes = 100,
			      .differing = 1,
			      .differing_bytes = 1 },
	},
	{
		.name = "a FIN is not a byte",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { ACK, 100 },
			   { FIN, 100 },
			   { ACK, 101, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 1 },
	},
	{
		.name = "nor is one that was not captured",
		.first = 7,
		.steps = { { SYN }, { PUT, 0, 100, .out = 100 }, { ACK, 101 } },
		.from_syn = true,
		.counters = { .packets = 1 },
	},
	{
		/* A whole segment later: the bytes that were captured are compared, the others are new. */
		.name = "cut by the snap length",
		.first = 7,
		.steps = { { SYN },
			   { CUT, 0, 1000, 60, .times = 10, .stride = 1000, .acked = ACKED,
			     .out = 60 },
			   { PUT, 0, 1000, .out = 1000 },
			   { CUT, 10000, 1000, 0 } },
		.out = 480,
		.gap = 9400 - 940 + 1000,
		.from_syn = true,
		.counters = { .packets = 12,
			      .uncaptured_bytes = 9400 - 940 + 1000,
			      .cut_bytes = 9400 + 1000,
			      .retransmitted = 1,
			      .retransmitted_bytes = 60 },
	},
	{
		.name = "no memory at all",
		.first = 7,
		.memory = 1000,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 100, 100, .out = 100 },
			   { SPOIL, 100, 100, 100 },
			   { PUT, 300, 100, .gap = 200 },
			   { PUT, 400, 100, .out = 100 } },
		.from_syn = true,
		.counters = { .packets = 5,
			      .uncaptured_bytes = 200,
			      .late_bytes = 100, /* of the segment after the gap */
			      .retransmitted = 1,
			      .retransmitted_bytes = 100,
			      .uncompared_bytes = 100,
			      .given_up = 1 },
	},
	{
		.name = "retransmitted too late to be compared",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 10000, .times = 100, .stride = 10000, .acked = ACKED,
			     .out = 1000000 },
			   { PUT, 0, 10000 },
			   { SPOIL, 10000, 10000, 17777 } },
		.from_syn = true,
		.counters = { .packets = 102,
			      .retransmitted = 2,
			      .retransmitted_bytes = 20000,
			      .uncompared_bytes = 20000 },
	},
	{
		.name = "retransmitted too late, but recalled",
		.first = 7,
		.recalls = true,
		.steps = { { SYN },
			   { PUT, 0, 10000, .times = 100, .stride = 10000, .acked = ACKED,
			     .out = 1000000 },
			   { PUT, 0, 10000 },
			   { SPOIL, 10000, 10000, 17777, .differs = 17777 } },
		.from_syn = true,
		.counters = { .packets = 102,
			      .retransmitted = 2,
			      .retransmitted_bytes = 20000,
			      .differing = 1,
			      .differing_bytes = 1 },
	},
	{
		.name = "unacknowledged data is kept, however much it is",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 10000, .times = 1000, .stride = 10000, .out = 10000000 },
			   { SPOIL, 0, 10000, 7, .differs = 7 } },
		.from_syn = true,
		.counters = { .packets = 1001,
			      .retransmitted = 1,
			      .retransmitted_bytes = 10000,
			      .differing = 1,
			      .differing_bytes = 1 },
	},
	{
		/* Two in a row show that data before them was not captured; the buffer has room for 64 KiB. */
		.name = "a stray segment, and two that are believed",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, 500u << 20, 100, .verdict = ZC_SEGMENT_STRAY },
			   { PUT, 100, 100, .out = 100 },
			   { PUT, 600u << 20, 100, .verdict = ZC_SEGMENT_STRAY },
			   { PUT, (600u << 20) + 100, 100, .gap = (600u << 20) - 65536 } },
		.out = 100,
		.gap = 65536 - 100,
		.from_syn = true,
		.counters = { .packets = 3,
			      .uncaptured_bytes = (600u << 20) - 100,
			      .strayed = 2,
			      .given_up = 1 },
	},
	{
		/* A receiver drops them. */
		.name = "two segments in a row far before the window: a new connection",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { PUT, -(uint64_t)(900 << 20), 100, .verdict = ZC_SEGMENT_STRAY },
			   { PUT, 100, 100, .out = 100 },
			   { PUT, -(uint64_t)(900 << 20), 100, .verdict = ZC_SEGMENT_STRAY },
			   { PUT, -(uint64_t)(900 << 20) + 100, 100,
			     .verdict = ZC_SEGMENT_FOREIGN } },
		.from_syn = true,
		.counters = { .packets = 2, .strayed = 2 },
	},
	{
		.name = "data after a FIN undoes it",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { ACK, 50 },
			   { FIN, 100 },
			   { PUT, 100, 100, .out = 100 },
			   { ACK, 201 },
			   { PUT, 200, 100, .out = 100 } },
		.from_syn = true,
		.counters = { .packets = 3 },
	},
	{
		.name = "data after an acknowledged FIN is of another connection",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 200, .out = 200 },
			   { FIN, 200, .complete = true },
			   { ACK, 201, .complete = true },
			   { PUT, 201, 100, .verdict = ZC_SEGMENT_FOREIGN, .complete = true } },
		.from_syn = true,
		.counters = { .packets = 1 },
	},
	{
		.name = "a single acknowledgement far ahead is not believed",
		.first = 7,
		.steps = { { SYN },
			   { PUT, 0, 100, .out = 100 },
			   { ACK, 1u << 30 },
			   { PUT, 100, 100, .out = 100 } },
		.from_syn = true,
		.counters = { .packets = 2 },
	},
};

static void send_one(struct bench *b, const struct step *s, uint64_t at)
{
	uint8_t data[16];

	b->copy = s->act == COPY || s->act == BAD_COPY;
	switch (s->act) {
	case SYN:
		assert_in_range(s->len, 0, sizeof(data));
		stream_fill(data, 0, s->len);
		bench_frame(b, TH_SYN, (uint64_t)-1, data, s->len, s->len);
		break;
	case PUT:
	case COPY:
		bench_put(b, at, s->len);
		break;
	case SPOIL:
	case BAD_COPY:
		bench_spoil(b, at, s->len, s->which);
		break;
	case CUT:
		bench_cut(b, at, s->len, (uint32_t)s->which);
		break;
	case FIN:
		bench_fin(b, at);
		break;
	case ACK:
		bench_ack(b, at);
		break;
	default:
		zc_reassembly_acked(&b->f, b->first + (uint32_t)at, true);
	}
}

static void play_step(struct bench *b, const struct step *s)
{
	for (unsigned i = 0; i < (s->times ? s->times : 1); i++) {
		uint64_t at = s->at + i * s->stride;

		if (s->acked == ACKED_BEFORE)
			bench_ack(b, at + s->stride);
		send_one(b, s, at);
		if (s->acked == ACKED)
			bench_ack(b, at + s->stride);
	}
}

static void assert_count(const char *what, unsigned step, uint64_t is, uint64_t expected)
{
	if (is != expected)
		fail_msg("after step %u: %s %llu, not %llu", step, what, (unsigned long long)is,
			 (unsigned long long)expected);
}

static void assert_difference(const struct bench *b, unsigned step, uint64_t offset)
{
	assert_count("first difference", step, b->difference.first, offset);
	assert_int_equal(b->seq, b->first + (uint32_t)offset);
	assert_int_equal(b->difference.was, stream_byte(offset));
	assert_int_equal(b->difference.is, stream_byte(offset) ^ 0xff);
}

static void assert_counters(const struct zcdma_wire_counters *is,
			    const struct zcdma_wire_counters *expected)
{
#define COUNTER(name) assert_count(#name, MOST_STEPS, is->name, expected->name)
	COUNTER(packets);
	COUNTER(uncaptured_bytes);
	COUNTER(late_bytes);
	COUNTER(cut_bytes);
	COUNTER(capture_duplicates);
	COUNTER(retransmitted);
	COUNTER(retransmitted_bytes);
	COUNTER(differing);
	COUNTER(differing_bytes);
	COUNTER(uncompared_bytes);
	COUNTER(out_of_order);
	COUNTER(keepalives);
	COUNTER(given_up);
	COUNTER(strayed);
	COUNTER(ignored_resets);
#undef COUNTER
	assert_memory_equal(is, expected, sizeof(*is));
}

static void play(void **state)
{
	const struct scene *scene = *state;
	uint64_t out = 0, gap = 0;
	unsigned differences = 0;
	struct bench b;

	bench_begin(&b, scene->first);
	b.recalls = scene->recalls;
	if (scene->memory)
		b.pool.most = scene->memory;
	for (unsigned i = 0; i < MOST_STEPS && scene->steps[i].act != NOTHING; i++) {
		const struct step *s = &scene->steps[i];

		play_step(&b, s);
		assert_count("wrong bytes", i, b.wrong, 0);
		assert_count("bytes", i, b.data, out += s->out);
		assert_count("bytes passed over", i, b.uncaptured, gap += s->gap);
		assert_count("differences", i, b.differences, differences += !!s->differs);
		if (s->differs)
			assert_difference(&b, i, s->differs);
		if (s->act != ACK && s->act != SYN_ACK)
			assert_count("verdict", i, b.taken, s->verdict);
		assert_count("complete", i, zc_reassembly_is_complete(&b.f), s->complete);
	}
	assert_int_equal(b.f.from_syn, scene->from_syn);
	bench_end(&b);
	assert_count("wrong bytes", MOST_STEPS, b.wrong, 0);
	assert_count("bytes", MOST_STEPS, b.data, out + scene->out);
	assert_count("bytes passed over", MOST_STEPS, b.uncaptured, gap + scene->gap);
	assert_counters(&b.f.counters, &scene->counters);
	assert_int_equal(b.pool.used, 0);
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
	bench_end(&b);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(scenes) / sizeof(scenes[0]) + 1] = {
		cmocka_unit_test(test_begins_at),
	};

	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		tests[i + 1] = (struct CMUnitTest){ .name = scenes[i].name,
						    .test_func = play,
						    .initial_state = (void *)&scenes[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
