/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is open while packets are read, for those who open it. */
#ifndef ZCDMA_PACKET_HANDLE_H
#define ZCDMA_PACKET_HANDLE_H

#include <pcap/pcap.h>

#include "packets.h"

struct zc_saved_stream;

struct zc_packets {
	struct zcdma_ctx *ctx;
	pcap_t *pcap;
	char *name; /* for messages; owned */
	bool live;
	int fd;				/* to poll, or -1 */
	int origin;			/* what they are read from, or -1 */
	struct zc_saved_stream *stream; /* or NULL: no pipe */
	uint32_t fraction_ns;		/* what a time's fraction counts in */
};

/* Fill in the rest of @p, of which zc_packets_close() frees what was taken on an error too. */
int zc_packets_open_live(struct zc_packets *p, const struct zc_packets_from *from);
int zc_packets_open_saved(struct zc_packets *p, const char *path);

/* Is it a stream of which nothing is there now? */
bool zc_packets_saved_is_idle(const struct zc_packets *p);

#endif
