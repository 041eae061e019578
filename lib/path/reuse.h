/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes on with the blocks that a path has. */
#ifndef ZCDMA_PATH_REUSE_H
#define ZCDMA_PATH_REUSE_H

#include "path/path.h"

/* Send what is queued. Returns 0 when all of it is sent, -EAGAIN, or the error that broke the path off. */
int zc_reuse_push(struct zcdma_path *path);

/* Returns whether the path keeps back what is queued, until more is or until the library is about to wait. */
bool zc_reuse_holds(const struct zcdma_path *path);

/*
 * Give up the blocks that are in flight on a connection that broke: it is unknown when their pages are free. With @first,
 * a part of the first block of the queue is in flight, too: it is given up once it is sent anew, which only reads it.
 */
void zc_reuse_forget(struct zcdma_path *path, bool first);

/* Give back the blocks of the queue, of which nothing is sent from here on, unless a part of one may be in flight. */
void zc_reuse_unqueue(struct zcdma_path *path);

/* Give back the blocks whose pages the path has proved to be free. */
void zc_reuse_reap(struct zcdma_path *path);

#endif
