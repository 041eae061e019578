// SPDX-License-Identifier: GPL-2.0-only
/* The report's lines on how often the data was copied. */
#include "transfer/copies.h"

#include <math.h>

static double per_byte(const struct copies *c, uint64_t copied)
{
	return c->bytes ? (double)copied / (double)c->bytes : NAN;
}

void copies_report(struct report *r, const struct copies *c)
{
	const char *label = c->bytes ? "copies" : NULL; /* an empty stream has no copies */
	double user = per_byte(c, c->user);

	if (c->unknown) {
		report_line(r, label,
			    "%D{user_copies} of each byte by user space, unknown by the kernel",
			    user);
		report_line(r, NULL, "%D{kernel_copies}", NAN);
	} else {
		report_line(
			r, label,
			"%D{user_copies} of each byte by user space, %D{kernel_copies} by the kernel",
			user, per_byte(c, c->kernel));
	}
	report_line(r, c->reason ? "because" : NULL, "%S{copies_reason}", c->reason);
	report_line(r, c->hint ? "try" : NULL, "%S{copies_hint}", c->hint);
	report_line(r, NULL, "%B{user_copied_bytes}%B{kernel_copied_bytes}", c->user,
		    c->unknown ? REPORT_UNKNOWN : c->kernel);
}
