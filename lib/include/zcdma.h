/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma - move DMA capture data without copying it
 *
 * A *source* hands out *blocks* of a *ring*; a *path* hands each block to a descriptor; the block
 * goes back to its source when, and only when, the path's rule says that nobody reads its pages any
 * more. "The system call returned" is that proof for one path only: the copying one.
 *
 *	zcdma_source_next() -> zcdma_path_send() -> (zcdma_path_reap()) -> zcdma_source_put()
 *
 * Conventions that hold for every function below, unless it says otherwise:
 *
 * - Errors are returned as a negative errno. The sentence behind it (operation, object, reason) is
 *   zcdma_error(); the cure, where one is known, is zcdma_hint(). A function without a context has
 *   the errno alone.
 * - The library never prints, never exits, and installs no signal handler.
 * - Nothing sleeps but zcdma_wait(), zcdma_connect(), zcdma_accept(), zcdma_path_finish(),
 *   zcdma_receiver_next(), zcdma_handover_find() and zcdma_path_open_handover(), and all of them return -EINTR when
 *   zcdma_interrupt() is called. What the kernel offers no other way for may wait as well: a file's
 *   disk, the look-up of a name (zcdma_connect(), zcdma_listen()), a blocking descriptor that
 *   somebody else gave us, a probe up to 2 s for each way that it tries.
 * - A context and everything made from it belong to one thread at a time; different contexts are
 *   independent. Only zcdma_interrupt() may be called from anywhere.
 * - Lengths and offsets are bytes, times are nanoseconds of CLOCK_MONOTONIC, unless named otherwise.
 * - SIGPIPE: the socket paths never raise it; writing to a pipe without a reader does, so ignore it.
 */
#ifndef ZCDMA_H
#define ZCDMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZCDMA_VERSION "0.1.0"

/*
 * Context
 */

/* What a program's objects share: the last error, and the means to interrupt a wait. */
struct zcdma_ctx;

/* Make a context. The caller owns *@ctx and frees it after everything made from it is closed. */
int zcdma_new(struct zcdma_ctx **ctx);

/* Free a context; NULL is fine. */
void zcdma_free(struct zcdma_ctx *ctx);

/* The sentence of the last error, never NULL. Valid until the next call on @ctx. */
const char *zcdma_error(const struct zcdma_ctx *ctx);

/* What cures the last error, or NULL where that is not known. Valid until the next call on @ctx. */
const char *zcdma_hint(const struct zcdma_ctx *ctx);

/*
 * Make the running wait, and every later one, return -EINTR until zcdma_resume(). Safe to call in a
 * signal handler and from any thread; keeps errno.
 */
void zcdma_interrupt(struct zcdma_ctx *ctx);

/* End what zcdma_interrupt() began. Look at your own flags after this call, not before it. */
void zcdma_resume(struct zcdma_ctx *ctx);

/*
 * Blocks and sources
 */

enum zcdma_block_flags {
	ZCDMA_BLOCK_LOST = 1 << 0, /* data was lost right before this block */
	/*
	 * Set by zcdma_path_reap() alone: whatever the path, put it with ZCDMA_PUT_GIVE, as the process
	 * that it was handed over to has left its pages to somebody.
	 */
	ZCDMA_BLOCK_GIVE = 1 << 1,
	/* Data may be missing right before this block; the device cannot tell how much, or whether. */
	ZCDMA_BLOCK_DISCONTINUITY = 1 << 2,
};

/* One capture buffer of a ring. */
struct zcdma_block {
	const void *data;  /* its bytes in memory, or NULL where the block is only in @fd */
	size_t len;	   /* bytes of data; may be less than the ring's block size */
	uint64_t offset;   /* of its first byte in the source's stream; an overrun makes it jump */
	uint64_t seq;	   /* counts what the device produced, lost blocks included */
	uint64_t time_ns;  /* when the block became full */
	uint32_t index;	   /* in the ring */
	uint32_t flags;	   /* enum zcdma_block_flags */
	int fd;		   /* the file or pipe that holds the bytes too, or -1 */
	int64_t fd_offset; /* where they begin in @fd, or -1 where it is a pipe or a socket */
};

