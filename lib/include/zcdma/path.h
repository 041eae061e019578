/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: paths, which send blocks, and the hand-over of a ring
 *
 * The conventions of <zcdma.h> hold here; it includes this header.
 */
#ifndef ZCDMA_PATH_H
#define ZCDMA_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zcdma/source.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zcdma_ctx;
struct zcdma_hist;     /* <zcdma/util.h> */
struct zcdma_manifest; /* <zcdma/verify.h> */

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

/* What is done where a device that plays needs data, and none has come. */
enum zcdma_underrun {
	ZCDMA_UNDERRUN_COUNT, /* nothing: the device does as it does, and counts */
	ZCDMA_UNDERRUN_STOP,  /* break off: sends fail with -ENODATA */
	ZCDMA_UNDERRUN_ZERO,  /* queue zeros while a block is left to play */
};

struct zcdma_path_stats {
	uint64_t blocks;       /* sent whole; to a file with O_DIRECT, written, as all before are */
	uint64_t last_seq;     /* sequence number of the last of them ... */
	uint64_t sent_ns;      /* ... and when that was known */
	uint64_t bytes;	       /* accepted by the kernel */
	uint64_t calls;	       /* system calls that moved them */
	uint64_t copied_bytes; /* by calls that copy, or below the sink */
	uint64_t copied_calls;
	uint64_t direct_bytes; /* written with O_DIRECT, past the page cache, with zeros in gaps */
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
	uint64_t frames; /* sent whole */
	uint64_t breaks; /* of the connection, after which another was made, or tried */
	/* That were sent, and that the receiver then did not have; ZCDMA_UNKNOWN where it has not come back to say. */
	uint64_t lost_blocks;
	uint64_t lost_bytes; /* in those, or ZCDMA_UNKNOWN */
	/* These are of a device that plays, which counts in bytes of its own: .zero_bytes and .padded_bytes are not among the others. */
	bool plays;
	uint64_t played_bytes;	 /* of .bytes, as the device reports */
	uint64_t failed_blocks;	 /* that the device could not play */
	uint64_t underruns;	 /* blocks that it needed and did not have, or ZCDMA_UNKNOWN */
	uint64_t underrun_bytes; /* in them, or ZCDMA_UNKNOWN */
	uint64_t zero_bytes;	 /* queued in time instead, by ZCDMA_UNDERRUN_ZERO */
	uint64_t padded_bytes; /* zeros after the end, up to what the device takes a multiple of */
	uint64_t
		queued_mean_ns; /* from queueing a block until it was played, or ZCDMA_UNKNOWN, as where it is spliced */
	uint64_t queued_max_ns;
};

struct zcdma_path;

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
 *
 * "dev:PATH,OPTIONS" is a device of the driver that plays. For "copy" a source that reads or receives bytes (file:, -, tcp:)
 * does so into the device's own blocks; those of others are copied into them. For "vmsplice" and "splice" the device fetches
 * the pages of the source's blocks, and its driver copies what it cannot fetch, as .copied_bytes says; of memory without pages
 * that is so with ZCDMA_FALLBACK_COPY, else -EFAULT. With NULL for @type it is "copy" where the source fills the device's
 * blocks, or the device fetches nothing, and else "vmsplice". zcdma_path_finish() then waits until all is played, and
 * zcdma_path_abandon() drops what is queued.
 * Returns 0; -EINVAL if @src is not of @ctx, or @address is wrong; an error of zcdma_source_prepare(); or another negative
 * errno if the connection fails.
 */
int zcdma_path_connect(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
		       const char *address, struct zcdma_path **path);

/*
 * Choose what is done where the device that @path plays to needs data, and none has come: ZCDMA_UNDERRUN_COUNT at first. The
 * driver only counts. With ZCDMA_UNDERRUN_ZERO a block of zeros is queued when the device has one block left and the source
 * none: it is played also where data comes in time after all, and where the program does not call the library, none is queued.
 * Returns 0, or -EINVAL if the path does not play, or its ring has too few blocks.
 */
int zcdma_path_set_underrun(struct zcdma_path *path, enum zcdma_underrun underrun);

