/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma - move DMA capture data without copying it
 *
 * A *source* delivers *blocks* of a *ring*; a *path* sends each block to a descriptor, and gives it
 * back to its source when, and only when, it has proof that nothing reads its pages any more. What
 * that proof is (a completion, replaced pages, a release by another process) is the path's affair.
 *
 *	zcdma_source_open(ctx, spec, &src);
 *	zcdma_path_connect(ctx, src, "zerocopy", "host:9000", &path);
 *	while ((rc = zcdma_source_next(src, -1, &b)) == 1)
 *		rc = zcdma_path_send(path, &b);
 *	rc = zcdma_path_finish(path);
 *
 * Conventions that hold for every function, unless it says otherwise:
 *
 * - A function that can fail returns a negative errno. zcdma_error() is the message (operation, object,
 *   reason), zcdma_hint() what helps, where that is known. A function without a context returns the
 *   errno alone. -EAGAIN, -EINTR and -ETIMEDOUT of a function that waits are answers: they set no
 *   message.
 * - The library never prints, never exits, and installs no signal handler.
 * - Only zcdma_source_next(), zcdma_source_reclaim(), zcdma_path_connect(), zcdma_path_send(),
 *   zcdma_path_flush(), zcdma_path_switch(), zcdma_path_finish(), zcdma_path_abandon(),
 *   zcdma_handover_find(), zcdma_path_open_handover(), zcdma_connect(), zcdma_accept(),
 *   zcdma_accept_any(), zcdma_receiver_next(), zcdma_wire_run(), zcdma_sleep() and the probe sleep. They return -EINTR after zcdma_interrupt(). Where the kernel
 *   offers nothing else, a call may wait for a disk, for the look-up of a name, or for a blocking
 *   descriptor that the caller passed.
 * - A context and everything made from it belong to one thread at a time; different contexts are
 *   independent. Only zcdma_interrupt() may be called from any thread.
 * - The caller owns what a function makes, and closes it: paths before their source, sources before
 *   their context. A descriptor that the caller passes stays the caller's.
 * - Lengths and offsets are bytes, times are nanoseconds of CLOCK_MONOTONIC, unless named otherwise.
 * - A timeout is in milliseconds: 0 does not wait, and -1 waits without a limit.
 * - SIGPIPE: sockets never raise it; a pipe without a reader does, so ignore it.
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

#define ZCDMA_VERSION "0.2.0"

/*
 * Context
 */

/* What a program's objects share: the last error, and the means to interrupt a wait. */
struct zcdma_ctx;

/* Make a context. The caller frees it, after everything made from it is closed. */
int zcdma_new(struct zcdma_ctx **ctx);

/* Free a context; NULL is fine. */
void zcdma_free(struct zcdma_ctx *ctx);

/* Returns the message of the last error, never NULL. Valid until the next call on @ctx. */
const char *zcdma_error(const struct zcdma_ctx *ctx);

/* Returns what helps against the last error, or NULL if that is not known. Valid as long. */
const char *zcdma_hint(const struct zcdma_ctx *ctx);

/*
 * Make the running wait, and every later one, return -EINTR until zcdma_resume(). Safe to call in a
 * signal handler and from any thread; keeps errno.
 */
void zcdma_interrupt(struct zcdma_ctx *ctx);

/* Sleep for @timeout_ms. Returns -ETIMEDOUT, or -EINTR after zcdma_interrupt(). */
int zcdma_sleep(struct zcdma_ctx *ctx, int timeout_ms);

/* End what zcdma_interrupt() began. Look at your own flags after this call, not before it. */
void zcdma_resume(struct zcdma_ctx *ctx);

/*
 * Blocks
 */

enum zcdma_block_flags {
	ZCDMA_BLOCK_LOST = 1 << 0, /* data was lost right before this block */
	/* Data may be missing right before this block; the device cannot tell how much, or whether. */
	ZCDMA_BLOCK_DISCONTINUITY = 1 << 2,
};

/* A number that is not known. */
#define ZCDMA_UNKNOWN UINT64_MAX

