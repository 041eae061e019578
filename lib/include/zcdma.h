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
 * Who holds the other end of the pipe @fd, for messages: "pv (process 123)", in @buf of @len bytes;
 * NULL where that cannot be seen. Looks through /proc, which takes its time.
 */
const char *zcdma_pipe_holder(int fd, char *buf, size_t len);

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

/*
 * Addresses and sockets
 */

/*
 * "host:port", "[::1]:9000" or ":9000" (every address), taken apart. TCP, or UDP where "udp:" comes
 * before it.
 */
struct zcdma_addr {
	char host[256]; /* empty: every address; an interface may follow: "fe80::1%eth0" */
	char port[32];
	bool udp;
	char congestion
		[16]; /* control of a TCP connection to it, such as "reno"; empty: the system's */
};

/* Take @text apart. 0, or -EINVAL with a sentence in zcdma_error(). Looks nothing up. */
int zcdma_addr_parse(struct zcdma_ctx *ctx, const char *text, struct zcdma_addr *addr);

/*
 * Connect to a receiver (non-blocking). Returns the socket, which is the caller's. Closing it resets the
 * connection until zcdma_path_finish() has ended the stream. Over UDP nobody need be there.
 */
int zcdma_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/* The most sockets that a receiver can have: of a name with more addresses, the first ones. */
#define ZCDMA_LISTEN_MOST 16

/*
 * Listen on every address of @addr that this machine has, which its name may have several of; of a multicast
 * group, join it. For zcdma_accept_any(), or over UDP for zcdma_receiver_open(). Puts the sockets, which are the
 * caller's, into @fds with room for @room. Returns how many there are.
 */
int zcdma_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds, unsigned room);

/* Listen on the first of them only. Returns the socket, which is the caller's. */
int zcdma_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/*
 * Take the next connection of any of @count listening sockets. Returns the connection's socket, which is the
 * caller's, and puts the other end's address into @peer of @len bytes, as zcdma_sockname() does; @peer may be
 * NULL.
 */
int zcdma_accept_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, char *peer, size_t len);

/* The same with one listening socket. */
int zcdma_accept(struct zcdma_ctx *ctx, int fd, char *peer, size_t len);

/*
 * A socket's own (@peer false) or other end's address as "127.0.0.1:9000", or "udp:127.0.0.1:9000",
 * into @buf; "?" if none.
 */
const char *zcdma_sockname(int fd, bool peer, char *buf, size_t len);

/*
 * Datagrams
 *
 * Over UDP each block goes as datagrams that hold nothing of another one, all of the same size but its
 * last. A datagram of 0 bytes ends the stream: zcdma_path_finish() sends it three times, as it may be
 * lost like any other.
 */

struct zcdma_receiver;

/* One that came. Valid until the next call. */
struct zcdma_datagram {
	const void *data;
	size_t len;
	const char *from; /* the sender's address: "127.0.0.1:9000" */
};

/* Receive from the @count UDP sockets @fds, of zcdma_listen_all(), which stay the caller's. */
int zcdma_receiver_open(struct zcdma_ctx *ctx, const int *fds, unsigned count,
			struct zcdma_receiver **receiver);

/*
 * Take the next datagram, and wait for it up to @timeout_ms; -1 is for ever. 0, -ETIMEDOUT, -EINTR
 * after zcdma_interrupt().
 */
int zcdma_receiver_next(struct zcdma_receiver *receiver, int timeout_ms, struct zcdma_datagram *d);

/*
 * Datagrams that the kernel dropped since the socket is there, as they came faster than they were taken,
 * from whomever. @buffer, where not NULL: the bytes that it could hold.
 */
uint64_t zcdma_receiver_drops(const struct zcdma_receiver *receiver, size_t *buffer);

/* NULL is fine. */
void zcdma_receiver_close(struct zcdma_receiver *receiver);

/* Sizes */

/*
 * Read a size: a whole number, then nothing, K M G T or KiB MiB GiB TiB (powers of 1024), or kB MB
 * GB TB (powers of 1000). 0, -EINVAL (not a size), or -ERANGE (too large for 64 bits). Thread-safe.
 */
int zcdma_size_parse(const char *text, uint64_t *size);

/* Write @bytes for a person, "1.50 GiB", into @buf of @len bytes, and return it. Thread-safe. */
const char *zcdma_size_format(uint64_t bytes, char *buf, size_t len);

/*
 * Pattern and checks
 */

