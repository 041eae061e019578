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
 * Map @len bytes of @fd at @offset, or read them into memory that is kept from one call to the next. Sets *@data to
 * the first of them. Return 0, -EIO if the file ended, or another negative errno.
 */
int zc_window_map(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data);
int zc_window_read(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data);

/* Unmap the window, if it is mapped, or free its memory. */
void zc_window_close(struct zc_window *w);

#endif
