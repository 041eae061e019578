/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways in which pages of a block are still in use after the call that sent them has returned. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <linux/aio_abi.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ring.h"

struct flight {
	const struct way *way;
	uint64_t offset; /* in the stream, of what is on the way */
	size_t bytes;
	int in;	 /* the end where it was put in */
	int out; /* the end where it can be read */
	aio_context_t aio;
};

struct way {
	const char *name;
	/* In bytes, from the block's first one on; all of them are in flight afterwards. */
	size_t bytes;
	void (*leave)(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b);
	/* Everything arrives, and is right. Nothing is in flight any more, or soon will be. */
	void (*arrive)(struct flight *f);
};

extern const struct way flight_ways[];
extern const size_t flight_way_count;

struct flight flight_leave(const struct way *way, const struct ring *r,
			   const struct zcdma_dev_block *b);
void flight_arrive(struct flight *f);

/* The ring's memory must be writable for some of them: the flags to open it with. */
#define FLIGHT_OPEN O_RDWR

/* Two ends of a TCP connection over loopback; the first is small in what it receives unread. */
void flight_tcp_pair(int fd[2]);

/* splice() of all of it, at a position of the ring's or from another descriptor. */
void flight_splice(int from, off64_t *position, int to, size_t bytes);
/* vmsplice() of all of it. */
void flight_vmsplice(const void *from, int to, size_t bytes);
/* Read and compare with the stream. */
void flight_receive(int fd, uint64_t offset, size_t bytes);

#endif /* FLIGHT_H */
