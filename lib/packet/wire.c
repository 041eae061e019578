// SPDX-License-Identifier: LGPL-2.1-or-later
/* Takes the packets of a capture to the connections that they are of. */
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "packet/capture.h"
#include "packet/duplicates.h"
#include "packet/frame_parse.h"
#include "packet/wire_connections.h"

/* The most memory for the data that connections keep to compare with, and for all else of them. */
#define DATA_BYTES  (256u << 20)
#define CHECK_BYTES (128u << 20)
/* Packets to take in one call. */
#define BATCH 256

struct zcdma_wire {
	struct zcdma_ctx *ctx;
	struct zcdma_wire_options options;
	/* Read while the process still has its privileges; the checks of streams are made of it. */
	struct zcdma_check *manifest;
	struct zc_capture *packets;
	struct zc_connections connections;
	struct zc_duplicates *duplicates;
	uint64_t kinds[ZC_FRAME_MALFORMED + 1], checksums[ZC_CHECKSUM_WRONG + 1];
	struct zcdma_wire_stats stats;
	bool has_time; /* .stats has the times of packets */
};

/* Take a segment of a connection whose results are final. Returns whether it is of another connection. */
static bool take_after_end(struct zc_connection *c, unsigned from, const struct zc_frame *f,
			   bool duplicate)
{
	if (!f->len)
		return false;
	if (!zc_reassembly_reaches(&c->dir[from].reassembly, f))
		return true;
	zc_wire_stream_leftover(&c->dir[from], f, duplicate);
	return false;
}

/* Take a segment. Returns whether it is of another connection between the same ports. */
static bool follow_segment(struct zcdma_wire *w, struct zc_connection *c, unsigned from,
			   const struct zc_frame *f, bool duplicate)
{
	struct zc_reassembly *sender = &c->dir[from].reassembly;
	struct zc_reassembly *receiver = &c->dir[!from].reassembly;
	enum zc_stray_syn_verdict syn =
		zc_stray_syn_judge(&c->stray_syn, sender, receiver, from, f);
	enum zc_segment_verdict verdict;
	bool foreign;

	w->stats.ignored_syns += syn == ZC_STRAY_SYN_IGNORED;
	if (syn != ZC_STRAY_SYN_NONE)
		return syn == ZC_STRAY_SYN_PROVEN;
	if (c->state == ZC_CONNECTION_ENDED) {
		foreign = take_after_end(c, from, f, duplicate);
	} else {
		verdict = zc_reassembly_take(sender, f, duplicate);
		if (verdict == ZC_SEGMENT_TAKEN && f->flags & TH_ACK && !(f->flags & TH_RST))
			zc_reassembly_acked(receiver, f->ack, f->flags & TH_SYN);
		zc_connections_note_state(&w->connections, c);
		foreign = verdict == ZC_SEGMENT_FOREIGN;
	}
	/* Nothing has proven that the other connection begins with the pending SYN. */
	if (foreign)
		c->stray_syn.pending = false;
	return foreign;
}

static void take_segment(struct zcdma_wire *w, struct zc_connection *c, unsigned from,
			 const struct zc_frame *f, bool duplicate)
{
	if (!follow_segment(w, c, from, f, duplicate))
		return;
	c = zc_connections_replace(&w->connections, c);
	if (c)
		follow_segment(w, c, from, f, false);
	else
		w->stats.unfollowed++;
}

static void take_datagram(struct zcdma_wire *w, struct zc_connection *c, unsigned from,
			  const struct zc_frame *f, bool duplicate)
{
	zc_connections_note_datagram(&w->connections, c);
	zc_wire_stream_datagram(&c->dir[from], f, duplicate);
	if (c->dir[from].reassembly.has_end)
		zc_connections_note_end(&w->connections, c);
}

