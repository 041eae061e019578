/* SPDX-License-Identifier: GPL-2.0-only */
/* The report on framed streams: what was checked by hashes, and what a broken connection lost. */
#ifndef TRANSFER_FRAMES_H
#define TRANSFER_FRAMES_H

#include <zcdma.h>

#include "cli/report.h"

/* Report the frames that a source received, in lines. */
void frames_report_received(struct report *r, const struct zcdma_source_stats *s);

/* Report the frames that a path sent. */
void frames_report_sent(struct report *r, const struct zcdma_path_stats *s);

/*
 * Check that the data of all frames was what their hashes say. Returns 0, or STATUS_INCOMPLETE after a reported error.
 */
int frames_check(struct report *r, const struct zcdma_source_stats *s);

/* Describe what is wrong in @buf of @len bytes. Returns the hint, or NULL if nothing is wrong. */
const char *frames_describe_wrong(const struct zcdma_source_stats *s, char *buf, size_t len);

/* Describe what a broken connection lost likewise, from the stats of either end. */
const char *frames_describe_lost(uint64_t blocks, uint64_t bytes, char *buf, size_t len);

/* Note that a connection broke, of which there were @breaks, where *@noted says of how many that was noted. */
void frames_note_break(struct report *r, uint64_t breaks, uint64_t *noted, const char *what);

#endif
