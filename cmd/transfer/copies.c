// SPDX-License-Identifier: GPL-2.0-only
/* The report's lines on how often the data was copied. */
#include "transfer/copies.h"

#include <math.h>

#include <zcdma/util.h>

#include "cli/status.h"

/* Returns how often each byte that a receiver got was copied. @once of @copied was for all receivers. */
static double per_byte(const struct copies *c, uint64_t copied, uint64_t once)
{
	const double each =
		c->bytes && !c->discards ? (double)(copied - once) / (double)c->bytes : NAN;

	return once && c->stream && !c->discards ? each + (double)once / (double)c->stream : each;
}

void copies_report_mapped(struct report *r, const struct zcdma_source_stats *s)
{
	report_line(r, s->mapped_bytes || s->unmapped_bytes ? "mapped" : NULL, NULL);
	report_bytes(r, "mapped_bytes", s->mapped_bytes, " of the connection, and copied ");
	report_bytes(r, "unmapped_bytes", s->unmapped_bytes, "");
}

void copies_report(struct report *r, const struct copies *c)
{
	/* An empty stream has no copies. */
	const char *label = c->bytes && !c->discards ? "copies" : NULL;
	double user = per_byte(c, c->user, c->user_once);

	report_line(r, label, NULL);
	if (c->unknown) {
		report_number(r, "user_copies", user,
			      " of each byte by user space, unknown by the kernel");
		report_line(r, NULL, NULL);
		report_number(r, "kernel_copies", NAN, "");
	} else {
		report_number(r, "user_copies", user, " of each byte by user space, ");
		report_number(r, "kernel_copies", per_byte(c, c->kernel, c->kernel_once),
			      " by the kernel");
	}
	report_line(r, c->reason ? "because" : NULL, NULL);
	report_text(r, "copies_reason", c->reason, "");
	report_line(r, c->hint ? "try" : NULL, NULL);
	report_text(r, "copies_hint", c->hint, "");
	report_line(r, NULL, NULL);
	report_bytes(r, "user_copied_bytes", c->user, "");
	report_bytes(r, "kernel_copied_bytes", c->unknown ? REPORT_UNKNOWN : c->kernel, "");
}

int copies_check_zerocopy(struct report *r, const struct copies *c)
{
	char user[32], kernel[32];

	if (!c->bytes)
		return report_error(r, STATUS_INCOMPLETE, NULL, "--expect=zerocopy: no data came");
	if (c->unknown)
		return report_error(r, STATUS_INCOMPLETE, c->hint,
				    "--expect=zerocopy: it is unknown what was copied%s%s",
				    c->reason ? ": " : "", c->reason ?: "");
	if (!c->user && !c->kernel)
		return STATUS_OK;
	return report_error(r, STATUS_INCOMPLETE, c->hint,
			    "--expect=zerocopy: %s were copied by user space, %s by the kernel%s%s",
			    zcdma_size_format(c->user, user, sizeof(user)),
			    zcdma_size_format(c->kernel, kernel, sizeof(kernel)),
			    c->reason ? ": " : "", c->reason ?: "");
}
