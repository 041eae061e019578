/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets by libpcap, from an interface, a file, or a stream that another program writes. */
#ifndef ZCDMA_PACKET_CAPTURE_H
#define ZCDMA_PACKET_CAPTURE_H

#include "internal.h"
#include "packet/packet.h"

struct zc_capture;

struct zc_capture_options {
	const char *iface;   /* live, or NULL and ... */
	const char *path;    /* ... a file, "-" for standard input */
	const char *filter;  /* in libpcap's language; NULL: all packets */
	uint32_t snaplen;    /* of an interface; 0: whole packets */
	uint64_t ring_bytes; /* of an interface: size of the kernel's ring; 0: a default */
};

struct zc_capture_stats {
	uint64_t received, dropped, dropped_by_interface; /* of an interface, else 0 */
};

/*
 * Open packets to read, of a pipe without reading. The filter stays the caller's. The caller drops the privileges that
 * opening an interface takes. Returns 0, or a negative errno with the error message set, in libpcap's words if the error is
 * libpcap's.
 */
int zc_capture_open(struct zcdma_ctx *ctx, const struct zc_capture_options *from,
		    struct zc_capture **out);

/*
 * Read the next packet. It waits only for a file's disk, and for the rest of a packet that is longer than any has to be.
 * Returns 1; 0 at the end; -EAGAIN if no packet is there yet (poll the descriptor); or a negative errno with the
 * error message set: -EINVAL if a pipe does not begin as a capture does.
 */
int zc_capture_next(struct zc_capture *p, struct zc_packet *packet);

/* Returns the DLT_* of all packets, or -1 if it is not known yet, as a file may have several. */
int zc_capture_linktype(const struct zc_capture *p);

/* Bytes of the header of a pcap file, and of each packet in it. */
#define ZC_CAPTURE_HEADER 24
#define ZC_PACKET_HEADER  16
/* Write the header of a pcap file of these packets. Returns 0, or a negative errno with the error message set. */
int zc_capture_header(const struct zc_capture *p, int linktype, uint8_t header[ZC_CAPTURE_HEADER]);

/* Write the header of a packet in such a file, with its time in nanoseconds. */
void zc_packet_header(const struct zc_packet *packet, uint8_t header[ZC_PACKET_HEADER]);

/*
 * Refuse packets that zc_frame_parse() does not take apart: now, or at the end of a file that may have several link
 * types. Returns 0, or -EINVAL with the error message set.
 */
int zc_capture_check_linktype(struct zc_capture *p);

/* Returns the descriptor to poll for POLLIN, or -1 if reading never waits. */
int zc_capture_fd(const struct zc_capture *p);

/* Returns the file, pipe or socket that is read, for its identity, or -1. */
int zc_capture_origin(const struct zc_capture *p);

/* Set the statistics. */
void zc_capture_get_stats(struct zc_capture *p, struct zc_capture_stats *stats);

/* Close them; NULL is fine. */
void zc_capture_close(struct zc_capture *p);

#endif
