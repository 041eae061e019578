/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The UDP datagrams that arrive at an interface, from AF_XDP sockets: a program on the interface takes them before the
 * network stack does (Documentation/networking/af_xdp.rst in the kernel's source).
 */
#ifndef ZCDMA_NET_XDP_H
#define ZCDMA_NET_XDP_H

#include "internal.h"
#include "packet/packet.h"

struct zc_xdp;

/* The best one first. Each works where the one before is refused. */
enum zc_xdp_mode {
	ZC_XDP_ZEROCOPY, /* the NIC writes into the frames */
	ZC_XDP_NATIVE,	 /* the driver runs the program, the kernel copies into the frames */
	ZC_XDP_GENERIC,	 /* the network stack runs the program, the kernel copies too */
	ZC_XDP_MODES,
};

struct zc_xdp_options {
	const char *iface;
	int queue;	       /* or -1: all */
	uint16_t port;	       /* 0: any */
	enum zc_xdp_mode from; /* the best mode to try */
};

struct zc_xdp_stats {
	uint64_t dropped; /* datagrams, as no frame or no place in a ring was free */
	bool starved; /* the driver had no frame at times: what it dropped is in the NIC's statistics */
};

/*
 * Attach to an interface. Returns 0, or a negative errno with the error message set: -EPERM, -ENODEV, -EBUSY if another
 * program is on it, -EINVAL if it has no such queue or its packets are larger than a frame, -EOPNOTSUPP.
 */
int zc_xdp_open(struct zcdma_ctx *ctx, const struct zc_xdp_options *options, struct zc_xdp **out);

/*
 * Get the next packet; it is valid until the next call. Returns 1; -EAGAIN if none is there (poll the descriptors); or a
 * negative errno with the error message set, when the interface is gone.
 */
int zc_xdp_next(struct zc_xdp *x, struct zc_packet *packet);

/* Returns the @i-th descriptor to poll for POLLIN, or -1 after the last. */
int zc_xdp_fd(const struct zc_xdp *x, unsigned i);

/* Returns the mode that all queues have. */
enum zc_xdp_mode zc_xdp_mode(const struct zc_xdp *x);

/* Returns a mode's name: "zero-copy", "native" or "generic". */
const char *zc_xdp_mode_name(enum zc_xdp_mode mode);

/* Set the statistics. */
void zc_xdp_get_stats(const struct zc_xdp *x, struct zc_xdp_stats *stats);

/* Detach; NULL is fine. */
void zc_xdp_close(struct zc_xdp *x);

#endif
