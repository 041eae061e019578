// SPDX-License-Identifier: LGPL-2.1-or-later
/* pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each as long as it says at both ends. */
#include "packet/pcapng.h"

#include <byteswap.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_OBSOLETE	2 /* a packet, as the first version had it */
#define BLOCK_SIMPLE	3
#define BLOCK_ENHANCED	6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d

#define OPTION_END	0
#define OPTION_FLAGS	2  /* of a packet */
#define OPTION_TSRESOL	9  /* of an interface */
#define OPTION_TSOFFSET 14 /* of an interface */

/* The longest block, as in libpcap. Longer blocks of unknown types are skipped. */
#define MOST_BYTES	(16u << 20)
#define MOST_INTERFACES 65536

struct interface {
	uint16_t linktype;
	uint32_t snaplen; /* 0: without a limit */
	uint8_t resolution;
	int64_t offset; /* seconds that are added to each time */
};

struct zc_pcapng {
	struct zcdma_ctx *ctx;
	const char *name;
	struct zc_capture_bytes *saved;
	bool swapped; /* the section has the other byte order */
	struct interface *interface;
	unsigned interfaces, room;
	uint32_t earlier; /* interfaces of the sections before this one */
	/* The block that was read last, without its lengths. */
	uint32_t type, len;
	uint8_t *body;
	size_t body_room;
};

static uint16_t get16(const struct zc_pcapng *ng, const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return ng->swapped ? bswap_16(value) : value;
}

static uint32_t get32(const struct zc_pcapng *ng, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ng->swapped ? bswap_32(value) : value;
}

static int fail(struct zc_pcapng *ng, const char *why)
{
	return zc_fail_plain(ng->ctx, EIO, "read packets of %s: %s", ng->name, why);
}

/*
 * Blocks
 */

/* Read @size bytes. Returns 1; 0 if the file ends before the first; or a negative errno. */
static int read_all(struct zc_pcapng *ng, uint8_t *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = zc_capture_bytes_read(ng->saved, to + got, size - got);

		if (n < 0)
			return zc_fail(ng->ctx, errno, "read packets of %s", ng->name);
		if (!n)
			return got ? zc_capture_fail_cut(ng->ctx, ng->name) : 0;
		got += (size_t)n;
	}
	return 1;
}

/* Read @size bytes that have to be there. Returns 0 or a negative errno. */
static int read_rest(struct zc_pcapng *ng, uint8_t *to, size_t size)
{
	int rc = size ? read_all(ng, to, size) : 1;

	return rc == 1 ? 0 : rc ? rc : zc_capture_fail_cut(ng->ctx, ng->name);
}

static int skip(struct zc_pcapng *ng, uint32_t size)
{
	uint8_t buffer[4096];
	int rc = 0;

	for (uint32_t n; size && !rc; size -= n) {
		n = zc_min(size, (uint32_t)sizeof(buffer));
		rc = read_rest(ng, buffer, n);
	}
	return rc;
}

static bool is_known(uint32_t type)
{
	return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_OBSOLETE ||
	       type == BLOCK_SIMPLE || type == BLOCK_ENHANCED;
}

static int read_body(struct zc_pcapng *ng)
{
	if (ng->len > MOST_BYTES)
		return fail(ng, "a block is longer than 16 MiB");
	if (ng->len > ng->body_room) {
		uint8_t *body = realloc(ng->body, ng->len);

		if (!body)
			return zc_fail(ng->ctx, ENOMEM, "read packets of %s", ng->name);
		ng->body = body;
		ng->body_room = ng->len;
	}
	return read_rest(ng, ng->body, ng->len);
}

/*
 * Returns whether all of the next block is there, or the end: else the read of a pipe would wait. A block that is longer than
 * those that are read is not waited for.
 */
static bool has_block(struct zc_pcapng *ng)
{
	uint8_t head[12] = { 0 };
	uint32_t len;

	if (!zc_capture_bytes_have(ng->saved, sizeof(head)))
		return false;
	zc_capture_bytes_peek(ng->saved, head, sizeof(head));
	/* The byte order of a section is its own, and in the word after its length. */
	if (get32(ng, head) == BLOCK_SECTION) {
		ng->swapped = false;
		ng->swapped = get32(ng, head + 8) != BYTE_ORDER_MAGIC;
	}
	len = get32(ng, head + 4);
	return len > MOST_BYTES + 12 || zc_capture_bytes_have(ng->saved, len);
}

/* Check the byte order of a section, before its length is read. Returns 0 or -EIO. */
static int check_order(struct zc_pcapng *ng)
{
	uint8_t magic[4] = { 0 };

	zc_capture_bytes_peek(ng->saved, magic, sizeof(magic));
	return get32(ng, magic) == BYTE_ORDER_MAGIC ? 0 : fail(ng, "a section has no byte order");
}