/* Where data can be lost before a block is delivered. */
enum zcdma_loss_cause {
	ZCDMA_LOST_DEVICE,   /* the device found no free block: in blocks */
	ZCDMA_LOST_HANDOVER, /* between two processes: in blocks */
	ZCDMA_LOST_NETWORK,  /* on the way, or by the capture: in datagrams or packets */
	ZCDMA_LOSS_CAUSES
};

/* What is known to be lost there. */
struct zcdma_loss {
	uint64_t
		count; /* of blocks or datagrams; ZCDMA_UNKNOWN: it is unknown how many, and whether any are */
	uint64_t bytes; /* in them, or ZCDMA_UNKNOWN */
};

/* One capture buffer of a ring. What a caller changes in it has no effect on what is sent. */
struct zcdma_block {
	const void *data;  /* its bytes in memory, or NULL if the block is only in @fd */
	size_t len;	   /* bytes of data; may be less than the ring's block size */
	uint64_t offset;   /* of its first byte in the source's stream; an overrun makes it jump */
	uint64_t seq;	   /* counts what the device produced, lost blocks included */
	uint64_t time_ns;  /* when the block became full: at the device, through a hand-over too */
	uint32_t index;	   /* in the ring */
	uint32_t flags;	   /* enum zcdma_block_flags */
	int fd;		   /* the file or pipe that holds the bytes too, or -1 */
	int64_t fd_offset; /* where they begin in @fd, or -1 if it is a pipe or a socket */
	/* What was lost since the block before; of packets that a capture gathered, also within this one. */
	struct zcdma_loss lost[ZCDMA_LOSS_CAUSES];
	uint64_t ticket; /* of this delivery: by it the library knows the block again */
};

/* Capabilities: what the blocks of a source and the sink have, and what a path requires of them. */
enum zcdma_caps {
	ZCDMA_CAP_MEMORY = 1 << 0, /* a block's .data */
	ZCDMA_CAP_FD = 1 << 1,	   /* a block's .fd */
	ZCDMA_CAP_OFFSET = 1 << 2, /* and its .fd_offset */
	ZCDMA_CAP_SOCKET = 1 << 3, /* the sink is a socket */
	ZCDMA_CAP_STREAM = 1 << 4, /* the sink is a socket or a pipe */
	ZCDMA_CAP_RING = 1 << 5,   /* .data is in a ring that io_uring can register */
};

/*
 * Sources
 */

/* What a stream has of packets. */
enum zcdma_packets {
	ZCDMA_PACKETS_NONE,
	ZCDMA_PACKETS_RECEIVED,		 /* datagrams that a socket received ... */
	ZCDMA_PACKETS_RECEIVED_NUMBERED, /* ... by sequence numbers */
	ZCDMA_PACKETS_WHOLE,		 /* a pcap stream of them */
	ZCDMA_PACKETS_PAYLOAD,		 /* their payload ... */
	ZCDMA_PACKETS_NUMBERED,		 /* ... by sequence numbers */
};

/* What a source of packets came across; else all 0. */
struct zcdma_packet_stats {
	uint64_t packets;	       /* that were read */
	uint64_t dropped;	       /* by the kernel, as they were not read in time */
	uint64_t dropped_by_interface; /* before that */
	/* If only their payload was asked for, of .packets: */
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
	uint64_t
		unchecked; /* of those, where others of the sender are right: nothing checks their data */
	/* By the sequence numbers in datagrams: */
	uint64_t unnumbered; /* left out: too short to hold one */
	uint64_t lost;	     /* numbers that did not come in time */
	uint64_t late;	     /* left out: they came after that, or before the first */
	uint64_t duplicates; /* left out */
	uint64_t reordered;  /* that waited for one that came later */
	uint64_t restarts;   /* times that the numbers began anew */
	uint64_t overflows;  /* waits that ended early, as the buffer was full */
	/* The rest is of datagrams that a socket received, for which .dropped counts merged ones once. */
	uint64_t ignored;     /* left out: of another sender */
	uint64_t undersized;  /* left out: too short for what was asked for */
	size_t socket_buffer; /* bytes, as the kernel granted them */
};

