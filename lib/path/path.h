/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a path implements, and what paths share. */
#ifndef ZCDMA_PATH_PATH_H
#define ZCDMA_PATH_PATH_H

#include <poll.h>

#include "path/copied.h"
#include "source/source.h"

enum zc_sink {
	ZC_SINK_SOCKET,
	ZC_SINK_PIPE,
	ZC_SINK_FILE, /* whatever else can be written to */
};

struct zc_path_ops;

/* The part that all paths share; a path embeds it as its first member. */
struct zcdma_path {
	const struct zc_path_ops *ops;
	struct zcdma_ctx *ctx;
	const struct zcdma_source *src;
	int fd;	    /* the sink, as zcdma_path_open() got it ... */
	int own_fd; /* ... or a non-blocking description of the same pipe, or -1 */
	enum zc_sink sink;
	bool direct;	     /* the sink is a file with O_DIRECT */
	bool opaque;	     /* the sink is a device, whose driver decides what write() does */
	char sink_name[128]; /* "127.0.0.1:9000", "standard output", "/data/run1.bin" */
	short room_events;   /* what poll() says of .fd when there is room again */
	short watch_events;  /* and when attend() has something to do, whatever is waited for ... */
	bool watched;	     /* ... even where that is not the path */
	int completion_fd; /* readable when there may be a completion; -1: POLLERR of .fd says so */
	bool reapable;	   /* reap() has a block: there is no completion to wait for */
	struct zcdma_handover *handover; /* that zcdma_path_open_handover() got, or NULL */
	enum zcdma_fallback fallback;
	size_t datagram;   /* most bytes of one, where the sink takes datagrams; else 0 */
	size_t batch;	   /* most bytes of a call that sends datagrams: whole ones */
	size_t batch_most; /* what .batch cannot exceed, whatever the datagrams */
	size_t sent;	   /* bytes of the block that send() was busy with */
	unsigned marks;	   /* of the end that were sent */
	bool broken;	   /* the connection is gone, with what was in its queue */
	struct {
		uint64_t bytes, calls;
	} fresh; /* zero-copy completions since the connection was last known to be there */
	struct zc_copied copied;
	struct zcdma_path_stats stats;
};

struct zc_path_ops {
	struct zcdma_path_type type; /* first: path.c finds the operations by it */
	size_t size;		     /* of the path's own struct */
	bool datagrams;		     /* send() keeps to zc_datagram_piece() */
	enum zc_takes takes;	     /* 0: it sends nothing */
	/* Is it to be had on this kernel? NULL: everywhere. 0, or an error with its sentence. */
	int (*probe)(struct zcdma_ctx *ctx);
	int (*open)(
		struct zcdma_path *path); /* NULL: nothing to open. On error, free what was taken */
	int (*send)(struct zcdma_path *path, const struct zcdma_block *b);
	int (*reap)(struct zcdma_path *path, struct zcdma_block *b); /* NULL: send() never queues */
	/*
	 * For paths that collect, or that talk to the other end; NULL: not this one. The caller is about
	 * to sleep: hand on what is held back.
	 */
	void (*flush)(struct zcdma_path *path);
	/* poll() reported @events of .fd. 0, or an error with its sentence. */
	int (*attend)(struct zcdma_path *path, short events);
	int (*finish)(struct zcdma_path *path, bool complete); /* as zcdma_path_finish() */
	void (*close)(struct zcdma_path *path);		       /* NULL: nothing to close */
};

extern const struct zc_path_ops zc_path_copy, zc_path_direct, zc_path_zerocopy, zc_path_vmsplice,
	zc_path_splice, zc_path_sendfile, zc_path_uring, zc_path_uring_fixed, zc_path_null,
	zc_path_handover;

/* zcdma_path_open(), for a path that may not be in the table; @handover is for zc_path_handover. */
int zc_path_new(struct zcdma_ctx *ctx, const struct zc_path_ops *ops, struct zcdma_source *src,
		int fd, enum zcdma_fallback fallback, struct zcdma_handover *handover,
		struct zcdma_path **out);

/*
 * One plain, copying, non-blocking call: as many bytes as the sink takes now, -EAGAIN where it
 * takes none, or an error without a sentence.
 */
ssize_t zc_path_write(struct zcdma_path *path, const void *data, size_t len);

/* Send the rest of @b by plain calls. As zc_path_ops.send(). */
int zc_path_copy_block(struct zcdma_path *path, const struct zcdma_block *b);

/* Count one system call that took @len bytes of @b on their way; true where that is all of it now. */
bool zc_path_took(struct zcdma_path *path, const struct zcdma_block *b, size_t len);

/* The same, of one that brought them to the sink. */
bool zc_path_advance(struct zcdma_path *path, const struct zcdma_block *b, size_t len);

/* Count the same that zc_path_took() has left uncounted. */
void zc_path_arrived(struct zcdma_path *path, size_t len);

/*
 * Count @calls sends of @bytes whose completions say that nothing was copied. A connection that is
 * reset drops what is in its queue, with completions that say the same.
 */
void zc_path_zerocopied(struct zcdma_path *path, uint64_t bytes, uint64_t calls);

/* The sentence, and the cure where it is known, for what @call answered. Returns -@err. */
int zc_path_fail(struct zcdma_path *path, int err, const char *call);

/*
 * The same for an EFAULT on @b's memory: a file that was cut short, or memory that the kernel cannot
 * take pages from. Returns a negative errno.
 */
int zc_path_fault(struct zcdma_path *path, const struct zcdma_block *b, const char *call);

/*
 * Datagrams: one system call makes a batch of them, where the kernel splits it (UDP_SEGMENT), or one.
 */

/* Look whether the sink takes datagrams, and choose their size. 0, or an error with a sentence. */
int zc_datagram_open(struct zcdma_path *path);

/* Can pages be spliced into datagrams here? 0, or an error with a sentence. */
int zc_datagram_splices(struct zcdma_path *path);

/* The path can send no more than @most bytes at once. 0, or an error: a datagram is more. */
int zc_datagram_limit(struct zcdma_path *path, size_t most);

/*
 * How much of @left bytes the next call may take, if not more than @most anyway: whole datagrams, or
 * the rest.
 */
size_t zc_datagram_piece(const struct zcdma_path *path, size_t left, size_t most);

/* @err of a call says that the kernel cannot split here: one by one from now on. True: try again. */
bool zc_datagram_unbatch(struct zcdma_path *path, int err);

/* A call took @n of @len bytes: 0, or an error where that does not end with a datagram. */
int zc_datagram_whole(struct zcdma_path *path, const char *call, size_t n, size_t len);

/* As zcdma_path_finish(). */
int zc_datagram_finish(struct zcdma_path *path, bool complete);

/* A pipe on the way to the sink, for the paths that splice. */
struct zc_transit {
	int rd, wr;
	size_t held; /* bytes in it */
	size_t want; /* as many that make whole datagrams; 0: any number will do */
};

int zc_transit_open(struct zcdma_path *path, struct zc_transit *t);
void zc_transit_close(struct zc_transit *t);

/* Move what the pipe holds on to the sink. 0 when it is empty, -EAGAIN, or an error with a
 * sentence. */
int zc_transit_drain(struct zcdma_path *path, struct zc_transit *t, bool more);

#endif
