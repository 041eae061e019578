/* SPDX-License-Identifier: GPL-2.0-only */
/* What a child inherits of a mapping. */
#ifndef INHERIT_H
#define INHERIT_H

#include <stddef.h>

/* Undo by madvise() what MADV_DONTFORK does, as libraries for RDMA do, or skip the test where the kernel refuses. */
void inherit(void *map, size_t bytes);

/* Undo by madvise() all that keeps a mapping from a child, likewise. */
void inherit_all(void *map, size_t bytes);

#endif /* INHERIT_H */