/* What the caller means to do with the blocks, so that the source can provide for it. */
enum zcdma_source_flags {
	/*
	 * Blocks will be put with ZCDMA_PUT_GIVE, as a path with ZCDMA_REUSE_NEVER needs it: the ring
	 * is made so that their pages can be replaced.
	 */
	ZCDMA_SOURCE_GIVE = 1 << 0,
	/*
	 * The caller itself reads the bytes at .data: a file is then read and not mapped, so that
	 * somebody who cuts it short meanwhile cannot raise SIGBUS here.
	 */
	ZCDMA_SOURCE_READ = 1 << 1,
	/* The path takes a block from its descriptor: .data is not needed. */
	ZCDMA_SOURCE_FD = 1 << 2,
	/*
	 * .data may be registered with io_uring, which takes writable mappings only: as a path with
	 * ZCDMA_NEEDS_RING does. No ring is then taken from the writer of a pipe.
	 */
	ZCDMA_SOURCE_WRITE = 1 << 6,
	/* The ring will be handed over to another process: zcdma_path_open_handover(). */
	ZCDMA_SOURCE_SHARE = 1 << 3,
	/*
	 * "-" only: where the writer at the other end of the pipe has a ring, take its blocks and not
	 * their bytes.
	 */
	ZCDMA_SOURCE_HANDOVER = 1 << 4,
	/* The same, and -EOPNOTSUPP where there is no such writer. */
	ZCDMA_SOURCE_HANDOVER_ONLY = 1 << 5,
};

/* How a block comes back to its source. */
enum zcdma_put {
	ZCDMA_PUT_REUSE, /* nobody reads its pages any more: they may be written to */
	ZCDMA_PUT_GIVE,	 /* somebody may: never touch these pages again, take fresh ones */
};

/* What a source of packets came across; else all 0. */
struct zcdma_packet_stats {
	uint64_t packets;	       /* that were read */
	uint64_t dropped;	       /* by the kernel, as they were not read in time */
	uint64_t dropped_by_interface; /* before that */
	/* Of those read, with their payload alone asked for: */
	uint64_t cut;	     /* left out, as the snap length cut their payload */
	uint64_t fragments;  /* left out: pieces of IP packets */
	uint64_t malformed;  /* left out: contradictory lengths, or damaged by their checksum */
	uint64_t others;     /* left out: no UDP, nor TCP where that is looked for */
	uint64_t wrong_sums; /* taken with a wrong checksum, which proved nothing */
	uint64_t flows;	     /* of UDP, each from one address to another, or one of TCP */
	/* Of TCP: */
	uint64_t missing_bytes;	  /* that were sent, and not captured */
	uint64_t differing_bytes; /* that came again as others: the first to come are taken */
	uint64_t zero_sums;	  /* packets with data whose checksum is 0 */
	uint64_t unchecked;	  /* of those, where others of the sender are right: nothing checks their data */
	/* By the sequence numbers in datagrams: */
	uint64_t unnumbered; /* left out: too short to hold one */
	uint64_t lost;	     /* numbers that did not come in time */
	uint64_t late;	     /* left out: they came after that, or before the first */
	uint64_t duplicates; /* left out */
	uint64_t reordered;  /* that waited for one that came later */
	uint64_t restarts;   /* times that the numbers began anew */
	uint64_t overflows;  /* times that there was no room to wait any longer */
};

struct zcdma_source_stats {
	uint64_t blocks;	      /* handed out */
	uint64_t bytes;		      /* in them */
	uint64_t overruns;	      /* blocks the device had to drop, as none was free */
	uint64_t lost_bytes;	      /* in those */
	uint64_t gap_blocks;	      /* lost between the blocks that were handed out */
	uint64_t gap_bytes;	      /* in those */
	uint64_t discontinuities;     /* places where data may be missing, unknown how much */
	uint64_t given_away;	      /* blocks whose pages were replaced */
	uint64_t next_seq;	      /* sequence number that the device is at */
	uint64_t drained;	      /* blocks that were still in flight when they were put */
	uint64_t driver_copied_bytes; /* by the driver, where a splice() had to */
	uint64_t copied_bytes;	      /* that were read into memory of this process */
	uint64_t handovers;	      /* rings taken from the writer at the other end of a pipe */
	const char
		*plain_reason; /* why bytes came instead, or NULL: they did not; the source's own */
	struct zcdma_packet_stats packets;
};

/* What a path takes of a block, and what it asks of the sink. */
enum zcdma_needs {
	ZCDMA_NEEDS_MEMORY = 1 << 0, /* a block's .data */
	ZCDMA_NEEDS_FD = 1 << 1,     /* a block's .fd */
	ZCDMA_NEEDS_OFFSET = 1 << 2, /* and its .fd_offset */
	ZCDMA_NEEDS_SOCKET = 1 << 3, /* the sink is a socket */
	ZCDMA_NEEDS_STREAM = 1 << 4, /* the sink is a socket or a pipe */
	/* .data lies in a ring that can be registered with io_uring: see ZCDMA_SOURCE_WRITE */
	ZCDMA_NEEDS_RING = 1 << 5,
};

