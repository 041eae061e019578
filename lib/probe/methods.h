/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways out of a mapping, each tried for real on its bytes. */
#ifndef ZCDMA_PROBE_METHODS_H
#define ZCDMA_PROBE_METHODS_H

#include <zcdma.h>

/* Does this way read the bytes? The others only pin their pages. */
bool zc_way_reads(enum zcdma_way way);

/*
 * Try @way on all @len bytes at @addr, which need not be readable, and set *@res. What it sends is
 * thrown away on this machine. @pin_only: leave the way untried where it might read the bytes though
 * their pages cannot be pinned. Returns 0, or -EINTR.
 */
int zc_way_try(struct zcdma_ctx *ctx, enum zcdma_way way, const void *addr, size_t len,
	       bool pin_only, struct zcdma_way_result *res);

/* The answer of a way that was not tried, or whose trial proved nothing. */
void zc_way_untried(struct zcdma_way_result *res, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Open a file without a name for reading and writing, with @flags of open() added, in the first
 * folder of $TMPDIR, /var/tmp, /tmp and the current one that lets us and whose file satisfies @fits
 * (NULL: any). Returns the file, or a negative errno.
 */
int zc_scratch_open(int flags, bool (*fits)(int fd));

#endif