struct zcdma_source_stats {
	uint64_t blocks;	  /* delivered */
	uint64_t bytes;		  /* in them */
	uint64_t overruns;	  /* blocks the device had to drop, as none was free */
	uint64_t lost_bytes;	  /* in those */
	uint64_t gap_blocks;	  /* lost between the blocks that were delivered */
	uint64_t gap_bytes;	  /* in those */
	uint64_t discontinuities; /* places where data may be missing, unknown how much */
	uint64_t replaced; /* blocks that got fresh pages, as the old ones may still be read */
	uint64_t next_seq; /* sequence number that the device is at */
	uint64_t busy_at_release;     /* blocks in flight when the driver got them back */
	uint64_t driver_copied_bytes; /* by the driver, where a splice() had to */
	uint64_t copied_bytes;	      /* by this process, from one place in its memory to another */
	uint64_t
		kernel_copied_bytes; /* by the kernel, as they were read or received into memory of this process */
	uint64_t handovers; /* rings taken from the writer at the other end of a pipe */
	/* Why bytes came instead of a ring, or NULL if they did not. Valid as long as the source. */
	const char *plain_reason;
	struct zcdma_packet_stats packets;
	/* These are of a framed stream. */
	uint64_t frames;
	uint64_t wrong_frames;	  /* whose data is not what its hash says ... */
	uint64_t wrong_offset;	  /* ... and where the first of them begins */
	uint64_t unhashed_frames; /* that have no hash, as their sender could not read the data */
	uint64_t breaks;	  /* connections that ended without the mark of the end */
	uint64_t ignored_connections;	 /* that did not send this stream */
	uint64_t connection_lost_blocks; /* that the sender had, and that did not come */
	uint64_t connection_lost_bytes;	 /* in those, or in parts of them */
};

/* What .block_size, .blocks, .page_size, .pieces and .caps say is known once the ring is made. */
struct zcdma_source_info {
	const char *type;  /* "sim", "dev", "file", "pipe", "pcap", "xdp", "tcp", "udp", "memory" */
	const char *name;  /* as the user gave it; valid as long as the source */
	size_t block_size; /* bytes */
	unsigned blocks;   /* in the ring; 0 without a ring */
	size_t page_size;  /* of the ring's memory, as the kernel gave it */
	const char *model; /* of the driver's memory, "compound"; NULL without a driver */
	unsigned pieces;   /* contiguous ones that its blocks consist of */
	unsigned caps;	   /* of enum zcdma_caps, what its blocks have */
	bool endless;	   /* produces until it is stopped */
	bool lossy;	   /* has overruns when the reader is late */
	bool tracks_pages; /* its driver waits by itself for pages in flight */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	int simulated;	   /* 1: nothing of it is measured; 0: all is; -1: unknown */
	bool privileged;   /* opening it took privileges, which nothing else of it needs */
	enum zcdma_packets packets;
	const char *
		mode; /* how xdp: fills its frames, "zero-copy", "native" or "generic"; else NULL */
	/* These are valid as long as the source, and NULL unless it is of the network. */
	const char
		*listens; /* once its ring is made, where: "127.0.0.1:9000", or several, by ", " */
	const char *peer; /* the sender's address, once a sender has come */
	bool framed;	  /* the sender frames its blocks, and their hashes are checked */
};

/* A kind of source, for lists and help. */
struct zcdma_source_type {
	const char *name;
	const char *syntax; /* "sim:[blocks=N,block=SIZE,...]" */
	const char *summary;
	bool tracks_pages;	     /* as of its info */
	const char *memory;	     /* the option that says what its ring is made of, or NULL */
	const char *const *memories; /* the values of that option, then NULL */
};

struct zcdma_source;

/* Returns the @i-th kind of source, or NULL after the last. Thread-safe. */
const struct zcdma_source_type *zcdma_source_type_at(unsigned i);

/* Returns the kind of source that @spec names, or NULL if there is no such kind. Opens nothing. */
const struct zcdma_source_type *zcdma_source_type_of(const char *spec);

/* Returns the spec to use if the user gives none: "dev:" if there is such a device, else "sim:". */
const char *zcdma_source_default(void);

