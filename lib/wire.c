// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packets that were captured: to the connections that they are of. */
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "packet/packets.h"
#include "packet/stream.h"

/* Connections at once; the list has as many, so that ended ones make room. */
#define CONNECTIONS 16384u
/* For what all of them keep to compare with. */
#define KEPT_BYTES (256u << 20)
/* Packets to take in one go. */
#define BATCH 256

struct connection {
	struct zc_flow flow; /* comes first */
	TAILQ_ENTRY(connection) in_all, in_ended;
	struct zc_stream dir[2]; /* by the end that sends */
	bool ended, has_end;
};

TAILQ_HEAD(connections, connection);

struct zcdma_wire {
	struct zcdma_ctx *ctx;
	struct zcdma_wire_options options;
	struct zcdma_check
		*manifest; /* is read while we may: what streams are checked with is made of it */
	struct zc_packets *packets;
	struct zc_flows *flows;
	struct zc_streams streams;
	struct connections all, ended; /* in the order in which they began, and ended */
	unsigned count;		       /* in .all */
	uint64_t kinds[ZC_FRAME_MALFORMED + 1], checksums[ZC_CHECKSUM_WRONG + 1];
	struct zcdma_wire_stats stats;
	struct connection *told; /* whose streams come next */
	unsigned told_dir;
	bool telling;
};

/*
 * Connections
 */

static void end_connection(struct zcdma_wire *w, struct connection *c)
{
	if (c->ended)
		return;
	zc_stream_end(&c->dir[0]);
	zc_stream_end(&c->dir[1]);
	c->ended = true;
	TAILQ_INSERT_TAIL(&w->ended, c, in_ended);
}

/* The last words of an earlier connection, which came late, are not the end of a stream. */
static void note_end(struct zcdma_wire *w, struct connection *c)
{
	if (!zc_stream_has_data(&c->dir[0]) && !zc_stream_has_data(&c->dir[1]))
		return;
	w->stats.ended += !c->has_end;
	c->has_end = true;
}

static void free_connection(struct zcdma_wire *w, struct connection *c)
{
	zc_flows_remove(w->flows, &c->flow);
	TAILQ_REMOVE(&w->all, c, in_all);
	w->count--;
	free(c);
}

static bool is_faulty(const struct zc_stream *s)
{
	return s->result.faults || s->follow.stats.differing;
}

/* Make room in the list, with nothing that is wrong lost. */
static bool forget_one(struct zcdma_wire *w)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&w->ended))) {
		TAILQ_REMOVE(&w->ended, c, in_ended);
		if (is_faulty(&c->dir[0]) || is_faulty(&c->dir[1]))
			continue;
		w->stats.unlisted +=
			zc_stream_has_data(&c->dir[0]) + zc_stream_has_data(&c->dir[1]);
		w->telling = false;
		free_connection(w, c);
		return true;
	}
	return false;
}

/* NULL: there is no room. */
static struct connection *add_connection(struct zcdma_wire *w, const struct zc_flow_key *key)
{
	struct connection *c;

	if (w->count == CONNECTIONS && !forget_one(w))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->flow.key = *key;
	for (unsigned end = 0; end < 2; end++)
		zc_stream_begin(&c->dir[end], &w->streams, &c->flow, end);
	zc_flows_add(w->flows, &c->flow);
	TAILQ_INSERT_TAIL(&w->all, c, in_all);
	w->count++;
	w->stats.connections++;
	return c;
}

/* A SYN that does not fit begins another connection between the same ports. */
static bool begins_anew(const struct connection *c, unsigned from, const struct zc_frame *f)
{
	return f->kind == ZC_FRAME_TCP && f->flags & TH_SYN &&
	       !zc_follow_begins_at(&c->dir[from].follow, f->seq + 1);
}

static struct connection *connection_of(struct zcdma_wire *w, const struct zc_frame *f,
					unsigned *from)
{
	struct zc_flow_key key;
	struct connection *c;

	*from = zc_flow_key(f, &key);
	c = (struct connection *)zc_flows_find(w->flows, &key);
	if (c && begins_anew(c, *from, f)) {
		end_connection(w, c);
		zc_flows_remove(w->flows, &c->flow);
		c = NULL;
	}
	return c ? c : add_connection(w, &key);
}

/*
 * Packets
 */

static void take_segment(struct zcdma_wire *w, struct connection *c, unsigned from,
			 const struct zc_frame *f)
{
	struct zc_follow *sender = &c->dir[from].follow, *receiver = &c->dir[!from].follow;

	if (c->ended)
		return;
	if (f->flags & TH_ACK && !(f->flags & TH_RST))
		zc_follow_acked(receiver, f->ack, f->flags & TH_SYN);
	zc_follow_take(sender, f);
	if (!sender->reset && !(zc_follow_is_complete(sender) && zc_follow_is_complete(receiver)))
		return;
	/* Both directions are gone. */
	receiver->reset = sender->reset;
	note_end(w, c);
	end_connection(w, c);
}

static void take_datagram(struct zcdma_wire *w, struct connection *c, unsigned from,
			  const struct zc_frame *f)
{
	zc_stream_datagram(&c->dir[from], f);
	if (c->dir[from].follow.has_end)
		note_end(w, c);
}

/* Files hold packets in any order, and of clocks that were set back. */
static void note_time(struct zcdma_wire_stats *s, uint64_t time_ns)
{
	s->first_ns = s->packets > 1 ? zc_min(s->first_ns, time_ns) : time_ns;
	s->last_ns = zc_max(s->last_ns, time_ns);
}

static void take_packet(struct zcdma_wire *w, const struct zc_packet *p)
{
	struct zc_frame f;
	enum zc_checksum sum;
	struct connection *c;
	unsigned from;

	w->stats.packets++;
	w->stats.packet_bytes += p->len;
	note_time(&w->stats, p->time_ns);
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
	/* The receiver drops it, and so it is no part of the stream. */
	if (sum == ZC_CHECKSUM_WRONG)
		return;
	c = connection_of(w, &f, &from);
	if (!c)
		w->stats.unfollowed++;
	else if (f.kind == ZC_FRAME_TCP)
		take_segment(w, c, from, &f);
	else
		take_datagram(w, c, from, &f);
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
	w->streams.pool.most = KEPT_BYTES;
	TAILQ_INIT(&w->all);
	TAILQ_INIT(&w->ended);
	w->flows = zc_flows_new();
	rc = w->flows ? 0 : zc_fail(ctx, ENOMEM, "capture");
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
	zc_flows_free(w->flows);
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
	stats->checksums_offloaded = w->checksums[ZC_CHECKSUM_OFFLOADED];
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
		const struct zc_stream *s = &w->told->dir[w->told_dir];

		w->told_dir = !w->told_dir;
		if (!w->told_dir)
			w->told = TAILQ_NEXT(w->told, in_all);
		if (!zc_stream_has_data(s))
			continue;
		zc_stream_get(s, stream);
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
	zc_flows_free(w->flows);
	zcdma_check_free(w->manifest);
	free(w);
}
