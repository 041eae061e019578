// SPDX-License-Identifier: GPL-2.0-only
/* What verify makes of the streams that were on the wire. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/plural.h"
#include "cli/status.h"
#include "verify/fault.h"
#include "verify/wire.h"

/*
 * A stream
 */

static bool find_difference(struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
			    struct zcdma_wire_difference *d)
{
	for (unsigned i = 0; zcdma_wire_get_difference(wire, i, d); i++) {
		if (!strcmp(d->from, s->from) && !strcmp(d->to, s->to))
			return true;
	}
	return false;
}

static void describe_difference(struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
				struct verdict *v)
{
	struct zcdma_wire_difference d;

	if (find_difference(wire, s, &d))
		outcome_say(
			v, OUTCOME_WRONG,
			"overwritten in flight: retransmitted with other data at offset %" PRIu64
			" (block %" PRIu64 ", sequence %" PRIu32 "): 0x%02x, which was 0x%02x",
			d.offset, d.block, d.seq, d.is, d.was);
	else
		outcome_say(v, OUTCOME_WRONG,
			    "overwritten in flight: %" PRIu64 " retransmitted packet%s",
			    s->counters.differing,
			    s->counters.differing == 1 ? " differs" : "s differ");
	snprintf(v->hint, sizeof(v->hint),
		 "a buffer was written to before its data had been acknowledged");
}

static void describe_fault(const struct wire *w, const struct zcdma_wire_stream *s,
			   struct verdict *v)
{
	const struct zcdma_check_result *res = &s->result;

	fault_judge(res, w->expect, v);
	if (!v->hint[0] && res->bytes && res->bad_bytes == res->bytes)
		snprintf(
			v->hint, sizeof(v->hint),
			"for streams that are not the pattern: --manifest FILE, or --pattern none; --port leaves others out");
}

/* Judge the data. */
static void judge_data(const struct wire *w, struct zcdma_wire *wire,
		       const struct zcdma_wire_stream *s, struct verdict *v)
{
	if (s->counters.differing)
		describe_difference(wire, s, v);
	else if (s->checked && s->result.faults)
		describe_fault(w, s, v);
}

/* Compare the length to what was expected. Without the captured end only "too long" can be known. */
static void judge_length(const struct wire *w, struct zcdma_wire *wire,
			 const struct zcdma_wire_stream *s, struct verdict *v)
{
	const uint64_t expected = w->expect->bytes;

	(void)wire;
	if (!expected || s->udp)
		return;
	if (s->bytes > expected || (s->end == ZCDMA_WIRE_FIN && s->bytes < expected))
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " byte%s %s sent, %" PRIu64 " %s expected", s->bytes,
			    plural_s(s->bytes), plural_were(s->bytes), expected,
			    plural_were(expected));
}

/* Check that all of it was followed. */
static void judge_followed(const struct wire *w, struct zcdma_wire *wire,
			   const struct zcdma_wire_stream *s, struct verdict *v)
{
	(void)wire;
	if (s->counters.strayed)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " packet%s %s too far from the others, and skipped",
			    s->counters.strayed, plural_s(s->counters.strayed),
			    plural_were(s->counters.strayed));
	else if (!w->unchecked && s->end == ZCDMA_WIRE_RESET)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "the connection was reset before the stream's end");
}

/* Check that all of it could be checked. */
static void judge_checked(const struct wire *w, struct zcdma_wire *wire,
			  const struct zcdma_wire_stream *s, struct verdict *v)
{
	const struct zcdma_check_result *res = &s->result;

	(void)wire;
	if (w->unchecked)
		return;
	if (!s->checked && s->udp)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "a manifest cannot place datagrams in the stream");
	else if (!s->checked && s->bytes > s->counters.uncaptured_bytes && w->expect->manifest)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "the capture began in the middle, and a manifest cannot find where");
	else if (!s->checked && s->bytes > s->counters.uncaptured_bytes)
		outcome_say(v, OUTCOME_INCOMPLETE, "no memory was left to check it");
	else if (!res->bytes)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "none of its %" PRIu64 " byte%s was captured, so nothing was verified",
			    s->bytes, plural_s(s->bytes));
	else if (res->unplaced)
		fault_judge_unplaced(res, v);
	else if (w->expect->manifest && res->blocks_uncaptured && !res->blocks)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "no block was captured whole, so nothing was verified");
}

/* Judge what was lost. Where a datagram was lost, in the network or by the capture, is unknown. */
static void judge_losses(const struct wire *w, struct zcdma_wire *wire,
			 const struct zcdma_wire_stream *s, struct verdict *v)
{
	char size[32];

	(void)w;
	(void)wire;
	if (s->counters.uncaptured_bytes)
		outcome_say(v, OUTCOME_LOSSY, "%s of it were not captured",
			    zcdma_size_format(s->counters.uncaptured_bytes, size, sizeof(size)));
	else if (s->udp && s->counters.cut_bytes)
		outcome_say(v, OUTCOME_LOSSY, "%s of it are beyond the snap length",
			    zcdma_size_format(s->counters.cut_bytes, size, sizeof(size)));
	else if (s->result.lost_bytes)
		outcome_say(v, OUTCOME_LOSSY, "%s of it were lost, or not captured",
			    zcdma_size_format(s->result.lost_bytes, size, sizeof(size)));
}