/*
 * Fill @buf with the pattern from stream offset @offset on: every aligned 64-bit little-endian word
 * holds its own stream offset divided by 8, xored with @seed. Neither @offset nor @len need be
 * multiples of 8. Thread-safe.
 */
void zcdma_pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed);

/* How many bytes at the start of @buf follow the pattern: @len where all do. Thread-safe. */
size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed);

/* What can be wrong with a stream. */
enum zcdma_fault_kind {
	ZCDMA_FAULT_GAP,	 /* data is missing */
	ZCDMA_FAULT_REPEAT,	 /* data came again, then the stream went on */
	ZCDMA_FAULT_STALE,	 /* older data stands in the place of the right data */
	ZCDMA_FAULT_OVERWRITTEN, /* newer data stands there: the block was overwritten in flight */
	ZCDMA_FAULT_GARBAGE,	 /* no data of this stream */
	ZCDMA_FAULT_KINDS
};

struct zcdma_fault {
	enum zcdma_fault_kind kind;
	uint64_t position; /* of its first byte in what was received */
	uint64_t length;   /* bytes missing (GAP), or wrong */
	uint64_t distance; /* bytes by which the data is too old or too new; 0 for GAP, GARBAGE */
};

struct zcdma_check_result {
	uint64_t bytes;		  /* received */
	uint64_t unseen_bytes;	  /* that were skipped: not received here, and no fault */
	uint64_t bad_bytes;	  /* of those, wrong */
	uint64_t missing_bytes;	  /* in gaps */
	uint64_t faults;	  /* all kinds */
	struct zcdma_fault first; /* valid where .faults is not 0 */
	struct {
		uint64_t count;
		uint64_t bytes;
	} kind[ZCDMA_FAULT_KINDS];
	bool other_seed;	  /* it is a pattern, but with ... */
	uint64_t seed;		  /* ... this seed */
	uint64_t blocks;	  /* manifest: blocks checked */
	uint64_t blocks_good;	  /* manifest: of those, right */
	uint64_t blocks_unseen;	  /* manifest: not checked, as not all of them was seen */
	uint64_t blocks_expected; /* manifest: blocks that it lists */
	bool unended;		  /* manifest: its last line is missing, so the recording failed */
	uint64_t blocks_lost;	 /* manifest: while it was recorded, by the sequence numbers; ... */
	uint64_t lost_seq;	 /* ... of the first, its number, and ... */
	uint64_t lost_offset;	 /* ... where in the stream it is missing */
	uint64_t datagrams;	 /* that came; of those ... */
	uint64_t datagram_bytes; /* the largest */
	uint64_t late;		 /* ... after one that was sent later */
	uint64_t duplicates;	 /* ... with nothing but what had come before */
	uint64_t duplicate_bytes;
	uint64_t unplaced; /* ... too short to tell where they belong, even together: not checked */
	uint64_t lost;	   /* that did not come, judged from the next line and the largest */
	uint64_t lost_bytes; /* before .end_offset */
	uint64_t end_offset; /* in the sent stream, behind the last byte that came */
};

/* A check of one stream. */
struct zcdma_check;

/* The name of a kind of fault: "gap", "repeat", ... Thread-safe. */
const char *zcdma_fault_name(enum zcdma_fault_kind kind);

