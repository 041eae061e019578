/* SPDX-License-Identifier: GPL-2.0-only */
/* How much memory the VM has, to see what was not given back, and how much a test may have. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct memory {
	/* Pages: free, on a list of a processor's, or kept by the kernel for vmalloc(), where it says so. */
	long free;
	long slab; /* KiB */
	/*
	 * Pages that the module has allocated and not freed, but for those of slabs; -1 where the
	 * kernel does not say (CONFIG_PAGE_OWNER, since 6.9).
	 */
	long module;
};

struct memory memory_now(void);

/*
 * Wait until memory is as before, but for @pages and @slab KiB. It takes a while: what is freed after a grace
 * period, or by another thread, is under way. Where the kernel knows which pages are the module's,
 * these are exactly as many; and there is room for what such a kernel allocates for its checks.
 */
bool memory_comes_back(const struct memory *before, long pages, long slab);

/* The same, which must be. */
void expect_memory_back(const struct memory *before, long pages, long slab);

/* Return the number that follows @name in a line of a file. */
long memory_number(const char *path, const char *name);

/* Limit the memory that rings of this process, which is root's, may have. Its children inherit the limit. */
void memory_limit(size_t bytes);

/* Write a setting of the kernel's. */
void memory_write(const char *path, const char *text);

#endif /* MEMORY_H */
