// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of a row, each of its streams in a process of its own: what one path leaves (pinned
 * pages, replaced pages, a grown histogram) does not count for the next one.
 */
#include "bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/machine.h"
#include "bench/play.h"
#include "bench/receive.h"
#include "bench/server.h"
#include "cli/clock.h"
#include "cli/cpu.h"
#include "cli/xalloc.h"
#include "cli/signals.h"
#include "transfer/transfer.h"

/* Seconds until what does not get warm is measured as it is. */
#define WARMUP_MOST 20

/* What is measured, and what there was when it began. */
struct measured {
	struct transfer t; /* first: the hook gets this */
	const struct bench_job *job;
	struct bench_sample *s;
	uint64_t begin_ns;
	bool warm;
	double system_seconds;
	struct zcdma_path_stats path;
	struct zcdma_source_stats source;
};

/*
 * The first lap fills the ring, and the first moments grow the connection's window: neither counts. An
 * error message stays, as this is called from within the transfer.
 */
static void watch(struct transfer *t)
{
	struct measured *m = (struct measured *)t;
	struct zcdma_path_stats path;

	zcdma_path_get_stats(t->path, &path, sizeof(path));
	if (path.pending_blocks > m->s->most_in_flight)
		m->s->most_in_flight = path.pending_blocks;
	if (m->warm || path.bytes < m->job->ring_bytes ||
	    (double)(now_ns() - m->begin_ns) < BENCH_WARMUP_SECONDS * 1e9)
		return;
	m->warm = true;
	m->path = path;
	zcdma_source_get_stats(t->src, &m->source, sizeof(m->source));
	m->s->most_in_flight = 0;
	m->system_seconds = bench_busy_seconds();
	t->max_seconds = m->s->seconds;
	transfer_restart(t);
}

/*
 * Return how many of the @bytes sent fell back. What was under way at the beginning completes in between too, so
 * it is the share among the completions that counts.
 */
static uint64_t fell_back(uint64_t bytes, const struct zcdma_path_stats *end,
			  const struct zcdma_path_stats *begin)
{
	uint64_t copied = end->fell_back_bytes - begin->fell_back_bytes;
	uint64_t known = copied + end->zerocopy_bytes - begin->zerocopy_bytes + end->unknown_bytes -
			 begin->unknown_bytes;
	uint64_t plain = end->copied_bytes - begin->copied_bytes;

	return copied ? (uint64_t)((double)(bytes - plain) * (double)copied / (double)known) : 0;
}

static void collect(struct measured *m)
{
	static struct zcdma_hist latency; /* it is large */
	struct zcdma_source_stats source;
	struct zcdma_source_info info;
	struct zcdma_path_stats path;
	struct bench_sample *s = m->s;

	zcdma_path_get_stats(m->t.path, &path, sizeof(path));
	zcdma_source_get_stats(m->t.src, &source, sizeof(source));
	zcdma_source_get_info(m->t.src, &info, sizeof(info));
	zcdma_path_get_latency(m->t.path, NULL, &latency);
	s->bytes = path.bytes - m->path.bytes;
	s->calls = path.calls - m->path.calls;
	s->blocks = path.blocks - m->path.blocks;
	s->user_copied_bytes = source.copied_bytes - m->source.copied_bytes + path.gathered_bytes -
			       m->path.gathered_bytes;
	s->fell_back_bytes = fell_back(s->bytes, &path, &m->path);
	s->unknown_bytes = path.unknown_bytes - m->path.unknown_bytes + source.unknown_bytes -
			   m->source.unknown_bytes;
	s->kernel_copied_bytes = path.copied_bytes - m->path.copied_bytes + s->fell_back_bytes +
				 source.driver_copied_bytes - m->source.driver_copied_bytes +
				 source.kernel_copied_bytes - m->source.kernel_copied_bytes;
	snprintf(s->copies_reason, sizeof(s->copies_reason), "%s", path.copies_reason ?: "");
	s->overruns = source.overruns - m->source.overruns;
	s->seconds = m->t.seconds;
	s->cpu_seconds = m->t.cpu_seconds;
	s->system_seconds = bench_busy_seconds() - m->system_seconds;
	s->p50_ns = zcdma_hist_quantile(&latency, 0.5);
	s->p99_ns = zcdma_hist_quantile(&latency, 0.99);
	s->block_bytes = info.block_size;
	s->page_bytes = info.page_size;
	s->ring_bytes = info.block_size * info.blocks;
}