/*
 * Open the source that @spec names: "sim:OPTIONS", "dev:PATH,OPTIONS", "file:PATH",
 * "pcap:NAME,OPTIONS", "xdp:IFACE,OPTIONS", "tcp:HOST:PORT,OPTIONS", "udp:HOST:PORT,OPTIONS", "-" (standard
 * input), or a bare path. Its ring is not made yet, and nothing listens.
 * Returns 0, -EINVAL if @spec is wrong, -EOPNOTSUPP if there is no such driver here, or another errno
 * (-ENOENT) of what it names.
 */
int zcdma_source_open(struct zcdma_ctx *ctx, const char *spec, struct zcdma_source **src);

/*
 * Open a source that reads @fd (a pipe, a socket, a regular file from its current position) to its
 * end. The caller closes @fd after the source. @name is for messages, and is copied.
 */
int zcdma_source_open_fd(struct zcdma_ctx *ctx, int fd, const char *name,
			 struct zcdma_source **src);

/* Memory of the program's own. */
struct zcdma_region {
	void *data;
	size_t len; /* bytes */
};

/*
 * Open a source of the program's own memory, such as the mapping of its driver. The program submits pieces
 * of the @count @regions, which are delivered as blocks, sent, and reclaimed. The regions must stay valid
 * until the source is closed; the array is copied. A path that cannot prove that pages are free (its
 * type's .replaces_pages) is refused.
 */
int zcdma_source_open_memory(struct zcdma_ctx *ctx, const struct zcdma_region *regions,
			     unsigned count, struct zcdma_source **src);

/*
 * Submit @len bytes at @data, within one region, to become the next block of zcdma_source_next(). They must
 * not be written to until zcdma_source_reclaim() returns their @cookie. Returns 0, -EINVAL if they are
 * not within a region, or the source was stopped, or -EBUSY if a part of them was submitted before and is
 * not free.
 */
int zcdma_source_submit(struct zcdma_source *src, const void *data, size_t len, uint64_t cookie);

/*
 * Reclaim a piece that was submitted, once nothing reads it: by the proof of the path that it was sent
 * along, or since it was released. Waits for one up to @timeout_ms.
 * Returns 1 and its *@cookie; 0 if nothing is in flight that could come back; -EAGAIN if @timeout_ms is 0;
 * -ETIMEDOUT; -EINTR after zcdma_interrupt(); or an error of a path that broke off meanwhile.
 */
int zcdma_source_reclaim(struct zcdma_source *src, int timeout_ms, uint64_t *cookie);

/*
 * Set an option of a source whose ring is not made yet: one of its kind's, as in a spec ("rate",
 * "360M"), or
 *   "read", NULL: the program itself reads the blocks' bytes. A file is then read, and not mapped, so
 *	that cutting it short meanwhile cannot raise SIGBUS. A source without a path does so anyway.
 *   "handover", "auto", "require" or "never": of "-", whether to take a ring from a writer that has
 *	one. "require" makes its bytes an error, -EOPNOTSUPP.
 * @value is NULL for an option without a value.
 * Returns 0, -EINVAL if the source has no such option or value, or if it was set before, or -EBUSY if
 * the ring is made.
 */
int zcdma_source_set(struct zcdma_source *src, const char *name, const char *value);

/*
 * End the stream after @bytes bytes and after @blocks blocks; 0 does not limit it. What a file or a pipe has
 * beyond the limit is left to its next reader; the rest of a ring's block is left out.
 */
void zcdma_source_set_limit(struct zcdma_source *src, uint64_t bytes, uint64_t blocks);

/*
 * Make the ring for the path named @path, or, if @path is NULL, for a program that reads the blocks.
 * Opening a path, zcdma_source_start() and zcdma_source_next() do so by themselves; call this to find out
 * what does not work before a receiver is connected or a file is created.
 * Returns 0, -EINVAL if the source's blocks cannot take that path, -EBUSY if the ring was made for
 * something else and is in use, or another negative errno if its memory cannot be allocated.
 */
int zcdma_source_prepare(struct zcdma_source *src, const char *path);

/*
 * Start the device: its clock, its sequence numbers and its overruns count from here. Without this
 * call, the first zcdma_source_next() starts it. Returns -EBUSY if it was started before.
 */
