// SPDX-License-Identifier: LGPL-2.1-or-later
/* The bytes that one end of a TCP connection sent, in order. */
#include "packet/tcp_payload.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "packet/flow_table.h"
#include "packet/tcp_reassembly.h"
#include "packet/stray_syn.h"
#include "packet/checksums.h"

/* The most bytes that wait for missing ones. */
#define BUDGET_BYTES (32u << 20)

struct zc_tcp_payload {
	struct zcdma_ctx *ctx;
	const char *name;
	bool known;  /* .key is that of a connection ... */
	bool chosen; /* ... and .from the end of it that sends the stream */
	struct zc_flow_key key;
	unsigned from;
	struct zc_reassembly end[2];
	struct zc_stray_syn stray_syn;
	struct zc_budget budget;
	/* The stream in order, from .taken on. */
	uint8_t *bytes;
	size_t taken, len, room;
	struct zc_checksums checksums[2]; /* by the end that sends */
	uint64_t damaged;		  /* packets that were left out */
	uint64_t wrong_sums;		  /* packets that were taken with a wrong checksum */
	uint64_t missing_bytes;		  /* of connections of which no data was captured */
	int error;			  /* 0, or -ENOMEM */
};

static void append(void *arg, const uint8_t *data, size_t len)
{
	struct zc_tcp_payload *t = arg;

	if (t->len + len > t->room) {
		size_t room = zc_max(2 * t->room, t->len + len);
		uint8_t *bytes = realloc(t->bytes, room);

		if (!bytes) {
			t->error = -ENOMEM;
			return;
		}
		t->bytes = bytes;
		t->room = room;
	}
	memcpy(t->bytes + t->len, data, len);
	t->len += len;
}

/* Do nothing, as the reassembly counts these bytes. */
static void miss(void *arg, uint64_t len)
{
	(void)arg;
	(void)len;
}

/* Leave late bytes unchecked: the stream has gone on after them. */
static bool take_late(void *arg, uint64_t offset, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)offset;
	(void)data;
	(void)len;
	return false;
}

/* Returns false: what was passed on is not kept. */
static bool recall(void *arg, uint64_t offset, uint8_t *buf, size_t len)
{
	(void)arg;
	(void)offset;
	(void)buf;
	(void)len;
	return false;
}

static void note_difference(void *arg, uint32_t seq, const struct zc_segment_result *what)
{
	(void)arg;
	(void)seq;
	(void)what;
}

static const struct zc_reassembly_ops ops = {
	.data = append,
	.uncaptured = miss,
	.late = take_late,
	.recall = recall,
	.differs = note_difference,
};

static void drop_ends(struct zc_tcp_payload *t)
{
	for (unsigned i = 0; i < 2; i++)
		zc_reassembly_drop(&t->end[i]);
}

static void init_ends(struct zc_tcp_payload *t)
{
	for (unsigned i = 0; i < 2; i++) {
		zc_reassembly_init(&t->end[i], &ops, t, &t->budget);
		t->end[i].peer = &t->end[!i];
	}
}

/* Count the data of a connection of which none was captured: sequence numbers may prove that some was sent. */
static void count_missing(struct zc_tcp_payload *t)
{
	for (unsigned i = 0; i < 2; i++) {
		zc_reassembly_end(&t->end[i]);
		t->missing_bytes += t->end[i].counters.uncaptured_bytes;
	}
}

/* Reassemble another connection from now on. */
static void switch_to(struct zc_tcp_payload *t, const struct zc_flow_key *key)
{
	count_missing(t);
	drop_ends(t);
	init_ends(t);
	memset(t->checksums, 0, sizeof(t->checksums));
	t->key = *key;
	t->known = true;
	if (t->stray_syn.pending)
		zc_reassembly_begin(&t->end[t->stray_syn.from], t->stray_syn.first);
	t->stray_syn = (struct zc_stray_syn){ 0 };
}

struct zc_tcp_payload *zc_tcp_payload_new(struct zcdma_ctx *ctx, const char *name)
{
	struct zc_tcp_payload *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ctx = ctx;
	t->name = name;
	t->budget.most = BUDGET_BYTES;
	init_ends(t);
	return t;
}

void zc_tcp_payload_free(struct zc_tcp_payload *t)
{
	if (!t)
		return;
	drop_ends(t);
	free(t->bytes);
	free(t);
}

