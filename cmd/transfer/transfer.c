// SPDX-License-Identifier: GPL-2.0-only
/* A transfer: blocks from a source along a path, with limits, signals and progress. */
#include "transfer/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "transfer/discard.h"
#include "transfer/frames.h"
#include "transfer/handover.h"
#include "cli/status.h"
#include "cli/signals.h"

/* After a request to stop, how long a receiver may take nothing before a note says that it is waited for. */
#define PATIENCE_MS 100

/* How often to look for receivers that are too slow. */
#define SLOW_MS 20

/* How often to look whether a connection broke, which the library mends within a call. */
#define BREAK_MS 500

static void stop_source(struct transfer *t)
{
	if (!t->stopping)
		zcdma_source_stop(t->src);
	t->stopping = true;
}

void transfer_get_path_stats(const struct transfer *t, struct zcdma_path_stats *stats)
{
	if (t->several)
		t->several->get_stats(t, stats);
	else
		zcdma_path_get_stats(t->path, stats, sizeof(*stats));
}

/* Returns how many bytes are sent in the end, or 0 if that is unknown. */
static uint64_t get_total(const struct transfer *t)
{
	if (!t->several || !t->max_bytes)
		return t->max_bytes;
	return t->several->get_total(t, t->max_bytes);
}

/* Figures, and what they point to. */
struct snapshot {
	struct figures figures;
	struct zcdma_hist waited, in_flight;
	struct tcp_state tcp;
};

static void get_figures(const struct transfer *t, struct snapshot *s)
{
	struct zcdma_source_stats src;
	struct zcdma_path_stats path;

	zcdma_source_get_stats(t->src, &src, sizeof(src));
	transfer_get_path_stats(t, &path);
	zcdma_path_get_latency(t->path, &s->waited, &s->in_flight);
	s->figures = (struct figures){
		.bytes = path.bytes,
		.total = get_total(t),
		.sends = true,
		.seq = path.last_seq,
		.blocks = path.blocks,
		.overruns = src.overruns,
		.lost_bytes = src.lost_bytes,
		.in_flight = path.pending_blocks,
		.latency = &s->waited,
		.tcp = !t->several && tcp_state_get(zcdma_path_get_sink(t->path), &s->tcp) ? &s->tcp
											   : NULL,
	};
}

static void note_senders(struct transfer *t)
{
	struct zcdma_source_stats src;

	zcdma_source_get_stats(t->src, &src, sizeof(src));
	frames_note_break(t->report, src.breaks, &t->source_breaks, "waiting for its sender");
	/* Once, as whoever tries ports may come often. */
	if (src.ignored_connections && !t->ignored_noted) {
		t->ignored_noted = true;
		report_note(t->report,
			    "a connection was ignored, as it is not of this stream's sender");
	}
	/* Where source= has a mistake, it waits in vain. */
	if (src.packets.unwanted && !t->began && !t->ignored_noted) {
		t->ignored_noted = true;
		report_note(t->report, "what comes is ignored, as source= names another sender");
	}
}

/* Note how many channels are waited for, where that has changed. */
static void note_channels(struct transfer *t)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (info.channels_missing && info.channels_missing != t->missing)
		report_note(t->report, "waiting for %u more channel%s of %s", info.channels_missing,
			    info.channels_missing == 1 ? "" : "s", info.device);
	t->missing = info.channels_missing;
}

/* Note what has happened to the path: a connection that broke, or that the kernel copies what it was asked not to. */
static void note_path(struct transfer *t)
{
	struct zcdma_path_stats path;

	/* Its figures are many for a look at each block. */
	if (!t->several && !t->reconnects && (t->plain_noted || !t->path_type->reports_copied))
		return;
	transfer_get_path_stats(t, &path);
	frames_note_break(t->report, path.breaks, &t->sink_breaks, "connecting again");
	if (!path.plain_reason || t->plain_noted)
		return;
	t->plain_noted = true;
	report_note(t->report, "%s; sending plainly from here on%s%s%s", path.plain_reason,
		    path.plain_hint ? " (" : "", path.plain_hint ? path.plain_hint : "",
		    path.plain_hint ? ")" : "");
}

