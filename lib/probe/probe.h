/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kinds of mappings that can be probed share. */
#ifndef ZCDMA_PROBE_PROBE_H
#define ZCDMA_PROBE_PROBE_H

#include "internal.h"

/* There is no mapping: remember why, for @p. Of several reasons the first counts. Returns -@err. */
int zc_probe_absent(struct zcdma_probe *p, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Try every way out of @bytes of memory that the driver gave, and explain what fails. 0 or -EINTR.
 */
int zc_probe_ring(struct zcdma_ctx *ctx, const void *addr, size_t bytes, bool writable,
		  struct zcdma_probe *p);

/* Probe a block of @bytes from memory model @i of the driver's device @path. 0 or -EINTR. */
int zc_probe_device(struct zcdma_ctx *ctx, const char *path, unsigned i, size_t bytes,
		    struct zcdma_probe *p);

#endif
