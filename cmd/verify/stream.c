// SPDX-License-Identifier: GPL-2.0-only
/* One stream that verify checks, in a thread of its own. */
#include "verify/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "transfer/handover.h"
#include "cli/signals.h"

struct stream_reader {
	struct zcdma_ctx *ctx;
	struct zcdma_source *src;
	struct zcdma_check *check;
	uint64_t deadline_ns;  /* of what comes next, or 0 */
	bool stopping, silent; /* silent: nothing came in time */
};

static int open_source(struct stream *s, struct stream_reader *rd)
{
	struct zcdma_source_info info;
	int rc;

	if (s->spec)
		rc = zcdma_source_open(rd->ctx, s->spec, &rd->src);
	else
		rc = zcdma_source_open_fd(rd->ctx, s->fd, s->from, &rd->src);
	if (!rc && s->handover)
		rc = zcdma_source_set(rd->src, "handover", s->handover);
	if (rc)
		return rc;
	do
		rc = zcdma_source_prepare(rd->src, NULL);
	while (signals_call_again(rd->ctx, rc));
	if (rc)
		return rc;
	zcdma_source_get_info(rd->src, &info, sizeof(info));
	if (s->spec)
		snprintf(s->from, sizeof(s->from), "%s", info.name);
	if (info.listens)
		report_listening(s->report, info.listens, info.name);
	s->framed = info.framed;
	s->by_hash = info.framed && s->expect->hashes;
	/* Another one may turn out to be longer. */
	if (info.endless)
		zcdma_source_set_limit(rd->src, s->expect->bytes, 0);
	return 0;
}

static int open_reader(struct stream *s, struct stream_reader *rd)
{
	int rc = open_source(s, rd);

	if (rc)
		return rc;
	if (s->by_hash)
		rc = 0;
	else if (s->expect->manifest)
		rc = zcdma_check_manifest(rd->ctx, s->expect->manifest, &rd->check);
	else
		rc = zcdma_check_pattern(rd->ctx, s->expect->seed, &rd->check);
	return rc ? rc : zcdma_source_start(rd->src);
}

/* The first signal asks for what is still on its way, and then the end. */
static void look_at_signals(struct stream_reader *rd)
{
	if (!signals_stop() || rd->stopping)
		return;
	rd->stopping = true;
	zcdma_source_stop(rd->src);
}

static int timeout_ms(const struct stream_reader *rd)
{
	uint64_t now = now_ns();

	if (!rd->deadline_ns)
		return -1;
	if (now >= rd->deadline_ns)
		return 0;
	return rd->deadline_ns - now < (uint64_t)INT_MAX * 1000000u
		       ? (int)((rd->deadline_ns - now) / 1000000u) + 1
		       : INT_MAX;
}

/* Take the next block. Returns 1; 0 at the end; or a negative errno. */
static int next_block(struct stream *s, struct stream_reader *rd, struct zcdma_block *b)
{
	int rc;

	/* So far beyond the expected length that the stream is known to be too long. */
	if (s->expect->bytes && s->bytes > s->expect->bytes)
		return 0;
	rd->deadline_ns = s->idle_seconds > 0 ? now_ns() + (uint64_t)(s->idle_seconds * 1e9) : 0;
	do {
		look_at_signals(rd);
		rc = zcdma_source_next(rd->src, timeout_ms(rd), b);
		if (rc == -EINTR)
			zcdma_resume(rd->ctx);
		rd->silent = rd->deadline_ns && now_ns() >= rd->deadline_ns && !rd->stopping;
	} while (rc == -EINTR || ((rc == -ETIMEDOUT || rc == -EAGAIN) && !rd->silent));
	rd->silent &= rc == -ETIMEDOUT || rc == -EAGAIN;
	return rd->silent ? -ETIMEDOUT : rc;
}

/* Check a block, after what is known to be missing before it. Returns 0 or a negative errno. */
static int feed(const struct stream *s, const struct stream_reader *rd, const struct zcdma_block *b)
{
	const uint64_t lost = s->framed ? zcdma_block_lost_bytes(b) : 0;

	if (!rd->check)
		return 0;
	if (lost && lost != ZCDMA_UNKNOWN && !s->expect->manifest)
		zcdma_check_skip(rd->check, lost);
	return zcdma_check_feed(rd->check, b->data, b->len);
}

