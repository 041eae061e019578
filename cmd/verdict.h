/* SPDX-License-Identifier: GPL-2.0-only */
/* What verify says of the streams that it has checked. */
#ifndef VERDICT_H
#define VERDICT_H

#include "report.h"
#include "stream.h"

/* Report what is wrong with the streams, as errors. The exit status. */
int verdict(struct report *r, const struct stream *streams, unsigned count);

/* The report's lines on one stream. */
void verdict_report(struct report *r, const struct stream *s, bool correct);

/* A fault as a sentence's end, into @buf. */
void verdict_describe_fault(const struct zcdma_fault *f, char *buf, size_t len);

/* A table of several streams. */
void verdict_report_all(struct report *r, const struct stream *streams, unsigned count,
			bool correct);

#endif
