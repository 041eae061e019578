/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handle of packets, for the files that open it. */
#ifndef ZCDMA_PACKET_CAPTURE_HANDLE_H
#define ZCDMA_PACKET_CAPTURE_HANDLE_H

#include <pcap/pcap.h>

#include "packet/link_types.h"
#include "packet/capture.h"

struct zc_capture {
	struct zcdma_ctx *ctx;
	pcap_t *pcap; /* or NULL for a pcapng file, and before the beginning of a pipe has come */
	const char *filter; /* of the caller, or NULL */
	char *name;	    /* for messages; owned */
	bool live;
	int fd;				/* to poll, or -1 */
	int origin;			/* of the file, or -1 */
	uint32_t fraction_ns;		/* the unit of a time's fraction */
	struct zc_capture_bytes *saved; /* the bytes of a file, or NULL */
	unsigned packet_header;	    /* bytes of a packet's header in a pipe, or 0: unknown ... */
	bool swapped;		    /* ... which has the other byte order */
	bool filtered;		    /* in a pipe, packets are taken ... */
	struct bpf_program program; /* ... by this one */
	struct zc_pcapng *pcapng;   /* the reader of a pcapng file, or NULL */
	struct zc_link_types link_types; /* of .pcapng */
	bool must_know;		 /* an end without a packet of a known link type is an error */
	uint64_t known, unknown; /* packets of known and of unknown link types */
	int unknown_linktype;
};

/*
 * Fill in the rest of @p; on an error, too, zc_capture_close() frees it. Return 0, or a negative errno with the error
 * message set.
 */
int zc_capture_open_live(struct zc_capture *p, const struct zc_capture_options *from);
int zc_capture_open_saved(struct zc_capture *p, const char *path);

/*
 * Look at the beginning of a file, which says what it is. Returns 0, -EAGAIN if a pipe does not have it yet, or another
 * negative errno with the error message set.
 */
int zc_capture_begin_saved(struct zc_capture *p);

/* Have libpcap read from a pipe without a wait: returns whether a whole packet is there, or the end. */
bool zc_capture_has_packet(struct zc_capture *p);

/* Close what zc_capture_open_saved() opened. */
void zc_capture_close_saved(struct zc_capture *p);

#endif
