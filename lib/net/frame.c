// SPDX-License-Identifier: LGPL-2.1-or-later
/* Frames: the one place that knows the layout of a head. */
#include "net/frame.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

/* Neither text nor a number that other protocols begin with. */
static const uint8_t magic[4] = { 0x9a, 'z', 'c', 'f' };

/* Where the fields are; zcdma(7) has the same table. */
enum {
	AT_VERSION = 4,
	AT_KIND = 6,
	AT_FLAGS = 8,
	AT_LEN = 12,
	AT_STREAM = 16,
	AT_OFFSET = 24,
	AT_SEQ = 32,
	AT_TIME = 40,
	AT_HASH = 48,
	AT_LOST_BLOCKS = 56,
	AT_LOST_BYTES = 64,
	AT_CHECK = 72, /* XXH3 of what comes before it */
};

_Static_assert(AT_CHECK + sizeof(uint64_t) == ZC_FRAME_HEAD, "the check is last");

static void put16(uint8_t *head, size_t at, uint16_t value)
{
	value = htole16(value);
	memcpy(head + at, &value, sizeof(value));
}

static void put32(uint8_t *head, size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(head + at, &value, sizeof(value));
}

static void put64(uint8_t *head, size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(head + at, &value, sizeof(value));
}

static uint16_t get16(const uint8_t *head, size_t at)
{
	uint16_t value;

	memcpy(&value, head + at, sizeof(value));
	return le16toh(value);
}

static uint32_t get32(const uint8_t *head, size_t at)
{
	uint32_t value;

	memcpy(&value, head + at, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *head, size_t at)
{
	uint64_t value;

	memcpy(&value, head + at, sizeof(value));
	return le64toh(value);
}

void zc_frame_write(const struct zc_frame *f, uint8_t head[ZC_FRAME_HEAD])
{
	memcpy(head, magic, sizeof(magic));
	put16(head, AT_VERSION, ZC_FRAME_VERSION);
	put16(head, AT_KIND, (uint16_t)f->kind);
	put32(head, AT_FLAGS, f->flags);
	put32(head, AT_LEN, f->len);
	put64(head, AT_STREAM, f->stream);
	put64(head, AT_OFFSET, f->offset);
	put64(head, AT_SEQ, f->seq);
	put64(head, AT_TIME, f->time_ns);
	put64(head, AT_HASH, f->hash);
	put64(head, AT_LOST_BLOCKS, f->lost_blocks);
	put64(head, AT_LOST_BYTES, f->lost_bytes);
	put64(head, AT_CHECK, XXH3_64bits(head, AT_CHECK));
}

bool zc_frame_begins(const uint8_t *data, size_t len)
{
	return !memcmp(data, magic, zc_min(len, sizeof(magic)));
}

/* Returns whether each value can be. Positions stay far below what would wrap. */
static bool is_sane(const struct zc_frame *f)
{
	const uint64_t most = INT64_MAX;

	return f->kind >= ZC_FRAME_HELLO && f->kind <= ZC_FRAME_END &&
	       !(f->flags & ~(uint32_t)(ZC_FRAME_DOUBT | ZC_FRAME_UNHASHED)) &&
	       f->len <= (f->kind == ZC_FRAME_BLOCK ? ZC_FRAME_MOST : 0) && f->offset <= most &&
	       f->seq <= most && f->lost_blocks <= f->seq && f->lost_bytes <= f->offset;
}

int zc_frame_read(const uint8_t head[ZC_FRAME_HEAD], struct zc_frame *f)
{
	if (!zc_frame_begins(head, ZC_FRAME_HEAD))
		return -EPROTO;
	if (get16(head, AT_VERSION) != ZC_FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if (get64(head, AT_CHECK) != XXH3_64bits(head, AT_CHECK))
		return -EBADMSG;
	*f = (struct zc_frame){
		.kind = get16(head, AT_KIND),
		.flags = get32(head, AT_FLAGS),
		.len = get32(head, AT_LEN),
		.stream = get64(head, AT_STREAM),
		.offset = get64(head, AT_OFFSET),
		.seq = get64(head, AT_SEQ),
		.time_ns = get64(head, AT_TIME),
		.hash = get64(head, AT_HASH),
		.lost_blocks = get64(head, AT_LOST_BLOCKS),
		.lost_bytes = get64(head, AT_LOST_BYTES),
	};
	return is_sane(f) ? 0 : -ERANGE;
}

int64_t zc_frame_clock(void)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	return (int64_t)real.tv_sec * 1000000000 + real.tv_nsec - (int64_t)zc_now_ns();
}