static int check_blocks(struct stream *s, struct stream_reader *rd)
{
	struct zcdma_block b;
	uint64_t start = 0;
	int rc, fed;

	while ((rc = next_block(s, rd, &b)) == 1) {
		if (!start) {
			start = now_ns();
			if (s->handover && s->verbose)
				handover_why(rd->src, STDIN_FILENO, s->why, sizeof(s->why));
		}
		fed = feed(s, rd, &b);
		s->bytes += b.len;
		zcdma_block_release(rd->src, &b);
		if (fed)
			return fed;
	}
	s->seconds = start ? (double)(now_ns() - start) / 1e9 : 0;
	return rc;
}

void stream_keep_result(struct stream *s, const struct zcdma_check *check)
{
	zcdma_check_get_result(check, &s->result);
	while (s->fault_count < ZCDMA_FAULTS_KEPT &&
	       zcdma_check_get_fault(check, s->fault_count, &s->faults[s->fault_count]))
		s->fault_count++;
	recorded_losses_keep(&s->losses, check);
}

void stream_free(struct stream *s)
{
	free(s->losses.loss);
}

static void keep_error(struct stream *s, const struct zcdma_ctx *ctx, int rc)
{
	const char *hint = zcdma_hint(ctx);

	s->rc = rc;
	snprintf(s->error, sizeof(s->error), "%s", zcdma_error(ctx));
	snprintf(s->hint, sizeof(s->hint), "%s", hint ? hint : "");
}

static void keep_silence(struct stream *s, int rc)
{
	s->rc = rc;
	snprintf(s->error, sizeof(s->error), "read %s: nothing came for %g s", s->from,
		 s->idle_seconds);
	snprintf(s->hint, sizeof(s->hint),
		 "the sender waits, or it or the way to it is dead; --idle waits longer");
}

static void check_stream(struct stream *s)
{
	struct stream_reader rd = { .ctx = NULL };
	struct zcdma_source_info info;
	int rc = zcdma_new(&rd.ctx), end;

	if (rc) {
		s->rc = rc;
		snprintf(s->error, sizeof(s->error), "start: %s", strerror(-rc));
		return;
	}
	signals_watch(rd.ctx);
	rc = open_reader(s, &rd);
	s->opened = !rc;
	if (!rc)
		rc = check_blocks(s, &rd);
	if (rd.silent)
		keep_silence(s, rc);
	else if (rc)
		keep_error(s, rd.ctx, rc);
	if (rd.check) {
		end = zcdma_check_end(rd.check);
		if (end && !rc)
			keep_error(s, rd.ctx, end);
		stream_keep_result(s, rd.check);
	} else {
		s->result.bytes = s->bytes;
	}
	if (rd.src) {
		zcdma_source_get_stats(rd.src, &s->source, sizeof(s->source));
		snprintf(s->copies_reason, sizeof(s->copies_reason), "%s",
			 s->source.copies_reason ?: "");
		snprintf(s->copies_hint, sizeof(s->copies_hint), "%s", s->source.copies_hint ?: "");
		zcdma_source_get_info(rd.src, &info, sizeof(info));
		s->simulated = info.simulated;
		if (s->framed && info.peer)
			snprintf(s->from, sizeof(s->from), "%s", info.peer);
		s->received = info.packets == ZCDMA_PACKETS_RECEIVED ||
			      info.packets == ZCDMA_PACKETS_RECEIVED_NUMBERED;
	}
	zcdma_check_free(rd.check);
	zcdma_source_close(rd.src);
	signals_unwatch(rd.ctx);
	zcdma_free(rd.ctx);
}

static void *thread_main(void *arg)
{
	struct stream *s = arg;

	check_stream(s);
	s->cpu_seconds = cpu_seconds(RUSAGE_THREAD);
	if (s->fd >= 0)
		close(s->fd);
	s->ended = true;
	zcdma_interrupt(s->owner);
	return NULL;
}

bool stream_start(struct stream *s)
{
	int err = pthread_create(&s->thread, NULL, thread_main, s);

	if (!err)
		return true;
	s->rc = -err;
	snprintf(s->error, sizeof(s->error), "start a thread for %.200s: %s", s->spec ?: s->from,
		 strerror(err));
	return false;
}

void stream_join(struct stream *s)
{
	pthread_join(s->thread, NULL);
}
