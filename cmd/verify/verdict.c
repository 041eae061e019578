// SPDX-License-Identifier: GPL-2.0-only
/* What verify says of the streams that it has checked. */
#include "verify/verdict.h"

#include <inttypes.h>
#include <stdio.h>

#include <zcdma/util.h>

#include "cli/plural.h"
#include "cli/report_text.h"
#include "cli/status.h"
#include "transfer/frames.h"
#include "transfer/handover.h"
#include "verify/fault.h"

/* Bytes that came; of datagrams, those of the stream up to the last byte that did. */
static uint64_t reached(const struct stream *s)
{
	return s->end ? s->result.end_offset : s->result.bytes;
}

/* Over UDP what is missing was lost, also after the last that came. */
static struct zcdma_check_result with_lost_end(const struct stream *s)
{
	struct zcdma_check_result res = s->result;
	uint64_t missing;

	if (!s->end || s->expect->bytes <= res.end_offset || !res.datagrams)
		return res;
	missing = s->expect->bytes - res.end_offset;
	res.lost_bytes += missing;
	res.lost += (missing + res.datagram_bytes - 1) / res.datagram_bytes;
	return res;
}

/*
 * Judging
 */

/* Something must have come, and all of it must have been checked. */
static void judge_checked(const struct stream *s, struct verdict *v)
{
	if (!s->result.bytes)
		outcome_say(v, OUTCOME_INCOMPLETE, "no data came, so nothing was verified");
	else
		fault_judge_unplaced(&s->result, v);
}

/* What the frames say of their data. */
static void judge_frames(const struct stream *s, struct verdict *v)
{
	const struct zcdma_source_stats *src = &s->source;
	char what[192];
	const char *hint = frames_describe_wrong(src, what, sizeof(what));

	if (hint) {
		outcome_say(v, OUTCOME_WRONG, "%s", what);
		snprintf(v->hint, sizeof(v->hint), "%s", hint);
	} else if (s->by_hash && src->unhashed_frames) {
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " frame%s of %" PRIu64
			    " came without a hash, and %s not checked",
			    src->unhashed_frames, plural_s(src->unhashed_frames), src->frames,
			    plural_were(src->unhashed_frames));
		snprintf(
			v->hint, sizeof(v->hint),
			"send along a path that reads memory (copy, zerocopy, vmsplice), or give --pattern or --manifest");
	}
}

/* What a framed stream says is missing. */
static void judge_framed_losses(const struct stream *s, struct verdict *v)
{
	const struct zcdma_source_stats *src = &s->source;
	char what[128], size[32];

	if (!s->framed)
		return;
	if (frames_describe_lost(src->connection_lost_blocks, src->connection_lost_bytes, what,
				 sizeof(what)))
		outcome_say(v, OUTCOME_LOSSY, "%s", what);
	else if (src->gap_blocks)
		outcome_say(v, OUTCOME_LOSSY, "%" PRIu64 " block%s (%s) %s lost by the sender",
			    src->gap_blocks, plural_s(src->gap_blocks),
			    text_size(src->gap_bytes, size, sizeof(size)),
			    plural_were(src->gap_blocks));
	else if (src->discontinuities)
		outcome_say(v, OUTCOME_LOSSY,
			    "data may be missing in %" PRIu64 " place%s, by the sender",
			    src->discontinuities, plural_s(src->discontinuities));
}

static void judge_length(const struct stream *s, struct verdict *v)
{
	const uint64_t expected = s->expect->bytes, bytes = s->result.bytes;

	if (expected && reached(s) > expected)
		outcome_say(v, OUTCOME_WRONG,
			    "more came than the %" PRIu64 " byte%s that %s expected", expected,
			    plural_s(expected), plural_were(expected));
	else if (!s->end && bytes < expected)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " byte%s came, %" PRIu64 " %s expected", bytes,
			    plural_s(bytes), expected, plural_were(expected));
	else if (s->result.unended)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "manifest %s has no last line: the recording did not come to its end",
			    s->expect->manifest);
}

static void judge_recorded(const struct zcdma_check_result *res, struct verdict *v)
{
	char text[256];

	recorded_losses_describe(res->recorded_lost, text, sizeof(text));
	if (!*text)
		snprintf(text, sizeof(text), "it is unknown how much");
	outcome_say(v, OUTCOME_LOSSY,
		    "data was lost while it was recorded: %s, the first at offset %" PRIu64, text,
		    res->lost_offset);
}

static void judge_losses(const struct stream *s, struct verdict *v)
{
	const struct zcdma_check_result res = with_lost_end(s);
	char size[32];

	if (s->result.faults)
		outcome_say(v, OUTCOME_LOSSY, "datagrams (%s) did not come, in %" PRIu64 " place%s",
			    zcdma_size_format(res.missing_bytes, size, sizeof(size)), res.faults,
			    plural_s(res.faults));
	else if (res.lost)
		outcome_say(v, OUTCOME_LOSSY, "%" PRIu64 " datagram%s (%s) did not come", res.lost,
			    plural_s(res.lost),
			    zcdma_size_format(res.lost_bytes, size, sizeof(size)));
	else if (res.recorded_losses)
		judge_recorded(&res, v);
}

