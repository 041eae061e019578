/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods of sending from a mapping. */
#ifndef ZCDMA_PROBE_METHODS_H
#define ZCDMA_PROBE_METHODS_H

#include <zcdma.h>
#include <zcdma/probe.h>

/* Returns whether the method reads the bytes; the others only pin their pages. */
bool zc_method_reads(enum zcdma_method method);

/*
 * Try a method on all @len bytes at @addr, which need not be readable, and set *@res. What it sends is
 * thrown away on this machine. @pin_only: leave the method untried if it might read the bytes although
 * their pages cannot be pinned. Returns 0, or -EINTR.
 */
int zc_method_try(struct zcdma_ctx *ctx, enum zcdma_method method, const void *addr, size_t len,
		  bool pin_only, struct zcdma_method_result *res);

#endif