/* Read a block into .type, .len and .body. Returns 1, 0 at the end, or a negative errno: -EAGAIN if it has not come yet. */
static int read_block(struct zc_pcapng *ng)
{
	uint8_t head[8], tail[4];
	int rc = has_block(ng) ? read_all(ng, head, sizeof(head)) : -EAGAIN;

	if (rc != 1)
		return rc;
	ng->type = get32(ng, head);
	rc = ng->type == BLOCK_SECTION ? check_order(ng) : 0;
	if (rc)
		return rc;
	ng->len = get32(ng, head + 4);
	if (ng->len < 12 || ng->len % 4)
		return fail(ng, "a block has a length that no block has");
	ng->len -= 12;
	rc = is_known(ng->type) ? read_body(ng) : skip(ng, ng->len);
	if (!rc)
		rc = read_rest(ng, tail, sizeof(tail));
	if (rc)
		return rc;
	return get32(ng, tail) == ng->len + 12 ? 1 : fail(ng, "a block has two lengths");
}

/*
 * Options: code and length of 16 bits each, then the value, padded to four bytes
 */

/* Returns the value of option @code in the block from @at on, or NULL: it has none of @len bytes. */
static const uint8_t *find_option(const struct zc_pcapng *ng, uint32_t at, unsigned code,
				  unsigned len)
{
	while (at + 4 <= ng->len) {
		const uint8_t *option = ng->body + at;
		const uint32_t size = get16(ng, option + 2);

		if (get16(ng, option) == OPTION_END || size > ng->len - at - 4)
			return NULL;
		if (get16(ng, option) == code && size == len)
			return option + 4;
		at += 4 + (size + 3) / 4 * 4;
	}
	return NULL;
}

static int64_t get_offset(const struct zc_pcapng *ng, const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return (int64_t)(ng->swapped ? bswap_64(value) : value);
}

/*
 * Sections and interfaces
 */

static int begin_section(struct zc_pcapng *ng)
{
	if (ng->len < 16)
		return fail(ng, "a section's header is too short");
	if (get16(ng, ng->body + 4) != 1)
		return fail(ng, "a section is of another version than 1");
	ng->earlier += ng->interfaces;
	ng->interfaces = 0;
	return 0;
}

static int grow(struct zc_pcapng *ng)
{
	unsigned room = ng->room ? 2 * ng->room : 8;
	struct interface *more = realloc(ng->interface, room * sizeof(*more));

	if (!more)
		return zc_fail(ng->ctx, ENOMEM, "read packets of %s", ng->name);
	ng->interface = more;
	ng->room = room;
	return 0;
}

/* Returns whether a resolution fits 64 bits: a power of ten or, with the highest bit set, of two. */
static bool is_resolution(uint8_t resolution)
{
	return resolution & 0x80 ? (resolution & 0x7f) < 64 : resolution < 20;
}

static int add_interface(struct zc_pcapng *ng)
{
	const uint8_t *resolution, *offset;
	struct interface *i;

	if (ng->len < 8)
		return fail(ng, "an interface's block is too short");
	if (ng->interfaces == MOST_INTERFACES)
		return fail(ng, "a section has more than 65536 interfaces");
	if (ng->interfaces == ng->room && grow(ng))
		return -ENOMEM;
	resolution = find_option(ng, 8, OPTION_TSRESOL, 1);
	offset = find_option(ng, 8, OPTION_TSOFFSET, 8);
	i = &ng->interface[ng->interfaces];
	*i = (struct interface){
		.linktype = get16(ng, ng->body),
		.snaplen = get32(ng, ng->body + 4),
		.resolution = resolution ? *resolution : 6,
		.offset = offset ? get_offset(ng, offset) : 0,
	};
	if (!is_resolution(i->resolution))
		return fail(ng, "an interface's times have a resolution that 64 bits do not hold");
	ng->interfaces++;
	return 0;
}

/*
 * Packets
 */

#define SECOND 1000000000u

/* Returns the fraction @part of 2^@bits in nanoseconds. */
static uint64_t binary_fraction(uint64_t part, unsigned bits)
{
	const unsigned less = bits > 32 ? bits - 32 : 0;

	return (part >> less) * SECOND >> (bits - less);
}

static uint64_t to_ns(const struct interface *i, uint64_t units)
{
	const unsigned power = i->resolution & 0x7f;
	uint64_t second = 1, seconds, part;

	if (i->resolution & 0x80) {
		seconds = units >> power;
		part = binary_fraction(units & (((uint64_t)1 << power) - 1), power);
		return (seconds + (uint64_t)i->offset) * SECOND + part;
	}
	for (unsigned n = 0; n < power; n++)
		second *= 10;
	seconds = units / second;
	part = units % second;
	part = second > SECOND ? part / (second / SECOND) : part * (SECOND / second);
	return (seconds + (uint64_t)i->offset) * SECOND + part;
}

