/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An AF_XDP socket on one receive queue of an interface, with its frames (af_xdp.rst in the kernel's source). */
#ifndef ZCDMA_NET_XDP_QUEUE_H
#define ZCDMA_NET_XDP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame begins at a multiple of its size, after which the kernel leaves XDP_PACKET_HEADROOM. */
#define ZC_XDP_FRAME	 4096
#define ZC_XDP_FRAME_MAX (ZC_XDP_FRAME - 256)

/* A ring of single entries, shared with the kernel. */
struct zc_xdp_ring {
	void *map;
	size_t map_len;
	uint32_t *producer, *consumer;
	void *entries;
	uint32_t mask;
};

struct zc_xdp_queue {
	int fd;
	uint8_t *frames;
	size_t frames_len;
	struct zc_xdp_ring fill, received;
	bool held; /* a packet, until the next zc_xdp_queue_next() */
};

/*
 * Open a socket with @frames frames, a power of two, on @queue of the interface; @flags are those of bind(): XDP_ZEROCOPY or
 * XDP_COPY. Returns 0, or a negative errno: -ENOBUFS if RLIMIT_MEMLOCK is too low for the frames.
 */
int zc_xdp_queue_open(struct zc_xdp_queue *q, unsigned ifindex, unsigned queue, uint32_t frames,
		      uint16_t flags);

/* Get the next packet, valid until the next call. Returns 1, or 0 while the ring is empty. */
int zc_xdp_queue_next(struct zc_xdp_queue *q, const uint8_t **data, uint32_t *len);

/* Close it; one that was not opened, with .fd -1 and zeros, is fine. */
void zc_xdp_queue_close(struct zc_xdp_queue *q);

#endif
