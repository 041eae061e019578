/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kind of source implements. */
#ifndef ZCDMA_SOURCE_SOURCE_H
#define ZCDMA_SOURCE_SOURCE_H

#include <poll.h>
#include <sys/stat.h>

#include "memory/ring.h"
#include "source/lent.h"
#include "source/pace.h"

struct zc_option;
struct zc_pool;
struct zc_source_ops;

/* The part that all sources share; a kind embeds it as its first member. */
struct zcdma_source {
	const struct zc_source_ops *ops;
	struct zcdma_ctx *ctx;
	char *name;	   /* as the user gave it; owned */
	char *name_set;	   /* with the options that were set since; owned, or NULL */
	int poll_fd;	   /* readable when next() is worth a try; -1: always is */
	short poll_events; /* to poll for */
	bool starved;	   /* all blocks are out: nothing but a put() makes next() worth a try */
	int file_fd;	   /* the file that its blocks are in, or -1 */
	int origin_fd;	   /* what it reads, a file or a pipe, for its identity; or -1 */
	const char *fault_hint; /* a hint for an EFAULT on its memory, or NULL */
	const struct zc_ring
		*ring; /* that can be registered, with ZCDMA_CAP_RING among .info.caps */
	struct zcdma_source_info info;
	struct zcdma_source_stats stats;
	uint64_t next_seq, next_offset; /* of the block that follows without a gap */
	uint64_t
		lost_packets; /* before the block that was taken last, as far as that or an earlier one says */
	uint64_t network_lost_bytes; /* likewise, or ZCDMA_UNKNOWN */

	uint64_t options_seen; /* a bit for each of .ops->options that was set */
	struct zc_pool
		*target; /* the blocks of a device that plays, to be filled in place; or NULL */
	bool repeats;	 /* begins anew where it ends */
	bool direct;	 /* reads with O_DIRECT */
	bool reads;	 /* the program itself reads the blocks' bytes */
	bool active;	 /* the ring is made ... */
	unsigned uses;	 /* ... for these, enum zc_use */
	bool shared;	 /* zcdma_source_prepare_shared() made it, for several paths */
	bool started, stopped;
	bool patient;		/* loses nothing while it has no block, as it then waits */
	bool untold;		/* its descriptor is new, and did not tell what came before */
	struct zc_error failed; /* what ended its stream early, or .rc 0 */
	uint64_t max_bytes, max_blocks; /* 0: no limit */
	struct zc_pace pace;		/* of a file, which is always ready else */
	struct zc_lent lent;
	struct zcdma_path *paths; /* that are open */
	struct zc_watch *watch;	  /* of zcdma_source_fd(), or NULL */
};

struct zc_source_ops {
	struct zcdma_source_type type;
	size_t size;		/* of the kind's own struct */
	bool fills_target;	/* it can fill blocks of .target, unless its stream is framed */
	bool may_read_directly; /* it can read with O_DIRECT */
	bool may_repeat;	/* it can begin anew where it ends */
	const struct zc_source_ops
		*reading; /* what it may become with zc_source_become(), or NULL */
	const struct zc_option *options;
	size_t option_count;
	size_t option_values; /* where the kind's own struct has the values of them */
	size_t address; /* where it has its struct zcdma_addr, which has options too; 0: it has none */
	/* Open what @arg (the spec after "TYPE:") names, without its ring. On error, free what was taken. */
	int (*open)(struct zcdma_source *src, const char *arg);
	/* Make the ring for @uses (enum zc_use). On error, free what was taken here. */
	int (*activate)(struct zcdma_source *src, unsigned uses);
	void (*deactivate)(struct zcdma_source *src); /* free the ring again, before start() */
	int (*start)(struct zcdma_source *src);	      /* NULL: nothing to start */
	int (*next)(struct zcdma_source *src, size_t max, struct zcdma_block *b);
	void (*put)(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how);
	void (*stop)(struct zcdma_source *src); /* or NULL: .stopped is enough */
	/*
	 * Describe in *@desc the ring, which was made for ZC_USE_SHARE, to another process. Returns its descriptor, which stays
	 * the source's, or a negative errno with the error message set. NULL: the source has no ring.
	 */
	int (*share)(const struct zcdma_source *src, struct zc_ring_desc *desc);
	/*
	 * Make a dma-buf of a block. Returns its descriptor, or a negative errno with the error message set. NULL: the
	 * source has no memory of a driver.
	 */
	int (*export_block)(struct zcdma_source *src, const struct zcdma_block *b);
	void (*get_stats)(struct zcdma_source *src, struct zcdma_source_stats *stats); /* or NULL */
	void (*close)(struct zcdma_source *src); /* after deactivate(), where the ring was made */
};

