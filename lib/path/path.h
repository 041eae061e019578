/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a path implements, and what paths share. */
#ifndef ZCDMA_PATH_PATH_H
#define ZCDMA_PATH_PATH_H

#include <poll.h>

#include "path/copied.h"
#include "path/sink.h"
#include "source/source.h"
#include "util/watch.h"

struct zc_path_ops;

/* What a call to the sink did with a block. */
enum zc_sent {
	ZC_SENT_DONE, /* took all of it: the proof of .replaces_pages applies, or nothing reads its pages */
	ZC_SENT_QUEUED, /* took all of it: zc_path_reap() will report the block */
	ZC_SENT_BUSY,	/* did not take all of it: try the same block again when there is room */
};

/* A block that zc_path_reap() reports, whatever the path: another process left its pages to something. */
#define ZC_BLOCK_REPLACE (1u << 31)

/* What a wait may be for. */
enum zc_wait {
	ZC_WAIT_BLOCK = 1 << 0,	     /* a full block, or the end of the stream */
	ZC_WAIT_ROOM = 1 << 1,	     /* room in the sink */
	ZC_WAIT_COMPLETION = 1 << 2, /* a completion to reap */
};

/* Blocks that are sent whole and do not count yet, in their order: sent.h. The first one sent has the number 1. */
struct zc_sent_blocks {
	struct zc_sent_block *block; /* a circle of .size, a power of two */
	uint64_t size;
	uint64_t sent, counted; /* numbers of the last ones */
};

struct zc_sends {
	uint64_t bytes, calls;
};

/* The part that all paths share; a path embeds it as its first member. */
struct zcdma_path {
	const struct zc_path_ops *ops;
	struct zcdma_ctx *ctx;
	struct zcdma_source *src;
	struct zcdma_path *next; /* of the same source */
	struct zc_sink sink;
	struct zcdma_handover *handover; /* that zcdma_path_open_handover() got, or NULL */
	struct zc_framing *framing;	 /* of a framed stream, or NULL */
	struct zc_player *
		fetcher; /* the device that fetches what is spliced to it, or NULL: play_splice.c */
	enum zcdma_fallback fallback;
	struct zc_error refusal; /* why the kernel refuses zero-copy sends, or .rc 0 */
	size_t datagram;	 /* most bytes of one, where the sink takes datagrams; else 0 */
	size_t batch;		 /* most bytes of a call that sends datagrams: whole ones */
	size_t batch_most;	 /* what .batch cannot exceed, whatever the datagrams */
	size_t sent;		 /* bytes of the block that send() was busy with */
	unsigned marks;		 /* of the end that were sent */
	bool broken;		 /* the connection is gone, with what was in its queue */
	struct {
		uint64_t limit_ns; /* how long data may go unanswered; 0: as long as TCP lets it */
		uint64_t since_ns, next_ns; /* it has since then; and when to look again */
		bool ended;		    /* so the connection was ended here */
	} gone;
	/* Completions since the connection was last known to be there. */
	struct zc_sends fresh, /* of zero-copy sends ... */
		merged; /* ... and of what was reported together with a send that was copied */
	/* What the last report had merged with its first send, and whether that was copied. */
	struct zc_sends trailing;
	bool trailing_copied, trailing_is_fresh;
	bool differed; /* reports around merged sends: whether those were copied is unknown */
	struct zc_copied copied;
	struct zcdma_path_stats stats;

	/* The rule of reuse: reuse.c. */
	uint32_t first,
		last;	     /* the queue of blocks that are not sent whole: places of .src->lent */
	unsigned queued;     /* how many there are */
	size_t queued_bytes; /* of these */
	unsigned joined;     /* how many of the first ones the send has that was tried last */
	unsigned joined_more; /* blocks in flight beside those that reap() will report */
	size_t join; /* bytes that a send waits for, and that one call has, at most; 0: each block by itself */
	unsigned queue_most; /* how many a send may leave there */
	bool dropped;	     /* nothing more is sent; completions are read */
	bool naps; /* .attend is called every few ms, as no descriptor reports what it looks for */
	int timeout_ms;		/* of a send */
	bool unsafe_reuse;	/* without any proof */
	struct zc_error failed; /* what broke the path off, or .rc 0 */
	struct zcdma_manifest *manifest;
	enum zcdma_gaps gaps;
	struct {
		bool begun, done;
		uint64_t bytes, left;
	} fill; /* zeros before the first block of the queue */
	/* How far the path took blocks, and how far all is written; 0 unless it writes after send(), one block in a call. */
	uint64_t taken, written;
	struct zc_sent_blocks sent_blocks;
	struct zcdma_hist device_to_sent, sent_to_free;
	struct zc_watch *watch; /* of zcdma_path_fd(), or NULL */
};