/* What a stream has of packets. */
enum zcdma_packets {
	ZCDMA_PACKETS_NONE,
	ZCDMA_PACKETS_WHOLE,	/* a pcap stream of them */
	ZCDMA_PACKETS_PAYLOAD,	/* their payload ... */
	ZCDMA_PACKETS_NUMBERED, /* ... by sequence numbers */
};

struct zcdma_source_info {
	const char *type;  /* "sim", "dev", "file", "pipe", "pcap" */
	const char *name;  /* as the user gave it; the source's own */
	size_t block_size; /* bytes */
	unsigned blocks;   /* in the ring; 0 where there is none */
	size_t page_size;  /* of the ring's memory: what the kernel really gave */
	const char *model; /* of the driver's memory, "compound"; NULL where there is no driver */
	unsigned pieces;   /* contiguous ones that its blocks consist of */
	unsigned offers;   /* of enum zcdma_needs, what its blocks have */
	bool endless;	   /* produces until it is stopped */
	bool lossy;	   /* has overruns when the reader is late */
	bool guarded;	   /* as its kind is */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	int simulated;	   /* nothing of it is measured: 1, 0, or -1 where that is unknown */
	bool privileged;   /* opening it took privileges, which nothing else of it needs */
	enum zcdma_packets packets;
};

/* A kind of source, for lists and help. */
struct zcdma_source_type {
	const char *name;
	const char *syntax; /* "sim:[blocks=N,block=SIZE,...]" */
	const char *summary;
	bool guarded;	    /* waits by itself for pages in flight, however a block is put */
	const char *memory; /* the option that says what its ring is made of, or NULL ... */
	const char *const *memories; /* ... and what that takes, NULL behind the last */
};

struct zcdma_source;

/* The @i-th kind of source, or NULL behind the last. */
const struct zcdma_source_type *zcdma_source_type_at(unsigned i);

/* The kind of source that @spec names, or NULL: none. Nothing is opened. */
const struct zcdma_source_type *zcdma_source_type_of(const char *spec);

/*
 * Open the source that @spec names: "sim:OPTIONS", "dev:PATH,OPTIONS", "file:PATH",
 * "pcap:NAME,OPTIONS", "-" (standard input), or a bare path.
 * @flags: enum zcdma_source_flags. Nothing is produced before zcdma_source_start().
 * -EINVAL: @spec is wrong; -EOPNOTSUPP: there is no such driver here; -ENOENT and the like: what it
 * names.
 */
int zcdma_source_open(struct zcdma_ctx *ctx, const char *spec, unsigned flags,
		      struct zcdma_source **src);

/* The spec to use where none was given: "dev:" where there is such a device, else "sim:". */
const char *zcdma_source_default(void);

/*
 * A source that reads @fd (a pipe, a socket, a regular file at its current position) to its end.
 * @fd stays the caller's, who closes it after the source. @name is for messages, and copied.
 */
int zcdma_source_open_fd(struct zcdma_ctx *ctx, int fd, const char *name, unsigned flags,
			 struct zcdma_source **src);

/* Start the device: its clock, its sequence numbers and its overruns count from here. */
int zcdma_source_start(struct zcdma_source *src);

/*
 * Take the next full block, which is the caller's until zcdma_source_put(). Blocks come in stream
 * order. At most @max bytes are taken from a source that can stop anywhere (a file, a pipe); a
 * ring's block is always whole. 0 is no limit. Returns 1 and fills in *@b; 0 at the end of the
 * stream; -EAGAIN when no block is full yet.
 */
int zcdma_source_next(struct zcdma_source *src, size_t max, struct zcdma_block *b);

/*
 * Give a block back, in any order, each exactly once. Where no fresh pages are to be had for one that
 * is given away, or the source was opened without ZCDMA_SOURCE_GIVE, the next zcdma_source_next()
 * fails with the reason.
 */
void zcdma_source_put(struct zcdma_source *src, const struct zcdma_block *b, enum zcdma_put how);

/* Produce no further block. The full ones can still be taken, then zcdma_source_next() returns 0. */
void zcdma_source_stop(struct zcdma_source *src);

/* Close the source and free its ring; NULL is fine. Every pointer into its blocks dies with it. */
void zcdma_source_close(struct zcdma_source *src);

