/* SPDX-License-Identifier: GPL-2.0-only */
/* What verify says of the streams that it has checked. */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include "verify/outcome.h"
#include "cli/report.h"
#include "verify/stream.h"

/* Report the worst that is wrong with the streams as an error, with -v every place. Returns the exit status. */
int verdict(struct report *r, const struct stream *streams, unsigned count);

/* Return the worst outcome of the streams, or OUTCOME_CORRECT where none was started. */
enum outcome verdict_worst(const struct stream *streams, unsigned count);

/* Check --expect=zerocopy for each stream. Returns 0, or an exit status after an error that has been reported. */
int verdict_check_zerocopy(struct report *r, const struct stream *streams, unsigned count);

/* Report one stream in lines. */
void verdict_report(struct report *r, const struct stream *s);

/* Report @count streams, of @wanted that should have come, in a table. */
void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			unsigned wanted);

#endif
