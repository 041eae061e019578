// SPDX-License-Identifier: GPL-2.0-only
/* Receives and checks datagrams: each sender's are a stream, which an empty one ends, or silence. */
#include "verify/udp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status.h"
#include "cli/clock.h"
#include "cli/xalloc.h"
#include "cli/signals.h"

/* How often to look whether a stream has ended. */
#define LOOK_MS 10
/* How long to accept reordered datagrams after the end-of-stream marker. */
#define GRACE_NS 50000000u
/* After a signal, how long to read what is there. */
#define DRAIN_NS 500000000u

struct udp_sender {
	struct stream *stream;
	struct zcdma_check *check;
	uint64_t first_ns, last_ns; /* when datagrams came */
	uint64_t mark_ns;	    /* when the first empty one came, or 0 */
};

struct udp_run {
	struct verify *v;
	struct zcdma_receiver *receiver;
	struct udp_sender *senders; /* one for each stream that was started */
	unsigned last;		    /* whose datagram came last */
	char wanted
		[64]; /* how the name of a sender has to begin: "10.0.0.5:" or "[fe80::1]:"; or empty */
	uint64_t ignored; /* datagrams of no stream ... */
	uint64_t others;  /* ... of them those with data of another sender */
	bool noted;	  /* that some are of a sender that source= does not name */
	uint64_t looked_ns;
	uint64_t deadline_ns; /* after a signal; else 0 */
};

static struct udp_sender *add_sender(struct udp_run *run, const char *from)
{
	struct verify *v = run->v;
	struct udp_sender *s = &run->senders[v->started];
	struct zcdma_check *check;

	if (zcdma_check_datagrams(v->ctx, v->expect.seed, &check))
		return NULL;
	*s = (struct udp_sender){ .stream = verify_next_stream(v), .check = check };
	s->stream->opened = true;
	snprintf(s->stream->from, sizeof(s->stream->from), "%s", from);
	run->last = v->started++;
	return s;
}

static bool is_wanted(const struct udp_run *run, const char *from)
{
	return !strncmp(from, run->wanted, strlen(run->wanted));
}

/* Say so once, as verify waits in vain where source= has a mistake. */
static void note_unwanted(struct udp_run *run, const char *from)
{
	if (run->noted || run->v->started)
		return;
	run->noted = true;
	report_note(run->v->r, "what %s sends is ignored, as source= names another sender", from);
}

/* Find the sender of that address, or add it while there is room for its stream. Returns NULL to ignore @d. */
static struct udp_sender *find_sender(struct udp_run *run, const struct zcdma_datagram *d)
{
	unsigned started = run->v->started;

	for (unsigned i = 0; i < started; i++) {
		unsigned n = (run->last + i) % started;

		if (strcmp(run->senders[n].stream->from, d->from))
			continue;
		run->last = n;
		return &run->senders[n];
	}
	if (!is_wanted(run, d->from)) {
		note_unwanted(run, d->from);
		return NULL;
	}
	/* An empty one may be the marker of a stream that an earlier receiver took. */
	return d->len && started < run->v->wanted ? add_sender(run, d->from) : NULL;
}

static void take(struct udp_run *run, const struct zcdma_datagram *d, uint64_t now)
{
	struct udp_sender *s = find_sender(run, d);

	if (!s || s->stream->ended) {
		run->ignored++;
		/* Those of others were not asked for where the sender is named. */
		run->others += !s && d->len && is_wanted(run, d->from);
	} else if (!d->len) {
		if (!s->mark_ns)
			s->mark_ns = now;
	} else {
		if (!s->first_ns)
			s->first_ns = now;
		s->last_ns = now;
		s->stream->bytes += d->len;
		zcdma_check_feed(s->check, d->data, d->len);
	}
}

static bool is_too_long(const struct udp_sender *s)
{
	struct zcdma_check_result result;

	if (!s->stream->expect->bytes)
		return false;
	zcdma_check_get_result(s->check, &result);
	return result.end_offset > s->stream->expect->bytes;
}

