// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packets that were captured: to the connections that they are of. */
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "packet/duplicates.h"
#include "packet/capture.h"
#include "packet/stray_syn.h"
#include "packet/wire_stream.h"

/* Connections at once; the list has as many, so that ended ones make room. */
#define CONNECTIONS 16384u
/* For the data that all of them keep to compare with, and for the rest of what they need. */
#define KEPT_BYTES  (256u << 20)
#define CHECK_BYTES (128u << 20)
/* Connections whose end was captured, and which wait for packets that are captured late. */
#define CLOSING 64
/* Packets to take in one go. */
#define BATCH 256

enum state {
	OPEN,
	CLOSING_DOWN, /* its end was captured, but not all that is before it */
	ENDED,	      /* its results are final */
};

struct connection {
	struct zc_flow flow; /* comes first */
	TAILQ_ENTRY(connection) in_all, in_queue;
	struct connections *queue;    /* .closing, .clean or .noted of the capture, or NULL */
	struct zc_wire_stream dir[2]; /* by the end that sends */
	struct zc_stray_syn stray_syn;
	enum state state;
	bool has_end; /* and it was counted */
};

TAILQ_HEAD(connections, connection);

struct zcdma_wire {
	struct zcdma_ctx *ctx;
	struct zcdma_wire_options options;
	struct zcdma_check
		*manifest; /* is read while we may: what streams are checked with is made of it */
	struct zc_packets *packets;
	struct zc_flow_table *flows;
	struct zc_wire_streams streams;
	struct zc_duplicates *duplicates;
	struct connections all; /* in the order in which they began */
	unsigned count;		/* in .all */
	/* In the order in which they ended: with something to report, or without. */
	struct connections closing, clean, noted;
	unsigned closing_count;
	uint64_t kinds[ZC_FRAME_MALFORMED + 1], checksums[ZC_CHECKSUM_WRONG + 1];
	struct zcdma_wire_stats stats;
	bool has_time;		 /* .stats has those of packets */
	struct connection *told; /* whose streams come next */
	unsigned told_dir;
	bool telling;
};

/*
 * Connections
 */

static void leave_queue(struct zcdma_wire *w, struct connection *c)
{
	if (!c->queue)
		return;
	TAILQ_REMOVE(c->queue, c, in_queue);
	w->closing_count -= c->queue == &w->closing;
	c->queue = NULL;
}

static void enter_queue(struct zcdma_wire *w, struct connection *c, struct connections *queue)
{
	leave_queue(w, c);
	TAILQ_INSERT_TAIL(queue, c, in_queue);
	w->closing_count += queue == &w->closing;
	c->queue = queue;
}

static void end_connection(struct zcdma_wire *w, struct connection *c)
{
	bool clean;

	if (c->state == ENDED)
		return;
	zc_wire_stream_end(&c->dir[0]);
	zc_wire_stream_end(&c->dir[1]);
	c->state = ENDED;
	clean = zc_wire_stream_is_clean(&c->dir[0]) && zc_wire_stream_is_clean(&c->dir[1]);
	enter_queue(w, c, clean ? &w->clean : &w->noted);
}

/* Results are final when all was captured; what was not may still come, for as long as there is room to wait. */
static void close_down(struct zcdma_wire *w, struct connection *c)
{
	if (zc_reassembly_is_complete(&c->dir[0].reassembly) &&
	    zc_reassembly_is_complete(&c->dir[1].reassembly)) {
		end_connection(w, c);
		return;
	}
	if (c->state == CLOSING_DOWN)
		return;
	c->state = CLOSING_DOWN;
	if (w->closing_count == CLOSING)
		end_connection(w, TAILQ_FIRST(&w->closing));
	enter_queue(w, c, &w->closing);
}

/* The last words of an earlier connection, which came late, are not the end of a stream. */
static void note_end(struct zcdma_wire *w, struct connection *c)
{
	if (!zc_wire_stream_has_data(&c->dir[0]) && !zc_wire_stream_has_data(&c->dir[1]))
		return;
	w->stats.ended += !c->has_end;
	c->has_end = true;
}

/* The connection goes on: its reset was not believed. */
static void reopen(struct zcdma_wire *w, struct connection *c)
{
	leave_queue(w, c);
	c->state = OPEN;
	w->stats.ended -= c->has_end;
	c->has_end = false;
}

static void free_connection(struct zcdma_wire *w, struct connection *c)
{
	zc_flow_table_remove(w->flows, &c->flow);
	TAILQ_REMOVE(&w->all, c, in_all);
	leave_queue(w, c);
	w->count--;
	zc_budget_return(&w->streams.checks, sizeof(*c));
	free(c);
}