static char *make_spec(const struct bench_job *job, const struct bench_row *row)
{
	char *spec;

	xalloc(asprintf(&spec, "%s:%s=%s,block=%" PRIu64 ",blocks=%" PRIu64 "%s", row->source->name,
			row->source->memory, row->memory, row->block_bytes,
			job->ring_bytes / row->block_bytes,
			row->source->tracks_pages || job->check ? "" : ",fill=once") < 0
		       ? NULL
		       : spec);
	return spec;
}

static int open_source(struct transfer *t, const struct bench_job *job, const struct bench_row *row)
{
	char *spec = make_spec(job, row);
	int rc = zcdma_source_open(t->ctx, spec, &t->src);

	free(spec);
	return rc ? rc : zcdma_source_prepare(t->src, row->path->name);
}

/* Connect to the receiver. Returns the socket, or a negative errno with the error message set. */
static int open_sink(struct zcdma_ctx *ctx, const struct bench_job *job)
{
	struct zcdma_addr addr;
	int rc = zcdma_addr_parse(ctx, job->to, &addr);

	if (rc)
		return rc;
	snprintf(addr.congestion, sizeof(addr.congestion), "%s", job->congestion);
	return zcdma_connect(ctx, &addr);
}

/* Open the source and the path to a receiver. Returns 0, or a negative errno with the error message set. */
static int open_to_receiver(struct measured *m, const struct bench_row *row, int *fd)
{
	struct transfer *t = &m->t;
	int rc = open_source(t, m->job, row);

	if (rc)
		return rc;
	rc = zcdma_path_probe(t->ctx, row->path);
	if (rc)
		return rc;
	*fd = open_sink(t->ctx, m->job);
	m->s->unreachable = *fd < 0;
	if (*fd < 0)
		return *fd;
	zcdma_nic_of(*fd, &m->s->nic);
	/* Never go over to plain sends: what asking for zero-copy costs is measured too. */
	rc = zcdma_path_open(t->ctx, t->src, row->path->name, *fd, &t->path);
	return rc ? rc : zcdma_path_set_fallback(t->path, ZCDMA_FALLBACK_KEEP);
}

static int send_all(struct measured *m, const struct bench_row *row, int *fd)
{
	const bool plays = m->job->direction == BENCH_PLAY;
	struct transfer *t = &m->t;
	struct report *quiet;
	int rc, end;

	rc = plays ? bench_play_open(t->ctx, m->job, row, m->s, &t->src, &t->path)
		   : open_to_receiver(m, row, fd);
	if (rc)
		return rc;
	zcdma_path_set_join(t->path, ZCDMA_JOIN_BYTES);
	quiet = report_new("bench");
	report_set_mode(quiet, true, true, false);
	m->begin_ns = now_ns();
	rc = transfer_run(t, quiet);
	end = transfer_finish(t, !rc);
	collect(m);
	if (plays) { /* the ring is the device's */
		m->s->block_bytes = row->block_bytes;
		m->s->ring_bytes = m->job->ring_bytes;
	}
	report_free(quiet);
	return rc ? rc : end;
}

static void measure(const struct bench_job *job, const struct bench_row *row, double seconds,
		    struct bench_sample *s)
{
	struct measured m = { .job = NULL };
	struct zcdma_path_stats sent;
	int fd = -1;

	m.job = job;
	m.s = s;
	m.t = (struct transfer){
		.path_type = row->path, .watch = watch, .ring_fd = -1, .max_seconds = WARMUP_MOST
	};
	s->seconds = seconds;
	s->receiver_cpu_ns = -1;
	s->rc = zcdma_new(&m.t.ctx);
	if (s->rc) {
		snprintf(s->error, sizeof(s->error), "start: %s", strerror(-s->rc));
		return;
	}
	signals_watch(m.t.ctx);
	s->rc = send_all(&m, row, &fd);
	if (s->rc && !s->error[0]) {
		const char *hint = zcdma_hint(m.t.ctx);

		snprintf(s->error, sizeof(s->error), "%s", zcdma_error(m.t.ctx));
		snprintf(s->hint, sizeof(s->hint), "%s", hint ? hint : "");
	}
	if (!s->rc)
		zcdma_path_get_stats(m.t.path, &sent, sizeof(sent));
	zcdma_path_close(m.t.path);
	if (!s->rc && fd >= 0)
		bench_peer_ask(fd, row->path->required_caps ? sent.bytes : 0,
			       s); /* which sends nothing */
}