void transfer_look_around(struct transfer *t)
{
	struct snapshot s;

	if (t->several)
		t->several->look(t);
	if (t->watch)
		t->watch(t);
	/* Last, as a wait of those may have taken the wake-up of a signal. */
	if (signals_stop())
		stop_source(t);

	note_path(t);
	if (t->receives) {
		note_senders(t);
		note_channels(t);
	}
	if (progress_due(&t->progress)) {
		get_figures(t, &s);
		progress_show(&t->progress, &s.figures);
	}
}

/* Returns whether --seconds ends the run. What waits for a sender is given its time when the first data has come. */
static bool runs_for_a_time(const struct transfer *t)
{
	return t->max_seconds > 0 && (t->began || !t->receives);
}

static int timeout_ms(const struct transfer *t)
{
	int ms = progress_timeout(&t->progress);

	if (t->receives || t->reconnects)
		ms = sooner(ms, BREAK_MS);
	/* What a receiver holds is looked at, as nothing reports that another has less. */
	if (t->several && t->several->drops_slow)
		ms = sooner(ms, SLOW_MS);
	if (runs_for_a_time(t) && !t->stopping)
		ms = sooner(ms, ms_until(t->start_ns + (uint64_t)(t->max_seconds * 1e9)));
	return t->watch_ns ? sooner(ms, ms_until(t->watch_ns)) : ms;
}

bool transfer_is_pause(struct transfer *t, int rc)
{
	if (rc == -EINTR)
		zcdma_resume(t->ctx);
	return rc == -EINTR || rc == -ETIMEDOUT || rc == -EAGAIN;
}

static bool is_time_up(const struct transfer *t)
{
	return runs_for_a_time(t) && (double)(now_ns() - t->start_ns) >= t->max_seconds * 1e9;
}

/* With -v, say after the first block why a ring did not come. */
static void note_bytes(const struct transfer *t)
{
	char why[320];

	if (t->ring_fd >= 0 && report_is_verbose(t->report) &&
	    handover_why(t->src, t->ring_fd, why, sizeof(why)))
		report_verbose(t->report, "bytes, and no hand-over: %s", why);
}

/* Take the next block. Returns 1; 0 at the end; or a negative errno. */
static int take_block(struct transfer *t, struct zcdma_block *b)
{
	int rc;

	do {
		t->time_is_up = is_time_up(t);
		if (t->time_is_up)
			return 0;
		transfer_look_around(t);
		rc = zcdma_source_next(t->src, timeout_ms(t), b);
		t->caught_up = rc != 1;
	} while (transfer_is_pause(t, rc) || (rc == -ENOBUFS && t->give_back && t->give_back(t)) ||
		 (rc < 0 && t->several && t->several->survives(t)));
	return rc;
}

/* Wait in the path as long as timeout_ms() says, and not much longer than that before note_patience(). */
static void set_path_timeout(const struct transfer *t, struct zcdma_path *path)
{
	int ms = timeout_ms(t);

	if (signals_stop() && !t->patience_noted && (ms < 0 || ms > PATIENCE_MS))
		ms = PATIENCE_MS;
	/* 0 would be for an event loop. */
	zcdma_path_set_timeout(path, ms ? ms : 1);
}

static void note_patience(struct transfer *t, int rc)
{
	if (rc != -ETIMEDOUT || !signals_stop() || t->patience_noted)
		return;
	t->patience_noted = true;
	report_note(t->report, "waiting for %s; a second signal ends it at once",
		    t->waits_for ? t->waits_for : "the receiver");
}

void transfer_note_wait(struct transfer *t, uint64_t since_ns, const char *receiver)
{
	if (now_ns() - since_ns < PATIENCE_MS * UINT64_C(1000000))
		return;
	t->waits_for = receiver;
	note_patience(t, -ETIMEDOUT);
}

int transfer_send_along(struct transfer *t, struct zcdma_path *path, const struct zcdma_block *b)
{
	int rc;

	set_path_timeout(t, path);
	rc = zcdma_path_send(path, b);
	while (transfer_is_pause(t, rc)) {
		note_patience(t, rc);
		transfer_look_around(t);
		set_path_timeout(t, path);
		rc = zcdma_path_flush(path);
	}
	return rc;
}

int transfer_send(struct transfer *t, const struct zcdma_block *b)
{
	return t->several ? t->several->send(t, b) : transfer_send_along(t, t->path, b);
}

void transfer_restart(struct transfer *t)
{
	zcdma_path_reset_latency(t->path);
	t->start_ns = now_ns();
	t->cpu_seconds = cpu_seconds(RUSAGE_SELF);
	t->sender_cpu_seconds = cpu_seconds(RUSAGE_THREAD);
}