/* --expect=complete: check that it was captured from its beginning to its end. */
static void judge_expectation(const struct wire *w, const struct zcdma_wire_stream *s,
			      struct verdict *v)
{
	if (!w->expect->complete || v->outcome > OUTCOME_LOSSY)
		return;
	if (v->outcome == OUTCOME_LOSSY)
		v->outcome = OUTCOME_INCOMPLETE;
	else if ((!s->from_start && !s->udp) || s->end != ZCDMA_WIRE_FIN)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "--expect=complete: it was not captured from its beginning to its end");
}

void wire_judge(const struct wire *w, struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
		struct verdict *v)
{
	void (*const steps[])(const struct wire *, struct zcdma_wire *,
			      const struct zcdma_wire_stream *, struct verdict *) = {
		judge_data, judge_length, judge_followed, judge_checked, judge_losses,
	};

	*v = (struct verdict){ .outcome = OUTCOME_CORRECT };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (v->outcome == OUTCOME_CORRECT)
			steps[i](w, wire, s, v);
	}
	judge_expectation(w, s, v);
}

/*
 * All of them
 */

static void worsen(struct wire_totals *t, enum outcome outcome)
{
	t->outcome = outcome > t->outcome ? outcome : t->outcome;
}

void wire_add(const struct wire *w, struct zcdma_wire *wire, struct wire_totals *t,
	      const struct zcdma_wire_stream *s)
{
	struct verdict v;

	t->streams++;
	t->bytes += s->bytes;
	wire_counters_add(&t->counters, &s->counters);
	t->faults += s->checked ? s->result.faults : 0;
	wire_judge(w, wire, s, &v);
	worsen(t, v.outcome);
	if (v.outcome <= t->worst.outcome)
		return;
	t->worst = v;
	snprintf(t->from, sizeof(t->from), "%s", s->from);
	snprintf(t->to, sizeof(t->to), "%s", s->to);
}

/* Judge the capture as a whole. */
static enum outcome judge_capture(const struct wire *w, const struct zcdma_wire_stats *stats,
				  const struct wire_totals *t, struct verdict *v)
{
	const uint64_t out = stats->fragments + stats->cut;

	*v = (struct verdict){ .outcome = OUTCOME_CORRECT };
	if (!t->streams) {
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "no data of a connection was captured, so nothing was verified");
		snprintf(v->hint, sizeof(v->hint), "give another --port, interface or file");
	} else if (stats->unfollowed) {
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " packet%s %s not followed: there are too many connections",
			    stats->unfollowed, plural_s(stats->unfollowed),
			    plural_were(stats->unfollowed));
		snprintf(v->hint, sizeof(v->hint), "--port leaves others out");
	} else if (stats->dropped) {
		outcome_say(v, OUTCOME_LOSSY, "%" PRIu64 " packet%s %s dropped by the capture",
			    stats->dropped, plural_s(stats->dropped), plural_were(stats->dropped));
	} else if (out) {
		outcome_say(v, OUTCOME_LOSSY,
			    "%" PRIu64 " packet%s or without headers: it is not known whose", out,
			    out == 1 ? " is a fragment," : "s are fragments,");
	}
	if (w->expect->complete && v->outcome == OUTCOME_LOSSY)
		v->outcome = OUTCOME_INCOMPLETE;
	return v->outcome;
}

int wire_verdict(const struct wire *w, struct zcdma_wire *wire,
		 const struct zcdma_wire_stats *stats, struct wire_totals *t)
{
	struct zcdma_wire_stream s;
	struct verdict capture;
	const char *hint;

	while (zcdma_wire_next_stream(wire, &s))
		wire_add(w, wire, t, &s);
	worsen(t, judge_capture(w, stats, t, &capture));
	if (t->broke_off)
		worsen(t, OUTCOME_INCOMPLETE);
	if (t->outcome == OUTCOME_CORRECT)
		return STATUS_OK;
	if (t->outcome > capture.outcome && t->outcome > t->worst.outcome)
		return outcome_status(t->outcome);
	if (capture.outcome > t->worst.outcome) {
		hint = capture.hint[0] ? capture.hint : NULL;
		return report_error(w->r, outcome_status(t->outcome), hint, "%s", capture.fault);
	}
	hint = t->worst.hint[0] ? t->worst.hint : NULL;
	return report_error(w->r, outcome_status(t->outcome), hint, "%s to %s: %s", t->from, t->to,
			    t->worst.fault);
}

const char *wire_word(const struct wire *w, enum outcome outcome)
{
	return outcome == OUTCOME_CORRECT && w->unchecked ? "followed" : outcome_word(outcome);
}