int zcdma_source_start(struct zcdma_source *src);

/*
 * Take the next full block, and wait for it up to @timeout_ms. Blocks come in stream order. The block
 * is the caller's until it is passed to zcdma_path_send() or zcdma_block_release(), one of which each
 * block needs. While it waits, the source's paths go on sending and give blocks back.
 * Returns 1 and fills in *@b; 0 at the end of the stream; -EAGAIN if no block is full and @timeout_ms
 * is 0; -ETIMEDOUT; -EINTR after zcdma_interrupt(), whether or not there is a block; -ENOBUFS if the
 * caller holds every block of the ring, so that no wait can end; or an error of the source, or of a
 * path that broke off meanwhile.
 */
int zcdma_source_next(struct zcdma_source *src, int timeout_ms, struct zcdma_block *b);

/*
 * Give back a block of @src that was not sent. The caller must not read it afterwards. A block that was
 * sent goes back by itself. Returns 0, or -EINVAL, which changes nothing, if *@b is not the caller's: it was
 * sent or released before, or is not a block of @src.
 */
int zcdma_block_release(struct zcdma_source *src, const struct zcdma_block *b);

/*
 * Share a block of the caller's, so that several paths of @src send it: *@share is the same block once more, which has to be
 * sent or released as *@b has. The block goes back to its source when the last of its shares does, each by the proof of
 * its own path. Returns 0, -EINVAL if *@b is not the caller's, or if its bytes are only in a pipe or a socket, or -ENOMEM.
 */
int zcdma_block_share(struct zcdma_source *src, const struct zcdma_block *b,
		      struct zcdma_block *share);

/* Produce no further block. The full ones can still be taken, then zcdma_source_next() returns 0. */
void zcdma_source_stop(struct zcdma_source *src);

/* Close the source and free its ring; NULL is fine. Close its paths first. */
void zcdma_source_close(struct zcdma_source *src);

/*
 * Fill in *@stats of @size bytes, sizeof(*@stats) of the program: one that was built with an older
 * header gets what it knows.
 */
void zcdma_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats,
			    size_t size);

/* Fill in *@info of @size bytes likewise. */
void zcdma_source_get_info(struct zcdma_source *src, struct zcdma_source_info *info, size_t size);

/*
 * Check whether @src reads the regular file that @fd has open, so that writing to it would destroy the
 * source: itself, or through the program at the other end of its pipe, as far as /proc shows. That
 * program is described in @buf of @len bytes, which is empty otherwise.
 */
bool zcdma_source_reads(const struct zcdma_source *src, int fd, char *buf, size_t len);

/*
 * Paths
 */

/* A way from a block to a descriptor. */
struct zcdma_path_type {
	const char *name;
	const char *summary;
	unsigned required_caps; /* enum zcdma_caps */
	bool replaces_pages;	/* without a proof that pages are free, a block gets fresh ones */
	bool reports_copied;	/* completions say what was copied after all */
};

enum zcdma_fallback {
	ZCDMA_FALLBACK_COPY, /* go over to plain sends while the kernel copies anyway */
	ZCDMA_FALLBACK_KEEP, /* keep asking for zero-copy */
};

/* What is written where data was lost. */
enum zcdma_gaps {
	ZCDMA_GAPS_SKIP, /* nothing: what follows comes next */
	ZCDMA_GAPS_ZERO, /* zeros of the same length, where that is known */
};

