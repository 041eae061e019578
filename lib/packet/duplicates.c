// SPDX-License-Identifier: LGPL-2.1-or-later
/* Duplicates of one transmission: a table of the packets that were captured last. */
#include "packet/duplicates.h"

#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "internal.h"

#define ENTRIES 32768u

/* How long after a packet its duplicate may be captured. */
static const struct {
	bool identified; /* both have the same identification of IPv4 (RFC 6864), which is not 0 */
	bool elsewhere;	 /* at another point of capture */
	uint64_t ns;
} limits[] = {
	{ true, true, 1000000000 }, /* clocks of two machines may differ */
	{ true, false, 1000000 },
	{ false, true, 10000000 },
	{ false, false, 0 }, /* it may as well be a retransmission */
};

struct entry {
	uint32_t check; /* of the identity, what is not in the index */
	uint32_t point;
	uint64_t time_ns;
};

struct zc_duplicates {
	struct entry entry[ENTRIES];
};

/* What the duplicates of a packet have in common; not checksums, which may be left to the network card. */
struct identity {
	uint64_t stream;
	uint64_t payload; /* of UDP: its hash */
	uint32_t len;
	uint16_t ip_id, kind;
	uint8_t header[60]; /* as long as the packet's */
};

struct zc_duplicates *zc_duplicates_new(void)
{
	return calloc(1, sizeof(struct zc_duplicates));
}

void zc_duplicates_free(struct zc_duplicates *c)
{
	free(c);
}

static uint64_t identify(const struct zc_frame *f, uint64_t stream)
{
	const bool tcp = f->kind == ZC_FRAME_TCP;
	size_t header = zc_min((size_t)(f->payload - f->segment), sizeof(struct tcphdr) + 40);
	struct identity id;

	id.stream = stream;
	id.payload = tcp ? 0 : XXH3_64bits(f->payload, f->captured);
	id.len = f->len;
	id.ip_id = (uint16_t)f->ip_id;
	id.kind = (uint16_t)f->kind;
	memcpy(id.header, f->segment, header);
	memset(id.header + (tcp ? 16 : 6), 0, 2);
	return XXH3_64bits(&id, offsetof(struct identity, header) + header);
}

/* Returns a number for the point where a packet was captured. */
static uint32_t point_of(const struct zc_frame *f)
{
	return f->interface << 8 | (uint8_t)f->packet_type;
}

static bool is_duplicate(const struct zc_frame *f, const struct entry *e, uint64_t time_ns)
{
	uint64_t apart = zc_max(time_ns, e->time_ns) - zc_min(time_ns, e->time_ns);

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (limits[i].identified == (f->ip_id > 0) &&
		    limits[i].elsewhere == (point_of(f) != e->point))
			return limits[i].ns && apart <= limits[i].ns;
	}
	return false;
}

bool zc_duplicates_seen(struct zc_duplicates *c, const struct zc_frame *f, uint64_t stream,
			uint64_t time_ns)
{
	uint64_t id = identify(f, stream);
	struct entry *e = &c->entry[id % ENTRIES];
	/* Never 0, which an empty entry has. */
	uint32_t check = (uint32_t)(id >> 32) | 1;

	if (e->check == check && is_duplicate(f, e, time_ns))
		return true;
	*e = (struct entry){ check, point_of(f), time_ns };
	return false;
}
