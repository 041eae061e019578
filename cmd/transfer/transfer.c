// SPDX-License-Identifier: GPL-2.0-only
/* A transfer: blocks from a source, along a path, each given back when the path's rule allows it. */
#include "transfer/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "transfer/handover.h"
#include "transfer/packet_stats.h"
#include "cli/signals.h"

/* While stopping, how often to look whether a producer that goes on has had its time. */
#define STOPPING_MS 100

static void stop_source(struct transfer *t)
{
	if (!t->stopping)
		zcdma_source_stop(t->src);
	t->stopping = true;
}

/* What happens beside the data: signals, the time limit, progress, a path that changed its ways. */
static void look_around(struct transfer *t)
{
	struct zcdma_path_stats path;

	if (signals_stop())
		stop_source(t);
	if (t->watch)
		t->watch(t);

	zcdma_path_get_stats(t->path, &path);
	if (path.plain_reason && !t->plain_noted) {
		t->plain_noted = true;
		report_note(t->report, "%s; sending plainly from here on%s%s%s", path.plain_reason,
			    path.plain_hint ? " (" : "", path.plain_hint ? path.plain_hint : "",
			    path.plain_hint ? ")" : "");
	}
	if (progress_due(&t->progress)) {
		struct zcdma_source_stats src;

		zcdma_source_get_stats(t->src, &src);
		progress_show(&t->progress, &(struct progress_now){
						    .bytes = path.bytes,
						    .sends = true,
						    .seq = t->seq,
						    .overruns = src.overruns,
						    .in_flight = path.pending_blocks,
					    });
	}
}

static int timeout_ms(const struct transfer *t)
{
	int64_t left_ms;
	int ms = t->stopping ? STOPPING_MS : progress_timeout(&t->progress);

	if (t->stopping || t->max_seconds <= 0)
		return ms;
	left_ms = (int64_t)(t->max_seconds * 1e3) - (int64_t)((now_ns() - t->start_ns) / 1000000u) +
		  1;
	if (left_ms < 0)
		left_ms = 0;
	return ms < 0 || left_ms < ms ? (int)(left_ms < 1000000 ? left_ms : 1000000) : ms;
}

/* Sleep until @what; an interruption or the time's end is for look_around(). */
static int wait_for(struct transfer *t, unsigned what)
{
	int rc = zcdma_wait(t->ctx, t->src, t->path, what, timeout_ms(t));

	if (rc == -EINTR)
		zcdma_resume(t->ctx);
	if (rc == -ETIMEDOUT && signals_stop() && !t->patience_noted && what != ZCDMA_WAIT_BLOCK) {
		t->patience_noted = true;
		report_note(t->report, "waiting for the receiver; a second signal ends it at once");
	}
	return rc == -EINTR || rc == -ETIMEDOUT ? 0 : rc;
}

/* The rule: a block may be written to again only where the path proves that nobody reads it. */
static void put_block(struct transfer *t, const struct zcdma_block *b)
{
	bool safe = t->path_type->reuse == ZCDMA_REUSE_DONE && !(b->flags & ZCDMA_BLOCK_GIVE);

	zcdma_hist_add(&t->latency, now_ns() - b->time_ns);
	zcdma_source_put(t->src, b, safe || t->unsafe_reuse ? ZCDMA_PUT_REUSE : ZCDMA_PUT_GIVE);
}

static void reap(struct transfer *t)
{
	struct zcdma_block b;

	while (zcdma_path_reap(t->path, &b))
		put_block(t, &b);
}

static bool in_flight(const struct transfer *t)
{
	struct zcdma_path_stats stats;

	zcdma_path_get_stats(t->path, &stats);
	return stats.pending_blocks;
}

static bool limit_reached(const struct transfer *t)
{
	if (t->max_seconds > 0 && (double)(now_ns() - t->start_ns) >= t->max_seconds * 1e9)
		return true;
	return (t->max_bytes && t->taken_bytes == t->max_bytes) ||
	       (t->max_blocks && t->taken_blocks == t->max_blocks);
}

/* With -v: the first block tells whether there is a ring. */
static void note_bytes(const struct transfer *t)
{
	char why[320];

	if (t->ring_fd >= 0 && report_is_verbose(t->report) &&
	    handover_why(t->src, t->ring_fd, why, sizeof(why)))
		report_verbose(t->report, "bytes, and no hand-over: %s", why);
}

/* 1 and a block, 0 at the end, or an error. */
static int take_block(struct transfer *t, struct zcdma_block *b)
{
	uint64_t left = t->max_bytes ? t->max_bytes - t->taken_bytes : 0;
	int rc;

	for (;;) {
		if (limit_reached(t))
			return 0;
		look_around(t);
		reap(t);
		rc = zcdma_source_next(t->src, left < SIZE_MAX ? (size_t)left : SIZE_MAX, b);
		if (rc != -EAGAIN)
			break;
		rc = wait_for(t, ZCDMA_WAIT_BLOCK | (in_flight(t) ? ZCDMA_WAIT_COMPLETION : 0));
		if (rc)
			return rc;
	}
	if (rc != 1)
		return rc;
	if (left && b->len > left)
		b->len = left;
	t->taken_bytes += b->len;
	if (!t->taken_blocks++)
		note_bytes(t);
	return 1;
}

static int send_block(struct transfer *t, struct zcdma_block *b)
{
	int rc;

	b->time_ns = now_ns(); /* from here on: when it was handed over */
	while ((rc = zcdma_path_send(t->path, b)) == ZCDMA_BUSY) {
		rc = wait_for(t, ZCDMA_WAIT_ROOM);
		if (rc)
			return rc;
		look_around(t);
		reap(t);
	}
	if (rc < 0)
		return rc;
	t->blocks++;
	t->seq = b->seq;
	/* Not before it is sent: a manifest tells of what has arrived. The block is still ours. */
	if (t->manifest) {
		int err = zcdma_manifest_add(t->manifest, b);

		if (err)
			return err;
	}
	if (rc == ZCDMA_DONE)
		put_block(t, b);
	return 0;
}

