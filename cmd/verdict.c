// SPDX-License-Identifier: GPL-2.0-only
/* What verify says of the streams that it has checked. */
#include "verdict.h"

#include <stdio.h>

#include "applet.h"
#include "handover.h"

void verdict_describe_fault(const struct zcdma_fault *f, char *buf, size_t len)
{
	static const struct {
		const char *what, *where;
	} words[ZCDMA_FAULT_KINDS] = {
		[ZCDMA_FAULT_GAP] = { "a gap", NULL },
		[ZCDMA_FAULT_REPEAT] = { "repeated data", "earlier" },
		[ZCDMA_FAULT_STALE] = { "stale data", "earlier" },
		[ZCDMA_FAULT_OVERWRITTEN] = { "overwritten data", "later" },
		[ZCDMA_FAULT_GARBAGE] = { "garbage", NULL },
	};
	int n = snprintf(buf, len, "differs at offset %llu: %s of %llu bytes",
			 (unsigned long long)f->position, words[f->kind].what,
			 (unsigned long long)f->length);

	if (words[f->kind].where)
		snprintf(buf + n, len - (size_t)n, ", from %llu bytes %s",
			 (unsigned long long)f->distance, words[f->kind].where);
}

/* Bytes that came; of datagrams, those of the stream up to the last byte that did. */
static uint64_t reached(const struct stream *s)
{
	return s->end ? s->result.end_offset : s->result.bytes;
}

/* Over UDP what is missing was lost, also behind the last that came. */
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

/* What is wrong with a stream, or NULL: nothing. */
static const char *find_fault(const struct stream *s, char *buf, size_t len)
{
	const struct zcdma_check_result *res = &s->result;

	if (s->rc)
		return s->error;
	if (res->faults)
		verdict_describe_fault(&res->first, buf, len);
	else if (!res->bytes)
		snprintf(buf, len, "no data came, so nothing was verified");
	else if (res->datagrams && res->unplaced == res->datagrams)
		snprintf(buf, len, "no datagram tells where it belongs, so nothing was verified");
	else if (res->unplaced)
		snprintf(
			buf, len,
			"%llu of %llu datagrams do not tell where they belong, and were not checked",
			(unsigned long long)res->unplaced, (unsigned long long)res->datagrams);
	else if (s->expect->bytes && reached(s) > s->expect->bytes)
		snprintf(buf, len, "more came than the %llu bytes that were expected",
			 (unsigned long long)s->expect->bytes);
	else if (!s->end && res->bytes < s->expect->bytes)
		snprintf(buf, len, "%llu bytes came, %llu were expected",
			 (unsigned long long)res->bytes, (unsigned long long)s->expect->bytes);
	else
		return NULL;
	return buf;
}

static int judge_stream(struct report *r, const struct stream *s)
{
	char fault[256], hint[160];
	const char *cure = NULL;

	if (s->rc)
		return report_system_error(r, s->opened ? STATUS_INCOMPLETE : STATUS_ERROR, s->rc,
					   s->hint[0] ? s->hint : NULL, "%s", s->error);
	if (!find_fault(s, fault, sizeof(fault)))
		return STATUS_OK;
	if (s->result.other_seed) {
		snprintf(hint, sizeof(hint), "it is the pattern with another seed: --pattern %llu",
			 (unsigned long long)s->result.seed);
		cure = hint;
	} else if (s->expect->manifest && s->result.blocks && !s->result.blocks_good) {
		cure = "not one block is in the manifest: it is of another run";
	}
	return report_error(r, STATUS_INCOMPLETE, cure, "%s: %s", s->from, fault);
}

int verdict(struct report *r, const struct stream *streams, unsigned count)
{
	int status = STATUS_OK;

	for (unsigned i = 0; i < count; i++) {
		int this = judge_stream(r, &streams[i]);

		if (this > status)
			status = this;
	}
	return status;
}

static void report_kinds(struct report *r, const struct zcdma_check_result *res)
{
	static const char *const lines[ZCDMA_FAULT_KINDS] = {
		[ZCDMA_FAULT_GAP] = "%N{gap_count} (%B{gap_bytes} missing)",
		[ZCDMA_FAULT_REPEAT] = "%N{repeat_count} (%B{repeat_bytes})",
		[ZCDMA_FAULT_STALE] = "%N{stale_count} (%B{stale_bytes})",
		[ZCDMA_FAULT_OVERWRITTEN] = "%N{overwritten_count} (%B{overwritten_bytes})",
		[ZCDMA_FAULT_GARBAGE] = "%N{garbage_count} (%B{garbage_bytes})",
	};

	for (int k = 0; k < ZCDMA_FAULT_KINDS; k++)
		report_line(r, res->kind[k].count ? zcdma_fault_name(k) : NULL, lines[k],
			    res->kind[k].count, res->kind[k].bytes);
}