struct zcdma_path_stats {
	uint64_t blocks;       /* sent whole */
	uint64_t last_seq;     /* sequence number of the last of them ... */
	uint64_t sent_ns;      /* ... and when it was sent whole */
	uint64_t bytes;	       /* accepted by the kernel */
	uint64_t calls;	       /* system calls that moved them */
	uint64_t copied_bytes; /* by calls that copy, or below the sink */
	uint64_t copied_calls;
	uint64_t direct_bytes; /* written with O_DIRECT, past the page cache */
	uint64_t
		gathered_bytes; /* copied into memory of the path, as O_DIRECT wants them aligned */
	uint64_t filled_bytes;	/* zeros in gaps (zcdma_path_set_gaps()), not among .bytes */
	uint64_t unfilled_gaps; /* whose length is unknown */
	uint64_t zerocopy_bytes; /* completions said: not copied, and nothing below does */
	uint64_t zerocopy_calls;
	uint64_t fell_back_bytes; /* accepted without a copy, and copied after all */
	uint64_t fell_back_calls;
	uint64_t unknown_bytes; /* it is unknown whether they were copied */
	uint64_t unknown_calls;
	uint64_t pending_bytes; /* no completion yet */
	uint64_t pending_calls;
	uint64_t pending_blocks;  /* passed to the path and not back at their source */
	uint64_t datagrams;	  /* that .bytes went in; 0 where the sink takes a stream */
	size_t datagram_bytes;	  /* the most in one; 0 there */
	uint64_t enobufs;	  /* times the kernel had no room for another completion, or pin */
	bool plain;		  /* has gone over to plain sends for now */
	const char *plain_reason; /* why, once that was decided; the path's own */
	const char *plain_hint;	  /* what helps against it, or NULL */
	/*
	 * Why the kernel copies what the path hands over without a copy, or why that is unknown; the path's
	 * own. NULL: the kernel does not copy, or nothing was sent yet.
	 */
	const char *copies_reason;
	const char *copies_hint; /* what helps, or NULL */
	/* These are of a framed stream, whose blocks are sent anew where their connection broke. */
	uint64_t frames;      /* sent whole */
	uint64_t breaks;      /* of the connection, after which another was made, or tried */
	uint64_t lost_blocks; /* that were sent, and that the receiver then did not have */
	uint64_t lost_bytes;  /* in those */
};

struct zcdma_path;
struct zcdma_hist;     /* <zcdma/util.h> */
struct zcdma_manifest; /* <zcdma/verify.h> */

/* Returns the @i-th path, or NULL after the last. Thread-safe. */
const struct zcdma_path_type *zcdma_path_type_at(unsigned i);

/* Returns the path of that name, or NULL. Thread-safe. */
const struct zcdma_path_type *zcdma_path_find(const char *name);

/*
 * Check that this kernel lets this process take the path. Returns 0, -EOPNOTSUPP, or -ENOMEM for a
 * limit.
 */
int zcdma_path_probe(struct zcdma_ctx *ctx, const struct zcdma_path_type *type);

/*
 * Make the ring of @src for the path named @type, connect to @address ("host:9000", "udp:host:9000") and
 * open the path. Closing the path closes the connection. With "framed" among the options of the address each block has a
 * head with its position and its hash, for "tcp:HOST:PORT,framed" at the other end, and with "retry=N" the path connects
 * again by itself where the connection breaks.
 * Returns 0, an error of zcdma_source_prepare(), or another negative errno if the connection fails.
 */
int zcdma_path_connect(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
		       const char *address, struct zcdma_path **path);

/*
 * Make the ring of @src for the path named @type, and open the path to @fd: a socket, a pipe or a file,
 * which the caller closes after the path. A socket should be non-blocking.
 */
int zcdma_path_open(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type, int fd,
		    struct zcdma_path **path);

/* Returns the descriptor that the path writes to, which stays the path's: another one once it has connected again. */
int zcdma_path_get_sink(const struct zcdma_path *path);

/*
 * Choose what a path with completions does while they say that the kernel copies: ZCDMA_FALLBACK_COPY
 * at first. Returns 0, or with ZCDMA_FALLBACK_KEEP the reason why the kernel refuses zero-copy sends.
 */
int zcdma_path_set_fallback(struct zcdma_path *path, enum zcdma_fallback fallback);

/*
 * Send datagrams of at most @bytes, set before the first block. By default they fill the MTU of the
 * route, rounded down to a multiple of 8. Returns 0, -EMSGSIZE if they do not fit, as fragments are not
 * sent, or -EINVAL if the sink does not take datagrams.
 */
int zcdma_path_set_datagram(struct zcdma_path *path, size_t bytes);

/*
 * Choose what is written where data was lost: ZCDMA_GAPS_SKIP at first. With ZCDMA_GAPS_ZERO a file gets a hole of that
 * length, and any other sink zeros; gaps of unknown length are left out, and counted. Returns 0, or -EINVAL if the path,
 * such as splice, cannot write zeros.
 */