static void drop_stream(struct zcdma_wire *w, const struct zc_wire_stream *s)
{
	struct zcdma_wire_stream stream;

	if (!zc_wire_stream_has_data(s))
		return;
	w->stats.unlisted++;
	if (!w->options.dropped)
		return;
	zc_wire_stream_get(s, &stream);
	w->options.dropped(w->options.arg, &stream);
}

/* Make room in the list; those with something to report go last. */
static bool drop_one(struct zcdma_wire *w)
{
	struct connection *c = TAILQ_FIRST(&w->clean);

	if (!c)
		c = TAILQ_FIRST(&w->noted);
	if (!c)
		return false;
	drop_stream(w, &c->dir[0]);
	drop_stream(w, &c->dir[1]);
	w->telling = false;
	free_connection(w, c);
	return true;
}

/* NULL: there is no room. */
static struct connection *add_connection(struct zcdma_wire *w, const struct zc_flow_key *key)
{
	struct connection *c;

	if (w->count == CONNECTIONS && !drop_one(w))
		return NULL;
	while (!zc_budget_take(&w->streams.checks, sizeof(*c))) {
		if (!drop_one(w))
			return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		zc_budget_return(&w->streams.checks, sizeof(*c));
		return NULL;
	}
	c->flow.key = *key;
	for (unsigned end = 0; end < 2; end++)
		zc_wire_stream_begin(&c->dir[end], &w->streams, &c->flow, end);
	c->dir[0].reassembly.peer = &c->dir[1].reassembly;
	c->dir[1].reassembly.peer = &c->dir[0].reassembly;
	zc_flow_table_add(w->flows, &c->flow);
	TAILQ_INSERT_TAIL(&w->all, c, in_all);
	w->count++;
	w->stats.connections++;
	return c;
}

/* Another connection between the same ports has taken @c's place. */
static struct connection *replace_connection(struct zcdma_wire *w, struct connection *c)
{
	const struct zc_flow_key key = c->flow.key;
	const struct zc_stray_syn syn = c->stray_syn;

	end_connection(w, c);
	zc_flow_table_remove(w->flows, &c->flow);
	c = add_connection(w, &key);
	if (c && syn.pending)
		zc_reassembly_begin(&c->dir[syn.from].reassembly, syn.first);
	return c;
}

/* Returns NULL if there is no room. */
static struct connection *connection_of(struct zcdma_wire *w, const struct zc_frame *f,
					unsigned *from)
{
	struct zc_flow_key key;
	struct zc_flow *flow;

	*from = zc_flow_key_of(f, &key);
	flow = zc_flow_table_find(w->flows, &key);
	return flow ? (struct connection *)flow : add_connection(w, &key);
}

/*
 * Packets
 */

/* A segment of a connection whose results are final. Returns whether it is of another one. */
static bool take_after_end(struct connection *c, unsigned from, const struct zc_frame *f, bool copy)
{
	if (!f->len)
		return false;
	if (!zc_reassembly_reaches(&c->dir[from].reassembly, f))
		return true;
	zc_wire_stream_leftover(&c->dir[from], f, copy);
	return false;
}

static void note_state(struct zcdma_wire *w, struct connection *c)
{
	const struct zc_reassembly *one = &c->dir[0].reassembly, *other = &c->dir[1].reassembly;
	bool over = zc_reassembly_is_over(one) && zc_reassembly_is_over(other);
	bool reset = one->reset == ZC_TCP_RESET || other->reset == ZC_TCP_RESET;

	if (over || reset) {
		note_end(w, c);
		close_down(w, c);
	} else if (c->state == CLOSING_DOWN) {
		reopen(w, c);
	}
}

/* Returns whether the segment is of another connection between the same ports. */
static bool follow_segment(struct zcdma_wire *w, struct connection *c, unsigned from,
			   const struct zc_frame *f, bool copy)
{
	struct zc_reassembly *sender = &c->dir[from].reassembly,
			     *receiver = &c->dir[!from].reassembly;
	enum zc_stray_syn_verdict syn =
		zc_stray_syn_judge(&c->stray_syn, sender, receiver, from, f);
	enum zc_segment_verdict taken;
	bool foreign;

	w->stats.ignored_syns += syn == ZC_STRAY_SYN_IGNORED;
	if (syn != ZC_STRAY_SYN_NONE)
		return syn == ZC_STRAY_SYN_PROVEN;
	if (c->state == ENDED) {
		foreign = take_after_end(c, from, f, copy);
	} else {
		taken = zc_reassembly_take(sender, f, copy);
		if (taken == ZC_SEGMENT_TAKEN && f->flags & TH_ACK && !(f->flags & TH_RST))
			zc_reassembly_acked(receiver, f->ack, f->flags & TH_SYN);
		note_state(w, c);
		foreign = taken == ZC_SEGMENT_FOREIGN;
	}
	/* Nothing has proven that it begins with the SYN that waits. */
	if (foreign)
		c->stray_syn.pending = false;
	return foreign;
}

