// SPDX-License-Identifier: GPL-2.0-only
/* Words for the faults of a stream, whether it was received or captured. */
#include "verify/fault.h"

#include <inttypes.h>
#include <stdio.h>

void fault_describe(const struct zcdma_fault *f, char *buf, size_t len)
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
	int n = snprintf(buf, len, "differs at offset %llu: %s of %llu byte%s",
			 (unsigned long long)f->position, words[f->kind].what,
			 (unsigned long long)f->length, f->length == 1 ? "" : "s");

	if (words[f->kind].where)
		snprintf(buf + n, len - (size_t)n, ", from %llu byte%s %s",
			 (unsigned long long)f->distance, f->distance == 1 ? "" : "s",
			 words[f->kind].where);
}

void fault_judge(const struct zcdma_check_result *res, const struct expectation *expect,
		 struct verdict *v)
{
	v->outcome = OUTCOME_WRONG;
	fault_describe(&res->first, v->fault, sizeof(v->fault));
	if (res->other_seed)
		snprintf(v->hint, sizeof(v->hint),
			 "it is the pattern with another seed: --pattern %" PRIu64, res->seed);
	else if (expect->manifest && res->blocks && !res->blocks_good)
		snprintf(v->hint, sizeof(v->hint),
			 "not one block is in the manifest: it is of another run");
}

void fault_judge_unplaced(const struct zcdma_check_result *res, struct verdict *v)
{
	if (res->datagrams && res->unplaced == res->datagrams)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "no datagram shows where it belongs, so nothing was verified");
	else if (res->unplaced)
		outcome_say(v, OUTCOME_INCOMPLETE,
			    "%" PRIu64 " of %" PRIu64 " datagrams %s not checked", res->unplaced,
			    res->datagrams,
			    res->unplaced == 1 ? "does not show where it belongs, and was"
					       : "do not show where they belong, and were");
}

static void report_first(struct report *r, const struct zcdma_fault *f)
{
	report_line(r, NULL, NULL);
	report_count(r, "first_offset", f->position, "");
	report_text(r, "first_kind", zcdma_fault_name(f->kind), "");
	report_count(r, "first_length_bytes", f->length, "");
	report_count(r, "first_distance_bytes", f->distance, "");
}

void fault_report(struct report *r, const struct zcdma_check_result *res)
{
	static const struct {
		const char *count_key, *bytes_key, *after;
	} kinds[ZCDMA_FAULT_KINDS] = {
		[ZCDMA_FAULT_GAP] = { "gap_count", "gap_bytes", " missing)" },
		[ZCDMA_FAULT_REPEAT] = { "repeat_count", "repeat_bytes", ")" },
		[ZCDMA_FAULT_STALE] = { "stale_count", "stale_bytes", ")" },
		[ZCDMA_FAULT_OVERWRITTEN] = { "overwritten_count", "overwritten_bytes", ")" },
		[ZCDMA_FAULT_GARBAGE] = { "garbage_count", "garbage_bytes", ")" },
	};

	for (int k = 0; k < ZCDMA_FAULT_KINDS; k++) {
		report_line(r, res->kind[k].count ? zcdma_fault_name(k) : NULL, NULL);
		report_count(r, kinds[k].count_key, res->kind[k].count, " (");
		report_bytes(r, kinds[k].bytes_key, res->kind[k].bytes, kinds[k].after);
	}
	if (res->faults)
		report_first(r, &res->first);
}

void fault_list(json_t *array, const struct zcdma_fault *faults, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct zcdma_fault *f = &faults[i];
		json_t *place = json_object();

		json_object_set_new(place, "offset", json_integer((json_int_t)f->position));
		json_object_set_new(place, "kind", json_string(zcdma_fault_name(f->kind)));
		json_object_set_new(place, "length_bytes", json_integer((json_int_t)f->length));
		json_object_set_new(place, "distance_bytes", json_integer((json_int_t)f->distance));
		json_array_append_new(array, place);
	}
}