/* --expect=complete: a stream that is not known to be complete is not. */
static void judge_expectation(const struct stream *s, struct verdict *v)
{
	/* A ring that is handed over says where its stream ends; bytes do not. */
	const bool handed =
		s->source.handovers && !s->source.copied_bytes && !s->source.kernel_copied_bytes;

	if (!s->expect->complete || v->outcome > OUTCOME_LOSSY)
		return;
	if (v->outcome == OUTCOME_LOSSY) {
		v->outcome = OUTCOME_INCOMPLETE;
	} else if (!s->expect->bytes && !s->expect->manifest && !handed && !s->framed) {
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "--expect=complete: nothing says where the stream should end");
		snprintf(v->hint, sizeof(v->hint), "give --bytes or --manifest");
	}
}

/* Check whether nothing is wrong with a stream of datagrams but that some are missing. */
static bool only_lost(const struct stream *s)
{
	return s->received && s->result.kind[ZCDMA_FAULT_GAP].count == s->result.faults;
}

static void judge(const struct stream *s, struct verdict *v)
{
	void (*const steps[])(const struct stream *, struct verdict *) = {
		judge_checked, judge_frames, judge_length, judge_losses, judge_framed_losses,
	};

	*v = (struct verdict){ .outcome = OUTCOME_CORRECT };
	if (s->rc) {
		outcome_say(v,
			    !s->opened	       ? OUTCOME_UNREAD
			    : s->result.faults ? OUTCOME_WRONG
					       : OUTCOME_INCOMPLETE,
			    "%s", s->error);
		snprintf(v->hint, sizeof(v->hint), "%s", s->hint);
		return;
	}
	if (s->result.faults && !only_lost(s)) {
		fault_judge(&s->result, s->expect, v);
		return;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && v->outcome == OUTCOME_CORRECT;
	     i++)
		steps[i](s, v);
	judge_expectation(s, v);
}

enum outcome verdict_worst(const struct stream *streams, unsigned count)
{
	enum outcome worst = OUTCOME_CORRECT;
	struct verdict v;

	for (unsigned i = 0; i < count; i++) {
		judge(&streams[i], &v);
		worst = v.outcome > worst ? v.outcome : worst;
	}
	return worst;
}

/* With -v, name the places where a stream is wrong, each in a line. */
static void name_places(struct report *r, const struct stream *s)
{
	const uint64_t more =
		s->result.faults > s->fault_count ? s->result.faults - s->fault_count : 0;
	char text[256];

	for (unsigned i = 1; i < s->fault_count; i++) {
		fault_describe(&s->faults[i], text, sizeof(text));
		report_verbose(r, "%s: %s", s->from, text);
	}
	if (more)
		report_verbose(r, "%s: %" PRIu64 " more place%s %s counted, and not listed",
			       s->from, more, plural_s(more), plural_are(more));
	recorded_losses_name(r, s->from, &s->losses);
}

int verdict(struct report *r, const struct stream *streams, unsigned count)
{
	const struct stream *worst = NULL;
	struct verdict v, of_worst = { .outcome = OUTCOME_CORRECT };
	int status;

	for (unsigned i = 0; i < count; i++) {
		judge(&streams[i], &v);
		if (v.outcome <= of_worst.outcome)
			continue;
		of_worst = v;
		worst = &streams[i];
	}
	if (!worst)
		return STATUS_OK;
	status = outcome_status(of_worst.outcome);
	if (worst->rc)
		status = report_system_error(r, status, worst->rc,
					     of_worst.hint[0] ? of_worst.hint : NULL, "%s",
					     of_worst.fault);
	else
		report_error(r, status, of_worst.hint[0] ? of_worst.hint : NULL, "%s: %s",
			     worst->from, of_worst.fault);
	for (unsigned i = 0; i < count; i++)
		name_places(r, &streams[i]);
	return status;
}

/*
 * The report
 */

static void report_datagrams(struct report *r, const struct stream *s)
{
	struct zcdma_check_result res = with_lost_end(s);

	if (!s->end)
		return;
	report_line(r, "datagrams", NULL);
	report_count(r, "datagrams", res.datagrams, " of at most ");
	report_count(r, "datagram_bytes", res.datagram_bytes, " bytes, ended by ");
	report_text(r, "end", s->end, "");
	report_line(r, "lost", NULL);
	report_count(r, "lost_datagrams", res.lost, " (");
	report_bytes(r, "lost_bytes", res.lost_bytes, ")");
	report_line(r, "out of order", NULL);
	report_count(r, "late_datagrams", res.late, " late, ");
	report_count(r, "duplicate_datagrams", res.duplicates, " twice (");
	report_bytes(r, "duplicate_bytes", res.duplicate_bytes, "), ");
	report_count(r, "unplaced_datagrams", res.unplaced, " too short to tell");
}