/* Most descriptors that a path waits for. */
#define ZC_PATH_POLLS 2

/* What is worth to have in one call of most paths. */
#define ZC_JOIN_MOST ((size_t)1 << 20)

struct zc_path_ops {
	struct zcdma_path_type type; /* first: open.c finds the operations by it */
	size_t size;		     /* of the path's own struct */
	bool datagrams;		     /* send() keeps to zc_datagram_piece() */
	/* Bytes of several blocks, whose memory is one, that are worth to have in a send(); 0: it takes one block. */
	size_t join_most;
	enum zc_takes takes; /* 0: it sends nothing */
	/* Check that this kernel supports the path; NULL: every kernel does. Returns 0 or a negative errno. */
	int (*probe)(struct zcdma_ctx *ctx);
	/* NULL: there is nothing to open. On error, free what was taken. */
	int (*open)(struct zcdma_path *path);
	int (*send)(struct zcdma_path *path, const struct zcdma_block *b); /* enum zc_sent */
	/* Report one queued block that is done: 1 and *@b as it was sent, or 0. NULL: send() never queues. */
	int (*reap)(struct zcdma_path *path, struct zcdma_block *b);
	/*
	 * Fill in @p with what to poll for, for room or completions (@what, enum zc_wait). Returns how many
	 * there are. NULL: the sink, as zc_path_poll_sink() does.
	 */
	unsigned (*poll)(const struct zcdma_path *path, unsigned what,
			 struct pollfd p[ZC_PATH_POLLS]);
	/* poll() reported @events of the first of those. Returns 0 or a negative errno. NULL: try again. */
	int (*attend)(struct zcdma_path *path, short events);
	/*
	 * Write zeros, or leave a hole, of at most @len bytes. Returns how many bytes, -EAGAIN without room, or another
	 * negative errno. NULL: the path cannot.
	 */
	int64_t (*zeros)(struct zcdma_path *path, uint64_t len);
	/*
	 * The caller is about to sleep: hand on what is held back. Returns 0, 1 if a block can be reaped already, or a negative
	 * errno. NULL: nothing is held back.
	 */
	int (*flush)(struct zcdma_path *path);
	/* Fill in what the path counts beside .stats; NULL: nothing. */
	void (*get_stats)(const struct zcdma_path *path, struct zcdma_path_stats *stats);
	/*
	 * Give up what is sent, as other paths go on: afterwards nothing of a block that was not sent whole is in flight, and
	 * what is left of the others comes back by reap(). NULL: a connection is reset.
	 */
	void (*drop)(struct zcdma_path *path);
	bool drop_waits; /* afterwards nothing is in flight, so that a path is closed likewise */
	/* As zc_path_end(); or NULL. */
	int (*finish)(struct zcdma_path *path, bool complete, uint64_t deadline_ns);
	void (*close)(struct zcdma_path *path); /* NULL: nothing to close */
};

extern const struct zc_path_ops zc_path_copy, zc_path_direct, zc_path_zerocopy, zc_path_vmsplice,
	zc_path_splice, zc_path_sendfile, zc_path_uring, zc_path_uring_fixed, zc_path_null,
	zc_path_handover;

/* Where a path leads to. */
struct zc_path_to {
	int fd;
	struct zcdma_handover *handover; /* for zc_path_handover, else NULL */
	struct zc_player *fetcher; /* as in struct zcdma_path; the path's only once it is open */
};

/* Open a path that may not be in the table. */
int zc_path_new(struct zcdma_ctx *ctx, const struct zc_path_ops *ops, struct zcdma_source *src,
		const struct zc_path_to *to, struct zcdma_path **out);

/* Set what the path writes to, which has to be of the kind that it needs. Returns 0 or a negative errno. */
int zc_path_set_sink(struct zcdma_path *path, int fd);

/* Close a path that has no blocks any more. */
void zc_path_delete(struct zcdma_path *path);

/* Returns what a path of the type uses the ring of a source for, enum zc_use. */
unsigned zc_path_uses(const struct zcdma_path_type *type);

/*
 * Send a block, or the rest of the one that was not sent whole. Returns enum zc_sent, or a negative errno,
 * after which a part of the block may be in flight.
 */
int zc_path_try(struct zcdma_path *path, const struct zcdma_block *b);

/*
 * Write the zeros that come before @b, the first block of the queue, if there are any. Returns 0 once that is done, -EAGAIN,
 * or another negative errno.
 */