/* Return what ended the stream, or NULL while it goes on. */
static const char *find_end(const struct udp_run *run, const struct udp_sender *s, uint64_t now)
{
	if (s->mark_ns && now - s->mark_ns >= GRACE_NS)
		return "mark";
	if ((double)(now - s->last_ns) >= run->v->idle_seconds * 1e9)
		return "silence";
	if (is_too_long(s))
		return "length";
	return NULL;
}

static void end_stream(struct udp_sender *s, const char *end)
{
	struct stream *stream = s->stream;

	zcdma_check_end(s->check);
	stream_keep_result(stream, s->check);
	stream->seconds = (double)(s->last_ns - s->first_ns) / 1e9;
	stream->end = end;
	stream->source.kernel_copied_bytes = stream->bytes;
	stream->ended = true;
}

/* End streams and show progress, every LOOK_MS. */
static void look_around(struct udp_run *run, uint64_t now)
{
	if (now - run->looked_ns < LOOK_MS * 1000000u)
		return;
	run->looked_ns = now;
	for (unsigned i = 0; i < run->v->started; i++) {
		struct udp_sender *s = &run->senders[i];
		const char *end = s->stream->ended ? NULL : find_end(run, s, now);

		if (end)
			end_stream(s, end);
	}
	verify_show_progress(run->v);
}

static bool all_ended(const struct udp_run *run)
{
	for (unsigned i = 0; i < run->v->started; i++) {
		if (!run->senders[i].stream->ended)
			return false;
	}
	return run->v->started == run->v->wanted;
}

/* Receive to the end of all streams, or to the end that a signal asks for. Returns 0 or a negative errno. */
static int receive_all(struct udp_run *run)
{
	struct zcdma_datagram d;
	uint64_t now;
	int rc;

	while (!all_ended(run)) {
		if (signals_stop() && !run->deadline_ns)
			run->deadline_ns = now_ns() + DRAIN_NS;
		rc = zcdma_receiver_next(run->receiver, run->deadline_ns ? 0 : LOOK_MS, &d);
		now = now_ns();
		if (rc == -EINTR)
			zcdma_resume(run->v->ctx);
		else if (!rc)
			take(run, &d, now);
		else if (rc != -ETIMEDOUT)
			return rc;
		if (run->deadline_ns && (rc == -ETIMEDOUT || now > run->deadline_ns))
			break;
		look_around(run, now);
	}
	return 0;
}

static void report_socket(struct udp_run *run)
{
	size_t buffer;
	uint64_t drops = zcdma_receiver_drops(run->receiver, &buffer);

	run->v->socket = (struct verify_socket){
		.drops = drops,
		.buffer = buffer,
		.ignored = run->ignored,
		.others = run->others,
	};
	if (drops)
		report_note(
			run->v->r,
			"the socket's buffer was full: a larger net.core.rmem_max lets it be larger");
}

int datagrams_receive(struct verify *v, const int *fds, unsigned count)
{
	struct udp_run run = { .v = v, .looked_ns = now_ns() };
	double cpu = cpu_seconds(RUSAGE_THREAD);
	int rc = zcdma_sender_name(v->ctx, &v->addr, run.wanted, sizeof(run.wanted));

	if (!rc)
		rc = zcdma_receiver_open(v->ctx, fds, count, &run.receiver);
	if (rc)
		return report_ctx_error(v->r, STATUS_ERROR, v->ctx, rc);
	run.senders = xalloc(calloc(v->wanted, sizeof(*run.senders)));
	rc = receive_all(&run);
	if (rc)
		report_ctx_error(v->r, STATUS_ERROR, v->ctx, rc);
	for (unsigned i = 0; i < v->started; i++) {
		struct udp_sender *s = &run.senders[i];

		if (!s->stream->ended)
			end_stream(s, "signal");
		s->stream->cpu_seconds = cpu_seconds(RUSAGE_THREAD) - cpu;
		zcdma_check_free(s->check);
	}
	report_socket(&run);
	free(run.senders);
	zcdma_receiver_close(run.receiver);
	return rc ? STATUS_ERROR : STATUS_OK;
}
