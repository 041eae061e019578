/* SPDX-License-Identifier: GPL-2.0-only */
/* A follower under test: segments of a stream that is known go in, and what comes out is looked at. */
#ifndef TESTS_REASSEMBLY_H
#define TESTS_REASSEMBLY_H

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "packet/tcp_reassembly.h"

struct bench {
	struct zc_reassembly f;
	struct zc_budget pool;
	uint32_t first;	     /* sequence number of offset 0 of the stream that is known */
	uint64_t at;	     /* offset of what comes out next */
	uint64_t data;	     /* bytes that came out, and were right */
	uint64_t wrong;	     /* and were not */
	uint64_t uncaptured; /* bytes */
	uint64_t late;	     /* of those, that came late, and were right */
	unsigned differences;
	uint32_t seq; /* of the last one */
	struct zc_segment_result difference;
	bool recalls;		       /* what is forgotten can be known */
	bool copy;		       /* the next segments are copies */
	enum zc_segment_verdict taken; /* what became of the last one */
};

/* The stream: nothing in it repeats soon, whatever the distance. */
static inline uint8_t stream_byte(uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15u) >> 56);
}

static inline void stream_fill(uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = stream_byte(offset + i);
}

static inline void bench_data(void *arg, const uint8_t *data, size_t len)
{
	struct bench *b = arg;

	for (size_t i = 0; i < len; i++, b->at++) {
		if (data[i] == stream_byte(b->at))
			b->data++;
		else
			b->wrong++;
	}
}

static inline void bench_uncaptured(void *arg, uint64_t len)
{
	struct bench *b = arg;

	b->uncaptured += len;
	b->at += len;
}

/* What comes late is right, or it is not known at all. */
static inline bool bench_late(void *arg, uint64_t offset, const uint8_t *data, size_t len)
{
	struct bench *b = arg;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == stream_byte(offset + i))
			b->late++;
		else
			b->wrong++;
	}
	return b->recalls;
}

static inline bool bench_recall(void *arg, uint64_t offset, uint8_t *buf, size_t len)
{
	struct bench *b = arg;

	if (b->recalls)
		stream_fill(buf, offset, len);
	return b->recalls;
}

static inline void bench_differs(void *arg, uint32_t seq, const struct zc_segment_result *what)
{
	struct bench *b = arg;

	b->differences++;
	b->seq = seq;
	b->difference = *what;
}

/* A stream whose byte 0 has the sequence number @first. */
static inline void bench_begin(struct bench *b, uint32_t first)
{
	static const struct zc_reassembly_ops ops = { bench_data, bench_uncaptured, bench_late,
						      bench_recall, bench_differs };

	*b = (struct bench){ .first = first, .pool.most = 64u << 20 };
	zc_reassembly_init(&b->f, &ops, b, &b->pool);
}

static inline void bench_frame(struct bench *b, uint8_t flags, uint64_t offset, const uint8_t *data,
			       uint32_t len, uint32_t captured)
{
	const struct zc_frame frame = {
		.kind = ZC_FRAME_TCP,
		.flags = flags,
		.seq = b->first + (uint32_t)offset,
		.payload = data,
		.len = len,
		.captured = captured,
	};

	b->taken = zc_reassembly_take(&b->f, &frame, b->copy);
}

static inline void bench_syn(struct bench *b)
{
	bench_frame(b, TH_SYN, (uint64_t)-1, NULL, 0, 0);
}

static inline void bench_fin(struct bench *b, uint64_t offset)
{
	bench_frame(b, TH_FIN | TH_ACK, offset, NULL, 0, 0);
}

/* This end acknowledges what is before @ack. */
static inline void bench_acknowledge(struct bench *b, uint64_t offset, uint32_t ack)
{
	const struct zc_frame frame = {
		.kind = ZC_FRAME_TCP,
		.flags = TH_ACK,
		.seq = b->first + (uint32_t)offset,
		.ack = ack,
	};

	b->taken = zc_reassembly_take(&b->f, &frame, false);
}

static inline void bench_ack(struct bench *b, uint64_t offset)
{
	zc_reassembly_acked(&b->f, b->first + (uint32_t)offset, false);
}

/* A segment, of which the last bytes are beyond the snap length, in memory that ends where it does. */
static inline void bench_cut(struct bench *b, uint64_t offset, uint32_t len, uint32_t captured)
{
	uint8_t *data = malloc(captured ? captured : 1);

	stream_fill(data, offset, captured);
	bench_frame(b, TH_ACK, offset, data, len, captured);
	free(data);
}

static inline void bench_put(struct bench *b, uint64_t offset, uint32_t len)
{
	bench_cut(b, offset, len, len);
}

/* A segment whose byte at @spoiled has all bits the other way round. */
static inline void bench_spoil(struct bench *b, uint64_t offset, uint32_t len, uint64_t spoiled)
{
	uint8_t *data = malloc(len);

	stream_fill(data, offset, len);
	data[spoiled - offset] ^= 0xff;
	bench_frame(b, TH_ACK, offset, data, len, len);
	free(data);
}

static inline void bench_end(struct bench *b)
{
	zc_reassembly_end(&b->f);
}

#endif