int zc_path_fill(struct zcdma_path *path, const struct zcdma_block *b);

/* Report one queued block that is done, in the order of completion: 1 and *@b as it was sent, or 0. */
int zc_path_reap(struct zcdma_path *path, struct zcdma_block *b);

/*
 * Wait until what was sent is acknowledged, or until @deadline_ns; end the stream if it is @complete. Returns as
 * zcdma_path_finish().
 */
int zc_path_end(struct zcdma_path *path, bool complete, uint64_t deadline_ns);

/* Do so for a connection, which ends if @complete. */
int zc_path_end_connection(struct zcdma_path *path, bool complete, uint64_t deadline_ns);

/* Returns what the path waits for, enum zc_wait. */
unsigned zc_path_wants(const struct zcdma_path *path);

/* The caller is about to sleep: as the operation .flush. */
int zc_path_flush_held(struct zcdma_path *path);

/* Returns whether the path looks at what poll() reports, and has it do so: as the operation .attend. */
bool zc_path_attends(const struct zcdma_path *path);
int zc_path_attend(struct zcdma_path *path, short events);

/* Poll the sink for room, and for errors, which completions are. Returns how many are filled in. */
unsigned zc_path_poll_sink(const struct zcdma_path *path, unsigned what, struct pollfd *p);

/* Fill in what to poll for any path, as the operation .poll does. */
unsigned zc_path_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p);

/* Note an error that breaks the path off. Returns @rc. */
int zc_path_break(struct zcdma_path *path, int rc);

/*
 * Sleep until one of @what (enum zc_wait) is worth another try. @src or @path may be NULL where @what does
 * not ask for it. Returns 0; -ETIMEDOUT; -EINTR after zcdma_interrupt(); or an error of the path.
 */
int zc_wait(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_path *path, unsigned what,
	    int timeout_ms);

/* Sleep until there is a block, or something to do for one of the source's paths. Returns the same. */
int zc_wait_for_block(struct zcdma_source *src, int timeout_ms);

/* Sleep until there is something to do for one of the source's paths. Returns the same. */
int zc_wait_for_paths(struct zcdma_source *src, int timeout_ms);

/* Have the descriptors of zcdma_path_fd() and zcdma_source_fd() wait for what is worth waiting for now. */
void zc_path_watch(struct zcdma_path *path);
void zc_source_watch(struct zcdma_source *src);

/* Paths that a source can have at a time. */
#define ZC_PATHS_MOST 64

/*
 * Write by one plain, copying, non-blocking call. Returns the bytes that the sink took, -EAGAIN if it has no room, or
 * another negative errno without a message.
 */
ssize_t zc_path_write(struct zcdma_path *path, const void *data, size_t len);

/* Send the rest of @b by plain calls. As zc_path_ops.send(). */
int zc_path_copy_block(struct zcdma_path *path, const struct zcdma_block *b);

/* Count one system call that took @len bytes of @b. Returns whether all of @b is taken now. */
bool zc_path_took(struct zcdma_path *path, const struct zcdma_block *b, size_t len);

/* Count a call likewise that brought the bytes to the sink. */
bool zc_path_advance(struct zcdma_path *path, const struct zcdma_block *b, size_t len);

/* Count the same that zc_path_took() has left uncounted. */
void zc_path_arrived(struct zcdma_path *path, size_t len);

/*
 * Count @calls sends of @bytes by what their completion says: that they were @copied, or that nothing was. A connection
 * that is reset drops what is in its queue, with completions that say the same as those before them.
 */
void zc_path_completed(struct zcdma_path *path, uint64_t bytes, uint64_t calls, bool copied);

/*
 * Count sends likewise that were reported together with the one before them: the report is about that one, and says
 * nothing of them (skb_zerocopy_notify_extend() in net/core/skbuff.c). They are taken to be like it, as long as the
 * next report says the same; else it is unknown whether they were copied.
 */
void zc_path_completed_merged(struct zcdma_path *path, uint64_t bytes, uint64_t calls, bool copied);

/* Set the error message, and a hint if one is known, for the error of @call. Returns a negative errno. */
int zc_path_fail(struct zcdma_path *path, int err, const char *call);

/*
 * Set them for an EFAULT on @b's memory: a file that was cut short, or memory that the kernel cannot
 * take pages from. Returns a negative errno.
 */
int zc_path_fault(struct zcdma_path *path, const struct zcdma_block *b, const char *call);

/*
 * Datagrams: one system call makes a batch of them, where the kernel splits it (UDP_SEGMENT), or one.
 */