extern const struct zc_source_ops zc_source_sim, zc_source_dev, zc_source_v4l2, zc_source_iio,
	zc_source_read, zc_source_file, zc_source_pipe, zc_source_pcap, zc_source_xdp,
	zc_source_tcp, zc_source_udp, zc_source_stdin, zc_source_memory;

/* While stopping, how often to look whether a producer that goes on has had its time. */
#define ZC_STOPPING_MS 100

/* Allocate a source of a kind, without opening it. */
int zc_source_new(struct zcdma_ctx *ctx, const struct zc_source_ops *ops, const char *name,
		  struct zcdma_source **src);
/* Free a source, without closing it. */
void zc_source_delete(struct zcdma_source *src);

/* Turn an open source into one of the kind @ops, which its kind has as .reading: only the base is kept. */
void zc_source_become(struct zcdma_source *src, const struct zc_source_ops *ops);

/*
 * Make the ring for @uses (enum zc_use), unless it was made for the same. Returns 0, or a negative errno:
 * -EBUSY if it was made for something else and is in use.
 */
int zc_source_activate(struct zcdma_source *src, unsigned uses);

/*
 * Take the next full block, at most @max bytes of it if the source can stop anywhere; 0 means any length.
 * Returns 1 and fills in *@b; 0 at the end of the stream; -EAGAIN if no block is full yet.
 */
int zc_source_take(struct zcdma_source *src, size_t max, struct zcdma_block *b);

/*
 * Give a block back, each exactly once. If fresh pages for ZC_PUT_REPLACE cannot be allocated, or the ring
 * was not made for it, the next zc_source_take() fails with the reason.
 */
void zc_source_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how);

/*
 * Give back a share of a block, whose pages have to be replaced if @replace. The block goes back to its source with the
 * last one.
 */
void zc_source_return(struct zcdma_source *src, struct zc_lent_block *e, bool replace);

/*
 * Find a block that is the caller's. Returns NULL, after an error (-EINVAL) that says @what was asked of it, if it
 * was sent or released before, or is not one of @src.
 */
struct zc_lent_block *zc_source_find_lent(const struct zcdma_source *src,
					  const struct zcdma_block *b, const char *what);

/*
 * Offer @ring, which holds the blocks of @src as long as it exists, to be registered; not if pages are replaced, as a
 * registered buffer would keep the old ones.
 */
void zc_source_offer_ring(struct zcdma_source *src, const struct zc_ring *ring);

/*
 * Describe @ring of @src, whose memory is a memfd, to another process, as .share does. Returns the descriptor, or a
 * negative errno with the error message set.
 */
int zc_source_share_ring(const struct zcdma_source *src, const struct zc_ring *ring,
			 struct zc_ring_desc *desc);

/* Let a pipe source, just allocated, read @fd; with @own, it closes @fd too. */
int zc_pipe_attach(struct zcdma_source *src, int fd, bool own);

/* Deliver in *@b what a block of a pipe source has that is not full yet. Returns whether it has anything. */
bool zc_pipe_next_rest(struct zcdma_source *src, struct zcdma_block *b);

/* Copy a structure of @have bytes to a caller that knows @size bytes of it. */
void zc_copy_sized(void *to, size_t size, const void *from, size_t have);

/* Check whether @st is what the source itself reads. */
bool zc_source_is(const struct zcdma_source *src, const struct stat *st);

/* Open the file that a spec names, to read. The descriptor, or a negative errno. */
int zc_source_open_file(struct zcdma_source *src, const char *path);

#endif