static void take_segment(struct zcdma_wire *w, struct connection *c, unsigned from,
			 const struct zc_frame *f, bool copy)
{
	if (!follow_segment(w, c, from, f, copy))
		return;
	c = replace_connection(w, c);
	if (c)
		follow_segment(w, c, from, f, false);
	else
		w->stats.unfollowed++;
}

static void take_datagram(struct zcdma_wire *w, struct connection *c, unsigned from,
			  const struct zc_frame *f, bool copy)
{
	zc_wire_stream_datagram(&c->dir[from], f, copy);
	if (c->dir[from].reassembly.has_end)
		note_end(w, c);
}

/* Files hold packets in any order, and of clocks that were set back. */
static void note_time(struct zcdma_wire *w, uint64_t time_ns)
{
	struct zcdma_wire_stats *s = &w->stats;

	s->first_ns = w->has_time ? zc_min(s->first_ns, time_ns) : time_ns;
	s->last_ns = zc_max(s->last_ns, time_ns);
	w->has_time = true;
}

/* Returns whether the packet is not a part of the stream, as its receiver drops it. */
static bool is_damaged(const struct zcdma_wire *w, struct zc_wire_stream *s, enum zc_checksum sum)
{
	if (zc_checksums_prove_damage(&s->checksums, sum) && !w->options.any_checksum)
		return true;
	s->reassembly.doubtful |= sum == ZC_CHECKSUM_WRONG;
	return false;
}

static void take_packet(struct zcdma_wire *w, const struct zc_packet *p)
{
	struct zc_frame f;
	enum zc_checksum sum;
	struct connection *c;
	unsigned from;
	bool copy;

	w->stats.packets++;
	w->stats.packet_bytes += p->len;
	if (p->timed)
		note_time(w, p->time_ns);
	zc_frame_parse(p, &f);
	if (f.kind > ZC_FRAME_UDP) {
		w->kinds[f.kind]++;
		return;
	}
	if (w->options.port && f.sport != w->options.port && f.dport != w->options.port) {
		w->kinds[ZC_FRAME_OTHER]++;
		return;
	}
	w->kinds[f.kind]++;
	sum = zc_frame_checksum(&f);
	w->checksums[sum]++;
	c = connection_of(w, &f, &from);
	if (!c) {
		w->stats.unfollowed++;
		return;
	}
	if (is_damaged(w, &c->dir[from], sum)) {
		w->stats.damaged++;
		return;
	}
	copy = f.len && p->timed &&
	       zc_duplicates_seen(w->duplicates, &f, (uintptr_t)&c->dir[from], p->time_ns);
	if (f.kind == ZC_FRAME_TCP)
		take_segment(w, c, from, &f, copy);
	else
		take_datagram(w, c, from, &f, copy);
}

ZC_PUBLIC int zcdma_wire_run(struct zcdma_wire *w, int timeout_ms)
{
	struct zc_packet p;
	int rc = zc_poll(w->ctx, -1, 0, 0);

	if (rc == -EINTR)
		return rc;
	rc = zc_packets_next(w->packets, &p);
	if (rc == -EAGAIN) {
		rc = zc_poll(w->ctx, zc_packets_fd(w->packets), POLLIN, timeout_ms);
		if (rc)
			return rc;
		rc = zc_packets_next(w->packets, &p);
	}
	for (unsigned i = 1; rc == 1; i++) {
		take_packet(w, &p);
		if (w->streams.rc)
			return w->streams.rc;
		if (i == BATCH)
			return 1;
		rc = zc_packets_next(w->packets, &p);
	}
	return rc == -EAGAIN ? 1 : rc;
}

/*
 * Interface
 */