/* Look whether the sink takes datagrams, and choose their size. Returns 0 or a negative errno. */
int zc_datagram_open(struct zcdma_path *path);

/* Check that pages can be spliced into datagrams here. Returns 0 or a negative errno. */
int zc_datagram_splices(struct zcdma_path *path);

/* Limit calls to @most bytes. Returns 0, or a negative errno if a datagram is larger. */
int zc_datagram_limit(struct zcdma_path *path, size_t most);

/*
 * Returns how much of @left bytes the next call may take, at most @most: whole datagrams, or the rest.
 */
size_t zc_datagram_piece(const struct zcdma_path *path, size_t left, size_t most);

/* Send one datagram in each call from now on, if @err shows that the kernel cannot split. Returns whether to try again. */
bool zc_datagram_unbatch(struct zcdma_path *path, int err);

/* Check that @n of @len bytes, which @call took, end with a datagram. Returns 0 or a negative errno. */
int zc_datagram_whole(struct zcdma_path *path, const char *call, size_t n, size_t len);

/* End a stream of datagrams, as zc_path_end() does. */
int zc_datagram_finish(struct zcdma_path *path, bool complete);

/*
 * Framed streams: each block has a head, and a connection that broke is made anew.
 */

/*
 * Greet the receiver on the connected socket @fd, and wait for its answer. Returns 0, or a negative errno with the error
 * message set.
 */
int zc_framing_new(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int fd,
		   struct zc_framing **framing);
void zc_framing_free(struct zc_framing *framing);

/* Send the head of @b, or what is left of it. Returns 0, -EAGAIN, or another negative errno. */
int zc_framing_head(struct zcdma_path *path, const struct zcdma_block *b);

/* Note that @b was sent whole. */
void zc_framing_sent(struct zcdma_path *path, const struct zcdma_block *b);

/* Returns whether the error @rc is one of the connection that the stream survives: then zc_framing_ready() goes on. */
bool zc_framing_survives(struct zcdma_path *path, int rc);

/*
 * Go on to make the connection anew, if it broke. Returns 0 if it is up, -EAGAIN, or another negative errno.
 */
int zc_framing_ready(struct zcdma_path *path);

/* Returns whether the path's operation .open is undone, as it has no connection. */
bool zc_framing_is_down(const struct zcdma_path *path);
/* Returns whether the connection of a framed stream broke, and the receiver has not answered since. */
bool zc_framing_is_broken(const struct zcdma_path *path);

/* Fill in what to poll for until there is a connection. Returns how many there are: 0 if there is one. */
unsigned zc_framing_poll(const struct zcdma_path *path, struct pollfd p[ZC_PATH_POLLS]);

/* End the stream, as zc_path_end() does. */
int zc_framing_end(struct zcdma_path *path, bool complete, uint64_t deadline_ns);

/* Give the connection up where the other end acknowledges nothing for that long. */
void zc_path_gone_after(struct zcdma_path *path, uint64_t seconds);

/* Returns the ms after which a wait has to call zc_path_look_gone(), or -1. */
int zc_path_gone_timeout(const struct zcdma_path *path);

/* Returns the ms after which a wait for @what has to look at the path whatever its descriptors report, or -1. */
int zc_path_nap(const struct zcdma_path *path, unsigned what);

/* End the connection if that is so: the next call of the path fails. */
void zc_path_look_gone(struct zcdma_path *path);

/*
 * Devices that fetch pages: what a path with .fetcher does in the place of its operations of these names.
 */

int zc_play_flush(struct zcdma_path *path);
unsigned zc_play_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p);
int zc_play_attend(struct zcdma_path *path, short events);
void zc_play_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *s);
int zc_play_finish(struct zcdma_path *path, bool complete, uint64_t deadline_ns);

/* Set the error message for @err of such a path. Returns -@err. */
int zc_play_fail(struct zcdma_path *path, int err);

/* A pipe between a block and the sink, for paths that splice. */
struct zc_splice_pipe {
	int rd, wr;
	size_t held; /* bytes in it */
	size_t want; /* as many that make whole datagrams; 0: any number will do */
};

/* Open the pipe. Returns 0 or a negative errno. */
int zc_splice_pipe_open(struct zcdma_path *path, struct zc_splice_pipe *t);

/* Close the pipe. */
void zc_splice_pipe_close(struct zc_splice_pipe *t);

/* Move what the pipe holds on to the sink. Returns 0 when it is empty, -EAGAIN, or another negative errno. */
int zc_splice_pipe_drain(struct zcdma_path *path, struct zc_splice_pipe *t, bool more);

#endif
