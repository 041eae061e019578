/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory a process may have. */
#ifndef ZCDMA_MEMORY_LIMIT_H
#define ZCDMA_MEMORY_LIMIT_H

#include <stdint.h>

/*
 * Find the smallest memory.max, in bytes, of the cgroup @group ("/a/b") and of those above it in @root, a folder
 * with the hierarchy of cgroup v2. Returns UINT64_MAX if none of them limits it.
 */
uint64_t zc_cgroup_memory_max(const char *root, const char *group);

/* Returns the bytes of this machine's memory, or what the memory cgroups of this process leave of it. */
uint64_t zc_memory_limit(void);

#endif
