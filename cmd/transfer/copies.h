/* SPDX-License-Identifier: GPL-2.0-only */
/* The report's lines on how often the data was copied. */
#ifndef TRANSFER_COPIES_H
#define TRANSFER_COPIES_H

#include "cli/report.h"

#include <zcdma.h>

struct copies {
	uint64_t bytes;	  /* of the stream, to each receiver; of those, or of copies of them ... */
	uint64_t user;	  /* ... read into memory of this process */
	uint64_t kernel;  /* ... copied by the kernel on the way out */
	uint64_t unknown; /* ... of which it is unknown whether the kernel copied them */
	/* Where there are several receivers: the stream's bytes, and what of .user and .kernel was copied once for all; or 0. */
	uint64_t stream, user_once, kernel_once;
	bool discards;	    /* nothing was sent, as the path discards what it gets */
	const char *reason; /* why the kernel copies, or why that is unknown; or NULL */
	const char *hint;   /* what helps, or NULL */
};

/* Report what of a connection was mapped, and what had to be copied. */
void copies_report_mapped(struct report *r, const struct zcdma_source_stats *s);

void copies_report(struct report *r, const struct copies *c);

/*
 * Check --expect=zerocopy: data came, and it is known that none of it was copied. Returns 0, or an exit status after an
 * error that has been reported.
 */
int copies_check_zerocopy(struct report *r, const struct copies *c);

#endif