static void report_manifest(struct report *r, const struct stream *s)
{
	const struct zcdma_check_result *res = &s->result;

	report_line(r, s->expect->manifest ? "blocks" : NULL, NULL);
	report_count(r, "blocks_good", res->blocks_good, " right of ");
	report_count(r, "blocks_expected", res->blocks_expected, " in the manifest, ");
	report_count(r, "blocks", res->blocks, " came");
	if (s->expect->manifest)
		recorded_losses_report(r, res, &s->losses);
}

static struct copies copies_of(const struct stream *s)
{
	return (struct copies){
		.bytes = s->result.bytes,
		.user = s->source.copied_bytes,
		.kernel = s->source.kernel_copied_bytes,
		.unknown = s->source.unknown_bytes,
		.reason = s->copies_reason[0] ? s->copies_reason : NULL,
		.hint = s->copies_hint[0] ? s->copies_hint : NULL,
	};
}

int verdict_check_zerocopy(struct report *r, const struct stream *streams, unsigned count)
{
	int status = STATUS_OK;

	for (unsigned i = 0; i < count && !status; i++) {
		const struct copies c = copies_of(&streams[i]);

		status = copies_check_zerocopy(r, &c);
	}
	return status;
}

void verdict_report(struct report *r, const struct stream *s)
{
	const struct zcdma_check_result *res = &s->result;
	const struct copies copies = copies_of(s);
	struct verdict v;

	judge(s, &v);
	report_line(r, "result", NULL);
	report_text(r, "result", outcome_word(v.outcome), "");
	report_line(r, "received", NULL);
	report_bytes(r, "received_bytes", res->bytes, " from ");
	report_text(r, "from", s->from, " in ");
	report_seconds(r, "elapsed_seconds", s->seconds, ", ");
	report_rate(r, "bytes_per_second", res->bytes, s->seconds, "");
	report_line(r, NULL, NULL);
	report_flag(r, "simulated", s->simulated, "");
	/* Hashes say that something is wrong, and not how much. */
	report_line(r, s->by_hash ? NULL : "wrong", NULL);
	report_bytes(r, "bad_bytes", s->by_hash ? REPORT_UNKNOWN : res->bad_bytes, ", ");
	report_bytes(r, "missing_bytes", s->by_hash ? REPORT_UNKNOWN : res->missing_bytes,
		     " missing, in ");
	report_count(r, "faults", s->by_hash ? REPORT_UNKNOWN : res->faults, " places");
	frames_report_received(r, &s->source);
	copies_report_mapped(r, &s->source);
	fault_report(r, res);
	fault_list(report_array(r, "places"), s->faults, s->fault_count);
	report_manifest(r, s);
	report_datagrams(r, s);
	handover_report(r, s->source.handovers, &copies);
	report_line(r, "cpu", NULL);
	report_seconds(r, "cpu_seconds", s->cpu_seconds, " to receive and check");
}

static void report_row_of(struct report *r, const struct stream *s, const struct verdict *v)
{
	const struct zcdma_check_result res = with_lost_end(s);
	char size[32], lost[32];
	const char *const cells[] = {
		s->from,
		zcdma_size_format(res.bytes, size, sizeof(size)),
		outcome_word(v->outcome),
		v->fault[0] ? v->fault : NULL,
		zcdma_size_format(res.lost_bytes, lost, sizeof(lost)),
	};
	json_t *row = report_row(r, cells), *places = json_array();

	if (s->end)
		json_object_set_new(row, "lost_bytes", json_integer((json_int_t)res.lost_bytes));
	json_object_set_new(row, "received_bytes", json_integer((json_int_t)res.bytes));
	json_object_set_new(row, "faults", json_integer((json_int_t)res.faults));
	fault_list(places, s->faults, s->fault_count);
	json_object_set_new(row, "places", places);
}

void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			unsigned wanted)
{
	static const struct report_column columns[] = {
		{ "from", "FROM" },   { "received", "RECEIVED" }, { "result", "RESULT" },
		{ "fault", "FAULT" }, { "lost", "LOST" },
	};
	enum outcome worst = verdict_worst(streams, count);
	struct verdict v;

	if (count < wanted && worst < OUTCOME_INCOMPLETE)
		worst = OUTCOME_INCOMPLETE;
	report_line(r, "result", NULL);
	report_text(r, "result", outcome_word(worst), "");
	report_table(r, "streams", columns, count && streams[0].end ? 5 : 4);
	for (unsigned i = 0; i < count; i++) {
		judge(&streams[i], &v);
		report_row_of(r, &streams[i], &v);
	}
}
