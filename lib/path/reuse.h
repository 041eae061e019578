/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes on with the blocks that a path has. */
#ifndef ZCDMA_PATH_REUSE_H
#define ZCDMA_PATH_REUSE_H

#include "path/path.h"

/* Send what is queued. Returns 0 when all of it is sent, -EAGAIN, or the error that broke the path off. */
int zc_reuse_push(struct zcdma_path *path);

/* Give back the blocks whose pages the path has proved to be free. */
void zc_reuse_reap(struct zcdma_path *path);

#endif
