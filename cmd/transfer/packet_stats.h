/* SPDX-License-Identifier: GPL-2.0-only */
/* The report on a source of packets. */
#ifndef TRANSFER_PACKET_STATS_H
#define TRANSFER_PACKET_STATS_H

#include "cli/report.h"

/* Report the packets in lines. */
void packets_report(struct report *r, struct zcdma_source *src);

/* Check that the payload is whole, as far as it was read. Returns 0, or an exit status after a reported error. */
int packets_check(struct report *r, struct zcdma_source *src);

#endif
