/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files without a name, to write to and throw away. */
#ifndef ZCDMA_PROBE_SCRATCH_H
#define ZCDMA_PROBE_SCRATCH_H

#include <stdbool.h>

/*
 * Open a file without a name for reading and writing, with @flags of open() added, in the first folder of
 * $TMPDIR, /var/tmp, /tmp and the current one that permits it and whose file satisfies @fits (NULL: any
 * file does). Returns the file, or a negative errno.
 */
int zc_scratch_open(int flags, bool (*fits)(int fd));

#endif