void zcdma_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats);
void zcdma_source_get_info(struct zcdma_source *src, struct zcdma_source_info *info);

/*
 * Paths
 */

/* What proves that a block may be written to again. */
enum zcdma_reuse {
	ZCDMA_REUSE_DONE,  /* send() or reap() said that it is done */
	ZCDMA_REUSE_NEVER, /* nothing does: its pages are given away */
};

/* A way from a block to a descriptor. */
struct zcdma_path_type {
	const char *name;
	const char *summary;
	unsigned needs; /* enum zcdma_needs */
	enum zcdma_reuse reuse;
	bool tells; /* completions say what was copied after all */
};

enum zcdma_sent {
	ZCDMA_DONE,   /* the whole block is handed over and .reuse applies */
	ZCDMA_QUEUED, /* handed over; zcdma_path_reap() will report the block */
	ZCDMA_BUSY,   /* not all of it: wait for ZCDMA_WAIT_ROOM, then send the same block again */
};

enum zcdma_fallback {
	ZCDMA_FALLBACK_COPY, /* go over to plain sends while the kernel copies anyway */
	ZCDMA_FALLBACK_KEEP, /* keep asking for zero-copy */
};

struct zcdma_path_stats {
	uint64_t bytes;	       /* accepted by the kernel */
	uint64_t calls;	       /* system calls that moved them */
	uint64_t copied_bytes; /* by calls that copy, or below the sink */
	uint64_t copied_calls;
	uint64_t direct_bytes; /* written with O_DIRECT, past the page cache */
	uint64_t
		gathered_bytes; /* copied into memory of the path, as O_DIRECT wants them aligned */
	uint64_t zerocopy_bytes; /* completions said: not copied, and nothing below does */
	uint64_t zerocopy_calls;
	uint64_t fell_back_bytes; /* accepted without a copy, and copied after all */
	uint64_t fell_back_calls;
	uint64_t unknown_bytes; /* it is unknown whether they were copied */
	uint64_t unknown_calls;
	uint64_t pending_bytes; /* no completion yet */
	uint64_t pending_calls;
	uint64_t pending_blocks;  /* QUEUED and not reaped */
	uint64_t datagrams;	  /* that .bytes went in; 0 where the sink takes a stream */
	size_t datagram_bytes;	  /* the most in one; 0 there */
	uint64_t enobufs;	  /* times the kernel had no room for another completion, or pin */
	bool plain;		  /* has gone over to plain sends for now */
	const char *plain_reason; /* why, once that was decided; the path's own */
	const char *plain_hint;	  /* its cure, or NULL */
	/*
	 * Why the kernel copies what the path hands over without a copy, or why that is unknown; the path's
	 * own. NULL: the kernel does not copy, or nothing was sent yet.
	 */
	const char *copies_reason;
	const char *copies_hint; /* what helps, or NULL */
};

struct zcdma_path;

/* The @i-th path, or NULL behind the last. */
const struct zcdma_path_type *zcdma_path_type_at(unsigned i);

/* The path of that name, or NULL. */
const struct zcdma_path_type *zcdma_path_find(const char *name);

/*
 * Is this path to be had on this kernel, for this process? 0, or with a sentence why not -EOPNOTSUPP, or
 * -ENOMEM for a limit.
 */
int zcdma_path_probe(struct zcdma_ctx *ctx, const struct zcdma_path_type *type);

/* How a source for this path has to be opened: enum zcdma_source_flags. Thread-safe. */
unsigned zcdma_path_source_flags(const struct zcdma_path_type *type);

/* Can @src's blocks take this path? 0, or -EINVAL with a sentence why not. */
int zcdma_path_accepts(struct zcdma_ctx *ctx, const struct zcdma_path_type *type,
		       struct zcdma_source *src);

/*
 * Open a path from @src's blocks to @fd, a socket, pipe or file. @fd stays the caller's and is
 * closed by the caller after the path; a socket should be non-blocking (those of zcdma_connect()
 * are).
 * @src must outlive the path.
 */
int zcdma_path_open(struct zcdma_ctx *ctx, const struct zcdma_path_type *type,
		    struct zcdma_source *src, int fd, enum zcdma_fallback fallback,
		    struct zcdma_path **path);

/*
 * Send datagrams of at most @bytes: before the first block, over UDP only. Else it is what the MTU of
 * the way there has room for, down to a multiple of 8; larger ones would be cut into fragments, and are
 * refused.
 */
