/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is open while packets are read, for those who open it. */
#ifndef ZCDMA_PACKET_CAPTURE_HANDLE_H
#define ZCDMA_PACKET_CAPTURE_HANDLE_H

#include <pcap/pcap.h>

#include "packet/link_types.h"
#include "packet/capture.h"

struct zc_packets {
	struct zcdma_ctx *ctx;
	pcap_t *pcap; /* or NULL: it is a pcapng file */
	char *name;   /* for messages; owned */
	bool live;
	int fd;				 /* to poll, or -1 */
	int origin;			 /* of the file, or -1 */
	uint32_t fraction_ns;		 /* what a time's fraction counts in */
	struct zc_capture_bytes *saved;	 /* the bytes of a file, or NULL */
	struct zc_pcapng *pcapng;	 /* what reads them as pcapng, or NULL */
	struct zc_link_types link_types; /* of .pcapng */
	bool must_know;		 /* an end without a packet of a known link type is an error */
	uint64_t known, unknown; /* packets by that */
	int unknown_linktype;
};

/* Fill in the rest of @p, of which zc_packets_close() frees what was taken on an error too. */
int zc_packets_open_live(struct zc_packets *p, const struct zc_packets_from *from);
int zc_packets_open_saved(struct zc_packets *p, const char *path);

void zc_packets_close_saved(struct zc_packets *p);

#endif
