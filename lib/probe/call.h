/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers that exist only after a call: those of V4L2, of the dma-buf heaps, of /dev/udmabuf, and a dma-buf that was passed. */
#ifndef ZCDMA_PROBE_CALL_H
#define ZCDMA_PROBE_CALL_H

#include "probe/probe.h"

/* Returns whether @name is of those: "heap:NAME", "dmabuf:FD", "udmabuf", or the path of a V4L2 device. */
bool zc_probe_needs_call(const char *name);

/* Make the call for @bytes, or for as many as the driver gives, and probe the mapping. Returns 0, or -EINTR. */
int zc_probe_call(struct zcdma_ctx *ctx, const char *name, size_t bytes, unsigned flags,
		  struct zcdma_probe *p);

#endif
