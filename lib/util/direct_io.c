// SPDX-License-Identifier: LGPL-2.1-or-later
/* O_DIRECT: whether the file system does what it is asked for. */
#include "util/direct_io.h"

#include <fcntl.h>
#include <sys/stat.h>

int zc_direct_copies(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx st;

	if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) && st.stx_mask & STATX_DIOALIGN)
		return !st.stx_dio_mem_align;
#endif
	(void)fd;
	return -1;
}