static void report_datagrams(struct report *r, const struct stream *s)
{
	struct zcdma_check_result res = with_lost_end(s);

	if (!s->end)
		return;
	report_line(r, "datagrams",
		    "%N{datagrams} of at most %N{datagram_bytes} bytes, ended by %S{end}",
		    res.datagrams, res.datagram_bytes, s->end);
	report_line(r, "lost", "%N{lost_datagrams} (%B{lost_bytes})", res.lost, res.lost_bytes);
	report_line(
		r, "out of order",
		"%N{late_datagrams} late, %N{duplicate_datagrams} twice (%B{duplicate_bytes}), %N{unplaced_datagrams} too short to tell",
		res.late, res.duplicates, res.duplicate_bytes, res.unplaced);
}

/* In a word. */
static const char *result(const struct stream *s, bool correct)
{
	if (correct)
		return "correct";
	return s->result.faults || (s->expect->bytes && reached(s) > s->expect->bytes)
		       ? "wrong"
		       : "incomplete";
}

void verdict_report(struct report *r, const struct stream *s, bool correct)
{
	const struct zcdma_check_result *res = &s->result;

	report_line(r, "result", "%S{result}", result(s, correct));
	report_line(r, "received",
		    "%B{received_bytes} from %S{from} in %T{elapsed_seconds}, %R{bytes_per_second}",
		    res->bytes, s->from, s->seconds,
		    s->seconds > 0 ? (double)res->bytes / s->seconds : 0.0);
	report_line(r, "wrong", "%B{bad_bytes}, %B{missing_bytes} missing, in %N{faults} places",
		    res->bad_bytes, res->missing_bytes, res->faults);
	report_kinds(r, res);
	if (res->faults)
		report_line(
			r, NULL,
			"%N{first_offset}%S{first_kind}%N{first_length_bytes}%N{first_distance_bytes}",
			res->first.position, zcdma_fault_name(res->first.kind), res->first.length,
			res->first.distance);
	report_line(r, s->expect->manifest ? "blocks" : NULL,
		    "%N{blocks_good} right of %N{blocks_expected} in the manifest, %N{blocks} came",
		    res->blocks_good, res->blocks_expected, res->blocks);
	report_datagrams(r, s);
	handover_report(r, s->source.handovers, res->bytes, s->source.copied_bytes, 0);
	report_line(r, "cpu", "%T{cpu_seconds} to receive and check", s->cpu_seconds);
}

void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			bool correct)
{
	static const struct report_column columns[] = {
		{ "from", "FROM" },   { "received", "RECEIVED" }, { "result", "RESULT" },
		{ "fault", "FAULT" }, { "lost", "LOST" },
	};
	uint64_t faults = 0;

	for (unsigned i = 0; i < count; i++)
		faults += streams[i].result.faults;
	report_line(r, "result", "%S{result}",
		    correct  ? "correct"
		    : faults ? "wrong"
			     : "incomplete");
	report_table(r, "streams", columns, count && streams[0].end ? 5 : 4);
	for (unsigned i = 0; i < count; i++) {
		struct zcdma_check_result res = with_lost_end(&streams[i]);
		char size[32], lost[32], buf[256];
		const char *fault = find_fault(&streams[i], buf, sizeof(buf));
		const char *const cells[] = {
			streams[i].from,
			zcdma_size_format(streams[i].result.bytes, size, sizeof(size)),
			result(&streams[i], !fault),
			fault,
			zcdma_size_format(res.lost_bytes, lost, sizeof(lost)),
		};
		json_t *row = report_row(r, cells);

		if (streams[i].end)
			json_object_set_new(row, "lost_bytes",
					    json_integer((json_int_t)res.lost_bytes));
		json_object_set_new(row, "received_bytes",
				    json_integer((json_int_t)streams[i].result.bytes));
		json_object_set_new(row, "faults",
				    json_integer((json_int_t)streams[i].result.faults));
	}
}
