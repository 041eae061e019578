/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Probing a mapping, whatever it is of. */
#ifndef ZCDMA_PROBE_PROBE_H
#define ZCDMA_PROBE_PROBE_H

#include "probe/mapping.h"

/* Record in @p why nothing is mapped, unless an earlier reason is recorded. Returns -@err. */
int zc_probe_absent(struct zcdma_probe *p, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Look the mapping up in smaps: sets @m->vma, and the flags in @p. */
void zc_probe_look_up(struct zc_mapping *m, struct zcdma_probe *p);

/*
 * Try every method on the mapping, which was looked up, and explain what fails. @flags: enum zcdma_probe_flags.
 * Returns 0, or -EINTR.
 */
int zc_probe_try(struct zcdma_ctx *ctx, const struct zc_mapping *m, unsigned flags,
		 struct zcdma_probe *p);

/* Unmap what this process mapped. */
void zc_probe_unmap(const struct zc_mapping *m);

/* Probe a block of @bytes from memory model @i of the driver's device @path. Returns 0, or -EINTR. */
int zc_probe_device(struct zcdma_ctx *ctx, const char *path, unsigned i, size_t bytes,
		    struct zcdma_probe *p);

#endif
