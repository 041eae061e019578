/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a source of the network listens: what tcp: and udp: share. */
#ifndef ZCDMA_SOURCE_ENDPOINT_H
#define ZCDMA_SOURCE_ENDPOINT_H

#include "source/source.h"

struct zc_endpoint {
	struct zcdma_addr addr;
	int fds[ZCDMA_LISTEN_MOST];
	unsigned count;	 /* of .fds that are open */
	char where[512]; /* "127.0.0.1:9000", or several with ", " between them */
	char peer[72];	 /* the sender's address, once there is one */
};

/*
 * Parse "[HOST]:PORT[,OPTIONS]", the spec of @src after its kind: the address into @e, of UDP if @udp, and the options
 * into the source's values. Returns 0, or a negative errno with the error message set.
 */
int zc_endpoint_parse(struct zcdma_source *src, struct zc_endpoint *e, const char *arg, bool udp);

/* Listen, and say where in the source's info. Returns 0, or a negative errno with the error message set. */
int zc_endpoint_listen(struct zcdma_source *src, struct zc_endpoint *e);

/* Close the sockets. */
void zc_endpoint_close(struct zc_endpoint *e);

#endif
