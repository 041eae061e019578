/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link types of a file that has several: libpcap's handle for each, and the filter in its terms. */
#ifndef ZCDMA_PACKET_LINK_TYPES_H
#define ZCDMA_PACKET_LINK_TYPES_H

#include <pcap/pcap.h>

#include "internal.h"
#include "packet/packet.h"

struct zc_link_type {
	int linktype; /* LINKTYPE_*, as files have it */
	pcap_t *pcap; /* an empty file with it */
	bool filtered;
	struct bpf_program program;
};

struct zc_link_types {
	struct zcdma_ctx *ctx;
	const char *filter; /* or NULL; the caller's */
	unsigned count;
	struct zc_link_type link[64];
};

/* Set the error message of a @filter that @pcap did not compile. Returns -EINVAL. */
int zc_filter_fail(struct zcdma_ctx *ctx, const char *filter, pcap_t *pcap);

/* Find the link of @linktype. Returns 0, or a negative errno with the error message set. */
int zc_link_types_find(struct zc_link_types *l, int linktype, const struct zc_link_type **out);

/* Returns whether the filter takes the packet. */
bool zc_link_type_takes(const struct zc_link_type *link, const struct zc_packet *p);

/* Free what was allocated. */
void zc_link_types_drop(struct zc_link_types *l);

#endif
