/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes at offsets of a file, several of which are in flight by io_uring; without it each is done when it is begun.
 * They complete in any order; how far the file is written without a hole is reported in the order of the offsets.
 */
#ifndef ZCDMA_PATH_WRITE_QUEUE_H
#define ZCDMA_PATH_WRITE_QUEUE_H

#include "path/uring_compat.h"

struct zc_ring;

/* Those in flight, and those that are done but not dropped. */
#define ZC_WRITES_MOST (2 * ZCDMA_DEPTH_MOST)

enum zc_write_state {
	ZC_WRITE_FREE,
	ZC_WRITE_BUSY, /* in flight */
	ZC_WRITE_DONE, /* nothing reads its memory any more */
};

struct zc_write {
	enum zc_write_state state;
	uint64_t at; /* in the file */
	const unsigned char *data;
	size_t len, done; /* bytes */
	int err;	  /* a positive errno; 0: all of it is written */
	uint64_t ticket;  /* of the block that .data is in ... */
	bool queued;	  /* ... and that is still to be reported as done */
	bool counted;	  /* for the caller */
	void *buffer;	  /* of the caller's own that .data is in, or NULL */
};

struct zc_write_queue {
	unsigned depth; /* writes in flight, at most */
	bool uring;	/* .ring is open */
	struct io_uring ring;
	struct io_uring_sqe *entry;   /* that the kernel refused, or NULL */
	const struct zc_ring *blocks; /* whose memory is registered ... */
	size_t registered;	      /* ... with this many bytes in each buffer; 0: none is */
	struct zc_write write[ZC_WRITES_MOST]; /* a circle, in the order of their offsets */
	unsigned first, count;
	uint64_t calls; /* system calls that wrote */
};

/* Have one write at a time, by pwrite(). */
void zc_writes_init(struct zc_write_queue *q);

/*
 * Have @depth in flight. @blocks, unless it is NULL, is registered where that is possible.
 * Returns 0, or a negative errno of io_uring_queue_init(), after which nothing has changed.
 */
int zc_writes_set_depth(struct zc_write_queue *q, unsigned depth, const struct zc_ring *blocks);

/* Returns whether another write can be begun. */
bool zc_writes_have_room(const struct zc_write_queue *q);

/* Begin to write @len bytes of @data to @fd at @at. There has to be room. Returns the write. */
struct zc_write *zc_writes_begin(struct zc_write_queue *q, int fd, const void *data, size_t len,
				 uint64_t at);

/* Take what has completed, and go on with what was written in part. */
void zc_writes_look(struct zc_write_queue *q, int fd);

/* Wait until another one has completed, and do the same. */
void zc_writes_wait(struct zc_write_queue *q, int fd);

/* Returns the write of that place in the order of offsets, or NULL after the last. */
struct zc_write *zc_writes_at(struct zc_write_queue *q, unsigned i);

/* Take the first one, which is done, out of the queue. */
void zc_writes_drop(struct zc_write_queue *q);

/* Returns how many writes are in flight. */
unsigned zc_writes_busy(const struct zc_write_queue *q);

/* Wait for the rest, and free what is open. */
void zc_writes_close(struct zc_write_queue *q, int fd);

#endif
