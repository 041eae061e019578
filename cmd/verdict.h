/* SPDX-License-Identifier: GPL-2.0-only */
/* What verify says of the streams that it has checked. */
#ifndef VERDICT_H
#define VERDICT_H

#include "report.h"
#include "stream.h"

/* Report the worst that is wrong with the streams as an error, with -v every place. Returns the exit status. */
int verdict(struct report *r, const struct stream *streams, unsigned count);

/* The report's lines on one stream. */
void verdict_report(struct report *r, const struct stream *s);

/* A fault as a sentence's end, into @buf. */
void verdict_describe_fault(const struct zcdma_fault *f, char *buf, size_t len);

/* A table of @count streams, of which @wanted should have come. */
void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			unsigned wanted);

#endif