struct bench_stream {
	pid_t pid; /* or a negative errno */
	int fd;	   /* where it writes what it measured */
};

static void start_stream(struct bench_stream *stream, const struct bench_job *job,
			 const struct bench_row *row, double seconds)
{
	struct bench_sample s = { 0 };
	int ends[2];

	stream->pid = pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
	if (stream->pid)
		return;
	stream->pid = bench_fork();
	if (stream->pid < 0) {
		stream->pid = -errno;
		close(ends[0]);
		close(ends[1]);
		return;
	}
	if (!stream->pid) {
		cpu_bind_to(job->cpu);
		(job->direction == BENCH_IN ? bench_receive : measure)(job, row, seconds, &s);
		_exit(write(ends[1], &s, sizeof(s)) == sizeof(s) ? 0 : 1);
	}
	close(ends[1]);
	stream->fd = ends[0];
}

/* A stream that ends without a result was killed. */
static void end_stream(const struct bench_stream *stream, struct bench_sample *s)
{
	ssize_t n = -1;

	if (stream->pid > 0) {
		do {
			n = read(stream->fd, s, sizeof(*s));
		} while (n < 0 && errno == EINTR);
		close(stream->fd);
		while (waitpid(stream->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (n == sizeof(*s))
		return;
	*s = (struct bench_sample){ .rc = stream->pid < 0 ? stream->pid : -ECHILD };
	snprintf(s->error, sizeof(s->error), "a process to measure: %s",
		 stream->pid < 0 ? strerror(-stream->pid) : "it was killed");
}

/* Add up what streams side by side measured. */
static void add(struct bench_sample *sum, const struct bench_sample *s)
{
	double bytes = (double)(sum->bytes + s->bytes);

	if (!sum->rc && s->rc) {
		sum->rc = s->rc;
		sum->unreachable = s->unreachable;
		sum->incomplete = s->incomplete;
		memcpy(sum->error, s->error, sizeof(sum->error));
		memcpy(sum->hint, s->hint, sizeof(sum->hint));
	}
	if (bytes > 0)
		sum->receiver_cpu_ns = (sum->receiver_cpu_ns * (double)sum->bytes +
					s->receiver_cpu_ns * (double)s->bytes) /
				       bytes;
	sum->bytes += s->bytes;
	sum->calls = sum->calls == ZCDMA_UNKNOWN ? ZCDMA_UNKNOWN : sum->calls + s->calls;
	sum->offered_bytes += s->offered_bytes;
	sum->lost_bytes += s->lost_bytes;
	sum->blocks += s->blocks;
	sum->user_copied_bytes += s->user_copied_bytes;
	sum->kernel_copied_bytes += s->kernel_copied_bytes;
	sum->fell_back_bytes += s->fell_back_bytes;
	sum->unknown_bytes += s->unknown_bytes;
	sum->cpu_seconds += s->cpu_seconds;
	sum->most_in_flight += s->most_in_flight;
	sum->overruns += s->overruns;
	sum->checked &= s->checked;
	sum->correct &= s->correct;
	/* They run at the same time. */
	if (s->seconds > sum->seconds)
		sum->seconds = s->seconds;
	if (s->system_seconds > sum->system_seconds)
		sum->system_seconds = s->system_seconds;
	if (s->p50_ns > sum->p50_ns)
		sum->p50_ns = s->p50_ns;
	if (s->p99_ns > sum->p99_ns)
		sum->p99_ns = s->p99_ns;
}

void bench_run(const struct bench_job *job, const struct bench_row *row, double seconds,
	       struct bench_sample *s)
{
	struct bench_stream stream[BENCH_STREAMS_MAX];
	struct bench_sample one;

	for (unsigned i = 0; i < job->streams; i++)
		start_stream(&stream[i], job, row, seconds);
	for (unsigned i = 0; i < job->streams; i++) {
		end_stream(&stream[i], i ? &one : s);
		if (i)
			add(s, &one);
	}
}
