/* SPDX-License-Identifier: GPL-2.0-only */
/* What a child inherits of a mapping. */
#ifndef INHERIT_H
#define INHERIT_H

#include <stddef.h>

/* Undo by madvise() all that keeps a mapping from a child, or skip the test where the kernel refuses. */
void inherit_all(void *map, size_t bytes);

#endif /* INHERIT_H */
