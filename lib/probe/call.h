/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers that exist only after a call: those of V4L2, ALSA and DRM, of the dma-buf heaps, of /dev/udmabuf, and a dma-buf
 * that was passed.
 */
#ifndef ZCDMA_PROBE_CALL_H
#define ZCDMA_PROBE_CALL_H

#include "probe/probe.h"

/*
 * Returns whether @name is of those: "heap:NAME", "dmabuf:FD", "udmabuf", or the path of one of these, or of a V4L2,
 * ALSA or DRM device.
 */
bool zc_probe_needs_call(const char *name);

/* Make the call for @bytes, or for as many as the driver gives, and probe the mapping. Returns 0, or -EINTR. */
int zc_probe_call(struct zcdma_ctx *ctx, const char *name, size_t bytes, unsigned flags,
		  struct zcdma_probe *p);

/*
 * What the calls are made of.
 */

size_t zc_probe_whole_pages(size_t bytes);

/* Map @bytes of @fd, for the probe to try. Returns 0, or a negative errno with the reason in @p. */
int zc_probe_map(struct zc_mapping *m, struct zcdma_probe *p, int fd, off_t offset, size_t bytes,
		 bool writable);

/* Have device @name make a buffer, and map up to @bytes of it. Returns 0, or a negative errno with the reason in @p. */
int zc_probe_call_alsa(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		       struct zc_mapping *m, struct zcdma_probe *p);
int zc_probe_call_drm(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		      struct zc_mapping *m, struct zcdma_probe *p);

#endif