int zcdma_path_set_gaps(struct zcdma_path *path, enum zcdma_gaps gaps);

/* Returns how many bytes were lost before @b, or ZCDMA_UNKNOWN if that is not known of a part of them. Thread-safe. */
uint64_t zcdma_block_lost_bytes(const struct zcdma_block *b);

/* Most writes that a path has in flight. */
#define ZCDMA_DEPTH_MOST 128u

/*
 * Have up to @depth writes in flight at a time by io_uring, where the sink is a file with O_DIRECT, set before the first
 * block; 1 at first. Blocks go back to their source as their writes complete. The file is made up to 64 MiB longer than its
 * data meanwhile, and gets its length at the end or zcdma_path_switch().
 * Returns 0, -EOPNOTSUPP or -ENOMEM without an io_uring, after which one write at a time is made, or -EINVAL.
 */
int zcdma_path_set_depth(struct zcdma_path *path, unsigned depth);

/*
 * Set how long zcdma_path_send(), zcdma_path_flush(), zcdma_path_finish() and zcdma_path_abandon() wait: -1,
 * without a limit, at first. 0 is for programs with an event loop.
 */
void zcdma_path_set_timeout(struct zcdma_path *path, int timeout_ms);

/*
 * Let zcdma_path_send() return while up to @blocks are left to send, 0 at first, so that the paths of a source go on
 * independently of each other. They are sent while zcdma_source_next(), or another path of the source, waits.
 */
void zcdma_path_set_queue(struct zcdma_path *path, unsigned blocks);

/*
 * Give the path up while others of its source go on: send nothing more, and reset its connection. What was not sent goes back
 * to the source at once, and what is in flight by its proof, while zcdma_source_next() is called. From here on, sends along
 * the path fail with the error that broke it off, or -ECANCELED. The path is to be closed together with the others.
 */
void zcdma_path_drop(struct zcdma_path *path);

/*
 * Add each block to @manifest once all of it is sent; NULL ends that. Closing the manifest stays the
 * caller's. It may be of another context, so that another thread closes it.
 */
void zcdma_path_set_manifest(struct zcdma_path *path, struct zcdma_manifest *manifest);

/*
 * Reuse pages as soon as they are sent, without any proof: for the lab, to see data change in flight.
 * Returns 0, or -EINVAL if the source's driver waits for pages in flight by itself.
 */
int zcdma_path_set_unsafe_reuse(struct zcdma_path *path);

/*
 * Send a block. It is the path's from here on, also after an error, and goes back to its source by
 * itself; only with -EAGAIN and -EINVAL it stays the caller's. The call waits for room up to the path's
 * timeout. What is then not sent yet is sent before the next block.
 * Returns 0; -ETIMEDOUT, or -EINTR after zcdma_interrupt(), if a part is still to be sent; -EAGAIN with
 * a timeout of 0 while a part of the block before is; -EINVAL if *@b is not the caller's, having been
 * sent or released before; or the error that broke the path off, which can then only be closed.
 */
int zcdma_path_send(struct zcdma_path *path, const struct zcdma_block *b);

/*
 * Wait, up to the path's timeout, until all that was passed to the path is sent. Returns 0, -EINTR,
 * -ETIMEDOUT, -EAGAIN with a timeout of 0, or the error that broke the path off.
 */
int zcdma_path_flush(struct zcdma_path *path);

/*
 * Go on with the file @fd, which the caller closes after the path. All that was sent before is written to the file that
 * the path had, which the caller may then close, and to the manifest. Both are regular files, and both have O_DIRECT, or neither.
 * Returns as zcdma_path_flush(), or -EINVAL, after which the path still has the file before.
 */
int zcdma_path_switch(struct zcdma_path *path, int fd);

/*
 * Go on without waiting: send what the path was passed, read completions, give blocks back. For
 * programs with an event loop; all that waits does so by itself. Returns 0 or an error of the path.
 */
int zcdma_path_process(struct zcdma_path *path);