ZC_PUBLIC int zcdma_wire_open(struct zcdma_ctx *ctx, const struct zcdma_wire_options *options,
			      struct zcdma_wire **out)
{
	char filter[32];
	const struct zc_packets_from from = {
		.iface = options->iface,
		.path = options->file,
		.ring_bytes = options->buffer_bytes,
		/* In a file the filter would miss what is in a VLAN, and here nothing is gained by it. */
		.filter = options->iface && options->port ? filter : NULL,
	};
	struct zcdma_wire *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return zc_fail(ctx, ENOMEM, "capture");
	w->ctx = ctx;
	w->options = *options;
	w->streams.ctx = ctx;
	w->streams.options = &w->options;
	w->streams.budget.most = KEPT_BYTES;
	w->streams.checks.most = CHECK_BYTES;
	TAILQ_INIT(&w->all);
	TAILQ_INIT(&w->closing);
	TAILQ_INIT(&w->clean);
	TAILQ_INIT(&w->noted);
	w->flows = zc_flow_table_new();
	w->duplicates = zc_duplicates_new();
	rc = w->flows && w->duplicates ? 0 : zc_fail(ctx, ENOMEM, "capture");
	if (!rc && options->manifest)
		rc = zcdma_check_manifest(ctx, options->manifest, &w->manifest);
	if (rc)
		goto free_wire;
	w->streams.manifest = w->manifest;
	snprintf(filter, sizeof(filter), "port %u", options->port);
	rc = zc_packets_open(ctx, &from, &w->packets);
	if (rc)
		goto free_wire;
	rc = zc_packets_check_linktype(w->packets);
	if (rc)
		goto close_packets;
	*out = w;
	return 0;
close_packets:
	zc_packets_close(w->packets);
free_wire:
	zc_duplicates_free(w->duplicates);
	zc_flow_table_free(w->flows);
	zcdma_check_free(w->manifest);
	free(w);
	return rc;
}

ZC_PUBLIC int zcdma_wire_end(struct zcdma_wire *w)
{
	struct connection *c;

	TAILQ_FOREACH(c, &w->all, in_all)
	end_connection(w, c);
	return w->streams.rc;
}

ZC_PUBLIC void zcdma_wire_get_stats(struct zcdma_wire *w, struct zcdma_wire_stats *stats)
{
	struct zc_packets_stats p = { 0 };

	zc_packets_get_stats(w->packets, &p);
	*stats = w->stats;
	stats->tcp = w->kinds[ZC_FRAME_TCP];
	stats->udp = w->kinds[ZC_FRAME_UDP];
	stats->elsewhere = w->kinds[ZC_FRAME_OTHER];
	stats->fragments = w->kinds[ZC_FRAME_FRAGMENT];
	stats->cut = w->kinds[ZC_FRAME_CUT];
	stats->malformed = w->kinds[ZC_FRAME_MALFORMED];
	stats->checksums_right = w->checksums[ZC_CHECKSUM_RIGHT];
	stats->checksums_offloaded =
		w->checksums[ZC_CHECKSUM_OFFLOADED] + w->checksums[ZC_CHECKSUM_ZERO];
	stats->checksums_wrong = w->checksums[ZC_CHECKSUM_WRONG];
	stats->checksums_unknown = w->checksums[ZC_CHECKSUM_UNKNOWN];
	stats->dropped = p.dropped;
	stats->dropped_by_interface = p.dropped_by_interface;
}

ZC_PUBLIC int zcdma_wire_next_stream(struct zcdma_wire *w, struct zcdma_wire_stream *stream)
{
	if (!w->telling) {
		w->told = TAILQ_FIRST(&w->all);
		w->told_dir = 0;
	}
	w->telling = true;
	while (w->told) {
		const struct zc_wire_stream *s = &w->told->dir[w->told_dir];

		w->told_dir = !w->told_dir;
		if (!w->told_dir)
			w->told = TAILQ_NEXT(w->told, in_all);
		if (!zc_wire_stream_has_data(s))
			continue;
		zc_wire_stream_get(s, stream);
		return 1;
	}
	w->telling = false;
	return 0;
}

ZC_PUBLIC int zcdma_wire_get_difference(const struct zcdma_wire *w, unsigned i,
					struct zcdma_wire_difference *d)
{
	if (i >= w->streams.differences)
		return 0;
	*d = w->streams.difference[i];
	return 1;
}

ZC_PUBLIC void zcdma_wire_close(struct zcdma_wire *w)
{
	struct connection *c;

	if (!w)
		return;
	zcdma_wire_end(w);
	while ((c = TAILQ_FIRST(&w->all)))
		free_connection(w, c);
	zc_packets_close(w->packets);
	zc_duplicates_free(w->duplicates);
	zc_flow_table_free(w->flows);
	zcdma_check_free(w->manifest);
	free(w);
}