/* Handle the first block: what came before it, a wait for a sender, is not the transfer's time. */
static void note_begin(struct transfer *t)
{
	if (t->receives) {
		transfer_restart(t);
		progress_restart(&t->progress);
	}
	note_bytes(t);
}

static int begin(struct transfer *t)
{
	if (t->began)
		return 0;
	t->began = true;
	return t->begin ? t->begin(t) : 0;
}

int transfer_run(struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;
	struct zcdma_block b;
	int rc;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	t->receives = info.listens || info.channels;
	t->report = r;
	transfer_restart(t);
	zcdma_source_set_limit(t->src, t->max_bytes, t->max_blocks);
	rc = zcdma_source_start(t->src);
	while (!rc && (rc = take_block(t, &b)) == 1) {
		if (!t->began)
			note_begin(t);
		rc = begin(t);
		if (!rc && t->block)
			rc = t->block(t, &b);
		if (!rc)
			rc = transfer_send(t, &b);
		else if (rc == 1)
			rc = 0;
	}
	/* After an error no sender is waited for. */
	t->receives &= rc >= 0;
	/* A device that goes on would only count overruns. */
	stop_source(t);
	/* A run that was stopped before the first data has nothing to put in the place of what is there. */
	return rc || signals_stop() ? rc : begin(t);
}

static void stop_clocks(struct transfer *t)
{
	struct zcdma_path_stats stats;
	uint64_t end = now_ns();

	transfer_get_path_stats(t, &stats);
	/* UDP is not acknowledged, and its end-of-stream markers take a time that is not the data's. */
	if (stats.datagram_bytes && stats.blocks)
		end = stats.sent_ns;
	t->seconds = end > t->start_ns ? (double)(end - t->start_ns) / 1e9 : 0;
	t->cpu_seconds = cpu_seconds(RUSAGE_SELF) - t->cpu_seconds;
	t->sender_cpu_seconds = cpu_seconds(RUSAGE_THREAD) - t->sender_cpu_seconds;
}

static int finish(struct transfer *t, bool complete)
{
	int rc;

	if (t->several)
		return t->several->finish(t, complete);
	do {
		transfer_look_around(t);
		set_path_timeout(t, t->path);
		rc = complete ? zcdma_path_finish(t->path) : zcdma_path_abandon(t->path);
		note_patience(t, rc);
	} while (transfer_is_pause(t, rc));
	return rc;
}

int transfer_finish(struct transfer *t, bool complete)
{
	struct snapshot s;
	int rc = finish(t, complete);

	transfer_look_around(t); /* what the last block brought */
	stop_clocks(t);
	get_figures(t, &s);
	progress_end(&t->progress, &s.figures);
	return rc;
}

void transfer_get_copies(const struct transfer *t, struct copies *c)
{
	static const char was_read[] = "it was read into the ring, which copies";
	static const char doubt[] =
		"it is unknown whether the file system copies in spite of O_DIRECT";
	struct zcdma_source_stats stats;
	struct zcdma_path_stats path;

	zcdma_source_get_stats(t->src, &stats, sizeof(stats));
	transfer_get_path_stats(t, &path);
	*c = (struct copies){
		.bytes = path.bytes,
		.user = stats.copied_bytes + path.gathered_bytes,
		.kernel = path.copied_bytes + path.fell_back_bytes + stats.driver_copied_bytes +
			  stats.kernel_copied_bytes,
		.unknown = path.unknown_bytes + stats.unknown_bytes,
		.reason = path.copies_reason,
		.hint = path.copies_hint,
		.discards = path_discards(t->path),
	};
	if (t->several) {
		c->stream = stats.bytes;
		c->user_once = stats.copied_bytes;
		c->kernel_once = stats.driver_copied_bytes + stats.kernel_copied_bytes;
	}
	if (!c->reason && stats.copies_reason) {
		c->reason = stats.copies_reason;
		c->hint = stats.copies_hint;
	}
	if (!c->reason && stats.kernel_copied_bytes)
		c->reason = was_read;
	else if (!c->reason && stats.unknown_bytes)
		c->reason = doubt;
}

int transfer_check_zerocopy(const struct transfer *t, struct report *r)
{
	struct copies c;

	transfer_get_copies(t, &c);
	return copies_check_zerocopy(r, &c);
}
