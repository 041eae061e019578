// SPDX-License-Identifier: GPL-2.0-only
/* What a manifest says was lost while its data was recorded. */
#include "verify/losses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zcdma/util.h>

#include "cli/plural.h"
#include "cli/report_value.h"
#include "cli/xalloc.h"

/* What is counted of each cause, and how it is said. */
static const struct {
	const char *unit, *where, *key, *bytes_key;
} causes[ZCDMA_LOSS_CAUSES] = {
	[ZCDMA_LOST_DEVICE] = { "block", "by the device", "lost_blocks", "lost_block_bytes" },
	[ZCDMA_LOST_HANDOVER] = { "block", "in the hand-over", "lost_handover_blocks",
				  "lost_handover_bytes" },
	[ZCDMA_LOST_NETWORK] = { "packet", "on the network", "lost_packets", "lost_packet_bytes" },
};

void recorded_losses_keep(struct recorded_losses *losses, const struct zcdma_check *check)
{
	struct zcdma_recorded_loss loss;

	for (; zcdma_check_get_recorded_loss(check, losses->count, &loss); losses->count++) {
		/* In steps of powers of two. */
		if (!(losses->count & (losses->count - 1)) || !losses->count)
			losses->loss = xalloc(reallocarray(
				losses->loss, losses->count ? 2 * (size_t)losses->count : 1,
				sizeof(loss)));
		losses->loss[losses->count] = loss;
	}
}

static size_t describe_one(unsigned cause, const struct zcdma_loss *lost, char *buf, size_t len)
{
	char size[32];

	if (lost->count == ZCDMA_UNKNOWN)
		return (size_t)snprintf(buf, len, "data of unknown length, or none, %s",
					causes[cause].where);
	if (lost->bytes == ZCDMA_UNKNOWN)
		return (size_t)snprintf(buf, len, "%" PRIu64 " %s%s %s", lost->count,
					causes[cause].unit, plural_s(lost->count),
					causes[cause].where);
	return (size_t)snprintf(buf, len, "%" PRIu64 " %s%s (%s) %s", lost->count,
				causes[cause].unit, plural_s(lost->count),
				zcdma_size_format(lost->bytes, size, sizeof(size)),
				causes[cause].where);
}

const char *recorded_losses_describe(const struct zcdma_loss lost[ZCDMA_LOSS_CAUSES], char *buf,
				     size_t len)
{
	size_t used = 0;

	*buf = '\0';
	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES && used < len; i++) {
		if (!lost[i].count)
			continue;
		if (used)
			used += (size_t)snprintf(buf + used, len - used, ", ");
		if (used < len)
			used += describe_one(i, &lost[i], buf + used, len - used);
	}
	return buf;
}

/* Format a time as ISO 8601 has it, "2026-11-26T13:26:16.000000001Z", or as an empty text if it is unknown. */
static const char *format_time(uint64_t ns, char *buf, size_t len)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	*buf = '\0';
	if (!ns || !gmtime_r(&seconds, &tm))
		return buf;
	n = strftime(buf, len, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, len - n, ".%09" PRIu64 "Z", ns % 1000000000u);
	return buf;
}

void recorded_losses_name(struct report *r, const char *from, const struct recorded_losses *losses)
{
	char text[256], when[48];

	for (unsigned i = 0; i < losses->count; i++) {
		const struct zcdma_recorded_loss *loss = &losses->loss[i];

		format_time(loss->time_ns, when, sizeof(when));
		report_verbose(r,
			       "%s: lost at offset %" PRIu64 ", before block %" PRIu64 "%s%s: %s",
			       from, loss->offset, loss->seq, *when ? ", " : "", when,
			       recorded_losses_describe(loss->lost, text, sizeof(text)));
	}
}

static void list(json_t *array, const struct recorded_losses *losses)
{
	char when[48];

	for (unsigned i = 0; i < losses->count; i++) {
		const struct zcdma_recorded_loss *loss = &losses->loss[i];
		json_t *place = json_object();

		json_object_set_new(place, "offset", value_known(loss->offset));
		json_object_set_new(place, "sequence", value_known(loss->seq));
		format_time(loss->time_ns, when, sizeof(when));
		json_object_set_new(place, "time", *when ? json_string(when) : json_null());
		json_object_set_new(place, "filled_bytes", value_known(loss->filled_bytes));
		for (unsigned cause = 0; cause < ZCDMA_LOSS_CAUSES; cause++) {
			const struct zcdma_loss *lost = &loss->lost[cause];

			json_object_set_new(place, causes[cause].key, value_known(lost->count));
			json_object_set_new(place, causes[cause].bytes_key,
					    value_known(lost->bytes));
		}
		json_array_append_new(array, place);
	}
}

void recorded_losses_report(struct report *r, const struct zcdma_check_result *res,
			    const struct recorded_losses *losses)
{
	char text[256];

	recorded_losses_describe(res->recorded_lost, text, sizeof(text));
	report_line(r, res->recorded_losses ? "lost" : NULL, "while it was recorded, in ");
	report_count(r, "recorded_losses", res->recorded_losses, " places, the first at offset ");
	report_count(r, "lost_offset", res->recorded_losses ? res->lost_offset : REPORT_UNKNOWN,
		     ", block ");
	report_count(r, "lost_sequence", res->recorded_losses ? res->lost_seq : REPORT_UNKNOWN, "");
	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES; i++) {
		const struct zcdma_loss *lost = &res->recorded_lost[i];

		report_line(r, NULL, NULL);
		report_count(r, causes[i].key, lost->count, "");
		report_count(r, causes[i].bytes_key, lost->bytes, "");
	}
	report_line(r, *text ? "which are" : NULL, text);
	report_line(r, res->losses_unknown ? "unknown" : NULL, NULL);
	report_count(r, "losses_unknown", res->losses_unknown,
		     " places where it is unknown how much was lost, or whether anything was");
	list(report_array(r, "losses"), losses);
}