/* Begin a check against the pattern with @seed. */
int zcdma_check_pattern(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/*
 * Begin a check against the manifest in @path. Where its last line is missing, data after its last block is
 * not checked. Returns 0, or -EINVAL if it is not a manifest.
 */
int zcdma_check_manifest(struct zcdma_ctx *ctx, const char *path, struct zcdma_check **check);

/*
 * Begin a check of datagrams that follow the pattern with @seed. Each goes to zcdma_check_feed() by
 * itself. They tell where they belong, so one that is lost, comes late or twice is counted and no
 * fault; what is not of the stream, or of several places of it, is.
 */
int zcdma_check_datagrams(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/* Check the stream's next @len bytes, or its next datagram. */
int zcdma_check_feed(struct zcdma_check *check, const void *data, size_t len);

/*
 * So many bytes of the stream were sent, and not seen here: they are no fault, and what is fed next comes
 * behind them. UINT64_MAX: all the rest, however much that is. Of datagrams it means nothing.
 */
int zcdma_check_skip(struct zcdma_check *check, uint64_t len);

/* The stream has ended: close open faults, so that the result is final. */
int zcdma_check_end(struct zcdma_check *check);

/* What has been found so far. */
void zcdma_check_get_result(const struct zcdma_check *check, struct zcdma_check_result *result);

/* Faults that a check remembers, and not only counts. */
#define ZCDMA_FAULTS_KEPT 64

/*
 * Get the @i-th fault, in the order of positions. Returns 1, or 0: there are no more, or they were only
 * counted. Those near the end
 * are among them after zcdma_check_end().
 */
int zcdma_check_get_fault(const struct zcdma_check *check, unsigned i, struct zcdma_fault *fault);

/* Free a check; NULL is fine. */
void zcdma_check_free(struct zcdma_check *check);

/*
 * Manifest: one line of text per block (sequence, offset in the output, length, XXH3), for checking
 * data that follows no pattern.
 */
struct zcdma_manifest;

/* Create the manifest @path, which must not be a directory. */
int zcdma_manifest_create(struct zcdma_ctx *ctx, const char *path, struct zcdma_manifest **m);

/* The same in what @fd has open, which is @name in messages and stays the caller's. */
int zcdma_manifest_create_fd(struct zcdma_ctx *ctx, int fd, const char *name,
			     struct zcdma_manifest **m);

/* Write a line that says something to a person. @text must not begin with "end". */
void zcdma_manifest_comment(struct zcdma_manifest *m, const char *text);

/* Add a block's bytes, in the order in which they are written. Reads .data. */
int zcdma_manifest_add(struct zcdma_manifest *m, const struct zcdma_block *b);

/*
 * Write the last line, without which a manifest counts as cut short, and close it, also on error. It
 * tells of the blocks that were added, whatever became of the rest.
 */
int zcdma_manifest_close(struct zcdma_manifest *m);

/* Close it without that line, as the data is not complete. NULL is fine. */
void zcdma_manifest_abandon(struct zcdma_manifest *m);

/*
 * On the wire
 *
 * Packets that were captured, from an interface or a file: each direction of a TCP connection is put in order
 * by its sequence numbers and checked, and so are datagrams. What is sent again is compared with what was sent
 * first: other bytes there were written to in flight, whatever the stream is. Bytes that were not captured are
 * unseen, and no fault. Memory is bounded, whatever comes.
 *
 *	zcdma_wire_open() -> zcdma_wire_run() ... -> zcdma_wire_end() -> zcdma_wire_next_stream() ...
 */
struct zcdma_wire;
struct zcdma_wire_stream;

struct zcdma_wire_options {
	const char *iface;    /* to capture from, which takes privileges; or NULL and ... */
	const char *file;     /* ... a capture of pcap or pcapng; "-": standard input */
	unsigned port;	      /* of either end; 0: every connection */
	size_t buffer_bytes;  /* of the kernel's ring; 0: a default */
	bool any_checksum;    /* take packets whose checksum proves that they were damaged */
	bool unchecked;	      /* only follow the streams; else check them against ... */
	const char *manifest; /* ... this or, where it is NULL, ... */
	uint64_t seed;	      /* ... the pattern with this seed */
	uint64_t block_bytes; /* to tell the block of an offset; unless the manifest does */
	/* Called with @arg before a stream is dropped from the list, as the list is full; may be NULL. */
	void (*dropped)(void *arg, const struct zcdma_wire_stream *stream);
	void *arg;
};

enum zcdma_wire_end {
	ZCDMA_WIRE_OPEN,  /* the capture ended first */
	ZCDMA_WIRE_FIN,	  /* its end was captured; of datagrams, their mark */
	ZCDMA_WIRE_RESET, /* the connection broke off */
	ZCDMA_WIRE_ENDS
};

/* One direction of a connection, which carried data. */
struct zcdma_wire_stream {
	char from[64], to[64]; /* "127.0.0.1:9000" */
	bool udp;
	bool from_start; /* its SYN was captured: offsets are the stream's */
	bool checked;	 /* .result is valid */
	enum zcdma_wire_end end;
	uint64_t packets;      /* with data */
	uint64_t bytes;	       /* of the stream, with those unseen */
	uint64_t unseen_bytes; /* of those, that were not captured, or too late to be checked */
	uint64_t cut_bytes;    /* of packets, beyond the snap length */
	uint64_t copies; /* packets captured more than once, as at a bridge; not in the next */
	uint64_t retransmitted; /* packets with bytes that had come before */
	uint64_t retransmitted_bytes;
	uint64_t differing; /* of those packets: where the bytes were others */
	uint64_t differing_bytes;
	uint64_t
		uncompared_bytes; /* retransmitted; what came first was not captured, or forgotten */
	uint64_t out_of_order;	  /* packets with bytes that come before others that had come */
	uint64_t late_bytes;	  /* captured when they counted as unseen already */
	uint64_t keepalives;
	uint64_t given_up;	 /* times that what is missing could be waited for no longer */
	uint64_t strayed;	 /* packets too far from the others: not followed */
	uint64_t ignored_resets; /* RST that the receiver did not believe (RFC 5961, 3) */
	struct zcdma_check_result result;
};

/* A packet that was sent again with other bytes. */
struct zcdma_wire_difference {
	char from[64], to[64];
	uint32_t seq;	      /* TCP's, of the first byte that differs */
	uint64_t offset;      /* of it in the stream */
	uint64_t block;	      /* that it is in; UINT64_MAX: nothing tells */
	uint64_t bytes;	      /* that differ in this packet */
	uint8_t first, again; /* the byte's values */
};

struct zcdma_wire_stats {
	uint64_t packets;	      /* captured; of those ... */
	uint64_t packet_bytes;	      /* ... on the wire */
	uint64_t tcp, udp;	      /* ... of connections that were asked for */
	uint64_t elsewhere;	      /* ... of others, and what is neither */
	uint64_t fragments;	      /* ... pieces of IP packets, which are not put together */
	uint64_t cut;		      /* ... without all of their headers */
	uint64_t malformed;	      /* ... that contradict themselves */
	uint64_t unfollowed;	      /* ... of connections for which there was no room */
	uint64_t checksums_right;     /* TCP's and UDP's */
	uint64_t checksums_offloaded; /* left to the network card */
	uint64_t checksums_wrong;
	uint64_t damaged; /* packets that were left out, as a wrong checksum proves damage */
	uint64_t checksums_unknown;  /* not all of the packet was captured, or it has none */
	uint64_t connections, ended; /* and of those with data, how many came to an end */
	uint64_t ignored_syns;	     /* that began no connection (RFC 5961, 4) */
	uint64_t unlisted; /* streams dropped from the list: first those with nothing to report */
	uint64_t differences;			/* in all streams */
	uint64_t dropped, dropped_by_interface; /* before they could be captured */
	uint64_t first_ns, last_ns; /* since 1970: the earliest packet's time, the latest one's */
};

/*
 * Open a capture. -EPERM, -EACCES: no privilege for that interface. Privileges that opening took may be given
 * up afterwards.
 */
int zcdma_wire_open(struct zcdma_ctx *ctx, const struct zcdma_wire_options *options,
		    struct zcdma_wire **wire);

/*
 * Take packets, for some 10 ms at most where many come, and wait for the first up to @timeout_ms; -1 is for
 * ever. 1; 0 at the end of the file; -ETIMEDOUT; -EINTR after zcdma_interrupt(). A file that is cut short is an
 * error at its end: what was before is followed.
 */
int zcdma_wire_run(struct zcdma_wire *wire, int timeout_ms);

/* Nothing more is taken: the results are final. */
int zcdma_wire_end(struct zcdma_wire *wire);

void zcdma_wire_get_stats(struct zcdma_wire *wire, struct zcdma_wire_stats *stats);

/* The next stream, the oldest first: 1 and *@stream, or 0 behind the last, and then from the first on again. */
int zcdma_wire_next_stream(struct zcdma_wire *wire, struct zcdma_wire_stream *stream);

/* The @i-th difference: 1 and *@d, or 0: there are no more, or there was no room to remember it. */
int zcdma_wire_get_difference(const struct zcdma_wire *wire, unsigned i,
			      struct zcdma_wire_difference *d);

/* NULL is fine. */
void zcdma_wire_close(struct zcdma_wire *wire);

/* The interface that a connected socket sends through. */
struct zcdma_nic {
	char name[16];	 /* "eth0" */
	char driver[32]; /* "e1000e"; empty where it does not say */
	unsigned mtu;
	bool scatter_gather, checksum, segmentation; /* it does them itself; TSO is the last */
};

/* Fill in *@nic for the socket @fd. 0 or a negative errno; -ENODEV: none has its address. */
int zcdma_nic_of(int fd, struct zcdma_nic *nic);

/*
 * Latency histogram: 16 steps to a power of two, so a quantile is at most 6.25 % too high.
 */
#define ZCDMA_HIST_STEPS   16
#define ZCDMA_HIST_BUCKETS (61 * ZCDMA_HIST_STEPS)

struct zcdma_hist {
	uint64_t count;
	uint64_t max;
	uint64_t bucket[ZCDMA_HIST_BUCKETS];
};

/* Count one value. All-zero is an empty histogram. */
void zcdma_hist_add(struct zcdma_hist *h, uint64_t value);

/* The value that a share @q (0 to 1) of all values does not exceed; 0 for an empty histogram. */
uint64_t zcdma_hist_quantile(const struct zcdma_hist *h, double q);

/*
 * Probe: what is a mapping, and which ways out of it does the kernel accept?
 */

enum zcdma_way {
	ZCDMA_WAY_SEND,	      /* send() */
	ZCDMA_WAY_ZEROCOPY,   /* send(MSG_ZEROCOPY) */
	ZCDMA_WAY_VMSPLICE,   /* vmsplice() */
	ZCDMA_WAY_DIRECT,     /* write() to a file opened with O_DIRECT */
	ZCDMA_WAY_REGISTERED, /* io_uring's registered buffers */
	ZCDMA_WAYS
};

enum zcdma_answer {
	ZCDMA_ANSWER_UNTRIED, /* .text says why */
	ZCDMA_ANSWER_WORKS,   /* .text may add how */
	ZCDMA_ANSWER_FAILS,   /* .err, and .text is the reason */
};

struct zcdma_way_result {
	enum zcdma_answer answer;
	int err;	/* errno, positive, of a way that fails */
	char text[160]; /* one sentence, may be empty */
};

struct zcdma_probe {
	char name[256];	   /* "anonymous", "[vvar]", "/dev/mydriver0", "/dev/zcdma0 compound" */
	char model[16];	   /* the memory model of a device of zcdma's driver, else empty */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	size_t bytes;	   /* mapped; 0 where there is no mapping, and .why says why */
	char why[256];	   /* why there is none */
	int err;	   /* errno, positive, of that */
	char vmflags[128]; /* VmFlags of its VMA as smaps has them: "rd sh mr ms pf io" */
	struct zcdma_way_result way[ZCDMA_WAYS];
	char cause[512]; /* of an EFAULT, or empty */
	char cure[512];	 /* and what cures it, or that there is no mapping; or empty */
};

enum zcdma_probe_flags {
	/*
	 * Let send(), MSG_ZEROCOPY and O_DIRECT read device memory. A read from a device register
	 * can have side effects (clear an interrupt, pop a FIFO), so PCI resources are else only
	 * pinned.
	 */
	ZCDMA_PROBE_READ_DEVICE = 1 << 0,
	/*
	 * Map for writing too, as io_uring registers writable memory only. Nothing is written, but a
	 * driver learns of it.
	 */
	ZCDMA_PROBE_WRITABLE = 1 << 1,
};

/* The name of a way: "send", "MSG_ZEROCOPY", ... Thread-safe. */
const char *zcdma_way_name(enum zcdma_way way);

/* The name of the @i-th mapping that every process can make, or NULL behind the last. */
const char *zcdma_probe_name(unsigned i);

/* Make the @i-th of those mappings, and try every way. An absent one is no error: see .why. */
int zcdma_probe_builtin(struct zcdma_ctx *ctx, unsigned i, struct zcdma_probe *p);

/*
 * How many mappings there are to probe of @path: one for each memory model of a device of zcdma's
 * driver, else 1. Thread-safe.
 */
unsigned zcdma_probe_count(const char *path);

/*
 * Map @bytes of the file or device @path from @offset on, and try every way. 0 bytes: up
 * to 64 KiB, less where the file or the driver has less. Never writes to @path. A path that cannot
 * be mapped is no error: see .why and .err. @i: which of its mappings; of a device of zcdma's driver
 * it is a ring with that memory model, which the device fills with a block of @bytes. @flags: enum
 * zcdma_probe_flags.
 */
int zcdma_probe_path(struct zcdma_ctx *ctx, const char *path, unsigned i, uint64_t offset,
		     size_t bytes, unsigned flags, struct zcdma_probe *p);

/*
 * Put the words for @vmflags' two-letter flags that matter here ("VM_PFNMAP", "VM_IO", "shared",
 * ...) into @buf, separated by spaces, and return it. Thread-safe.
 */
const char *zcdma_vmflags_words(const char *vmflags, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