int zcdma_path_set_datagram(struct zcdma_path *path, size_t bytes);

/*
 * Hand over a block: enum zcdma_sent. After ZCDMA_BUSY the next call must be for the same block.
 * After an error the path can only be finished as not complete, and closed. A part of the block may be
 * in flight then: it must not be put for reuse. Put it with ZCDMA_PUT_GIVE, or leave it to
 * zcdma_source_close().
 */
int zcdma_path_send(struct zcdma_path *path, const struct zcdma_block *b);

/*
 * Report one QUEUED block that is done, in the order of completion: 1 and *@b as it was sent, or 0
 * where there is none now. A broken connection is an error of zcdma_path_send(), not of this.
 */
int zcdma_path_reap(struct zcdma_path *path, struct zcdma_block *b);

/*
 * Nothing more will be sent: wait until the receiver's kernel has acknowledged all that was. Where the
 * stream is @complete a TCP connection ends with a FIN. Where it is not, and from zcdma_path_open() on until
 * everything of a complete one is acknowledged, closing the socket resets the connection: the receiver of
 * a sender that fails, crashes or is killed sees an error, and no end. For other descriptors there is
 * nothing to do.
 * -ECONNRESET, -EPIPE, -ETIMEDOUT: it never arrived.
 * Over UDP nothing tells what has arrived. Where the stream is @complete its end is sent, three times
 * within 50 ms; -ECONNREFUSED: the receiver's machine answered that nobody takes it.
 */
int zcdma_path_finish(struct zcdma_path *path, bool complete);

/*
 * Close the path; NULL is fine. Blocks still QUEUED stay in flight and are not reported any more: they
 * are the ring's loss until zcdma_source_close().
 */
void zcdma_path_close(struct zcdma_path *path);

/*
 * Handing a ring over
 *
 * Two processes with a pipe in between can share the ring instead: its blocks are the reader's until
 * it gives them back. zcdma(7) has the rules. The one that reads needs ZCDMA_SOURCE_HANDOVER alone.
 */

/* A reader that was found at the other end of a pipe. */
struct zcdma_handover;

/*
 * Look for a reader at the other end of the pipe @fd that takes a ring, up to @timeout_ms: 100 is
 * enough for one that is started in the same breath. One that is there is given 3 s to answer.
 * *@flags: how a source for it has to be opened. @fd stays the caller's and must outlive what is made
 * of it. -EOPNOTSUPP with a sentence: there is none, and the pipe takes bytes as ever.
 */
int zcdma_handover_find(struct zcdma_ctx *ctx, int fd, int timeout_ms, unsigned *flags,
			struct zcdma_handover **handover);

/* Leave the reader without a ring: it reads the pipe. NULL is fine. */
void zcdma_handover_free(struct zcdma_handover *handover);

/*
 * Hand @src's ring over, and open the path on which its blocks go. That waits for as long as the reader
 * is busy with another ring. Takes @handover over, with or without success, but for -EINTR: then the
 * answer is still to come, and the same call is to be made again, or both given up. -EOPNOTSUPP with a
 * sentence: @src has no ring to share, or the reader refused it; the pipe takes bytes as ever.
 */
int zcdma_path_open_handover(struct zcdma_handover *handover, struct zcdma_source *src,
			     struct zcdma_path **path);

/*
 * Check whether @src reads the regular file that @fd has open, so that writing to it would destroy the source:
 * itself, or through the program at the other end of its pipe, as far as /proc shows. That program is described
 * in @buf of @len bytes, which is empty otherwise.
 */
bool zcdma_source_reads(const struct zcdma_source *src, int fd, char *buf, size_t len);

const struct zcdma_path_type *zcdma_path_get_type(const struct zcdma_path *path);
void zcdma_path_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *stats);

enum zcdma_wait {
	ZCDMA_WAIT_BLOCK = 1 << 0,	/* a full block, or the end of the stream */
	ZCDMA_WAIT_ROOM = 1 << 1,	/* room in the sink */
	ZCDMA_WAIT_COMPLETION = 1 << 2, /* a completion to reap */
};

/*
 * Sleep until one of @what (enum zcdma_wait) is worth another try. @src or @path may be NULL where
 * @what does not ask for it. @timeout_ms: -1 is for ever.
 * Returns 0; -ETIMEDOUT; -EINTR after zcdma_interrupt().
 * -EPIPE, -EPROTO with a sentence: the reader of a ring that was handed over is gone, or mad.
 */
int zcdma_wait(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_path *path,
	       unsigned what, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
