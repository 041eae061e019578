/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files without a name, to write to and throw away. */
#ifndef ZCDMA_PROBE_SCRATCH_H
#define ZCDMA_PROBE_SCRATCH_H

/*
 * Open a file without a name for reading and writing, with @flags of open() added, in the first folder of
 * $TMPDIR, /var/tmp, /tmp and the current one that permits it and for whose file @check returns 0. Returns the
 * file, or the negative errno of the last folder.
 */
int zc_scratch_open(int flags, int (*check)(int fd));

#endif