/*
 * Make the ring of @src for the path named @type, and open the path to @fd: a socket, a pipe or a file,
 * which the caller closes after the path. A socket should be non-blocking.
 * Returns 0, -EINVAL if @src is not of @ctx, or the path cannot write to @fd, or an error of zcdma_source_prepare().
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
 * length, and any other sink zeros; gaps of unknown length are left out, and counted. It is for blocks of which nothing is sent
 * yet. Returns 0, or -EINVAL if the path, such as splice, cannot write zeros, or frames its blocks.
 */
int zcdma_path_set_gaps(struct zcdma_path *path, enum zcdma_gaps gaps);

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

/* At least what is worth to have in one system call along any path: less makes the call a large part of what a send costs. */
#define ZCDMA_JOIN_BYTES ((size_t)2 << 20)

/*
 * Have small blocks whose memory follows on each other go by one system call of up to @bytes: zcdma_path_send() keeps them back
 * until another would be more than @bytes, than a quarter of the source's ring, or than a call along the path is worth to have,
 * which is 2 MiB along uring-fixed and 1 MiB along others. 0, at first: none is kept back. What is kept back is sent as soon as
 * zcdma_source_next() finds no block, by zcdma_path_flush(), zcdma_path_process() and the end. Set it before the first block,
 * and only where nobody waits for the block between zcdma_path_send() and those. It changes nothing where the path hands blocks
 * over, frames them, makes datagrams of them, fills gaps, or writes with O_DIRECT.
 */
void zcdma_path_set_join(struct zcdma_path *path, size_t bytes);

/*
 * Give the path up while others of its source go on: send nothing more, and reset its connection. What was not sent goes back
 * to the source at once, and what is in flight by its proof, while zcdma_source_next() is called. Later sends along the path
 * fail with the error that broke it off, or -ECANCELED. Close the path together with the others. A reader of a hand-over keeps
 * the blocks that it has until it gives them back or ends. A file with O_DIRECT is waited for.
 */
void zcdma_path_drop(struct zcdma_path *path);

/*
 * Add each block to @manifest once all of it is sent, and to a file with O_DIRECT once it and all before it are written; NULL
 * ends that, also for what is not written yet. Closing the manifest stays the caller's: after the end of the path,
 * zcdma_path_switch() or zcdma_path_drop(), as nothing is added later, or once the path has failed. It may be of another
 * context, so that another thread closes it.
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
 * Get how long blocks took, in ns: from when they became full until the path first tried to send them, and from then until
 * their pages were free. Either may be NULL.
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
 * Make the ring of @src for several readers, of whom there are @count, and for paths named @path, or NULL: what each of them
 * needs together, and with pages that can be replaced, as a reader may be killed with blocks that something still reads. Call
 * it before the first of these paths is opened. Returns as zcdma_source_prepare().
 */
int zcdma_source_prepare_shared(struct zcdma_source *src, const char *path,
				struct zcdma_handover *const readers[], unsigned count);

/*
 * Make the ring of @src as the reader wants it, hand it over, and open the path for its blocks. Waits as
 * long as the reader is busy with another ring. On success @handover is the path's. After -EINTR the answer
 * is outstanding, and the caller makes the same call again, or frees @handover and closes @src.
 * Returns 0, or -EOPNOTSUPP if @src has no ring to share or the reader refused it: the pipe takes
 * bytes, and @src takes another path.
 */
int zcdma_path_open_handover(struct zcdma_handover *handover, struct zcdma_source *src,
			     struct zcdma_path **path);

/*
 * Tell the reader that bytes come through the pipe, and that zcdma_handover_end() follows them. A reader that sees the
 * pipe end without that knows that this program failed or was killed, and returns an error.
 * Returns 0, or -EOPNOTSUPP if the reader is gone or refused a ring: any end of the pipe is one to it.
 */
int zcdma_handover_announce(struct zcdma_handover *handover);

/* Tell the reader that all bytes that were announced are in the pipe. Frees @handover. */
void zcdma_handover_end(struct zcdma_handover *handover);

/*
 * Tell the reader that this program failed before its first byte, which is an error to it unless another program writes
 * to the pipe. Frees @handover.
 */
void zcdma_handover_fail(struct zcdma_handover *handover);

#ifdef __cplusplus
}
#endif

#endif
