/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks that are sent whole. What a call took is at the sink, but where the path writes later: there a block counts, and
 * is in the manifest, once it and all before it are written.
 */
#ifndef ZCDMA_PATH_SENT_H
#define ZCDMA_PATH_SENT_H

#include "path/path.h"

/*
 * Note that the block of @e and the zeros before it are sent whole, at @now_ns. Its data has to be there. Returns 0, or
 * a negative errno, of the manifest or -ENOMEM, with the error message set.
 */
int zc_sent_add(struct zcdma_path *path, struct zc_lent_block *e, uint64_t now_ns);

/* A path that writes later has written everything before @end: count it, zeros in gaps by themselves. */
void zc_sent_written(struct zcdma_path *path, uint64_t end);

/* Count those that are written by now. Returns 0, or an error of the manifest, after which no more is added to that. */
int zc_sent_count(struct zcdma_path *path);

/* Note that the block of @e is free since @now_ns, which is its latency if it counts. */
void zc_sent_free(struct zcdma_path *path, const struct zc_lent_block *e, uint64_t now_ns);

/* Free those that do not count. */
void zc_sent_close(struct zcdma_path *path);

#endif
