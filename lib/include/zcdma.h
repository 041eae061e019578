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
 * This header has contexts, and includes <zcdma/source.h> and <zcdma/path.h>. <zcdma/verify.h> (checks,
 * manifests), <zcdma/probe.h>, <zcdma/disk.h> and <zcdma/util.h> (addresses, sockets, sizes) stand beside it.
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
 *   zcdma_accept_any(), zcdma_receiver_next(), zcdma_wire_run(), zcdma_disk_open(),
 *   zcdma_disk_start(), zcdma_disk_serve(), zcdma_disk_stop(), zcdma_sleep() and the probe sleep.
 *   They return -EINTR after zcdma_interrupt(). Where the kernel offers nothing else, a call may wait
 *   for a disk, for the look-up of a name, or for a blocking descriptor that the caller passed.
 * - A context and everything made from it belong to one thread at a time; different contexts are
 *   independent. Only zcdma_interrupt() may be called from any thread.
 * - The caller owns what a function makes, and closes it: paths before their source, sources before
 *   their context. A descriptor that the caller passes stays the caller's.
 * - A pointer is not NULL unless its function says so, and an object is not used once it is closed: neither is
 *   checked. What else a program does wrong with a block, an option or a number is an error, not a crash.
 * - Lengths and offsets are bytes, times are nanoseconds of CLOCK_MONOTONIC, unless named otherwise.
 * - A timeout is in milliseconds: 0 does not wait, and -1 waits without a limit.
 * - SIGPIPE: ignore it. A pipe without a reader raises it, and a connection that broke as well where a path splices
 *   to it (splice, vmsplice, sendfile), as splice(2) knows no MSG_NOSIGNAL.
 */
#ifndef ZCDMA_H
#define ZCDMA_H

#include <zcdma/path.h>
#include <zcdma/source.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZCDMA_VERSION "0.2.0"

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

#ifdef __cplusplus
}
#endif

#endif
