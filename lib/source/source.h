/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kind of source implements. */
#ifndef ZCDMA_SOURCE_SOURCE_H
#define ZCDMA_SOURCE_SOURCE_H

#include <poll.h>
#include <sys/stat.h>

#include "internal.h"

struct zc_ho_offer;
struct zc_ring;
struct zc_source_ops;

/* The part that all sources share; a kind embeds it as its first member. */
struct zcdma_source {
	const struct zc_source_ops *ops;
	struct zcdma_ctx *ctx;
	char *name;	   /* as the user gave it; owned */
	int poll_fd;	   /* readable when next() is worth a try; -1: always is */
	short poll_events; /* what poll() is to be asked of it */
	bool starved;	   /* all blocks are out: nothing but a put() makes next() worth a try */
	int file_fd;	   /* the file that its blocks are in, or -1 */
	int origin_fd;	   /* what it reads, a file or a pipe, for its identity; or -1 */
	const char *fault_hint; /* what cures an EFAULT on its memory, where more is known */
	const struct zc_ring
		*ring; /* that can be registered, with ZCDMA_NEEDS_RING among the offers */
	struct zcdma_source_info info;
	struct zcdma_source_stats stats;
	uint64_t next_seq, next_offset; /* of the block that follows without a gap */
};

struct zc_source_ops {
	struct zcdma_source_type type;
	size_t size; /* of the kind's own struct */
	/* The kind to use instead where ZCDMA_SOURCE_READ is asked for; NULL: this one ... */
	const struct zc_source_ops *reading;
	/* ... or where what @arg names cannot but be read. Set where .reading is. */
	bool (*must_read)(const char *arg);
	/* And where ZCDMA_SOURCE_HANDOVER is. */
	const struct zc_source_ops *handed;
	/* Open what @arg (the spec behind "TYPE:") names. On error, free what was taken. */
	int (*open)(struct zcdma_source *src, const char *arg, unsigned flags);
	int (*start)(struct zcdma_source *src); /* NULL: nothing to start */
	int (*next)(struct zcdma_source *src, size_t max, struct zcdma_block *b);
	void (*put)(struct zcdma_source *src, const struct zcdma_block *b, enum zcdma_put how);
	void (*stop)(struct zcdma_source *src);
	/*
	 * The ring, for another process to map; NULL: there is none. Its descriptor, which stays the
	 * source's, or a negative errno with its sentence. Opened with ZCDMA_SOURCE_SHARE.
	 */
	int (*share)(const struct zcdma_source *src, struct zc_ho_offer *offer);
	void (*get_stats)(struct zcdma_source *src, struct zcdma_source_stats *stats); /* or NULL */
	void (*close)(struct zcdma_source *src);
};

extern const struct zc_source_ops zc_source_sim, zc_source_dev, zc_source_file, zc_source_file_read,
	zc_source_pipe, zc_source_pcap, zc_source_handover;

/* Allocate a source of a kind, without opening it. */
int zc_source_new(struct zcdma_ctx *ctx, const struct zc_source_ops *ops, const char *name,
		  struct zcdma_source **src);
/* And free it again, without closing it. */
void zc_source_delete(struct zcdma_source *src);

/*
 * Its blocks are in , for all its life: offer it to be registered, unless pages are given away, of
 * which a registered buffer would keep the old ones.
 */
void zc_source_offer_ring(struct zcdma_source *src, const struct zc_ring *ring);

/*
 * Offer its ring, whose memory is a memfd, to another process: a source's .share. The descriptor, or a
 * negative errno with its sentence.
 */
int zc_source_share_ring(const struct zcdma_source *src, const struct zc_ring *ring,
			 struct zc_ho_offer *offer);

/* Let a pipe source, just allocated, read @fd; with @own, it closes @fd too. */
int zc_pipe_attach(struct zcdma_source *src, int fd, bool own, unsigned flags);

/* Check whether @st is what the source itself reads. */
bool zc_source_is(const struct zcdma_source *src, const struct stat *st);

/* Open the file that a spec names, to read. The descriptor, or a negative errno. */
int zc_source_open_file(struct zcdma_source *src, const char *path);

#endif
