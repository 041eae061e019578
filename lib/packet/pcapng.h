/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcapng files (draft-ietf-opsawg-pcapng). libpcap reads those whose interfaces have one link type and one snap
 * length, in one section; this reads the others, too.
 */
#ifndef ZCDMA_PACKET_PCAPNG_H
#define ZCDMA_PACKET_PCAPNG_H

#include "packet/capture.h"
#include "packet/saved.h"

struct zc_ng;

/* Returns whether a file that begins with @magic is pcapng. */
bool zc_ng_is_magic(const uint8_t magic[4]);

/* Read up to the first interface. Returns 0, or a negative errno with the error message set. */
int zc_ng_open(struct zcdma_ctx *ctx, const char *name, struct zc_saved *saved, struct zc_ng **out);

/* NULL is fine. */
void zc_ng_free(struct zc_ng *ng);

/*
 * Read the next packet, whose .linktype is a LINKTYPE_* as files have it. Returns 1, 0 at the end, or a negative errno
 * with the error message set.
 */
int zc_ng_next(struct zc_ng *ng, struct zc_packet *packet);

/* Returns the LINKTYPE_* of the first interface, or -1: the file has none. */
int zc_ng_linktype(const struct zc_ng *ng);

#endif
