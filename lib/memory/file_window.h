/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of a file in memory: mapped, or read where a file that is cut short must not raise SIGBUS. */
#ifndef ZCDMA_MEMORY_FILE_WINDOW_H
#define ZCDMA_MEMORY_FILE_WINDOW_H

#include "internal.h"

struct zc_window {
	void *start; /* NULL: none */
	size_t size;
};

/*
 * Map, or read into memory that may be there from an earlier time, @len bytes of @fd at @offset.
 * Sets *@data to the first of them. 0 or a negative errno; -EIO: the file ended.
 */
int zc_window_map(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data);
int zc_window_read(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data);

/* Unmap; one that is not there is fine. */
void zc_window_close(struct zc_window *w);

#endif