void transfer_restart(struct transfer *t)
{
	memset(&t->latency, 0, sizeof(t->latency));
	t->start_ns = now_ns();
	t->cpu_seconds = cpu_seconds(RUSAGE_SELF);
	t->sender_cpu_seconds = cpu_seconds(RUSAGE_THREAD);
}

static int begin(struct transfer *t)
{
	if (t->began || !t->begin)
		return 0;
	t->began = true;
	return t->begin(t);
}

int transfer_run(struct transfer *t, struct report *r)
{
	struct zcdma_block b;
	int rc;

	t->report = r;
	transfer_restart(t);
	rc = zcdma_source_start(t->src);
	while (!rc && (rc = take_block(t, &b)) == 1) {
		rc = begin(t);
		if (!rc)
			rc = send_block(t, &b);
	}
	/* A device that goes on would only count overruns. */
	stop_source(t);
	return rc ? rc : begin(t);
}

static bool sends_datagrams(const struct transfer *t)
{
	struct zcdma_path_stats stats;

	zcdma_path_get_stats(t->path, &stats);
	return stats.datagram_bytes;
}

static int finish_path(struct transfer *t, bool complete)
{
	int rc;

	while ((rc = zcdma_path_finish(t->path, complete)) == -EINTR) {
		zcdma_resume(t->ctx);
		look_around(t);
	}
	return rc;
}

/* Unless @rc is an error by now. Returns it, or another. */
static int reap_rest(struct transfer *t, int rc)
{
	reap(t);
	while (!rc && in_flight(t)) {
		rc = wait_for(t, ZCDMA_WAIT_COMPLETION);
		look_around(t);
		reap(t);
	}
	look_around(t); /* what the last block brought */
	return rc;
}

static void stop_clocks(struct transfer *t)
{
	t->seconds = (double)(now_ns() - t->start_ns) / 1e9;
	t->cpu_seconds = cpu_seconds(RUSAGE_SELF) - t->cpu_seconds;
	t->sender_cpu_seconds = cpu_seconds(RUSAGE_THREAD) - t->sender_cpu_seconds;
}

int transfer_finish(struct transfer *t, bool complete)
{
	int rc;

	if (sends_datagrams(t)) {
		/* Nobody acknowledges them. To tell their end takes a time that is not theirs. */
		rc = reap_rest(t, 0);
		stop_clocks(t);
		if (!rc)
			rc = finish_path(t, complete);
	} else {
		rc = reap_rest(t, finish_path(t, complete));
		stop_clocks(t);
	}
	progress_end(&t->progress);
	return rc;
}

void transfer_report_source(const struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;
	struct zcdma_source_stats stats;
	struct zcdma_path_stats path;

	zcdma_source_get_info(t->src, &info);
	zcdma_source_get_stats(t->src, &stats);
	zcdma_path_get_stats(t->path, &path);
	report_line(r, "source", NULL);
	report_text(r, "source", info.name, ", ");
	report_count(r, "blocks", t->blocks, " blocks, the last one number ");
	report_count(r, "last_seq", t->seq, "");
	report_line(r, NULL, NULL);
	report_flag(r, "simulated", info.simulated, "");
	report_line(r, info.blocks ? "ring" : NULL, NULL);
	report_count(r, "ring_blocks", info.blocks, " x ");
	report_bytes(r, "block_bytes", info.block_size, ", pages of ");
	report_bytes(r, "page_bytes", info.page_size, "");
	report_line(r, info.model ? "memory" : NULL, "model ");
	report_text(r, "model", info.model, ", pieces of a block: ");
	report_count(r, "pieces", info.pieces, ", bounce buffers: ");
	report_flag(r, "bounced", info.bounced, "");
	report_line(r, info.lossy || stats.overruns ? "overruns" : NULL, NULL);
	report_count(r, "overruns", stats.overruns, " blocks lost, ");
	report_bytes(r, "lost_bytes", stats.lost_bytes, "");
	report_line(r, stats.discontinuities ? "unserved" : NULL, NULL);
	report_count(r, "discontinuities", stats.discontinuities,
		     " times, data may be missing there, of unknown length");
	packets_report(r, t->src);
	report_line(r, stats.given_away ? "pages replaced" : NULL, NULL);
	report_count(r, "replaced_blocks", stats.given_away,
		     " blocks, as nothing proves when their pages are free");
	report_line(r, stats.drained ? "busy at release" : NULL, NULL);
	report_count(r, "busy_blocks", stats.drained, " blocks whose pages were in flight");
	report_line(r, stats.driver_copied_bytes ? "driver" : NULL, "copied ");
	report_bytes(r, "driver_copied_bytes", stats.driver_copied_bytes,
		     ", as its memory has no pages to splice");
	handover_report(r, t->handed || stats.handovers,
			&(struct copies){
				.bytes = path.bytes,
				.user = stats.copied_bytes + path.gathered_bytes,
				.kernel = path.copied_bytes + path.fell_back_bytes +
					  stats.driver_copied_bytes,
				.unknown = path.unknown_bytes,
				.reason = path.copies_reason,
				.hint = path.copies_hint,
			});
	report_line(r, "cpu", NULL);
	report_seconds(r, "cpu_seconds", t->cpu_seconds, " in this process, ");
	report_seconds(r, "sender_cpu_seconds", t->sender_cpu_seconds, " in the sending thread");
}
