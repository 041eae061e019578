/* SPDX-License-Identifier: GPL-2.0-only */
/* What a source of packets came across. */
#ifndef TRANSFER_PACKET_STATS_H
#define TRANSFER_PACKET_STATS_H

#include "cli/report.h"

/* The report's lines on it. */
void packets_report(struct report *r, struct zcdma_source *src);

/* Is the payload whole, as far as what was read goes? 0, or an exit status after an error. */
int packets_check(struct report *r, struct zcdma_source *src);

#endif
