/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcapng files (draft-ietf-opsawg-pcapng). libpcap reads those whose interfaces have one link type and one snap
 * length, in one section; this reads the others, too.
 */
#ifndef ZCDMA_PACKET_PCAPNG_H
#define ZCDMA_PACKET_PCAPNG_H

#include "packet/capture_bytes.h"
#include "packet/packet.h"

struct zc_pcapng;

/* Returns whether a file that begins with @magic is pcapng. */
bool zc_pcapng_is_magic(const uint8_t magic[4]);

/* Make a reader, without reading. Returns 0, or -ENOMEM with the error message set. */
int zc_pcapng_open(struct zcdma_ctx *ctx, const char *name, struct zc_capture_bytes *saved,
		   struct zc_pcapng **out);

/* Read a file, which is not a pipe, up to its first interface. Returns 0, or a negative errno with the error message set. */
int zc_pcapng_begin(struct zc_pcapng *ng);

/* Free the reader; NULL is fine. */
void zc_pcapng_free(struct zc_pcapng *ng);

/*
 * Read the next packet, whose .linktype is a LINKTYPE_* as files have it. Returns 1; 0 at the end; -EAGAIN if all of it has not
 * come yet; or another negative errno with the error message set.
 */
int zc_pcapng_next(struct zc_pcapng *ng, struct zc_packet *packet);

/* Returns the LINKTYPE_* of the first interface, or -1: the file has none. */
int zc_pcapng_linktype(const struct zc_pcapng *ng);

#endif