/*
 * Returns a descriptor that is readable when zcdma_path_process() or a refused zcdma_path_send() is
 * worth another try, or a negative errno. It is the path's.
 */
int zcdma_path_fd(struct zcdma_path *path);

/*
 * Returns a descriptor that is readable when zcdma_source_next() is worth another try, or a negative
 * errno. It is the source's. Paths have descriptors of their own.
 */
int zcdma_source_fd(struct zcdma_source *src);

/*
 * End the stream: send the rest, wait until the receiver's kernel has acknowledged all of it, and until
 * every block is back at its source. A TCP connection ends with a FIN. Until this returns 0, closing the
 * connection resets it: the receiver of a sender that fails, crashes or is killed sees an error, and no
 * end. Over UDP, where nothing is acknowledged, the end of the stream is sent three times within 50 ms.
 * Waits up to the path's timeout. No descriptor reports an acknowledgement: with a timeout of 0, make the
 * call every few milliseconds.
 * Returns 0; -ETIMEDOUT, -EAGAIN with a timeout of 0, or -EINTR after zcdma_interrupt(), after which the
 * same call goes on; -ECONNRESET or -EPIPE if the receiver went away, -ECONNABORTED if it no longer
 * answers, -ECONNREFUSED if the receiver's machine answered that nothing receives it; another error that
 * broke the path off; or the error that ended the source's stream early, after which nothing is sent.
 */
int zcdma_path_finish(struct zcdma_path *path);

/*
 * Do the same for a stream that is not complete: send and wait, and leave the connection to be reset when
 * it is closed, so that the receiver sees that. After an error, too. Returns the same.
 */
int zcdma_path_abandon(struct zcdma_path *path);

/*
 * Close the path; NULL is fine. Blocks whose pages may still be read stay out of the ring until
 * zcdma_source_close().
 */
void zcdma_path_close(struct zcdma_path *path);

/* Returns the type of a path, which is valid as long as the library is loaded. */
const struct zcdma_path_type *zcdma_path_get_type(const struct zcdma_path *path);

/* Fill in *@stats of @size bytes, as zcdma_source_get_stats() does. */
void zcdma_path_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *stats,
			  size_t size);

/*
 * Get how long blocks took, in ns: from when they became full until they were passed to the path, and
 * from then until their pages were free. Either may be NULL.
 */
void zcdma_path_get_latency(const struct zcdma_path *path, struct zcdma_hist *device_to_sent,
			    struct zcdma_hist *sent_to_free);

/* Begin to measure these times anew. */
void zcdma_path_reset_latency(struct zcdma_path *path);

/*
 * Handing a ring over
 *
 * Two processes with a pipe in between can share the ring instead: its blocks are the reader's until it
 * gives them back. zcdma(7) has the rules. A reader needs nothing but "-" as its source.
 */

/* A reader that was found at the other end of a pipe. */
struct zcdma_handover;

/*
 * Look for a reader at the other end of the pipe @fd that takes a ring, for up to @timeout_ms: 100 is
 * enough for a reader that is started at the same time. A reader that is found has 3 s to answer. @fd
 * stays the caller's and must outlive what is made of it.
 * Returns 0, or -EOPNOTSUPP if there is no such reader: then the pipe takes bytes.
 */
int zcdma_handover_find(struct zcdma_ctx *ctx, int fd, int timeout_ms,
			struct zcdma_handover **handover);

/* Leave the reader without a ring: it reads the pipe. NULL is fine. */
void zcdma_handover_free(struct zcdma_handover *handover);

/*
 * Make the ring of @src as the reader wants it, hand it over, and open the path for its blocks. Waits as
 * long as the reader is busy with another ring. Consumes @handover even if it fails, except with -EINTR:
 * then the answer is outstanding, and the caller makes the same call again, or frees @handover and closes
 * @src.
 * Returns 0, or -EOPNOTSUPP if @src has no ring to share or the reader refused it: the pipe takes
 * bytes, and @src takes another path.
 */
int zcdma_path_open_handover(struct zcdma_handover *handover, struct zcdma_source *src,
			     struct zcdma_path **path);

#ifdef __cplusplus
}
#endif

#endif