static int fail_mixed(struct zc_tcp_payload *t, const struct zc_flow_key *key, unsigned from)
{
	char one[2][80], other[2][80];
	int rc;

	for (unsigned i = 0; i < 2; i++) {
		zc_flow_name(&t->key, t->from ^ i, one[i], sizeof(one[i]));
		zc_flow_name(key, from ^ i, other[i], sizeof(other[i]));
	}
	rc = zc_fail_plain(
		t->ctx, EINVAL,
		"payload of %s: two streams of TCP, from %s to %s and from %s to %s, do not go into one",
		t->name, one[0], one[1], other[0], other[1]);
	zc_hint(t->ctx, "choose one with filter=, for example filter='tcp src port %u'",
		t->key.port[t->from]);
	return rc;
}

/*
 * Choose whether to take @f, and set *@from to the end that sent it. Returns 1 if it is of the stream, 0 to skip it, or
 * a negative errno with the error message set.
 */
static int choose(struct zc_tcp_payload *t, const struct zc_frame *f, unsigned *from)
{
	enum zc_stray_syn_verdict syn = ZC_STRAY_SYN_NONE;
	struct zc_flow_key key;
	bool same;

	*from = zc_flow_key_of(f, &key);
	same = t->known && !memcmp(&key, &t->key, sizeof(key));
	if (same)
		syn = zc_stray_syn_judge(&t->stray_syn, &t->end[*from], &t->end[!*from], *from, f);
	if (syn == ZC_STRAY_SYN_IGNORED)
		return false;
	if (t->chosen && f->len && (!same || *from != t->from))
		return fail_mixed(t, &key, *from);
	if (t->chosen)
		return syn == ZC_STRAY_SYN_PROVEN ? fail_mixed(t, &key, *from) : same;
	if (!same || syn == ZC_STRAY_SYN_PROVEN)
		switch_to(t, &key);
	if (f->len) {
		t->chosen = true;
		t->from = *from;
	}
	return true;
}

int zc_tcp_payload_put(struct zc_tcp_payload *t, const struct zc_frame *f, enum zc_checksum sum)
{
	enum zc_segment_verdict verdict;
	unsigned from;
	int rc;

	if (!f->len && !t->chosen && !(f->flags & TH_SYN) && !t->known)
		return 0;
	rc = choose(t, f, &from);
	if (rc <= 0)
		return rc;
	if (zc_checksums_prove_damage(&t->checksums[from], sum)) {
		t->damaged++;
		return 0;
	}
	t->checksums[from].zero += f->len && sum == ZC_CHECKSUM_ZERO;
	t->wrong_sums += sum == ZC_CHECKSUM_WRONG;
	t->end[from].doubtful |= sum == ZC_CHECKSUM_WRONG;
	verdict = zc_reassembly_take(&t->end[from], f, false);
	if (verdict == ZC_SEGMENT_FOREIGN)
		return fail_mixed(t, &t->key, from);
	if (verdict == ZC_SEGMENT_TAKEN && f->flags & TH_ACK && !(f->flags & TH_RST))
		zc_reassembly_acked(&t->end[!from], f->ack, f->flags & TH_SYN);
	return t->error ? zc_fail(t->ctx, -t->error, "payload of %s", t->name) : 0;
}

int zc_tcp_payload_end(struct zc_tcp_payload *t)
{
	if (t->chosen)
		zc_reassembly_end(&t->end[t->from]);
	else
		count_missing(t);
	return t->error ? zc_fail(t->ctx, -t->error, "payload of %s", t->name) : 0;
}

const uint8_t *zc_tcp_payload_get(const struct zc_tcp_payload *t, size_t *len)
{
	*len = t->len - t->taken;
	return *len ? t->bytes + t->taken : NULL;
}

void zc_tcp_payload_done(struct zc_tcp_payload *t, size_t len)
{
	t->taken += len;
	if (t->taken == t->len)
		t->taken = t->len = 0;
}

void zc_tcp_payload_get_stats(const struct zc_tcp_payload *t, struct zcdma_packet_stats *stats)
{
	const struct zcdma_wire_counters *c = &t->end[t->from].counters;

	stats->missing_bytes = t->missing_bytes;
	stats->malformed += t->damaged;
	stats->wrong_sums += t->wrong_sums;
	if (!t->chosen)
		return;
	stats->flows++;
	stats->missing_bytes += c->uncaptured_bytes;
	stats->differing_bytes = c->differing_bytes;
	stats->zero_sums = t->checksums[t->from].zero;
	stats->unchecked = zc_checksums_unchecked(&t->checksums[t->from]);
}