/* Note the time of a packet. Files hold packets in any order, and of clocks that were set back. */
static void note_time(struct zcdma_wire *w, uint64_t time_ns)
{
	struct zcdma_wire_stats *s = &w->stats;

	s->first_ns = w->has_time ? zc_min(s->first_ns, time_ns) : time_ns;
	s->last_ns = zc_max(s->last_ns, time_ns);
	w->connections.now_ns = s->last_ns;
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

/* Count a frame by its kind. Returns whether it is of a connection that was asked for. */
static bool count_kind(struct zcdma_wire *w, const struct zc_frame *f)
{
	enum zc_frame_kind kind = f->kind;

	if (kind <= ZC_FRAME_UDP && w->options.port && f->sport != w->options.port &&
	    f->dport != w->options.port)
		kind = ZC_FRAME_OTHER;
	w->kinds[kind]++;
	return kind <= ZC_FRAME_UDP;
}

static void take_packet(struct zcdma_wire *w, const struct zc_packet *p)
{
	struct zc_frame f;
	enum zc_checksum sum;
	struct zc_connection *c;
	unsigned from;
	bool duplicate;

	w->stats.packets++;
	w->stats.packet_bytes += p->len;
	if (p->timed)
		note_time(w, p->time_ns);
	zc_frame_parse(p, &f);
	if (!count_kind(w, &f))
		return;
	sum = zc_frame_checksum(&f);
	w->checksums[sum]++;
	c = zc_connections_get(&w->connections, &f, &from);
	if (!c) {
		w->stats.unfollowed++;
		return;
	}
	if (is_damaged(w, &c->dir[from], sum)) {
		w->stats.damaged++;
		return;
	}
	duplicate = f.len && p->timed &&
		    zc_duplicates_seen(w->duplicates, &f, (uintptr_t)&c->dir[from], p->time_ns);
	if (f.kind == ZC_FRAME_TCP)
		take_segment(w, c, from, &f, duplicate);
	else
		take_datagram(w, c, from, &f, duplicate);
}

ZC_PUBLIC int zcdma_wire_run(struct zcdma_wire *w, int timeout_ms)
{
	struct zc_packet p;
	int rc = zc_poll(w->ctx, -1, 0, 0);

	if (rc == -EINTR)
		return rc;
	rc = zc_capture_next(w->packets, &p);
	if (rc == -EAGAIN) {
		rc = zc_poll(w->ctx, zc_capture_fd(w->packets), POLLIN, timeout_ms);
		if (rc)
			return rc;
		rc = zc_capture_next(w->packets, &p);
	}
	for (unsigned i = 1; rc == 1; i++) {
		take_packet(w, &p);
		if (w->connections.streams.rc)
			return w->connections.streams.rc;
		if (i == BATCH)
			return 1;
		rc = zc_capture_next(w->packets, &p);
	}
	return rc == -EAGAIN ? 1 : rc;
}

static void free_wire(struct zcdma_wire *w)
{
	zc_connections_drop(&w->connections);
	zc_capture_close(w->packets);
	zc_duplicates_free(w->duplicates);
	zcdma_check_free(w->manifest);
	free(w);
}

static int open_packets(struct zcdma_wire *w)
{
	const struct zcdma_wire_options *o = &w->options;
	char filter[32];
	const struct zc_capture_options from = {
		.iface = o->iface,
		.path = o->file,
		.ring_bytes = o->buffer_bytes,
		/* Not for a file: the filter would miss packets in a VLAN, and save nothing. */
		.filter = o->iface && o->port ? filter : NULL,
	};
	int rc;

	snprintf(filter, sizeof(filter), "port %u", o->port);
	rc = zc_capture_open(w->ctx, &from, &w->packets);
	return rc ? rc : zc_capture_check_linktype(w->packets);
}

ZC_PUBLIC int zcdma_wire_open(struct zcdma_ctx *ctx, const struct zcdma_wire_options *options,
			      struct zcdma_wire **out)
{
	struct zcdma_wire *w;
	int rc;

	if (!options->iface && !options->file)
		return zc_fail_plain(ctx, EINVAL, "capture: no interface or file is named");
	w = calloc(1, sizeof(*w));
	if (!w)
		return zc_fail(ctx, ENOMEM, "capture");
	w->ctx = ctx;
	w->options = *options;
	w->connections.streams.ctx = ctx;
	w->connections.streams.options = &w->options;
	w->connections.streams.budget.most = DATA_BYTES;
	w->connections.streams.checks.most = CHECK_BYTES;
	w->duplicates = zc_duplicates_new();
	rc = zc_connections_init(&w->connections);
	if (rc || !w->duplicates)
		rc = zc_fail(ctx, ENOMEM, "capture");
	if (!rc && options->manifest)
		rc = zcdma_check_manifest(ctx, options->manifest, &w->manifest);
	w->connections.streams.manifest = w->manifest;
	if (!rc)
		rc = open_packets(w);
	if (rc)
		free_wire(w);
	else
		*out = w;
	return rc;
}

ZC_PUBLIC int zcdma_wire_end(struct zcdma_wire *w)
{
	zc_connections_end(&w->connections);
	return w->connections.streams.rc;
}

ZC_PUBLIC void zcdma_wire_get_stats(struct zcdma_wire *w, struct zcdma_wire_stats *stats)
{
	struct zc_capture_stats p = { 0 };

	zc_capture_get_stats(w->packets, &p);
	*stats = w->stats;
	stats->tcp = w->kinds[ZC_FRAME_TCP];
	stats->udp = w->kinds[ZC_FRAME_UDP];
	stats->others = w->kinds[ZC_FRAME_OTHER];
	stats->fragments = w->kinds[ZC_FRAME_FRAGMENT];
	stats->cut = w->kinds[ZC_FRAME_CUT];
	stats->malformed = w->kinds[ZC_FRAME_MALFORMED];
	stats->checksums_right = w->checksums[ZC_CHECKSUM_RIGHT];
	stats->checksums_offloaded =
		w->checksums[ZC_CHECKSUM_OFFLOADED] + w->checksums[ZC_CHECKSUM_ZERO];
	stats->checksums_wrong = w->checksums[ZC_CHECKSUM_WRONG];
	stats->checksums_unknown = w->checksums[ZC_CHECKSUM_UNKNOWN];
	stats->connections = w->connections.begun;
	stats->ended = w->connections.ended;
	stats->unlisted = w->connections.unlisted;
	stats->dropped = p.dropped;
	stats->dropped_by_interface = p.dropped_by_interface;
}

ZC_PUBLIC int zcdma_wire_next_stream(struct zcdma_wire *w, struct zcdma_wire_stream *stream)
{
	return zc_connections_next_stream(&w->connections, stream);
}

ZC_PUBLIC int zcdma_wire_get_difference(const struct zcdma_wire *w, unsigned i,
					struct zcdma_wire_difference *d)
{
	if (i >= w->connections.streams.differences)
		return 0;
	*d = w->connections.streams.difference[i];
	return 1;
}

ZC_PUBLIC int zcdma_wire_get_fault(const struct zcdma_wire *w, unsigned i,
				   struct zcdma_wire_fault *f)
{
	if (i >= w->connections.streams.faults)
		return 0;
	*f = w->connections.streams.fault[i];
	return 1;
}

ZC_PUBLIC void zcdma_wire_close(struct zcdma_wire *w)
{
	if (!w)
		return;
	zcdma_wire_end(w);
	free_wire(w);
}
