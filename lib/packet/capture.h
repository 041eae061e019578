/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets, by libpcap: of an interface, of a file or of a stream that another program writes. */
#ifndef ZCDMA_PACKET_CAPTURE_H
#define ZCDMA_PACKET_CAPTURE_H

#include "internal.h"

struct zc_packets;

struct zc_packets_from {
	const char *iface;   /* live, or NULL and ... */
	const char *path;    /* ... a file, "-" for standard input */
	const char *filter;  /* libpcap's language; NULL: everything */
	uint32_t snaplen;    /* live; 0: whole packets */
	uint64_t ring_bytes; /* live: of the kernel's ring; 0: a default */
};

struct zc_packet {
	uint64_t time_ns;    /* since 1970, if .timed, else 0 */
	bool timed;	     /* a simple packet block of pcapng has no time */
	const uint8_t *data; /* good until the next call */
	uint32_t captured, len;
	int linktype;	    /* a DLT_* of libpcap's */
	uint32_t interface; /* in a file of several: a number from 1; 0: unknown */
	int packet_type;    /* of Linux: PACKET_HOST, PACKET_OUTGOING ...; -1: unknown */
};

struct zc_packets_stats {
	uint64_t received, dropped, dropped_by_interface; /* live only, else 0 */
};

/*
 * Errors have their sentence, in libpcap's own words where they are libpcap's. Privileges that opening
 * an interface took are dropped by the caller.
 */
int zc_packets_open(struct zcdma_ctx *ctx, const struct zc_packets_from *from,
		    struct zc_packets **out);

/*
 * 1 and a packet; 0: the end; -EAGAIN: none now (poll the descriptor); else a negative errno with its
 * sentence. Never waits, but for a file's disk, and for the rest of a packet
 * of which a stream has a part.
 */
int zc_packets_next(struct zc_packets *p, struct zc_packet *packet);

/* Returns the DLT_* of all packets, or -1: it is not known yet, as a file may have several. */
int zc_packets_linktype(const struct zc_packets *p);

/* Report that a file ends in the middle of a packet. Returns -EIO. */
int zc_packets_fail_cut(struct zcdma_ctx *ctx, const char *name);

/* What a pcap file of them begins with, and each packet in it: times are in nanoseconds. */
#define ZC_PACKETS_HEADER 24
#define ZC_PACKET_HEADER  16
int zc_packets_header(const struct zc_packets *p, int linktype, uint8_t header[ZC_PACKETS_HEADER]);
void zc_packet_header(const struct zc_packet *packet, uint8_t header[ZC_PACKET_HEADER]);

/*
 * Refuse packets that zc_frame_parse() does not take apart: now, or at the end of a file that may have several link
 * types. Returns 0, or -EINVAL with the error message set.
 */
int zc_packets_check_linktype(struct zc_packets *p);

/* To poll for POLLIN, or -1: always is worth a try. */
int zc_packets_fd(const struct zc_packets *p);

/* The file, pipe or socket that they are read from, for its identity, or -1. */
int zc_packets_origin(const struct zc_packets *p);

void zc_packets_get_stats(struct zc_packets *p, struct zc_packets_stats *stats);

/* NULL is fine. */
void zc_packets_close(struct zc_packets *p);

#endif
