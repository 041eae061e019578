/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* O_DIRECT: whether the file system does what it is asked for. */
#ifndef ZCDMA_UTIL_DIRECT_IO_H
#define ZCDMA_UTIL_DIRECT_IO_H

/*
 * Look whether the file system of @fd takes O_DIRECT and copies all the same: then the alignment that it wants is 0
 * (statx(2)). Returns 1 if it does, 0 if it does not, or -1 if that is unknown.
 */
int zc_direct_copies(int fd);

#endif