/* Fill in the packet whose data begins at @at. Returns 1 or a negative errno. */
static int set_packet(struct zc_pcapng *ng, struct zc_packet *p, uint32_t interface, uint32_t at,
		      uint32_t captured, uint32_t len)
{
	if (interface >= ng->interfaces)
		return fail(ng, "a packet is of an interface that is not in the file");
	if (captured > ng->len - at)
		return fail(ng, "a packet is longer than its block");
	*p = (struct zc_packet){
		.data = ng->body + at,
		.captured = captured,
		.len = len,
		.linktype = ng->interface[interface].linktype,
		.interface = ng->earlier + interface + 1,
		.packet_type = -1,
	};
	return 1;
}

static void set_time(const struct zc_pcapng *ng, struct zc_packet *p, uint32_t interface)
{
	const uint64_t high = get32(ng, ng->body + 4), low = get32(ng, ng->body + 8);

	p->time_ns = to_ns(&ng->interface[interface], high << 32 | low);
	p->timed = true;
}

/* Set the direction by the lowest two bits of the flags: 1 is in, 2 is out. */
static void set_direction(const struct zc_pcapng *ng, struct zc_packet *p, uint32_t options)
{
	const uint8_t *flags = find_option(ng, options, OPTION_FLAGS, 4);
	const uint32_t direction = flags ? get32(ng, flags) & 3 : 0;

	if (direction == 1)
		p->packet_type = PACKET_HOST;
	else if (direction == 2)
		p->packet_type = PACKET_OUTGOING;
}

/* Take a packet. The obsolete block has an interface number of 16 bits, then the number of dropped packets. */
static int take_packet(struct zc_pcapng *ng, struct zc_packet *p)
{
	uint32_t interface, captured;
	int rc;

	if (ng->len < 20)
		return fail(ng, "a packet's block is too short");
	interface = ng->type == BLOCK_OBSOLETE ? get16(ng, ng->body) : get32(ng, ng->body);
	captured = get32(ng, ng->body + 12);
	rc = set_packet(ng, p, interface, 20, captured, get32(ng, ng->body + 16));
	if (rc != 1)
		return rc;
	set_time(ng, p, interface);
	set_direction(ng, p, 20 + (captured + 3) / 4 * 4);
	return 1;
}

/* Take a simple packet: it is of the first interface, whose snap length limits it, and has no time. */
static int take_simple(struct zc_pcapng *ng, struct zc_packet *p)
{
	uint32_t len, captured;

	if (ng->len < 4)
		return fail(ng, "a packet's block is too short");
	captured = len = get32(ng, ng->body);
	if (ng->interfaces && ng->interface[0].snaplen)
		captured = zc_min(captured, ng->interface[0].snaplen);
	return set_packet(ng, p, 0, 4, captured, len);
}

/* Returns 1 after a packet, 0 after another block, or a negative errno. */
static int take_block(struct zc_pcapng *ng, struct zc_packet *p)
{
	switch (ng->type) {
	case BLOCK_SECTION:
		return begin_section(ng);
	case BLOCK_INTERFACE:
		return add_interface(ng);
	case BLOCK_SIMPLE:
		return take_simple(ng, p);
	case BLOCK_OBSOLETE:
	case BLOCK_ENHANCED:
		return take_packet(ng, p);
	}
	return 0;
}

int zc_pcapng_next(struct zc_pcapng *ng, struct zc_packet *packet)
{
	int rc, taken = 0;

	while (!taken) {
		rc = read_block(ng);
		if (rc != 1)
			return rc;
		taken = take_block(ng, packet);
	}
	return taken;
}

/*
 * Opening
 */

bool zc_pcapng_is_magic(const uint8_t magic[4])
{
	return !memcmp(magic, "\n\r\r\n", 4);
}

int zc_pcapng_linktype(const struct zc_pcapng *ng)
{
	return ng->interfaces ? ng->interface[0].linktype : -1;
}

int zc_pcapng_open(struct zcdma_ctx *ctx, const char *name, struct zc_capture_bytes *saved,
		   struct zc_pcapng **out)
{
	struct zc_pcapng *ng = calloc(1, sizeof(*ng));

	if (!ng)
		return zc_fail(ctx, ENOMEM, "open %s", name);
	ng->ctx = ctx;
	ng->name = name;
	ng->saved = saved;
	*out = ng;
	return 0;
}

int zc_pcapng_begin(struct zc_pcapng *ng)
{
	struct zc_packet packet;
	int rc = 0;

	while (!rc && !ng->interfaces) {
		rc = read_block(ng);
		if (rc != 1)
			return rc;
		rc = take_block(ng, &packet);
	}
	return rc;
}

void zc_pcapng_free(struct zc_pcapng *ng)
{
	if (!ng)
		return;
	free(ng->interface);
	free(ng->body);
	free(ng);
}
